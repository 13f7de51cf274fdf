// SPDX-License-Identifier: AGPL-3.0-or-later
/** What can be counted in this room, named once. */
import type { Counter, Metrics } from '../base/base.ts'
import type { ItemTotals } from './item.ts'

export interface ContentMetrics {
  addedItems: Counter
  fetches: Counter
  fetchedBytes: Counter
  servedBytes: Counter
  badPeers: Counter
}

export function createContentMetrics(metrics: Metrics, totals: () => ItemTotals): ContentMetrics {
  metrics.observedGauge('citynode_content_items', 'Items on this node.', () => totals().count)
  metrics.observedGauge(
    'citynode_content_items_bytes',
    'Bytes of all items on this node.',
    () => totals().sizeBytes,
  )
  return {
    addedItems: metrics.counter('citynode_content_added_items_total', 'Items added by the owner.'),
    fetches: metrics.counter(
      'citynode_content_fetches_total',
      'Fetches from other nodes, by result: ok or the code of the failure.',
      ['result'],
    ),
    fetchedBytes: metrics.counter(
      'citynode_content_fetched_bytes_total',
      'Bytes of verified blocks that other nodes sent.',
    ),
    servedBytes: metrics.counter(
      'citynode_content_served_bytes_total',
      'Bytes of responses that were sent whole.',
    ),
    badPeers: metrics.counter(
      'citynode_content_bad_peers_total',
      'Times that a peer served wrong bytes.',
    ),
  }
}
