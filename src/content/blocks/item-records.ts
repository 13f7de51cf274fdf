// SPDX-License-Identifier: AGPL-3.0-or-later
/** What is said of an item when it arrives, and when something about it changes. Pure. */
import type { CID } from 'multiformats/cid'
import type { Item, ItemTexts, Shape, Visibility } from '../item.ts'
import { type StoredItem, textsOf } from './catalogue.ts'
import type { ItemRecord } from './records.ts'

/** What is known of an item when all of it has arrived. */
export interface Arrived extends Partial<ItemTexts> {
  root: CID
  shape: Shape
  /** Empty for none. */
  name: string
  kind: string
  visibility: Visibility
  origin: 'added' | 'fetched'
  isKept?: boolean
  sizeBytes: number
  carBodyBytes: number
  publication?: Uint8Array | undefined
}

/** What may be said anew about an item that is here. */
export type ItemChanges = Partial<
  ItemTexts & Pick<Item, 'visibility' | 'isKept' | 'publication' | 'name' | 'origin'>
>

type Said = Omit<Item, 'sequence' | 'isWhole' | 'isChanged'> & { carBodyBytes: number }

/** @param known the item, when it is here or was already beginning to arrive. */
export function recordOfArrival(
  arrived: Arrived,
  known: StoredItem | undefined,
  { revision, nowMs }: { revision: number; nowMs: number },
): ItemRecord {
  const isNew = known === undefined || known.state === 'arriving'
  const texts = { title: '', language: '', description: '', licence: '', ...arrived }
  const name = arrived.name === '' ? arrived.root.toString() : arrived.name
  const fresh = {
    ...texts,
    name,
    cid: arrived.root,
    isKept: arrived.isKept ?? false,
    addedAtMs: nowMs,
    publication: arrived.publication,
  }
  if (isNew) return recordFrom(fresh, revision)
  const merged = {
    ...fresh,
    ...textsOf(known),
    name: known.name,
    addedAtMs: known.addedAtMs,
    // What was said once is not unsaid by adding it again.
    visibility: known.visibility === 'public' ? 'public' : arrived.visibility,
    isKept: known.isKept || fresh.isKept,
    origin: known.origin === 'added' ? 'added' : arrived.origin,
    publication: known.publication ?? arrived.publication,
  } as const
  return recordFrom(merged, revision)
}

export function recordFrom(item: Said, revision: number): ItemRecord {
  return {
    record: 'item',
    revision,
    root: item.cid,
    shape: item.shape,
    name: item.name,
    ...textsOf(item),
    visibility: item.visibility,
    origin: item.origin,
    isKept: item.isKept,
    addedAtMs: item.addedAtMs,
    sizeBytes: item.sizeBytes,
    carBodyBytes: item.carBodyBytes,
    publication: item.publication ?? null,
  }
}

/** Whether an item that is whole here is just what a record says. */
export function isSaid(record: ItemRecord, known: StoredItem): boolean {
  return (
    known.state === 'whole' &&
    record.visibility === known.visibility &&
    record.isKept === known.isKept &&
    record.origin === known.origin &&
    isSamePublication(record.publication ?? undefined, known.publication)
  )
}

function isSamePublication(one: Uint8Array | undefined, other: Uint8Array | undefined): boolean {
  if (one === undefined || other === undefined) return one === other
  return Buffer.compare(one, other) === 0
}
