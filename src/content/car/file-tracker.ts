// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Tells the sink of the files of an item, each in one of two ways: as bytes when its first leaf is
 * raw, as blocks when its bytes lie inside of nodes. Until that shows, its nodes are held back. Pure.
 */
import type { CID } from 'multiformats/cid'
import type { BlockName, Child, DagNode } from '../unixfs/unixfs.ts'
import type { DagSink } from './dag-sink.ts'

/** Where something lies in a file that came as bytes. */
export interface PlaceInFile {
  /** Counts the files of the item. */
  fileNumber: number
  offset: number
}

export interface OpenedNode {
  due: Child
  node: DagNode
  bytes: Uint8Array
  /** Nodes above it. */
  depth: number
  /** Bytes of files before it. */
  before: number
}

interface HeldNode {
  block: BlockName
  bytes: Uint8Array
}

interface OpenFile {
  number: number
  root: CID
  sizeBytes: number
  /** Bytes of files before it. */
  start: number
  /** Nodes above its root. */
  depth: number
  way: 'unknown' | 'bytes' | 'blocks'
  held: HeldNode[]
}

export class FileTracker {
  readonly #sink: DagSink
  #file: OpenFile | undefined
  #filesCount = 0
  /** While true, all is noted and nothing is told. */
  isSilent = false

  constructor(sink: DagSink) {
    this.#sink = sink
  }

  /** A raw leaf begins. True: its bytes go to the file; false: it is a block by itself. */
  leafStarted(): boolean {
    const file = this.#file
    if (file === undefined) return false
    if (file.way === 'unknown') this.#startBytes(file)
    return file.way === 'bytes'
  }

  /** @param before bytes of files before the leaf. */
  leafEnded(digest: Uint8Array, before: number, sizeBytes: number): void {
    this.#out.fileLeaf(digest, before - (this.#file?.start ?? 0), sizeBytes)
  }

  nodeOpened({ due, node, bytes, depth, before }: OpenedNode): void {
    const { block, cid } = due
    const file = this.#file
    if (node.kind !== 'file' || (file === undefined && node.links.length === 0)) {
      this.#out.block(block, bytes)
      return
    }
    const { inline, links, sizeBytes } = node
    if (file === undefined) {
      this.#filesCount += 1
      const number = this.#filesCount
      const held = [{ block, bytes }]
      this.#file = { number, root: cid, sizeBytes, start: before, depth, way: 'unknown', held }
      if (inline.length > 0) this.#startBlocks(this.#file)
      return
    }
    if (file.way === 'bytes') {
      this.#out.fileNode(block, bytes)
      if (inline.length > 0) this.#out.fileBytes(inline)
    } else if (file.way === 'blocks') {
      this.#out.block(block, bytes)
    } else {
      file.held.push({ block, bytes })
      if (inline.length > 0 || links.length === 0) this.#startBlocks(file)
    }
  }

  /** @param depth nodes that are still open. */
  nodeClosed(depth: number): void {
    const file = this.#file
    if (file === undefined || depth !== file.depth) return
    if (file.way === 'bytes') this.#out.fileEnded()
    this.#file = undefined
  }

  /** What is due came before: at `place` when that was in a file that came as bytes. */
  repeated(block: BlockName, sizeBytes: number, place: PlaceInFile | undefined): void {
    const file = this.#file
    if (file?.way === 'unknown') {
      if (place === undefined) this.#startBlocks(file)
      else this.#startBytes(file)
    }
    if (file?.way !== 'bytes') {
      this.#out.repeat(block)
      return
    }
    const isOfSameFile = place?.fileNumber === file.number
    this.#out.fileRepeat(block, sizeBytes, isOfSameFile ? place.offset : undefined)
  }

  /** Where something lies that began after `before` bytes of files. */
  placeOf(before: number): PlaceInFile | undefined {
    const file = this.#file
    if (file?.way !== 'bytes') return undefined
    return { fileNumber: file.number, offset: before - file.start }
  }

  /** Tells of the file that is open, if it comes as bytes. @param before bytes of files so far. */
  resume(before: number): void {
    const file = this.#file
    if (file?.way !== 'bytes') return
    this.#sink.fileResumed(file.root, file.sizeBytes, before - file.start)
  }

  get #out(): DagSink {
    return this.isSilent ? SILENT : this.#sink
  }

  #startBytes(file: OpenFile): void {
    file.way = 'bytes'
    this.#out.fileStarted(file.root, file.sizeBytes)
    for (const { block, bytes } of file.held) this.#out.fileNode(block, bytes)
    file.held = []
  }

  #startBlocks(file: OpenFile): void {
    file.way = 'blocks'
    for (const { block, bytes } of file.held) this.#out.block(block, bytes)
    file.held = []
  }
}

const ignore = (): void => {}

const SILENT: DagSink = {
  block: ignore,
  fileStarted: ignore,
  fileResumed: ignore,
  fileNode: ignore,
  fileBytes: ignore,
  fileLeaf: ignore,
  fileRepeat: ignore,
  fileEnded: ignore,
  repeat: ignore,
}
