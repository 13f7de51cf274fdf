// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * A page of the table of items, newest first: so that a hundred thousand of them need not be in
 * memory for somebody to see ten. A list is gone on with behind an item, by its CID: numbers would
 * tell strangers how many private items lie between two public ones.
 */
import type { Visibility } from '../item.ts'
import type { IndexDatabase } from './statements.ts'

export interface PageQuestion {
  /** Only items with this in their name, title or description; empty: all. */
  match: string
  /** `anybody`: public items that are whole. */
  reader: 'owner' | 'anybody'
  /** The item before the first one, as the text of a CIDv1. */
  after: string | undefined
  limit: number
}

export interface PageOf<Item> {
  /** Newest first. */
  items: readonly Item[]
  /** Of all that match. */
  itemsCount: number
  hasMore: boolean
}

/** Not an interface: what is bound to a statement is a plain record. */
type Bounds = {
  lower: string
  upper: string
  visibility: Visibility | ''
  before: number
  limit: number
}

/**
 * SQLite folds the case of ASCII letters alone, so of others both cases are looked for: `übung`
 * finds `Übung` and `ÜBUNG`.
 */
const MATCHES = ['name', 'title', 'description']
  .flatMap((column) =>
    ['lower', 'upper'].map((variant) => `instr(lower(${column}), lower(@${variant})) > 0`),
  )
  .join(' OR ')

const WANTED = `
  state <> 'arriving'
  AND (@visibility = '' OR (visibility = @visibility AND state = 'whole'))
  AND (@lower = '' OR ${MATCHES})`

/** Undefined: what the list was to be gone on with behind is not in it any more. */
export function itemsPage<Row>(
  database: IndexDatabase,
  { match, reader, after, limit }: PageQuestion,
): PageOf<Row> | undefined {
  const bounds = {
    lower: match.toLowerCase(),
    upper: match.toUpperCase(),
    visibility: reader === 'owner' ? ('' as const) : ('public' as const),
  }
  const before = after === undefined ? Number.MAX_SAFE_INTEGER : sequenceOf(database, after, bounds)
  if (before === undefined) return undefined
  const rows = database
    .prepare<Row, [Bounds]>(
      `SELECT * FROM content_items WHERE ${WANTED} AND sequence < @before
       ORDER BY sequence DESC LIMIT @limit`,
    )
    // One more than is told: whether there are more.
    .all({ ...bounds, before, limit: limit + 1 })
  const counted = database
    .prepare<{ count: number }, [Omit<Bounds, 'before' | 'limit'>]>(
      `SELECT count(*) AS count FROM content_items WHERE ${WANTED}`,
    )
    .get(bounds)
  return {
    items: rows.slice(0, limit),
    itemsCount: counted?.count ?? 0,
    hasMore: rows.length > limit,
  }
}

/** Of an item that this reader may know of: to a stranger a private one is as one that is not here. */
function sequenceOf(
  database: IndexDatabase,
  rootCid: string,
  { visibility }: Pick<Bounds, 'visibility'>,
): number | undefined {
  return database
    .prepare<{ sequence: number }, [string, string, string]>(
      `SELECT sequence FROM content_items
       WHERE root_cid = ? AND state <> 'arriving' AND (? = '' OR visibility = ?)`,
    )
    .get(rootCid, visibility, visibility)?.sequence
}
