// SPDX-License-Identifier: AGPL-3.0-or-later
/** A folder of many large files arrives with few of them open at a time: handles and memory are few. */
import { readdirSync, readlinkSync } from 'node:fs'
import type { CID } from 'multiformats/cid'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { OPEN_PARTIALS_MAX } from '../../src/content/blocks/limits.ts'
import { eachOf, fileEntry } from '../unit/content-folder-support.ts'
import { exportFrom } from './carry-support.ts'
import {
  bodiesIn,
  bytesOf,
  Cleanup,
  FakeCity,
  inPieces,
  MEBIBYTE,
  never,
  startNode,
  type TestNode,
} from './content-support.ts'

const FILES = 40
const city = new FakeCity()
const cleanup = new Cleanup()
let from: TestNode
let root: CID

beforeAll(async () => {
  from = await startNode({ name: 'from', city, cleanup })
  const entries = Array.from({ length: FILES }, (_, index) =>
    fileEntry(`photo ${index}`, bytesOf(900 + index, MEBIBYTE + 100)),
  )
  const options = { name: 'photos', visibility: 'public', signal: never } as const
  root = (await from.content.addFolder(eachOf(entries), options)).item.cid
})
afterAll(() => cleanup.run())

/** Files of a node's bodies that this process has open. */
function openIn(folder: string): number {
  return readdirSync('/proc/self/fd').filter((handle) => {
    try {
      return readlinkSync(`/proc/self/fd/${handle}`).startsWith(`${folder}/content/files`)
    } catch {
      // Closed meanwhile.
      return false
    }
  }).length
}

/** A body and its manifest each; one more may be opened before others are closed. */
const HANDLES_MAX = 2 * (OPEN_PARTIALS_MAX + 2)

it('when it is fetched', async () => {
  const to = await startNode({ name: 'fetching', city, cleanup })
  let mostOpen = 0
  const onProgress = (): void => {
    mostOpen = Math.max(mostOpen, openIn(to.folder))
  }
  await to.content.fetch(root, { visibility: 'private', signal: never, onProgress })
  expect(mostOpen).toBeGreaterThan(2)
  expect(mostOpen).toBeLessThanOrEqual(HANDLES_MAX)
  expect(await bodiesIn(to.folder)).toHaveLength(FILES)
})

it('when it is imported', async () => {
  const car = await exportFrom(from.content, root)
  const to = await startNode({ name: 'importing', city: new FakeCity(), cleanup })
  let mostOpen = 0
  async function* watched(): AsyncGenerator<Uint8Array> {
    for await (const piece of inPieces(car)) {
      mostOpen = Math.max(mostOpen, openIn(to.folder))
      yield piece
    }
  }
  const report = await to.content.importCar(watched(), { visibility: 'private', signal: never })
  expect(report.roots.map(({ kind }) => kind)).toEqual(['item'])
  expect(mostOpen).toBeGreaterThan(2)
  expect(mostOpen).toBeLessThanOrEqual(HANDLES_MAX)
  expect(await bodiesIn(to.folder)).toHaveLength(FILES)
})
