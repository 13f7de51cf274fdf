// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Bit rot: every block is read again now and then, in the order in which it came, and compared with
 * its hash. A little at a time, so that it is felt neither by people nor by the disk.
 */
import { createHash } from 'node:crypto'
import { asError, type Clock, errorCode, type Logger, repeat, type Timer } from '../base/base.ts'
import type { BlockStore, StoredItem } from './blocks/blocks.ts'
import { isChange, isLoss } from './errors.ts'
import { SCRUB_BLOCKS, SCRUB_BYTES_PER_TICK_MAX, SCRUB_TICK_MS } from './limits.ts'
import { isSameDigest } from './unixfs/unixfs.ts'

export interface ScrubberDeps {
  store: BlockStore
  clock: Clock
  log: Logger
  /** Items of which a block was found missing or wrong. */
  onDamage(items: readonly StoredItem[]): void
}

export interface ScrubberOptions {
  /** In how many days everything is read once; 0: never. */
  days: number
}

type Block = ReturnType<BlockStore['nextToScrub']>[number]

const DAY_MS = 24 * 3600_000

export class Scrubber {
  readonly #deps: ScrubberDeps
  readonly #days: number
  #timer: Timer | undefined
  #running: Promise<void> | undefined
  #isStopping = false
  /** Could not be read: its place on the disk may be broken, or all of the disk. */
  #unreadable: Block | undefined
  checkedBytes = 0
  damagedBlocksCount = 0

  constructor(deps: ScrubberDeps, { days }: ScrubberOptions) {
    this.#deps = deps
    this.#days = days
  }

  start(): void {
    if (this.#days === 0) return
    this.#timer = repeat(
      this.#deps.clock,
      () => SCRUB_TICK_MS,
      () => {
        this.#running ??= this.tick(this.#bytesPerTick()).finally(() => {
          this.#running = undefined
        })
      },
    )
  }

  async stop(): Promise<void> {
    this.#isStopping = true
    this.#timer?.cancel()
    await this.#running
  }

  /** Reads on from where the last one ended, at least one block and about `bytes`. Never rejects. */
  async tick(bytes: number): Promise<void> {
    const { store, log } = this.#deps
    try {
      for (let left = bytes; left > 0 && !this.#isStopping; ) {
        const blocks = store.nextToScrub(SCRUB_BLOCKS)
        if (blocks.length === 0) return
        for (const block of blocks) {
          if (left <= 0 || this.#isStopping) break
          await this.#check(block)
          store.scrubbed(block)
          await this.#checkUnreadable()
          left -= Math.max(1, block.sizeBytes)
        }
      }
    } catch (thrown) {
      log.error('the store could not be checked', { error: asError(thrown) })
    }
  }

  /**
   * A disk that fails altogether says nothing about one block; one that reads the next block and then
   * not this one again does.
   */
  async #checkUnreadable(): Promise<void> {
    const block = this.#unreadable
    this.#unreadable = undefined
    if (block !== undefined) await this.#check(block, { isSecond: true })
  }

  async #check(block: Block, { isSecond = false } = {}): Promise<void> {
    const { store, log } = this.#deps
    const buffer = Buffer.allocUnsafe(block.sizeBytes)
    this.checkedBytes += block.sizeBytes
    let damaged: readonly StoredItem[]
    try {
      await store.readUnchecked(buffer, block)
      const digest = createHash('sha256').update(buffer).digest()
      if (isSameDigest(digest, block.digest)) return
      damaged = store.drop(block)
    } catch (thrown) {
      if (!isLoss(errorCode(thrown)) && !isSecond) {
        this.#unreadable = block
        store.scrubbed(block)
        throw thrown
      }
      damaged = store.drop(block, { isChanged: isChange(thrown) })
    }
    this.damagedBlocksCount += 1
    log.error('a block has other bytes than it had', { volume: block.volume, at: block.offset })
    if (damaged.length > 0) this.#deps.onDamage(damaged)
  }

  #bytesPerTick(): number {
    const share = (this.#deps.store.storedBytes * SCRUB_TICK_MS) / (this.#days * DAY_MS)
    return Math.min(SCRUB_BYTES_PER_TICK_MAX, Math.max(1, share))
  }
}
