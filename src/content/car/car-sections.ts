// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Which blocks of an item go into a CAR, depth first (Trustless Gateway, `order=dfs`): the whole
 * tree, one block, or what covers a range of bytes (`entity-bytes`). Pure, and lazy: one node at a
 * time is in memory.
 */
import type { CID } from 'multiformats/cid'
import { invariant } from '../../base/base.ts'
import { encodeSectionHead } from '../car-format.ts'
import {
  type BlockName,
  blockNameOf,
  type ItemNode,
  keyOf,
  parseFileNode,
  RAW,
} from '../unixfs/unixfs.ts'

/** The blocks of one item. */
export interface ItemBlocks {
  node(digest: Uint8Array): Uint8Array | undefined
  leaf(digest: Uint8Array): { offset: number; sizeBytes: number } | undefined
}

/** A section of a CAR: what stands before the block, and the block or where it lies in the file. */
export type CarSection =
  | { head: Uint8Array; bytes: Uint8Array }
  | { head: Uint8Array; offset: number; sizeBytes: number }

export interface CarSelection {
  /** Only the block itself, or all below it. */
  scope: 'block' | 'all'
  /** Bytes of the file below the CID, the end not included; undefined for all. */
  range: { start: number; end: number } | undefined
  /** Whether a block is sent again where it occurs again. */
  dups: boolean
}

interface Visit {
  cid: CID
  name: BlockName
  /** Where the bytes below begin, counted from the block that was asked for. */
  start: number
  sizeBytes: number
}

export function* carSections(
  blocks: ItemBlocks,
  cid: CID,
  selection: CarSelection,
): Generator<CarSection> {
  const sent = new Set<string>()
  const stack: Visit[] = [{ cid, name: blockNameOf(cid), start: 0, sizeBytes: Infinity }]
  for (let visit = stack.pop(); visit !== undefined; visit = stack.pop()) {
    if (!selection.dups) {
      const key = keyOf(visit.name)
      if (sent.has(key)) continue
      sent.add(key)
    }
    if (visit.name.codec === RAW) {
      yield leafSection(blocks, visit)
      continue
    }
    const bytes = blocks.node(visit.name.digest)
    invariant(bytes !== undefined, 'an item has all nodes of its tree')
    yield { head: encodeSectionHead(visit.cid, bytes.length), bytes }
    if (selection.scope === 'block') return
    for (const child of childrenIn(parseFileNode(bytes), visit.start, selection).reverse()) {
      stack.push(child)
    }
  }
}

/** How many bytes of a file lie below a block. */
export function bytesBelow(blocks: ItemBlocks, name: BlockName): number {
  if (name.codec === RAW) return blocks.leaf(name.digest)?.sizeBytes ?? 0
  const bytes = blocks.node(name.digest)
  return bytes === undefined ? 0 : parseFileNode(bytes).sizeBytes
}

function leafSection(blocks: ItemBlocks, visit: Visit): CarSection {
  const place = blocks.leaf(visit.name.digest)
  invariant(place !== undefined, 'an item has all leaves of its tree')
  return { head: encodeSectionHead(visit.cid, place.sizeBytes), ...place }
}

function childrenIn(node: ItemNode, start: number, { range }: CarSelection): Visit[] {
  const children: Visit[] = []
  let at = start
  for (const link of node.links) {
    const end = at + link.sizeBytes
    if (range === undefined || (at < range.end && end > range.start)) {
      children.push({ cid: link.cid, name: link.name, start: at, sizeBytes: link.sizeBytes })
    }
    at = end
  }
  return children
}
