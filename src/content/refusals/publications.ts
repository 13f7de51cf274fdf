// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Under whose signature items came here, and which of them the same key has withdrawn. A root is
 * bound to the publication that came with the item: whoever signs a publication of somebody else's
 * item later gains no say over it. The journal is the truth; here is decided what it says next.
 */
import type { CID } from 'multiformats/cid'
import type { PeerId } from '../../base/base.ts'
import type { Statement } from '../../store/store.ts'
import type { RefusalsDatabase } from './denylist-table.ts'
import type { PublicationEntry, PublishedEntry } from './journal-entries.ts'
import { JOURNAL_PAGE_ROWS, PUBLICATIONS_MAX } from './limits.ts'
import { type Publication, rootOfRecord, type Signed, type Withdrawal } from './records.ts'

interface Row {
  id: number
  root: Uint8Array
  publisher: PeerId
  publication: Uint8Array
  publication_sequence: number
  withdrawal: Uint8Array | null
  withdrawal_sequence: number | null
  is_shared: number
}

export interface StoredPublication {
  publisher: PeerId
  publication: Uint8Array
  /** Higher than every number used so far. */
  nextSequence: number
  /** Undefined unless the item is withdrawn. */
  withdrawal: Uint8Array | undefined
  /** The item was public here: others may be told. */
  isShared: boolean
}

const IS_WITHDRAWN = 'coalesce(withdrawal_sequence, 0) > publication_sequence'

export class Publications {
  readonly #database: RefusalsDatabase
  readonly #max: number
  readonly #get: Statement<Row, [Uint8Array]>

  constructor(database: RefusalsDatabase, max = PUBLICATIONS_MAX) {
    this.#database = database
    this.#max = max
    this.#get = database.prepare('SELECT * FROM content_publications WHERE root = ?')
  }

  get(root: CID): StoredPublication | undefined {
    const row = this.#get.get(root.multihash.bytes)
    if (row === undefined) return undefined
    return {
      publisher: row.publisher,
      publication: row.publication,
      nextSequence: Math.max(row.publication_sequence, row.withdrawal_sequence ?? 0) + 1,
      withdrawal: isWithdrawn(row) ? (row.withdrawal ?? undefined) : undefined,
      isShared: row.is_shared === 1,
    }
  }

  /** Undefined when the root is bound to another key, or to a later record of the same. */
  planNote(
    { record, bytes }: Signed<Publication>,
    options: { isShared: boolean },
  ): PublishedEntry[] | undefined {
    const row = this.#get.get(record.root.multihash.bytes)
    const isOthers = row !== undefined && row.publisher !== record.by
    if (isOthers || (row?.publication_sequence ?? 0) > record.sequence) return undefined
    const entry: PublishedEntry = {
      entry: 'published',
      root: record.root.multihash.bytes,
      publisher: record.by,
      publication: bytes,
      publicationSequence: record.sequence,
      withdrawal: row?.withdrawal ?? null,
      withdrawalSequence: row?.withdrawal_sequence ?? null,
      isShared: options.isShared || row?.is_shared === 1,
    }
    const isSaid =
      row?.publication_sequence === record.sequence &&
      (row.is_shared === 1) === entry.isShared &&
      Buffer.compare(row.publication, bytes) === 0
    return isSaid ? [] : [entry]
  }

  /** Empty unless it is by the key that the root is bound to, and newer than what is known. */
  planLearn({ record, bytes }: Signed<Withdrawal>): PublishedEntry[] {
    const row = this.#get.get(record.root.multihash.bytes)
    if (row === undefined || row.publisher !== record.by) return []
    const latest = Math.max(row.publication_sequence, row.withdrawal_sequence ?? 0)
    if (record.sequence <= latest) return []
    return [{ ...entryOf(row), withdrawal: bytes, withdrawalSequence: record.sequence }]
  }

  /** The item is here no longer. What was withdrawn stays known, so that it does not come back. */
  planLeave(root: CID): PublicationEntry[] {
    const row = this.#get.get(root.multihash.bytes)
    if (row === undefined || isWithdrawn(row)) return []
    return [{ entry: 'left', root: row.root }]
  }

  apply(entry: PublicationEntry): void {
    if (entry.entry === 'left') {
      this.#database
        .prepare<never, [Uint8Array]>('DELETE FROM content_publications WHERE root = ?')
        .run(entry.root)
      return
    }
    this.#database
      .prepare<
        never,
        [Uint8Array, string, Uint8Array, number, Uint8Array | null, number | null, number]
      >(
        `INSERT INTO content_publications (root, publisher, publication, publication_sequence,
                                           withdrawal, withdrawal_sequence, is_shared)
         VALUES (?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (root) DO UPDATE SET
           publisher = excluded.publisher, publication = excluded.publication,
           publication_sequence = excluded.publication_sequence,
           withdrawal = excluded.withdrawal, withdrawal_sequence = excluded.withdrawal_sequence,
           is_shared = excluded.is_shared`,
      )
      .run(
        entry.root,
        entry.publisher,
        entry.publication,
        entry.publicationSequence,
        entry.withdrawal,
        entry.withdrawalSequence,
        entry.isShared ? 1 : 0,
      )
    this.#makeRoom()
  }

  clear(): void {
    this.#database.prepare('DELETE FROM content_publications').run()
  }

  /** In the order in which they came: so the same ones go when there are too many. */
  *pages(): Generator<PublishedEntry[]> {
    const next = this.#database.prepare<Row, [number, number]>(
      'SELECT * FROM content_publications WHERE id > ? ORDER BY id LIMIT ?',
    )
    for (let after = 0; ; ) {
      const rows = next.all(after, JOURNAL_PAGE_ROWS)
      const last = rows.at(-1)
      if (last === undefined) return
      after = last.id
      yield rows.map(entryOf)
    }
  }

  count(): number {
    const row = this.#database
      .prepare<{ count: number }>('SELECT count(*) AS count FROM content_publications')
      .get()
    return row?.count ?? 0
  }

  /** Items that are refused because their publisher has withdrawn them. */
  withdrawnCount(): number {
    const row = this.#database
      .prepare<{ count: number }>(
        `SELECT count(*) AS count FROM content_publications WHERE ${IS_WITHDRAWN}`,
      )
      .get()
    return row?.count ?? 0
  }

  /** Shared ones of others that are not withdrawn, as far as is known, behind the id `after`. */
  sharedAfter(after: number, limit: number, own: PeerId): { id: number; root: CID }[] {
    return this.#database
      .prepare<Row, [number, PeerId, number]>(
        `SELECT * FROM content_publications
         WHERE id > ? AND is_shared = 1 AND publisher <> ? AND NOT ${IS_WITHDRAWN}
         ORDER BY id LIMIT ?`,
      )
      .all(after, own, limit)
      .flatMap(placeOf)
  }

  /** Those of others that were withdrawn, behind the id `after`. */
  withdrawnAfter(after: number, limit: number, own: PeerId): { id: number; root: CID }[] {
    return this.#database
      .prepare<Row, [number, PeerId, number]>(
        `SELECT * FROM content_publications
         WHERE id > ? AND publisher <> ? AND ${IS_WITHDRAWN} ORDER BY id LIMIT ?`,
      )
      .all(after, own, limit)
      .flatMap(placeOf)
  }

  #makeRoom(): void {
    // Numbers without gaps are as many as there are: so it is rarely counted.
    const row = this.#database
      .prepare<{ span: number | null }>(`SELECT (SELECT max(id) FROM content_publications) -
                (SELECT min(id) FROM content_publications) AS span`)
      .get()
    if ((row?.span ?? 0) < this.#max) return
    this.#database
      .prepare<never, [number]>(
        `DELETE FROM content_publications WHERE id IN (
           SELECT id FROM content_publications ORDER BY id
           LIMIT max(0, (SELECT count(*) FROM content_publications) - ?))`,
      )
      .run(this.#max)
  }
}

function isWithdrawn(row: Row): boolean {
  return (row.withdrawal_sequence ?? 0) > row.publication_sequence
}

/** A publication is of the item's own CID, of which the key here is only the hash. */
function placeOf({ id, publication }: Row): { id: number; root: CID }[] {
  const root = rootOfRecord(publication)
  return root === undefined ? [] : [{ id, root }]
}

function entryOf(row: Row): PublishedEntry {
  return {
    entry: 'published',
    root: row.root,
    publisher: row.publisher,
    publication: row.publication,
    publicationSequence: row.publication_sequence,
    withdrawal: row.withdrawal,
    withdrawalSequence: row.withdrawal_sequence,
    isShared: row.is_shared === 1,
  }
}
