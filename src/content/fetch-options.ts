// SPDX-License-Identifier: AGPL-3.0-or-later
/** What whoever wants an item here can ask for. */
import type { ProgressListener } from './adding.ts'
import type { FetchReport } from './fetching/fetching.ts'
import type { Visibility } from './item.ts'

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
