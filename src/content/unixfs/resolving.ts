// SPDX-License-Identifier: AGPL-3.0-or-later
/** From a root and a path to what is there, through folders and only those shards that lead on. */
import type { CID } from 'multiformats/cid'
import { type BlockName, blockNameOf, RAW } from './cids.ts'
import { type DagNode, parseNode } from './node.ts'
import type { BlockReader, ReadOptions } from './ports.ts'
import { checkShard, placeBelow, type ShardPlace, wayTo } from './shards.ts'
import { checkWalk } from './walk-limits.ts'

/** A block that was read on the way. */
export interface PassedBlock {
  cid: CID
  block: BlockName
  bytes: Uint8Array
}

export interface Found {
  kind: 'found'
  cid: CID
  block: BlockName
  /** Undefined: a raw leaf, which was not read and need not be here. */
  node: DagNode | undefined
  /** Blocks on the way, from the root down; the one that was found is not among them. */
  passed: readonly PassedBlock[]
  /** The root, and the entry at each segment of the path: without lower shards. */
  entries: readonly CID[]
}

export type Resolution =
  | Found
  /** Verified folders say that there is no such entry. */
  | { kind: 'noSuchPath'; segment: string }
  /** A symlink stands in the way; it is not followed. */
  | { kind: 'symlink'; target: string; rest: readonly string[] }
  /** This node does not have a block that is needed to know. */
  | { kind: 'missing'; cid: CID }
  /** The entry has an id of a kind that we do not keep. */
  | { kind: 'foreign'; cid: CID }

/** What a node says of the next segment of a path. */
export type Step =
  | { kind: 'link'; cid: CID; block: BlockName | undefined; isEntry: true }
  /** On to a shard of the next level, for the same segment. */
  | { kind: 'link'; cid: CID; block: BlockName | undefined; isEntry: false; place: ShardPlace }
  | { kind: 'noSuchPath' }
  | { kind: 'symlink'; target: string }

/**
 * @param segments decoded names, none of them empty; none at all: the root itself.
 * @throws CodedError `CONTENT_UNSUPPORTED`, `CONTENT_CID_UNSUPPORTED`, or the signal's reason.
 */
export async function resolvePath(
  reader: BlockReader,
  root: CID,
  segments: readonly string[],
  { signal }: ReadOptions = {},
): Promise<Resolution> {
  const passed: PassedBlock[] = []
  const entries = [root]
  let cid = root
  let block = blockNameOf(root)
  let place: ShardPlace | undefined
  let passedBytes = 0
  for (let index = 0; ; ) {
    const segment = segments[index]
    if (block.codec === RAW) {
      if (segment !== undefined) return { kind: 'noSuchPath', segment }
      return { kind: 'found', cid, block, node: undefined, passed, entries }
    }
    signal?.throwIfAborted()
    const bytes = await reader.read(block, signal)
    if (bytes === undefined) return { kind: 'missing', cid }
    const node = parseNode(bytes)
    if (segment === undefined) return { kind: 'found', cid, block, node, passed, entries }
    passed.push({ cid, block, bytes })
    passedBytes += bytes.length
    checkWalk(passed.length, passed.length, passedBytes)
    const step = stepInto(node, segment, place)
    if (step.kind === 'noSuchPath') return { kind: 'noSuchPath', segment }
    if (step.kind === 'symlink') return { ...step, rest: segments.slice(index) }
    if (step.block === undefined) return { kind: 'foreign', cid: step.cid }
    cid = step.cid
    block = step.block
    place = step.isEntry ? undefined : step.place
    if (!step.isEntry) continue
    index += 1
    entries.push(cid)
  }
}

/**
 * @param place where the node is when it is a shard of a lower level.
 * @throws CodedError `CONTENT_UNSUPPORTED`
 */
export function stepInto(node: DagNode, segment: string, place: ShardPlace | undefined): Step {
  switch (node.kind) {
    case 'file':
      return { kind: 'noSuchPath' }
    case 'symlink':
      return { kind: 'symlink', target: node.target }
    case 'folder': {
      const entry = node.links.find(({ name }) => name === segment)
      if (entry === undefined) return { kind: 'noSuchPath' }
      return { kind: 'link', cid: entry.cid, block: entry.block, isEntry: true }
    }
    case 'shard': {
      checkShard(node, place)
      const bucket = wayTo(segment, node.fanout)[place?.buckets.length ?? 0]
      const link = node.links.find((candidate) => candidate.bucket === bucket)
      if (link === undefined) return { kind: 'noSuchPath' }
      const { cid, block } = link
      if (link.name === segment) return { kind: 'link', cid, block, isEntry: true }
      if (link.name !== '') return { kind: 'noSuchPath' }
      const below = placeBelow(place, node, link.bucket)
      return { kind: 'link', cid, block, isEntry: false, place: below }
    }
  }
}
