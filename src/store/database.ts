// SPDX-License-Identifier: AGPL-3.0-or-later
/** One open database: typed statements, transactions, and SQLite's failures as our own. */
import { closeSync, existsSync, openSync, renameSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import Sqlite from 'better-sqlite3'
import { errorCode, type Logger } from '../base/base.ts'
import { corruptError, storeError, unwritableError } from './errors.ts'
import { FolderLock } from './folder-lock.ts'
import { DATABASE_CACHE_KIB, WAL_BYTES_KEPT_MAX } from './limits.ts'
import { type MigrationFolder, migrate } from './migrations.ts'

export type SqlValue = string | number | bigint | Uint8Array | null

/** Values for `?` in order, or one object for `@name`. */
export type SqlParameters = readonly SqlValue[] | readonly [Readonly<Record<string, SqlValue>>]

export interface RunResult {
  /** How many rows were inserted, changed or deleted. */
  changes: number
  lastInsertRowid: number | bigint
}

/** A prepared statement. `Row` is what its author knows that it selects. */
export interface Statement<Row, Parameters extends SqlParameters> {
  run(...parameters: Parameters): RunResult
  get(...parameters: Parameters): Row | undefined
  all(...parameters: Parameters): Row[]
  /** Rows one by one; the database takes no other statement until it is done. */
  iterate(...parameters: Parameters): IterableIterator<Row>
}

/** What a room that only needs tables asks for. All of it throws CodedError `STORE_…`. */
export interface Database {
  prepare<Row = never, Parameters extends SqlParameters = []>(
    sql: string,
  ): Statement<Row, Parameters>
  /** Runs `work` whole or not at all; inside another transaction it becomes a part of it. */
  transaction<Result>(work: () => Result): Result
  /** Runs statements that take no parameters and return nothing. */
  exec(sql: string): void
  /** Moves the write-ahead log into the database and cuts it to nothing. */
  checkpoint(): void
  close(): void
  /** Where a damaged database was moved, when this one took its place. */
  readonly setAsidePath: string | undefined
}

export interface OpenOptions {
  /** A file in an existing folder, or `:memory:`. */
  path: string
  migrations: readonly MigrationFolder[]
  log: Logger
  /**
   * A damaged database is moved away, and a new one takes its place: for whom it is an index of what
   * lies elsewhere.
   */
  setsAsideDamaged?: boolean
}

/**
 * @throws CodedError `DATA_IN_USE`, `DATA_UNWRITABLE`, `STORE_CORRUPT`, `STORE_NEWER`,
 *   `STORE_MIGRATION_…`. Nothing that was there is deleted, whatever is wrong with it.
 */
export async function openDatabase(options: OpenOptions): Promise<Database> {
  const { path, log, setsAsideDamaged = false } = options
  try {
    return await openAsIs(options, undefined)
  } catch (thrown) {
    if (!setsAsideDamaged || path === ':memory:' || errorCode(thrown) !== 'STORE_CORRUPT')
      throw thrown
    const setAsidePath = setAside(path)
    log.error('the database is damaged and was set aside', { setAsidePath, error: thrown })
    return openAsIs(options, setAsidePath)
  }
}

async function openAsIs(
  { path, migrations, log }: OpenOptions,
  setAsidePath: string | undefined,
): Promise<Database> {
  const lock = path === ':memory:' ? undefined : new FolderLock(dirname(path))
  const database = new SqliteDatabase(connect(path, lock), { path, lock, setAsidePath })
  try {
    // Whoever ended in order took its name away. After anything else all pages are looked at.
    if (lock?.isSigned() === true) database.checkWhole()
    await lock?.sign()
    migrate(database, migrations, log)
    return database
  } catch (thrown) {
    database.close()
    throw thrown
  }
}

/** Moves a database and its log away, under the first name that is free. */
function setAside(path: string): string {
  for (let number = 1; ; number++) {
    const target = `${path}.damaged-${number}`
    if (existsSync(target)) continue
    try {
      renameSync(path, target)
      for (const ending of ['-wal', '-shm', '-journal']) {
        if (existsSync(path + ending)) renameSync(path + ending, target + ending)
      }
      return target
    } catch (thrown) {
      throw unwritableError(path, thrown)
    }
  }
}

/**
 * Has the data folder as a node has it, for a command that changes files in it while no node runs.
 * Nothing is read from the database or written to it; where there is none, an empty file is left,
 * which the next start makes into one.
 * @param path The database's, in an existing folder.
 * @throws CodedError `DATA_IN_USE` while a node runs there; `DATA_UNWRITABLE`, `STORE_…`
 */
export function lockFolder(path: string): { release(): void } {
  const lock = new FolderLock(dirname(path))
  let connection: Sqlite | undefined
  try {
    createPrivateFile(path)
    connection = openSqlite(path)
    connection.pragma('locking_mode = EXCLUSIVE')
    connection.exec('BEGIN EXCLUSIVE')
  } catch (thrown) {
    connection?.close()
    throw explainConnect(thrown, path, lock)
  }
  const held = connection
  return { release: () => held.close() }
}

function connect(path: string, lock: FolderLock | undefined): Sqlite {
  let connection: Sqlite | undefined
  try {
    if (lock !== undefined) createPrivateFile(path)
    connection = openSqlite(path)
    // Exclusive before the first read: then the log's index lives in our memory, not in a file.
    connection.pragma('locking_mode = EXCLUSIVE')
    connection.pragma('journal_mode = WAL')
    // A power cut may take the last commits, never more. What must survive stands in the rooms' own
    // files before it stands here (docs/adr/0006, 0017); a checkpoint makes safe what is here alone.
    connection.pragma('synchronous = NORMAL')
    connection.pragma('foreign_keys = ON')
    // What was deleted is overwritten: a name that its owner had forgotten is not to be read here.
    connection.pragma('secure_delete = ON')
    connection.pragma(`cache_size = -${DATABASE_CACHE_KIB}`)
    connection.pragma(`journal_size_limit = ${WAL_BYTES_KEPT_MAX}`)
    // Takes the lock now, and reads the schema, which shows the plainest kinds of damage.
    connection.exec('BEGIN EXCLUSIVE; SELECT count(*) FROM sqlite_schema; COMMIT')
    return connection
  } catch (thrown) {
    connection?.close()
    throw explainConnect(thrown, path, lock)
  }
}

function explainConnect(thrown: unknown, path: string, lock: FolderLock | undefined): unknown {
  const isLocked = /^SQLITE_(BUSY|LOCKED)/.test(errorCode(thrown) ?? '')
  return isLocked && lock !== undefined ? lock.inUseError(thrown) : storeError(thrown, path)
}

/**
 * SQLite would make the file readable to all. Never opened here when it exists already: closing it
 * again would drop the locks of a database that this process has open.
 */
function createPrivateFile(path: string): void {
  if (existsSync(path)) return
  try {
    closeSync(openSync(path, 'wx', 0o600))
  } catch (cause) {
    if (errorCode(cause) !== 'EEXIST') throw unwritableError(path, cause)
  }
}

/** Never waits for a lock: whoever holds it is another node, and stays. */
function openSqlite(path: string): Sqlite {
  return new Sqlite(path, { timeout: 0, ...nativeBinding() })
}

/** In a release the native part lies beside the bundle; in development in its package. */
function nativeBinding(): { nativeBinding: string } | Record<string, never> {
  const path = fileURLToPath(new URL('./better_sqlite3.node', import.meta.url))
  return existsSync(path) ? { nativeBinding: path } : {}
}

class SqliteDatabase implements Database {
  readonly setAsidePath: string | undefined
  readonly #path: string
  readonly #connection: Sqlite
  readonly #lock: FolderLock | undefined

  constructor(
    connection: Sqlite,
    about: { path: string; lock: FolderLock | undefined; setAsidePath: string | undefined },
  ) {
    this.#connection = connection
    this.#path = about.path
    this.#lock = about.lock
    this.setAsidePath = about.setAsidePath
  }

  /** @throws CodedError `STORE_CORRUPT` when any page is damaged; reads all of them */
  checkWhole(): void {
    const row = this.prepare<{ quick_check: string }>('PRAGMA quick_check(1)').get()
    if (row === undefined || row.quick_check === 'ok') return
    throw corruptError(this.#path, row.quick_check)
  }

  prepare<Row = never, Parameters extends SqlParameters = []>(
    sql: string,
  ): Statement<Row, Parameters> {
    const statement = this.#guard(() => this.#connection.prepare(sql))
    // The row types below are the caller's knowledge of its own SQL; SQLite cannot check them.
    return {
      run: (...parameters) => this.#guard(() => statement.run(...parameters)),
      get: (...parameters) => this.#guard(() => statement.get(...parameters) as Row | undefined),
      all: (...parameters) => this.#guard(() => statement.all(...parameters) as Row[]),
      iterate: (...parameters) => this.#iterate<Row>(statement, parameters),
    }
  }

  transaction<Result>(work: () => Result): Result {
    return this.#guard(() => this.#connection.transaction(work).immediate())
  }

  exec(sql: string): void {
    this.#guard(() => this.#connection.exec(sql))
  }

  checkpoint(): void {
    this.#guard(() => this.#connection.pragma('wal_checkpoint(TRUNCATE)'))
  }

  record(entry: { room: string; number: number; name: string; sha256: string }): void {
    this.prepare<never, [typeof entry]>(
      `INSERT INTO store_migrations (room, number, name, sha256, applied_at)
       VALUES (@room, @number, @name, @sha256, unixepoch())`,
    ).run(entry)
  }

  close(): void {
    if (!this.#connection.open) return
    // While the lock is still ours, so that another node's file is never removed.
    this.#lock?.remove()
    this.#guard(() => this.#connection.close())
  }

  *#iterate<Row>(statement: Sqlite.Statement, parameters: SqlParameters): Generator<Row> {
    try {
      for (const row of statement.iterate(...parameters)) {
        // As in `prepare`.
        yield row as Row
      }
    } catch (thrown) {
      throw storeError(thrown, this.#path)
    }
  }

  #guard<Result>(work: () => Result): Result {
    try {
      return work()
    } catch (thrown) {
      throw storeError(thrown, this.#path)
    }
  }
}
