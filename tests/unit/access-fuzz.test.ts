// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Parsers of the access room, fed with what nobody would write: whatever comes, they answer. Seeded, so
 * a failure replays: its number is the seed. `ACCESS_FUZZ_RUNS` in the environment runs more.
 */
import { encode } from '@ipld/dag-cbor'
import { describe, expect, it } from 'vitest'
import { decodeMessage, issueNotice, judgeNotice, TokenReader } from '../../src/access/access.ts'
import { evaluatePolicies, parsePolicy } from '../../src/access/policy/policy.ts'
import { parseSelector, select } from '../../src/access/policy/selector.ts'
import { decodeValue, findNonCanonical, peerIdOfDid } from '../../src/access/tokens/tokens.ts'
import type { Value } from '../../src/access/values.ts'
import { type Random, randomBelow, SeededRandom } from '../../src/base/base.ts'
import { ana, bela, grant, grantBytes, node, requestBytes } from './access-support.ts'

const RUNS = Number(process.env['ACCESS_FUZZ_RUNS'] ?? 4_000)
/** Runs in one test, so that the seed of a failure is near. */
const RUNS_PER_TEST = RUNS / 10
const batches = Array.from({ length: 10 }, (_, batch) => batch * RUNS_PER_TEST)

const path = [grant(node, ana), grant(ana, bela, { policy: [['like', '.name', 'a*']] })]
const SAMPLES = [
  grantBytes(node, ana),
  grantBytes(node, ana, { policy: [['all', '.a[0:2]?', ['not', ['==', '.b', { c: [1, 2.5] }]]]] }),
  requestBytes(ana, path, { args: { name: 'abc', n: [1, null, true] } }),
  issueNotice(ana, path, Uint8Array.of(1)),
]

/** One of the samples, with bytes changed, cut out, put in or doubled. */
function mutated(random: Random): Uint8Array {
  let bytes = [...(SAMPLES[randomBelow(random, SAMPLES.length)] ?? [])]
  for (let left = 1 + randomBelow(random, 4); left > 0; left--) {
    const at = randomBelow(random, bytes.length + 1)
    const length = randomBelow(random, 12)
    const kind = randomBelow(random, 5)
    if (kind === 0) bytes[at] = randomBelow(random, 256)
    else if (kind === 1) bytes[at] = (bytes[at] ?? 0) ^ (1 << randomBelow(random, 8))
    else if (kind === 2) bytes.splice(at, length)
    else if (kind === 3) bytes.splice(at, 0, ...random.bytes(length))
    else bytes = [...bytes.slice(0, at), ...bytes.slice(Math.max(0, at - length))]
  }
  return Uint8Array.from(bytes)
}

const SELECTORS = ['.', '.a', '.b', '.c[0]', '.a[]', '.c[0:2]?', '.["b"]?', 'a', '..']
const GLOBS = ['*', 'a*', '\\*', '*b*', '']

function pick<T>(random: Random, from: readonly [T, ...T[]] | readonly T[]): T {
  const picked = from[randomBelow(random, from.length)]
  if (picked === undefined) throw new Error('there is nothing to pick from')
  return picked
}

/** Any value; maps have the keys that the selectors name. */
function madeUp(random: Random, depth: number): Value {
  const kind = randomBelow(random, depth > 0 ? 7 : 5)
  if (kind === 0) return pick(random, ['a', 'abc', 'b', '*', ''])
  if (kind === 1) return randomBelow(random, 100) / 4 - 5
  if (kind === 2) return null
  if (kind === 3) return true
  if (kind === 4) return random.bytes(randomBelow(random, 4))
  const parts = Array.from({ length: randomBelow(random, 4) }, () => madeUp(random, depth - 1))
  if (kind === 5) return parts
  return Object.fromEntries(
    parts.map((part, at) => [pick(random, ['a', 'b', 'c']) + '_'.repeat(at), part]),
  )
}

/** A statement, right for the most part. */
function statement(random: Random, depth: number): Value {
  if (randomBelow(random, 40) === 0) return madeUp(random, 2)
  const kind = randomBelow(random, depth > 0 ? 6 : 3)
  const selector = pick(random, SELECTORS)
  if (kind === 0) return [pick(random, ['==', '!=']), selector, madeUp(random, 2)]
  if (kind === 1) return [pick(random, ['<', '<=', '>', '>=']), selector, randomBelow(random, 9)]
  if (kind === 2) return ['like', selector, pick(random, GLOBS)]
  if (kind === 3) return ['not', statement(random, depth - 1)]
  if (kind === 4) return [pick(random, ['all', 'any']), selector, statement(random, depth - 1)]
  const parts = Array.from({ length: randomBelow(random, 4) }, () => statement(random, depth - 1))
  return [pick(random, ['and', 'or']), parts]
}

/** Seeds of the batch for which `isWrong`; one assertion for all of them. */
function wrongSeeds(first: number, isWrong: (random: Random) => boolean): readonly number[] {
  return Array.from({ length: RUNS_PER_TEST }, (_, at) => first + at).filter((seed) => {
    return isWrong(new SeededRandom(seed))
  })
}

describe('whatever comes', () => {
  it.each(batches)('only what was not changed is taken (seeds from %i)', (first) => {
    const reader = new TokenReader()
    const wrong = wrongSeeds(first, (random) => {
      const bytes = mutated(random)
      const isSample = SAMPLES.some((sample) => Buffer.compare(sample, bytes) === 0)
      const isTaken =
        reader.readDelegation(bytes).ok ||
        reader.readInvocation(bytes).ok ||
        judgeNotice(bytes, reader).ok
      decodeMessage(bytes)
      return isTaken !== isSample
    })
    expect(wrong).toEqual([])
  })

  it.each(batches)(
    'what passes as canonical is written the same again (seeds from %i)',
    (first) => {
      let count = 0
      const wrong = wrongSeeds(first, (random) => {
        const bytes = encode(madeUp(random, 3))
        if (findNonCanonical(bytes) !== undefined) return true
        const changed = Uint8Array.from(bytes)
        changed[randomBelow(random, changed.length)] = randomBelow(random, 256)
        const decoded = findNonCanonical(changed) === undefined ? decodeValue(changed) : undefined
        // JavaScript cannot tell 1.0 from 1, and writes the shorter: floats are left out here.
        if (decoded === undefined || changed.includes(0xfb)) return false
        count += 1
        return Buffer.compare(encode(decoded), changed) !== 0
      })
      expect(wrong).toEqual([])
      expect(count).toBeGreaterThan(RUNS_PER_TEST / 10)
    },
  )

  it.each(batches)(
    'a policy is read or refused, and answers in bounds (seeds from %i)',
    (first) => {
      const answers = new Map<string, number>()
      const wrong = wrongSeeds(first, (random) => {
        const policy = parsePolicy([statement(random, 4)])
        const args = { a: madeUp(random, 3), b: madeUp(random, 3), c: madeUp(random, 3) }
        const answer = typeof policy === 'string' ? 'unread' : evaluatePolicies([policy], args, 6)
        answers.set(answer, (answers.get(answer) ?? 0) + 1)
        return false
      })
      expect(wrong).toEqual([])
      // All of it happens: else the policies that are made up here are too simple.
      expect([...answers.keys()].sort()).toEqual(['fails', 'holds', 'too-costly', 'unread'])
    },
  )

  it.each(batches)(
    'a selector is read or refused, and selects or does not (seeds from %i)',
    (first) => {
      const signs = '.[]?:-0123456789"\\abz_ '
      let count = 0
      const wrong = wrongSeeds(first, (random) => {
        const length = randomBelow(random, 12)
        const text = Array.from({ length }, () => pick(random, [...signs])).join('')
        const selector = parseSelector(`.${text}`)
        if (selector !== undefined) select(selector, madeUp(random, 3))
        count += selector === undefined ? 0 : 1
        return peerIdOfDid(`did:key:z${text}`) !== undefined
      })
      expect(wrong).toEqual([])
      expect(count).toBeGreaterThan(0)
    },
  )
})
