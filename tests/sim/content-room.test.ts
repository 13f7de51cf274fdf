// SPDX-License-Identifier: AGPL-3.0-or-later
/** A store that is nearly full takes what fits: nothing that arrives is counted twice. */
import { afterEach, beforeEach, expect, it } from 'vitest'
import { SeededRandom, silentLogger, VirtualClock } from '../../src/base/base.ts'
import { BlockStore } from '../../src/content/blocks/blocks.ts'
import type { PeerRequests } from '../../src/content/content.ts'
import type { Holder } from '../../src/content/fetching/holders.ts'
import { type ReceiveOptions, receiveItem } from '../../src/content/fetching/receiving.ts'
import { sourceOf } from '../../src/content/library.ts'
import { breathe } from '../../src/content/waiting.ts'
import {
  bytesOf,
  Cleanup,
  FakeCity,
  inPieces,
  MEBIBYTE,
  never,
  plainRequests,
  readAll,
  startNode,
  type TestNode,
  tempFolder,
  until,
} from '../integration/content-support.ts'
import { SimulatedDisk } from '../support/simulated-disk.ts'
import { VolatileDatabase } from './volatile-database.ts'

const own = { name: 'film', visibility: 'public', signal: never } as const
/** More than half of the store, so that it is in it once and not twice. */
const FILM_BYTES = 4 * MEBIBYTE
const STORE_BYTES_MAX = 6 * MEBIBYTE

let cleanup: Cleanup
let city: FakeCity

beforeEach(() => {
  cleanup = new Cleanup()
  city = new FakeCity()
})
afterEach(() => cleanup.run())

/** With the header that tells where an answer begins. */
const rangedRequests: PeerRequests = {
  request: async (target, request) => {
    const answer = await plainRequests.request(target, request)
    const from = /^bytes=(\d+)-$/.exec(request.headers?.['range'] ?? '')?.[1]
    if (answer.status !== 206 || from === undefined) return answer
    return { ...answer, headers: new Map([['content-range', `bytes ${from}-`]]) }
  },
}

async function openStore(): Promise<BlockStore> {
  const folder = await tempFolder(cleanup)
  const database = await VolatileDatabase.open({ folder, random: new SeededRandom(1) })
  cleanup.add(() => database.close())
  const disk = new SimulatedDisk({ seed: 1 })
  const store = new BlockStore(
    { database, disk, clock: new VirtualClock(0), log: silentLogger },
    { folder: '/content', storeBytesMax: STORE_BYTES_MAX, freeBytesMin: 0 },
  )
  await store.open(never)
  cleanup.add(() => store.close())
  return store
}

it('counts a file only when its room was found', async () => {
  const peer = await startNode({ name: 'peer', city, cleanup })
  const { cid } = await peer.content.add(inPieces(bytesOf(1, FILM_BYTES)), own)
  const store = await openStore()
  const answers: boolean[] = []
  const options: ReceiveOptions = {
    signal: never,
    checkBlock: () => {},
    onProgress: () => {},
    checkSpace: async (sizeBytes) => {
      // Others make room before: whatever does not wait for this one goes on meanwhile.
      for (let turn = 0; turn < 100; turn++) await breathe()
      answers.push(await store.space.fits(sizeBytes))
    },
  }
  const https = { host: '127.0.0.1', port: Number(new URL(peer.url).port) }
  const had = { name: '', title: '', kind: '', sizeBytes: FILM_BYTES, publication: undefined }
  const holder: Holder = {
    peerId: peer.peerId,
    https,
    had,
    interfaceName: undefined,
    rttMs: undefined,
    answeredMs: 0,
  }
  const intake = store.begin(cid, 'fetched')
  const ways = { requests: plainRequests, clock: new VirtualClock(0), local: sourceOf(store) }
  const received = await receiveItem(ways, { holder, cid }, intake, options)
  expect(received.sizeBytes).toBe(FILM_BYTES)
  expect(answers).toEqual([true])
  await store.end(intake)
})

it('goes on with a file of which all the room is counted', async () => {
  const peer = await startNode({ name: 'peer', city, cleanup })
  const bytes = bytesOf(2, FILM_BYTES)
  const { cid } = await peer.content.add(inPieces(bytes), own)
  const options = { storeBytesMax: STORE_BYTES_MAX }
  const deps = { requests: rangedRequests }
  const node = await startNode({ name: 'small', city, cleanup, options, deps })
  const leaving = new AbortController()
  const left = node.content.fetch(cid, {
    ...own,
    signal: leaving.signal,
    onProgress: (receivedBytes) => {
      if (receivedBytes >= MEBIBYTE) leaving.abort(new Error('gone'))
    },
  })
  await expect(left).rejects.toThrow('gone')
  // What came is kept, and counts with all that it will be.
  await until(() => indexedBytes(node) >= FILM_BYTES)
  const began: number[] = []
  const { isWhole } = await node.content.fetch(cid, {
    ...own,
    onProgress: (receivedBytes) => void began.push(receivedBytes),
  })
  expect(isWhole).toBe(true)
  expect(began[0]).toBeGreaterThanOrEqual(MEBIBYTE)
  expect((await readAll(node.content.openBytes(cid))).equals(bytes)).toBe(true)
})

/** What all files and packs take by the index, which names a file when what came of it is safe. */
function indexedBytes({ database }: TestNode): number {
  const sum = database.prepare<{ bytes: number }>(
    'SELECT coalesce(sum(size_bytes), 0) AS bytes FROM content_volumes',
  )
  return sum.get()?.bytes ?? 0
}
