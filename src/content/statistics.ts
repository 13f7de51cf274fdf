// SPDX-License-Identifier: AGPL-3.0-or-later
/** Figures about what this node holds and does with it, for its owner and for metrics. */
import type { BadPeers } from './fetching/fetching.ts'
import type { ItemTotals } from './item.ts'

export interface ContentStatistics extends ItemTotals {
  addingCount: number
  fetchingCount: number
  servingCount: number
  /** Items that cannot be served because some of their bytes are missing or wrong. */
  brokenCount: number
  /** Bytes that the store takes on the disk. */
  storedBytes: number
  /** Bytes that were checked for bit rot since the start. */
  checkedBytes: number
  badPeers: ReturnType<BadPeers['list']>
}
