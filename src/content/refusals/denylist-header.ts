// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * The header of a deny list: the small part of YAML that such headers use, read by hand. Fields and
 * their values in one line; what is indented below a field belongs to it and is read over.
 */
import { tidyName } from '../item.ts'
import { LIST_NAME_LENGTH_MAX } from './limits.ts'

export interface DenyListHeader {
  /** As the list calls itself; may be empty. */
  name: string
}

/** The header, or what is wrong with the whole list. */
export function readHeader(lines: readonly string[]): DenyListHeader | { fault: string } {
  const fields = new Map<string, string>()
  for (const [index, raw] of lines.entries()) {
    const line = raw.trimEnd()
    if (line === '' || /^(?:\s|#|- )/.test(line)) continue
    const field = /^("?)([A-Za-z0-9_.-]+)\1\s*:(?:\s+(.*))?$/.exec(line)
    if (field === null) return { fault: `has a header that cannot be read (line ${index + 1})` }
    fields.set(field[2] ?? '', scalar(field[3] ?? ''))
  }
  const version = fields.get('version') ?? ''
  if (version !== '' && version !== '1') {
    return { fault: 'is of a version that this node does not know' }
  }
  return { name: tidyName(fields.get('name') ?? '').slice(0, LIST_NAME_LENGTH_MAX) }
}

/** Without its quotes, or without the comment behind it. */
function scalar(text: string): string {
  const quoted = /^(?:"((?:[^"\\]|\\.)*)"|'((?:[^']|'')*)')\s*(?:#.*)?$/.exec(text)
  if (quoted === null) return text.replace(/(?:^|\s+)#.*$/, '').trim()
  return quoted[1]?.replace(/\\(.)/g, '$1') ?? quoted[2]?.replaceAll("''", "'") ?? ''
}
