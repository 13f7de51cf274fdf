// SPDX-License-Identifier: AGPL-3.0-or-later
/** What the API asks of whoever keeps items: exactly this, and nothing else. */
import type { CID } from 'multiformats/cid'
import type { PeerId, UnixTime } from '../base/base.ts'
import type {
  AddedFacts,
  FetchReportFacts,
  ItemChange,
  ItemTexts,
  Seen,
  Shape,
  Skipped,
  Visibility,
} from '../contract/contract.ts'

export interface ApiItem {
  cid: CID
  name: string
  shape: Shape
  sizeBytes: number
  /** Media type. */
  kind: string
  title: string
  language: string
  description: string
  licence: string
  visibility: Visibility
  origin: 'added' | 'fetched'
  isKept: boolean
  /** False: bytes of it are missing here. */
  isWhole: boolean
  /** It is not, since a file that was added by reference is another one now, or gone. */
  isChanged: boolean
  publishedBy: PeerId | undefined
  isWithdrawn: boolean
  /** Why others do not get it from here; undefined when nothing forbids it. */
  refused: string | undefined
  /** Wall-clock milliseconds, as the node's clock said. */
  addedAtMs: number
}

export interface ItemTotals {
  count: number
  publicCount: number
  sizeBytes: number
}

export interface ApiAddOptions extends ItemTexts {
  name: string
  visibility: Visibility
  keepsMode: boolean
  keepsTime: boolean
  signal: AbortSignal
  onProgress?: (receivedBytes: number, totalBytes: number | undefined) => void
}

export interface ApiPathOptions extends ApiAddOptions {
  onSkipped: (skipped: Skipped) => void
  /** What the caller sees there: something else is refused. */
  seen?: Seen | undefined
}

export interface ApiAdded {
  item: ApiItem
  counts: Omit<AddedFacts, 'newBytes'>
  newBytes: number
}

/** What is at a place of an item. */
export interface ApiPlace {
  cid: CID
  shape: Shape
  sizeBytes: number | undefined
  target: string | undefined
  mode: number | undefined
  modifiedAt: UnixTime | undefined
}

export interface ApiEntry {
  name: string
  cid: CID
  shape: Shape | undefined
  sizeBytes: number | undefined
  target: string | undefined
}

export interface ApiAttempt {
  peerId: PeerId
  interfaceName: string | undefined
  rttMs: number | undefined
  answeredMs: number
  fromBytes: number
  toBytes: number
  durationMs: number
  code: string | undefined
  message: string | undefined
}

export type ApiFetchReport = Omit<FetchReportFacts, 'attempts'> & {
  attempts: readonly ApiAttempt[]
}

export interface ApiFetched {
  /** What was fetched, or the item here in which it lies. */
  item: ApiItem
  /** What was asked for. */
  place: ApiPlace
  /** Undefined: it was here, and nobody was asked. */
  report: ApiFetchReport | undefined
}

/** A part of the list, newest first. */
export interface ApiPageQuestion {
  /** Only items with this in their name, title or description; empty: all. */
  match: string
  /** `anybody`: public items that are whole. */
  reader: 'owner' | 'anybody'
  /** The CID of the item before the first one. */
  after: string | undefined
  limit: number
}

export interface ApiItems {
  list(): readonly ApiItem[]
  /** @throws CodedError `CONTENT_LIST_CHANGED` when `after` is not in the list any more */
  page(question: ApiPageQuestion): {
    items: readonly ApiItem[]
    /** Of all that match. */
    itemsCount: number
    hasMore: boolean
  }
  /** Cheap: asked for by every look at the status page. */
  totals(): ItemTotals
  get(cid: CID): ApiItem | undefined
  addFile(
    bytes: AsyncIterable<Uint8Array>,
    options: ApiAddOptions & { mode: number | undefined; modifiedAt: UnixTime | undefined },
  ): Promise<ApiAdded>
  /** A folder as a tar archive. */
  addArchive(archive: AsyncIterable<Uint8Array>, options: ApiAddOptions): Promise<ApiAdded>
  /** What lies at an absolute path of this machine, and stays there. */
  addReference(path: string, options: ApiPathOptions): Promise<ApiAdded>
  /** What lies there, as a copy. */
  addCopy(path: string, options: ApiPathOptions): Promise<ApiAdded>
  change(cid: CID, changes: ItemChange): Promise<ApiItem>
  publish(cid: CID): Promise<ApiItem>
  /** The item as it is now, if it is still here. */
  withdraw(cid: CID, options: { reason: string; mustRemove: boolean }): Promise<ApiItem | undefined>
  /** What was removed, or undefined when the node did not have it. */
  remove(cid: CID, options?: { erases: boolean }): Promise<ApiItem | undefined>
  /** What is at a path of an item that is here. */
  place(cid: CID, path: readonly string[], signal: AbortSignal): Promise<ApiPlace>
  entries(folder: ApiPlace, signal: AbortSignal): AsyncIterable<ApiEntry>
  archive(
    folder: ApiPlace,
    options: { absent: 'usual' | 'zero'; signal: AbortSignal },
  ): AsyncIterable<Uint8Array>
  /** The verified bytes of a file that is here, from `start` to before `end`. */
  openBytes(
    file: ApiPlace,
    range: { start: number; end: number; signal: AbortSignal },
  ): AsyncIterable<Uint8Array>
  /** Brings an item here from whoever has it; at once when it is here already. */
  fetch(
    cid: CID,
    options: {
      path: readonly string[]
      visibility: Visibility
      isKept: boolean
      signal: AbortSignal
      onProgress: (receivedBytes: number, totalBytes: number | undefined) => void
    },
  ): Promise<ApiFetched>
  /** Brings what a range of a file needs, for `openBytes`. */
  fetchPart(
    cid: CID,
    options: {
      path: readonly string[]
      start: number
      end: number | undefined
      signal: AbortSignal
      onProgress: (receivedBytes: number, totalBytes: number | undefined) => void
    },
  ): Promise<Pick<ApiFetched, 'place' | 'report'>>
  /** How a fetch went that ended with this failure, where that is known. */
  reportOf(thrown: unknown): ApiFetchReport | undefined
}
