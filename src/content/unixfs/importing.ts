// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * From bytes to an item: the tree of the profile `unixfs-v1-2025` (IPIP-499), so that the same file
 * has the same CID here as in any IPFS software that follows it. ipfs-unixfs-importer lays out the
 * tree; leaves are hashed by node:crypto as the bytes pass, and never copied together.
 */
import { createHash } from 'node:crypto'
import { importFile } from 'ipfs-unixfs-importer'
import { balanced } from 'ipfs-unixfs-importer/layout'
import type { CID } from 'multiformats/cid'
import { sectionBytes } from '../car-format.ts'
import { tooLarge } from '../errors.ts'
import { ITEM_BYTES_MAX, LEAF_BYTES } from '../limits.ts'
import { cidOf, RAW } from './cids.ts'

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

/** Where the bytes go while they are hashed. */
export interface ByteSink {
  /** Takes the next bytes, and is done with the piece when it returns. */
  write(piece: Uint8Array): void
  /** Resolves when more may come. Asked after every leaf. */
  ready(): Promise<void>
}

export interface ImportOptions {
  signal: AbortSignal
  onProgress?: ((receivedBytes: number) => void) | undefined
  /** Links of a tree node; other than 1024 only to compare with other profiles. */
  width?: number
}

const PROFILE_WIDTH = 1024

/**
 * Reads `source` to its end.
 * @throws CodedError `CONTENT_TOO_LARGE`, the sink's failure, the source's, or the signal's reason.
 */
export async function importBytes(
  source: AsyncIterable<Uint8Array>,
  sink: ByteSink,
  options: ImportOptions,
): Promise<Tree> {
  const leaves = new Map<string, Leaf>()
  const nodes = new Map<string, TreeNode>()
  let sizeBytes = 0
  let carBodyBytes = 0

  async function* importLeaves(): AsyncGenerator<() => Promise<ImportedLeaf>> {
    for await (const leaf of cutLeaves(source, sink, options.signal)) {
      await sink.ready()
      const digest = leaf.digest
      const key = digest.toString('latin1')
      if (!leaves.has(key)) {
        leaves.set(key, { digest, offset: sizeBytes, sizeBytes: leaf.sizeBytes })
      }
      sizeBytes += leaf.sizeBytes
      if (sizeBytes > ITEM_BYTES_MAX) throw tooLarge(sizeBytes, ITEM_BYTES_MAX)
      const cid = cidOf(RAW, digest)
      carBodyBytes += sectionBytes(cid, leaf.sizeBytes)
      options.onProgress?.(sizeBytes)
      // The importer wants the block only where it would wrap it, which raw leaves never are.
      const imported = { cid, size: BigInt(leaf.sizeBytes), block: EMPTY }
      yield () => Promise.resolve(imported)
    }
  }

  const { cid: root } = await importFile({ content: NOTHING }, nodeStore(nodes, addNode), {
    profile: 'unixfs-v1-2025',
    layout: balanced({ maxChildrenPerNode: options.width ?? PROFILE_WIDTH }),
    bufferImporter: importLeaves,
    blockWriteConcurrency: 1,
  })
  function addNode(cid: CID, bytes: Uint8Array): void {
    carBodyBytes += sectionBytes(cid, bytes.length)
  }
  return {
    root,
    sizeBytes,
    carBodyBytes,
    leaves: [...leaves.values()],
    nodes: [...nodes.values()],
  }
}

interface ImportedLeaf {
  cid: CID
  size: bigint
  block: Uint8Array
}

const EMPTY = new Uint8Array()
/** What the importer's own chunker would read; ours reads the source itself. */
const NOTHING: readonly Uint8Array[] = []

/** What the importer needs of a block store: it only puts, and only tree nodes. */
function nodeStore(
  nodes: Map<string, TreeNode>,
  onNode: (cid: CID, bytes: Uint8Array) => void,
): Parameters<typeof importFile>[1] {
  return {
    put: (cid, block) => {
      if (!(block instanceof Uint8Array)) throw new TypeError('the importer puts whole blocks')
      const digest = cid.multihash.digest
      onNode(cid, block)
      nodes.set(Buffer.from(digest).toString('latin1'), { digest, bytes: block })
      return cid
    },
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
