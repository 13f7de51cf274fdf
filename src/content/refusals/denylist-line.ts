// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * One line of a compact deny list (https://specs.ipfs.tech/compact-denylist-format/, IPIP-383): the
 * rules in it, or what is wrong with it. Total, pure.
 */

import { RULE_LENGTH_MAX } from './limits.ts'
import {
  contentText,
  isKnownHash,
  KEY_BYTES,
  keyFrom,
  keyOfText,
  nameText,
  parseBareMultihash,
  parseMultihash,
  SHA2_256,
  tidyPath,
} from './names.ts'

export interface Rule {
  key: Uint8Array
  /** Undefined: what the key names, and nothing else. Otherwise: all paths below that begin so. */
  beginning: string | undefined
  /** What matches is let through (`!`). */
  isException: boolean
  /** The hash function of the key. */
  hashCode: number
}

export interface ReadLine {
  /** One; two when a double hash can be read in two ways. */
  rules: readonly Rule[]
  problem: string | undefined
}

const NOTHING: ReadLine = { rules: [], problem: undefined }

export function readLine(line: string): ReadLine {
  const text = line.trim()
  if (text === '' || text.startsWith('#')) return NOTHING
  const [first = '', ...hints] = text.split(/\s+/, HINTS_SEEN_MAX)
  if (first.length > RULE_LENGTH_MAX) return wrong('a rule is longer than any request')
  // `!` is the format's; `+` and `-` are what its first implementation wrote for the same.
  const isException = /^[!+-]/.test(first)
  const rule = isException ? first.slice(1) : first
  const read = readRule(rule, isException)
  return read.problem === undefined ? { ...read, problem: hintProblem(hints) } : read
}

/** Hints are read over, as the format allows; but a path with a space in it looks like one. */
const HINTS_SEEN_MAX = 16

function hintProblem(hints: readonly string[]): string | undefined {
  const comment = hints.findIndex((hint) => hint.startsWith('#'))
  const said = comment < 0 ? hints : hints.slice(0, comment)
  return said.every((hint) => /^[^=:]+[=:]/.test(hint))
    ? undefined
    : 'what follows the rule is no hint (a space in a path is written %20)'
}

function readRule(rule: string, isException: boolean): ReadLine {
  if (rule.startsWith('//')) return readDoubleHash(rule.slice(2), isException)
  const match = /^\/(ipfs|ipld|ipns)\/([^/]+)(\/.*)?$/.exec(rule)
  if (match === null) return wrong('a rule of a kind that is not known')
  const [, namespace, name = '', rest = ''] = match
  // The star before decoding: one that is written %2A is a star in a name.
  const isBeginning = rest.endsWith('*')
  const path = decodePath(isBeginning ? rest.replace(/\/?\*$/, '') : rest)
  if (path === undefined) return wrong('the path is not %-encoded as it should be')
  if (name.includes('*')) return wrong('a star can only stand at the end of a path')
  const beginning = isBeginning ? path : undefined
  const below = isBeginning ? '' : path
  if (namespace === 'ipns') {
    const key = keyOfText(nameText(name, below))
    return right({ key, beginning, isException, hashCode: SHA2_256 })
  }
  const multihash = parseMultihash(name)
  if (multihash === undefined) return wrong('this is not a content id (CID)')
  const key = keyOfText(contentText(multihash, below))
  return right({ key, beginning, isException, hashCode: SHA2_256 })
}

/** What could be either is taken as both, as the format asks. */
function readDoubleHash(text: string, isException: boolean): ReadLine {
  const rules: Rule[] = []
  if (/^[0-9a-f]{64}$/i.test(text)) {
    const key = keyFrom(Buffer.from(text, 'hex'))
    rules.push({ key, beginning: undefined, isException, hashCode: SHA2_256 })
  }
  const multihash = parseBareMultihash(text)
  if (multihash !== undefined && multihash.code !== 0 && multihash.digest.length >= KEY_BYTES) {
    if (isKnownHash(multihash.code)) {
      const key = keyFrom(multihash.digest)
      rules.push({ key, beginning: undefined, isException, hashCode: multihash.code })
    } else if (rules.length === 0) {
      return wrong('a double hash by a function that this node does not know')
    }
  }
  return rules.length > 0 ? right(...rules) : wrong('this is not a double hash')
}

function decodePath(text: string): string | undefined {
  try {
    return tidyPath(decodeURIComponent(text))
  } catch {
    // A percent sign without two digits: what was meant cannot be known.
    return undefined
  }
}

function right(...rules: Rule[]): ReadLine {
  return { rules, problem: undefined }
}

function wrong(problem: string): ReadLine {
  return { rules: [], problem }
}
