// SPDX-License-Identifier: AGPL-3.0-or-later
/** The power goes while a CAR file is imported: what was acknowledged stays, nothing half is an item. */
import type { CID } from 'multiformats/cid'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { SeededRandom } from '../../src/base/base.ts'
import { exportFrom } from '../integration/carry-support.ts'
import {
  bytesOf,
  Cleanup,
  FakeCity,
  inPieces,
  MEBIBYTE,
  never,
  startNode,
  tempFolder,
} from '../integration/content-support.ts'
import { SimulatedDisk } from '../support/simulated-disk.ts'
import { checkTakesMore, Ledger, Run } from './crash-support.ts'

const SIZES = [10, 70_000, 2 * MEBIBYTE + 9]
const SEEDS = Array.from({ length: 40 }, (_, index) => index + 1)

const cleanup = new Cleanup()
const contents: { cid: CID; bytes: Buffer; name: string }[] = []
let car: Buffer
let cutInMidstCount = 0

beforeAll(async () => {
  const { content } = await startNode({ name: 'source', city: new FakeCity(), cleanup })
  for (const [index, sizeBytes] of SIZES.entries()) {
    const bytes = bytesOf(500 + index, sizeBytes)
    const name = `${index}.bin`
    const options = { name, visibility: 'private', signal: never } as const
    contents.push({ cid: (await content.add(inPieces(bytes), options)).cid, bytes, name })
  }
  car = await exportFrom(content, ...contents.map(({ cid }) => cid))
})
afterAll(async () => {
  await cleanup.run()
  expect(cutInMidstCount).toBeGreaterThan(SEEDS.length / 2)
})

it.each(SEEDS)('keeps its promises through a power cut: seed %i', async (seed) => {
  const random = new SeededRandom(seed)
  const folder = await tempFolder(cleanup)
  const options = { city: new FakeCity(), name: `import ${seed}`, random, folder }
  const disk = new SimulatedDisk({ seed })
  const run = await Run.create({ disk, databaseFile: undefined }, options)
  await run.start()
  const ledger = new Ledger()
  for (const { cid, bytes } of contents) ledger.know(cid, bytes)
  disk.cutPowerAt(seed % 20, { onCut: () => run.database.cut() })
  const importing = run.content.importCar(inPieces(car), { visibility: 'public', signal: never })
  const outcome = importing.then(({ roots }) => {
    if (!disk.isCut) expect(roots.map(({ kind }) => kind)).toEqual(SIZES.map(() => 'item'))
  })
  // Before the cut there is nothing that could fail.
  const outcomeOrCut = outcome.catch((thrown: unknown) => {
    if (!disk.isCut) throw thrown
  })
  await Promise.all(
    contents.map(({ cid, name }) =>
      ledger.change(disk, cid, { name, visibility: 'public' }, () => outcomeOrCut),
    ),
  )
  if (disk.isCut) cutInMidstCount += 1
  const remains = await run.cut({ isDatabaseBroken: seed % 5 === 0 })

  const again = await Run.create(remains, options)
  await again.start()
  await ledger.check(again, random)
  const report = await again.content.importCar(inPieces(car), {
    visibility: 'public',
    signal: never,
  })
  expect(report.roots.map(({ kind }) => kind)).toEqual(SIZES.map(() => 'item'))
  for (const { cid, name } of contents) {
    await ledger.change(again.disk, cid, { name, visibility: 'public' }, () => {})
  }
  await ledger.check(again, random)
  await checkTakesMore(again, ledger, seed)
  await again.stop()
})
