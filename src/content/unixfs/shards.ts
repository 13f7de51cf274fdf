// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Folders too large for one block: a trie of shards (HAMT), in which the hash of a name says the way
 * to its entry, a few bits a level. Pure.
 */
import type { CID } from 'multiformats/cid'
import { unsupportedItem } from '../errors.ts'
import { SHARD_FANOUT_MAX } from '../limits.ts'
import type { BlockName } from './cids.ts'
import { checkEntryName, type FolderLink, type NodeExtras } from './entries.ts'
import { murmur3 } from './murmur3.ts'
import type { UnixfsData } from './unixfs-data.ts'

/** Multihash `murmur3-x64-64`, the only one that any IPFS software uses for names. */
const MURMUR3_X64_64 = 0x22
const HASH_BITS = 64
/** Bitfields are written in whole bytes. */
const FANOUT_MIN = 8

export interface ShardLink {
  /** Which of the shard's children this is. */
  bucket: number
  /** Of the entry; empty: a shard of the next level. */
  name: string
  cid: CID
  /** Undefined: an id of a kind that we do not keep. */
  block: BlockName | undefined
  /** Bytes of all blocks below, as whoever made the folder says. Never verified. */
  totalBytes: number | undefined
}

export interface ShardNode extends NodeExtras {
  kind: 'shard'
  /** Children that a shard can have: a power of two, the same in all shards of a folder. */
  fanout: number
  /** By rising bucket, one a bucket. */
  links: readonly ShardLink[]
}

/** Where in its folder a shard is: the buckets on the way from the folder's first shard. */
export interface ShardPlace {
  fanout: number
  buckets: readonly number[]
}

/** @throws CodedError `CONTENT_UNSUPPORTED` */
export function parseShard(
  links: readonly FolderLink[],
  data: UnixfsData,
): Omit<ShardNode, keyof NodeExtras> {
  const { hashType, fanout } = data
  if (hashType !== MURMUR3_X64_64)
    throw unsupportedItem('a folder of it is sharded by another hash')
  if (fanout === undefined || !isFanout(fanout)) {
    throw unsupportedItem('a folder of it is sharded in an impossible way')
  }
  const labelLength = (fanout - 1).toString(16).length
  const label = new RegExp(`^[0-9A-F]{${labelLength}}`)
  let last = -1
  const children = links.map((link) => {
    const prefix = label.exec(link.name)?.[0]
    const bucket = prefix === undefined ? -1 : Number.parseInt(prefix, 16)
    if (bucket <= last || bucket >= fanout || !isInBitfield(data.data, bucket)) throw misplaced()
    last = bucket
    const name = link.name.slice(labelLength)
    if (name !== '') checkEntryName(name)
    return { ...link, bucket, name }
  })
  if (countBits(data.data) !== children.length || data.data.length > fanout / 8) throw misplaced()
  return { kind: 'shard', fanout, links: children }
}

/** The place of a child shard. @throws CodedError `CONTENT_UNSUPPORTED` beyond the hash's bits. */
export function placeBelow(
  place: ShardPlace | undefined,
  shard: ShardNode,
  bucket: number,
): ShardPlace {
  const buckets = [...(place?.buckets ?? []), bucket]
  if (buckets.length >= levelsOf(shard.fanout)) throw unsupportedItem('a folder of it is too deep')
  return { fanout: shard.fanout, buckets }
}

/**
 * A shard that was linked at `place` (undefined: a folder's first) has the right fanout, and in it
 * only entries whose names lead there; so no name occurs twice in a folder.
 * @throws CodedError `CONTENT_UNSUPPORTED`
 */
export function checkShard(shard: ShardNode, place: ShardPlace | undefined): void {
  if (place !== undefined && place.fanout !== shard.fanout) throw misplaced()
  const above = place?.buckets ?? []
  for (const { name, bucket } of shard.links) {
    if (name === '') continue
    const way = wayTo(name, shard.fanout)
    if (way[above.length] !== bucket) throw misplaced()
    if (above.some((passed, level) => way[level] !== passed)) throw misplaced()
  }
}

/** The buckets that lead to a name, from the folder's first shard down. */
export function wayTo(name: string, fanout: number): number[] {
  const { high, low } = murmur3(Buffer.from(name))
  const bits = Math.log2(fanout)
  const buckets: number[] = []
  for (let from = 0; from + bits <= HASH_BITS; from += bits) {
    buckets.push(bitsAt(high, low, from, bits))
  }
  return buckets
}

/** `count` bits of 64, counted from the most significant. */
function bitsAt(high: number, low: number, from: number, count: number): number {
  const mask = 2 ** count - 1
  const end = from + count
  if (end <= 32) return (high >>> (32 - end)) & mask
  if (from >= 32) return (low >>> (64 - end)) & mask
  return ((high << (end - 32)) | (low >>> (64 - end))) & mask
}

function levelsOf(fanout: number): number {
  return Math.floor(HASH_BITS / Math.log2(fanout))
}

function isFanout(value: number): boolean {
  return value >= FANOUT_MIN && value <= SHARD_FANOUT_MAX && Number.isInteger(Math.log2(value))
}

/** The last byte holds the first eight; leading zeros may be left out. */
function isInBitfield(bitfield: Uint8Array, bucket: number): boolean {
  const byte = bitfield[bitfield.length - 1 - Math.floor(bucket / 8)] ?? 0
  return (byte & (1 << (bucket % 8))) !== 0
}

function countBits(bitfield: Uint8Array): number {
  let count = 0
  for (const byte of bitfield) {
    for (let rest = byte; rest !== 0; rest &= rest - 1) count += 1
  }
  return count
}

function misplaced(): Error {
  return unsupportedItem('a folder of it is sharded inconsistently')
}
