// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Opens, migrates and closes the node's SQLite database. It knows no table but its own record of
 * migrations: each room brings its tables as `.sql` files, with its own prefix. The only room that
 * imports better-sqlite3.
 *
 * Whoever has the database open has the data folder: SQLite's exclusive mode keeps the kernel's
 * lock on the file for as long as the process lives, so a crash never leaves a lock behind. POSIX
 * locks have one trap: a process that opens and closes the database file by other means drops
 * them. Nobody but SQLite may touch the file while it is open.
 */
export {
  type Database,
  lockFolder,
  openDatabase,
  type RunResult,
  type SqlParameters,
  type SqlValue,
  type Statement,
} from './database.ts'
export { type Migration, type MigrationFolder, migrationsFrom } from './migrations.ts'
