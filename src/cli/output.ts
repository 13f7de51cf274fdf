// SPDX-License-Identifier: AGPL-3.0-or-later
/** What people and scripts read: results on stdout, everything else on stderr. */
import type { Readable, Writable } from 'node:stream'
import { abortReason, type Clock, CodedError, errorCode, formatBytes } from '../base/base.ts'
import type { ItemFacts } from '../contract/contract.ts'
import { CELL_LENGTH_MAX } from './limits.ts'

/** A terminal that somebody types on. */
export interface Keyboard extends Readable {
  /** Raw: no echo, and every key arrives at once, Ctrl-C as well. */
  setRawMode(isRaw: boolean): unknown
}

/** Where a command reads and writes; nothing here is taken from the process. */
export interface CliIo {
  stdout: Writable
  stderr: Writable
  stdin: Readable
  /** The same stream where it is a terminal: somebody can be asked. */
  keyboard: Keyboard | undefined
  isStdoutTerminal: boolean
  isStderrTerminal: boolean
  /** Of the terminal. */
  columns: number
  /** Aborts on Ctrl-C and SIGTERM. */
  signal: AbortSignal
  clock: Clock
}

/** Whoever read our stdout has had enough (`| head`): not a failure. */
export class StdoutClosed extends CodedError {
  constructor(cause: unknown) {
    super('STDOUT_CLOSED', 'The reader of the output went away.', { cause })
    this.name = 'StdoutClosed'
  }
}

/** What a write says when nobody reads any more. */
const CLOSED_CODES = ['EPIPE', 'ERR_STREAM_DESTROYED']

export class Output {
  readonly #io: CliIo
  readonly isJson: boolean

  constructor(io: CliIo, options: { isJson: boolean }) {
    this.#io = io
    this.isJson = options.isJson
  }

  /** The result: the JSON value for scripts, the text for people. */
  async result(value: unknown, text: string): Promise<void> {
    const printed = this.isJson ? JSON.stringify(value, undefined, 2) : text
    if (printed !== '') await this.bytes(Buffer.from(`${printed}\n`))
  }

  /** Raw bytes of the result. Waits until they are gone, or until Ctrl-C. */
  bytes(chunk: Uint8Array): Promise<void> {
    const { stdout, signal } = this.#io
    return new Promise((resolve, reject) => {
      const onAbort = (): void => reject(abortReason(signal))
      if (signal.aborted) return onAbort()
      signal.addEventListener('abort', onAbort, { once: true })
      stdout.write(chunk, (error) => {
        signal.removeEventListener('abort', onAbort)
        if (error === null || error === undefined) return resolve()
        const isClosed = CLOSED_CODES.includes(errorCode(error) ?? '')
        reject(isClosed ? new StdoutClosed(error) : error)
      })
    })
  }

  /** A sentence beside the result. */
  note(sentence: string): void {
    this.#io.stderr.write(`${sentence}\n`)
  }
}

/** Columns as wide as their widest cell; the last one is not padded. */
export function formatTable(
  heads: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const lines = [heads, ...rows]
  const widths = heads.map((_head, column) =>
    Math.max(...lines.map((line) => line[column]?.length ?? 0)),
  )
  return lines
    .map((line) => line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  '))
    .map((line) => line.trimEnd())
    .join('\n')
}

/** Facts, one a line, with their names in front. */
export function formatFacts(facts: readonly (readonly [string, string])[]): string {
  const width = Math.max(...facts.map(([label]) => label.length)) + 1
  return facts.map(([label, value]) => `${`${label}:`.padEnd(width)}  ${value}`).join('\n')
}

/** What a stranger wrote, harmless to a terminal: no escape sequences, no turned text. */
export function plain(text: string, lengthMax = CELL_LENGTH_MAX): string {
  const harmless = text.replace(/[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, '\ufffd')
  return harmless.length <= lengthMax ? harmless : `${harmless.slice(0, lengthMax - 1)}…`
}

/** `1 file`, `2 files`. */
export function countOf(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`
}

/** `notes.txt (10 B)`, and what is in it. */
export function describe({ name, shape, sizeBytes }: ItemFacts, contents = ''): string {
  const shown = name === '' ? 'an item without a name' : plain(name)
  const size = formatBytes(sizeBytes)
  const inside = contents === '' ? size : `${size} in ${contents}`
  return `${shape === 'folder' ? `${shown}/` : shown} (${inside})`
}

export function whoMayHave({ visibility }: ItemFacts): string {
  return visibility === 'public'
    ? 'public: other nodes may have it.'
    : 'private: it stays on this node.'
}
