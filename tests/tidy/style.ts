// SPDX-License-Identifier: AGPL-3.0-or-later
/** House rules that the linter does not know: headers, sizes, impure calls, unexplained `as`. */
import { lineOf, maskSource, maskStrings, type SourceFile, type Violation } from './source.ts'

const SPDX = '// SPDX-License-Identifier: AGPL-3.0-or-later'
const LINES_MAX = 500

/** Every file says under which licence it is, and what it is for; a test says that in `describe`. */
export function findHeaderViolations(files: readonly SourceFile[]): Violation[] {
  return files.flatMap(({ path, text }) => {
    const lines = text.split('\n')
    const first = lines[0]?.startsWith('#!') ? 1 : 0
    if (lines[first] !== SPDX) {
      return [{ path, line: first + 1, message: `must begin with: ${SPDX}` }]
    }
    if (!path.endsWith('.test.ts') && !lines[first + 1]?.startsWith('/**')) {
      return [{ path, line: first + 2, message: 'a /** comment that says what the file is for' }]
    }
    return []
  })
}

export function findLongFiles(files: readonly SourceFile[]): Violation[] {
  return files.flatMap(({ path, text }) => {
    const lines = text.trimEnd().split('\n').length
    const message = `has ${lines} lines; ${LINES_MAX} are the most: what is the second thing in it?`
    return lines > LINES_MAX ? [{ path, line: LINES_MAX, message }] : []
  })
}

interface Ban {
  pattern: RegExp
  instead: string
  /** Rooms where it belongs. */
  allowedIn: readonly string[]
}

const CLOCK_ROOMS = ['system', 'web']

const BANS: readonly Ban[] = [
  {
    pattern: /\bMath\.random\b/g,
    instead: 'chance comes from outside (Random of base)',
    allowedIn: [],
  },
  {
    pattern: /\bDate\.now\b|\bnew Date\(\s*\)|\bperformance\.(?:now|timeOrigin)\b/g,
    instead: 'time comes from outside (Clock of base)',
    allowedIn: CLOCK_ROOMS,
  },
  {
    pattern:
      /(?<![.#\w])(?:globalThis\.)?(?:setTimeout|setInterval)\s*\(|\bAbortSignal\.timeout\b/g,
    instead: 'waiting goes through the clock (Clock of base)',
    allowedIn: CLOCK_ROOMS,
  },
  {
    pattern: /\bprocess\.env\b/g,
    instead: 'only node/ reads the environment; take what you need as an option',
    allowedIn: ['node'],
  },
  {
    pattern: /\bprocess\.(?:on|once|addListener|prependListener|exit|abort|kill)\s*\(/g,
    instead: 'only node/ handles signals and ends the process',
    allowedIn: ['node'],
  },
]

/** What makes code impossible to test or to replay, outside the rooms that it belongs to. */
export function findImpurities(files: readonly SourceFile[]): Violation[] {
  return files.flatMap(({ path, text }) => {
    const room = path.split('/')[1] ?? ''
    const code = maskSource(text)
    return BANS.filter(({ allowedIn }) => !allowedIn.includes(room)).flatMap((ban) =>
      [...code.matchAll(ban.pattern)].map((match) => ({
        path,
        line: lineOf(code, match.index),
        message: `${match[0].trim()}: ${ban.instead}`,
      })),
    )
  })
}

/** No test is left out or alone by accident; `skipIf` with a condition is for what needs a machine. */
export function findParkedTests(files: readonly SourceFile[]): Violation[] {
  const parked =
    /\b(?:it|test|describe|suite|bench)(?:\s*\.\s*\w+)*?\s*\.\s*(?:only|skip|todo|fails)\b/g
  const conditional = /\b(?:it|test|describe|suite)(?:\s*\.\s*\w+)*?\s*\.\s*(?:skipIf|runIf)\b/g
  return files.flatMap(({ path, text }) => {
    const code = maskSource(text)
    const mayDepend = path.startsWith('tests/netns/') || path.startsWith('tests/e2e/')
    // Permissions mean nothing to root, so a test of them needs the one user or the other.
    const isAboutRoot = (at: number) => code.slice(at).split('\n')[0]?.includes('getuid')
    const dependent = [...code.matchAll(conditional)].filter(({ index }) => !isAboutRoot(index))
    const found = [...code.matchAll(parked), ...(mayDepend ? [] : dependent)]
    return found.map((match) => ({
      path,
      line: lineOf(code, match.index),
      message: `${match[0]}: every test runs, always`,
    }))
  })
}

/**
 * `as` switches the type checker off for one value, so the reason is written beside it: on the same
 * line, or above the statement.
 */
export function findUnexplainedCasts(files: readonly SourceFile[]): Violation[] {
  return files.flatMap(({ path, text }) => {
    const lines = maskStrings(text).split('\n')
    const code = blankRenames(maskSource(text))
    return [...code.matchAll(/(?<![.#\w'"`])as\s+(?!const\b)[\w({['"`]/g)].flatMap((match) => {
      const line = lineOf(code, match.index)
      if (isExplained(lines, code.split('\n'), line - 1)) return []
      return [{ path, line, message: '`as` without a comment that says why it is true' }]
    })
  })
}

/** In `import { a as b }`, `export * as c` and `import * as d` nothing is cast. */
function blankRenames(code: string): string {
  const clause = /\b(?:import|export)\s+(?:type\s+)?(?:\w+\s*,\s*)?(?:\{[^}]*\}|\*\s*as\s+\w+)/g
  return code.replace(clause, (text) => text.replace(/[^\n]/g, ' '))
}

/** A line in the middle of a statement starts like this. */
const CONTINUES = /^\s*(?:[.)\]}?:|&+*]|as\b)/
/** A brace that opens a block of statements, and not an object, ends the search for a reason. */
const OPENS_BLOCK = /(?<!(?:\breturn|[=([,:?|&])\s*)\{\s*$/

/**
 * Looks upwards from a line to the head of its statement, through whatever brackets it is in, for a
 * comment that stands directly above.
 */
function isExplained(lines: readonly string[], code: readonly string[], index: number): boolean {
  if (/\/\/|\/\*/.test(lines[index] ?? '')) return true
  let head = index
  for (let at = index - 1; at >= 0; at--) {
    const line = lines[at] ?? ''
    if (line.trim() === '') return false
    const isComment = (code[at] ?? '').trim() === ''
    if (isComment && at + 1 === head) return true
    if (isComment || indentOf(line) > indentOf(lines[head] ?? '')) continue
    const isOutside = indentOf(line) < indentOf(lines[head] ?? '')
    if (isOutside && OPENS_BLOCK.test(code[at] ?? '')) return false
    if (isOutside || CONTINUES.test(code[head] ?? '')) head = at
  }
  return false
}

function indentOf(line: string): number {
  return line.length - line.trimStart().length
}
