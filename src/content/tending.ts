// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Housekeeping, a little at a time: what never arrived is kept for another try, but not without end;
 * and what additions that were given up have left in packs is found, one pack after the other.
 */
import { asError, type Logger } from '../base/base.ts'
import type { BlockStore } from './blocks/blocks.ts'
import { IDLE_ARRIVALS_MAX } from './limits.ts'

export class Tender {
  readonly #store: BlockStore
  readonly #log: Logger
  #lastPack = 0

  constructor({ store, log }: { store: BlockStore; log: Logger }) {
    this.#store = store
    this.#log = log
  }

  /** Never rejects. */
  async tick(): Promise<void> {
    const store = this.#store
    try {
      store.note()
      const idle = store.idleArrivals()
      const tooMany = idle.slice(0, Math.max(0, idle.length - IDLE_ARRIVALS_MAX))
      for (const sequence of tooMany) await store.forgetArrival(sequence)
      const packs = store.packs()
      const next = packs.find((pack) => pack > this.#lastPack) ?? packs[0]
      if (next === undefined) return
      this.#lastPack = next
      await store.compact([next])
    } catch (thrown) {
      this.#log.error('the store could not be tidied', { error: asError(thrown) })
    }
  }
}
