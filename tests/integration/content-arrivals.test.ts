// SPDX-License-Identifier: AGPL-3.0-or-later
/** What never arrived whole: kept for another try, and not without end. */
import { afterEach, beforeEach, expect, it } from 'vitest'
import { VirtualClock } from '../../src/base/base.ts'
import { IDLE_ARRIVAL_MS_MAX, NOTE_MS } from '../../src/content/limits.ts'
import { carOf, contentsOf, exportFrom, fates, importInto } from './carry-support.ts'
import {
  bytesOf,
  Cleanup,
  FakeCity,
  inPieces,
  MEBIBYTE,
  never,
  startNode,
  type TestNode,
  tempFolder,
} from './content-support.ts'

const NOW_MS = 1_700_000_000_000
const DAY_MS = 24 * 3600_000

let cleanup: Cleanup
let folder: string
let node: TestNode | undefined
/** Two halves of a CAR, which only together are an item. */
let halves: readonly [Buffer, Buffer]
let item: string
/** What is said when the second half comes, and the first has been forgotten. */
let alone: string

beforeEach(async () => {
  cleanup = new Cleanup()
  const other = await startNode({ name: 'other', city: new FakeCity(), cleanup })
  const options = { name: 'film', visibility: 'private', signal: never } as const
  const { cid } = await other.content.add(inPieces(bytesOf(1, 4 * MEBIBYTE)), options)
  const { roots, blocks } = await contentsOf(await exportFrom(other.content, cid))
  const middle = Math.floor(blocks.length / 2)
  const carOfSome = (from: number, to?: number): Buffer =>
    carOf({ roots, blocks: blocks.slice(from, to) })
  halves = [carOfSome(0, middle), carOfSome(middle)]
  item = `item ${cid}`
  alone = `incomplete ${cid}: 1`
  folder = await tempFolder(cleanup)
  node = undefined
})
afterEach(() => cleanup.run())

/** The node, started anew when the wall clock shows so much, and once looked through. */
async function at(wallMs: number): Promise<TestNode> {
  await node?.stop()
  const clock = new VirtualClock(wallMs)
  node = await startNode({ name: 'node', city: new FakeCity(), cleanup, folder, deps: { clock } })
  clock.advance(NOTE_MS)
  // Stopping waits until it has looked.
  await node.stop()
  node = await startNode({ name: 'node', city: new FakeCity(), cleanup, folder, deps: { clock } })
  return node
}

/** What became of the item; its name and title are another root. */
const bring = async ({ content }: TestNode, half: 0 | 1): Promise<string | undefined> =>
  fates(await importInto(content, halves[half]))[0]

it('stays for a while, until the rest comes', async () => {
  await bring(await at(NOW_MS), 0)
  expect(await bring(await at(NOW_MS + IDLE_ARRIVAL_MS_MAX - DAY_MS), 1)).toBe(item)
})

it('is forgotten when nobody has tried for a month', async () => {
  const started = await at(NOW_MS)
  await bring(started, 0)
  const storedBytes = started.content.statistics().storedBytes
  const later = await at(NOW_MS + IDLE_ARRIVAL_MS_MAX + DAY_MS)
  expect(later.content.statistics().storedBytes).toBeLessThan(storedBytes)
  expect(await bring(later, 1)).toBe(alone)
})

it('stays when somebody tries again', async () => {
  await bring(await at(NOW_MS), 0)
  await bring(await at(NOW_MS + IDLE_ARRIVAL_MS_MAX - DAY_MS), 0)
  expect(await bring(await at(NOW_MS + 2 * IDLE_ARRIVAL_MS_MAX - 2 * DAY_MS), 1)).toBe(item)
})

it('is of no age when it came while the clock was not set', async () => {
  await bring(await at(DAY_MS), 0)
  expect(await bring(await at(NOW_MS), 1)).toBe(item)
})
