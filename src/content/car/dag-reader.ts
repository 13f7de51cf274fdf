// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Reads the CAR of an item as it arrives and believes nothing of it: which block comes next follows
 * from the root that was asked for and from links whose block was verified; every block is hashed
 * while it arrives and counts only when the hash is right. Pure: bytes in, calls to the sink out.
 */
import { createHash, type Hash } from 'node:crypto'
import type { CID } from 'multiformats/cid'
import { invariant } from '../../base/base.ts'
import { encodeCarHeader, sectionBytes } from '../car-format.ts'
import { truncated, wrongBytes } from '../errors.ts'
import {
  type BlockName,
  type Child,
  checkFileSize,
  type DagNode,
  isSameBlock,
  isSameDigest,
  RAW,
  type ReadOptions,
} from '../unixfs/unixfs.ts'
import { DagCursor, type OpenNode } from './dag-cursor.ts'
import type { DagSource } from './dag-sections.ts'
import type { DagSink } from './dag-sink.ts'
import { FileTracker } from './file-tracker.ts'
import { SectionReader } from './section-reader.ts'
import { SeenBlocks } from './seen-blocks.ts'

export interface DagReaderOptions {
  /** Segments from the root to what is wanted; the nodes on the way stand in front of the CAR. */
  path?: readonly string[] | undefined
  /**
   * True: the sender repeats a block where it occurs again (`dups=y`), and memory stays flat. False:
   * it may leave out what it sent before, so the names of all blocks are remembered.
   */
  dups: boolean
}

export class DagReader {
  readonly #root: CID
  readonly #sink: DagSink
  readonly #files: FileTracker
  readonly #cursor: DagCursor
  readonly #sections: SectionReader
  readonly #seen: SeenBlocks | undefined
  #totalBytes: number | undefined
  /** The block that is being read. */
  #current: Child | undefined
  #hash: Hash | undefined
  #blockBytes = 0
  /** The block, when it is one that is handed over whole. */
  #gathered = new Uint8Array()
  /** Where leaves are gathered, one after the other. */
  #leafBuffer = new Uint8Array()
  #gatheredBytes = 0
  #isGathering = false

  /** @throws CodedError `CONTENT_CID_UNSUPPORTED`, `CONTENT_NO_SUCH_PATH` */
  constructor(root: CID, sink: DagSink, { path = [], dups }: DagReaderOptions) {
    this.#root = root
    this.#sink = sink
    this.#files = new FileTracker(sink)
    this.#seen = dups ? undefined : new SeenBlocks()
    this.#cursor = new DagCursor(root, path, (node, depth) => this.#closed(node, depth))
    this.#sections = new SectionReader({
      blockStarted: (name, sizeBytes) => this.#startBlock(name, sizeBytes),
      blockBytes: (piece) => this.#takeBytes(piece),
      blockEnded: () => this.#endBlock(),
    })
  }

  /** True as soon as every block of the item has been verified. */
  get isWhole(): boolean {
    return this.#cursor.isWhole
  }

  /** Bytes of files that were verified, duplicates included. */
  get verifiedBytes(): number {
    return this.#cursor.totals.fileBytes
  }

  /** Blocks that were verified, duplicates included. */
  get blocksCount(): number {
    return this.#cursor.totals.blocksCount
  }

  /** What was verified as sections of a CAR with duplicates, its header not included. */
  get carBodyBytes(): number {
    return this.#cursor.totals.carBytes
  }

  /** Bytes of the file that was asked for, once known; folders do not say. */
  get totalBytes(): number | undefined {
    return this.#totalBytes
  }

  /** At which byte of the CAR the next one is: where a transfer that was cut off goes on. */
  get position(): number {
    return this.#sections.position
  }

  /**
   * @throws CodedError `CONTENT_WRONG_BYTES` for what only a bad peer sends; `CONTENT_UNSUPPORTED`,
   *   `CONTENT_TOO_LARGE` and `CONTENT_NO_SUCH_PATH` for verified blocks that we do not take. It is
   *   of no use afterwards.
   */
  push(chunk: Uint8Array): void {
    this.#sections.push(chunk)
  }

  /** There is nothing more to come. @throws CodedError `CONTENT_TRUNCATED` */
  finish(): void {
    const isBetweenSections = this.#sections.isBetweenSections
    if (isBetweenSections) this.#repeatTo(undefined)
    if (!this.isWhole || !isBetweenSections) throw truncated(this.position)
  }

  /**
   * Takes what is in a store already, up to the first block that is not, as if it had arrived. The
   * sink is told only of the file in whose middle that is.
   * @returns at which byte of the CAR the transfer goes on; 0: with the header.
   * @throws CodedError `CONTENT_UNSUPPORTED`, `CONTENT_TOO_LARGE`, `CONTENT_NO_SUCH_PATH`, or the
   *   signal's reason.
   */
  async replay(local: DagSource<unknown>, { signal }: ReadOptions = {}): Promise<number> {
    invariant(this.#seen === undefined, 'only a CAR with dups is the same every time')
    invariant(this.position === 0, 'what arrived comes after what was here')
    this.#files.isSilent = true
    for (let due = this.#cursor.due; due !== undefined; due = this.#cursor.due) {
      if (due.block.codec === RAW) {
        const found = local.index.find(due.block)
        if (found === undefined) break
        checkFileSize(found.sizeBytes, due.sizeBytes)
        this.#noteTotal(found.sizeBytes)
        this.#files.leafStarted()
        this.#cursor.passLeaf(due, found.sizeBytes)
      } else {
        signal?.throwIfAborted()
        const bytes = await local.blocks.read(due.block, signal)
        if (bytes === undefined) break
        this.#openNode(due, bytes)
      }
    }
    this.#files.isSilent = false
    if (this.blocksCount === 0) return 0
    this.#files.resume(this.verifiedBytes)
    this.#sections.startAt(encodeCarHeader(this.#root).length + this.carBodyBytes)
    return this.position
  }

  #startBlock(name: BlockName, sizeBytes: number): void {
    const due = this.#repeatTo(name)
    if (due === undefined) throw wrongBytes('there is more than the item')
    const isLeaf = name.codec === RAW
    // The block may still be the right one while the tree lies; but then nothing fits anywhere.
    if (isLeaf && due.sizeBytes !== undefined && due.sizeBytes !== sizeBytes) {
      throw wrongBytes('a block has another size than its tree says', { sizeBytes })
    }
    this.#current = due
    this.#blockBytes = sizeBytes
    this.#hash = createHash('sha256')
    this.#isGathering = !isLeaf || !this.#files.leafStarted()
    this.#gatheredBytes = 0
    // The links of a node refer to its bytes, so those are its own.
    if (!isLeaf) this.#gathered = new Uint8Array(sizeBytes)
    else if (this.#isGathering) this.#gathered = this.#leafBufferOf(sizeBytes)
  }

  #takeBytes(piece: Uint8Array): void {
    this.#hash?.update(piece)
    if (!this.#isGathering) {
      this.#sink.fileBytes(piece)
      return
    }
    this.#gathered.set(piece, this.#gatheredBytes)
    this.#gatheredBytes += piece.length
  }

  #endBlock(): void {
    const due = this.#current
    const digest = this.#hash?.digest()
    this.#current = undefined
    if (due === undefined || digest === undefined) throw wrongBytes('no block was due')
    if (!isSameDigest(digest, due.block.digest)) {
      throw wrongBytes('the hash of a block is not the one that was asked for')
    }
    if (due.block.codec === RAW) this.#endLeaf(due)
    else this.#openNode(due, this.#gathered)
  }

  #endLeaf(due: Child): void {
    const sizeBytes = this.#blockBytes
    this.#noteTotal(sizeBytes)
    const from = this.verifiedBytes
    if (this.#isGathering) this.#sink.block(due.block, this.#gathered)
    else this.#files.leafEnded(due.block.digest, from, sizeBytes)
    const inFile = this.#files.placeOf(from)
    const sizes = { blockBytes: sizeBytes, fileBytes: sizeBytes, carBytesBelow: 0 }
    this.#seen?.add(due, { kind: 'file', blocksCount: 1, inFile, ...sizes })
    this.#cursor.passLeaf(due, sizeBytes)
  }

  #openNode(due: Child, bytes: Uint8Array): void {
    const isTarget = this.#cursor.isTargetDue
    const depth = this.#cursor.depth
    const before = this.verifiedBytes
    const node: DagNode = this.#cursor.open(due, bytes)
    if (isTarget && node.kind === 'file') this.#totalBytes = node.sizeBytes
    this.#files.nodeOpened({ due, node, bytes, depth, before })
    this.#cursor.settle()
  }

  #closed({ as, kind, blockBytes, before }: OpenNode, depth: number): void {
    const { fileBytes, blocksCount, carBytes } = this.#cursor.totals
    this.#seen?.add(as, {
      kind,
      blockBytes,
      fileBytes: fileBytes - before.fileBytes,
      blocksCount: blocksCount - before.blocksCount,
      carBytesBelow: carBytes - before.carBytes - sectionBytes(as.cid, blockBytes),
      inFile: this.#files.placeOf(before.fileBytes),
    })
    this.#files.nodeClosed(depth)
  }

  /**
   * The block that is due, when it is `name`; undefined: none is. Whatever is due before it came
   * before, and was left out.
   */
  #repeatTo(name: BlockName | undefined): Child | undefined {
    for (let due = this.#cursor.due; due !== undefined; due = this.#cursor.due) {
      if (name !== undefined && isSameBlock(due.block, name)) return due
      const seen = this.#seen?.find(due)
      if (seen === undefined) {
        if (name === undefined) return due
        throw wrongBytes('another block came than the one that was due')
      }
      this.#files.repeated(due.block, seen.fileBytes, seen.inFile)
      this.#cursor.passAgain(seen.totals)
    }
    return undefined
  }

  #noteTotal(leafBytes: number): void {
    if (this.#cursor.isTargetDue) this.#totalBytes = leafBytes
  }

  #leafBufferOf(sizeBytes: number): Uint8Array<ArrayBuffer> {
    if (this.#leafBuffer.length < sizeBytes) this.#leafBuffer = new Uint8Array(sizeBytes)
    return this.#leafBuffer.subarray(0, sizeBytes)
  }
}
