// SPDX-License-Identifier: AGPL-3.0-or-later
/** Where an import puts what it makes, and what it says of the whole. */
import type { CID } from 'multiformats/cid'
import type { ByteSink, Tree } from './importing.ts'
import type { FileIdentity, FileReference } from './source-entry.ts'

/** Calls come one after the other, each when the one before is done. */
export interface ImportSink {
  /**
   * Keeps one block: a folder or HAMT node, a symlink, the node above a single leaf that holds a
   * file's attributes, or a leaf that is a whole file. `bytes` are the sink's only until the promise
   * resolves: a leaf lies in a buffer that the next file is read into.
   * @param reference set when the leaf is the whole of a user's file that is kept by reference
   */
  put(cid: CID, bytes: Uint8Array, reference?: FileReference): Promise<void>
  /** A file of more than one leaf, opened when that is known. */
  openFile(wanted: FileWanted): Promise<FileSink>
}

export interface FileWanted {
  /** With it the sink need not store the bytes, but gets them all the same. */
  reference: FileReference | undefined
  /** With it the sink may have kept a beginning of the same file from earlier. */
  identity: FileIdentity | undefined
}

/** Takes the bytes in order; then it is finished or abandoned, once. */
export interface FileSink extends ByteSink {
  /** Digests of the leaves that are there from earlier: the bytes come from behind them on. */
  readonly known: readonly Buffer[]
  finish(tree: Tree): Promise<void>
  abandon(): Promise<void>
}

export interface ImportedRoot {
  cid: CID
  kind: 'file' | 'folder' | 'symlink'
  /** Bytes of all files. */
  sizeBytes: number
  filesCount: number
  /** The root counts when it is a folder. */
  foldersCount: number
  symlinksCount: number
  /**
   * Bytes of all blocks as CAR sections, depth first with duplicates: what occurs twice counts
   * twice.
   */
  carBodyBytes: number
}

export interface ImportRootOptions {
  signal: AbortSignal
  /** Told after every leaf and every small file. */
  onProgress?: ((receivedBytes: number) => void) | undefined
}
