// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Numbered migrations, `<room>.<nnn>.<name>.sql`: each applied once, in order, in a transaction,
 * and recorded with its hash. Rooms that this program does not have keep their tables untouched.
 */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import type { Logger } from '../base/base.ts'
import { CodedError, invariant } from '../base/base.ts'

export interface Migration {
  /** 1, 2, 3 … */
  number: number
  name: string
  sql: string
  sha256: string
}

/** One room's migrations, in order. */
export interface MigrationFolder {
  room: string
  migrations: readonly Migration[]
}

/** What the migrations need of the database. */
export interface MigrationTarget {
  exec(sql: string): void
  transaction<Result>(work: () => Result): Result
  prepare<Row>(sql: string): { all(): Row[] }
  record(entry: { room: string; number: number; name: string; sha256: string }): void
}

/** Reads the migrations of `room` from a folder that may hold those of others too. */
export function migrationsFrom(folder: URL, room: string): MigrationFolder {
  invariant(/^[a-z]+$/.test(room), `${room} is the name of a room`)
  const pattern = new RegExp(`^${room}\\.(\\d{3})\\.([a-z0-9-]+)\\.sql$`)
  const migrations = readdirSync(folder)
    .map((file) => ({ file, match: pattern.exec(file) }))
    .filter(({ match }) => match !== null)
    .map(({ file, match }) => {
      const sql = readFileSync(new URL(file, folder), 'utf8')
      const sha256 = createHash('sha256').update(sql).digest('hex')
      return { number: Number(match?.[1]), name: match?.[2] ?? '', sql, sha256 }
    })
    .sort((one, other) => one.number - other.number)
  return { room, migrations }
}

const RECORD_TABLE = `CREATE TABLE IF NOT EXISTS store_migrations (
  room       TEXT    NOT NULL,
  number     INTEGER NOT NULL,
  name       TEXT    NOT NULL,
  sha256     TEXT    NOT NULL,
  -- Seconds since 1970 as the wall clock had it: for people only, a Pi's clock may be wrong.
  applied_at INTEGER NOT NULL,
  PRIMARY KEY (room, number)
) STRICT`

interface AppliedRow {
  room: string
  number: number
  name: string
  sha256: string
}

/** @throws CodedError `STORE_NEWER`, `STORE_MIGRATION_…`; then nothing has changed. */
export function migrate(
  target: MigrationTarget,
  folders: readonly MigrationFolder[],
  log: Logger,
): void {
  target.exec(RECORD_TABLE)
  const applied = target
    .prepare<AppliedRow>('SELECT room, number, name, sha256 FROM store_migrations ORDER BY number')
    .all()
  // Everything is checked before anything is changed.
  const plans = folders.map((folder) => ({ folder, due: planMigrations(folder, applied) }))
  for (const { folder, due } of plans) {
    for (const migration of due) {
      applyOne(target, folder.room, migration)
      log.debug('applied a migration', { room: folder.room, migration: label(folder, migration) })
    }
  }
}

/** Which migrations of one room are still to be applied. Pure. */
export function planMigrations(
  folder: MigrationFolder,
  applied: readonly AppliedRow[],
): readonly Migration[] {
  checkNumbers(folder)
  const own = applied.filter(({ room }) => room === folder.room)
  for (const [index, row] of own.entries()) {
    const migration = folder.migrations[index]
    if (migration === undefined) throw newerError(folder, row)
    if (row.number !== migration.number || row.sha256 !== migration.sha256) {
      const message = `Migration ${label(folder, migration)} is not the one that was applied.`
      throw new CodedError('STORE_MIGRATION_CHANGED', message, {
        context: { room: folder.room, number: migration.number },
        advice: 'Install citynode again; an applied migration is never edited.',
      })
    }
  }
  return folder.migrations.slice(own.length)
}

function checkNumbers(folder: MigrationFolder): void {
  const gap = folder.migrations.findIndex(({ number }, index) => number !== index + 1)
  if (gap < 0) return
  throw new CodedError(
    'STORE_MIGRATION_MISSING',
    `Migration ${gap + 1} of ${folder.room} is missing, or there are two of a number.`,
    { context: { room: folder.room, number: gap + 1 }, advice: 'Install citynode again.' },
  )
}

function newerError(folder: MigrationFolder, row: AppliedRow): CodedError {
  return new CodedError(
    'STORE_NEWER',
    'The data folder was last used by a newer citynode, which this one cannot read.',
    {
      context: { room: folder.room, number: row.number, name: row.name },
      advice: 'Start the newer version again, or give this one a folder of its own (--data DIR).',
    },
  )
}

function applyOne(target: MigrationTarget, room: string, migration: Migration): void {
  try {
    target.transaction(() => {
      target.exec(migration.sql)
      const { number, name, sha256 } = migration
      target.record({ room, number, name, sha256 })
    })
  } catch (cause) {
    const message = `Migration ${room}.${migration.number}.${migration.name} failed.`
    throw new CodedError('STORE_MIGRATION_FAILED', message, {
      context: { room, number: migration.number },
      cause,
      advice: 'Nothing was changed by it. Start the version that you had before, and report this.',
    })
  }
}

function label(folder: MigrationFolder, { number, name }: Migration): string {
  return `${folder.room}.${String(number).padStart(3, '0')}.${name}`
}
