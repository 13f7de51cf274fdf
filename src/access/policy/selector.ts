// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Selectors, `.to[0].name?`: which part of the arguments a statement is about. The subset of jq that
 * UCAN 1.0 names, and nothing else of jq.
 */
import { SELECTOR_CHARACTERS_MAX, SELECTOR_SEGMENTS_MAX } from '../limits.ts'
import { isList, isMap, type Value, valueAt } from '../values.ts'

type Step =
  | { kind: 'identity' }
  | { kind: 'field'; name: string }
  | { kind: 'values' }
  | { kind: 'index'; index: number }
  | { kind: 'slice'; from: number | undefined; to: number | undefined }

interface Segment {
  readonly step: Step
  /** With `?` behind it: what cannot be found is `null`. */
  readonly isOptional: boolean
}

/** From the outermost in; none: all of the arguments. */
export type Selector = readonly Segment[]

/** One of: a quoted key, an index, a slice, all values. Digits bounded, so that numbers are exact. */
const BRACKET =
  /^\[(?:(?<key>"(?:[^"\\]|\\.)*")|(?<index>-?\d{1,9})|(?<slice>(?<from>-?\d{1,9})?:(?<to>-?\d{1,9})?)|)\]/
const FIELD = /^\.(?<name>[A-Za-z_][A-Za-z0-9_]*)/
const OPTIONAL = /^\?+/

/** Undefined for what is no selector. */
export function parseSelector(text: string): Selector | undefined {
  if (text.length > SELECTOR_CHARACTERS_MAX || !text.startsWith('.')) return undefined
  const segments: Segment[] = []
  // A dot before a bracket is only the beginning; after a name it stands for itself.
  let rest = text
  if (/^\.(?:$|[[?])/.test(rest)) {
    rest = rest.slice(1)
    const optional = OPTIONAL.exec(rest)?.[0] ?? ''
    if (optional !== '') segments.push({ step: { kind: 'identity' }, isOptional: true })
    rest = rest.slice(optional.length)
  }
  while (rest !== '') {
    const match = FIELD.exec(rest) ?? BRACKET.exec(rest)
    const step = match === null ? undefined : stepOf(match)
    if (match === null || step === undefined) return undefined
    rest = rest.slice(match[0].length)
    const optional = OPTIONAL.exec(rest)?.[0] ?? ''
    rest = rest.slice(optional.length)
    segments.push({ step, isOptional: optional !== '' })
    if (segments.length > SELECTOR_SEGMENTS_MAX) return undefined
  }
  return segments
}

function stepOf({ groups = {} }: RegExpExecArray): Step | undefined {
  const { name, key, index, slice, from, to } = groups
  if (name !== undefined) return { kind: 'field', name }
  if (index !== undefined) return { kind: 'index', index: Number(index) }
  if (slice !== undefined) {
    if (from === undefined && to === undefined) return undefined
    return { kind: 'slice', from: numberOf(from), to: numberOf(to) }
  }
  if (key === undefined) return { kind: 'values' }
  const text = parseText(key)
  return text === undefined ? undefined : { kind: 'field', name: text }
}

function numberOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text)
}

function parseText(quoted: string): string | undefined {
  try {
    const value: unknown = JSON.parse(quoted)
    return typeof value === 'string' ? value : undefined
  } catch {
    // An escape that JSON does not have.
    return undefined
  }
}

/** Undefined where there is nothing to select from; a key that a map does not have gives `null`. */
export function select(selector: Selector, value: Value): Value | undefined {
  let current: Value = value
  for (const { step, isOptional } of selector) {
    const next = take(step, current)
    if (next === undefined && !isOptional) return undefined
    current = next ?? null
  }
  return current
}

function take(step: Step, value: Value): Value | undefined {
  switch (step.kind) {
    case 'identity':
      return value
    case 'field':
      return isMap(value) ? (valueAt(value, step.name) ?? null) : undefined
    case 'values':
      return isList(value) ? value : isMap(value) ? Object.values(value) : undefined
    case 'index':
      return isList(value) || value instanceof Uint8Array ? value.at(step.index) : undefined
    case 'slice':
      if (value instanceof Uint8Array) return value.slice(step.from, step.to)
      return isList(value) ? value.slice(step.from, step.to) : undefined
  }
}
