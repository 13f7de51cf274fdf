// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Housekeeping, a little at a time: what never arrived is kept for another try, but not without end;
 * and what additions that were given up have left in packs is found, one pack after the other.
 */
import { asError, type Clock, type Logger } from '../base/base.ts'
import type { BlockStore } from './blocks/blocks.ts'
import { CLOCK_SET_MS, IDLE_ARRIVAL_MS_MAX, IDLE_ARRIVALS_MAX } from './limits.ts'

export class Tender {
  readonly #store: BlockStore
  readonly #clock: Clock
  readonly #log: Logger
  #lastPack = 0

  constructor({ store, clock, log }: { store: BlockStore; clock: Clock; log: Logger }) {
    this.#store = store
    this.#clock = clock
    this.#log = log
  }

  /** Never rejects. */
  async tick(): Promise<void> {
    const store = this.#store
    try {
      store.note()
      await this.#forgetArrivals()
      await store.unfinished.sweep()
      const packs = store.packs()
      const next = packs.find((pack) => pack > this.#lastPack) ?? packs[0]
      if (next === undefined) return
      this.#lastPack = next
      await store.compact([next])
    } catch (thrown) {
      this.#log.error('the store could not be tidied', { error: asError(thrown) })
    }
  }

  /** What is too old, and the oldest of what is too many. */
  async #forgetArrivals(): Promise<void> {
    const idle = this.#store.idleArrivals()
    const tooManyCount = idle.length - IDLE_ARRIVALS_MAX
    const nowMs = this.#clock.wallMs()
    for (const [index, { sequence, triedAtMs }] of idle.entries()) {
      const isOld = triedAtMs >= CLOCK_SET_MS && nowMs - triedAtMs > IDLE_ARRIVAL_MS_MAX
      if (index < tooManyCount || isOld) await this.#store.forgetArrival(sequence)
    }
  }
}
