// SPDX-License-Identifier: AGPL-3.0-or-later
/** Every route of both listeners: served as the table says, and never without asking the Guard. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { HttpServer } from '../../src/api/http-server.ts'
import { silentLogger } from '../../src/base/base.ts'
import { type Endpoint, endpoints, problemSchema } from '../../src/contract/contract.ts'
import type { Caller, Need, RequestGuard } from '../../src/net/net.ts'
import { LocalGuard } from '../support/local-guard.ts'
import { ask, cidOf, FakeNode, makeFolder } from './api-fake-node.ts'

const table: readonly (readonly [string, Endpoint])[] = Object.entries(endpoints)

const wanted = table.map(([, endpoint]) => endpoint)

function placeOf({ method, path }: Endpoint): string {
  return `${method} ${path}`
}

function pathOf({ path }: Endpoint): string {
  return path.replace(':cid', cidOf(Buffer.from('x')).toString()).replace(':id', '1')
}

let folder: string
let removeFolder: () => Promise<void>
let node: FakeNode | undefined

async function start(guard: RequestGuard): Promise<FakeNode> {
  node = new FakeNode(folder, { guard })
  await node.server.start(new AbortController().signal)
  return node
}

beforeEach(async () => {
  const made = await makeFolder()
  folder = made.folder
  removeFolder = made.remove
})

afterEach(async () => {
  await node?.server.stop()
  node = undefined
  await removeFolder()
})

const NOT_TODAY = { allowed: false, code: 'X', reason: 'Not today.', advice: 'Wait.' } as const

/** Notes down who asked for what, and allows as told. */
class AskingGuard implements RequestGuard {
  asked: { caller: Caller['kind']; need: Need }[] = []
  readonly #allows: (caller: Caller, need: Need) => boolean

  constructor(allows: (caller: Caller, need: Need) => boolean) {
    this.#allows = allows
  }

  check(caller: Caller, need: Need) {
    this.asked.push({ caller: caller.kind, need })
    return this.#allows(caller, need) ? ({ allowed: true } as const) : NOT_TODAY
  }

  checkRequest() {
    return NOT_TODAY
  }

  /** What was asked since the last time. */
  take(): { caller: Caller['kind']; need: Need }[] {
    return this.asked.splice(0)
  }
}

describe('the table', () => {
  it.each(table)('%s says what it needs', (_name, { needs }) => {
    expect(needs).toMatch(/^(public|(\/[a-z]+){2,3})$/)
  })

  it('is what both listeners serve, each of its endpoints once', async () => {
    const { server } = await start(new LocalGuard())
    const served = server.served()
    const names = (list: readonly Endpoint[]) => list.map((one) => `${placeOf(one)} ${one.needs}`)
    expect(names(served.socket).sort()).toEqual(names(wanted).sort())
    const onLan = wanted.filter(({ reach }) => reach === 'everywhere')
    expect(names(served.lan).sort()).toEqual(names(onLan).sort())
    expect(onLan.length).toBeLessThan(wanted.length)
  })

  it('cannot be gone around', () => {
    const server = new HttpServer(
      {
        listener: 'socket',
        guard: new LocalGuard(),
        log: silentLogger,
        admit: () => ({ kind: 'owner' }),
        refusedSigners: { note: () => true },
        stopping: new AbortController().signal,
      },
      {},
    )
    expect(() => server.app.get('/open', async () => 'come in')).toThrow(/what it needs/)
    server.serve(endpoints.config, async () => ({ config: {} }))
    expect(() => server.serve(endpoints.config, async () => ({ config: {} }))).toThrow(/once/)
  })
})

describe('every route', () => {
  it('asks the Guard, first for what is most demanding', async () => {
    const guard = new AskingGuard(() => false)
    const { socketPath, server } = await start(guard)
    for (const endpoint of wanted) {
      const needs = wanted.filter((one) => placeOf(one) === placeOf(endpoint)).map((o) => o.needs)
      const demanding = needs.filter((need) => need !== 'public')
      const inOrder = [...demanding, ...needs.filter((need) => need === 'public')]
      const owner = await ask({ socketPath }, endpoint.method, pathOf(endpoint))
      expect(owner.status, placeOf(endpoint)).toBe(403)
      expect(problemSchema.parse(JSON.parse(owner.text))).toMatchObject({
        code: 'NOT_ALLOWED',
        detail: 'Not today.',
      })
      expect(guard.take()).toEqual(inOrder.map((need) => ({ caller: 'owner', need })))
      if (endpoint.method !== 'GET' || endpoint.reach === 'socket') continue
      const stranger = await ask({ port: server.lanPort }, 'GET', pathOf(endpoint))
      expect(stranger.status, placeOf(endpoint)).toBe(401)
      expect(stranger.headers['www-authenticate']).toBe('Bearer')
      expect(JSON.parse(stranger.text)).toMatchObject({
        code: 'TOKEN_NEEDED',
        detail: 'Not today.',
        advice: expect.stringContaining('citynode link'),
      })
      expect(guard.take()).toEqual(inOrder.map((need) => ({ caller: 'anonymous', need })))
    }
  })

  it('answers a stranger with its public variant, and not at all where there is none', async () => {
    const guard = new AskingGuard((_caller, need) => need === 'public')
    const { server, items } = await start(guard)
    const item = items.put('x', Buffer.from('x'), 'private')
    for (const endpoint of wanted) {
      const isOpen = wanted.some((one) => {
        return placeOf(one) === placeOf(endpoint) && one.needs === 'public'
      })
      // Events have no end; their head is all that is asked about here.
      const method = endpoint.answer === 'events' ? 'HEAD' : endpoint.method
      const { status } = await ask({ port: server.lanPort }, method, pathOf(endpoint))
      if (endpoint.reach === 'socket') expect([404, 405], placeOf(endpoint)).toContain(status)
      else if (endpoint.method !== 'GET') expect(status, placeOf(endpoint)).toBe(405)
      else if (!isOpen) expect(status, placeOf(endpoint)).toBe(401)
      else expect([200, 404], placeOf(endpoint)).toContain(status)
    }
    expect(items.get(item.cid)).toEqual(item)
  })
})
