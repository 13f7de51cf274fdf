// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Signed requests on the LAN, as somebody with a permission sends them, and as everybody else would
 * like to: each way to misuse one is refused, by a code that says why.
 */
import { createHash } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  type Giving,
  issueDelegation,
  type RequestToSign,
  signRequest,
  TokenReader,
} from '../../src/access/access.ts'
import { REFUSED_REQUESTS_AT_ONCE_MAX } from '../../src/api/limits.ts'
import { VirtualClock } from '../../src/base/base.ts'
import { nonceSchema, problemSchema } from '../../src/contract/contract.ts'
import type { NodeIdentity } from '../../src/identity/identity.ts'
import type { Database } from '../../src/store/store.ts'
import { SystemRandom } from '../../src/system/system.ts'
import { ana, bela, carla, mallory, node as owner } from '../unit/access-support.ts'
import { openAccess } from './access-node.ts'
import { ask, FakeNode, makeFolder, type RawReply } from './api-fake-node.ts'

const random = new SystemRandom()
const HOUR_S = 3_600

let removeFolder: () => Promise<void>
let database: Database
let clock: VirtualClock
let access: Giving
let node: FakeNode

beforeEach(async () => {
  const made = await makeFolder()
  removeFolder = made.remove
  clock = new VirtualClock(Date.UTC(2026, 10, 24))
  const opened = await openAccess(clock)
  access = opened.access
  database = opened.database
  node = new FakeNode(made.folder, opened)
  await node.server.start(new AbortController().signal)
})

afterEach(async () => {
  await node.server.stop()
  database.close()
  await removeFolder()
})

function nowS(): number {
  return Math.floor(clock.wallMs() / 1000)
}

/** What the owner gives to `holder`, and what is signed with it. */
function give(holder: NodeIdentity, command: string, more: { bytesMax?: number } = {}) {
  const { did } = holder
  const expires = nowS() + HOUR_S
  const { bytesMax = null } = more
  return access.give({ holder: did, command, name: '', expires, bytesMax })
}

interface Sending {
  who: NodeIdentity
  proofs: readonly { cid: string; token: Uint8Array }[]
  method: string
  path: string
  body?: string
  command: `/${string}`
  /** What is signed and not what is sent. */
  signs?: Partial<RequestToSign>
}

interface Signed {
  method: string
  path: string
  body: string | undefined
  headers: Record<string, string>
}

/** A signed request, ready to be sent, by anybody who sees it. */
async function sign({
  who,
  proofs,
  method,
  path,
  body = '',
  command,
  signs,
}: Sending): Promise<Signed> {
  const asked = await ask({ port: node.server.lanPort }, 'GET', '/v1/nonce')
  const { nonce, endsAt } = nonceSchema.parse(JSON.parse(asked.text))
  const contentType = body === '' ? '' : 'text/plain'
  const token = signRequest(who, {
    node: owner.peerId,
    command,
    method,
    target: path,
    contentType,
    body: {
      sizeBytes: Buffer.byteLength(body),
      sha256: createHash('sha256').update(body).digest(),
    },
    proofs: proofs.map(({ cid }) => cid),
    nodeNonce: Buffer.from(nonce, 'base64url'),
    expires: endsAt,
    chance: random.bytes(12),
    ...signs,
  })
  return {
    method,
    path,
    body: body === '' ? undefined : body,
    headers: {
      authorization: `UCAN ${Buffer.from(token).toString('base64url')}`,
      ucans: proofs.map((one) => Buffer.from(one.token).toString('base64url')).join(','),
      ...(contentType === '' ? {} : { 'content-type': contentType }),
    },
  }
}

function send({ method, path, body, headers }: Signed): Promise<RawReply> {
  const where = { port: node.server.lanPort }
  return ask(where, method, path, { headers, ...(body === undefined ? {} : { body }) })
}

/** `200`, or the code of the refusal, which must have words and advice. */
async function outcome(signed: Signed | Promise<Signed>): Promise<string> {
  const reply = await send(await signed)
  if (reply.status === 200) return '200'
  const { code, detail, advice, status } = problemSchema.parse(JSON.parse(reply.text))
  expect(detail).toMatch(/^[A-Z].+\.$/)
  expect(advice).toMatch(/^[A-Z].+[.a-z]$/)
  expect(status).toBe(reply.status)
  return code
}

const ADD = {
  method: 'POST',
  path: '/v1/items?name=letter',
  body: 'dear all',
  command: '/content/add',
} as const
const LIST = { method: 'GET', path: '/v1/items', command: '/content/list' } as const

describe('who was given something', () => {
  it('can do it from another machine, and nothing else', async () => {
    const proofs = [give(ana, '/content/add')]
    expect(await outcome(sign({ who: ana, proofs, ...ADD }))).toBe('200')
    expect(node.items.list().map(({ name }) => name)).toEqual(['letter'])
    const list = { who: ana, proofs, ...LIST }
    expect(await outcome(sign(list))).toBe('ACCESS_COMMAND_NOT_COVERED')
    expect(await outcome(sign({ ...list, command: '/content/add' }))).toBe(
      'ACCESS_COMMAND_NOT_COVERED',
    )
  })

  it('sees what the owner sees, with a permission for that', async () => {
    node.items.put('diary', Buffer.from('dear diary'), 'private')
    const reply = await send(await sign({ who: ana, proofs: [give(ana, '/content')], ...LIST }))
    expect(JSON.parse(reply.text).items).toMatchObject([{ name: 'diary' }])
  })

  it('can pass on a part of it without asking anybody', async () => {
    const given = give(ana, '/content')
    const passOn = (command: `/${string}`, to: NodeIdentity) => {
      const nonce = random.bytes(12)
      const grant = { audience: to.peerId, subject: owner.peerId, expires: null, command, nonce }
      const token = issueDelegation(ana, grant)
      const read = new TokenReader().readDelegation(token)
      return { cid: read.ok ? read.value.cid : '', token }
    }
    const part = passOn('/content/add', bela)
    expect(await outcome(sign({ who: bela, proofs: [given, part], ...ADD }))).toBe('200')
    expect(await outcome(sign({ who: bela, proofs: [given, part], ...LIST }))).toBe(
      'ACCESS_COMMAND_NOT_COVERED',
    )
    // More than ana has.
    const tooWide = passOn('/', bela)
    const remove = { method: 'GET', path: '/v1/config', command: '/node/read/settings' } as const
    expect(await outcome(sign({ who: bela, proofs: [given, tooWide], ...remove }))).toBe(
      'ACCESS_COMMAND_NOT_COVERED',
    )
    // Round in a circle.
    const circle = passOn('/content', ana)
    expect(await outcome(sign({ who: bela, proofs: [given, circle, part], ...ADD }))).toBe(
      'ACCESS_CHAIN_CYCLIC',
    )
    // The other way round.
    expect(await outcome(sign({ who: bela, proofs: [part, given], ...ADD }))).toBe(
      'ACCESS_CHAIN_BROKEN',
    )
  })

  it('need not send the permission each time', async () => {
    const proofs = [give(ana, '/content/add')]
    expect(await outcome(sign({ who: ana, proofs, ...ADD }))).toBe('200')
    const signed = await sign({ who: ana, proofs, ...ADD })
    const { ucans: _, ...headers } = signed.headers
    expect(await outcome({ ...signed, headers })).toBe('200')
  })

  it('sends no more than it was allowed to', async () => {
    const proofs = [give(ana, '/content/add', { bytesMax: 8 })]
    expect(await outcome(sign({ who: ana, proofs, ...ADD }))).toBe('200')
    expect(await outcome(sign({ who: ana, proofs, ...ADD, body: 'dear all!' }))).toBe(
      'ACCESS_POLICY_REFUSES',
    )
    const lies = { sizeBytes: 8, sha256: new Uint8Array(32) }
    const long = sign({
      who: ana,
      proofs,
      ...ADD,
      body: 'dear all, and all the others',
      signs: { body: lies },
    })
    expect(await outcome(long)).toBe('ACCESS_BODY_OTHER')
  })
})

describe('a signed request is refused', () => {
  let proofs: ReturnType<typeof give>[]
  beforeEach(() => {
    proofs = [give(ana, '/content')]
  })

  it('when somebody sniffed it and sends it again', async () => {
    const signed = await sign({ who: ana, proofs, ...ADD })
    expect(await outcome(signed)).toBe('200')
    expect(await outcome(signed)).toBe('ACCESS_REPLAYED')
  })

  it('when it comes at another path, by another method, or as something else', async () => {
    const signed = await sign({ who: ana, proofs, ...ADD })
    expect(await outcome({ ...signed, path: '/v1/items?name=letter&visibility=public' })).toBe(
      'ACCESS_REQUEST_OTHER',
    )
    const type = { 'content-type': 'application/x-tar' }
    expect(await outcome({ ...signed, headers: { ...signed.headers, ...type } })).toBe(
      'ACCESS_REQUEST_OTHER',
    )
    const looks = await sign({ who: ana, proofs, ...LIST, path: '/v1/transfers' })
    expect(await outcome({ ...looks, path: '/v1/items' })).toBe('ACCESS_REQUEST_OTHER')
    const item = node.items.put('diary', Buffer.from('dear diary'), 'private')
    const path = `/v1/items/${item.cid}`
    const remove = await sign({ who: ana, proofs, method: 'GET', path, command: '/content/list' })
    expect(await outcome({ ...remove, method: 'DELETE' })).toBe('ACCESS_COMMAND_NOT_COVERED')
    // HEAD needs what GET needs, so nothing but the signature tells them apart.
    const head = await sign({ who: ana, proofs, ...LIST })
    expect((await send({ ...head, method: 'HEAD' })).status).toBe(403)
    expect(await outcome(head)).toBe('200')
    expect(node.items.list()).toHaveLength(1)
  })

  it('when another body comes, and then nothing of it is kept', async () => {
    for (const body of ['Dear all', 'dear all and more', 'dear']) {
      const signed = await sign({ who: ana, proofs, ...ADD })
      expect(await outcome({ ...signed, body })).toBe('ACCESS_BODY_OTHER')
    }
    const nothing = await sign({ who: ana, proofs, ...ADD })
    expect(await outcome({ ...nothing, body: undefined })).toBe('ACCESS_BODY_OTHER')
    const block = { method: 'POST', path: '/v1/publications', command: '/content/publish' } as const
    const json = await sign({ who: ana, proofs, ...block, body: '{"cid":"x"}' })
    expect(await outcome({ ...json, body: '{"cid":"y"}' })).toBe('ACCESS_BODY_OTHER')
    expect(node.items.list()).toEqual([])
    expect(node.items.addsAborted).toBe(4)
  })

  it('when a body was signed where none belongs', async () => {
    expect(
      await outcome(
        sign({
          who: ana,
          proofs,
          ...LIST,
          signs: { body: { sizeBytes: 1, sha256: new Uint8Array(32) } },
        }),
      ),
    ).toBe('ACCESS_BODY_OTHER')
  })

  it('when it was made for another node', async () => {
    expect(await outcome(sign({ who: ana, proofs, ...ADD, signs: { node: bela.peerId } }))).toBe(
      'ACCESS_AUDIENCE_WRONG',
    )
  })

  it('by whom nothing was given to, whatever they bring', async () => {
    expect(await outcome(sign({ who: mallory, proofs, ...ADD }))).toBe('ACCESS_HOLDER_WRONG')
    expect(await outcome(sign({ who: mallory, proofs: [], ...ADD }))).toBe('ACCESS_ROOT_WRONG')
    const signed = await sign({ who: ana, proofs, ...ADD })
    const middle = signed.headers['authorization']?.replace(/.(?=.{200}$)/, (at) =>
      at === 'A' ? 'B' : 'A',
    )
    const bent = { ...signed, headers: { ...signed.headers, authorization: middle ?? '' } }
    expect(await outcome(bent)).toMatch(/^ACCESS_(SIGNATURE_WRONG|TOKEN_|KEY_)/)
  })

  it('when its nonce is of another time, or of nowhere', async () => {
    const made = await sign({ who: ana, proofs, ...ADD })
    clock.advance(600_000)
    expect(await outcome(made)).toMatch(/^ACCESS_(EXPIRED|NONCE_STALE)$/)
    const endless = await sign({ who: ana, proofs, ...ADD, signs: { expires: nowS() + 590 + 600 } })
    expect(await outcome(endless)).toBe('ACCESS_LIFE_TOO_LONG')
    const old = await sign({ who: ana, proofs, ...ADD, signs: { expires: nowS() + 600 } })
    clock.advance(600_000)
    expect(await outcome(old)).toBe('ACCESS_NONCE_STALE')
    const made2 = sign({ who: ana, proofs, ...ADD, signs: { nodeNonce: new Uint8Array(16) } })
    expect(await outcome(made2)).toBe('ACCESS_NONCE_STALE')
  })

  it('when the permission has ended', async () => {
    clock.advance((HOUR_S + 1) * 1000)
    expect(await outcome(sign({ who: ana, proofs, ...ADD }))).toBe('ACCESS_EXPIRED')
  })

  it('when the permission was taken back, at once and also further down', async () => {
    const [given] = proofs
    const ready = await sign({ who: ana, proofs, ...ADD })
    expect(access.takeBack(given?.cid ?? '').state).toBe('revoked')
    expect(await outcome(ready)).toBe('ACCESS_REVOKED')
  })

  it('without its proofs, with too many, and as nonsense', async () => {
    const fresh = give(carla, '/content/add')
    const signed = await sign({ who: carla, proofs: [{ ...fresh }], ...ADD })
    const change = (headers: Record<string, string>) => ({
      ...signed,
      headers: { ...signed.headers, ...headers },
    })
    expect(await outcome(change({ ucans: Array(9).fill(signed.headers['ucans']).join() }))).toBe(
      'ACCESS_CHAIN_TOO_LONG',
    )
    expect(await outcome(change({ authorization: 'UCAN' }))).toBe('ACCESS_TOKEN_MALFORMED')
    expect(await outcome(change({ authorization: 'UCAN a!b' }))).toBe('ACCESS_TOKEN_MALFORMED')
    expect(await outcome(change({ authorization: 'UCAN AAAA' }))).toMatch(/^ACCESS_TOKEN/)
    expect(await outcome(change({ authorization: `UCAN ${'A'.repeat(10_924)}` }))).toBe(
      'ACCESS_TOKEN_TOO_LARGE',
    )
  })

  it('where what is sent takes effect before it ends', async () => {
    const car = {
      method: 'POST',
      path: '/v1/imports?visibility=private',
      command: '/content/add',
    } as const
    expect(await outcome(sign({ who: ana, proofs, ...car, body: 'a car' }))).toBe(
      'ACCESS_NOT_SIGNABLE',
    )
  })

  it('and slowed down after many', async () => {
    const codes = new Set<string>()
    for (let at = 0; at <= REFUSED_REQUESTS_AT_ONCE_MAX; at++) {
      codes.add(await outcome(sign({ who: mallory, proofs, ...LIST })))
    }
    expect([...codes]).toEqual(['ACCESS_HOLDER_WRONG', 'ACCESS_REFUSED_OFTEN'])
  })
})
