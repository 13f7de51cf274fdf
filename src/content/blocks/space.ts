// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * How much may still be written: the owner's limits on the store and on the free space of the disk.
 * The disk itself is asked only now and then; when it is full before we know, it says so itself.
 */

import { storeFull } from '../errors.ts'
import { HEADROOM_BYTES, HEADROOM_PARTS, SPACE_CHECK_BYTES } from '../limits.ts'
import type { Disk } from './disk.ts'

export interface SpaceOptions {
  /** Any folder on the disk of the store. */
  folder: string
  /** How much all items may take. 0: no limit of our own. */
  storeBytesMax: number
  /** How much of the disk stays free. */
  freeBytesMin: number
}

/** The space that one file takes while it grows. */
export interface SpaceClaim {
  /** @throws CodedError `STORE_FULL` when `sizeBytes` more do not fit. */
  take(sizeBytes: number): Promise<void>
  /** Counts bytes that the file has already. */
  count(sizeBytes: number): void
  /** The file is gone, or an item that is counted as such. */
  release(): void
}

export class Space {
  readonly #disk: Disk
  readonly #options: SpaceOptions
  readonly #storedBytes: () => number
  #claimedBytes = 0

  /** @param deps.storedBytes what all items take now. */
  constructor(deps: { disk: Disk; storedBytes: () => number }, options: SpaceOptions) {
    this.#disk = deps.disk
    this.#storedBytes = deps.storedBytes
    this.#options = options
  }

  /** What all items take, with what is being written. */
  get takenBytes(): number {
    return this.#storedBytes() + this.#claimedBytes
  }

  /** Whether so many bytes more would fit now. */
  async fits(sizeBytes: number): Promise<boolean> {
    const { folder, freeBytesMin } = this.#options
    if (!this.#isWithinLimit(sizeBytes)) return false
    return (await this.#disk.freeBytes(folder)) - sizeBytes >= freeBytesMin
  }

  /** @throws CodedError `STORE_FULL` when a file of this size would not fit now. */
  async check(sizeBytes: number): Promise<void> {
    if (!(await this.fits(sizeBytes))) throw storeFull()
  }

  /**
   * For a file to which also what frees space is written: counted, and never refused by the owner's
   * limits. What else goes there passes a gate before.
   */
  countingClaim(): SpaceClaim {
    let claimedBytes = 0
    const count = (sizeBytes: number): void => {
      claimedBytes += sizeBytes
      this.#claimedBytes += sizeBytes
    }
    return {
      take: (sizeBytes) => Promise.resolve(count(sizeBytes)),
      count,
      release: () => {
        this.#claimedBytes -= claimedBytes
        claimedBytes = 0
      },
    }
  }

  /** For a file whose bytes were counted beforehand: only whether the disk has room is asked. */
  countedClaim(): SpaceClaim {
    const isFree = this.#diskGate()
    return { take: (sizeBytes) => isFree(sizeBytes), count: () => {}, release: () => {} }
  }

  /**
   * For bytes that will be counted elsewhere: a function that lets them pass.
   * @throws CodedError, when it is called, `STORE_FULL`
   */
  gate(): (sizeBytes: number, writtenBytes: number) => Promise<void> {
    const isFree = this.#diskGate()
    return async (sizeBytes, writtenBytes) => {
      if (!this.#isWithinLimit(sizeBytes)) throw storeFull()
      await isFree(sizeBytes + writtenBytes)
    }
  }

  #isWithinLimit(sizeBytes: number): boolean {
    const { storeBytesMax } = this.#options
    const afterBytes = this.takenBytes + sizeBytes
    return storeBytesMax === 0 || afterBytes <= storeBytesMax
  }

  #diskGate(): (sizeBytes: number) => Promise<void> {
    let passedBytes = SPACE_CHECK_BYTES
    return async (sizeBytes) => {
      passedBytes += sizeBytes
      if (passedBytes < SPACE_CHECK_BYTES) return
      passedBytes = sizeBytes
      const { folder, freeBytesMin } = this.#options
      const freeBytes = await this.#disk.freeBytes(folder)
      if (freeBytes - sizeBytes < freeBytesMin) throw storeFull()
    }
  }

  /** Bytes that others make room for at once: no more than a part of a small store. */
  get headroomBytes(): number {
    const { storeBytesMax } = this.#options
    if (storeBytesMax === 0) return HEADROOM_BYTES
    return Math.min(HEADROOM_BYTES, Math.floor(storeBytesMax / HEADROOM_PARTS))
  }

  claim(): SpaceClaim {
    let claimedBytes = 0
    let checkedBytes = 0
    return {
      take: async (sizeBytes) => {
        if (claimedBytes + sizeBytes > checkedBytes) {
          await this.check(sizeBytes)
          // A limit of our own is known at every byte; that of the disk is looked up now and then.
          const isExact = this.#options.storeBytesMax > 0
          checkedBytes = claimedBytes + sizeBytes + (isExact ? 0 : SPACE_CHECK_BYTES)
        }
        claimedBytes += sizeBytes
        this.#claimedBytes += sizeBytes
      },
      count: (sizeBytes) => {
        claimedBytes += sizeBytes
        checkedBytes += sizeBytes
        this.#claimedBytes += sizeBytes
      },
      release: () => {
        this.#claimedBytes -= claimedBytes
        claimedBytes = 0
      },
    }
  }
}
