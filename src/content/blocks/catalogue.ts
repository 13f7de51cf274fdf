// SPDX-License-Identifier: AGPL-3.0-or-later
/** The table of items. What it says about whole items stands in the packs too. */
import { CID } from 'multiformats/cid'
import { EventHub, type EventSource, type Logger } from '../../base/base.ts'
import type { Statement } from '../../store/store.ts'
import { listChanged } from '../errors.ts'
import type { Item, ItemEvents, ItemTexts, ItemTotals, Shape, Visibility } from '../item.ts'
import { itemsPage, type PageOf, type PageQuestion } from './items-page.ts'
import type { ItemRecord } from './records.ts'
import type { IndexDatabase } from './statements.ts'

export type ItemState = 'arriving' | 'whole' | 'damaged'

/** An item with what only this room needs to know. */
export interface StoredItem extends Item {
  state: ItemState
  revision: number
  carBodyBytes: number
}

interface ItemRow {
  sequence: number
  root_cid: string
  state: ItemState
  revision: number
  shape: Shape
  name: string
  title: string
  kind: string
  language: string
  description: string
  licence: string
  size_bytes: number
  car_body_bytes: number
  visibility: Visibility
  origin: 'added' | 'fetched'
  is_kept: number
  added_at_ms: number
  publication: Uint8Array | null
  last_use: number
  is_changed: number
}

/** What an item that arrives is called while its CID is not known: no CID begins so. */
const NAMELESS = 'arriving-'

export class Catalogue {
  readonly #database: IndexDatabase
  readonly #byCid: Statement<ItemRow, [string]>
  readonly #totals: Statement<{ count: number; publicCount: number; sizeBytes: number }, []>
  readonly #bySequence: Statement<ItemRow, [number]>
  #lastUse: number
  readonly #hub: EventHub<ItemEvents>
  readonly #log: Logger
  /** How items were before the changes that are not told yet. */
  readonly #touched = new Map<number, StoredItem | undefined>()
  /** Uses that are not in the table yet: reading must not wear out a card. */
  readonly #uses = new Map<number, number>()

  constructor(database: IndexDatabase, log: Logger) {
    this.#database = database
    this.#hub = new EventHub(log)
    this.#log = log
    this.#byCid = database.prepare('SELECT * FROM content_items WHERE root_cid = ?')
    this.#bySequence = database.prepare('SELECT * FROM content_items WHERE sequence = ?')
    this.#totals = database.prepare(
      `SELECT count(*) AS count, coalesce(sum(visibility = 'public'), 0) AS publicCount,
              coalesce(sum(size_bytes), 0) AS sizeBytes
       FROM content_items WHERE state <> 'arriving'`,
    )
    const latest = database
      .prepare<{ last: number | null }>('SELECT max(last_use) AS last FROM content_items')
      .get()
    this.#lastUse = latest?.last ?? 0
  }

  /** Told once a change is in the table for good; what merely arrives is no item yet. */
  get events(): EventSource<ItemEvents> {
    return this.#hub
  }

  /** Oldest first; without what is still arriving. */
  list(): StoredItem[] {
    return this.#database
      .prepare<ItemRow>("SELECT * FROM content_items WHERE state <> 'arriving' ORDER BY sequence")
      .all()
      .map(itemFrom)
  }

  /** @throws CodedError `CONTENT_LIST_CHANGED` */
  page(question: PageQuestion): PageOf<StoredItem> {
    const page = itemsPage<ItemRow>(this.#database, question)
    if (page === undefined) throw listChanged()
    return { ...page, items: page.items.map(itemFrom) }
  }

  arriving(): { sequence: number; cid: CID | undefined; triedAtMs: number }[] {
    return this.#database
      .prepare<ItemRow>("SELECT * FROM content_items WHERE state = 'arriving'")
      .all()
      .map(({ sequence, root_cid: root, added_at_ms: triedAtMs }) => ({
        sequence,
        triedAtMs,
        cid: root.startsWith(NAMELESS) ? undefined : CID.parse(root),
      }))
  }

  totals(): ItemTotals {
    return this.#totals.get() ?? { count: 0, publicCount: 0, sizeBytes: 0 }
  }

  damaged(): StoredItem[] {
    return this.#database
      .prepare<ItemRow>("SELECT * FROM content_items WHERE state = 'damaged' ORDER BY sequence")
      .all()
      .map(itemFrom)
  }

  /** @param cid CIDv1. Also what is still arriving. */
  get(cid: CID): StoredItem | undefined {
    const row = this.#byCid.get(cid.toString())
    return row === undefined ? undefined : itemFrom(row)
  }

  /** An item whose CID is known. */
  at(sequence: number): StoredItem | undefined {
    const row = this.#bySequence.get(sequence)
    return row === undefined ? undefined : itemFrom(row)
  }

  /** Also of an item that has no CID yet; undefined: there is none of that number. */
  stateOf(sequence: number): ItemState | undefined {
    return this.#bySequence.get(sequence)?.state
  }

  /** Somebody tries again to bring an item that is still arriving. */
  tried(sequence: number, triedAtMs: number): void {
    this.#database
      .prepare<never, [number, number]>(
        "UPDATE content_items SET added_at_ms = ? WHERE sequence = ? AND state = 'arriving'",
      )
      .run(triedAtMs, sequence)
  }

  /** A row for an item that begins to arrive. */
  begin(cid: CID | undefined, origin: 'added' | 'fetched', addedAtMs: number): number {
    return this.#database.transaction(() => {
      const { lastInsertRowid } = this.#database
        .prepare<never, [string, string, number, number]>(
          `INSERT INTO content_items
             (root_cid, state, revision, shape, name, title, kind, language, description, licence,
              size_bytes, car_body_bytes, visibility, origin, is_kept, added_at_ms, last_use)
           VALUES (?, 'arriving', 0, 'file', '', '', '', '', '', '', 0, 0, 'private', ?, 0, ?, ?)`,
        )
        .run(cid?.toString() ?? NAMELESS, origin, addedAtMs, this.#nextUse())
      const sequence = Number(lastInsertRowid)
      if (cid === undefined) this.#nameNameless(sequence)
      return sequence
    })
  }

  /** Writes what a record says into the row of an item. */
  apply(sequence: number, record: ItemRecord, state: ItemState): void {
    this.#touch(sequence)
    this.#database
      .prepare<never, [Record<string, string | number | Uint8Array | null>]>(
        `UPDATE content_items
         SET root_cid = @rootCid, state = @state, revision = @revision, shape = @shape,
             name = @name, title = @title, kind = @kind, language = @language,
             description = @description, licence = @licence, size_bytes = @sizeBytes,
             car_body_bytes = @carBodyBytes, visibility = @visibility, origin = @origin,
             is_kept = @isKept, added_at_ms = @addedAtMs, publication = @publication,
             is_changed = CASE @state WHEN 'damaged' THEN is_changed ELSE 0 END
         WHERE sequence = @sequence`,
      )
      .run({
        ...textsOf(record),
        sequence,
        state,
        rootCid: record.root.toString(),
        revision: record.revision,
        shape: record.shape,
        name: record.name,
        sizeBytes: record.sizeBytes,
        carBodyBytes: record.carBodyBytes,
        visibility: record.visibility,
        origin: record.origin,
        isKept: Number(record.isKept),
        addedAtMs: record.addedAtMs,
        publication: record.publication,
      })
  }

  /** @param isChanged by its owner, who has a file of it elsewhere. */
  setDamaged(sequence: number, { isChanged }: { isChanged: boolean }): void {
    this.#touch(sequence)
    this.#database
      .prepare<never, [number, number]>(
        "UPDATE content_items SET state = 'damaged', is_changed = ? WHERE sequence = ?",
      )
      .run(Number(isChanged), sequence)
  }

  remove(sequence: number): void {
    this.#touch(sequence)
    this.#database
      .prepare<never, [number]>('DELETE FROM content_items WHERE sequence = ?')
      .run(sequence)
    this.#uses.delete(sequence)
  }

  /** Somebody wanted it just now. */
  use(sequence: number): void {
    this.#uses.set(sequence, this.#nextUse())
  }

  /** Writes down who was used since the last time. */
  flushUses(): void {
    if (this.#uses.size === 0) return
    const update = this.#database.prepare<never, [number, number]>(
      'UPDATE content_items SET last_use = ? WHERE sequence = ?',
    )
    this.#database.transaction(() => {
      for (const [sequence, use] of this.#uses) update.run(use, sequence)
    })
    this.#uses.clear()
  }

  /** What may be removed to make room, longest unused first: the first so many. */
  evictable(limit: number): StoredItem[] {
    this.flushUses()
    return this.#database
      .prepare<ItemRow, [number]>(
        `SELECT * FROM content_items
         WHERE state <> 'arriving' AND origin = 'fetched' AND is_kept = 0
         ORDER BY last_use LIMIT ?`,
      )
      .all(limit)
      .map(itemFrom)
  }

  /** The transaction that we are in may yet fail: what it came to is looked up after it. */
  #touch(sequence: number): void {
    if (!this.#hub.hasListeners('itemChanged') || this.#touched.has(sequence)) return
    if (this.#touched.size === 0) queueMicrotask(() => this.#tellTouched())
    this.#touched.set(sequence, this.#finished(sequence))
  }

  #tellTouched(): void {
    const touched = [...this.#touched]
    this.#touched.clear()
    for (const [sequence, before] of touched) {
      try {
        const after = this.#finished(sequence)
        const isSame = before?.revision === after?.revision && before?.state === after?.state
        if (!isSame) this.#hub.announce('itemChanged', { before, after })
      } catch (error) {
        // Nobody is there to catch it, and whoever must be certain reads the table.
        this.#log.warn('what became of an item could not be told', { error })
      }
    }
  }

  #finished(sequence: number): StoredItem | undefined {
    const row = this.#bySequence.get(sequence)
    return row === undefined || row.state === 'arriving' ? undefined : itemFrom(row)
  }

  /** Until it is finished nobody knows what it is called: nothing else does begin so. */
  #nameNameless(sequence: number): void {
    this.#database
      .prepare<never, [string, number]>('UPDATE content_items SET root_cid = ? WHERE sequence = ?')
      .run(`${NAMELESS}${sequence}`, sequence)
  }

  #nextUse(): number {
    this.#lastUse += 1
    return this.#lastUse
  }
}

export function textsOf(from: ItemTexts): ItemTexts {
  const { title, kind, language, description, licence } = from
  return { title, kind, language, description, licence }
}

function itemFrom(row: ItemRow): StoredItem {
  return {
    cid: CID.parse(row.root_cid),
    sequence: row.sequence,
    state: row.state,
    isWhole: row.state === 'whole',
    isChanged: row.is_changed === 1,
    revision: row.revision,
    shape: row.shape,
    name: row.name,
    title: row.title,
    kind: row.kind,
    language: row.language,
    description: row.description,
    licence: row.licence,
    sizeBytes: row.size_bytes,
    carBodyBytes: row.car_body_bytes,
    visibility: row.visibility,
    origin: row.origin,
    isKept: row.is_kept === 1,
    addedAtMs: row.added_at_ms,
    publication: row.publication ?? undefined,
  }
}
