// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * What the owner of this node refuses: one row a multihash, so that no spelling of it gets by. The
 * journal is the truth; here is decided what it says next, and what it said is looked up.
 */
import type { CID } from 'multiformats/cid'
import type { Clock } from '../../base/base.ts'
import type { Statement } from '../../store/store.ts'
import type { RefusalsDatabase } from './denylist-table.ts'
import { badReason, emptyContent, notBlocked, tooManyBlocks } from './errors.ts'
import type { BlockEntry, LocalBlockEntry } from './journal-entries.ts'
import { BLOCKS_MAX, JOURNAL_PAGE_ROWS, REASON_BYTES_MAX } from './limits.ts'
import { isEmptyContent } from './names.ts'

/** Blocked: the owner does not want it; legal: a law or a court says so; forgotten: also removed. */
export type BlockKind = 'blocked' | 'legal' | 'forgotten'

export interface LocalBlock {
  /** As the owner wrote it. */
  cid: string
  kind: BlockKind
  /** For the owner alone; may be empty. */
  reason: string
  /** Milliseconds since 1970 by the wall clock, which may have been wrong. */
  sinceMs: number
}

interface BlockRow {
  multihash: Uint8Array
  cid: string
  kind: BlockKind
  reason: string
  since_ms: number
}

export class LocalBlocks {
  readonly #database: RefusalsDatabase
  readonly #clock: Pick<Clock, 'wallMs'>
  readonly #get: Statement<BlockRow, [Uint8Array]>

  constructor(database: RefusalsDatabase, clock: Pick<Clock, 'wallMs'>) {
    this.#database = database
    this.#clock = clock
    this.#get = database.prepare('SELECT * FROM content_refused WHERE multihash = ?')
  }

  get(multihash: Uint8Array): LocalBlock | undefined {
    const row = this.#get.get(multihash)
    return row === undefined ? undefined : blockOf(row)
  }

  /**
   * What a block of this would say. One that is there already gets the new kind and reason; but what
   * a law forbids stays so when it is forgotten as well. @throws CodedError `REFUSALS_…`
   */
  planBlock(
    cid: CID,
    kind: BlockKind,
    reason: string,
  ): { block: LocalBlock; entries: LocalBlockEntry[] } {
    const multihash = cid.multihash.bytes
    if (isEmptyContent(multihash)) throw emptyContent()
    const isTidy = !/[\p{C}\p{Zl}\p{Zp}]/u.test(reason)
    if (!isTidy || Buffer.byteLength(reason) > REASON_BYTES_MAX) throw badReason()
    const held = this.get(multihash)
    if (held?.kind === 'legal' && kind === 'forgotten') return { block: held, entries: [] }
    if (held === undefined && this.count() >= BLOCKS_MAX) throw tooManyBlocks()
    const block = { cid: cid.toString(), kind, reason, sinceMs: Math.round(this.#clock.wallMs()) }
    return { block, entries: [{ entry: 'block', multihash, ...block }] }
  }

  /** @throws CodedError `REFUSALS_NOT_BLOCKED` */
  planUnblock(cid: CID): { block: LocalBlock; entries: LocalBlockEntry[] } {
    const multihash = cid.multihash.bytes
    const block = this.get(multihash)
    if (block === undefined) throw notBlocked()
    return { block, entries: [{ entry: 'unblock', multihash }] }
  }

  apply(entry: LocalBlockEntry): void {
    if (entry.entry === 'unblock') {
      this.#database
        .prepare<never, [Uint8Array]>('DELETE FROM content_refused WHERE multihash = ?')
        .run(entry.multihash)
      return
    }
    const { multihash, cid, kind, reason, sinceMs } = entry
    this.#database
      .prepare<never, [Uint8Array, string, BlockKind, string, number]>(
        `INSERT INTO content_refused (multihash, cid, kind, reason, since_ms) VALUES (?, ?, ?, ?, ?)
         ON CONFLICT DO UPDATE SET cid = excluded.cid, kind = excluded.kind,
                                   reason = excluded.reason, since_ms = excluded.since_ms`,
      )
      .run(multihash, cid, kind, reason, sinceMs)
  }

  clear(): void {
    this.#database.prepare('DELETE FROM content_refused').run()
  }

  *pages(): Generator<BlockEntry[]> {
    const next = this.#database.prepare<BlockRow, [Uint8Array, number]>(
      'SELECT * FROM content_refused WHERE multihash > ? ORDER BY multihash LIMIT ?',
    )
    for (let after = new Uint8Array(); ; ) {
      const rows = next.all(after, JOURNAL_PAGE_ROWS)
      const last = rows.at(-1)
      if (last === undefined) return
      after = Uint8Array.from(last.multihash)
      yield rows.map((row) => ({ entry: 'block', multihash: row.multihash, ...blockOf(row) }))
    }
  }

  /** Oldest first. */
  list(): readonly LocalBlock[] {
    return this.#database
      .prepare<BlockRow>('SELECT * FROM content_refused ORDER BY since_ms, cid')
      .all()
      .map(blockOf)
  }

  count(): number {
    const row = this.#database
      .prepare<{ count: number }>('SELECT count(*) AS count FROM content_refused')
      .get()
    return row?.count ?? 0
  }
}

function blockOf({ cid, kind, reason, since_ms }: BlockRow): LocalBlock {
  return { cid, kind, reason, sinceMs: since_ms }
}
