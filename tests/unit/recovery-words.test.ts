// SPDX-License-Identifier: AGPL-3.0-or-later
/** The key as 24 words: published vectors, tolerance for how people write, and every way to err. */
import { createHash, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { wordlist } from '@scure/bip39/wordlists/english.js'
import { describe, expect, it } from 'vitest'
import type { Problem } from '../../src/base/base.ts'
import { identityOfSeed } from '../../src/identity/node-identity.ts'
import { identityOfWords, readWords, seedOf, wordsOf } from '../../src/identity/recovery-words.ts'

const VECTORS: readonly { entropy: string; words: string }[] = JSON.parse(
  readFileSync(new URL('../fixtures/bip39/vectors-24.json', import.meta.url), 'utf8'),
)
const GOOD = VECTORS[5]?.words ?? ''

function hexOf(text: string): string {
  const result = seedOf(text)
  return 'problems' in result ? JSON.stringify(result) : Buffer.from(result.seed).toString('hex')
}

function problemsOf(text: string): readonly Problem[] {
  const result = seedOf(text)
  return 'problems' in result ? result.problems : []
}

function changed(change: (words: string[]) => void): string {
  const words = GOOD.split(' ')
  change(words)
  return words.join(' ')
}

describe('the published vectors', () => {
  it.each(VECTORS)('$entropy', ({ entropy, words }) => {
    const seed = Uint8Array.from(Buffer.from(entropy, 'hex'))
    expect(wordsOf({ seed: () => seed }).join(' ')).toBe(words)
    expect(hexOf(words)).toBe(entropy)
  })

  it('are the key itself: nothing is derived', () => {
    const { entropy = '', words = '' } = VECTORS[7] ?? {}
    const result = identityOfWords(words)
    const expected = identityOfSeed(Buffer.from(entropy, 'hex'))
    expect(result).toMatchObject({ identity: { peerId: expected.peerId, did: expected.did } })
  })
})

describe('every seed', () => {
  const start = process.env['SEED'] ?? randomBytes(8).toString('hex')

  it(`survives words and back (SEED=${start})`, () => {
    for (let index = 0; index < 500; index++) {
      const seed = createHash('sha256').update(`${start} ${index}`).digest()
      const words = wordsOf(identityOfSeed(seed))
      expect(words).toHaveLength(24)
      expect(hexOf(words.join(' '))).toBe(seed.toString('hex'))
      expect(hexOf(words.map((word) => word.slice(0, 4)).join('\n'))).toBe(seed.toString('hex'))
    }
  })
})

describe('however it was written down', () => {
  const hex = VECTORS[5]?.entropy
  const words = GOOD.split(' ')

  it.each<[string, string]>([
    ['capitals', GOOD.toUpperCase()],
    ['spaces and lines', ` \t${words.join(' \r\n  ')}\n\n`],
    ['numbers and dots', words.map((word, at) => `${at + 1}. ${word}`).join('\n')],
    ['numbers glued on', words.map((word, at) => `${at + 1}.${word}`).join(' ')],
    ['numbers and brackets', words.map((word, at) => `(${at + 1}) ${word}`).join(' ')],
    [
      'numbers alone',
      words.map((word, at) => `${String(at + 1).padStart(2, '0')}${word}`).join(' '),
    ],
    ['commas and quotes', words.map((word) => `"${word}"`).join(', ')],
    ['full-width letters', GOOD.replace(/[a-z]/g, (letter) => wide(letter))],
    ['marks that nobody sees', `\ufeff${words.join('\u200b ')}`.replace('tomato', 'toma\u00adto')],
    ['accents by a keyboard', GOOD.replace('perfect', 'pérfect').replace('fine', 'fíne')],
    ['no-break spaces', words.join('\u00a0')],
    ['first letters only', words.map((word) => word.slice(0, 4)).join(' ')],
  ])('%s', (_name, text) => {
    expect(hexOf(text)).toBe(hex)
  })

  function wide(letter: string): string {
    return String.fromCodePoint((letter.codePointAt(0) ?? 0) + 0xfee0)
  }
})

describe('what is wrong', () => {
  it('an unknown word: its place, and the nearest that exist', () => {
    const text = changed((words) => words.splice(6, 1, 'vilin'))
    expect(problemsOf(text)).toEqual([
      {
        path: 'word 7',
        message: '"vilin" is not a recovery word.',
        suggestion: expect.stringContaining('violin'),
      },
    ])
  })

  it('all unknown words at once, and the count as well', () => {
    const text = changed((words) => words.splice(0, 3, 'disagre', 'xqzjkvwp'))
    expect(problemsOf(text)).toEqual([
      expect.objectContaining({ path: '', message: expect.stringContaining('23 words') }),
      expect.objectContaining({ path: 'word 1', suggestion: 'Did you mean disagree?' }),
      { path: 'word 2', message: '"xqzjkvwp" is not a recovery word.' },
    ])
  })

  it.each([
    ['', 'There are no words.'],
    ['  1. 2. \n', 'There are no words.'],
    ['zoo', 'There is 1 word; recovery words are 24.'],
    [`${GOOD} zoo`, 'There are 25 words; recovery words are 24.'],
    [GOOD.split(' ').slice(0, 12).join(' '), 'There are 12 words; recovery words are 24.'],
  ])('%j', (text, message) => {
    expect(problemsOf(text)[0]).toMatchObject({ path: '', message })
  })

  it('two words that changed places, or another word that exists: the checksum', () => {
    const swapped = changed((words) => {
      words.splice(3, 2, words[4] ?? '', words[3] ?? '')
    })
    const other = changed((words) => words.splice(9, 1, 'zoo'))
    for (const text of [swapped, other]) {
      expect(problemsOf(text)).toEqual([
        expect.objectContaining({ path: '', suggestion: expect.stringContaining('one by one') }),
      ])
    }
  })

  it('finds nearly every change of a single word: 255 of 256 by the checksum', () => {
    const found = wordlist.filter(
      (word) => 'problems' in seedOf(changed((w) => w.splice(0, 1, word))),
    )
    expect(found.length).toBeGreaterThan(2048 - 20)
    expect(found.length).toBeLessThan(2048)
  })

  it('never throws and never takes long, whatever it is given', () => {
    for (const text of [
      'x'.repeat(1_000_000),
      '\0',
      '\ud800',
      `${'a '.repeat(2_000)}`,
      '🙂 '.repeat(24),
    ]) {
      expect(problemsOf(text).length).toBeGreaterThan(0)
    }
    expect(problemsOf('é'.repeat(100))[0]?.message.length).toBeLessThan(80)
  })

  it('does not say the words that are right', () => {
    const said = JSON.stringify(problemsOf(changed((words) => words.splice(6, 1, 'xqzjkvwp'))))
    for (const word of GOOD.split(' ').filter((one) => one.length > 5))
      expect(said).not.toContain(word)
  })
})

describe('words typed bit by bit', () => {
  it('are counted, and a slip has its place', () => {
    expect(readWords('1. disagree TOMATO')).toEqual({ words: ['disagree', 'tomato'], problems: [] })
    expect(readWords('disagree tomatoo').problems[0]?.path).toBe('word 2')
  })
})
