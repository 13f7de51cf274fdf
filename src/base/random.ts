// SPDX-License-Identifier: AGPL-3.0-or-later
/** Chance as a dependency: the machine's own in a node, a seeded one in tests and the simulator. */

export interface Random {
  /** A number in [0, 1). */
  unit(): number
  /** `length` fresh bytes. Only the machine's own are fit for keys. */
  bytes(length: number): Uint8Array<ArrayBuffer>
}

/** A whole number in [0, limit). */
export function randomBelow(random: Random, limit: number): number {
  return Math.floor(random.unit() * limit)
}

/** A number in [low, high). */
export function randomBetween(random: Random, low: number, high: number): number {
  return low + random.unit() * (high - low)
}

/** The same seed gives the same sequence, on every machine (mulberry32). Never for secrets. */
export class SeededRandom implements Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  unit(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = this.#state
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000
  }

  bytes(length: number): Uint8Array<ArrayBuffer> {
    return Uint8Array.from({ length }, () => Math.floor(this.unit() * 256))
  }
}
