// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * The CAR of an item or of a part of it, as sections in depth-first order (Trustless Gateway,
 * `order=dfs`, IPIP-402 and IPIP-412). Lazy: the nodes on one way down are in memory, leaves never.
 *
 * With `dups` the CAR of a root is one fixed sequence of bytes, so a transfer can go on at any byte.
 */
import type { CID } from 'multiformats/cid'
import { invariant } from '../../base/base.ts'
import { encodeCarHeader, encodeSectionHead, sectionBytes } from '../car-format.ts'
import { blockMissing } from '../errors.ts'
import {
  type BlockIndex,
  type BlockReader,
  type Child,
  checkFileSize,
  checkWalk,
  childrenOf,
  type DagNode,
  type Found,
  keyOf,
  parseNode,
  RAW,
  type ReadOptions,
  rootOf,
} from '../unixfs/unixfs.ts'
import { type ByteRange, resolveRange } from './byte-range.ts'

/** Bytes to send: what stands before a block, and the block or where it is. */
export type DagSection<Place> =
  | { head: Uint8Array; bytes: Uint8Array }
  /** `sizeBytes` of the block, from its byte `from` on. */
  | { head: Uint8Array; place: Place; from: number; sizeBytes: number }

export interface DagSource<Place> {
  blocks: BlockReader
  index: BlockIndex<Place>
}

/** What a CAR is asked for: the end of a path, and the blocks on the way there. */
export type DagTarget = Pick<Found, 'cid' | 'passed'>

export interface DagSelection extends ReadOptions {
  /**
   * Below the target: nothing, what belongs to it (all of a file; the shards of a folder, but not
   * its entries), or everything.
   */
  scope: 'block' | 'entity' | 'all'
  /** Of a file; implies `entity`. Elsewhere it means nothing. */
  range?: ByteRange | undefined
  /** Whether a block is sent again where it occurs again. */
  dups: boolean
  /** Bytes of the CAR, its header included, that are left out. Only with `dups`. */
  skipBytes?: number | undefined
}

/**
 * The first section is the header.
 * @param root whose CAR it is, named in its header: where the path begins.
 * @throws CodedError `CONTENT_BLOCK_MISSING`, `CONTENT_UNSUPPORTED`, or the signal's reason.
 */
export async function* dagSections<Place>(
  source: DagSource<Place>,
  root: CID,
  target: DagTarget,
  selection: DagSelection,
): AsyncGenerator<DagSection<Place>> {
  const skip = new Skip(selection.skipBytes ?? 0)
  invariant(selection.dups || skip.bytesLeft === 0, 'only a CAR with dups is the same every time')
  const header = skip.cut<Place>({ head: encodeCarHeader(root), bytes: EMPTY })
  if (header !== undefined) yield header
  const walk = new SelectionWalk(target.cid, selection)
  for (const { cid, block, bytes } of target.passed) {
    if (!walk.isDue(rootOf(cid))) continue
    const section = skip.cut<Place>({ head: encodeSectionHead(cid, bytes.length), bytes })
    invariant(block.codec !== RAW, 'paths lead through nodes')
    if (section !== undefined) yield section
  }
  for (let child = walk.next(skip); child !== undefined; child = walk.next(skip)) {
    selection.signal?.throwIfAborted()
    const { cid, block } = child
    if (block.codec === RAW) {
      // Where the file says how large its leaves are, those that are left out cost no look.
      if (child.sizeBytes !== undefined && skip.passes(sectionBytes(cid, child.sizeBytes))) continue
      const found = source.index.find(block)
      if (found === undefined) throw blockMissing(cid)
      checkFileSize(found.sizeBytes, child.sizeBytes)
      const { sizeBytes, place } = found
      const section = skip.cut<Place>({
        head: encodeSectionHead(cid, sizeBytes),
        place,
        from: 0,
        sizeBytes,
      })
      if (section !== undefined) yield section
      continue
    }
    if (walk.skipKnown(child, skip)) continue
    const bytes = await source.blocks.read(block, selection.signal)
    if (bytes === undefined) throw blockMissing(cid)
    walk.enter(child, parseNode(bytes), { nodeBytes: bytes.length, skip })
    const section = skip.cut<Place>({ head: encodeSectionHead(cid, bytes.length), bytes })
    if (section !== undefined) yield section
  }
}

const EMPTY = new Uint8Array()

/** A block to visit; `start` is where its bytes begin in the file that was asked for. */
interface Selected extends Child {
  start: number
}

interface Frame {
  children: readonly Selected[]
  next: number
  nodeBytes: number
  /** Of the node itself, and what was left to skip before it. */
  key: string
  skipBefore: number
}

/** Which blocks are sent, in which order. */
class SelectionWalk {
  readonly #selection: DagSelection
  readonly #stack: Frame[]
  readonly #sent = new Set<string>()
  /** Bytes of whole subtrees in the CAR, learnt while skipping. */
  readonly #known = new Map<string, number>()
  #blocksCount = 0
  #openBytes = 0
  #hasTarget = false
  /** Of the file that was asked for; undefined: all of it. */
  #range: { start: number; end: number } | undefined

  constructor(target: CID, selection: DagSelection) {
    this.#selection = selection
    const children = [{ ...rootOf(target), start: 0 }]
    this.#stack = [{ children, next: 0, nodeBytes: 0, key: '', skipBefore: 0 }]
  }

  /** False: it was sent before, and is not sent again. */
  isDue({ block }: Child): boolean {
    if (this.#selection.dups) return true
    const key = keyOf(block)
    if (this.#sent.has(key)) return false
    this.#sent.add(key)
    return true
  }

  /** The next block. @throws CodedError `CONTENT_UNSUPPORTED` where a walk would have no end. */
  next(skip: Skip): Selected | undefined {
    for (let frame = this.#stack.at(-1); frame !== undefined; frame = this.#stack.at(-1)) {
      const child = frame.children[frame.next]
      frame.next += 1
      if (child === undefined) this.#leave(frame, skip)
      else if (this.isDue(child)) {
        this.#blocksCount += 1
        checkWalk(this.#blocksCount, this.#stack.length - 1, this.#openBytes)
        return child
      }
    }
    return undefined
  }

  /** What was skipped once need not be read to be skipped again. */
  skipKnown(child: Child, skip: Skip): boolean {
    const known = skip.bytesLeft > 0 ? this.#known.get(subtreeKey(child)) : undefined
    return known !== undefined && skip.passes(known)
  }

  /** The block's children come next. */
  enter(child: Selected, node: DagNode, { nodeBytes, skip }: { nodeBytes: number; skip: Skip }) {
    const isTarget = !this.#hasTarget
    this.#hasTarget = true
    // With a range, a subtree is not the same everywhere.
    const isKnowable = skip.bytesLeft > 0 && this.#selection.range === undefined
    this.#openBytes += nodeBytes
    this.#stack.push({
      children: this.#childrenOf(node, child, isTarget),
      next: 0,
      nodeBytes,
      key: isKnowable ? subtreeKey(child) : '',
      skipBefore: skip.bytesLeft,
    })
  }

  #leave(frame: Frame, skip: Skip): void {
    this.#stack.pop()
    this.#openBytes -= frame.nodeBytes
    if (skip.bytesLeft > 0 && frame.key !== '') {
      this.#known.set(frame.key, frame.skipBefore - skip.bytesLeft)
    }
  }

  #childrenOf(node: DagNode, child: Selected, isTarget: boolean): Selected[] {
    const { scope, range } = this.#selection
    if (isTarget && range !== undefined && node.kind === 'file') {
      this.#range = resolveRange(range, node.sizeBytes)
      // A range outside of the file: the root alone tells the receiver why.
      if (this.#range === undefined) return []
    }
    if (scope === 'block' && range === undefined) return []
    const children = childrenOf(node, child)
    if (node.kind === 'file') return this.#partsIn(children, child.start + node.inline.length)
    const isEntity = scope === 'entity' || range !== undefined
    return children
      .filter(({ place }) => !isEntity || place !== undefined)
      .map((entry) => ({ ...entry, start: 0 }))
  }

  #partsIn(parts: readonly Child[], start: number): Selected[] {
    const range = this.#range
    const selected: Selected[] = []
    let at = start
    for (const part of parts) {
      const end = at + (part.sizeBytes ?? 0)
      if (range === undefined || (at < range.end && end > range.start)) {
        selected.push({ ...part, start: at })
      }
      at = end
    }
    return selected
  }
}

/** With the version of the CID, which is part of the section's length. */
function subtreeKey({ cid, block }: Child): string {
  return `${cid.version}${keyOf(block)}`
}

/** Bytes at the beginning of a CAR that are not sent. */
class Skip {
  bytesLeft: number

  constructor(bytes: number) {
    this.bytesLeft = bytes
  }

  /** True: so many bytes are all left out. */
  passes(lengthBytes: number): boolean {
    if (lengthBytes > this.bytesLeft) return false
    this.bytesLeft -= lengthBytes
    return true
  }

  /** What remains of a section; undefined: nothing. */
  cut<Place>(section: DagSection<Place>): DagSection<Place> | undefined {
    const bodyBytes = 'bytes' in section ? section.bytes.length : section.sizeBytes
    if (this.passes(section.head.length + bodyBytes)) return undefined
    if (this.bytesLeft === 0) return section
    const head = section.head.subarray(this.bytesLeft)
    const from = Math.max(0, this.bytesLeft - section.head.length)
    this.bytesLeft = 0
    if ('bytes' in section) return { head, bytes: section.bytes.subarray(from) }
    return { ...section, head, from, sizeBytes: section.sizeBytes - from }
  }
}
