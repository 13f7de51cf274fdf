// SPDX-License-Identifier: AGPL-3.0-or-later
/** Statements that are compiled once: to compile one takes SQLite longer than most of ours run. */
import type { Database, SqlParameters, Statement } from '../../store/store.ts'

/** The slice of the store that the index uses. */
export type IndexDatabase = Pick<Database, 'prepare' | 'transaction' | 'checkpoint'>

/** The same database; a statement that was prepared before is there already. */
export function keepingStatements(database: IndexDatabase): IndexDatabase {
  const known = new Map<string, unknown>()
  return {
    transaction: (work) => database.transaction(work),
    checkpoint: () => database.checkpoint(),
    prepare: <Row = never, Parameters extends SqlParameters = []>(sql: string) => {
      const statement = known.get(sql) ?? database.prepare<Row, Parameters>(sql)
      known.set(sql, statement)
      // The same text was prepared with the same types: each stands in one place of the code.
      return statement as Statement<Row, Parameters>
    },
  }
}
