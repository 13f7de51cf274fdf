// SPDX-License-Identifier: AGPL-3.0-or-later
/** What the pages of the gateway for people show: facts alone, the words are web's. */

/** A public item on the first page. */
export interface ShownItem {
  /** Where it is on this gateway. */
  href: string
  title: string
  /** Media type, or whatever the library says. */
  kind: string
  sizeBytes: number
}

export interface HomePage {
  items: readonly ShownItem[]
  itemsCount: number
  paging: Paging
}

export interface ShownEntry {
  name: string
  href: string
  kind: 'file' | 'folder' | 'symlink' | 'unknown'
  sizeBytes: number | undefined
}

export interface FolderPage {
  name: string
  cid: string
  /** From the root down to this folder, which is the last. */
  trail: readonly { name: string; href: string }[]
  entries: readonly ShownEntry[]
  paging: Paging
  /** True: there are more entries than pages are made for. */
  isCut: boolean
}

export interface Paging {
  previous: string | undefined
  next: string | undefined
}

export const GATEWAY_PROBLEMS = [
  'absent',
  'address',
  'address-too-long',
  'bad-host',
  'broken',
  'busy',
  'cross-site',
  'damaged',
  'format',
  'host',
  'link-outside',
  'method',
  'names',
  'not-cached',
  'not-given',
  'range',
  'service-worker',
  'too-many',
  'too-slow',
  'view-over',
  'websocket',
] as const

export type GatewayProblemCode = (typeof GATEWAY_PROBLEMS)[number]

export interface GatewayProblem {
  code: GatewayProblemCode
  status: number
  /** What whoever keeps the item says about it. */
  detail?: string
}
