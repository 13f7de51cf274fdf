// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Which block of an item is due next: first the nodes of a path, then everything below its end, depth
 * first. It follows from the root and from verified nodes alone. Pure.
 */
import type { CID } from 'multiformats/cid'
import { sectionBytes } from '../car-format.ts'
import { noSuchPath, tooLarge, unsupportedItem } from '../errors.ts'
import { ITEM_BYTES_MAX } from '../limits.ts'
import {
  type Child,
  checkWalk,
  childrenOf,
  type DagNode,
  parseNode,
  RAW,
  rootOf,
  stepInto,
} from '../unixfs/unixfs.ts'

/** What was passed, each block counted as often as it occurs. */
export interface Totals {
  /** Bytes of files. */
  fileBytes: number
  blocksCount: number
  /** Bytes of the sections of a CAR with duplicates. */
  carBytes: number
}

/** A node whose children are being passed. */
export interface OpenNode {
  as: Child
  kind: DagNode['kind']
  blockBytes: number
  /** What had been passed before the node. */
  before: Totals
}

interface Frame extends OpenNode {
  children: readonly Child[]
  next: number
}

export class DagCursor {
  readonly #path: readonly string[]
  readonly #closed: (node: OpenNode, depth: number) => void
  readonly #stack: Frame[] = []
  readonly #totals: Totals = { fileBytes: 0, blocksCount: 0, carBytes: 0 }
  readonly #root: Child
  #openBytes = 0
  #segmentsCount = 0
  #pathDepth = 0
  #hasRoot = false

  /**
   * @param closed told when all below a node has been passed; `depth`: nodes that are still open.
   * @throws CodedError `CONTENT_CID_UNSUPPORTED`, `CONTENT_NO_SUCH_PATH`
   */
  constructor(root: CID, path: readonly string[], closed: (node: OpenNode, depth: number) => void) {
    this.#root = rootOf(root)
    this.#path = path
    this.#closed = closed
    this.#checkPathInto(this.#root)
  }

  /** The next block; undefined: the item is whole. */
  get due(): Child | undefined {
    if (!this.#hasRoot) return this.#root
    const frame = this.#stack.at(-1)
    return frame?.children[frame.next]
  }

  /** Whether the block that is due is what the path leads to. */
  get isTargetDue(): boolean {
    return this.#segmentsCount === this.#path.length && this.#stack.length === this.#pathDepth
  }

  /** Nodes that are open. */
  get depth(): number {
    return this.#stack.length
  }

  get totals(): Readonly<Totals> {
    return this.#totals
  }

  get isWhole(): boolean {
    return this.#hasRoot && this.#stack.length === 0
  }

  /**
   * Takes the bytes of the node that is due; they are kept. {@link settle} comes after.
   * @throws CodedError `CONTENT_UNSUPPORTED`, `CONTENT_TOO_LARGE`, `CONTENT_NO_SUCH_PATH`
   */
  open(as: Child, bytes: Uint8Array): DagNode {
    const node = parseNode(bytes)
    const isOnPath = this.#segmentsCount < this.#path.length
    const children = isOnPath ? [this.#step(node, as)] : childrenOf(node, as)
    const before = { ...this.#totals }
    const inlineBytes = node.kind === 'file' ? node.inline.length : 0
    if (node.kind === 'file') this.#checkBytes(node.sizeBytes)
    this.#add({
      fileBytes: inlineBytes,
      blocksCount: 1,
      carBytes: sectionBytes(as.cid, bytes.length),
    })
    this.#openBytes += bytes.length
    const blockBytes = bytes.length
    this.#stack.push({ as, kind: node.kind, blockBytes, before, children, next: 0 })
    if (isOnPath) this.#pathDepth = this.#stack.length
    checkWalk(this.#totals.blocksCount, this.#stack.length, this.#openBytes)
    this.#hasRoot = true
    return node
  }

  /** Passes the raw leaf that is due. @throws CodedError `CONTENT_UNSUPPORTED`, … */
  passLeaf({ cid }: Child, sizeBytes: number): void {
    this.#checkBytes(sizeBytes)
    this.#add({ fileBytes: sizeBytes, blocksCount: 1, carBytes: sectionBytes(cid, sizeBytes) })
    this.#pass()
  }

  /** Passes the subtree that is due, which was passed before. @throws as {@link passLeaf} */
  passAgain(totals: Totals): void {
    this.#checkBytes(totals.fileBytes)
    this.#add(totals)
    this.#pass()
  }

  /** Closes what has no more children. */
  settle(): void {
    for (let frame = this.#stack.at(-1); frame !== undefined; frame = this.#stack.at(-1)) {
      if (frame.next < frame.children.length) return
      this.#stack.pop()
      this.#openBytes -= frame.blockBytes
      this.#closed(frame, this.#stack.length)
      const parent = this.#stack.at(-1)
      if (parent !== undefined) parent.next += 1
    }
  }

  #pass(): void {
    checkWalk(this.#totals.blocksCount, this.#stack.length, this.#openBytes)
    this.#hasRoot = true
    const frame = this.#stack.at(-1)
    if (frame !== undefined) frame.next += 1
    this.settle()
  }

  #step(node: DagNode, as: Child): Child {
    if (as.place !== undefined && node.kind !== 'shard') {
      throw unsupportedItem('a folder of it is sharded inconsistently')
    }
    const segment = this.#path[this.#segmentsCount] ?? ''
    const step = stepInto(node, segment, as.place)
    if (step.kind === 'noSuchPath') throw noSuchPath(segment)
    if (step.kind === 'symlink') throw unsupportedItem('a symlink is in the way of the path')
    const { cid, block } = step
    if (block === undefined) throw unsupportedItem('the path leads to an id of an unknown kind')
    if (step.isEntry) this.#segmentsCount += 1
    const place = step.isEntry ? undefined : step.place
    const child = { cid, block, sizeBytes: undefined, place }
    this.#checkPathInto(child)
    return child
  }

  /** A raw leaf has nothing below. */
  #checkPathInto({ block }: Child): void {
    const segment = this.#path[this.#segmentsCount]
    if (segment !== undefined && block.codec === RAW) throw noSuchPath(segment)
  }

  #checkBytes(sizeBytes: number): void {
    const totalBytes = this.#totals.fileBytes + sizeBytes
    if (totalBytes > ITEM_BYTES_MAX) throw tooLarge(totalBytes, ITEM_BYTES_MAX)
  }

  #add({ fileBytes, blocksCount, carBytes }: Totals): void {
    this.#totals.fileBytes += fileBytes
    this.#totals.blocksCount += blocksCount
    this.#totals.carBytes += carBytes
  }
}
