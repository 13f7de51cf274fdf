// SPDX-License-Identifier: AGPL-3.0-or-later
/** What keeps every walk through an item finite and small. Pure. */
import { unsupportedItem } from '../errors.ts'
import { DAG_DEPTH_MAX, ITEM_BLOCKS_MAX, OPEN_NODES_BYTES_MAX } from '../limits.ts'

/**
 * @param blocksCount visited so far, each as often as it was.
 * @param depth of the block that is visited.
 * @param openBytes of the nodes above it.
 * @throws CodedError `CONTENT_UNSUPPORTED`
 */
export function checkWalk(blocksCount: number, depth: number, openBytes: number): void {
  if (blocksCount > ITEM_BLOCKS_MAX) throw unsupportedItem('it has too many parts')
  if (depth > DAG_DEPTH_MAX) throw unsupportedItem('its folders or trees are too deep')
  if (openBytes > OPEN_NODES_BYTES_MAX) throw unsupportedItem('its folders are too large')
}
