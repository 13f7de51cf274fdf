// SPDX-License-Identifier: AGPL-3.0-or-later
/** The picture that the page has of its node. Immutable: each change makes a new one. */
import type {
  Happening,
  ItemFacts,
  LinkHistory,
  PublicItem,
  PublicStatus,
  Status,
  TransferFacts,
  VitalsFacts,
} from '../../../contract/contract.ts'

/** What went wrong, in words that came with it; `code` has better ones in the catalogue, maybe. */
export interface Trouble {
  code: string
  text: string
  advice: string | undefined
}

/** A part of the picture. A value that could not be renewed stays, beside the trouble. */
export interface Panel<Value> {
  value: Value | undefined
  trouble: Trouble | undefined
}

/** All times are of the browser's monotonic clock, in milliseconds. */
export type Connection =
  | { phase: 'connecting'; sinceMs: number }
  | { phase: 'live'; sinceMs: number }
  | { phase: 'offline'; sinceMs: number; nextTryMs: number; trouble: Trouble }

export interface LinksPicture {
  stepSeconds: number
  links: readonly LinkHistory[]
}

/** A happening, and when it was by our own clock. */
export interface Heard extends Happening {
  heardMs: number
}

/** A transfer, and when it began by our own clock. */
export interface SeenTransfer extends TransferFacts {
  startedMs: number
}

export type AnyItem = PublicItem | ItemFacts

export interface ItemsPicture {
  match: string
  items: readonly AnyItem[]
  itemsCount: number
  next: string | null
}

export type Role = 'guest' | 'owner'

export interface Picture {
  role: Role
  connection: Connection
  status: Panel<PublicStatus | Status>
  /** When the status was told: what is known for ten seconds then is known for longer now. */
  statusMs: number
  links: Panel<LinksPicture>
  vitals: Panel<VitalsFacts>
  transfers: Panel<readonly SeenTransfer[]>
  happenings: Panel<readonly Heard[]>
  items: Panel<ItemsPicture>
  /** What is searched for; `items` may still be of the search before. */
  search: string
  /** Items that changed lately, newest first, listed or not: what is looked at may be among them. */
  changedItems: readonly AnyItem[]
  /** Rises when items came that the list does not have yet. */
  itemsAskedCount: number
  /** Now, in whole seconds' steps: what shows durations is drawn when it moves. */
  nowMs: number
}

const NOTHING = { value: undefined, trouble: undefined }

export function emptyPicture(role: Role, nowMs: number): Picture {
  return {
    role,
    connection: { phase: 'connecting', sinceMs: nowMs },
    status: NOTHING,
    statusMs: nowMs,
    links: NOTHING,
    vitals: NOTHING,
    transfers: NOTHING,
    happenings: NOTHING,
    items: NOTHING,
    search: '',
    changedItems: [],
    itemsAskedCount: 0,
    nowMs,
  }
}

export function isOwnItem(item: AnyItem): item is ItemFacts {
  return 'visibility' in item
}

export function isOwnStatus(status: PublicStatus | Status): status is Status {
  return 'dataFolder' in status
}

/** True while what is shown may no longer be so. */
export function isStale(picture: Picture): boolean {
  return picture.connection.phase === 'offline'
}
