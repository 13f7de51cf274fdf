// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * How much may still be written: the owner's limits on the store and on the free space of the disk.
 * The disk itself is asked only now and then; when it is full before we know, it says so itself.
 */

import { storeFull } from '../errors.ts'
import { SPACE_CHECK_BYTES } from '../limits.ts'
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

  /** Whether so many bytes more would fit now. */
  async fits(sizeBytes: number): Promise<boolean> {
    const { folder, storeBytesMax, freeBytesMin } = this.#options
    const afterBytes = this.#storedBytes() + this.#claimedBytes + sizeBytes
    if (storeBytesMax > 0 && afterBytes > storeBytesMax) return false
    return (await this.#disk.freeBytes(folder)) - sizeBytes >= freeBytesMin
  }

  /** @throws CodedError `STORE_FULL` when a file of this size would not fit now. */
  async check(sizeBytes: number): Promise<void> {
    if (!(await this.fits(sizeBytes))) throw storeFull()
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
