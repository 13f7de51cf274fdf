// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * The node's key as 24 English words (BIP39). The words are the key itself and nothing is derived
 * from them: 24 words are exactly 32 bytes and a checksum, and 32 bytes are exactly an Ed25519
 * seed. So there is no BIP39 passphrase and no path; what a wallet would make of the same words is
 * another key (docs/adr/0014).
 */
import { entropyToMnemonic, mnemonicToEntropy } from '@scure/bip39'
import { wordlist } from '@scure/bip39/wordlists/english.js'
import { countEdits, type Problem } from '../base/base.ts'
import {
  WORD_EDITS_MAX,
  WORD_SHOWN_CHARACTERS_MAX,
  WORD_SUGGESTIONS_MAX,
  WORDS_READ_MAX,
  WORDS_TEXT_CHARACTERS_MAX,
} from './limits.ts'
import { identityOfSeed, type NodeIdentity } from './node-identity.ts'

export const WORDS_COUNT = 24

/** In this list the first four letters tell a word from all others; metal plates hold no more. */
const ABBREVIATION_LETTERS = 4
const WORDS: ReadonlySet<string> = new Set(wordlist)
const WORD_BY_ABBREVIATION: ReadonlyMap<string, string> = new Map(
  wordlist.map((word) => [word.slice(0, ABBREVIATION_LETTERS), word]),
)

/** The recovery words of a node. As secret as the key: they are the key. */
export function wordsOf(identity: Pick<NodeIdentity, 'seed'>): readonly string[] {
  return entropyToMnemonic(identity.seed(), wordlist).split(' ')
}

/** Total: any text becomes the seed that it stands for, or all that is wrong with it. */
export function seedOf(text: string): { seed: Uint8Array } | { problems: readonly Problem[] } {
  const { words, problems } = readWords(text)
  const count = words.length + problems.length
  const isReadable = problems.every(({ path }) => path !== '')
  if (isReadable && count !== WORDS_COUNT) return { problems: [wrongCount(count), ...problems] }
  if (problems.length > 0) return { problems }
  try {
    return { seed: mnemonicToEntropy(words.join(' '), wordlist) }
  } catch {
    // The count is right and all words exist; what is left is the checksum.
    return { problems: [CHECKSUM_PROBLEM] }
  }
}

/** The identity that recovery words stand for, or all that is wrong with them. */
export function identityOfWords(
  text: string,
): { identity: NodeIdentity } | { problems: readonly Problem[] } {
  const result = seedOf(text)
  return 'problems' in result ? result : { identity: identityOfSeed(result.seed) }
}

/**
 * The words that a text holds, however they were written down: capitals, numbers in front, several
 * on a line, first four letters only. A problem's path is the place of the word, `word 7`;
 * without a path it is about the whole.
 */
export function readWords(text: string): { words: readonly string[]; problems: Problem[] } {
  if (text.length > WORDS_TEXT_CHARACTERS_MAX) {
    return { words: [], problems: [{ path: '', message: 'The text is too long for 24 words.' }] }
  }
  const tokens = splitWords(text)
  if (tokens.length > WORDS_READ_MAX) return { words: [], problems: [wrongCount(tokens.length)] }
  const words: string[] = []
  const problems: Problem[] = []
  for (const [index, token] of tokens.entries()) {
    const word = WORDS.has(token) ? token : fromAbbreviation(token)
    if (word === undefined) problems.push(unknownWord(token, index + 1))
    else words.push(word)
  }
  return { words, problems }
}

const CHECKSUM_PROBLEM: Problem = {
  path: '',
  message: 'Each of these words exists, but together they are not the recovery words of any node.',
  suggestion:
    'One is probably another word than was written down, or two have changed places: ' +
    'compare them one by one.',
}

function wrongCount(count: number): Problem {
  if (count === 0) return { path: '', message: 'There are no words.' }
  const message =
    count === 1
      ? `There is 1 word; recovery words are ${WORDS_COUNT}.`
      : `There are ${count} words; recovery words are ${WORDS_COUNT}.`
  const suggestion =
    count < WORDS_COUNT ? 'Is one left out, or a line?' : 'Is one there twice, or another text?'
  return { path: '', message, suggestion }
}

/** Letters as they were meant: full-width or accented forms, capitals and invisible marks go. */
function splitWords(text: string): string[] {
  return text
    .normalize('NFKD')
    .replace(/[\p{M}\p{Cf}]/gu, '')
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .map((token) => token.replace(/^\p{N}+/u, ''))
    .filter((token) => token !== '')
}

function fromAbbreviation(token: string): string | undefined {
  return token.length === ABBREVIATION_LETTERS ? WORD_BY_ABBREVIATION.get(token) : undefined
}

function unknownWord(token: string, place: number): Problem {
  const shown =
    token.length <= WORD_SHOWN_CHARACTERS_MAX
      ? token
      : `${token.slice(0, WORD_SHOWN_CHARACTERS_MAX)}…`
  const problem = { path: `word ${place}`, message: `"${shown}" is not a recovery word.` }
  const near = nearestWords(token.slice(0, WORD_SHOWN_CHARACTERS_MAX))
  return near.length === 0
    ? problem
    : { ...problem, suggestion: `Did you mean ${near.join(', or ')}?` }
}

function nearestWords(token: string): string[] {
  return wordlist
    .map((word) => ({ word, edits: countEdits(token, word) }))
    .filter(({ edits }) => edits <= WORD_EDITS_MAX)
    .sort((one, other) => rank(token, one) - rank(token, other))
    .slice(0, WORD_SUGGESTIONS_MAX)
    .map(({ word }) => word)
}

/** The first letter is seldom the wrong one. */
function rank(token: string, { word, edits }: { word: string; edits: number }): number {
  return edits + (word[0] === token[0] ? 0 : 0.5)
}
