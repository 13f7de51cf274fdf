// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { encode } from '@ipld/dag-cbor'
import { CID } from 'multiformats/cid'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  type Delegation,
  issueNotice,
  judgeNotice,
  type Notice,
  type RevocationLimits,
  RevocationStore,
  TokenReader,
} from '../../src/access/access.ts'
import { NOTICE_BYTES_MAX } from '../../src/access/limits.ts'
import type { PeerId } from '../../src/base/base.ts'
import type { NodeIdentity } from '../../src/identity/identity.ts'
import type { Database } from '../../src/store/store.ts'
import {
  ana,
  bela,
  carla,
  codeOf,
  grant,
  mallory,
  mustHold,
  NOW,
  node,
  openAccessDatabase,
  requestBytes,
} from './access-support.ts'

const nonce = Uint8Array.of(1, 2, 3)
const nodeToAna = grant(node, ana, { expires: NOW + 10 })
const anaToBela = grant(ana, bela, { expires: NOW + 20 })
const belaToCarla = grant(bela, carla, { expires: NOW + 30 })
const path = [nodeToAna, anaToBela, belaToCarla]

const judge = (bytes: Uint8Array) => codeOf(judgeNotice(bytes, new TokenReader()))

function notice(revoker: NodeIdentity, revoked: readonly Delegation[]): Notice {
  return mustHold(judgeNotice(issueNotice(revoker, revoked, nonce), new TokenReader()))
}

function noticeBytes(revocation: Uint8Array, links: readonly Delegation[]): Uint8Array {
  return encode([revocation, links.map(({ bytes }) => bytes)])
}

function revocationOf(
  revoker: NodeIdentity,
  cid: string,
  more: Parameters<typeof requestBytes>[2] = {},
): Uint8Array {
  return requestBytes(revoker, [], {
    subject: revoker.peerId,
    command: '/ucan/revoke',
    args: { revoke: CID.parse(cid) },
    expires: null,
    ...more,
  })
}

describe('a notice', () => {
  it.each([
    ['the subject', node],
    ['somebody above', ana],
    ['its issuer', bela],
  ])('by %s is taken', (_who, revoker) => {
    expect(notice(revoker, path)).toMatchObject({
      delegation: belaToCarla.cid,
      revoker: revoker.peerId,
      subject: node.peerId,
      // The delegation's own end, not the chain's, which is sooner.
      expires: NOW + 30,
    })
  })

  it.each([
    ['its holder', carla],
    ['somebody else', mallory],
  ])('by %s is not', (_who, revoker) => {
    expect(judge(issueNotice(revoker, path, nonce))).toBe('REVOKER_WRONG')
  })

  it('by somebody below is not', () => {
    expect(judge(issueNotice(bela, [nodeToAna, anaToBela], nonce))).toBe('REVOKER_WRONG')
  })

  it('needs the whole chain, from the subject down', () => {
    const revocation = revocationOf(ana, belaToCarla.cid)
    expect(judge(noticeBytes(revocation, path))).toBe('ok')
    expect(judge(noticeBytes(revocation, []))).toBe('PROOF_MISSING')
    expect(judge(noticeBytes(revocation, path.slice(0, 2)))).toBe('PROOF_MISSING')
    expect(judge(noticeBytes(revocation, path.slice(1)))).toBe('ROOT_WRONG')
    expect(judge(noticeBytes(revocation, [nodeToAna, belaToCarla]))).toBe('CHAIN_BROKEN')
    const foreign = grant(bela, carla, { subject: mallory.peerId })
    const mixed = [nodeToAna, anaToBela, foreign]
    expect(judge(noticeBytes(revocationOf(ana, foreign.cid), mixed))).toBe('SUBJECT_WRONG')
  })

  it('needs a revocation that is one', () => {
    const cid = belaToCarla.cid
    const refuse = (revocation: Uint8Array) => judge(noticeBytes(revocation, path))
    expect(refuse(revocationOf(ana, cid, { command: '/content/add' }))).toBe('TOKEN_MALFORMED')
    expect(refuse(revocationOf(ana, cid, { expires: NOW }))).toBe('TOKEN_MALFORMED')
    expect(refuse(revocationOf(ana, cid, { subject: node.peerId }))).toBe('TOKEN_MALFORMED')
    expect(refuse(revocationOf(ana, cid, { args: { revoke: cid } }))).toBe('TOKEN_MALFORMED')
    expect(refuse(revocationOf(ana, cid, { args: {} }))).toBe('TOKEN_MALFORMED')
    expect(refuse(nodeToAna.bytes)).toBe('TOKEN_MALFORMED')
  })

  it('must be signed, all of it', () => {
    const bytes = issueNotice(ana, path, nonce)
    const codes = new Set<string>()
    for (let at = 0; at < bytes.length; at += 7) {
      const changed = Uint8Array.from(bytes)
      changed[at] = (changed[at] ?? 0) ^ 0x01
      codes.add(judge(changed))
    }
    expect(codes).not.toContain('ok')
  })

  it('has bounds', () => {
    expect(judge(new Uint8Array(NOTICE_BYTES_MAX + 1))).toBe('TOKEN_TOO_LARGE')
    const links = Array.from({ length: 9 }, () => nodeToAna)
    expect(judge(noticeBytes(revocationOf(node, nodeToAna.cid), links))).toBe('CHAIN_TOO_LONG')
    expect(judge(encode([1, 2]))).toBe('TOKEN_MALFORMED')
    expect(judge(encode([new Uint8Array(), ['text']]))).toBe('TOKEN_MALFORMED')
    expect(judge(encode({}))).toBe('TOKEN_MALFORMED')
  })
})

describe('the store of revocations', () => {
  let folder = ''
  let database: Database | undefined
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'citynode-access-'))
  })
  afterEach(async () => {
    database?.close()
    await rm(folder, { recursive: true })
  })

  async function open(
    limits: Partial<RevocationLimits> = {},
    ours: readonly PeerId[] = [node.peerId],
  ): Promise<RevocationStore> {
    database?.close()
    database = await openAccessDatabase(join(folder, 'node.db'))
    return new RevocationStore(database, { isOurs: (subject) => ours.includes(subject), limits })
  }

  /** Grants by Ana, each taken back by her. */
  const byAna = (count: number, subject = node) =>
    Array.from({ length: count }, () =>
      notice(ana, [
        grant(subject, ana, { subject: subject.peerId }),
        grant(ana, bela, { subject: subject.peerId }),
      ]),
    )

  it('knows who took back what, after a restart too', async () => {
    const store = await open()
    expect(store.keep(notice(ana, path))).toBe('new')
    expect(store.keep(notice(ana, path))).toBe('known')
    expect(store.keep(notice(node, path))).toBe('new')
    store.sync()
    const again = await open()
    expect([...again.revokersOf(belaToCarla.cid)].sort()).toEqual([ana.peerId, node.peerId].sort())
    expect([...again.revokersOf(anaToBela.cid)]).toEqual([])
    expect(again.size).toBe(2)
    expect(again.keep(notice(ana, path))).toBe('known')
  })

  it('forgets only what would have ended by itself', async () => {
    const store = await open()
    const endless = [grant(node, ana, { expires: null })]
    store.keep(notice(ana, path))
    store.keep(notice(node, endless))
    expect(store.forgetEnded(NOW + 30)).toBe(0)
    expect(store.forgetEnded(NOW + 31)).toBe(1)
    expect([...store.revokersOf(belaToCarla.cid)]).toEqual([])
    expect(store.forgetEnded(Number.MAX_SAFE_INTEGER)).toBe(0)
    expect(store.size).toBe(1)
  })

  it('is not made to forget by a chain that ends sooner', async () => {
    // Ana's phone may act for her everywhere. A thief wraps her revocation of that in a grant of his
    // own to her, which is about to end.
    const store = await open()
    const phone = grant(ana, bela, { subject: null, expires: null })
    const bait = grant(mallory, ana, { subject: mallory.peerId, expires: NOW })
    expect(store.keep(notice(ana, [bait, phone]))).toBe('new')
    expect(store.forgetEnded(NOW + 1)).toBe(0)
    expect([...store.revokersOf(phone.cid)]).toEqual([ana.peerId])
    // And what came first in his wrapping counts as ours once it comes in our own.
    expect(store.keep(notice(ana, [nodeToAna, phone]))).toBe('new')
    expect(store.keep(notice(ana, [bait, phone]))).toBe('known')
    expect(store.size).toBe(1)
  })

  it('mutes who takes back too much, and keeps what was taken back', async () => {
    const notices = byAna(3)
    const store = await open({ perRevoker: 2 })
    expect(notices.map((one) => store.keep(one))).toEqual(['new', 'new', 'muted'])
    expect(store.isMuted(ana.peerId)).toBe(true)
    expect([...store.revokersOf(notices[0]?.delegation ?? '')]).toEqual([ana.peerId])
    const again = await open({ perRevoker: 2 })
    expect(again.isMuted(ana.peerId)).toBe(true)
    expect(again.keep(notice(ana, path))).toBe('muted')
    // Others go on.
    expect(again.keep(notice(bela, path))).toBe('new')
    expect(again.isMuted(bela.peerId)).toBe(false)
  })

  it('mutes when it is full, and trusts only the subject when even that is too much', async () => {
    const store = await open({ ours: 1, muted: 1 })
    expect(store.keep(notice(bela, path))).toBe('new')
    expect(store.isOverflowing).toBe(false)
    expect(store.keep(notice(ana, path))).toBe('muted')
    expect(store.isOverflowing).toBe(true)
  })

  it('always has room for the subject, until it says that it has none', async () => {
    const store = await open({ ours: 2, perRevoker: 1 })
    const own = () => notice(node, [grant(node, ana)])
    expect([store.keep(own()), store.keep(own())]).toEqual(['new', 'new'])
    expect(() => store.keep(own())).toThrowError(
      expect.objectContaining({ code: 'ACCESS_REVOCATIONS_FULL' }),
    )
    expect(store.isMuted(node.peerId)).toBe(false)
  })

  it('keeps some of what counts elsewhere, never in place of what counts here', async () => {
    const store = await open({ relayed: 3, relayedPerSubject: 2, ours: 1 })
    expect(byAna(3, mallory).map((one) => store.keep(one))).toEqual(['new', 'new', 'full'])
    expect(byAna(2, carla).map((one) => store.keep(one))).toEqual(['new', 'full'])
    expect(store.isMuted(ana.peerId)).toBe(false)
    expect(store.keep(notice(ana, path))).toBe('new')
  })
})
