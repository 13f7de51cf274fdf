// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Adding one large file in several lives: each is cut off or called off somewhere, and the next goes on.
 * Whatever the power leaves, nothing partial is ever shown or served, and what is acknowledged in the
 * end is whole. One again: `npm test -- --project sim -t 'seed 17$'`.
 */
import type { CID } from 'multiformats/cid'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { type Random, randomBelow, SeededRandom } from '../../src/base/base.ts'
import type { FileOrigin, FileReference } from '../../src/content/unixfs/unixfs.ts'
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
import { type DiskChange, SimulatedDisk } from '../support/simulated-disk.ts'
import { type Remains, Run, type StartOptions } from './crash-support.ts'

const SEEDS = Array.from({ length: 40 }, (_, index) => index + 1)
const LIVES_MAX = 3
/** The database is garbage afterwards in one of so many seeds, and the bytes stay where they are. */
const BROKEN_DATABASE_EVERY = 10
const REFERENCE_EVERY = 4
const FILM = '/film.bin'
const own = { name: 'film', visibility: 'public' } as const

const city = new FakeCity()
const bytes = bytesOf(7, 4 * MEBIBYTE + 5)
let cid: CID
let cleanup = new Cleanup()
let resumedCount = 0
let cutCount = 0

beforeAll(async () => {
  const calculating = new Cleanup()
  const node = await startNode({ name: 'calculator', city: new FakeCity(), cleanup: calculating })
  cid = (await node.content.add(inPieces(bytes), { ...own, signal: never })).cid
  await calculating.run()
})
afterEach(() => cleanup.run())
afterAll(() => {
  // Else the seeds would show nothing.
  expect(cutCount).toBeGreaterThan(SEEDS.length / 2)
  expect(resumedCount).toBeGreaterThan(SEEDS.length / 2)
})

/** A file in memory that says where it was read from. */
class Film implements FileOrigin {
  readonly identity: FileOrigin['identity']
  readonly #onLeaf: (leavesCount: number) => void
  startedAt: number | undefined

  constructor(inode: bigint, onLeaf: (leavesCount: number) => void = () => {}) {
    const times = { modifiedAtNs: 5n, changedAtNs: 6n }
    this.identity = { device: 1n, inode, sizeBytes: bytes.length, ...times }
    this.#onLeaf = onLeaf
  }

  async *readFrom(start: number): AsyncGenerator<Uint8Array> {
    this.startedAt = start
    for (let at = start; at < bytes.length; at += MEBIBYTE) {
      this.#onLeaf(at / MEBIBYTE)
      yield bytes.subarray(at, at + MEBIBYTE)
    }
  }
}

function adding(run: Run, film: Film, isReference: boolean, signal: AbortSignal): Promise<unknown> {
  const reference: FileReference = {
    path: FILM,
    sizeBytes: bytes.length,
    modifiedAtMs: 1_700_000_000_000,
  }
  const options = { ...own, signal, origin: film }
  return run.content.addFile(inPieces(bytes), isReference ? { ...options, reference } : options)
}

it.each(SEEDS)('an addition in several lives: seed %i', async (seed) => {
  cleanup = new Cleanup()
  const random = new SeededRandom(seed)
  const folder = await tempFolder(cleanup)
  const options = { city, name: `node ${seed}`, random, folder, addCheckpointBytes: MEBIBYTE }
  const isReference = seed % REFERENCE_EVERY === 0
  const isDatabaseBroken = seed % BROKEN_DATABASE_EVERY === 0
  const disk = new SimulatedDisk({ seed: seed * 7 })
  await layFilm(disk)
  let remains: Remains = { disk, databaseFile: undefined }
  for (let life = 0; life < LIVES_MAX && !(await isHere(remains, options)); life++) {
    remains = await oneLife(remains, options, { isReference, isDatabaseBroken })
  }
  await lastLife(remains, options, { isReference, isDatabaseBroken })
})

/** What is added by reference must lie there. */
async function layFilm(disk: SimulatedDisk): Promise<void> {
  const film = await disk.create(FILM)
  await film.write(bytes, 0)
  await film.sync()
  await film.close()
  await disk.syncFolder('/')
}

/** The power may go after all was safe and before the answer. */
async function isHere(remains: Remains, options: StartOptions): Promise<boolean> {
  if (remains.databaseFile === undefined) return false
  const run = await Run.create(remains, options)
  await run.start()
  const isWhole = run.content.get(cid)?.isWhole === true
  if (!isWhole) await expectNothing(run)
  Object.assign(remains, await run.stop())
  return isWhole
}

/** Begins or goes on, and is cut off by the power, by whoever called it off, or by both. */
async function oneLife(
  remains: Remains,
  options: StartOptions,
  { isReference, isDatabaseBroken }: { isReference: boolean; isDatabaseBroken: boolean },
): Promise<Remains> {
  const { random } = options
  const run = await Run.create(remains, options)
  await run.start()
  await expectNothing(run)
  const calling = new AbortController()
  const isCalledOff = random.unit() < 0.4
  const leavesMax = 1 + randomBelow(random, 4)
  let leavesCount = 0
  const film = new Film(2n, (count) => {
    leavesCount = count
    if (isCalledOff && count >= leavesMax) calling.abort(new Error('called off'))
  })
  if (!isCalledOff) planCut(run, random)
  await adding(run, film, isReference, calling.signal).catch((thrown: unknown) => {
    if (!run.disk.isCut && !calling.signal.aborted) throw thrown
  })
  if ((film.startedAt ?? 0) > 0) resumedCount += 1
  if (run.disk.isCut) cutCount += 1
  if (run.content.get(cid) === undefined && !run.disk.isCut) await expectNothing(run)
  if (!isCalledOff || random.unit() < 0.5) return await run.cut({ isDatabaseBroken })
  const stopped = await run.stop()
  // Whatever was called off in order goes on exactly there.
  await expectGoesOnAt(stopped, options, { isReference, leavesCount })
  return stopped
}

/** Calls it off once more, at once: that must lose nothing. */
async function expectGoesOnAt(
  remains: Remains,
  options: StartOptions,
  { isReference, leavesCount }: { isReference: boolean; leavesCount: number },
): Promise<void> {
  const run = await Run.create(remains, options)
  await run.start()
  const calling = new AbortController()
  const film = new Film(2n, () => calling.abort(new Error('called off')))
  await adding(run, film, isReference, calling.signal).catch(() => {})
  expect(film.startedAt).toBe(leavesCount * MEBIBYTE)
  Object.assign(remains, await run.stop())
}

async function lastLife(
  remains: Remains,
  options: StartOptions,
  { isReference, isDatabaseBroken }: { isReference: boolean; isDatabaseBroken: boolean },
): Promise<void> {
  const run = await Run.create(remains, options)
  await run.start()
  const film = new Film(2n)
  await adding(run, film, isReference, never)
  if ((film.startedAt ?? 0) > 0) resumedCount += 1
  await expectWhole(run)
  const again = await Run.create(await run.cut({ isDatabaseBroken }), options)
  await again.start()
  await expectWhole(again)
  expect(again.disk.files().filter((path) => path.includes('/incoming/'))).toEqual([])
  await again.stop()
}

function planCut(run: Run, random: Random): void {
  const rareKinds: readonly DiskChange[] = ['sync', 'syncFolder', 'rename', 'remove', 'create']
  const kind = rareKinds[randomBelow(random, rareKinds.length)] ?? 'sync'
  const isAny = random.unit() < 0.5
  run.disk.cutPowerAt(randomBelow(random, isAny ? 24 : 8), {
    ...(isAny ? {} : { only: [kind] }),
    onCut: () => run.database.cut(),
  })
}

async function expectNothing(run: Run): Promise<void> {
  expect(run.content.list()).toEqual([])
  expect(await run.have([cid])).toEqual([false])
  await expect(readAll(run.content.openBytes(cid))).rejects.toMatchObject({
    code: 'CONTENT_NOT_HERE',
  })
}

async function expectWhole(run: Run): Promise<void> {
  expect(run.content.get(cid)?.isWhole).toBe(true)
  expect((await readAll(run.content.openBytes(cid))).equals(bytes)).toBe(true)
  expect((await run.gatewayBytes(cid))?.equals(bytes)).toBe(true)
}
