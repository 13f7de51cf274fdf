// SPDX-License-Identifier: AGPL-3.0-or-later
/** A file that many append to: each waits for its own bytes, and for nobody else's. */
import { expect, it } from 'vitest'
import { BufferedFile } from '../../src/content/blocks/buffered-file.ts'
import type { DiskFile } from '../../src/content/blocks/disk.ts'

const space = { take: () => Promise.resolve(), count: () => {}, release: () => {} }

/** A file in memory whose syncs end when the test says so. */
class SlowFile implements DiskFile {
  readonly bytes = Buffer.alloc(4096)
  syncedBytes = 0
  sizeBytes = 0
  readonly syncs: (() => void)[] = []

  async read(buffer: Uint8Array, position: number): Promise<number> {
    buffer.set(this.bytes.subarray(position, position + buffer.length))
    return buffer.length
  }

  async write(bytes: Uint8Array, position: number): Promise<void> {
    this.bytes.set(bytes, position)
    this.sizeBytes = Math.max(this.sizeBytes, position + bytes.length)
  }

  async sync(): Promise<void> {
    const sizeBytes = this.sizeBytes
    await new Promise<void>((resolve) => this.syncs.push(resolve))
    this.syncedBytes = sizeBytes
  }

  truncate = () => Promise.resolve()
  close = () => Promise.resolve()
  facts = () => Promise.resolve({ sizeBytes: this.sizeBytes, modifiedAtMs: 0 })
}

it('a sync does not wait for what others write meanwhile', async () => {
  const disk = new SlowFile()
  const file = new BufferedFile({ path: '', file: disk, space })
  file.write(Buffer.from('mine'))
  const syncing = file.sync()
  // Too little to be written by itself: it stays in the buffer for as long as nobody asks.
  file.write(Buffer.from('theirs'))
  while (disk.syncs.length === 0) await new Promise((resolve) => setImmediate(resolve))
  disk.syncs.shift()?.()
  await syncing
  expect(disk.syncedBytes).toBe(4)
  expect(file.position).toBe(10)
})

it('what was sought and repeated lies where it belongs', async () => {
  const disk = new SlowFile()
  const file = new BufferedFile({ path: '', file: disk, space })
  file.seek(6)
  file.write(Buffer.from('abc'))
  file.repeat(6, 3)
  file.seek(0)
  file.write(Buffer.from('start'))
  await file.drained(5)
  const syncing = file.sync()
  while (disk.syncs.length === 0) await new Promise((resolve) => setImmediate(resolve))
  disk.syncs.shift()?.()
  await syncing
  expect(disk.bytes.subarray(0, 12).toString()).toBe('start\0abcabc')
})
