// SPDX-License-Identifier: AGPL-3.0-or-later
import { CID } from 'multiformats/cid'
import { describe, expect, it } from 'vitest'
import {
  GLOB_CHARACTERS_MAX,
  POLICY_DEPTH_MAX,
  POLICY_STATEMENTS_MAX,
  SELECTOR_CHARACTERS_MAX,
  SELECTOR_SEGMENTS_MAX,
} from '../../src/access/limits.ts'
import { evaluatePolicies, parsePolicy } from '../../src/access/policy/policy.ts'
import { parseSelector, select } from '../../src/access/policy/selector.ts'
import type { Value, ValueMap } from '../../src/access/values.ts'

const mail = {
  from: 'alice@example.com',
  to: ['bob@example.com', 'carol@not.example.com', 'dan@example.com'],
  cc: [] as readonly Value[], // empty, but of values
  title: 'Meeting',
  bytes: Uint8Array.of(0xd6, 0xa9, 0xc1, 0x8c),
  'odd key': { '.': 1 },
}

function resolve(selector: string, args: Value = mail): Value | undefined | 'no selector' {
  const parsed = parseSelector(selector)
  return parsed === undefined ? 'no selector' : select(parsed, args)
}

function holds(policy: readonly Value[], args: ValueMap = mail): string {
  const parsed = parsePolicy(policy)
  return typeof parsed === 'string' ? parsed : evaluatePolicies([parsed], args)
}

describe('a selector', () => {
  it.each<[string, Value | undefined]>([
    ['.', mail],
    ['.?', mail],
    ['.title', 'Meeting'],
    ['.["title"]', 'Meeting'],
    ['["title"]', undefined],
    ['.["odd key"]["."]', 1],
    ['.to[1]', 'carol@not.example.com'],
    ['.to[-1]', 'dan@example.com'],
    ['.to[99]', undefined],
    ['.to[99]?', null],
    ['.to[99]???', null],
    ['.to[99].x?', undefined],
    ['.to[99]?.x', undefined],
    ['.to[1:]', ['carol@not.example.com', 'dan@example.com']],
    ['.to[:-2]', ['bob@example.com']],
    ['.to[0:-2]', ['bob@example.com']],
    ['.to[7:11]', []],
    ['.to[]', mail.to],
    ['.["odd key"][]', [1]],
    ['.title[]', undefined],
    ['.nothing', null],
    ['.nothing.more', undefined],
    ['.nothing.more?', null],
    ['.title.length', undefined],
    ['.to.length', undefined],
    ['.toString', null],
    ['.__proto__', null],
    ['.bytes[3]', 0x8c],
    ['.bytes[1:3]', Uint8Array.of(0xa9, 0xc1)],
  ])('%s', (selector, value) => {
    expect(resolve(selector)).toEqual(selector.startsWith('.') ? value : 'no selector')
  })

  it.each([
    '',
    'title',
    '..',
    '.a..b',
    '.a.',
    '.1',
    '.a b',
    '.[',
    '.[a]',
    '.[1',
    '.[:]',
    '.["a]',
    '.["\\x"]',
    '.a|.b',
    '.[1234567890]',
    '.a[1][?]',
  ])('%j is none', (text) => expect(parseSelector(text)).toBeUndefined())

  it('is so long and no longer', () => {
    expect(parseSelector(`.${'a'.repeat(SELECTOR_CHARACTERS_MAX - 1)}`)).toBeDefined()
    expect(parseSelector(`.${'a'.repeat(SELECTOR_CHARACTERS_MAX)}`)).toBeUndefined()
    expect(parseSelector('.a'.repeat(SELECTOR_SEGMENTS_MAX))).toBeDefined()
    expect(parseSelector('.a'.repeat(SELECTOR_SEGMENTS_MAX + 1))).toBeUndefined()
  })
})

describe('a policy', () => {
  const link = CID.parse('bafyreigyftnzjf4rcu7glp5kfop53vqlopc3zcldauoqdxqlz7t4343gr4')
  const args = {
    n: 5,
    text: 'five',
    list: [1, [2]],
    map: { a: 1, b: 2 },
    none: null,
    link,
    big: 2.5,
  }

  it.each<[string, Value]>([
    ['no statement', []],
    ['equal lists', [['==', '.list', [1, [2]]]]],
    ['maps in any order', [['==', '.map', { b: 2, a: 1 }]]],
    ['links', [['==', '.link', link]]],
    ['null', [['==', '.none', null]]],
    ['what is missing is null', [['==', '.missing', null]]],
    ['a fraction', [['>=', '.big', 2.5]]],
    ['unequal kinds', [['!=', '.n', '5']]],
    ['not', [['not', ['==', '.n', 6]]]],
    ['or of none', [['or', []]]],
    ['and of none', [['and', []]]],
    ['all of none', [['all', '.list[5:]', ['==', '.', 1]]]],
    ['all values of a map', [['all', '.map', ['<', '.', 3]]]],
    ['any value of a map', [['any', '.map', ['==', '.', 2]]]],
    ['a glob', [['like', '.text', 'f*e']]],
    ['a glob of nothing', [['like', '.text', '*five*']]],
  ])('holds: %s', (_what, policy) => expect(holds(listOf(policy), args)).toBe('holds'))

  it.each<[string, Value]>([
    ['a number that is text', [['==', '.n', '5']]],
    ['a shorter list', [['==', '.list', [1]]]],
    ['a map with less', [['==', '.map', { a: 1 }]]],
    ['a map with another key', [['==', '.map', { a: 1, c: 2 }]]],
    ['comparing text', [['<', '.text', 9]]],
    ['comparing null', [['<', '.none', 9]]],
    [
      'one of two',
      [
        ['==', '.n', 5],
        ['==', '.n', 6],
      ],
    ],
    ['any of none', [['any', '.list[5:]', ['==', '.', 1]]]],
    ['any of what is no collection', [['any', '.n', ['==', '.', 5]]]],
    ['all of what is no collection', [['all', '.n', ['==', '.', 5]]]],
    ['all of what is not there', [['all', '.missing', ['==', '.', 5]]]],
    ['what is not there, equal', [['==', '.n.deeper', 1]]],
    // Who leaves out what a condition is about does not fulfil it.
    ['what is not there, unequal', [['!=', '.n.deeper', 1]]],
    ['a glob on a number', [['like', '.n', '*']]],
    ['a glob that is longer', [['like', '.text', 'five?']]],
    ['a glob in another case', [['like', '.text', 'FIVE']]],
    ['an escaped star', [['like', '.text', '\\*']]],
    ['nothing for one', [['like', '.text', '']]],
  ])('fails: %s', (_what, policy) => expect(holds(listOf(policy), args)).toBe('fails'))

  it.each<[string, Value]>([
    ['text', 'yes'],
    ['a statement that is no list', ['yes']],
    ['an unknown operator', [['=~', '.a', 'x']]],
    ['a statement too short', [['==', '.a']]],
    ['a statement too long', [['==', '.a', 1, 2]]],
    ['a connective too long', [['not', ['==', '.a', 1], 1]]],
    ['or without a list', [['or', 1]]],
    ['not without a statement', [['not', 1]]],
    ['a wrong selector', [['==', 'a', 1]]],
    ['a selector that is no text', [['==', 1, 1]]],
    ['comparing with text', [['<', '.a', 'b']]],
    ['a glob that is no text', [['like', '.a', 1]]],
    ['a glob that is too long', [['like', '.a', '*'.repeat(GLOB_CHARACTERS_MAX + 1)]]],
    ['all without a statement', [['all', '.a', 1]]],
  ])('cannot be read: %s', (_what, policy) => expect(parsePolicy(policy)).toMatch(/^the policy: /))

  it('nests so deep and no deeper', () => {
    const nested = (depth: number): Value =>
      depth === 1 ? ['==', '.n', 5] : ['not', nested(depth - 1)]
    expect(parsePolicy([nested(POLICY_DEPTH_MAX)])).toHaveLength(1)
    expect(parsePolicy([nested(POLICY_DEPTH_MAX + 1)])).toBe('the policy: it nests too deep')
  })

  it('has so many statements and no more', () => {
    const some = (count: number): Value[] => Array.from({ length: count }, () => ['==', '.n', 5])
    expect(parsePolicy(some(POLICY_STATEMENTS_MAX))).toHaveLength(POLICY_STATEMENTS_MAX)
    expect(parsePolicy([['or', some(POLICY_STATEMENTS_MAX)]])).toBe(
      'the policy: it has too many statements',
    )
  })

  it('is given up when it takes too many steps, also under a not', () => {
    const glob = `*${'a'.repeat(100)}b`
    const like: Value = ['like', '.text', glob]
    const long = { text: 'a'.repeat(5_000) }
    expect(holds([like], long)).toBe('too-costly')
    expect(holds([['not', like]], long)).toBe('too-costly')
    expect(holds([['or', [like, ['==', '.none', null]]]], long)).toBe('too-costly')
  })

  it('shares its steps with the other policies of the chain', () => {
    const policy = parsePolicy([['==', '.n', 5]])
    if (typeof policy === 'string') throw new Error(policy)
    expect(evaluatePolicies([policy], args, 3)).toBe('holds')
    expect(evaluatePolicies([policy, policy], args, 3)).toBe('too-costly')
  })
})

function listOf(value: Value): readonly Value[] {
  if (Array.isArray(value)) return value
  throw new Error('a policy is a list')
}
