// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Making room: what was fetched and nobody asked to keep goes, when the store or the disk is nearly
 * full. What the owner added, or said to keep, never does.
 */
import type { Logger } from '../base/base.ts'
import type { BlockStore, StoredItem } from './blocks/blocks.ts'

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
 * Removes items until `neededBytes` fit, or nothing is left that may go.
 * @param spare items that somebody is about to use.
 * @returns whether there is room now.
 */
export async function makeRoom(
  { store, policy, log }: EvictingDeps,
  neededBytes: number,
  spare: (item: StoredItem) => boolean,
): Promise<boolean> {
  for (const item of policy.order(store.items.evictable())) {
    if (await store.space.fits(neededBytes)) return true
    if (spare(item)) continue
    log.info('removing an item to make room', { cid: item.cid.toString(), bytes: item.sizeBytes })
    await store.remove(item.cid)
  }
  return store.space.fits(neededBytes)
}
