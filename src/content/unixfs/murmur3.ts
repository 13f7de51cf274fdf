// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * The first 64 bits of murmur3-x64-128 with seed 0: the hash that spreads names over the shards of a
 * folder. Not for anything that has to withstand malice. Numbers of 64 bits are kept as two of 32,
 * which is ten times as fast as BigInt. Pure.
 */

interface Word {
  high: number
  low: number
}

const C1: Word = { high: 0x87c37b91, low: 0x114253d5 }
const C2: Word = { high: 0x4cf5ad43, low: 0x2745937f }
const MIX_1: Word = { high: 0xff51afd7, low: 0xed558ccd }
const MIX_2: Word = { high: 0xc4ceb9fe, low: 0x1a85ec53 }
const FIVE: Word = { high: 0, low: 5 }
const BLOCK_BYTES = 16
const WORD_BYTES = 8

/** The 64 bits, the most significant first. */
export function murmur3(bytes: Uint8Array): { high: number; low: number } {
  let one: Word = { high: 0, low: 0 }
  let two: Word = { high: 0, low: 0 }
  const wholeBytes = bytes.length - (bytes.length % BLOCK_BYTES)
  for (let at = 0; at < wholeBytes; at += BLOCK_BYTES) {
    one = xor(one, scrambleFirst(wordAt(bytes, at)))
    one = add(multiply(add(rotate(one, 27), two), FIVE), { high: 0, low: 0x52dce729 })
    two = xor(two, scrambleSecond(wordAt(bytes, at + WORD_BYTES)))
    two = add(multiply(add(rotate(two, 31), one), FIVE), { high: 0, low: 0x38495ab5 })
  }
  // What is missing of the last block counts as zeros, and zeros change nothing.
  one = xor(one, scrambleFirst(wordAt(bytes, wholeBytes)))
  two = xor(two, scrambleSecond(wordAt(bytes, wholeBytes + WORD_BYTES)))
  const length: Word = { high: 0, low: bytes.length }
  one = xor(one, length)
  two = xor(two, length)
  one = add(one, two)
  two = add(two, one)
  return add(finish(one), finish(two))
}

function scrambleFirst(word: Word): Word {
  return multiply(rotate(multiply(word, C1), 31), C2)
}

function scrambleSecond(word: Word): Word {
  return multiply(rotate(multiply(word, C2), 33), C1)
}

function finish(word: Word): Word {
  const once = multiply(xorShift33(word), MIX_1)
  return xorShift33(multiply(xorShift33(once), MIX_2))
}

/** Little-endian; zeros beyond the end. */
function wordAt(bytes: Uint8Array, at: number): Word {
  return { low: halfAt(bytes, at), high: halfAt(bytes, at + 4) }
}

function halfAt(bytes: Uint8Array, at: number): number {
  const [a = 0, b = 0, c = 0, d = 0] = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]
  return (a | (b << 8) | (c << 16) | (d << 24)) >>> 0
}

function xor(one: Word, other: Word): Word {
  return { high: (one.high ^ other.high) >>> 0, low: (one.low ^ other.low) >>> 0 }
}

function add(one: Word, other: Word): Word {
  const low = one.low + other.low
  const carry = low > 0xffff_ffff ? 1 : 0
  return { high: (one.high + other.high + carry) >>> 0, low: low >>> 0 }
}

function multiply(one: Word, other: Word): Word {
  // The lower halves give 64 bits, by way of their own halves; of the rest only 32 bits count.
  const a = one.low >>> 16
  const b = one.low & 0xffff
  const c = other.low >>> 16
  const d = other.low & 0xffff
  const middle = a * d + ((b * d) >>> 16)
  const lower = b * c + (middle & 0xffff)
  const upper = a * c + Math.floor(middle / 0x1_0000) + Math.floor(lower / 0x1_0000)
  const cross = Math.imul(one.low, other.high) + Math.imul(one.high, other.low)
  return { high: (upper + cross) >>> 0, low: Math.imul(one.low, other.low) >>> 0 }
}

function rotate({ high, low }: Word, bits: number): Word {
  if (bits > 32) return rotate({ high: low, low: high }, bits - 32)
  return {
    high: ((high << bits) | (low >>> (32 - bits))) >>> 0,
    low: ((low << bits) | (high >>> (32 - bits))) >>> 0,
  }
}

function xorShift33({ high, low }: Word): Word {
  return { high, low: (low ^ (high >>> 1)) >>> 0 }
}
