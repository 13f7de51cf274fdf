// SPDX-License-Identifier: AGPL-3.0-or-later
/** Every block of an item, depth first, each link in its order. */
import type { CID } from 'multiformats/cid'
import { unsupportedItem } from '../errors.ts'
import { type BlockName, blockNameOf, keyOf, RAW } from './cids.ts'
import { checkFileSize, type DagNode, parseNode } from './node.ts'
import type { BlockIndex, BlockReader, ReadOptions } from './ports.ts'
import { checkShard, placeBelow, type ShardPlace } from './shards.ts'
import { checkWalk } from './walk-limits.ts'

/** A block that is linked, and what its parent says of it. */
export interface Child {
  cid: CID
  block: BlockName
  /** Part of a file: how many bytes lie below. Undefined: whatever an entry may be. */
  sizeBytes: number | undefined
  /** A shard below the first of its folder: where. */
  place: ShardPlace | undefined
}

export interface Visit {
  cid: CID
  block: BlockName
  /** Undefined: a raw leaf, which a walk does not read, or a node that is not here. */
  node: DagNode | undefined
  bytes: Uint8Array | undefined
  /** Of a raw leaf, as its file says; undefined where nobody does. */
  sizeBytes: number | undefined
}

export interface WalkOptions extends ReadOptions {
  /** Whether a block is visited again where it occurs again. */
  dups: boolean
  /** Without dups: what counts as visited, for several walks together; default: of this one alone. */
  visited?: Visited | undefined
}

/** Remembers blocks. */
export interface Visited {
  /** False: it was there before. */
  add(block: BlockName): boolean
}

interface Frame {
  children: readonly Child[]
  next: number
  nodeBytes: number
}

/**
 * Nodes are read, raw leaves are not. A node that is not here is visited without bytes, and what
 * lies below it is left out.
 * @throws CodedError `CONTENT_UNSUPPORTED`, `CONTENT_TOO_LARGE`, `CONTENT_CID_UNSUPPORTED`, or the
 *   signal's reason.
 */
export async function* walkDag(
  reader: BlockReader,
  root: CID,
  { dups, signal, visited = visitedByName() }: WalkOptions,
): AsyncGenerator<Visit> {
  const stack: Frame[] = [{ children: [rootOf(root)], next: 0, nodeBytes: 0 }]
  let blocksCount = 0
  let openBytes = 0
  for (let frame = stack.at(-1); frame !== undefined; frame = stack.at(-1)) {
    const child = frame.children[frame.next]
    frame.next += 1
    if (child === undefined) {
      openBytes -= frame.nodeBytes
      stack.pop()
      continue
    }
    if (!dups && !visited.add(child.block)) continue
    blocksCount += 1
    checkWalk(blocksCount, stack.length - 1, openBytes)
    const { cid, block, sizeBytes } = child
    if (block.codec === RAW) {
      yield { cid, block, node: undefined, bytes: undefined, sizeBytes }
      continue
    }
    signal?.throwIfAborted()
    const bytes = await reader.read(block, signal)
    const node = bytes === undefined ? undefined : parseNode(bytes)
    yield { cid, block, node, bytes, sizeBytes: undefined }
    if (node === undefined || bytes === undefined) continue
    stack.push({ children: childrenOf(node, child), next: 0, nodeBytes: bytes.length })
    openBytes += bytes.length
  }
}

function visitedByName(): Visited {
  const keys = new Set<string>()
  return {
    add: (block) => {
      const countBefore = keys.size
      return keys.add(keyOf(block)).size > countBefore
    },
  }
}

/** The blocks of an item that are not here: at most `limit`, each once, in the order of a walk. */
export async function missingBlocks(
  store: { blocks: BlockReader; index: BlockIndex<unknown> },
  root: CID,
  { limit, signal }: ReadOptions & { limit: number },
): Promise<CID[]> {
  const missing: CID[] = []
  for await (const visit of walkDag(store.blocks, root, { dups: false, signal })) {
    if (missing.length >= limit) break
    const isHere = visit.node !== undefined || store.index.find(visit.block) !== undefined
    if (!isHere) missing.push(visit.cid)
  }
  return missing
}

/** The root of a walk, of which nobody says anything. */
export function rootOf(cid: CID): Child {
  return { cid, block: blockNameOf(cid), sizeBytes: undefined, place: undefined }
}

/**
 * What lies below a node, once it is what its parent said.
 * @throws CodedError `CONTENT_UNSUPPORTED`
 */
export function childrenOf(node: DagNode, as: Child): Child[] {
  if (as.sizeBytes !== undefined) {
    if (node.kind !== 'file') throw unsupportedItem('a part of a file is none')
    checkFileSize(node.sizeBytes, as.sizeBytes)
  }
  if (as.place !== undefined && node.kind !== 'shard') {
    throw unsupportedItem('a folder of it is sharded inconsistently')
  }
  switch (node.kind) {
    case 'file':
      return node.links.map((link) => ({ ...link, place: undefined }))
    case 'symlink':
      return []
    case 'folder':
      return node.links.map(({ cid, block }) => ({
        cid,
        block: known(block),
        sizeBytes: undefined,
        place: undefined,
      }))
    case 'shard':
      checkShard(node, as.place)
      return node.links.map(({ cid, block, name, bucket }) => ({
        cid,
        block: known(block),
        sizeBytes: undefined,
        place: name === '' ? placeBelow(as.place, node, bucket) : undefined,
      }))
  }
}

function known(block: BlockName | undefined): BlockName {
  if (block === undefined) throw unsupportedItem('an entry of it has an id of an unknown kind')
  return block
}
