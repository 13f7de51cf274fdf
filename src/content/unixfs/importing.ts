// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * From bytes to an item: the tree of the profile `unixfs-v1-2025` (IPIP-499), so that the same file
 * has the same CID here as in any IPFS software that follows it. Leaves are hashed by node:crypto as
 * the bytes pass, and never copied together.
 */
import { createHash } from 'node:crypto'
import type { CID } from 'multiformats/cid'
import { sectionBytes } from '../car-format.ts'
import { tooLarge } from '../errors.ts'
import { ITEM_BYTES_MAX, LEAF_BYTES } from '../limits.ts'
import { cidOf, RAW } from './cids.ts'
import { FileLayout } from './file-layout.ts'
import { FILE_NODE_LINKS } from './limits.ts'
import type { EntryAttributes } from './source-entry.ts'

/** One leaf of a tree: a raw block. */
export interface Leaf {
  /** 32 bytes. */
  digest: Uint8Array
  /** Where it lies in the file. */
  offset: number
  sizeBytes: number
}

/** A block of the tree above the leaves. */
export interface TreeNode {
  /** 32 bytes. */
  digest: Uint8Array
  bytes: Uint8Array
}

/** Everything about an item but its bytes. */
export interface Tree {
  root: CID
  sizeBytes: number
  /** Each distinct leaf once, where it occurs first. */
  leaves: readonly Leaf[]
  /** Each distinct node once. */
  nodes: readonly TreeNode[]
  /** Bytes of all blocks as CAR sections, duplicates included. */
  carBodyBytes: number
}

/** A tree that was just made, with what the folder around it must know. */
export interface ImportedTree {
  tree: Tree
  /** Bytes of all blocks, duplicates included: dag-pb's `Tsize`. */
  dagBytes: number
  /** Blocks, duplicates included. */
  blocksCount: number
}

/** Where the bytes go while they are hashed. */
export interface ByteSink {
  /** Takes the next bytes, and is done with the piece when it returns. */
  write(piece: Uint8Array): void
  /** Resolves when more may come. Asked after every leaf, with its digest. */
  ready(digest: Buffer): Promise<void>
}

export interface ImportOptions {
  signal: AbortSignal
  onProgress?: ((receivedBytes: number) => void) | undefined
  /** Links of a tree node; other than 1024 only to compare with other profiles. */
  width?: number | undefined
  /** To be kept in the root, which then is a node in any case. */
  attributes?: EntryAttributes | undefined
  /**
   * Digests of the leaves in front of what `source` brings, each of {@link LEAF_BYTES}; then it brings
   * one byte at least.
   */
  known?: readonly Buffer[] | undefined
}

/**
 * Reads `source` to its end.
 * @throws CodedError `CONTENT_TOO_LARGE`, the sink's failure, the source's, or the signal's reason.
 */
export async function importBytes(
  source: AsyncIterable<Uint8Array>,
  sink: ByteSink,
  options: ImportOptions,
): Promise<Tree> {
  return (await importTree(source, sink, options)).tree
}

/** As {@link importBytes}, for a file that will be part of a folder. */
export async function importTree(
  source: AsyncIterable<Uint8Array>,
  sink: ByteSink,
  options: ImportOptions,
): Promise<ImportedTree> {
  const builder = new TreeBuilder(options.width ?? FILE_NODE_LINKS)
  const { known = [], signal } = options
  for (const digest of known) builder.addLeaf(digest, LEAF_BYTES)
  for await (const { digest, sizeBytes } of cutLeaves(source, sink, signal)) {
    await sink.ready(digest)
    builder.addLeaf(digest, sizeBytes)
    options.onProgress?.(builder.sizeBytes)
  }
  return builder.finish(options.attributes)
}

/** Gathers what a {@link Tree} tells while the layout grows above the leaves. */
class TreeBuilder {
  readonly #leaves = new Map<string, Leaf>()
  readonly #nodes = new Map<string, TreeNode>()
  readonly #layout: FileLayout
  #carBodyBytes = 0
  #blocksCount = 0
  sizeBytes = 0

  constructor(width: number) {
    this.#layout = new FileLayout(width, ({ cid, bytes }) => {
      const { digest } = cid.multihash
      this.#nodes.set(Buffer.from(digest).toString('latin1'), { digest, bytes })
      this.#carBodyBytes += sectionBytes(cid, bytes.length)
      this.#blocksCount += 1
    })
  }

  addLeaf(digest: Buffer, sizeBytes: number): void {
    const key = digest.toString('latin1')
    if (!this.#leaves.has(key)) this.#leaves.set(key, { digest, offset: this.sizeBytes, sizeBytes })
    this.sizeBytes += sizeBytes
    if (this.sizeBytes > ITEM_BYTES_MAX) throw tooLarge(this.sizeBytes, ITEM_BYTES_MAX)
    const cid = cidOf(RAW, digest)
    this.#carBodyBytes += sectionBytes(cid, sizeBytes)
    this.#blocksCount += 1
    this.#layout.addLeaf(cid, sizeBytes)
  }

  finish(attributes: EntryAttributes | undefined): ImportedTree {
    const { cid: root, dagBytes } = this.#layout.finish(attributes)
    const tree = {
      root,
      sizeBytes: this.sizeBytes,
      carBodyBytes: this.#carBodyBytes,
      leaves: [...this.#leaves.values()],
      nodes: [...this.#nodes.values()],
    }
    return { tree, dagBytes, blocksCount: this.#blocksCount }
  }
}

interface CutLeaf {
  sizeBytes: number
  digest: Buffer
}

/** Cuts a stream into leaves of {@link LEAF_BYTES}; an empty stream is one empty leaf. */
async function* cutLeaves(
  source: AsyncIterable<Uint8Array>,
  sink: ByteSink,
  signal: AbortSignal,
): AsyncGenerator<CutLeaf> {
  let sizeBytes = 0
  let hash = createHash('sha256')
  let isFirst = true
  for await (const chunk of source) {
    signal.throwIfAborted()
    for (let at = 0; at < chunk.length; ) {
      const end = Math.min(chunk.length, at + LEAF_BYTES - sizeBytes)
      const piece = at === 0 && end === chunk.length ? chunk : chunk.subarray(at, end)
      hash.update(piece)
      sink.write(piece)
      sizeBytes += piece.length
      at = end
      if (sizeBytes < LEAF_BYTES) continue
      yield { sizeBytes, digest: hash.digest() }
      isFirst = false
      sizeBytes = 0
      hash = createHash('sha256')
    }
  }
  signal.throwIfAborted()
  if (isFirst || sizeBytes > 0) yield { sizeBytes, digest: hash.digest() }
}
