// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Nonces that this node gives out, so that requests are of now without a clock that anybody trusts:
 * each is new after a start, and a new one takes over every few minutes by the monotonic clock. What
 * was seen under a nonce is remembered as long as the nonce counts, and needs no writing down.
 */
import type { Clock, Random } from '../base/base.ts'
import { NODE_NONCE_BYTES, NODE_NONCE_MS } from './limits.ts'
import { ReplayMemory } from './replay.ts'

interface Period {
  readonly nonce: Uint8Array
  readonly sinceMs: number
  readonly replays: ReplayMemory
}

export class RequestNonces {
  readonly #clock: Clock
  readonly #random: Random
  #present: Period | undefined
  /** The one before, for whoever asked shortly before the turn. */
  #past: Period | undefined

  constructor(deps: { clock: Clock; random: Random }) {
    this.#clock = deps.clock
    this.#random = deps.random
  }

  /** Counts for {@link NODE_NONCE_MS} at least, and twice that at most. */
  current(): Uint8Array {
    return this.#turn().nonce
  }

  /** What was seen under that nonce; undefined for one that does not count, or never did. */
  replaysOf(nonce: Uint8Array): ReplayMemory | undefined {
    const periods = [this.#turn(), this.#past]
    return periods.find((one) => one !== undefined && isSame(one.nonce, nonce))?.replays
  }

  #turn(): Period {
    const nowMs = this.#clock.monotonicMs()
    const present = this.#present
    if (present !== undefined && nowMs - present.sinceMs < NODE_NONCE_MS) return present
    const isFresh = present !== undefined && nowMs - present.sinceMs < 2 * NODE_NONCE_MS
    this.#past = isFresh ? present : undefined
    const nonce = Uint8Array.from(this.#random.bytes(NODE_NONCE_BYTES))
    this.#present = { nonce, sinceMs: nowMs, replays: new ReplayMemory() }
    return this.#present
  }
}

/** Nonces are no secrets: anybody may ask for one. */
function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0
}
