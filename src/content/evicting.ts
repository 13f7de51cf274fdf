// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Making room when the store or the disk is nearly full: what never arrived whole goes first, and the
 * beginnings of additions that were called off; then what was fetched and nobody asked to keep. What
 * the owner added, or said to keep, never does.
 */
import type { Logger } from '../base/base.ts'
import type { BlockStore, StoredItem } from './blocks/blocks.ts'
import { EVICTION_CANDIDATES_MAX } from './limits.ts'

/** In which order items go. A policy that knows what fetching them again would cost comes later. */
export interface EvictionPolicy {
  /** @param candidates what may go, longest unused first. */
  order(candidates: readonly StoredItem[]): Iterable<StoredItem>
}

/** Blind to cost: what was wanted longest ago goes first. */
export const longestUnusedFirst: EvictionPolicy = { order: (candidates) => candidates }

export interface EvictingDeps {
  store: BlockStore
  policy: EvictionPolicy
  log: Logger
}

/**
 * Removes items until `neededBytes` fit, or nothing is left that may go; not those that somebody is
 * bringing at this moment.
 * @returns whether there is room now.
 */
export async function makeRoom(
  { store, policy, log }: EvictingDeps,
  neededBytes: number,
): Promise<boolean> {
  // Nearly always: then nobody has to be looked up.
  if (await store.space.fits(neededBytes)) return true
  for (const { sequence } of store.idleArrivals()) {
    await store.forgetArrival(sequence)
    if (await store.space.fits(neededBytes)) return true
  }
  while (store.unfinished.idleCount > 0) {
    await store.unfinished.removeOldest()
    if (await store.space.fits(neededBytes)) return true
  }
  for (;;) {
    const candidates = store.items.evictable(EVICTION_CANDIDATES_MAX)
    const removable = candidates.filter((item) => !store.isArriving(item))
    if (removable.length === 0) return false
    for (const item of policy.order(removable)) {
      log.info('removing an item to make room', { cid: item.cid.toString(), bytes: item.sizeBytes })
      await store.remove(item.cid)
      if (await store.space.fits(neededBytes)) return true
    }
  }
}

/** One at a time: two at once would both remove what is enough for both. */
export class RoomMaker {
  readonly #deps: EvictingDeps
  #last: Promise<unknown> = Promise.resolve()

  constructor(deps: EvictingDeps) {
    this.#deps = deps
  }

  /** @returns whether there is room now. */
  makeRoom(neededBytes: number): Promise<boolean> {
    const making = this.#last.then(() => makeRoom(this.#deps, neededBytes))
    // Whoever asked hears of a failure; the next one tries for itself.
    this.#last = making.catch(() => {})
    return making
  }
}
