// SPDX-License-Identifier: AGPL-3.0-or-later
/** The part of the client that is about items. */
import { CodedError } from '../base/base.ts'
import { ApiProblem, type Call } from './call.ts'
import { endpoints } from './endpoints.ts'
import { ARCHIVE_TYPE } from './item-endpoints.ts'
import {
  type AddAnswer,
  addLineSchema,
  type EntryFacts,
  entryLineSchema,
  type FetchReportFacts,
  fetchLineSchema,
  fetchPartLineSchema,
  type ItemChange,
  type ItemFacts,
  type ItemTexts,
  type PlaceFacts,
  type Progress,
  type PublicItem,
  type Seen,
  type Skipped,
  type Visibility,
  type Withdrawn,
} from './item-schemas.ts'

export interface AddItemOptions extends ItemTexts {
  name: string
  visibility: Visibility
  /** A folder as a tar archive; otherwise the bytes of one file. */
  isArchive?: boolean
  keepsMode?: boolean
  keepsTime?: boolean
  /** Of a single file, octal. */
  mode?: string | undefined
  /** Of a single file: seconds since 1970. */
  modifiedAt?: string | undefined
  signal?: AbortSignal
}

/** Of what lies at a path on the node's machine. */
export interface AddPathOptions extends ItemTexts {
  name: string
  visibility: Visibility
  keepsMode?: boolean
  keepsTime?: boolean
  signal?: AbortSignal
  onProgress?: (progress: Progress) => void
  onSkipped?: (skipped: Skipped) => void
  /** What the caller sees at the path. */
  seen?: Seen
}

export interface FetchItemOptions {
  path?: string
  visibility: Visibility
  isKept?: boolean
  signal?: AbortSignal
  onProgress?: (progress: Progress) => void
  /** Told how it went, also when it failed; null: it was here, and nobody was asked. */
  onReport?: (report: FetchReportFacts | null) => void
}

export interface FetchPartOptions
  extends Pick<FetchItemOptions, 'path' | 'signal' | 'onProgress' | 'onReport'> {
  start: number
  /** The byte after the last; its end unless given. */
  end?: number | undefined
}

/** What a fetch brought: the item, and what is at the path that was asked for. */
export interface FetchedItem {
  item: ItemFacts
  place: PlaceFacts
}

export interface ItemsOptions {
  match?: string
  after?: string
  limit?: number
  signal?: AbortSignal
}

/** A page of a list. */
export interface ItemsPage<Item> {
  items: readonly Item[]
  itemsCount: number
  next: string | null
}

export interface ItemCalls {
  /** All of them. */
  items(signal?: AbortSignal): Promise<readonly ItemFacts[]>
  /** Newest first. */
  itemsPage(options?: ItemsOptions): Promise<ItemsPage<ItemFacts>>
  publicItemsPage(options?: ItemsOptions): Promise<ItemsPage<PublicItem>>
  item(cid: string, signal?: AbortSignal): Promise<ItemFacts>
  publicItem(cid: string, signal?: AbortSignal): Promise<PublicItem>
  addItem(bytes: AsyncIterable<Uint8Array>, options: AddItemOptions): Promise<AddAnswer>
  /** What lies at an absolute path on the node's machine, and stays there. */
  addReference(path: string, options: AddPathOptions): Promise<AddAnswer>
  /** What lies there, as a copy. Rejects with `FILE_NOT_SAME` when the node sees something else. */
  addCopy(path: string, options: AddPathOptions & { seen: Seen }): Promise<AddAnswer>
  changeItem(cid: string, change: ItemChange, signal?: AbortSignal): Promise<ItemFacts>
  publishItem(cid: string, signal?: AbortSignal): Promise<ItemFacts>
  withdrawItem(
    cid: string,
    options: { reason: string; mustRemove: boolean; signal?: AbortSignal },
  ): Promise<Withdrawn>
  removeItem(cid: string, signal?: AbortSignal): Promise<ItemFacts>
  /** Brings the item to the node; `onProgress` hears how far it is. */
  fetchItem(cid: string, options: FetchItemOptions): Promise<FetchedItem>
  /** Brings what a range of a file needs to the node, for `itemBytes`; says which file it is. */
  fetchPart(cid: string, options: FetchPartOptions): Promise<PlaceFacts>
  /** The bytes of a file on the node, to before `end`; fails when they break off. */
  itemBytes(
    cid: string,
    options?: { path?: string; start?: number; end?: number; signal?: AbortSignal },
  ): Promise<AsyncIterable<Uint8Array>>
  /** What is in a folder on the node; fails unless it is told to its end. */
  itemEntries(
    cid: string,
    options?: { path?: string; signal?: AbortSignal },
  ): AsyncIterable<EntryFacts>
  /** A folder on the node as a tar archive; fails when it breaks off. */
  itemArchive(
    cid: string,
    options?: { path?: string; absent?: 'usual' | 'zero'; signal?: AbortSignal },
  ): Promise<AsyncIterable<Uint8Array>>
}

export function itemCalls(call: Call): ItemCalls {
  return {
    items: async (signal) => (await call.json(endpoints.items, { signal })).items,
    itemsPage: ({ signal, ...which } = {}) =>
      call.json(endpoints.items, { query: queryOf(which), signal }),
    publicItemsPage: ({ signal, ...which } = {}) =>
      call.json(endpoints.publicItems, { query: queryOf(which), signal }),
    publicItem: async (cid, signal) =>
      (await call.json(endpoints.publicItem, { cid, signal })).item,
    item: async (cid, signal) => (await call.json(endpoints.item, { cid, signal })).item,
    addItem: (bytes, { isArchive, signal, ...options }) => {
      const contentType = isArchive === true ? { contentType: ARCHIVE_TYPE } : {}
      const query = queryOf(options)
      return call.json(endpoints.addItem, { query, bytes, ...contentType, signal })
    },
    addReference: (path, options) => addPath(call, endpoints.addReference, path, options),
    addCopy: (path, options) => addPath(call, endpoints.addCopy, path, options),
    changeItem: async (cid, json, signal) =>
      (await call.json(endpoints.changeItem, { cid, json, signal })).item,
    publishItem: async (cid, signal) =>
      (await call.json(endpoints.publishItem, { json: { cid }, signal })).item,
    withdrawItem: (cid, { signal, ...options }) =>
      call.json(endpoints.withdrawItem, { json: { cid, ...options }, signal }),
    removeItem: async (cid, signal) =>
      (await call.json(endpoints.removeItem, { cid, signal })).item,
    fetchItem: (cid, options) => fetchItem(call, cid, options),
    fetchPart: (cid, options) => fetchPart(call, cid, options),
    itemBytes: async (cid, { signal, ...range } = {}) =>
      (await call.open(endpoints.itemBytes, { cid, query: queryOf(range), signal })).body,
    itemEntries: (cid, options = {}) => itemEntries(call, cid, options),
    itemArchive: async (cid, { signal, ...what } = {}) =>
      (await call.open(endpoints.itemArchive, { cid, query: queryOf(what), signal })).body,
  }
}

/** Only what was said. */
function queryOf(values: object): Record<string, string> {
  const said = Object.entries(values).filter(([, value]) => value !== undefined)
  return Object.fromEntries(said.map(([name, value]) => [name, String(value)]))
}

async function addPath(
  call: Call,
  endpoint: typeof endpoints.addReference | typeof endpoints.addCopy,
  path: string,
  { signal, onProgress, onSkipped, ...options }: AddPathOptions,
): Promise<AddAnswer> {
  const json = { path, ...options }
  for await (const line of call.lines(endpoint, addLineSchema, { json, signal })) {
    if ('problem' in line) throw new ApiProblem(line.problem)
    if ('item' in line) return line
    if ('skipped' in line) onSkipped?.(line.skipped)
    else onProgress?.(line)
  }
  throw brokenOff('The node stopped before all of it was added.')
}

async function fetchItem(
  call: Call,
  cid: string,
  { signal, onProgress, onReport, ...options }: FetchItemOptions,
): Promise<FetchedItem> {
  const json = { cid, ...options }
  for await (const line of call.lines(endpoints.fetchItem, fetchLineSchema, { json, signal })) {
    if ('report' in line) onReport?.(line.report)
    if ('problem' in line) throw new ApiProblem(line.problem)
    if ('item' in line) return { item: line.item, place: line.place }
    onProgress?.(line)
  }
  throw brokenOff('The node stopped before the item was here.')
}

async function fetchPart(
  call: Call,
  cid: string,
  { signal, onProgress, onReport, ...options }: FetchPartOptions,
): Promise<PlaceFacts> {
  const json = { cid, ...options }
  for await (const line of call.lines(endpoints.fetchPart, fetchPartLineSchema, { json, signal })) {
    if ('report' in line) onReport?.(line.report)
    if ('problem' in line) throw new ApiProblem(line.problem)
    if ('place' in line) return line.place
    onProgress?.(line)
  }
  throw brokenOff('The node stopped before that part was here.')
}

async function* itemEntries(
  call: Call,
  cid: string,
  { path = '', signal }: { path?: string; signal?: AbortSignal },
): AsyncGenerator<EntryFacts> {
  const options = { cid, query: queryOf({ path }), signal }
  for await (const line of call.lines(endpoints.itemEntries, entryLineSchema, options)) {
    if ('problem' in line) throw new ApiProblem(line.problem)
    if ('entriesCount' in line) return
    yield line
  }
  throw brokenOff('The node stopped in the middle of the list.')
}

function brokenOff(message: string): CodedError {
  return new CodedError('API_BROKEN_OFF', message, {
    advice: 'Look whether the node still runs, then try again: it goes on from what it has.',
  })
}
