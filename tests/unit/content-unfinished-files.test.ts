// SPDX-License-Identifier: AGPL-3.0-or-later
/** Beginnings of additions: what is believed of them, how many are kept, and for how long. */
import { beforeEach, expect, it } from 'vitest'
import { VirtualClock } from '../../src/base/base.ts'
import { UNFINISHED_AGE_MS_MAX, UNFINISHED_FILES_MAX } from '../../src/content/blocks/limits.ts'
import { Space } from '../../src/content/blocks/space.ts'
import type { UnfinishedFile } from '../../src/content/blocks/unfinished-file.ts'
import { UnfinishedFiles } from '../../src/content/blocks/unfinished-files.ts'
import { LEAF_BYTES } from '../../src/content/limits.ts'
import type { FileIdentity } from '../../src/content/unixfs/unixfs.ts'
import { SimulatedDisk } from '../support/simulated-disk.ts'

const FOLDER = '/incoming'
const NOW_MS = 1_700_000_000_000
const FILE_BYTES = 5 * LEAF_BYTES
/** Bytes of a record of one digest. */
const RECORD_BYTES = 4 + 32 + 32

let disk: SimulatedDisk
let clock: VirtualClock
let claimedBytes: () => Promise<boolean>

beforeEach(async () => {
  clock = new VirtualClock(NOW_MS)
  disk = new SimulatedDisk({ seed: 1, clock })
  await disk.makeFolder(FOLDER)
})

async function open(): Promise<UnfinishedFiles> {
  const options = { folder: FOLDER, storeBytesMax: 8 * LEAF_BYTES, freeBytesMin: 0 }
  const space = new Space({ disk, storedBytes: () => 0 }, options)
  claimedBytes = () => space.fits(8 * LEAF_BYTES)
  const files = new UnfinishedFiles(
    { disk, space, clock },
    { folder: FOLDER, addCheckpointBytes: LEAF_BYTES },
  )
  await files.open()
  return files
}

function identity(inode: number, more: Partial<FileIdentity> = {}): FileIdentity {
  const times = { modifiedAtNs: 1n, changedAtNs: 2n }
  return { device: 1n, inode: BigInt(inode), sizeBytes: FILE_BYTES, ...times, ...more }
}

const digestOf = (leaf: number): Buffer => Buffer.alloc(32, leaf + 1)

async function begin(files: UnfinishedFiles, of: FileIdentity): Promise<UnfinishedFile> {
  const file = await files.begin(of, 'copy')
  if (file === undefined) throw new Error('nobody else is adding it')
  return file
}

async function write(file: UnfinishedFile, leaves: readonly number[]): Promise<void> {
  for (const leaf of leaves) {
    file.body?.write(Buffer.alloc(LEAF_BYTES, leaf + 1))
    await file.leaf(digestOf(leaf))
  }
}

async function leave(files: UnfinishedFiles, of: FileIdentity, leavesCount: number): Promise<void> {
  const file = await begin(files, of)
  await write(file, [...Array(leavesCount).keys()])
  await file.keep()
}

it('goes on behind the last checkpoint, with the bytes that are there', async () => {
  await leave(await open(), identity(1), 3)
  const again = await begin(await open(), identity(1))
  expect(again.known).toEqual([0, 1, 2].map(digestOf))
  expect(again.body?.position).toBe(3 * LEAF_BYTES)
  await write(again, [3])
  await again.keep()
  const last = await begin(await open(), identity(1))
  expect(last.known).toEqual([0, 1, 2, 3].map(digestOf))
  await last.discard()
  expect(disk.files()).toEqual([])
})

it('never records the last leaf: there is always something left to read', async () => {
  await leave(await open(), identity(1), 5)
  expect((await begin(await open(), identity(1))).known).toHaveLength(4)
})

it.each([
  ['device', { device: 9n }],
  ['inode', { inode: 9n }],
  ['size', { sizeBytes: FILE_BYTES + 1 }],
  ['time of its bytes', { modifiedAtNs: 9n }],
  ['time of anything about it', { changedAtNs: 9n }],
])('takes a file with another %s for another file', async (_what, more) => {
  await leave(await open(), identity(1), 3)
  expect((await begin(await open(), identity(1, more))).known).toEqual([])
})

it.each([
  ['a torn record', 3 * RECORD_BYTES - 1, 2],
  ['a digest', 2 * RECORD_BYTES + 9, 2],
  ['a count', RECORD_BYTES, 1],
  ['the first record', 5, 0],
])('does not believe what stands behind rot in %s', async (_what, at, believed) => {
  await leave(await open(), identity(1), 3)
  disk.rot(logPath(), at * 8)
  const again = await begin(await open(), identity(1))
  expect(again.known).toEqual([0, 1, 2].slice(0, believed).map(digestOf))
  // What is recorded from here on counts again.
  await write(again, [0, 1, 2, 3].slice(believed))
  await again.keep()
  expect((await begin(await open(), identity(1))).known).toEqual([0, 1, 2, 3].map(digestOf))
})

it('starts over where bytes are missing that the log has', async () => {
  await leave(await open(), identity(1), 3)
  const body = await disk.openForWriting(logPath().replace('.leaves', ''))
  await body.truncate(3 * LEAF_BYTES - 1)
  await body.close()
  const again = await begin(await open(), identity(1))
  expect(again.known).toEqual([])
  await write(again, [0])
  await again.discard()
  expect(disk.files()).toEqual([])
})

it('gives nobody what another one is writing', async () => {
  const files = await open()
  const first = await begin(files, identity(1))
  expect(await files.begin(identity(1), 'copy')).toBeUndefined()
  await first.discard()
  expect(await files.begin(identity(1), 'copy')).toBeDefined()
})

it('keeps few, the latest, and not without end', async () => {
  const files = await open()
  for (let inode = 0; inode < UNFINISHED_FILES_MAX + 2; inode++) {
    clock.setWallMs(NOW_MS + inode)
    await leave(files, identity(inode), 1)
  }
  expect(files.idleCount).toBe(UNFINISHED_FILES_MAX)
  expect((await begin(files, identity(1))).known).toEqual([])
  clock.setWallMs(NOW_MS + 3 + UNFINISHED_AGE_MS_MAX)
  const again = await open()
  expect(again.idleCount).toBe(UNFINISHED_FILES_MAX - 1)
  clock.setWallMs(0)
  await again.sweep()
  expect(again.idleCount).toBe(UNFINISHED_FILES_MAX - 1)
})

it('counts what it takes of the store until it is gone', async () => {
  const files = await open()
  await leave(files, identity(1), 1)
  expect(await claimedBytes()).toBe(false)
  const again = await open()
  expect(await claimedBytes()).toBe(false)
  await again.removeOldest()
  expect(await claimedBytes()).toBe(true)
  expect(disk.files()).toEqual([])
})

it('removes what an earlier run left that nobody can go on with', async () => {
  for (const name of ['7', 'copy-ab-1', 'copy-cd-2.leaves']) {
    await (await disk.create(`${FOLDER}/${name}`)).close()
  }
  await open()
  expect(disk.files()).toEqual([])
})

it('lets the addition go on when a checkpoint cannot be written, and keeps nothing then', async () => {
  const files = await open()
  // After that of the body.
  disk.fail({ call: 'create', code: 'ENOSPC', after: 1 })
  const file = await begin(files, identity(1))
  await write(file, [0, 1, 2, 3])
  await file.body?.sync()
  expect(file.body?.failure).toBeUndefined()
  await file.keep()
  expect(disk.files()).toEqual([])
})

function logPath(): string {
  const log = disk.files().find((path) => path.endsWith('.leaves'))
  if (log === undefined) throw new Error('there is a log')
  return log
}
