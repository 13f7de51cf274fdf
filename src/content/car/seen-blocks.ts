// SPDX-License-Identifier: AGPL-3.0-or-later
/** What came before, for senders that leave out what they sent already (`dups=n`). Pure. */
import { sectionBytes } from '../car-format.ts'
import { unsupportedItem } from '../errors.ts'
import {
  type Child,
  checkFileSize,
  type DagNode,
  keyOf,
  type ShardPlace,
} from '../unixfs/unixfs.ts'
import type { Totals } from './dag-cursor.ts'
import type { PlaceInFile } from './file-tracker.ts'

/** A block, with all below it. */
export interface Seen {
  kind: DagNode['kind']
  /** Where in a folder a shard is: right in no other. Empty for everything else. */
  place: string
  blockBytes: number
  fileBytes: number
  blocksCount: number
  /** Bytes of the sections below it. */
  carBytesBelow: number
  inFile: PlaceInFile | undefined
}

export class SeenBlocks {
  readonly #seen = new Map<string, Seen>()

  /** The first time counts. */
  add({ block, place }: Child, seen: Omit<Seen, 'place'>): void {
    const key = keyOf(block)
    if (!this.#seen.has(key)) this.#seen.set(key, { ...seen, place: textOf(place) })
  }

  /**
   * Undefined: it never came.
   * @throws CodedError `CONTENT_UNSUPPORTED` when it was something that cannot be here.
   */
  find(due: Child): (Seen & { totals: Totals }) | undefined {
    const seen = this.#seen.get(keyOf(due.block))
    if (seen === undefined) return undefined
    if (due.sizeBytes !== undefined && seen.kind !== 'file') {
      throw unsupportedItem('a part of a file is none')
    }
    checkFileSize(seen.fileBytes, due.sizeBytes)
    if (textOf(due.place) !== seen.place)
      throw unsupportedItem('a folder of it is sharded inconsistently')
    const { fileBytes, blocksCount, blockBytes, carBytesBelow } = seen
    // The same block can be linked by a CIDv0 and by a CIDv1, which differ in length.
    const carBytes = carBytesBelow + sectionBytes(due.cid, blockBytes)
    return { ...seen, totals: { fileBytes, blocksCount, carBytes } }
  }
}

function textOf(place: ShardPlace | undefined): string {
  return place === undefined ? '' : `${place.fanout}:${place.buckets.join()}`
}
