// SPDX-License-Identifier: AGPL-3.0-or-later
/** Parts of items from node to node: only what a range or a path needs travels, whoever gives it. */
import type { RequestListener } from 'node:http'
import type { CID } from 'multiformats/cid'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Metrics, silentMetrics } from '../../src/base/base.ts'
import type { SourceEntry } from '../../src/content/content.ts'
import { encodeHaveReply } from '../../src/content/fetching/have.ts'
import {
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
} from './content-support.ts'

/** Bytes of a root and of one node, of files as small as these: far less than a leaf. */
const NODES_BYTES_MAX = 4096

/** Many times what a block may have, and what lies in the buffers of a connection. */
const ENDLESS_BYTES = 64 * MEBIBYTE

let cleanup: Cleanup
let city: FakeCity
/** What each node has counted, by its name and that of the counter. */
let counted: Map<string, number>

beforeEach(() => {
  cleanup = new Cleanup()
  city = new FakeCity()
  counted = new Map()
})
afterEach(() => cleanup.run())

function start(name: string): Promise<TestNode> {
  const metrics: Metrics = {
    ...silentMetrics,
    counter: (counter) => ({
      add: (amount = 1) => {
        const key = `${name} ${counter}`
        counted.set(key, (counted.get(key) ?? 0) + amount)
      },
    }),
  }
  return startNode({ name, city, cleanup, deps: { metrics } })
}

/** Bytes of answers that a node has sent since this was last asked. */
function servedBy(name: string): number {
  const key = `${name} citynode_content_served_bytes_total`
  const bytes = counted.get(key) ?? 0
  counted.delete(key)
  return bytes
}

const isPublic = { visibility: 'public', signal: never } as const

async function addFile(node: TestNode, bytes: Uint8Array): Promise<CID> {
  return (await node.content.add(inPieces(bytes), { ...isPublic, name: 'film.mp4' })).cid
}

/** A peer that says it has everything, and answers requests as it likes. */
async function peerThat(name: string, listener: RequestListener): Promise<void> {
  const { port } = await serve(listener, cleanup)
  city.serves(peerIdOf(name), port)
  city.answers(peerIdOf(name), () =>
    Promise.resolve(encodeHaveReply([{ name: '', sizeBytes: 1, title: '', kind: '' }])),
  )
}

/** What a node answers to a request that was made of another. */
async function answerOf(node: TestNode, path = ''): Promise<Buffer> {
  return Buffer.from(await (await fetch(node.url + path)).arrayBuffer())
}

async function part(
  { content }: TestNode,
  cid: CID,
  [start, end]: readonly [number, number],
): Promise<Buffer> {
  const fetched = await content.fetchPart(cid, { start, end, signal: never })
  return readAll(content.openBytes(fetched.cid, { start, end }))
}

describe('a range of a file', () => {
  const bytes = bytesOf(1, 9 * MEBIBYTE + 321)

  it.each([
    ['within one leaf', 3 * MEBIBYTE + 5, 3 * MEBIBYTE + 99, 1],
    ['one byte to each side of a border', 2 * MEBIBYTE - 1, 2 * MEBIBYTE + 1, 2],
    ['the last bytes', bytes.length - 10, bytes.length, 1],
    ['more leaves than are on their way at once', 100, 7 * MEBIBYTE - 1, 7],
    ['nothing', 17, 17, 0],
  ])('brings %s and nothing else', async (_title, from, to, leavesCount) => {
    const [holder, reader] = [await start('holder'), await start('reader')]
    const cid = await addFile(holder, bytes)
    expect((await part(reader, cid, [from, to])).equals(bytes.subarray(from, to))).toBe(true)
    expect(servedBy('holder')).toBeLessThanOrEqual(leavesCount * MEBIBYTE + NODES_BYTES_MAX)
    // Again: it is here, and nobody is asked.
    const { questionsCount } = city
    const again = await reader.content.fetchPart(cid, { start: from, end: to, signal: never })
    expect(again.report).toBeUndefined()
    expect(city.questionsCount).toBe(questionsCount)
  })

  it('goes to the end of the file where none is given, and never beyond', async () => {
    const [holder, reader] = [await start('holder'), await start('reader')]
    const cid = await addFile(holder, bytes)
    const from = bytes.length - 7
    for (const end of [undefined, bytes.length + 1000]) {
      await reader.content.fetchPart(cid, { start: from, end, signal: never })
    }
    const read = await readAll(reader.content.openBytes(cid, { start: from }))
    expect(read.equals(bytes.subarray(from))).toBe(true)
    const beyond = { start: bytes.length + 1, end: undefined, signal: never }
    await expect(reader.content.fetchPart(cid, beyond)).rejects.toMatchObject({
      code: 'CONTENT_BAD_RANGE',
    })
  })

  it('is no item: not listed, not served, not read as a whole', async () => {
    const [holder, reader] = [await start('holder'), await start('reader')]
    const cid = await addFile(holder, bytes)
    await part(reader, cid, [0, 10])
    expect(reader.content.list()).toEqual([])
    expect(reader.content.get(cid)).toBeUndefined()
    expect((await fetch(`${reader.url}/ipfs/${cid}?format=raw`)).status).toBe(404)
    await expect(readAll(reader.content.openBytes(cid))).rejects.toMatchObject({
      code: 'CONTENT_NOT_HERE',
    })
    await holder.stop()
    await expect(reader.content.fetch(cid, isPublic)).rejects.toMatchObject({
      code: 'CONTENT_NO_PEERS',
    })
  })

  it('counts when the whole is fetched, also after a restart', async () => {
    const [holder, reader] = [await start('holder'), await start('reader')]
    const cid = await addFile(holder, bytes)
    await part(reader, cid, [4 * MEBIBYTE, 9 * MEBIBYTE])
    await reader.stop()
    servedBy('holder')
    const again = await startNode({ name: 'reader', city, cleanup, folder: reader.folder })
    await again.content.fetch(cid, isPublic)
    expect(servedBy('holder')).toBeLessThanOrEqual(4 * MEBIBYTE + 321 + NODES_BYTES_MAX)
    expect((await readAll(again.content.openBytes(cid))).equals(bytes)).toBe(true)
  })

  it('of which some is here brings the rest', async () => {
    const [holder, reader] = [await start('holder'), await start('reader')]
    const cid = await addFile(holder, bytes)
    // The same bytes in another item, which lies beside it.
    await addFile(reader, bytes.subarray(0, 3 * MEBIBYTE))
    servedBy('holder')
    const range = { start: MEBIBYTE, end: 5 * MEBIBYTE, signal: never }
    const { report } = await reader.content.fetchPart(cid, range)
    expect(servedBy('holder')).toBeLessThanOrEqual(2 * MEBIBYTE + NODES_BYTES_MAX)
    expect(report).toMatchObject({ knownBytes: 2 * MEBIBYTE, attempts: [{ code: undefined }] })
  })

  it('of equal leaves brings one of them', async () => {
    const [holder, reader] = [await start('holder'), await start('reader')]
    const cid = await addFile(holder, Buffer.alloc(8 * MEBIBYTE))
    const zeros = await part(reader, cid, [5, 8 * MEBIBYTE - 5])
    expect(zeros.equals(Buffer.alloc(8 * MEBIBYTE - 10))).toBe(true)
    expect(servedBy('holder')).toBeLessThanOrEqual(MEBIBYTE + NODES_BYTES_MAX)
  })

  it('of a file of one leaf is read from all of it', async () => {
    const [holder, reader] = [await start('holder'), await start('reader')]
    const cid = await addFile(holder, Buffer.from('0123456789'))
    expect((await part(reader, cid, [2, 5])).toString()).toBe('234')
    expect(servedBy('holder')).toBe(10)
  })

  it('and the whole can be fetched at once', async () => {
    const [holder, reader] = [await start('holder'), await start('reader')]
    const cid = await addFile(holder, bytes)
    const [read] = await Promise.all([
      part(reader, cid, [MEBIBYTE, 6 * MEBIBYTE]),
      reader.content.fetch(cid, { visibility: 'private', signal: never }),
      part(reader, cid, [0, 2 * MEBIBYTE]),
    ])
    expect(read.equals(bytes.subarray(MEBIBYTE, 6 * MEBIBYTE))).toBe(true)
    expect((await readAll(reader.content.openBytes(cid))).equals(bytes)).toBe(true)
  })
})

describe('when holders fail', () => {
  const bytes = bytesOf(2, 6 * MEBIBYTE)
  const range = [MEBIBYTE / 2, 5 * MEBIBYTE + 7] as const

  /** A holder that nobody can ask but through others. */
  async function hidden(name: string): Promise<{ holder: TestNode; cid: CID }> {
    const holder = await start(name)
    const cid = await addFile(holder, bytes)
    city.leave(holder.peerId)
    return { holder, cid }
  }

  function appear({ peerId, url }: TestNode): void {
    city.serves(peerId, Number(new URL(url).port))
  }

  it('takes no wrong byte, leaves the liar alone and asks the next', async () => {
    const { holder, cid } = await hidden('honest')
    let askedCount = 0
    await peerThat('liar', async ({ url }, response) => {
      askedCount += 1
      const block = await answerOf(holder, url)
      // The root is right, for it to be believed.
      if (askedCount > 1) block[0] = (block[0] ?? 0) ^ 1
      response.end(block)
    })
    const reader = await start('reader')
    const lied = reader.content.fetchPart(cid, { start: range[0], end: range[1], signal: never })
    await expect(lied).rejects.toMatchObject({
      code: 'CONTENT_FETCH_FAILED',
      report: { attempts: [{ peerId: peerIdOf('liar'), code: 'CONTENT_WRONG_BYTES' }] },
    })
    expect(reader.content.statistics().badPeers).toHaveLength(1)
    const asked = askedCount
    appear(holder)
    expect((await part(reader, cid, range)).equals(bytes.subarray(...range))).toBe(true)
    expect(askedCount).toBe(asked)
  })

  it('goes on with the next when one dies in the middle, and asks for nothing twice', async () => {
    const { holder, cid } = await hidden('honest')
    let givenCount = 0
    await peerThat('dying', async ({ url }, response) => {
      givenCount += 1
      if (givenCount > 3) response.destroy()
      else response.end(await answerOf(holder, url))
    })
    const reader = await start('reader')
    const seen: number[] = []
    const fetching = reader.content.fetchPart(cid, {
      start: range[0],
      end: range[1],
      signal: never,
      onProgress: (received) => seen.push(received),
    })
    appear(holder)
    const { report } = await fetching.catch(async () => {
      // It was over before the other was there: it goes on from what came.
      servedBy('honest')
      return reader.content.fetchPart(cid, { start: range[0], end: range[1], signal: never })
    })
    expect(report?.attempts.at(-1)).toMatchObject({ peerId: holder.peerId, code: undefined })
    const read = await readAll(reader.content.openBytes(cid, { start: range[0], end: range[1] }))
    expect(read.equals(bytes.subarray(...range))).toBe(true)
    expect(seen).toEqual([...seen].sort((one, other) => one - other))
  })

  it('says so when nobody is left, and needs only the rest when somebody comes', async () => {
    const { holder, cid } = await hidden('honest')
    let givenCount = 0
    await peerThat('dying', async ({ url }, response) => {
      givenCount += 1
      if (givenCount > 4) response.destroy()
      else response.end(await answerOf(holder, url))
    })
    const reader = await start('reader')
    const wanted = { start: 0, end: bytes.length, signal: never }
    await expect(reader.content.fetchPart(cid, wanted)).rejects.toMatchObject({
      code: 'CONTENT_FETCH_FAILED',
      advice: expect.stringContaining('Try again'),
    })
    city.leave(peerIdOf('dying'))
    await expect(reader.content.fetchPart(cid, wanted)).rejects.toMatchObject({
      code: 'CONTENT_NO_PEERS',
    })
    appear(holder)
    servedBy('honest')
    await reader.content.fetchPart(cid, wanted)
    // The root came, and the leaves before the first that failed.
    expect(servedBy('honest')).toBeLessThan(bytes.length)
    expect((await readAll(reader.content.openBytes(cid, wanted))).equals(bytes)).toBe(true)
  })

  it('hangs up on one whose block does not end', async () => {
    const { holder, cid } = await hidden('honest')
    let sentBytes = 0
    await peerThat('endless', async (_request, response) => {
      const piece = Buffer.alloc(MEBIBYTE, 7)
      while (!response.destroyed && sentBytes < ENDLESS_BYTES) {
        sentBytes += piece.length
        await new Promise<void>((resolve) => {
          response.once('close', resolve)
          response.write(piece, () => resolve())
        })
      }
      response.end()
    })
    const reader = await start('reader')
    const wanted = { start: 0, end: 10, signal: never }
    await expect(reader.content.fetchPart(cid, wanted)).rejects.toMatchObject({
      code: 'CONTENT_FETCH_FAILED',
    })
    expect(sentBytes).toBeLessThan(ENDLESS_BYTES)
    expect(reader.content.statistics().badPeers.map(({ peerId }) => peerId)).toEqual([
      peerIdOf('endless'),
    ])
    appear(holder)
    await reader.content.fetchPart(cid, wanted)
  })

  it('ends when it is called off, and what came stays', async () => {
    const { holder, cid } = await hidden('honest')
    const leaving = new AbortController()
    let givenCount = 0
    await peerThat('slow', async ({ url }, response) => {
      givenCount += 1
      if (givenCount > 3) leaving.abort(new Error('gone'))
      else response.end(await answerOf(holder, url))
    })
    const reader = await start('reader')
    const wanted = { start: 0, end: bytes.length, signal: leaving.signal }
    await expect(reader.content.fetchPart(cid, wanted)).rejects.toThrow('gone')
    expect(reader.content.list()).toEqual([])
  })
})

describe('a path in a folder', () => {
  const film = bytesOf(3, 4 * MEBIBYTE)

  async function* tree(): AsyncGenerator<SourceEntry> {
    yield { kind: 'file', path: 'a/large.bin', content: inPieces(bytesOf(4, film.length)) }
    yield { kind: 'file', path: 'b/deep/film.mp4', content: inPieces(film) }
    yield { kind: 'file', path: 'b/note.txt', content: inPieces(Buffer.from('a note')) }
  }

  async function addFolder(node: TestNode): Promise<CID> {
    const added = await node.content.addFolder(tree(), { ...isPublic, name: 'tree' })
    return added.item.cid
  }

  it('brings what is at its end, and the folders on the way', async () => {
    const [holder, reader] = [await start('holder'), await start('reader')]
    const root = await addFolder(holder)
    const path = ['b', 'deep', 'film.mp4']
    const item = await reader.content.fetch(root, { path, visibility: 'private', signal: never })
    expect((await readAll(reader.content.openBytes(item.cid))).equals(film)).toBe(true)
    expect(servedBy('holder')).toBeLessThanOrEqual(film.length + NODES_BYTES_MAX)
  })

  it('and a range bring the leaves of that file alone', async () => {
    const [holder, reader] = [await start('holder'), await start('reader')]
    const root = await addFolder(holder)
    const range = { start: MEBIBYTE + 3, end: MEBIBYTE + 9, signal: never }
    const path = ['b', 'deep', 'film.mp4']
    const fetched = await reader.content.fetchPart(root, { ...range, path })
    const read = await readAll(reader.content.openBytes(fetched.cid, range))
    expect(read.equals(film.subarray(MEBIBYTE + 3, MEBIBYTE + 9))).toBe(true)
    expect(servedBy('holder')).toBeLessThanOrEqual(MEBIBYTE + NODES_BYTES_MAX)
    // Of each holder that gave folders or leaves there is a word.
    expect(fetched.report?.attempts.map(({ peerId }) => peerId)).toEqual([
      holder.peerId,
      holder.peerId,
    ])
  })

  it('must lead to a file', async () => {
    const [holder, reader] = [await start('holder'), await start('reader')]
    const root = await addFolder(holder)
    for (const node of [reader, holder]) {
      const folder = { path: ['b'], start: 0, end: 1, signal: never }
      await expect(node.content.fetchPart(root, folder)).rejects.toMatchObject({
        code: 'CONTENT_NOT_A_FILE',
      })
      const absent = { path: ['c'], start: 0, end: 1, signal: never }
      await expect(node.content.fetchPart(root, absent)).rejects.toMatchObject({
        code: 'CONTENT_NO_SUCH_PATH',
      })
    }
  })
})
