// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * The power goes while an item is forgotten. Afterwards it is there whole, and the order was not
 * acknowledged; or it is gone, and once the next start has gone on with it, or the order was given
 * again, nothing of it is on the disk. One again: `npm test -- --project sim -t 'seed 17$'`.
 */
import { readFile } from 'node:fs/promises'
import type { CID } from 'multiformats/cid'
import { afterAll, afterEach, expect, it } from 'vitest'
import { randomBelow, SeededRandom } from '../../src/base/base.ts'
import type { SourceEntry } from '../../src/content/content.ts'
import { type RefusalDesk, refusesNothing } from '../../src/content/refusing.ts'
import { breathe } from '../../src/content/waiting.ts'
import {
  bytesOf,
  Cleanup,
  FakeCity,
  inPieces,
  MEBIBYTE,
  never,
  readAll,
  tempFolder,
} from '../integration/content-support.ts'
import { type DiskChange, SimulatedDisk } from '../support/simulated-disk.ts'
import { type Remains, Run, type StartOptions } from './crash-support.ts'

const SEEDS = Array.from({ length: 60 }, (_, index) => index + 1)

/** Changes of the disk that an order has, about; some cuts fall behind it. */
const CHANGES = 26
const RARE_CHANGES = 5
const RARE_KINDS: readonly DiskChange[] = ['sync', 'syncFolder', 'rename', 'remove', 'create']

/** The database is garbage afterwards in one of so many seeds: then the packs tell all. */
const BROKEN_DATABASE_EVERY = 10

const own = { visibility: 'private', signal: never } as const
const WORDS = ['Quince', 'Medlar', 'Sorb-apple', 'Loquat', 'Whitebeam', 'Damson', 'Mirabelle']
/** What marks the bytes of its large file. */
const MARK = 'Cherry-plum'

let cleanup = new Cleanup()
let ranCount = 0
let cutCount = 0
let stayedCount = 0
/** Orders that a start has gone on with. */
let finishedCount = 0

afterEach(() => cleanup.run())
afterAll(() => {
  // Else the seeds would show nothing.
  expect(cutCount).toBeGreaterThan(ranCount / 2)
  if (ranCount < SEEDS.length) return
  expect(stayedCount).toBeGreaterThan(2)
  expect(finishedCount).toBeGreaterThan(ranCount / 8)
})

async function* tree(large: Buffer): AsyncGenerator<SourceEntry> {
  yield { kind: 'file', path: 'Quince/Medlar.txt', content: inPieces(Buffer.from('Sorb-apple')) }
  yield { kind: 'file', path: 'Quince/large.bin', content: inPieces(large) }
  yield { kind: 'symlink', path: 'Loquat', target: 'Whitebeam' }
}

/** Items that stay, so that no pack is compacted for its waste. */
async function addOthers({ content }: Run, seed: number): Promise<CID[]> {
  const cids: CID[] = []
  for (let at = 0; at < 4; at++) {
    const bytes = inPieces(bytesOf(seed + at, 20_000))
    cids.push((await content.add(bytes, { ...own, name: `other ${seed + at}` })).cid)
  }
  return cids
}

interface Life {
  run: Run
  others: CID[]
  forgotten: CID
}

/** The item's blocks and what is said of it stand in two packs, neither of them worth compacting. */
async function live(options: StartOptions, seed: number): Promise<Life> {
  const disk = new SimulatedDisk({ seed: seed * 7 })
  let run = await Run.create({ disk, databaseFile: undefined }, options)
  await run.start()
  const others = await addOthers(run, 100)
  const large = bytesOf(9, 2 * MEBIBYTE)
  large.write(MARK, MEBIBYTE + 10)
  const { item } = await run.content.addFolder(tree(large), { ...own, name: 'Damson' })
  // What is erased where the next bytes would go has another pack begun.
  const passing = await run.content.add(inPieces(Buffer.from('passing')), { ...own, name: 'p' })
  await run.content.remove(passing.cid, { erases: true })
  await run.content.update(item.cid, { title: 'Mirabelle' })
  others.push(...(await addOthers(run, 200)))
  // The state of the database from here on is what a power cut may leave.
  run = await Run.create(await run.stop(), options)
  await run.start()
  return { run, others, forgotten: item.cid }
}

/** Which of the words stand anywhere in the files of the node. */
async function found({ disk, databaseFile }: Remains): Promise<string[]> {
  const files = disk.files().map((path) => disk.bytesOf(path))
  if (databaseFile !== undefined) files.push(await readFile(databaseFile))
  return [...WORDS, MARK].filter((word) => files.some((bytes) => bytes.includes(word)))
}

async function expectAll({ content }: Run, cids: readonly CID[]): Promise<void> {
  const names = content.list().map(({ cid }) => cid.toString())
  expect(names.toSorted()).toEqual(cids.map(String).toSorted())
  for (const { cid, isWhole, sizeBytes } of content.list()) {
    expect(isWhole).toBe(true)
    if (sizeBytes === 20_000) expect(await readAll(content.openBytes(cid))).toHaveLength(20_000)
  }
}

it.each(SEEDS)('forgets all or nothing through a power cut: seed %i', async (seed) => {
  cleanup = new Cleanup()
  ranCount += 1
  const random = new SeededRandom(seed)
  const erased: string[] = []
  const refusals: RefusalDesk = {
    ...refusesNothing,
    itemRemoved: async (root, { erases = false } = {}) => {
      if (erases) erased.push(root.toString())
    },
  }
  const folder = await tempFolder(cleanup)
  const options = { city: new FakeCity(), name: `forget ${seed}`, random, folder }
  const { run, others, forgotten } = await live({ ...options, deps: { refusals } }, seed)
  const isAny = random.unit() < 0.5
  run.disk.cutPowerAt(randomBelow(random, isAny ? CHANGES : RARE_CHANGES), {
    ...(isAny ? {} : { only: [RARE_KINDS[randomBelow(random, RARE_KINDS.length)] ?? 'sync'] }),
    onCut: () => run.database.cut(),
  })
  erased.length = 0
  const isDone = await run.content.remove(forgotten, { erases: true }).then(
    () => !run.disk.isCut,
    (thrown: unknown) => {
      if (!run.disk.isCut) throw thrown
      return false
    },
  )
  if (!isDone) cutCount += 1
  const isDatabaseBroken = seed % BROKEN_DATABASE_EVERY === 0
  const again = await Run.create(await run.cut({ isDatabaseBroken }), {
    ...options,
    deps: { refusals },
  })
  erased.length = 0
  await again.start()
  const isHere = again.content.get(forgotten) !== undefined
  expect(isHere && isDone, 'what was acknowledged is gone').toBe(false)
  await expectAll(again, isHere ? [...others, forgotten] : others)
  if (isHere) stayedCount += 1
  // Of an order that nobody repeats the start takes care; what stayed is whole, to be forgotten yet.
  if (isHere || random.unit() < 0.3) await again.content.remove(forgotten, { erases: true })
  else {
    while (again.disk.files().includes('/content/erasing')) await breathe()
    if (erased.length > 0) finishedCount += 1
  }
  await expectAll(again, others)
  const last = await again.stop()
  expect(await found(last), 'nothing of it is on the disk').toEqual([])
  // Nor was anything of the others lost: the packs alone tell it.
  const rebuilt = await Run.create({ disk: last.disk, databaseFile: undefined }, options)
  await rebuilt.start()
  await expectAll(rebuilt, others)
  await rebuilt.stop()
})
