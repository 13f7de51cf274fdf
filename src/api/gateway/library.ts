// SPDX-License-Identifier: AGPL-3.0-or-later
/** What the gateway for people asks of the rooms that keep things, and of the room that draws pages. */
import type { CID } from 'multiformats/cid'
import type { FolderPage, GatewayProblem, HomePage } from '../../contract/contract.ts'

export interface PeoplesLibrary {
  /**
   * Opens what lies at `path` below `cid`. Public things only: private and absent look the same.
   * Never asks others for it unless the library itself decides so.
   */
  open(cid: CID, path: readonly string[], signal: AbortSignal): Promise<Opened>
  publicItems(): readonly PublicItem[]
}

export interface PublicItem {
  cid: CID
  name: string
  title: string
  kind: string
  sizeBytes: number
}

/** `start` is the first byte, `end` the one after the last. */
export interface ByteSpan {
  start: number
  end: number
}

export interface OpenedFile {
  what: 'file'
  cid: CID
  /** What was asked for and each entry on the path down, this one last. */
  roots: readonly CID[]
  name: string
  sizeBytes: number
  /** As the name says; `application/octet-stream` when it says nothing. */
  mediaType: string
  modifiedAt?: Date
  bytes(range: ByteSpan, signal: AbortSignal): AsyncIterable<Uint8Array>
}

export interface OpenedFolder {
  what: 'folder'
  cid: CID
  roots: readonly CID[]
  name: string
  entries(signal: AbortSignal): AsyncIterable<FolderEntry>
  has(name: 'index.html'): Promise<boolean>
}

export interface FolderEntry {
  name: string
  cid: CID
  kind: 'file' | 'folder' | 'symlink' | 'unknown'
  sizeBytes: number | undefined
}

export type Opened =
  | OpenedFile
  | OpenedFolder
  | { what: 'symlink'; target: string }
  | { what: 'absent' }
  /** Blocked or withdrawn; `text` is for people. */
  | { what: 'refused'; status: 410 | 451; text: string }
  /** Damaged; `text` is for people. */
  | { what: 'unreadable'; text: string }

/** The pages, as whole HTML documents without script. */
export interface GatewayPages {
  /** Changes whenever a folder would look different: part of its ETag. */
  readonly version: string
  home(page: HomePage): string
  folder(page: FolderPage): string
  problem(problem: GatewayProblem): { html: string; text: string }
}
