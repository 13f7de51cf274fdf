// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Under whose signature items came here, and which of them the same key has withdrawn. A root is
 * bound to the publication that came with the item: whoever signs a publication of somebody else's
 * item later gains no say over it.
 */
import type { CID } from 'multiformats/cid'
import type { PeerId } from '../../base/base.ts'
import type { Statement } from '../../store/store.ts'
import type { RefusalsDatabase } from './denylist-table.ts'
import { PUBLICATIONS_MAX } from './limits.ts'
import type { Publication, Signed, Withdrawal } from './records.ts'

interface Row {
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
    const isWithdrawn = (row.withdrawal_sequence ?? 0) > row.publication_sequence
    return {
      publisher: row.publisher,
      publication: row.publication,
      nextSequence: Math.max(row.publication_sequence, row.withdrawal_sequence ?? 0) + 1,
      withdrawal: isWithdrawn ? (row.withdrawal ?? undefined) : undefined,
      isShared: row.is_shared === 1,
    }
  }

  /** False when the root is bound to another key, or to a later record of the same. */
  note({ record, bytes }: Signed<Publication>, options: { isShared: boolean }): boolean {
    const root = record.root.multihash.bytes
    const isShared = options.isShared ? 1 : 0
    return this.#database.transaction(() => {
      const { changes } = this.#database
        .prepare<never, [Uint8Array, string, Uint8Array, number, number]>(
          `INSERT INTO content_publications
             (root, publisher, publication, publication_sequence, is_shared)
           VALUES (?, ?, ?, ?, ?)
           ON CONFLICT (root) DO UPDATE SET
             publication = excluded.publication,
             publication_sequence = excluded.publication_sequence,
             is_shared = max(is_shared, excluded.is_shared)
           WHERE publisher = excluded.publisher
             AND publication_sequence <= excluded.publication_sequence`,
        )
        .run(root, record.by, bytes, record.sequence, isShared)
      this.#makeRoom()
      return changes > 0
    })
  }

  /** False unless it is by the key that the root is bound to, and newer than what is known. */
  learn({ record, bytes }: Signed<Withdrawal>): boolean {
    const { changes } = this.#database
      .prepare<never, [Uint8Array, number, Uint8Array, string, number, number]>(
        `UPDATE content_publications SET withdrawal = ?, withdrawal_sequence = ?
         WHERE root = ? AND publisher = ? AND publication_sequence < ?
           AND coalesce(withdrawal_sequence, 0) < ?`,
      )
      .run(
        bytes,
        record.sequence,
        record.root.multihash.bytes,
        record.by,
        record.sequence,
        record.sequence,
      )
    return changes > 0
  }

  /** The item is here no longer. What was withdrawn stays known, so that it does not come back. */
  leave(root: CID): void {
    this.#database
      .prepare<never, [Uint8Array]>(
        `DELETE FROM content_publications
         WHERE root = ? AND coalesce(withdrawal_sequence, 0) <= publication_sequence`,
      )
      .run(root.multihash.bytes)
  }

  /** Items that are refused because their publisher has withdrawn them. */
  withdrawnCount(): number {
    const row = this.#database
      .prepare<{ count: number }>(
        `SELECT count(*) AS count FROM content_publications
         WHERE coalesce(withdrawal_sequence, 0) > publication_sequence`,
      )
      .get()
    return row?.count ?? 0
  }

  #makeRoom(): void {
    this.#database
      .prepare<never, [number]>(
        `DELETE FROM content_publications WHERE id IN (
           SELECT id FROM content_publications ORDER BY id
           LIMIT max(0, (SELECT count(*) FROM content_publications) - ?))`,
      )
      .run(this.#max)
  }
}
