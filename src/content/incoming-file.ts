// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * A file that is being written: bytes are queued, at most one write is under way, and what came
 * meanwhile goes out together with the next. The first failure ends it, and is told to whoever
 * waits next. Nobody sees the file before it is whole, on disk and under its own name.
 */
import { asError, invariant } from '../base/base.ts'
import type { DiskFile } from './disk.ts'
import { diskError } from './errors.ts'
import { READ_BYTES } from './limits.ts'
import type { SpaceClaim } from './space.ts'

/** A write of fresh bytes, or a repetition of bytes that the file has already. */
type Step =
  | { pieces: Uint8Array[]; sizeBytes: number; written: (() => void)[] }
  | { from: number; sizeBytes: number }

export class IncomingFile {
  readonly path: string
  readonly #file: DiskFile
  readonly #space: SpaceClaim
  readonly #queue: Step[] = []
  readonly #waiting: { limitBytes: number; resume: () => void }[] = []
  #position = 0
  #unwrittenBytes = 0
  #writing: Promise<void> | undefined
  #failure: Error | undefined
  #isClosed = false

  constructor(deps: { path: string; file: DiskFile; space: SpaceClaim }) {
    this.path = deps.path
    this.#file = deps.file
    this.#space = deps.space
  }

  /** Bytes accepted so far, written or not. */
  get sizeBytes(): number {
    return this.#position + this.#unwrittenBytes
  }

  get unwrittenBytes(): number {
    return this.#unwrittenBytes
  }

  /**
   * Appends `pieces`, which must not change until `written` is called.
   * @throws the failure of an earlier write
   */
  append(pieces: Uint8Array[], sizeBytes: number, written: () => void = () => {}): void {
    this.#accept(sizeBytes)
    const last = this.#queue.at(-1)
    if (last !== undefined && 'pieces' in last) {
      last.pieces.push(...pieces)
      last.sizeBytes += sizeBytes
      last.written.push(written)
    } else {
      this.#queue.push({ pieces, sizeBytes, written: [written] })
    }
    this.#kick()
  }

  /** Appends what the file has at `from` already (or will have, by what was appended before). */
  repeat(from: number, sizeBytes: number): void {
    invariant(from + sizeBytes <= this.sizeBytes, 'only bytes that came before are repeated')
    this.#accept(sizeBytes)
    this.#queue.push({ from, sizeBytes })
    this.#kick()
  }

  /** Waits until at most `limitBytes` are unwritten. @throws the failure of a write */
  async drained(limitBytes: number): Promise<void> {
    if (this.#unwrittenBytes > limitBytes && this.#failure === undefined) {
      await new Promise<void>((resume) => this.#waiting.push({ limitBytes, resume }))
    }
    if (this.#failure !== undefined) throw this.#failure
  }

  /** All bytes are on the disk and survive a power cut; the file is closed. */
  async finish(): Promise<void> {
    await this.drained(0)
    await this.#writing
    try {
      await this.#file.sync()
    } catch (thrown) {
      throw diskError(thrown)
    }
    this.#isClosed = true
    await this.#file.close()
  }

  /** Gives up: closes the file, whatever state it is in. Its owner removes it. */
  async abandon(): Promise<void> {
    this.#failure ??= new Error('the file was abandoned')
    await this.#writing
    this.#space.release()
    if (this.#isClosed) return
    this.#isClosed = true
    // Nothing of it is kept, so that a failing close loses nothing.
    await this.#file.close().catch(() => {})
  }

  #accept(sizeBytes: number): void {
    if (this.#failure !== undefined) throw this.#failure
    this.#unwrittenBytes += sizeBytes
  }

  #kick(): void {
    this.#writing ??= this.#writeAll()
  }

  /** Never rejects: a failure is kept for those who wait. */
  async #writeAll(): Promise<void> {
    // One turn of patience, so that what arrives together is written together.
    await Promise.resolve()
    try {
      for (let step = this.#queue.shift(); step !== undefined; step = this.#queue.shift()) {
        if (this.#failure !== undefined) break
        await this.#writeOne(step)
        this.#position += step.sizeBytes
        this.#unwrittenBytes -= step.sizeBytes
        this.#wake()
      }
    } catch (thrown) {
      this.#failure ??= asError(diskError(thrown))
    }
    this.#writing = undefined
    this.#wake()
  }

  async #writeOne(step: Step): Promise<void> {
    await this.#space.take(step.sizeBytes)
    if ('pieces' in step) {
      await this.#file.write(step.pieces, this.#position)
      for (const written of step.written) written()
      return
    }
    const buffer = new Uint8Array(Math.min(READ_BYTES, step.sizeBytes))
    for (let done = 0; done < step.sizeBytes; ) {
      const part = buffer.subarray(0, Math.min(buffer.length, step.sizeBytes - done))
      const filled = await this.#file.read(part, step.from + done)
      invariant(filled === part.length, 'what was written can be read again')
      await this.#file.write([part], this.#position + done)
      done += filled
    }
  }

  #wake(): void {
    for (const waiter of this.#waiting.splice(0)) {
      const isDue = this.#failure !== undefined || this.#unwrittenBytes <= waiter.limitBytes
      if (isDue) waiter.resume()
      else this.#waiting.push(waiter)
    }
  }
}
