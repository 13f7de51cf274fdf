// SPDX-License-Identifier: AGPL-3.0-or-later
/** The part of better-sqlite3 13 that we use; the package brings no types of its own. */
declare module 'better-sqlite3' {
  namespace Database {
    interface RunResult {
      changes: number
      lastInsertRowid: number | bigint
    }
    interface Statement {
      readonly reader: boolean
      run(...parameters: readonly unknown[]): RunResult
      get(...parameters: readonly unknown[]): unknown
      all(...parameters: readonly unknown[]): unknown[]
      iterate(...parameters: readonly unknown[]): IterableIterator<unknown>
    }
    interface Options {
      /** How long to wait for a lock, in ms. */
      timeout?: number
      nativeBinding?: string
    }
    interface Transaction<Result> {
      (): Result
      immediate(): Result
    }
  }
  class Database {
    constructor(path: string, options?: Database.Options)
    readonly open: boolean
    readonly inTransaction: boolean
    prepare(sql: string): Database.Statement
    transaction<Result>(work: () => Result): Database.Transaction<Result>
    pragma(sql: string, options?: { simple?: boolean }): unknown
    exec(sql: string): this
    close(): this
  }
  export = Database
}
