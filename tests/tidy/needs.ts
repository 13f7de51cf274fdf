// SPDX-License-Identifier: AGPL-3.0-or-later
/** Whatever a route or a protocol says that it needs is a command that the owner can grant. */
import { lineOf, maskSource, type SourceFile, type Violation } from './source.ts'

/** What says who may: routes, endpoints, questions, servers. */
const NEEDS = /\bneeds:\s*(['"`])(?<need>[^'"`]*)\1/g

/** @param isKnown Whether the table of commands has it. */
export function findUnknownNeeds(
  files: readonly SourceFile[],
  isKnown: (need: string) => boolean,
): Violation[] {
  return files.flatMap(({ path, text }) => {
    const code = maskSource(text)
    return [...text.matchAll(NEEDS)].flatMap((match) => {
      const need = match.groups?.['need'] ?? ''
      const isCode = code.startsWith('needs', match.index)
      if (!isCode || need === 'public' || isKnown(need)) return []
      const message = `needs ${need}, which is not in src/access/commands.ts: add it, with its words`
      return [{ path, line: lineOf(text, match.index), message }]
    })
  })
}
