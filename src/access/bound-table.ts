// SPDX-License-Identifier: AGPL-3.0-or-later
/** Where the bound of time survives a restart: one row. */
import type { Database } from '../store/store.ts'
import type { BoundMemory } from './time/time.ts'

export class BoundTable implements BoundMemory {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  readBound(): number | undefined {
    return this.#database.prepare<{ bound_s: number }>('SELECT bound_s FROM access_time').get()
      ?.bound_s
  }

  writeBound(seconds: number): void {
    this.#database
      .prepare<never, [number]>(
        `INSERT INTO access_time (only_row, bound_s) VALUES (1, ?)
         ON CONFLICT (only_row) DO UPDATE SET bound_s = max(bound_s, excluded.bound_s)`,
      )
      .run(seconds)
    // What rests on it (that ended revocations were forgotten) must not outlive it in a power cut.
    this.#database.checkpoint()
  }
}
