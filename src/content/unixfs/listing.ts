// SPDX-License-Identifier: AGPL-3.0-or-later
/** What is in a folder, one entry after the other, however many shards it has. */
import type { CID } from 'multiformats/cid'
import { blockMissing, unsupportedItem } from '../errors.ts'
import { SORTED_ENTRIES_MAX } from '../limits.ts'
import { type BlockName, blockNameOf, RAW } from './cids.ts'
import { parseNode } from './node.ts'
import type { BlockReader, ReadOptions } from './ports.ts'
import { checkShard, placeBelow, type ShardPlace } from './shards.ts'

export interface Entry {
  name: string
  cid: CID
  /** Undefined: an id of a kind that we do not keep. */
  block: BlockName | undefined
  /** What can be told without reading the entry: a raw leaf is a file. */
  kind: 'file' | undefined
  /** Bytes of all blocks below, as whoever made the folder says. Never verified. */
  totalBytes: number | undefined
}

interface OpenShard {
  cid: CID
  place: ShardPlace | undefined
}

/**
 * Yields in the order of the blocks: that of the folder's links, or that of the hashes of names.
 * @throws CodedError `CONTENT_UNSUPPORTED` (also for what is no folder), `CONTENT_BLOCK_MISSING`, or
 *   the signal's reason.
 */
export async function* listFolder(
  reader: BlockReader,
  folder: CID,
  { signal }: ReadOptions = {},
): AsyncGenerator<Entry> {
  // Bounded: the bits of the hash end after some twenty levels, and a shard has few children.
  const stack: OpenShard[] = [{ cid: folder, place: undefined }]
  for (let open = stack.pop(); open !== undefined; open = stack.pop()) {
    signal?.throwIfAborted()
    const block = blockNameOf(open.cid)
    if (block.codec === RAW) throw noFolder()
    const bytes = await reader.read(block, signal)
    if (bytes === undefined) throw blockMissing(open.cid)
    const node = parseNode(bytes)
    if (node.kind === 'folder' && open.place === undefined) {
      for (const link of node.links) yield entryOf(link)
      return
    }
    if (node.kind !== 'shard') throw noFolder()
    checkShard(node, open.place)
    const below: OpenShard[] = []
    for (const link of node.links) {
      if (link.name !== '') yield entryOf(link)
      else below.push({ cid: link.cid, place: placeBelow(open.place, node, link.bucket) })
    }
    stack.push(...below.reverse())
  }
}

/**
 * All entries by name, for people; in the order of code units, which depends on no locale.
 * Undefined: there are more than {@link SORTED_ENTRIES_MAX}.
 */
export async function listSorted(
  reader: BlockReader,
  folder: CID,
  options: ReadOptions = {},
): Promise<Entry[] | undefined> {
  const entries: Entry[] = []
  for await (const entry of listFolder(reader, folder, options)) {
    entries.push(entry)
    if (entries.length > SORTED_ENTRIES_MAX) return undefined
  }
  return entries.sort((one, other) => (one.name < other.name ? -1 : 1))
}

function entryOf({ name, cid, block, totalBytes }: Omit<Entry, 'kind'>): Entry {
  return { name, cid, block, kind: block?.codec === RAW ? 'file' : undefined, totalBytes }
}

function noFolder(): Error {
  return unsupportedItem('it is no folder where one should be')
}
