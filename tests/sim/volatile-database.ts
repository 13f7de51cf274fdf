// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * A real database whose file a power cut sets back. With `synchronous = NORMAL` SQLite promises that
 * what is left is whole, not that it is the latest: any state since the last checkpoint that was
 * asked for. With `FULL` it is the latest. Which of the two holds is read from the database itself.
 */
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { errorCode, type Random, randomBelow, silentLogger } from '../../src/base/base.ts'
import { contentMigrations } from '../../src/content/content.ts'
import {
  type Database,
  openDatabase,
  type SqlParameters,
  type Statement,
} from '../../src/store/store.ts'

const SYNCHRONOUS_FULL = 2

/** Older states that are kept for a power cut, beside the first and the last. */
const STATES_MAX = 3

export class VolatileDatabase implements Database {
  readonly setAsidePath = undefined
  readonly #inner: Database
  readonly #folder: string
  readonly #random: Random
  readonly #keepsAll: boolean
  /** Files of states that a power cut may leave, oldest first. */
  #states: string[] = []
  #stateCount = 0
  #depth = 0
  #changes = 0
  #cutState: string | undefined

  private constructor(inner: Database, folder: string, random: Random) {
    this.#inner = inner
    this.#folder = folder
    this.#random = random
    const row = inner.prepare<{ synchronous: number }>('PRAGMA synchronous').get()
    this.#keepsAll = (row?.synchronous ?? 0) >= SYNCHRONOUS_FULL
    this.#changes = this.#totalChanges()
    // Migrations ran before anybody relied on anything: that they are there is where we begin.
    this.#keepState()
  }

  /** @param options.from the file that an earlier one's {@link survivor} is; otherwise it is new. */
  static async open(options: {
    folder: string
    random: Random
    from?: string | undefined
  }): Promise<VolatileDatabase> {
    const { random, from } = options
    const folder = await mkdtemp(join(options.folder, 'database-'))
    const path = join(folder, 'citynode.db')
    if (from !== undefined) await rename(from, path)
    await mkdir(join(folder, 'states'))
    return new VolatileDatabase(await openOrSetAside(path), folder, random)
  }

  prepare<Row = never, Parameters extends SqlParameters = []>(
    sql: string,
  ): Statement<Row, Parameters> {
    const inner = this.#inner.prepare<Row, Parameters>(sql)
    return {
      run: (...parameters) => this.#noting(() => inner.run(...parameters)),
      get: (...parameters) => this.#noting(() => inner.get(...parameters)),
      all: (...parameters) => this.#noting(() => inner.all(...parameters)),
      iterate: (...parameters) => inner.iterate(...parameters),
    }
  }

  transaction<Result>(work: () => Result): Result {
    return this.#noting(() => this.#inner.transaction(work))
  }

  exec(sql: string): void {
    this.#noting(() => this.#inner.exec(sql))
  }

  /** What was asked to be on the disk is on the disk: nothing older comes back. */
  checkpoint(): void {
    this.#inner.checkpoint()
    this.#states = []
    this.#keepState()
  }

  /** The power goes now: decides, at once, what the next start will find. */
  cut(): void {
    this.#keepState()
    const back = this.#keepsAll ? 1 : 1 + randomBelow(this.#random, this.#states.length)
    this.#cutState = this.#states.at(-back)
  }

  close(): void {
    this.#inner.close()
  }

  /** Closes it and gives the file that the cut left, or the one that a clean stop leaves. */
  async survivor(options: { isBroken: boolean }): Promise<string> {
    const { isBroken } = options
    if (this.#cutState === undefined) this.#keepState()
    const state = this.#cutState ?? this.#states.at(-1) ?? ''
    this.#inner.close()
    if (isBroken) await writeFile(state, this.#random.bytes(5_000))
    const kept = `${this.#folder}.db`
    await rename(state, kept)
    await rm(this.#folder, { recursive: true })
    return kept
  }

  #noting<Result>(work: () => Result): Result {
    this.#depth += 1
    try {
      return work()
    } finally {
      this.#depth -= 1
      if (this.#depth === 0) this.#noteCommit()
    }
  }

  #noteCommit(): void {
    const changes = this.#totalChanges()
    if (changes === this.#changes || this.#keepsAll || this.#cutState !== undefined) return
    this.#changes = changes
    if (this.#random.unit() < 0.4) this.#keepState()
  }

  #totalChanges(): number {
    return this.#inner.prepare<{ n: number }>('SELECT total_changes() AS n').get()?.n ?? 0
  }

  #keepState(): void {
    this.#stateCount += 1
    const path = join(this.#folder, 'states', `${this.#stateCount}.db`)
    this.#inner.exec(`VACUUM INTO '${path}'`)
    this.#states.push(path)
    // The first and the last stay: the greatest step back is the most telling.
    if (this.#states.length > STATES_MAX + 2) this.#states.splice(1, 1)
  }
}

/** As the node does, or as its message tells its owner to do: a broken database is moved away. */
async function openOrSetAside(path: string): Promise<Database> {
  const options = { path, migrations: [contentMigrations()], log: silentLogger }
  try {
    return await openDatabase(options)
  } catch (thrown) {
    if (errorCode(thrown) !== 'STORE_CORRUPT') throw thrown
    await rename(path, `${path}.broken`)
    return openDatabase(options)
  }
}
