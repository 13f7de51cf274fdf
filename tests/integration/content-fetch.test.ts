// SPDX-License-Identifier: AGPL-3.0-or-later
/** Items from node to node: found, fetched, verified; and what happens when a holder misbehaves. */
import type { RequestListener, ServerResponse } from 'node:http'
import type { CID } from 'multiformats/cid'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { silentLogger } from '../../src/base/base.ts'
import {
  encodeHaveReply,
  encodeHaveRequest,
  parseHaveReply,
} from '../../src/content/fetching/have.ts'
import {
  FETCH_WINDOW_MS,
  HAVE_MS_MAX,
  RESPONSE_MS_MAX,
  SERVES_PER_CALLER_MAX,
} from '../../src/content/limits.ts'
import {
  bodiesIn,
  bytesOf,
  Cleanup,
  FakeCity,
  inPieces,
  MEBIBYTE,
  never,
  peerIdOf,
  readAll,
  serve,
  startNode,
  type TestNode,
  until,
} from './content-support.ts'

let cleanup: Cleanup
let city: FakeCity

beforeEach(() => {
  cleanup = new Cleanup()
  city = new FakeCity()
})
afterEach(() => cleanup.run())

const start = (name: string): Promise<TestNode> => startNode({ name, city, cleanup })

async function addPublic(node: TestNode, bytes: Uint8Array, name = 'film.mp4'): Promise<CID> {
  const options = { name, visibility: 'public', signal: never } as const
  return (await node.content.add(inPieces(bytes), options)).cid
}

const get = { visibility: 'private', signal: never } as const

/** A peer that says it has everything, and answers requests as it likes. */
async function badPeer(name: string, listener: RequestListener): Promise<void> {
  const { port } = await serve(listener, cleanup)
  const peerId = peerIdOf(name)
  city.serves(peerId, port)
  city.answers(peerId, () =>
    Promise.resolve(encodeHaveReply([{ name: '', sizeBytes: 1, title: '', kind: '' }])),
  )
}

it('fetches a public item, whole and with its name, and keeps it private', async () => {
  const [first, second] = [await start('first'), await start('second')]
  const bytes = bytesOf(1, 5 * MEBIBYTE + 321)
  const cid = await addPublic(first, bytes)
  const seen: (readonly [number, number | undefined])[] = []
  const item = await second.content.fetch(cid, {
    ...get,
    onProgress: (received, total) => seen.push([received, total]),
  })
  expect(item).toMatchObject({ name: 'film.mp4', kind: 'video/mp4', visibility: 'private' })
  expect((await readAll(second.content.openBytes(cid))).equals(bytes)).toBe(true)
  expect(seen.at(-1)).toEqual([bytes.length, bytes.length])
  expect(await bodiesIn(second.folder)).toEqual([cid.toString()])
  // The second time it is here already.
  const questionsCount = city.questionsCount
  expect((await second.content.fetch(cid, { ...get, visibility: 'public' })).visibility).toBe(
    'public',
  )
  expect(city.questionsCount).toBe(questionsCount)
  // And the second node serves it when the first is gone.
  await first.stop()
  const third = await start('third')
  await third.content.fetch(cid, get)
  expect((await readAll(third.content.openBytes(cid))).equals(bytes)).toBe(true)
})

it.each([0, 1, MEBIBYTE, MEBIBYTE + 1])('fetches an item of %i bytes', async (sizeBytes) => {
  const [first, second] = [await start('first'), await start('second')]
  const bytes = bytesOf(2, sizeBytes)
  const cid = await addPublic(first, bytes, '')
  const item = await second.content.fetch(cid, get)
  expect(item.name).toBe(cid.toString())
  expect((await readAll(second.content.openBytes(cid))).equals(bytes)).toBe(true)
})

it('fetches a file of equal leaves', async () => {
  const [first, second] = [await start('first'), await start('second')]
  const cid = await addPublic(first, Buffer.alloc(4 * MEBIBYTE + 5))
  await second.content.fetch(cid, get)
  const read = await readAll(second.content.openBytes(cid))
  expect(read.equals(Buffer.alloc(4 * MEBIBYTE + 5))).toBe(true)
})

it('fetches two folders at once that have a large file in common', async () => {
  const [holder, reader] = [await start('holder'), await start('reader')]
  const shared = bytesOf(70, 5 * MEBIBYTE + 11)
  const roots: CID[] = []
  for (const text of ['one', 'two', 'three']) {
    const added = await holder.content.addFolder(
      (async function* () {
        yield { kind: 'file', path: 'a.bin', content: inPieces(shared) } as const
        yield { kind: 'file', path: 'b.txt', content: inPieces(Buffer.from(text)) } as const
      })(),
      { name: text, visibility: 'public', signal: never },
    )
    roots.push(added.item.cid)
  }
  await Promise.all(roots.map((root) => reader.content.fetch(root, get)))
  await reader.stop()
  const again = await startNode({ name: 'reader', city, cleanup, folder: reader.folder })
  expect(again.content.list().map(({ isWhole }) => isWhole)).toEqual([true, true, true])
  for (const root of roots) {
    const found = await again.content.resolve(root, ['a.bin'])
    if (found.kind !== 'found') throw new Error(found.kind)
    expect((await readAll(again.content.openBytes(found.cid))).equals(shared)).toBe(true)
  }
})

it('neither serves a private item nor says that it has it', async () => {
  const [first, second] = [await start('first'), await start('second')]
  const options = { name: 'diary.txt', visibility: 'private', signal: never } as const
  const { cid } = await first.content.add(inPieces(Buffer.from('dear diary')), options)
  await expect(second.content.fetch(cid, get)).rejects.toMatchObject({ code: 'CONTENT_NOT_FOUND' })
  expect((await fetch(`${first.url}/ipfs/${cid}?format=raw`)).status).toBe(404)
  expect((await fetch(`${first.url}/ipfs/${cid}?format=car`)).status).toBe(404)
  // Nor when somebody asks for its name among others.
  const asked = await city
    .networkOf(second.peerId)
    .ask(first.peerId, 'have/1', encodeHaveRequest([cid]), { replyBytesMax: 9999, signal: never })
  expect(parseHaveReply(asked, 1)).toEqual({ verdict: 'accept', value: [undefined] })
  await first.content.update(cid, { visibility: 'public' })
  await second.content.fetch(cid, get)
  await first.content.update(cid, { visibility: 'private' })
  expect((await fetch(`${first.url}/ipfs/${cid}?format=raw`)).status).toBe(404)
})

it('says whether nobody is there or nobody has it', async () => {
  const first = await start('first')
  const cid = await addPublic(first, Buffer.from('lonely'))
  await first.content.remove(cid)
  await expect(first.content.fetch(cid, get)).rejects.toMatchObject({ code: 'CONTENT_NO_PEERS' })
  await start('second')
  await expect(first.content.fetch(cid, get)).rejects.toMatchObject({ code: 'CONTENT_NOT_FOUND' })
})

it('asks the next holder when one serves wrong bytes, and leaves the liar alone', async () => {
  const bytes = bytesOf(3, 3 * MEBIBYTE)
  const honest = await start('honest')
  const cid = await addPublic(honest, bytes)
  city.leave(honest.peerId)
  let asked = 0
  await badPeer('liar', async (request, response) => {
    asked += 1
    const body = Buffer.from(await (await fetch(honest.url + (request.url ?? ''))).arrayBuffer())
    body[2 * MEBIBYTE] = (body[2 * MEBIBYTE] ?? 0) ^ 1
    response.end(body)
  })
  const reader = await start('reader')
  await expect(reader.content.fetch(cid, get)).rejects.toMatchObject({
    code: 'CONTENT_FETCH_FAILED',
    context: { attempts: [{ peerId: peerIdOf('liar'), code: 'CONTENT_WRONG_BYTES' }] },
  })
  expect(reader.content.list()).toEqual([])
  expect(reader.content.statistics().badPeers).toHaveLength(1)
  city.serves(honest.peerId, Number(new URL(honest.url).port))
  await reader.content.fetch(cid, get)
  expect(asked).toBe(1)
  expect((await readAll(reader.content.openBytes(cid))).equals(bytes)).toBe(true)
})

it.each([
  ['sends garbage', (response: ServerResponse) => response.end(bytesOf(4, 100_000))],
  ['sends zeros without end', (response: ServerResponse) => pour(response)],
  ['hangs up at once', (response: ServerResponse) => response.destroy()],
  ['answers 500', (response: ServerResponse) => response.writeHead(500).end('no')],
  ['sends nothing', (response: ServerResponse) => response.end()],
])('asks the next holder when one %s', async (_title, answer) => {
  let isBadAsked = false
  await badPeer('bad', (_request, response) => {
    isBadAsked = true
    answer(response)
  })
  const reader = await start('reader')
  const honest = await start('honest')
  const bytes = bytesOf(5, 2 * MEBIBYTE)
  const cid = await addPublic(honest, bytes)
  // The bad one is asked first, since it is the only one that answers.
  city.silent.add(honest.peerId)
  const fetching = reader.content.fetch(cid, get)
  let isSettled = false
  const failing = expect(fetching).rejects.toMatchObject({ code: 'CONTENT_FETCH_FAILED' })
  fetching.then(
    () => {},
    () => {
      isSettled = true
    },
  )
  await until(() => {
    if (isBadAsked) reader.clock.advance(HAVE_MS_MAX / 100)
    return isSettled
  })
  await failing
  city.silent.clear()
  await reader.content.fetch(cid, get)
  expect((await readAll(reader.content.openBytes(cid))).equals(bytes)).toBe(true)
})

it.each([
  ['before its answer', RESPONSE_MS_MAX, () => {}],
  ['after its headers', 2 * FETCH_WINDOW_MS, (response: ServerResponse) => response.flushHeaders()],
  [
    'in the middle',
    2 * FETCH_WINDOW_MS,
    (response: ServerResponse) => response.write(Buffer.from('3aa265726f6f7473', 'hex')),
  ],
])('asks the next holder when one stalls %s', async (_title, waitMs, answer) => {
  let stalledCount = 0
  await badPeer('stalling', (_request, response) => {
    stalledCount += 1
    answer(response)
  })
  let isGivenUp = false
  const noteGivenUp = (): void => {
    isGivenUp = true
  }
  const log = { ...silentLogger, info: noteGivenUp }
  const reader = await startNode({ name: 'reader', city, cleanup, deps: { log } })
  const honest = await start('honest')
  const cid = await addPublic(honest, bytesOf(6, MEBIBYTE))
  const fetching = reader.content.fetch(cid, get)
  await until(() => stalledCount === 1)
  // Time passes only for the stalling one: the honest one works in real time, however long it takes.
  await until(() => {
    if (!isGivenUp) reader.clock.advance(waitMs / 4)
    return isGivenUp
  })
  expect((await fetching).cid.toString()).toBe(cid.toString())
  expect(stalledCount).toBe(1)
})

it('shares one transfer among all who ask, and calls it off when the last has gone', async () => {
  const honest = await start('honest')
  const cid = await addPublic(honest, bytesOf(7, 3 * MEBIBYTE))
  city.leave(honest.peerId)
  let requestsCount = 0
  const held: ServerResponse[] = []
  await badPeer('slow', (_request, response) => {
    requestsCount += 1
    response.flushHeaders()
    held.push(response)
  })
  const reader = await start('reader')
  const leaving = new AbortController()
  const first = reader.content.fetch(cid, { ...get, signal: leaving.signal })
  const second = reader.content.fetch(cid, { ...get, signal: leaving.signal })
  await until(() => held.length === 1)
  expect(reader.content.statistics().fetchingCount).toBe(1)
  leaving.abort(new Error('gone'))
  await expect(first).rejects.toThrow('gone')
  await expect(second).rejects.toThrow('gone')
  await until(() => held[0]?.destroyed === true)
  await until(async () => (await bodiesIn(reader.folder)).length === 0)
  expect(requestsCount).toBe(1)
})

it('stops in the middle of a transfer and leaves nothing behind', async () => {
  let isAsked = false
  await badPeer('slow', (_request, response) => {
    isAsked = true
    response.flushHeaders()
  })
  const reader = await start('reader')
  const honest = await start('honest')
  const cid = await addPublic(honest, bytesOf(8, 3 * MEBIBYTE))
  city.silent.add(honest.peerId)
  const fetching = reader.content.fetch(cid, get)
  const failing = expect(fetching).rejects.toMatchObject({ code: 'NODE_STOPPING' })
  await until(() => isAsked)
  await reader.stop()
  await failing
  expect(await bodiesIn(reader.folder)).toEqual([])
})

it('goes on when a receiver goes away, and bounds how many one caller may have', async () => {
  const node = await start('node')
  const cid = await addPublic(node, bytesOf(9, 32 * MEBIBYTE))
  const controllers = Array.from({ length: SERVES_PER_CALLER_MAX }, () => new AbortController())
  // Not read: the sockets' buffers fill up, and the sender waits. Kept: what is forgotten is closed.
  const unread: Response[] = []
  for (const { signal } of controllers) {
    unread.push(await fetch(`${node.url}/ipfs/${cid}?format=car`, { signal }))
  }
  expect(node.content.statistics().servingCount).toBe(SERVES_PER_CALLER_MAX)
  const refused = await fetch(`${node.url}/ipfs/${cid}?format=car`)
  expect(unread.map(({ status }) => status)).toEqual(controllers.map(() => 200))
  expect(refused.status).toBe(503)
  expect(refused.headers.get('retry-after')).not.toBeNull()
  for (const controller of controllers) controller.abort()
  await until(() => node.content.statistics().servingCount === 0)
  const whole = await fetch(`${node.url}/ipfs/${cid}?format=car`)
  expect((await whole.arrayBuffer()).byteLength).toBeGreaterThan(32 * MEBIBYTE)
})

it('cuts off a receiver that takes nothing', async () => {
  const node = await start('node')
  const cid = await addPublic(node, bytesOf(10, 32 * MEBIBYTE))
  const response = await fetch(`${node.url}/ipfs/${cid}?format=car`)
  await until(() => node.content.statistics().servingCount === 1)
  await until(() => {
    node.clock.advance(1000)
    return node.content.statistics().servingCount === 0
  })
  await expect(response.arrayBuffer()).rejects.toThrow()
})

/** Zeros for as long as somebody takes them. */
function pour(response: ServerResponse): void {
  const zeros = Buffer.alloc(65_536)
  const write = (): void => {
    while (!response.destroyed && response.write(zeros)) {
      // Until the buffers of the connection are full.
    }
  }
  response.on('drain', write)
  write()
}

it('keeps what came when a later try finds nobody', async () => {
  const bytes = bytesOf(11, 6 * MEBIBYTE)
  const honest = await start('honest')
  const cid = await addPublic(honest, bytes)
  city.leave(honest.peerId)
  await badPeer('dying', async (request, response) => {
    const whole = Buffer.from(await (await fetch(honest.url + (request.url ?? ''))).arrayBuffer())
    response.writeHead(200)
    response.write(whole.subarray(0, 4 * MEBIBYTE), () => response.destroy())
  })
  const reader = await start('reader')
  await expect(reader.content.fetch(cid, get)).rejects.toMatchObject({
    code: 'CONTENT_FETCH_FAILED',
  })
  city.leave(peerIdOf('dying'))
  await expect(reader.content.fetch(cid, get)).rejects.toMatchObject({ code: 'CONTENT_NO_PEERS' })
  let neededBytes = 0
  await badPeer('counting', async (request, response) => {
    const body = Buffer.from(await (await fetch(honest.url + (request.url ?? ''))).arrayBuffer())
    neededBytes += body.length
    response.end(body)
  })
  await reader.content.fetch(cid, get)
  expect(neededBytes).toBeLessThanOrEqual(3 * MEBIBYTE)
  expect((await readAll(reader.content.openBytes(cid))).equals(bytes)).toBe(true)
})
