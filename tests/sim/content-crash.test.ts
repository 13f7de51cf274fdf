// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Two hundred power cuts: a seeded day in the life of a store, cut off at a change of the disk, and
 * then what every start after it must find. One again: `npm test -- --project sim -t 'seed 17$'`.
 */
import type { CID } from 'multiformats/cid'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { type Random, randomBelow, SeededRandom } from '../../src/base/base.ts'
import type { Visibility } from '../../src/content/content.ts'
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
import { checkTakesMore, Ledger, type Remains, Run, type StartOptions } from './crash-support.ts'

const SEEDS = Array.from({ length: 200 }, (_, index) => index + 1)

/** Steps of a day; some of them are two or three things at once. */
const STEPS = 14

/** The database is garbage afterwards in one of so many seeds. */
const BROKEN_DATABASE_EVERY = 10

const SIZES = [0, 1, 100, 4_096, 65_536, MEBIBYTE, MEBIBYTE + 1, 3 * MEBIBYTE + 7]

interface Content {
  cid: CID
  bytes: Buffer
  name: string
}

const everything = new Cleanup()
const city = new FakeCity()
/** Contents that the node itself adds, and contents that its honest peer has. */
let own: readonly Content[] = []
let others: readonly Content[] = []
let cleanup = new Cleanup()
let cutInMidstCount = 0
let ranCount = 0

beforeAll(async () => {
  const peer = await startNode({ name: 'peer', city, cleanup: everything })
  const calculator = await startNode({
    name: 'calculator',
    city: new FakeCity(),
    cleanup: everything,
  })
  const make = async (node: typeof peer, seed: number, sizeBytes: number): Promise<Content> => {
    const bytes = bytesOf(seed, sizeBytes)
    // No content is a block of another: a stranger may have a block that is in any public item.
    bytes.fill(seed % 251, 0, Math.min(1, sizeBytes))
    const name = `${seed}.bin`
    const options = { name, visibility: 'public', signal: never } as const
    return { cid: (await node.content.add(inPieces(bytes), options)).cid, bytes, name }
  }
  own = await Promise.all(
    [...SIZES, 10, 20_000, 1_000].map((size, index) => make(calculator, 1_000 + index, size)),
  )
  others = await Promise.all(
    [50, 30_000, 2 * MEBIBYTE + 3].map((size, index) => make(peer, 2_000 + index, size)),
  )
})
afterEach(() => cleanup.run())
afterAll(async () => {
  await everything.run()
  // Else the day became shorter than the cuts that it is to be hit by.
  expect(cutInMidstCount).toBeGreaterThanOrEqual(Math.floor(ranCount / 2))
})

const isDatabaseBroken = (seed: number): boolean => seed % BROKEN_DATABASE_EVERY === 0

it.each(SEEDS.filter((seed) => !isDatabaseBroken(seed)))(
  'keeps its promises through a power cut: seed %i',
  liveThroughCut,
)

it('keeps its promises also when the database is broken afterwards', async () => {
  for (const seed of SEEDS.filter(isDatabaseBroken)) await liveThroughCut(seed)
})

async function liveThroughCut(seed: number): Promise<void> {
  cleanup = new Cleanup()
  const random = new SeededRandom(seed)
  const options: StartOptions = {
    city,
    name: `node ${seed}`,
    random,
    folder: await tempFolder(cleanup),
  }
  const ledger = new Ledger()
  for (const { cid, bytes } of [...own, ...others]) ledger.know(cid, bytes)

  ranCount += 1
  const remains = await liveUntilCut(seed, options, ledger)
  const recovered = await recover(remains, options, ledger)
  await secondStart(recovered, options, ledger)
}

/** The first life: a day of changes, cut off somewhere. */
async function liveUntilCut(seed: number, options: StartOptions, ledger: Ledger): Promise<Remains> {
  const { random } = options
  const disk = new SimulatedDisk({ seed: seed * 7 })
  const run = await Run.create({ disk, databaseFile: undefined }, options)
  planCut(run, random, [40, 18])
  // A first start that is cut off has promised nothing yet.
  await run.start().catch(unlessCut(disk))
  for (let step = 0; step < STEPS && !disk.isCut; step++) {
    const parallel = 1 + randomBelow(random, 3)
    const chosen = new Set(
      Array.from({ length: parallel }, () => pick(random, [...own, ...others])),
    )
    await Promise.all([...chosen].map((content) => oneChange(run, random, ledger, content)))
    await lookAround(run, random, ledger)
  }
  if (disk.isCut) cutInMidstCount += 1
  return run.cut({ isDatabaseBroken: isDatabaseBroken(seed) })
}

/** Cuts at any change, or at one of the rarer ones that promises hang on. */
function planCut(run: Run, random: Random, [any, rare]: [number, number]): void {
  const rareKinds: readonly DiskChange[] = ['sync', 'syncFolder', 'rename', 'remove', 'create']
  const isAny = random.unit() < 0.4
  const only = isAny ? undefined : [pick(random, rareKinds)]
  run.disk.cutPowerAt(randomBelow(random, isAny ? any : rare), {
    ...(only === undefined ? {} : { only }),
    onCut: () => run.database.cut(),
  })
}

async function oneChange(
  run: Run,
  random: Random,
  ledger: Ledger,
  content: Content,
): Promise<void> {
  const { cid, bytes, name } = content
  const { content: room, disk } = run
  const before = ledger.stateOf(cid)
  const visibility: Visibility = random.unit() < 0.5 ? 'public' : 'private'
  const added = {
    name: before?.name ?? name,
    visibility: before?.visibility === 'public' ? 'public' : visibility,
  } as const
  const chance = random.unit()
  if (before === undefined || chance < 0.2) {
    const options = { name, visibility, signal: never }
    const isOthers = others.includes(content)
    return ledger.change(disk, cid, added, () =>
      isOthers ? room.fetch(cid, options) : room.add(inPieces(bytes), options),
    )
  }
  if (chance < 0.6) return ledger.change(disk, cid, undefined, () => room.remove(cid))
  return ledger.change(disk, cid, { ...before, visibility }, () => room.update(cid, { visibility }))
}

/** Readers come by all day: what they are shown is right while everything is fine. */
async function lookAround(run: Run, random: Random, ledger: Ledger): Promise<void> {
  if (run.disk.isCut) return
  const { cid, bytes } = pick(random, own)
  const state = ledger.stateOf(cid)
  const [isHad] = await run.have([cid])
  expect(isHad).toBe(state?.visibility === 'public')
  if (state === undefined) return
  expect((await readAll(run.content.openBytes(cid))).equals(bytes)).toBe(true)
  if (bytes.length > MEBIBYTE) return
  const served = await run.gatewayBytes(cid)
  expect(served?.equals(bytes) ?? false).toBe(state.visibility === 'public')
}

/** Starts on what was left. In one of four the power goes once more while it starts. */
async function recover(from: Remains, options: StartOptions, ledger: Ledger): Promise<Run> {
  let remains = from
  if (options.random.unit() < 0.25) {
    const interrupted = await Run.create(remains, options)
    planCut(interrupted, options.random, [6, 3])
    await interrupted.start().catch(unlessCut(interrupted.disk))
    remains = await interrupted.cut({ isDatabaseBroken: false })
  }
  const run = await Run.create(remains, options)
  await run.start()
  await ledger.check(run, options.random)
  return run
}

/** Another start, after a clean stop or the next power cut, changes nothing; and life goes on. */
async function secondStart(run: Run, options: StartOptions, ledger: Ledger): Promise<void> {
  const { random } = options
  const before = { items: run.content.list(), files: run.disk.files() }
  const remains =
    random.unit() < 0.5 ? await run.stop() : await run.cut({ isDatabaseBroken: false })
  const again = await Run.create(remains, options)
  await again.start()
  expect({ items: again.content.list(), files: again.disk.files() }).toEqual(before)
  await ledger.check(again, random)
  await checkTakesMore(again, ledger, randomBelow(random, 2 ** 32))
  await ledger.check(again, random)
  await again.stop()
}

function pick<T>(random: Random, list: readonly T[]): T {
  const one = list[randomBelow(random, list.length)]
  if (one === undefined) throw new Error('nothing to pick from')
  return one
}

function unlessCut(disk: SimulatedDisk): (thrown: unknown) => void {
  return (thrown) => {
    if (!disk.isCut) throw thrown
  }
}
