// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Where an item's blocks go while they arrive. The reader hands over bytes as they come and does not
 * wait; opening the file that they belong to takes the disk a moment. What comes meanwhile is copied
 * and kept for then: no more than one piece of the connection, since the next is not read before.
 */

import type { CID } from 'multiformats/cid'
import { copyOf } from '../../base/base.ts'
import type { Intake, PartialBody } from '../blocks/blocks.ts'
import type { DagSink } from '../car/car.ts'
import { UNWRITTEN_BYTES_MAX } from '../limits.ts'
import type { BlockName } from '../unixfs/unixfs.ts'

type Step = () => void

/** What may end a transfer: both may throw. */
export interface ArrivingChecks {
  /** Ends a wait for a file that somebody else writes to. */
  signal: AbortSignal
  /** Finds room for what comes of a large file, before its first byte is taken or counted. */
  onSize(sizeBytes: number): Promise<void>
  /** Told of every block but the leaves of large files. */
  checkBlock(digest: Uint8Array): void
}

export class Arriving implements DagSink {
  readonly #intake: Intake
  readonly #checks: ArrivingChecks
  /** What waits for a file to be open, in order. */
  readonly #waiting: Step[] = []
  #opening: Promise<void> | undefined
  #body: PartialBody | undefined
  /** Where the next byte of the file belongs. */
  #offset = 0

  constructor(intake: Intake, checks: ArrivingChecks) {
    this.#intake = intake
    this.#checks = checks
  }

  /** Resolves when more may come; undefined: at once. */
  busy(): Promise<void> | undefined {
    const unwrittenBytes = this.#body?.unwrittenBytes ?? 0
    const isBusy =
      this.#opening !== undefined ||
      this.#intake.isFull ||
      this.#intake.hasManyBodies ||
      unwrittenBytes > UNWRITTEN_BYTES_MAX
    return isBusy ? this.#settle() : undefined
  }

  /** Everything that came has been taken. */
  async settled(): Promise<void> {
    while (this.#opening !== undefined) await this.#opening
  }

  block(name: BlockName, bytes: Uint8Array): void {
    this.#checks.checkBlock(name.digest)
    if (this.#isWaiting) {
      const copy = copyOf(bytes)
      this.#later(() => this.#intake.put(name, copy))
    } else this.#intake.put(name, bytes)
  }

  fileStarted(root: CID, sizeBytes: number): void {
    this.#checks.checkBlock(root.multihash.digest)
    this.#open(root, sizeBytes, 0)
  }

  fileResumed(root: CID, sizeBytes: number, offset: number): void {
    this.#open(root, sizeBytes, offset)
  }

  fileNode(name: BlockName, bytes: Uint8Array): void {
    const copy = this.#isWaiting ? copyOf(bytes) : bytes
    this.#do(() => {
      if (!this.#intake.has(name.digest)) this.#file.node(name, copy)
    })
  }

  fileBytes(piece: Uint8Array): void {
    if (this.#isWaiting) {
      const copy = copyOf(piece)
      this.#later(() => this.#write(copy))
    } else this.#write(piece)
  }

  fileLeaf(digest: Uint8Array, offset: number, sizeBytes: number): void {
    const copy = copyOf(digest)
    this.#do(() => this.#file.leaf(copy, offset, sizeBytes))
  }

  fileRepeat(name: BlockName, sizeBytes: number, from: number | undefined): void {
    this.#do(() => {
      if (from !== undefined) {
        this.#file.repeat(from, sizeBytes)
      } else {
        // It lies elsewhere in the store, and is read there; here stays a hole.
        this.#intake.has(name.digest)
        this.#file.seek(this.#offset + sizeBytes)
      }
      this.#offset += sizeBytes
    })
  }

  fileEnded(): void {
    this.#do(() => {
      this.#file.isEnded = true
      this.#body = undefined
    })
  }

  repeat(_name: BlockName): void {
    // It is in the store since it came first.
  }

  get #isWaiting(): boolean {
    return this.#opening !== undefined || this.#waiting.length > 0
  }

  get #file(): PartialBody {
    if (this.#body === undefined) throw new TypeError('bytes of a file come after it was opened')
    return this.#body
  }

  #write(piece: Uint8Array): void {
    this.#file.write(piece)
    this.#offset += piece.length
  }

  #open(root: CID, sizeBytes: number, offset: number): void {
    this.#do(() => {
      // What is counted already, in the store or as a claim, would be counted twice.
      const neededBytes = this.#intake.countsBody(root) ? 0 : sizeBytes - offset
      this.#opening = this.#checks
        .onSize(neededBytes)
        .then(() => this.#intake.openPartial(root, sizeBytes, this.#checks.signal))
        .then((body) => {
          body.seek(offset)
          this.#body = body
          this.#offset = offset
          this.#opening = undefined
          this.#catchUp()
        })
      // Whoever waits for it hears of its failure; nothing is taken after it.
      this.#opening.catch(() => {})
    })
  }

  #do(step: Step): void {
    if (this.#isWaiting) this.#later(step)
    else step()
  }

  #later(step: Step): void {
    this.#waiting.push(step)
  }

  #catchUp(): void {
    while (this.#opening === undefined) {
      const step = this.#waiting.shift()
      if (step === undefined) return
      step()
    }
  }

  async #settle(): Promise<void> {
    await this.settled()
    await this.#body?.ready()
    if (this.#intake.hasManyBodies) await this.#intake.closeBodies(this.#body)
    if (this.#intake.isFull) await this.#intake.ready()
  }
}
