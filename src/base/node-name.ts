// SPDX-License-Identifier: AGPL-3.0-or-later
/** What a node may call itself. Shown to people beside its id, which alone proves anything. */

/** Characters of the name that a node gives itself: fits a line on a phone. */
export const NODE_NAME_LENGTH_MAX = 40

/**
 * Nothing that a name needs: control and format characters (which turn text around or hide in it),
 * halves of characters, private and unassigned ones, and separators of lines.
 */
const UNWANTED = /[\p{C}\p{Zl}\p{Zp}]/u

/** Trimmed, of at most {@link NODE_NAME_LENGTH_MAX} characters, all of them visible; or empty. */
export function isNodeName(text: string): boolean {
  // By UTF-16 first, so that a long text is not taken apart: no character has more than two.
  if (text.length > 2 * NODE_NAME_LENGTH_MAX || text.trim() !== text) return false
  return [...text].length <= NODE_NAME_LENGTH_MAX && !UNWANTED.test(text)
}
