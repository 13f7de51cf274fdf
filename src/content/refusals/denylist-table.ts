// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Deny lists in the database. A list is read into a version of its own, a few rows at a time, and
 * comes into force in one step when it is whole; the version before it goes the same way, slowly.
 * Whatever breaks in between, what was in force stays in force.
 */
import type { Database, Statement } from '../../store/store.ts'
import type { FileFacts } from '../blocks/blocks.ts'
import { ROWS_PER_TURN } from './limits.ts'

export type RefusalsDatabase = Pick<Database, 'prepare' | 'transaction'>

/** A list that is in force. */
export interface ListInForce {
  version: number
  path: string
  facts: FileFacts
  name: string
  rulesCount: number
  problemsCount: number
  hashCodes: readonly number[]
  hasBeginnings: boolean
}

export interface NewList {
  name: string
  rulesCount: number
  problemsCount: number
  hashCodes: readonly number[]
}

interface ListRow {
  version: number
  path: string
  size_bytes: number
  modified_at_ms: number
  name: string
  rules_count: number
  problems_count: number
  hash_codes: string
  has_beginnings: number
}

export interface RuleRow {
  key: Uint8Array
  /** Below zero for an exception. */
  line: number
}

export interface BeginningRow extends RuleRow {
  beginning: string
}

export class DenyListTable {
  readonly #database: RefusalsDatabase
  readonly #lineOf: Statement<{ line: number }, [number, Uint8Array]>
  readonly #beginningsOf: Statement<BeginningRow, [number, Uint8Array]>
  readonly #addRule: Statement<never, [number, Uint8Array, number]>

  constructor(database: RefusalsDatabase) {
    this.#database = database
    this.#lineOf = database.prepare(
      'SELECT line FROM content_denylist_rules WHERE version = ? AND key = ?',
    )
    this.#beginningsOf = database.prepare(
      'SELECT key, line, beginning FROM content_denylist_beginnings WHERE version = ? AND key = ?',
    )
    // Of two rules for one name the later one counts.
    this.#addRule = database.prepare(
      `INSERT INTO content_denylist_rules (version, key, line) VALUES (?, ?, ?)
       ON CONFLICT DO UPDATE SET line = excluded.line WHERE abs(excluded.line) > abs(line)`,
    )
  }

  /** In the order in which they are asked: by file name, as the format says. */
  inForce(): ListInForce[] {
    const rows = this.#database
      .prepare<ListRow>(
        `SELECT *, EXISTS (SELECT 1 FROM content_denylist_beginnings AS b
                           WHERE b.version = l.version) AS has_beginnings
         FROM content_denylists AS l WHERE is_in_force = 1`,
      )
      .all()
    return rows.map(listOf).sort((one, other) => (orderOf(one) < orderOf(other) ? -1 : 1))
  }

  /** The line of the rule with that key. */
  lineOf(version: number, key: Uint8Array): number | undefined {
    return this.#lineOf.get(version, key)?.line
  }

  beginningsOf(version: number, key: Uint8Array): readonly BeginningRow[] {
    return this.#beginningsOf.all(version, key)
  }

  /** A version to be filled. */
  begin(path: string, facts: FileFacts): number {
    const { lastInsertRowid } = this.#database
      .prepare<never, [string, number, number]>(
        `INSERT INTO content_denylists (path, is_in_force, size_bytes, modified_at_ms, name,
                                        rules_count, problems_count, hash_codes)
         VALUES (?, 0, ?, ?, '', 0, 0, '')`,
      )
      .run(path, facts.sizeBytes, facts.modifiedAtMs)
    return Number(lastInsertRowid)
  }

  addRules(version: number, rules: readonly RuleRow[]): void {
    this.#database.transaction(() => {
      for (const { key, line } of rules) this.#addRule.run(version, key, line)
    })
  }

  addBeginnings(version: number, rows: readonly BeginningRow[]): void {
    const insert = this.#database.prepare<never, [number, Uint8Array, number, string]>(
      `INSERT INTO content_denylist_beginnings (version, key, line, beginning)
       VALUES (?, ?, ?, ?)`,
    )
    this.#database.transaction(() => {
      for (const { key, line, beginning } of rows) insert.run(version, key, line, beginning)
    })
  }

  /** Puts a filled version in the place of the one before it. */
  putInForce(version: number, path: string, list: NewList): void {
    this.#database.transaction(() => {
      this.putOutOfForce(path)
      this.#database
        .prepare<never, [string, number, number, string, number]>(
          `UPDATE content_denylists
           SET is_in_force = 1, name = ?, rules_count = ?, problems_count = ?, hash_codes = ?
           WHERE version = ?`,
        )
        .run(list.name, list.rulesCount, list.problemsCount, list.hashCodes.join(' '), version)
    })
  }

  /** The list of that file is no longer asked. */
  putOutOfForce(path: string): void {
    this.#database
      .prepare<never, [string]>('UPDATE content_denylists SET is_in_force = 0 WHERE path = ?')
      .run(path)
  }

  /** Removes a few rows of versions that are not in force; false when there are none left. */
  sweep(): boolean {
    const left = this.#database
      .prepare<{ version: number }>(
        'SELECT version FROM content_denylists WHERE is_in_force = 0 LIMIT 1',
      )
      .get()
    if (left === undefined) return false
    const { version } = left
    this.#database.transaction(() => {
      const swept = TABLES.reduce((sum, table) => sum + this.#sweepTable(table, version), 0)
      if (swept > 0) return
      this.#database
        .prepare<never, [number]>('DELETE FROM content_denylists WHERE version = ?')
        .run(version)
    })
    return true
  }

  #sweepTable(table: (typeof TABLES)[number], version: number): number {
    return this.#database
      .prepare<never, [number, number]>(
        `DELETE FROM ${table} WHERE (version, key) IN
           (SELECT version, key FROM ${table} WHERE version = ? LIMIT ?)`,
      )
      .run(version, ROWS_PER_TURN).changes
  }
}

const TABLES = ['content_denylist_rules', 'content_denylist_beginnings'] as const

function listOf(row: ListRow): ListInForce {
  return {
    version: row.version,
    path: row.path,
    facts: { sizeBytes: row.size_bytes, modifiedAtMs: row.modified_at_ms },
    name: row.name,
    rulesCount: row.rules_count,
    problemsCount: row.problems_count,
    hashCodes: row.hash_codes === '' ? [] : row.hash_codes.split(' ').map(Number),
    hasBeginnings: row.has_beginnings === 1,
  }
}

/** The name of the file first, then where it lies. */
export function orderOf({ path }: { path: string }): string {
  return `${path.slice(path.lastIndexOf('/') + 1)}\0${path}`
}
