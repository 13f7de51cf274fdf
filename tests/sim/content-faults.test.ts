// SPDX-License-Identifier: AGPL-3.0-or-later
/** Bad days of a disk and of a clock: full, read-only, failing, rotten, and the year 1970. */
import type { CID } from 'multiformats/cid'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { asError, SeededRandom, VirtualClock } from '../../src/base/base.ts'
import {
  bytesOf,
  Cleanup,
  FakeCity,
  inPieces,
  MEBIBYTE,
  never,
  readAll,
  startNode,
  tempFolder,
} from '../integration/content-support.ts'
import { type DiskFault, SimulatedDisk } from '../support/simulated-disk.ts'
import { type Remains, Run, type StartOptions } from './crash-support.ts'

const HELD = bytesOf(1, 2 * MEBIBYTE + 100)
const OTHER = bytesOf(2, 3 * MEBIBYTE)
const own = { name: 'notes.txt', visibility: 'public', signal: never } as const

let cleanup: Cleanup
let city: FakeCity

beforeEach(() => {
  cleanup = new Cleanup()
  city = new FakeCity()
})
afterEach(() => cleanup.run())

async function start(
  remains: Partial<Remains> = {},
  more: Partial<StartOptions> = {},
): Promise<Run> {
  const disk = remains.disk ?? new SimulatedDisk({ seed: 1 })
  const folder = await tempFolder(cleanup)
  const options = { city, name: 'node', random: new SeededRandom(1), folder, ...more }
  const run = await Run.create({ disk, databaseFile: remains.databaseFile }, options)
  await run.start()
  return run
}

const bytesIn = (run: Run, cid: CID): Promise<Buffer> => readAll(run.content.openBytes(cid))
const codes = (run: Run): string[] => run.content.health().map(({ code }) => code)

/** The two ways by which bytes come in. */
const arrivals = {
  add: (run: Run) => run.content.add(inPieces(OTHER), own),
  get: async (run: Run) => {
    const peer = await startNode({ name: 'peer', city, cleanup })
    const { cid } = await peer.content.add(inPieces(OTHER), own)
    return run.content.fetch(cid, own)
  },
} as const

const faults: readonly [what: string, code: string, fault: DiskFault][] = [
  ['is full at a write', 'STORE_FULL', { call: 'write', code: 'ENOSPC', partBytes: 700 }],
  ['is full at the next write', 'STORE_FULL', { call: 'write', code: 'ENOSPC', after: 1 }],
  ['is full at a sync', 'STORE_FULL', { call: 'sync', code: 'ENOSPC' }],
  ['fails at a write', 'STORE_DISK_ERROR', { call: 'write', code: 'EIO', partBytes: 700 }],
  ['fails at a sync', 'STORE_DISK_ERROR', { call: 'sync', code: 'EIO' }],
  ['fails at the sync of a folder', 'STORE_DISK_ERROR', { call: 'syncFolder', code: 'EIO' }],
]

describe.each(Object.entries(arrivals))('while bytes come in by %s, the disk', (_how, arrive) => {
  it.each(faults)(
    '%s: %s, nothing is lost, and it works when the disk does',
    async (_w, code, fault) => {
      const run = await start()
      const kept = await run.content.add(inPieces(HELD), own)
      run.disk.fail(fault)
      await expect(arrive(run)).rejects.toMatchObject({ code })
      expect(run.content.list()).toEqual([kept])
      expect(codes(run)).toEqual(code === 'STORE_FULL' ? ['CONTENT_STORE_FULL'] : [])
      const { cid } = await arrive(run)
      expect(codes(run)).toEqual([])

      // What a failed sync left behind must not be taken for saved by the one that went well.
      const again = await start(await run.cut({ isDatabaseBroken: false }))
      expect((await bytesIn(again, kept.cid)).equals(HELD)).toBe(true)
      expect((await bytesIn(again, cid)).equals(OTHER)).toBe(true)
    },
  )

  it('has no room for them: STORE_FULL, and the room that was taken is free again', async () => {
    const run = await start()
    const kept = await run.content.add(inPieces(HELD), own)
    run.disk.setCapacity(HELD.length + 2 * MEBIBYTE)
    const freeBytes = await run.disk.freeBytes('/')
    await expect(arrive(run)).rejects.toMatchObject({ code: 'STORE_FULL' })
    expect(await run.disk.freeBytes('/')).toBe(freeBytes)
    expect(codes(run)).toEqual(['CONTENT_STORE_FULL'])
    await run.content.remove(kept.cid)
    await arrive(run)
    expect(codes(run)).toEqual([])
  })

  it('is read-only: STORE_READ_ONLY, and what is there is read and served', async () => {
    const before = await start()
    const kept = await before.content.add(inPieces(HELD), own)
    const remains = await before.stop()
    remains.disk.setReadOnly(true)
    const run = await start(remains)
    await expect(arrive(run)).rejects.toMatchObject({ code: 'STORE_READ_ONLY' })
    expect(run.content.list()).toEqual([kept])
    expect((await bytesIn(run, kept.cid)).equals(HELD)).toBe(true)
    expect((await run.gatewayBytes(kept.cid))?.equals(HELD)).toBe(true)
  })
})

it('says in its health that the disk is full, when not even a file could be made', async () => {
  const run = await start()
  run.disk.fail({ call: 'create', code: 'ENOSPC' })
  await expect(arrivals.add(run)).rejects.toMatchObject({ code: 'STORE_FULL' })
  expect(codes(run)).toEqual(['CONTENT_STORE_FULL'])
})

it('says that the disk fails when it cannot read an item, and reads it when it can', async () => {
  const run = await start()
  const { cid } = await run.content.add(inPieces(HELD), own)
  run.disk.fail({ call: 'read', code: 'EIO' })
  await expect(bytesIn(run, cid)).rejects.toMatchObject({ code: 'STORE_DISK_ERROR' })
  expect((await bytesIn(run, cid)).equals(HELD)).toBe(true)
})

describe('a bit that turned over on the disk', () => {
  /** One bit in the midst of every file that holds the bytes of the item. */
  async function rotten(): Promise<{ run: Run; cid: CID }> {
    const run = await start()
    const { cid } = await run.content.add(inPieces(HELD), own)
    const large = run.disk.files().filter((path) => run.disk.bytesOf(path).length >= HELD.length)
    if (large.length === 0) throw new Error('no file holds the item: look for its blocks elsewhere')
    for (const path of large) run.disk.rot(path, HELD.length * 4)
    return { run, cid }
  }

  it('reaches nobody: what is served is right or cut off', async () => {
    const { run, cid } = await rotten()
    const served = await run.gatewayBytes(cid).catch((thrown: unknown) => {
      // Cut off: what we want. A block that is not what its id says is not.
      if (asError(thrown).name === 'AssertionError') throw thrown
      return undefined
    })
    expect(served === undefined || served.equals(HELD)).toBe(true)
  })

  it('is told to the owner who reads it, and mended by adding it again', async () => {
    const { run, cid } = await rotten()
    const reading = bytesIn(run, cid).then(({ length }) => length)
    await expect(reading).rejects.toMatchObject({ code: 'CONTENT_DAMAGED' })
    expect(codes(run)).toEqual(['CONTENT_DAMAGED'])
    await run.content.add(inPieces(HELD), own)
    expect(codes(run)).toEqual([])
    expect((await bytesIn(run, cid)).equals(HELD)).toBe(true)
  })
})

it('keeps its order when the clock says 1970, and again after it has jumped', async () => {
  const clock = new VirtualClock(0)
  const run = await start({}, { clock })
  const first = await run.content.add(inPieces(HELD), own)
  clock.setWallMs(1_800_000_000_000)
  const second = await run.content.add(inPieces(OTHER), own)
  const remains = await run.cut({ isDatabaseBroken: false })
  const again = await start(remains, { clock: new VirtualClock(86_400_000) })
  const third = await again.content.add(inPieces(Buffer.from('third')), own)
  expect(again.content.list()).toEqual([first, second, third])
  expect([first, second, third].map(({ addedAtMs }) => addedAtMs)).toEqual([
    0, 1_800_000_000_000, 86_400_000,
  ])
  expect(second.sequence).toBeGreaterThan(first.sequence)
  expect(third.sequence).toBeGreaterThan(second.sequence)
  expect((await bytesIn(again, first.cid)).equals(HELD)).toBe(true)
})
