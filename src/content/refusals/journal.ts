// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * The journal of refusals: what the owner blocked, and what was published and withdrawn, in a file of
 * its own. The tables are only its index: they are made anew from it when the database was lost.
 *
 * What holds here: an answer is given only when what it says survives a power cut; the file is
 * appended to, or written anew under another name and then put in its place, so it is never partly
 * there; a damaged one is kept aside, and nothing that its whole entries or the tables refuse is let
 * through because of the damage.
 *
 * A file of its own, and not records in the packs: a refusal outlives every item and every pack, and
 * must hold before anything of the store is read.
 */
import { join } from 'node:path'
import { asError, type HealthCondition, type Logger, Semaphore } from '../../base/base.ts'
import type { Disk, DiskFile } from '../blocks/blocks.ts'
import { diskError } from '../errors.ts'
import type { RefusalsDatabase } from './denylist-table.ts'
import type { TableEntry } from './journal-entries.ts'
import { encodeSections, endOf, type Survey, scanJournal, surveyJournal } from './journal-file.ts'
import { JOURNAL_COPIES_MAX, JOURNAL_READ_BYTES, JOURNAL_SPARE_ENTRIES } from './limits.ts'

/** The tables that the journal is the truth of. */
export interface JournalTables {
  apply(entry: TableEntry): void
  clear(): void
  /** All that the tables say, oldest first, in pages. Others may change them between two. */
  pages(): Iterable<readonly TableEntry[]>
  count(): number
}

export interface JournalDeps {
  database: RefusalsDatabase
  disk: Disk
  log: Logger
  tables: JournalTables
}

interface Position {
  generation: number
  offset: number
}

const NAME = 'refusals.journal'
const NEW_NAME = `${NAME}.new`
const COPY_NAME = `${NAME}.damaged-`

export class Journal {
  readonly #deps: JournalDeps
  readonly #folder: string
  /** One change at a time: what is decided must still hold when it is written. */
  readonly #turns = new Semaphore({ size: 1, waitingMax: Number.MAX_SAFE_INTEGER })
  /** The file is as it was left; false where that is anybody's guess, until it was written anew. */
  #isSound = false
  #generation = 0
  #endOffset = 0
  #entriesCount = 0
  /** Numbers of copies of damaged files that lie here. */
  #copies: number[] = []
  #isLost = false
  #isRebuilt = false

  constructor(deps: JournalDeps, options: { folder: string }) {
    this.#deps = deps
    this.#folder = options.folder
  }

  /** The tables were empty or of another file, and were made anew. */
  get isRebuilt(): boolean {
    return this.#isRebuilt
  }

  /** Makes the tables say what the file says. To be called once, before anything else. */
  async open(signal?: AbortSignal): Promise<void> {
    const { disk, log } = this.#deps
    const names = await disk.list(this.#folder)
    this.#copies = names.flatMap((name) => {
      return name.startsWith(COPY_NAME) ? [Number(name.slice(COPY_NAME.length))] : []
    })
    const position = this.#position()
    this.#generation = position?.generation ?? 0
    if (names.includes(NAME)) await this.#read(position, signal)
    else if (position !== undefined) {
      this.#isLost = true
      log.error('the journal of refusals is gone; what the database knows of it is kept')
    }
    if (this.#isSound) return
    try {
      await this.#rewrite()
    } catch (thrown) {
      // Nothing new can be refused then, and whoever tries is told; what is known holds.
      log.warn('the journal of refusals cannot be written', { error: asError(thrown) })
    }
  }

  /**
   * Decides what is so from now on, and returns when that survives a power cut and holds. Nothing
   * changes when it could not be written.
   * @throws what `decide` throws; CodedError `STORE_…`
   */
  async change(decide: () => readonly TableEntry[]): Promise<void> {
    const release = await this.#turns.acquire()
    try {
      const entries = decide()
      if (entries.length === 0) return
      await this.#append(entries)
      this.#apply(entries)
      const spareCount = this.#entriesCount - 2 * this.#deps.tables.count()
      if (spareCount > JOURNAL_SPARE_ENTRIES) await this.#tidy()
    } finally {
      release?.()
    }
  }

  /** Writes it anew, so that nothing stands in it that does not hold any more. @throws `STORE_…` */
  async renew(): Promise<void> {
    const release = await this.#turns.acquire()
    try {
      await this.#rewrite()
    } finally {
      release?.()
    }
  }

  /** Names no files: anybody on the LAN may read this. */
  health(): readonly HealthCondition[] {
    const conditions: HealthCondition[] = []
    if (this.#copies.length > 0) {
      conditions.push({
        code: 'REFUSALS_DAMAGED',
        severity: 'error',
        text: 'The file of what this node refuses was damaged; what could be read of it holds.',
        advice:
          'Look whether citynode blocks names all that you blocked. Then remove the copy, ' +
          `${COPY_NAME}N in the folder content, and check the disk or SD card.`,
      })
    }
    if (this.#isLost) {
      conditions.push({
        code: 'REFUSALS_LOST',
        severity: 'warning',
        text: 'The file of what this node refuses was gone; it was made anew from the database.',
        advice: 'Look whether citynode blocks names all that you blocked, and check the disk.',
      })
    }
    return conditions
  }

  async #read(position: Position | undefined, signal: AbortSignal | undefined): Promise<void> {
    const { disk, log } = this.#deps
    const path = join(this.#folder, NAME)
    const file = await disk.open(path)
    let survey: Survey
    let isDamaged: boolean
    try {
      survey = await surveyJournal(file, signal)
      isDamaged = isDamagedFor(survey, position)
      await this.#take(file, { survey, position, isDamaged }, signal)
    } finally {
      await file.close()
    }
    this.#generation = Math.max(this.#generation, survey.generation ?? 0)
    if (isDamaged) {
      log.error('the journal of refusals is damaged; what can be read of it is kept')
      await this.#keepAside(path)
      return
    }
    await this.#makeSound(survey)
  }

  /** Brings the tables up to date with what the file says beyond what they know. */
  async #take(
    file: DiskFile,
    found: { survey: Survey; position: Position | undefined; isDamaged: boolean },
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const { survey, position, isDamaged } = found
    const isKnown = position !== undefined && position.generation === survey.generation
    const knownOffset = isKnown ? position.offset : 0
    const news: TableEntry[] = []
    for (const { start, end } of survey.stretches) {
      if (end <= knownOffset) continue
      await scanJournal(file, { start, signal }, (entry, offset) => {
        if (entry === undefined || entry.entry === 'begin' || offset < knownOffset) return
        news.push(entry)
      })
    }
    this.#isRebuilt = !isKnown
    if (isKnown && news.length === 0) return
    const { database, tables } = this.#deps
    database.transaction(() => {
      // Of a damaged file nobody knows what else it said: then what the tables refuse stays so.
      if (!isKnown && !isDamaged) tables.clear()
      for (const entry of news) tables.apply(entry)
      if (!isDamaged) this.#setPosition(survey.generation ?? 0, endOf(survey))
    })
  }

  async #makeSound(survey: Survey): Promise<void> {
    const { disk, log } = this.#deps
    const endOffset = endOf(survey)
    this.#isSound = true
    try {
      const file = await disk.openForWriting(join(this.#folder, NAME))
      try {
        if (survey.sizeBytes > endOffset) await file.truncate(endOffset)
        // What a killed process had only handed over is made safe before anybody relies on it.
        await file.sync()
      } finally {
        await file.close()
      }
    } catch (thrown) {
      // It is what it is; the next change writes it anew, or says why that cannot be.
      this.#isSound = false
      log.warn('the journal of refusals cannot be appended to', { error: asError(thrown) })
    }
    this.#endOffset = endOffset
    this.#entriesCount = survey.entriesCount
  }

  async #append(entries: readonly TableEntry[]): Promise<void> {
    if (!this.#isSound) await this.#rewrite()
    const bytes = encodeSections(entries)
    this.#isSound = false
    try {
      const file = await this.#deps.disk.openForWriting(join(this.#folder, NAME))
      try {
        await file.write(bytes, this.#endOffset)
        await file.sync()
      } finally {
        await file.close()
      }
    } catch (thrown) {
      throw diskError(thrown)
    }
    this.#isSound = true
    this.#endOffset += bytes.length
    this.#entriesCount += entries.length
  }

  #apply(entries: readonly TableEntry[]): void {
    const { database, tables } = this.#deps
    database.transaction(() => {
      for (const entry of entries) tables.apply(entry)
      this.#setPosition(this.#generation, this.#endOffset)
    })
  }

  async #tidy(): Promise<void> {
    try {
      await this.#rewrite()
    } catch (thrown) {
      // What was to be kept is kept; the next change tries again.
      this.#deps.log.warn('the journal of refusals was not tidied', { error: asError(thrown) })
    }
  }

  /** Writes what the tables say into a new file, which takes the place of the old one. */
  async #rewrite(): Promise<void> {
    const { disk, database, tables } = this.#deps
    const newPath = join(this.#folder, NEW_NAME)
    const generation = this.#generation + 1
    try {
      await disk.remove(newPath)
      const file = await disk.create(newPath)
      let sizeBytes = 0
      let entriesCount = 1
      try {
        const begin = encodeSections([{ entry: 'begin', generation }])
        await file.write(begin, 0)
        sizeBytes = begin.length
        for (const page of tables.pages()) {
          const bytes = encodeSections(page)
          await file.write(bytes, sizeBytes)
          sizeBytes += bytes.length
          entriesCount += page.length
        }
        await file.sync()
      } finally {
        await file.close()
      }
      this.#isSound = false
      await disk.rename(newPath, join(this.#folder, NAME))
      await disk.syncFolder(this.#folder)
      this.#isSound = true
      this.#generation = generation
      this.#endOffset = sizeBytes
      this.#entriesCount = entriesCount
    } catch (thrown) {
      throw diskError(thrown)
    }
    database.transaction(() => this.#setPosition(generation, this.#endOffset))
  }

  /** A copy, so that at no instant the file is missing. */
  async #keepAside(path: string): Promise<void> {
    const { disk, log } = this.#deps
    const number = Math.max(0, ...this.#copies.filter(Number.isSafeInteger)) + 1
    if (this.#copies.length >= JOURNAL_COPIES_MAX) return
    try {
      const from = await disk.open(path)
      try {
        const to = await disk.create(join(this.#folder, `${COPY_NAME}${number}`))
        try {
          await copy(from, to)
          await to.sync()
        } finally {
          await to.close()
        }
      } finally {
        await from.close()
      }
      await disk.syncFolder(this.#folder)
    } catch (thrown) {
      log.warn('a damaged journal could not be kept aside', { error: asError(thrown) })
    }
    // Said also where the copy failed.
    this.#copies.push(number)
  }

  #position(): Position | undefined {
    return this.#deps.database
      .prepare<Position>('SELECT generation, offset_bytes AS offset FROM content_refusals_position')
      .get()
  }

  #setPosition(generation: number, offset: number): void {
    this.#deps.database
      .prepare<never, [number, number]>(
        `INSERT INTO content_refusals_position (only_row, generation, offset_bytes)
         VALUES (1, ?, ?)
         ON CONFLICT DO UPDATE SET generation = excluded.generation,
                                   offset_bytes = excluded.offset_bytes`,
      )
      .run(generation, offset)
  }
}

/**
 * A file that ends in the middle of an entry is what a power cut leaves, and nobody was told of that
 * entry; but only where the tables know of nothing behind it. Without tables it may be a rotten one.
 */
function isDamagedFor(survey: Survey, position: Position | undefined): boolean {
  if (survey.isDamaged) return true
  const isSameFile = position?.generation === survey.generation
  if (isSameFile && position !== undefined && position.offset > endOf(survey)) return true
  return survey.isCutOff && !isSameFile
}

async function copy(from: DiskFile, to: DiskFile): Promise<void> {
  const buffer = Buffer.alloc(JOURNAL_READ_BYTES)
  for (let at = 0; ; ) {
    const filledBytes = await from.read(buffer, at)
    if (filledBytes === 0) return
    await to.write(buffer.subarray(0, filledBytes), at)
    at += filledBytes
  }
}
