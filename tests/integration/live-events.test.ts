// SPDX-License-Identifier: AGPL-3.0-or-later
/** Events over real connections: the client of the contract, and a plain reader that stalls. */
import { connect, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  GUEST_LISTENERS_MAX,
  LISTENERS_PER_ADDRESS_MAX,
  OWNER_LISTENERS_MAX,
} from '../../src/api/live/limits.ts'
import { createUnixTransport } from '../../src/cli/unix-transport.ts'
import {
  type Client,
  createClient,
  fetchTransport,
  type NodeEvent,
  type PublicEvent,
} from '../../src/contract/contract.ts'
import { linkTo } from '../support/live.ts'
import { ask, cidOf, FAR_ID, FakeNode, makeFolder, NEIGHBOUR_ID } from './api-fake-node.ts'

let node: FakeNode
let owner: Client
let guest: Client
let removeFolder: () => Promise<void>
const open: Socket[] = []

beforeEach(async () => {
  const made = await makeFolder()
  removeFolder = made.remove
  node = new FakeNode(made.folder)
  await node.server.start(new AbortController().signal)
  const { socketPath, folder: dataFolder } = node
  owner = createClient(createUnixTransport({ socketPath, dataFolder }))
  guest = createClient(fetchTransport({ base: `http://127.0.0.1:${node.server.lanPort}` }))
})

afterEach(async () => {
  for (const socket of open.splice(0)) socket.destroy()
  await node.server.stop()
  await removeFolder()
})

/** The first event of this name; whoever waits for it in vain runs into the test's limit. */
async function next<Event extends NodeEvent | PublicEvent>(
  events: AsyncIterator<Event>,
  name: Event['event'],
): Promise<Event> {
  for (;;) {
    const { done, value } = await events.next()
    if (done === true) throw new Error(`the events ended before ${name}`)
    if (value.event === name) return value
  }
}

function put(name: string, visibility: 'private' | 'public'): void {
  const after = node.items.put(name, Buffer.from(name), visibility)
  node.live.itemEvents.announce('itemChanged', { before: undefined, after })
}

/** Opens a stream, and reads nothing but what the kernel takes. */
async function stall(path: string): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port: node.server.lanPort })
  open.push(socket)
  socket.on('error', () => {})
  socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`)
  await new Promise((resolve) => socket.once('readable', resolve))
  return socket
}

describe('events', () => {
  it('tell the owner and a guest at the same address what each may know', async () => {
    node.live.watched = [linkTo(NEIGHBOUR_ID, 'neighbour'), linkTo(FAR_ID, 'peer')]
    const owners = owner.events()[Symbol.asyncIterator]()
    const guests = guest.publicEvents()[Symbol.asyncIterator]()
    expect(await next(owners, 'status')).toHaveProperty('status.dataFolder')
    expect(await next(guests, 'status')).not.toHaveProperty('status.dataFolder')
    expect(await next(owners, 'links')).toMatchObject({ links: [{}, {}] })
    expect(await next(guests, 'links')).toMatchObject({ links: [{ kind: 'neighbour' }] })
    put('secret', 'private')
    put('leaflet', 'public')
    expect(await next(owners, 'items')).toMatchObject({
      changed: [{ name: 'secret' }, { name: 'leaflet' }],
    })
    expect(await next(guests, 'happening')).toMatchObject({ happening: { name: 'leaflet' } })
    expect(await next(guests, 'items')).toMatchObject({ changed: [{ name: 'leaflet' }] })
    await owners.return?.()
    await guests.return?.()
  })

  it('go on after a broken connection, from what was heard last', async () => {
    put('first', 'public')
    const first = guest.publicEvents({ since: 0 })[Symbol.asyncIterator]()
    await next(first, 'happening')
    const heard = await next(first, 'happening')
    await first.return?.()
    put('second', 'public')
    const id = heard.event === 'happening' ? heard.happening.id : 0
    const again = guest.publicEvents({ since: id })[Symbol.asyncIterator]()
    expect(await next(again, 'happening')).toMatchObject({ happening: { name: 'second' } })
    await again.return?.()
    // As browsers do it, which know no query of ours.
    const socket = connect({ host: '127.0.0.1', port: node.server.lanPort })
    open.push(socket)
    socket.write(`GET /v1/events HTTP/1.1\r\nHost: localhost\r\nLast-Event-ID: ${id}\r\n\r\n`)
    let text = ''
    for await (const chunk of socket) {
      text += String(chunk)
      if (text.includes('“second”')) break
    }
    expect(text).not.toContain('“first”')
    expect(text).toMatch(/content-type: text\/event-stream/i)
  })

  it('end with the node', async () => {
    const events = owner.events()[Symbol.asyncIterator]()
    await next(events, 'status')
    const ended = (async () => {
      while ((await events.next()).done !== true);
    })()
    await node.server.stop()
    await ended
    await node.server.start(new AbortController().signal)
  })

  it('answer to HEAD without a stream', async () => {
    const reply = await ask({ port: node.server.lanPort }, 'HEAD', '/v1/events', {
      headers: { host: 'localhost' },
    })
    expect([reply.status, reply.text]).toEqual([200, ''])
  })

  it('are for a bounded number of one address, and the owner is never shut out', async () => {
    expect(LISTENERS_PER_ADDRESS_MAX).toBeLessThan(GUEST_LISTENERS_MAX)
    for (let count = 0; count < LISTENERS_PER_ADDRESS_MAX; count++) await stall('/v1/events')
    const refused = guest.publicEvents()[Symbol.asyncIterator]()
    await expect(refused.next()).rejects.toMatchObject({ code: 'LISTENERS_FULL', status: 503 })
    const owners = Array.from({ length: OWNER_LISTENERS_MAX }, () =>
      owner.events()[Symbol.asyncIterator](),
    )
    for (const events of owners) await next(events, 'status')
    await expect(owner.events()[Symbol.asyncIterator]().next()).rejects.toMatchObject({
      code: 'LISTENERS_FULL',
    })
    // Who leaves makes room.
    await owners[0]?.return?.()
    await expect
      .poll(async () => {
        const events = owner.events()[Symbol.asyncIterator]()
        const first = await events.next().catch(() => undefined)
        await events.return?.()
        return first?.done
      })
      .toBe(false)
    for (const events of owners) await events.return?.()
  })

  it('cost the same for a reader that stalls, and nobody else waits for it', async () => {
    await stall('/v1/events')
    const quick = guest.publicEvents()[Symbol.asyncIterator]()
    await next(quick, 'status')
    const description = 'x'.repeat(4_000)
    const before = process.memoryUsage().arrayBuffers
    for (let number = 0; number < 20_000; number++) {
      node.live.watched = [linkTo(NEIGHBOUR_ID, 'neighbour', { name: description, rttMs: number })]
      node.live.step()
    }
    put('last', 'public')
    expect(await next(quick, 'items')).toMatchObject({ changed: [{ name: 'last' }] })
    // Twenty thousand times 4 KB went by; the one that stalls holds its buffer and one of each kind.
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(20_000_000)
    await quick.return?.()
  })
})

describe('transfers over the API', () => {
  it('are listed, with whom they came from, and can be stopped', async () => {
    const bytes = Buffer.alloc(1_000, 1)
    const cid = cidOf(bytes)
    node.items.elsewhere.set(cid.toString(), bytes)
    const events = owner.events()[Symbol.asyncIterator]()
    await next(events, 'status')
    let stopped: Promise<unknown> = Promise.resolve()
    node.items.duringFetch = (signal) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason))
        stopped = owner.stopTransfer(1)
      })
    const fetched = owner.fetchItem(cid.toString(), { visibility: 'private', isKept: false })
    await expect(fetched).rejects.toMatchObject({ code: 'TRANSFER_STOPPED' })
    expect(await stopped).toMatchObject({ id: 1, kind: 'fetch', state: 'stopped' })
    node.items.duringFetch = async () => {}
    await owner.fetchItem(cid.toString(), { visibility: 'private', isKept: false })
    expect(await owner.transfers()).toMatchObject([
      { id: 1, state: 'stopped', receivedBytes: 500, totalBytes: 1_000 },
      { id: 2, state: 'done', receivedBytes: 1_000, from: [NEIGHBOUR_ID], cid: cid.toString() },
    ])
    expect(await next(events, 'transfers')).toHaveProperty('transfers')
    await expect(owner.stopTransfer(99)).rejects.toMatchObject({
      code: 'TRANSFER_NOT_FOUND',
      status: 404,
    })
    await expect(guest.transfers()).rejects.toMatchObject({ status: 401 })
    await expect(guest.stopTransfer(1)).rejects.toThrow()
    await events.return?.()
  })

  it('of additions are told with their size', async () => {
    async function* body() {
      yield Buffer.from('hello')
    }
    const added = await owner.addItem(body(), { name: 'hello.txt', visibility: 'private' })
    expect(await owner.transfers()).toMatchObject([
      { kind: 'add', name: 'hello.txt', cid: added.item.cid, state: 'done', receivedBytes: 5 },
    ])
  })
})

describe('links, vitals and happenings', () => {
  it('are there to be asked for', async () => {
    node.live.watched = [linkTo(NEIGHBOUR_ID, 'neighbour'), linkTo(FAR_ID, 'peer')]
    expect((await owner.links()).links).toHaveLength(2)
    expect((await guest.publicLinks()).links.map(({ kind }) => kind)).toEqual(['neighbour'])
    expect(await guest.vitals()).toMatchObject({ load: 0.25, memory: null, power: null })
    put('secret', 'private')
    const codes = async (list: Promise<readonly { code: string }[]>) =>
      (await list).map(({ code }) => code)
    expect(await codes(owner.happenings())).toEqual(['NODE_STARTED', 'ITEM_ADDED'])
    expect(await codes(guest.publicHappenings())).toEqual(['NODE_STARTED'])
  })
})
