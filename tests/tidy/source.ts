// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * How the tidy rules see the project: files as text, with imports found and with comments and
 * strings blanked out. Rules are pure functions over these, so each can be shown made-up sins.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '')

export interface SourceFile {
  /** From the top of the project, with forward slashes: `src/net/net.ts`. */
  path: string
  text: string
}

/** One thing that a rule found wrong; `line` counts from 1. */
export interface Violation {
  path: string
  line: number
  message: string
}

export interface ImportStatement {
  specifier: string
  line: number
}

const SKIPPED_FOLDERS = new Set(['node_modules', 'build', 'coverage', '.git', 'fixtures'])

/** All files below `folder` (from the top of the project) whose names match. */
export function readSources(folder: string, pattern: RegExp): SourceFile[] {
  const found: SourceFile[] = []
  const entries = readdirSync(join(ROOT, folder), { withFileTypes: true })
  for (const entry of entries) {
    const path = relative(ROOT, join(ROOT, folder, entry.name))
    if (entry.isDirectory() && !SKIPPED_FOLDERS.has(entry.name)) {
      found.push(...readSources(path, pattern))
    } else if (entry.isFile() && pattern.test(entry.name)) {
      found.push({ path, text: readFileSync(join(ROOT, path), 'utf8') })
    }
  }
  return found
}

/** What a failing test prints: one line a violation, to click on. */
export function describeViolations(violations: readonly Violation[]): string {
  return violations.map(({ path, line, message }) => `${path}:${line}  ${message}`).join('\n')
}

export function lineOf(text: string, index: number): number {
  let line = 1
  for (let at = text.indexOf('\n'); at !== -1 && at < index; at = text.indexOf('\n', at + 1)) line++
  return line
}

/** All that a file imports, in whatever form, types included. */
export function importsOf(text: string): ImportStatement[] {
  const code = maskSource(text)
  const forms = [
    /\bfrom\s*(['"])/g,
    /\bimport\s*(['"])/g,
    /\b(?:import|require|import\.meta\.resolve)\s*\(\s*(['"`])/g,
  ]
  const found: ImportStatement[] = []
  for (const form of forms) {
    for (const match of code.matchAll(form)) {
      const start = match.index + match[0].length
      const end = code.indexOf(match[1] ?? '', start)
      found.push({ specifier: text.slice(start, end), line: lineOf(text, match.index) })
    }
  }
  return found.sort((a, b) => a.line - b.line)
}

/**
 * The same text, same length, same lines, with the insides of comments, strings and regular
 * expressions blanked: what is left is code. Quotes stay where they are.
 */
export function maskSource(text: string): string {
  return new Mask(text, false).run()
}

/** Blanks strings only: what a rule about comments looks at. */
export function maskStrings(text: string): string {
  return new Mask(text, true).run()
}

class Mask {
  readonly #text: string
  readonly #keepsComments: boolean
  readonly #out: string[]
  #at = 0

  constructor(text: string, keepsComments: boolean) {
    this.#text = text
    this.#keepsComments = keepsComments
    this.#out = [...text.split('')]
  }

  run(): string {
    this.#code(undefined)
    return this.#out.join('')
  }

  /** Until the end, or behind the brace that closes a template's `${`. */
  #code(closer: '}' | undefined): void {
    let depth = 0
    while (this.#at < this.#text.length) {
      const char = this.#text[this.#at]
      const pair = this.#text.slice(this.#at, this.#at + 2)
      if (pair === '//') this.#comment('\n')
      else if (pair === '/*') this.#comment('*/')
      else if (char === "'" || char === '"') this.#string(char)
      else if (char === '`') this.#template()
      else if (char === '/' && this.#isRegexHere()) this.#regex()
      else {
        if (char === '{') depth++
        if (char === '}' && closer !== undefined && depth-- === 0) return
        this.#at++
      }
    }
  }

  #blank(from: number, to: number): void {
    for (let i = from; i < to; i++) if (this.#text[i] !== '\n') this.#out[i] = ' '
  }

  #comment(end: string): void {
    const found = this.#text.indexOf(end, this.#at + 2)
    const stop = found === -1 ? this.#text.length : found + (end === '\n' ? 0 : end.length)
    if (!this.#keepsComments) this.#blank(this.#at, stop)
    this.#at = stop
  }

  #string(quote: string): void {
    const start = ++this.#at
    while (this.#at < this.#text.length && this.#text[this.#at] !== quote) {
      if (this.#text[this.#at] === '\n') break
      this.#at += this.#text[this.#at] === '\\' ? 2 : 1
    }
    this.#blank(start, this.#at)
    this.#at++
  }

  #template(): void {
    let start = ++this.#at
    while (this.#at < this.#text.length && this.#text[this.#at] !== '`') {
      if (this.#text.startsWith('${', this.#at)) {
        this.#blank(start, this.#at)
        this.#at += 2
        this.#code('}')
        start = ++this.#at
      } else this.#at += this.#text[this.#at] === '\\' ? 2 : 1
    }
    this.#blank(start, this.#at)
    this.#at++
  }

  /** A slash divides after a value and begins a regular expression anywhere else. */
  #isRegexHere(): boolean {
    const before = this.#out
      .slice(Math.max(0, this.#at - 200), this.#at)
      .join('')
      .trimEnd()
    if (before === '') return true
    if (/\b(?:return|typeof|case|in|of|await|yield|void)$/.test(before)) return true
    return /[(,=:[!&|?{};+\-*%<>~^]$/.test(before)
  }

  #regex(): void {
    const start = ++this.#at
    let isInClass = false
    while (this.#at < this.#text.length && this.#text[this.#at] !== '\n') {
      const char = this.#text[this.#at]
      if (char === '/' && !isInClass) break
      if (char === '[') isInClass = true
      if (char === ']') isInClass = false
      this.#at += char === '\\' ? 2 : 1
    }
    this.#blank(start, this.#at)
    this.#at++
  }
}
