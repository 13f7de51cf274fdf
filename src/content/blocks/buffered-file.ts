// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * A file that is being written: bytes are copied into a few buffers that go round, and at most one
 * write is under way. The first failure ends it, and is told to whoever waits next. What was written
 * counts only after `sync`; until then the file may hold anything.
 */
import { asError, CodedError, invariant } from '../../base/base.ts'
import { diskError } from '../errors.ts'
import { WRITE_BYTES } from '../limits.ts'
import type { DiskFile } from './disk.ts'
import type { SpaceClaim } from './space.ts'

/** A write of fresh bytes, or a repetition of bytes that the file has already. */
type Step =
  | { at: number; sizeBytes: number; buffer: Uint8Array }
  | { at: number; sizeBytes: number; from: number }

export interface BufferedFileDeps {
  path: string
  file: DiskFile
  space: SpaceClaim
  /** Where the first byte goes; default the beginning. */
  startAt?: number
}

export class BufferedFile {
  readonly path: string
  readonly #file: DiskFile
  readonly #space: SpaceClaim
  readonly #queue: Step[] = []
  readonly #free: Uint8Array[] = []
  readonly #waiting: { isDue: () => boolean; resume: () => void }[] = []
  /** The buffer that is being filled, and how far. */
  #buffer: Uint8Array | undefined
  #filledBytes = 0
  /** Bytes in the queue and in the write under way. */
  #queuedBytes = 0
  /** Of all that was ever queued, how much is written: the queue keeps its order. */
  #writtenBytes = 0
  /** Where the buffer that is being filled will go. */
  #nextAt: number
  #writing: Promise<void> | undefined
  #failure: Error | undefined
  #isClosed = false

  constructor({ path, file, space, startAt = 0 }: BufferedFileDeps) {
    this.path = path
    this.#file = file
    this.#space = space
    this.#nextAt = startAt
  }

  /** Where the next byte goes. */
  get position(): number {
    return this.#nextAt + this.#filledBytes
  }

  /** Bytes accepted and not written. Whoever writes waits when they are too many. */
  get unwrittenBytes(): number {
    return this.#queuedBytes + this.#filledBytes
  }

  get failure(): Error | undefined {
    return this.#failure
  }

  /** Appends a copy of `piece`. @throws the failure of an earlier write */
  write(piece: Uint8Array): void {
    if (this.#failure !== undefined) throw this.#failure
    for (let at = 0; at < piece.length; ) {
      const buffer = this.#buffer ?? this.#nextBuffer()
      const end = Math.min(piece.length, at + buffer.length - this.#filledBytes)
      buffer.set(
        at === 0 && end === piece.length ? piece : piece.subarray(at, end),
        this.#filledBytes,
      )
      this.#filledBytes += end - at
      at = end
      if (this.#filledBytes === buffer.length) this.#flush()
    }
  }

  /** Appends what the file has at `from` already (or will have, by what was appended before). */
  repeat(from: number, sizeBytes: number): void {
    if (this.#failure !== undefined) throw this.#failure
    this.#flush()
    this.#enqueue({ at: this.#nextAt, from, sizeBytes })
  }

  /** The next bytes go to `position`. */
  seek(position: number): void {
    if (position === this.position) return
    this.#flush()
    this.#nextAt = position
  }

  /** Waits until at most `limitBytes` are unwritten. @throws the failure of a write */
  drained(limitBytes: number): Promise<void> {
    return this.#until(() => this.unwrittenBytes <= limitBytes)
  }

  /**
   * All that was written before survives a power cut when this returns. Others may go on writing
   * meanwhile: that is not waited for.
   */
  async sync(): Promise<void> {
    this.#flush()
    // Others go on appending: to wait until nothing is left to write might be to wait for ever.
    const goalBytes = this.#writtenBytes + this.#queuedBytes
    await this.#until(() => this.#writtenBytes >= goalBytes)
    try {
      await this.#file.sync()
    } catch (thrown) {
      // What a failed sync has left on the disk nobody knows: nothing may follow it.
      this.#failure ??= asError(diskError(thrown))
      throw this.#failure
    }
  }

  /** All bytes are on the disk and survive a power cut; the file is closed. */
  async finish(): Promise<void> {
    await this.sync()
    await this.#writing
    this.#isClosed = true
    await this.#file.close()
  }

  /** Closes the file, whatever state it is in, and frees its claim to space. */
  async abandon(): Promise<void> {
    this.#failure ??= new CodedError('ABORTED', 'The file was given up.')
    await this.#writing
    this.#space.release()
    if (this.#isClosed) return
    this.#isClosed = true
    // Nothing of it is kept, so that a failing close loses nothing.
    await this.#file.close().catch(() => {})
  }

  #nextBuffer(): Uint8Array {
    const buffer = this.#free.pop() ?? Buffer.allocUnsafeSlow(WRITE_BYTES)
    this.#buffer = buffer
    return buffer
  }

  #flush(): void {
    if (this.#buffer === undefined || this.#filledBytes === 0) return
    const step = { at: this.#nextAt, buffer: this.#buffer, sizeBytes: this.#filledBytes }
    this.#buffer = undefined
    this.#filledBytes = 0
    this.#enqueue(step)
  }

  #enqueue(step: Step): void {
    this.#queue.push(step)
    this.#nextAt = step.at + step.sizeBytes
    this.#queuedBytes += step.sizeBytes
    this.#writing ??= this.#writeAll()
  }

  /** Never rejects: a failure is kept for those who wait. */
  async #writeAll(): Promise<void> {
    try {
      for (let step = this.#queue.shift(); step !== undefined; step = this.#queue.shift()) {
        if (this.#failure !== undefined) break
        await this.#writeOne(step)
        if ('buffer' in step) this.#free.push(step.buffer)
        this.#queuedBytes -= step.sizeBytes
        this.#writtenBytes += step.sizeBytes
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
    if ('buffer' in step) {
      return this.#file.write(step.buffer.subarray(0, step.sizeBytes), step.at)
    }
    const buffer = this.#free.pop() ?? Buffer.allocUnsafeSlow(WRITE_BYTES)
    for (let done = 0; done < step.sizeBytes && this.#failure === undefined; ) {
      const part = buffer.subarray(0, Math.min(buffer.length, step.sizeBytes - done))
      const filledBytes = await this.#file.read(part, step.from + done)
      invariant(filledBytes === part.length, 'what was written can be read again')
      await this.#file.write(part, step.at + done)
      done += filledBytes
    }
    this.#free.push(buffer)
  }

  async #until(isDue: () => boolean): Promise<void> {
    if (!isDue() && this.#failure === undefined) {
      await new Promise<void>((resume) => this.#waiting.push({ isDue, resume }))
    }
    if (this.#failure !== undefined) throw this.#failure
  }

  #wake(): void {
    for (const waiter of this.#waiting.splice(0)) {
      if (this.#failure !== undefined || waiter.isDue()) waiter.resume()
      else this.#waiting.push(waiter)
    }
  }
}
