// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Reads a deny list as a stream: bytes in, rules and problems with their lines out. Total: whatever
 * comes in, it never throws, and holds at most one line, or one header, in memory.
 */
import { type DenyListHeader, readHeader } from './denylist-header.ts'
import { type Rule, readLine } from './denylist-line.ts'
import { DENYLIST_HEADER_BYTES_MAX, DENYLIST_LINE_BYTES_MAX } from './limits.ts'

export interface DenyListSink {
  /** @param line counted from 1 */
  rule(line: number, rule: Rule): void
  problem(line: number, message: string): void
}

const LINE_END = 0x0a

export class DenyListReader {
  readonly #sink: DenyListSink
  /** The beginning of a line whose end has not come yet. */
  #pieces: Buffer[] = []
  #piecesBytes = 0
  #lineCount = 0
  /** Lines that may be a header; undefined once that is decided. */
  #headLines: string[] | undefined = []
  #headBytes = 0
  #header: DenyListHeader = { name: '' }
  #fault: string | undefined

  constructor(sink: DenyListSink) {
    this.#sink = sink
  }

  /** What makes the whole list unusable: "The deny list …". */
  get fault(): string | undefined {
    return this.#fault
  }

  /** Meaningful after {@link finish}. */
  get header(): DenyListHeader {
    return this.#header
  }

  push(bytes: Uint8Array): void {
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    let from = 0
    while (this.#fault === undefined) {
      const end = buffer.indexOf(LINE_END, from)
      const piece = buffer.subarray(from, end < 0 ? buffer.length : end)
      if (this.#piecesBytes + piece.length >= DENYLIST_LINE_BYTES_MAX) {
        this.#fault = `has a line that is too long (line ${this.#lineCount + 1})`
        return
      }
      if (end < 0) {
        this.#keep(piece)
        return
      }
      this.#line(this.#textWith(piece))
      from = end + 1
    }
  }

  finish(): void {
    if (this.#fault === undefined && this.#piecesBytes > 0) {
      this.#line(this.#textWith(Buffer.alloc(0)))
    }
    if (this.#fault === undefined) this.#readHeadAsRules()
  }

  #keep(piece: Buffer): void {
    if (piece.length === 0) return
    // A copy: whoever reads the file uses its buffer again.
    this.#pieces.push(Buffer.from(piece))
    this.#piecesBytes += piece.length
  }

  #textWith(piece: Buffer): string {
    if (this.#piecesBytes === 0) return piece.toString('utf8')
    const text = Buffer.concat([...this.#pieces, piece]).toString('utf8')
    this.#pieces = []
    this.#piecesBytes = 0
    return text
  }

  #line(raw: string): void {
    this.#lineCount += 1
    // Some editors put a byte order mark before the first line.
    const text = this.#lineCount === 1 ? raw.replace(/^\ufeff/, '') : raw
    if (this.#headLines === undefined) {
      this.#ruleLine(this.#lineCount, text)
    } else if (text.trimEnd() === '---') {
      this.#endHeader(this.#headLines)
    } else {
      this.#headLines.push(text)
      this.#headBytes += Buffer.byteLength(text) + 1
      if (this.#headBytes > DENYLIST_HEADER_BYTES_MAX) this.#readHeadAsRules()
    }
  }

  #endHeader(lines: readonly string[]): void {
    this.#headLines = undefined
    const read = readHeader(lines)
    if ('fault' in read) this.#fault = read.fault
    else this.#header = read
  }

  /** No `---` came: the list has no header, and what was held back are rules. */
  #readHeadAsRules(): void {
    const lines = this.#headLines ?? []
    this.#headLines = undefined
    for (const [index, text] of lines.entries()) this.#ruleLine(index + 1, text)
  }

  #ruleLine(line: number, text: string): void {
    const { rules, problem } = readLine(text)
    for (const rule of rules) this.#sink.rule(line, rule)
    if (problem !== undefined) this.#sink.problem(line, problem)
  }
}
