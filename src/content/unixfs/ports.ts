// SPDX-License-Identifier: AGPL-3.0-or-later
/** What reading needs of a store. Blocks that come from here were verified when they came in. */
import type { BlockName } from './cids.ts'

/** Small blocks by name: nodes, folders, shards, symlinks, single leaves of at most 2 MiB. */
export interface BlockReader {
  /** Undefined: not here. */
  read(name: BlockName, signal?: AbortSignal): Promise<Uint8Array | undefined>
}

/** Where a block is, without reading it. Synchronous: one look into an index. */
export interface BlockIndex<Place> {
  /** Undefined: not here. */
  find(name: BlockName): { sizeBytes: number; place: Place } | undefined
}

export interface ReadOptions {
  signal?: AbortSignal | undefined
}
