// SPDX-License-Identifier: AGPL-3.0-or-later
/** Where an item goes while its CAR arrives. Calls come in the order of the item. */
import type { CID } from 'multiformats/cid'
import type { BlockName } from '../unixfs/unixfs.ts'

/**
 * Bytes that are handed over are the sink's only until it returns: it copies what it keeps.
 *
 * A file goes one of two ways. If its first leaf is raw, it comes as bytes between `fileStarted` and
 * `fileEnded`, its tree nodes on the side. If its bytes lie inside of nodes, an older layout, all its
 * blocks come through `block`, like folders: keeping the bytes by themselves would double them.
 */
export interface DagSink {
  /**
   * A verified block of at most 2 MiB: a folder, shard or symlink, a file of a single raw leaf, any
   * part of a file that does not come as bytes.
   */
  block(name: BlockName, bytes: Uint8Array): void
  /** A file begins that comes as bytes. With `dups` it may begin again where it occurs again. */
  fileStarted(root: CID, sizeBytes: number): void
  /**
   * A file that began in an earlier transfer goes on at `offset`. All before it is in the store, each
   * leaf by its name, but not necessarily as the beginning of this file.
   */
  fileResumed(root: CID, sizeBytes: number, offset: number): void
  /**
   * A verified node of the file's tree. Bytes of the file that lie inside of it follow at once as
   * `fileBytes`, and have no leaf of their own.
   */
  fileNode(name: BlockName, bytes: Uint8Array): void
  /** The next bytes of the file. Not verified, unless they lay inside of a node. */
  fileBytes(piece: Uint8Array): void
  /** The bytes [offset, offset + sizeBytes) of the file, given just now, are right. */
  fileLeaf(digest: Uint8Array, offset: number, sizeBytes: number): void
  /**
   * The sender left out a leaf or a subtree of the file that came before. The next `sizeBytes` are
   * those at `from` of this file again; undefined: those of `name`, which came elsewhere.
   */
  fileRepeat(name: BlockName, sizeBytes: number, from: number | undefined): void
  /** Every byte of the file has come and is right. */
  fileEnded(): void
  /** The sender left out a block, with all below it, that came before: it occurs here again. */
  repeat(name: BlockName): void
}
