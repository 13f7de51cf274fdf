// SPDX-License-Identifier: AGPL-3.0-or-later
/** What whoever wants an item here can ask for. */
import type { CID } from 'multiformats/cid'
import type { ProgressListener } from './adding.ts'
import type { FetchReport } from './fetching/fetching.ts'
import type { Visibility } from './item.ts'

/** A range of a file, and nothing else of it. */
export interface PartFetchOptions {
  /** Names below the CID. */
  path?: readonly string[] | undefined
  /** First byte. */
  start: number
  /** The byte after the last; undefined, or beyond the end of the file: its end. */
  end: number | undefined
  signal: AbortSignal
  /** Of the bytes of the range. */
  onProgress?: ProgressListener | undefined
}

export interface FetchedPart {
  /** Of the file. */
  cid: CID
  /** Undefined: it was all here, and nobody was asked. */
  report: FetchReport | undefined
}

export interface ItemFetchOptions {
  visibility: Visibility
  /** Whether it stays whatever else needs room. */
  isKept?: boolean | undefined
  /** Names below the CID: only what is there is brought. */
  path?: readonly string[] | undefined
  signal: AbortSignal
  onProgress?: ProgressListener | undefined
  /** Told how it went, when it went well. */
  onReport?: ((report: FetchReport) => void) | undefined
}
