// SPDX-License-Identifier: AGPL-3.0-or-later
/** The tables of this room. */
import { type MigrationFolder, migrationsFrom } from '../store/store.ts'

/** For `openDatabase`. */
export function accessMigrations(): MigrationFolder {
  return migrationsFrom(new URL('./sql/', import.meta.url), 'access')
}
