// SPDX-License-Identifier: AGPL-3.0-or-later
/** Reads one deny list from its file into the database, in small turns, once from end to end. */
import { CodedError, errorCode } from '../../base/base.ts'
import type { Disk, DiskFile, FileFacts } from '../blocks/blocks.ts'
import type { Rule } from './denylist-line.ts'
import { DenyListReader, type DenyListSink } from './denylist-reader.ts'
import type { BeginningRow, DenyListTable, NewList } from './denylist-table.ts'
import { badList } from './errors.ts'
import {
  CID_BEGINNINGS_MAX,
  DENYLIST_BYTES_MAX,
  LIST_BEGINNINGS_MAX,
  LIST_READ_BYTES,
  LIST_RULES_MAX,
  PROBLEMS_TOLD_MAX,
  ROWS_PER_TURN,
} from './limits.ts'
import { createSpool, type RuleSpool } from './sorted-rules.ts'

export interface ImportDeps {
  disk: Disk
  table: DenyListTable
}

export interface ListFile {
  path: string
  facts: FileFacts
}

export interface ImportOptions {
  scratchPath: string
  /** Rules that the other lists leave room for. */
  rulesMax: number
  signal: AbortSignal
}

export interface ListProblem {
  line: number
  message: string
}

/**
 * @returns The first problems of a list that is now in force.
 * @throws CodedError `REFUSALS_BAD_LIST`, or what the disk and the database say; then what was in
 *   force before still is.
 */
export async function importList(
  { disk, table }: ImportDeps,
  file: ListFile,
  options: ImportOptions,
): Promise<{ list: NewList; problems: readonly ListProblem[] }> {
  if (file.facts.sizeBytes > DENYLIST_BYTES_MAX) throw badList('is too large')
  await using scratch = await createSpool(disk, options.scratchPath)
  const intake = new Intake(scratch.spool, Math.min(options.rulesMax, LIST_RULES_MAX))
  const reader = new DenyListReader(intake)
  await readFile(disk, file, async (bytes) => {
    options.signal.throwIfAborted()
    reader.push(bytes)
    await scratch.spool.flush()
    checkFaults(reader, intake)
  })
  reader.finish()
  checkFaults(reader, intake)
  const version = table.begin(file.path, file.facts)
  table.addBeginnings(version, intake.beginnings)
  await fill(table, version, scratch.spool, options.signal)
  const list = {
    name: reader.header.name,
    rulesCount: scratch.spool.count + intake.beginnings.length,
    problemsCount: intake.problemsCount,
    hashCodes: [...intake.hashCodes],
  }
  table.putInForce(version, file.path, list)
  return { list, problems: intake.problems }
}

/** Takes what the reader finds, and notices when it is too much. */
class Intake implements DenyListSink {
  readonly #spool: RuleSpool
  readonly #rulesMax: number
  readonly #beginningsByKey = new Map<string, number>()
  readonly beginnings: BeginningRow[] = []
  readonly hashCodes = new Set<number>()
  readonly problems: ListProblem[] = []
  problemsCount = 0
  fault: string | undefined

  constructor(spool: RuleSpool, rulesMax: number) {
    this.#spool = spool
    this.#rulesMax = rulesMax
  }

  rule(line: number, rule: Rule): void {
    const signedLine = rule.isException ? -line : line
    this.hashCodes.add(rule.hashCode)
    if (rule.beginning === undefined) {
      if (this.#spool.count >= this.#rulesMax) this.fault ??= 'has too many rules'
      else this.#spool.add(rule.key, signedLine)
      return
    }
    const name = Buffer.from(rule.key).toString('latin1')
    const count = (this.#beginningsByKey.get(name) ?? 0) + 1
    this.#beginningsByKey.set(name, count)
    if (count > CID_BEGINNINGS_MAX || this.beginnings.length >= LIST_BEGINNINGS_MAX) {
      this.fault ??= `has too many rules with a star (line ${line})`
      return
    }
    this.beginnings.push({ key: rule.key, line: signedLine, beginning: rule.beginning })
  }

  problem(line: number, message: string): void {
    this.problemsCount += 1
    if (this.problems.length < PROBLEMS_TOLD_MAX) this.problems.push({ line, message })
  }
}

function checkFaults(reader: DenyListReader, intake: Intake): void {
  const fault = reader.fault ?? intake.fault
  if (fault !== undefined) throw badList(fault)
}

/** Just the bytes that were there when it was looked at: what comes later is for the next look. */
async function readFile(
  disk: Disk,
  { path, facts }: ListFile,
  take: (bytes: Uint8Array) => Promise<void>,
): Promise<void> {
  const file = await openList(disk, path)
  try {
    const buffer = new Uint8Array(LIST_READ_BYTES)
    for (let at = 0; at < facts.sizeBytes; ) {
      const length = Math.min(buffer.length, facts.sizeBytes - at)
      const read = await file.read(buffer.subarray(0, length), at)
      if (read === 0) throw badList('became shorter while it was read')
      await take(buffer.subarray(0, read))
      at += read
    }
  } finally {
    await file.close()
  }
}

async function openList(disk: Disk, path: string): Promise<DiskFile> {
  try {
    return await disk.open(path)
  } catch (cause) {
    const message = `The deny list cannot be read (${errorCode(cause) ?? 'unknown'}).`
    throw new CodedError('REFUSALS_LIST_UNREADABLE', message, {
      cause,
      context: { path },
      advice: 'Let the user of the node read the file.',
    })
  }
}

async function fill(
  table: DenyListTable,
  version: number,
  spool: RuleSpool,
  signal: AbortSignal,
): Promise<void> {
  for await (const run of spool.runs()) {
    let rows: { key: Uint8Array; line: number }[] = []
    for (const rule of run.sorted()) {
      rows.push(rule)
      if (rows.length < ROWS_PER_TURN) continue
      table.addRules(version, rows)
      rows = []
      await othersTurn()
      signal.throwIfAborted()
    }
    table.addRules(version, rows)
  }
}

/** Lets everything else that waits go first. */
export function othersTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
