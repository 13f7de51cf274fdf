// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * The deny lists that the owner has subscribed to: every `*.deny` file of one folder, and files that
 * the configuration names. They are looked at now and then and read again when they have changed.
 * A list that cannot be read, or is no list any more, leaves its last good version in force. None
 * is subscribed to by default, and nothing is ever fetched from anywhere.
 */
import { join } from 'node:path'
import type { CID } from 'multiformats/cid'
import { asError, errorCode, type HealthCondition, type Logger } from '../../base/base.ts'
import type { Disk, FileFacts } from '../blocks/blocks.ts'
import { importList, type ListFile, type ListProblem, othersTurn } from './denylist-import.ts'
import { type DenyListTable, type ListInForce, orderOf } from './denylist-table.ts'
import { LISTS_MAX, RULES_MAX } from './limits.ts'
import { contentKeys, contentText, isEmptyContent, keyOfText, nameKeys, nameText } from './names.ts'

export interface DenyListsDeps {
  table: DenyListTable
  disk: Disk
  log: Logger
}

export interface DenyListsOptions {
  /** Whose `*.deny` files are lists. Made when it is missing. */
  folder: string
  /** Files elsewhere. */
  paths: readonly string[]
  /** Where a scratch file may lie; its folder exists. */
  scratchPath: string
}

/** A list as the owner sees it. */
export interface DenyListFacts {
  path: string
  /** As it calls itself; may be empty. */
  name: string
  /** Zero when no version of it was ever good. */
  rulesCount: number
  /** Lines that were not understood. */
  problemsCount: number
  /** Where the first of them are; empty when the list was read before this start. */
  problems: readonly ListProblem[]
  /** Why the file as it is now is not in force; undefined when it is. */
  fault: string | undefined
}

const ENDING = '.deny'

export class DenyLists {
  readonly #deps: DenyListsDeps
  readonly #options: DenyListsOptions
  #lists: readonly ListInForce[] = []
  #hashCodes: readonly number[] = []
  /** With the facts of the file when that is what is wrong. */
  readonly #faults = new Map<string, { fault: string; facts: FileFacts | undefined }>()
  readonly #problems = new Map<string, readonly ListProblem[]>()
  /** The look under way: one at a time. */
  #look: Promise<void> = Promise.resolve()

  constructor(deps: DenyListsDeps, options: DenyListsOptions) {
    this.#deps = deps
    this.#options = options
  }

  /** What was in force when the node stopped is in force again, before any file is looked at. */
  open(): void {
    this.#refresh()
  }

  /** Looks at all files, and reads those that have changed. */
  look(signal: AbortSignal): Promise<void> {
    const previous = this.#look
    const next = (async () => {
      await previous
      await this.#lookNow(signal)
    })()
    // Whoever asked for the look hears of its failure; the next one starts all the same.
    this.#look = next.catch(() => {})
    return next
  }

  /** Returns when no look is under way any more. */
  async settled(): Promise<void> {
    await this.#look
  }

  /** The list that refuses this; `path` is without slashes around it. */
  match(cid: CID, path: string): ListInForce | undefined {
    const { bytes } = cid.multihash
    if (this.#lists.length === 0 || isEmptyContent(bytes)) return undefined
    return this.#find({
      keys: contentKeys(cid, path, this.#hashCodes),
      // A rule for a CID holds for all that is below it, which the format leaves to us to decide.
      aboveKeys: path === '' ? [] : contentKeys(cid, '', this.#hashCodes),
      topKey: keyOfText(contentText(bytes, '')),
      path,
    })
  }

  /** The same for a name (`/ipns/NAME`), before it is resolved. */
  matchName(name: string, path: string): ListInForce | undefined {
    if (this.#lists.length === 0) return undefined
    const keys = nameKeys(name, path, this.#hashCodes)
    return this.#find({ keys, aboveKeys: [], topKey: keyOfText(nameText(name, '')), path })
  }

  /** Of all lists in force. */
  get rulesCount(): number {
    return this.#lists.reduce((sum, list) => sum + list.rulesCount, 0)
  }

  facts(): readonly DenyListFacts[] {
    const paths = new Set([...this.#lists.map(({ path }) => path), ...this.#faults.keys()])
    return [...paths].map((path) => {
      const list = this.#lists.find((entry) => entry.path === path)
      return {
        path,
        name: list?.name ?? '',
        rulesCount: list?.rulesCount ?? 0,
        problemsCount: list?.problemsCount ?? 0,
        problems: this.#problems.get(path) ?? [],
        fault: this.#faults.get(path)?.fault,
      }
    })
  }

  /** Names no files: anybody on the LAN may read this. */
  health(): readonly HealthCondition[] {
    const conditions: HealthCondition[] = []
    if (this.#faults.size > 0) {
      conditions.push({
        code: 'REFUSALS_LIST_BROKEN',
        severity: 'warning',
        text:
          this.#faults.size === 1
            ? 'A deny list could not be read; its last good version holds.'
            : `${this.#faults.size} deny lists could not be read; their last good versions hold.`,
        advice: 'citynode denylist ls says which and why.',
      })
    }
    if (this.#lists.some(({ problemsCount }) => problemsCount > 0)) {
      conditions.push({
        code: 'REFUSALS_LIST_LINES',
        severity: 'info',
        text: 'Some lines of a deny list were not understood; what they mean is not refused.',
        advice: 'citynode denylist ls says which lines.',
      })
    }
    return conditions
  }

  /** The last matching rule of the last list that has one decides. */
  #find(question: Question): ListInForce | undefined {
    for (const list of this.#lists.toReversed()) {
      const line = this.#lastLine(list, question)
      if (line !== 0) return line > 0 ? list : undefined
    }
    return undefined
  }

  /** Below zero for an exception, zero for none. */
  #lastLine(list: ListInForce, { keys, aboveKeys, topKey, path }: Question): number {
    const { table } = this.#deps
    const lineOf = (key: Uint8Array): number => table.lineOf(list.version, key) ?? 0
    const lines = keys.map(lineOf)
    // An exception for a CID lets itself through, and no path below that another rule names.
    lines.push(...aboveKeys.map(lineOf).filter((line) => line > 0))
    if (list.hasBeginnings) {
      for (const { beginning, line } of table.beginningsOf(list.version, topKey)) {
        if (path.startsWith(beginning)) lines.push(line)
      }
    }
    return lines.reduce((one, other) => (Math.abs(other) > Math.abs(one) ? other : one), 0)
  }

  async #lookNow(signal: AbortSignal): Promise<void> {
    const { table, log } = this.#deps
    const wanted = await this.#wanted()
    for (const path of this.#faults.keys()) {
      if (!wanted.some((entry) => entry.path === path)) this.#faults.delete(path)
    }
    for (const { path } of this.#lists) {
      if (wanted.some((entry) => entry.path === path)) continue
      log.info('a deny list is no longer subscribed to', { path })
      table.putOutOfForce(path)
    }
    this.#refresh()
    for (const { path, facts, fault } of wanted) {
      signal.throwIfAborted()
      if (facts === undefined) this.#fail(path, undefined, fault)
      else await this.#readIfChanged({ path, facts }, signal)
    }
    while (table.sweep()) {
      await othersTurn()
      signal.throwIfAborted()
    }
  }

  async #readIfChanged(file: ListFile, signal: AbortSignal): Promise<void> {
    const { log } = this.#deps
    const { path } = file
    const held = this.#lists.find((list) => list.path === path)
    const failed = this.#faults.get(path)?.facts
    if (failed !== undefined && isSame(failed, file.facts)) return
    if (held !== undefined && isSame(held.facts, file.facts)) {
      this.#faults.delete(path)
      return
    }
    const rulesMax = RULES_MAX - this.rulesCount + (held?.rulesCount ?? 0)
    const { scratchPath } = this.#options
    try {
      const { list, problems } = await importList(this.#deps, file, {
        scratchPath,
        rulesMax,
        signal,
      })
      this.#faults.delete(path)
      this.#problems.set(path, problems)
      log.info('a deny list was read', {
        path,
        rulesCount: list.rulesCount,
        problemsCount: list.problemsCount,
      })
    } catch (thrown) {
      if (signal.aborted) throw thrown
      // What is wrong with the list itself stays wrong until the file changes; the rest may pass.
      const isLists = errorCode(thrown) === 'REFUSALS_BAD_LIST'
      this.#fail(path, isLists ? file.facts : undefined, asError(thrown).message)
    }
    this.#refresh()
  }

  #fail(path: string, facts: FileFacts | undefined, fault: string): void {
    if (this.#faults.get(path)?.fault !== fault) {
      this.#deps.log.warn('a deny list cannot be used; its last good version holds', {
        path,
        fault,
      })
    }
    this.#faults.set(path, { fault, facts })
  }

  #refresh(): void {
    this.#lists = this.#deps.table.inForce()
    this.#hashCodes = [...new Set(this.#lists.flatMap(({ hashCodes }) => hashCodes))]
  }

  /** Every list that the owner wants, with what its file is like now. */
  async #wanted(): Promise<WantedList[]> {
    const { disk } = this.#deps
    const { folder, paths } = this.#options
    const wanted: WantedList[] = []
    try {
      await disk.makeFolder(folder)
      const names = (await disk.list(folder)).filter((name) => name.endsWith(ENDING))
      const found = [...new Set([...paths, ...names.map((name) => join(folder, name))])]
      for (const path of found) wanted.push(await this.#wantedList(path))
    } catch (thrown) {
      // The folder cannot be read: that is no reason to stop refusing what its lists named.
      const fault = asError(thrown).message
      const held = this.#lists.map(({ path }) => path)
      for (const path of new Set([...paths, ...held])) {
        wanted.push({ path, facts: undefined, fault })
      }
    }
    wanted.sort((one, other) => (orderOf(one) < orderOf(other) ? -1 : 1))
    return wanted.map((entry, index) =>
      index < LISTS_MAX
        ? entry
        : { ...entry, facts: undefined, fault: `More than ${LISTS_MAX} lists cannot be used.` },
    )
  }

  async #wantedList(path: string): Promise<WantedList> {
    try {
      const facts = await this.#deps.disk.factsOf(path)
      return { path, facts, fault: 'There is no such file.' }
    } catch (thrown) {
      // Told to the owner as the list's fault.
      return { path, facts: undefined, fault: asError(thrown).message }
    }
  }
}

interface Question {
  keys: readonly Uint8Array[]
  /** Keys of the CID above the path. */
  aboveKeys: readonly Uint8Array[]
  /** Under which rules for beginnings are kept. */
  topKey: Uint8Array
  path: string
}

interface WantedList {
  path: string
  /** Undefined when the file cannot be looked at. */
  facts: FileFacts | undefined
  /** Why not. */
  fault: string
}

function isSame(one: FileFacts, other: FileFacts): boolean {
  return one.sizeBytes === other.sizeBytes && one.modifiedAtMs === other.modifiedAtMs
}
