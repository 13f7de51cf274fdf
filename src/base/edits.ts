// SPDX-License-Identifier: AGPL-3.0-or-later
/** How far what somebody wrote is from a word that exists. */

/** How many insertions, deletions or replacements turn one into the other (Levenshtein). */
export function countEdits(from: string, to: string): number {
  let previous = Array.from({ length: to.length + 1 }, (_, column) => column)
  for (const [row, letter] of [...from].entries()) {
    const current = [row + 1]
    for (let column = 1; column <= to.length; column++) {
      const inserted = (current[column - 1] ?? 0) + 1
      const deleted = (previous[column] ?? 0) + 1
      const replaced = (previous[column - 1] ?? 0) + (letter === to[column - 1] ? 0 : 1)
      current.push(Math.min(inserted, deleted, replaced))
    }
    previous = current
  }
  return previous[to.length] ?? 0
}
