// SPDX-License-Identifier: AGPL-3.0-or-later
/** What is wrong with a configuration, in plain words and with what was probably meant. */
import type { z } from 'zod'
import { countEdits, type Problem } from '../base/base.ts'
import { CONFIG_VALUE_SHOWN_CHARACTERS_MAX, SUGGESTION_EDITS_MAX } from './limits.ts'

type JsonSchema = z.core.JSONSchema.BaseSchema
type Issue = z.core.$ZodIssue

/** Every problem that the schema found, in the order of the schema. */
export function describeIssues(
  issues: readonly Issue[],
  document: unknown,
  schema: JsonSchema,
): Problem[] {
  return issues.flatMap((issue): Problem[] => {
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => unknownKey(key, { path: issue.path, document, schema }))
    }
    return [{ path: formatPath(issue.path), ...describeIssue(issue, document) }]
  })
}

/** The value at a path of keys, or undefined. */
export function valueAt(document: unknown, path: readonly PropertyKey[]): unknown {
  let value = document
  for (const key of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined
    value = Reflect.get(value, key)
  }
  return value
}

/** The one of `candidates` that `word` was probably meant to be. */
export function nearestWord(word: string, candidates: readonly string[]): string | undefined {
  const written = word.toLowerCase()
  const ranked = candidates
    .map((candidate) => ({ candidate, edits: countEdits(written, candidate) }))
    .filter(({ candidate, edits }) => {
      const isExtended = written.startsWith(candidate) || candidate.startsWith(written)
      const isSlip = edits <= Math.min(SUGGESTION_EDITS_MAX, Math.ceil(candidate.length / 3))
      return isSlip || (isExtended && Math.min(written.length, candidate.length) > 1)
    })
    .sort((one, other) => one.edits - other.edits)
  return ranked[0]?.candidate
}

/** `['network', 'interface', 0, 'name']` → `network.interface[0].name`. */
function formatPath(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, key) => {
    if (typeof key === 'number') return `${text}[${key}]`
    return text === '' ? String(key) : `${text}.${String(key)}`
  }, '')
}

function describeIssue(issue: Issue, document: unknown): Omit<Problem, 'path'> {
  const value = valueAt(document, issue.path)
  switch (issue.code) {
    case 'invalid_type':
      return describeType(issue.expected, value)
    case 'too_small':
    case 'too_big':
      return { message: describeRange(issue, value) }
    case 'invalid_value': {
      const words = issue.values.map(String)
      const nearest = typeof value === 'string' ? nearestWord(value, words) : undefined
      const message = `should be one of ${words.join(', ')}, but is ${show(value)}.`
      return nearest === undefined
        ? { message }
        : { message, suggestion: `Did you mean "${nearest}"?` }
    }
    default:
      // What the rooms' own checks say; they are written to follow the name of the setting.
      return { message: `${issue.message}, but is ${show(value)}.` }
  }
}

function describeType(expected: string, value: unknown): Omit<Problem, 'path'> {
  const wanted = TYPE_WORDS[expected] ?? expected
  if (value === undefined) return { message: `is missing; it should be ${wanted}.` }
  const message = `should be ${wanted}, but is ${show(value)}.`
  const isQuoted = typeof value === 'string' && /^(\d+|true|false)$/.test(value)
  const isPlain = ['number', 'int', 'boolean'].includes(expected)
  if (isQuoted && isPlain) return { message, suggestion: `Leave out the quotes: ${value}` }
  if (expected !== 'array') return { message }
  const brackets = isTable(value)
    ? 'Write its heading in double brackets: [[ … ]]'
    : 'Write it as [ … ]'
  return { message, suggestion: brackets }
}

const TYPE_WORDS: Readonly<Record<string, string>> = {
  number: 'a whole number',
  int: 'a whole number',
  string: 'text in quotes',
  boolean: 'true or false',
  array: 'a list',
  object: 'a section',
}

type RangeIssue = Extract<Issue, { code: 'too_small' | 'too_big' }>

function describeRange(issue: RangeIssue, value: unknown): string {
  const limit =
    issue.code === 'too_small' ? `at least ${issue.minimum}` : `at most ${issue.maximum}`
  if (issue.origin === 'array') return `should have ${limit} entries.`
  return `should be ${limit}, but is ${show(value)}.`
}

function unknownKey(
  key: string,
  where: { path: readonly PropertyKey[]; document: unknown; schema: JsonSchema },
): Problem {
  const { path, document, schema } = where
  const full = [...path, key]
  const isSection = isTable(valueAt(document, full))
  const message = `there is no such ${isSection ? 'section' : 'setting'}.`
  const meant = nearestBeside(key, path, schema)
  if (!isSection) meant.push(...nearestElsewhere(key, path, schema))
  if (meant.length === 0) return { path: formatPath(full), message }
  return { path: formatPath(full), message, suggestion: `Did you mean ${meant.join(' or ')}?` }
}

/** What exists at the same place under nearly the same name. */
function nearestBeside(key: string, path: readonly PropertyKey[], schema: JsonSchema): string[] {
  const nearest = nearestWord(key, Object.keys(schemaAt(schema, path)?.properties ?? {}))
  return nearest === undefined ? [] : [formatPath([...path, nearest])]
}

/** Settings of that name in other sections: a heading was forgotten or misplaced. */
function nearestElsewhere(key: string, path: readonly PropertyKey[], schema: JsonSchema): string[] {
  const known = Object.entries(schema.properties ?? {}).flatMap(([section, node]) =>
    Object.keys(asSchema(node)?.properties ?? {}).map((name) => ({ section, name })),
  )
  const exact = known.filter(({ name }) => name === key)
  // Outside of any section even a slip is likely to be one of theirs.
  const isOutside = exact.length === 0 && path.length === 0
  const slip = isOutside
    ? nearestWord(
        key,
        known.map(({ name }) => name),
      )
    : undefined
  const meant = exact.length > 0 ? exact : known.filter(({ name }) => name === slip)
  return meant.map(({ section, name }) => `${section}.${name}`)
}

function isTable(value: unknown): boolean {
  return typeof value === 'object' && value !== null
}

function schemaAt(schema: JsonSchema, path: readonly PropertyKey[]): JsonSchema | undefined {
  return path.reduce<JsonSchema | undefined>((within, key) => {
    const next = typeof key === 'number' ? within?.items : within?.properties?.[String(key)]
    return asSchema(next)
  }, schema)
}

/** JSON Schema also knows `true`, `false` and lists of schemas; ours has none of those. */
export function asSchema(node: unknown): JsonSchema | undefined {
  // Only ever given the parts of a schema that zod made, of which all objects are schemas.
  return typeof node === 'object' && node !== null ? (node as JsonSchema) : undefined
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing'
  const limit = CONFIG_VALUE_SHOWN_CHARACTERS_MAX
  return text.length <= limit ? text : `${text.slice(0, limit)}…`
}
