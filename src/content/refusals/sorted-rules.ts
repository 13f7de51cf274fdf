// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Rules in the order of their keys, of which only a part is ever in memory: they are written to a
 * scratch file as they come, and read back once for each part of all possible keys. A table filled
 * in the order of its keys takes half the space, and a tenth of the writes to an SD card.
 */
import type { Disk, DiskFile } from '../blocks/blocks.ts'
import { LIST_READ_BYTES, SORT_RULES_MAX } from './limits.ts'
import { KEY_BYTES } from './names.ts'

/** A key, and the line; below zero for an exception. */
const RECORD_BYTES = KEY_BYTES + 4
const BUFFER_BYTES = LIST_READ_BYTES - (LIST_READ_BYTES % RECORD_BYTES)
const HEADS = 2 ** 32

export class RuleSpool {
  readonly #file: DiskFile
  readonly #sortMax: number
  readonly #buffer = Buffer.alloc(BUFFER_BYTES)
  #filledBytes = 0
  #writtenBytes = 0
  readonly #waiting: Buffer[] = []

  constructor(file: DiskFile, sortMax = SORT_RULES_MAX) {
    this.#file = file
    this.#sortMax = sortMax
  }

  get count(): number {
    const waitingBytes = this.#waiting.length * BUFFER_BYTES
    return (this.#writtenBytes + waitingBytes + this.#filledBytes) / RECORD_BYTES
  }

  add(key: Uint8Array, line: number): void {
    this.#buffer.set(key, this.#filledBytes)
    this.#buffer.writeInt32LE(line, this.#filledBytes + KEY_BYTES)
    this.#filledBytes += RECORD_BYTES
    if (this.#filledBytes < BUFFER_BYTES) return
    this.#waiting.push(Buffer.from(this.#buffer))
    this.#filledBytes = 0
  }

  /** Writes what has come so far. */
  async flush(): Promise<void> {
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      await this.#file.write(next, this.#writtenBytes)
      this.#writtenBytes += next.length
    }
  }

  /** All rules, in runs; sorted within a run, and mostly from run to run. */
  async *runs(): AsyncGenerator<SortedRun> {
    await this.flush()
    await this.#file.write(this.#buffer.subarray(0, this.#filledBytes), this.#writtenBytes)
    const endBytes = this.#writtenBytes + this.#filledBytes
    // Hashes are spread evenly; where a hostile list's are not, a part takes more than one run.
    const parts = Math.max(1, Math.ceil((1.02 * endBytes) / RECORD_BYTES / this.#sortMax))
    const run = new SortedRun(Math.min(this.#sortMax, endBytes / RECORD_BYTES))
    for (let part = 0; part < parts; part++) {
      const from = Math.floor((part * HEADS) / parts)
      const to = Math.floor(((part + 1) * HEADS) / parts)
      for (let at = 0; at < endBytes; at += BUFFER_BYTES) {
        const read = await this.#file.read(this.#buffer, at)
        const records = this.#buffer.subarray(0, Math.min(read, endBytes - at))
        for (let offset = 0; offset < records.length; offset += RECORD_BYTES) {
          const head = records.readUInt32BE(offset)
          if (head < from || head >= to) continue
          if (run.isFull) {
            yield run
            run.clear()
          }
          run.add(head, records, offset)
        }
      }
      if (run.count > 0) yield run
      run.clear()
    }
  }
}

/** Sorted by the first 4 bytes of the key, and rules alike in those in the order they came in. */
export class SortedRun {
  readonly #records: Buffer
  /** The head of the key and the place in `records`, in one number that sorts natively. */
  readonly #order: Float64Array
  readonly #size: number
  #count = 0

  constructor(size: number) {
    this.#size = size
    this.#records = Buffer.alloc(size * RECORD_BYTES)
    this.#order = new Float64Array(size)
  }

  get count(): number {
    return this.#count
  }

  get isFull(): boolean {
    return this.#count === this.#size
  }

  add(head: number, from: Buffer, offset: number): void {
    from.copy(this.#records, this.#count * RECORD_BYTES, offset, offset + RECORD_BYTES)
    this.#order[this.#count] = head * SORT_RULES_MAX + this.#count
    this.#count += 1
  }

  clear(): void {
    this.#count = 0
  }

  /** The keys are views: they hold until the run is cleared. */
  *sorted(): Generator<{ key: Uint8Array; line: number }> {
    for (const place of this.#order.subarray(0, this.#count).sort()) {
      const at = (place % SORT_RULES_MAX) * RECORD_BYTES
      const key = this.#records.subarray(at, at + KEY_BYTES)
      yield { key, line: this.#records.readInt32LE(at + KEY_BYTES) }
    }
  }
}

/** The scratch file of a list that is being read, gone when its scope ends. */
export async function createSpool(
  disk: Disk,
  path: string,
): Promise<AsyncDisposable & { spool: RuleSpool }> {
  await disk.remove(path)
  const file = await disk.create(path)
  return {
    spool: new RuleSpool(file),
    [Symbol.asyncDispose]: async () => {
      await file.close()
      await disk.remove(path)
    },
  }
}
