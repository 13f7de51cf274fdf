// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Who sends wrong tokens, or signed requests that are refused, and how often: they are slowed down,
 * address by address.
 */
import { type Clock, RateLimit } from '../../base/base.ts'
import { addressKey } from '../../net/net.ts'
import {
  WRONG_TOKEN_ADDRESSES_MAX,
  WRONG_TOKENS_AT_ONCE_MAX,
  WRONG_TOKENS_PER_SECOND_MAX,
} from '../limits.ts'

export class WrongTokens {
  readonly #clock: Clock
  /** In the order in which they were last heard of. */
  readonly #limits = new Map<string, RateLimit>()

  readonly #rate: { perSecond: number; burst: number }

  constructor(
    clock: Clock,
    rate = { perSecond: WRONG_TOKENS_PER_SECOND_MAX, burst: WRONG_TOKENS_AT_ONCE_MAX },
  ) {
    this.#clock = clock
    this.#rate = rate
  }

  /** How many addresses are remembered. */
  get count(): number {
    return this.#limits.size
  }

  /** One more came from there. False: too many lately. */
  note(address: string): boolean {
    const key = addressKey(address)
    const limit = this.#limits.get(key) ?? new RateLimit(this.#clock, this.#rate)
    this.#limits.delete(key)
    this.#limits.set(key, limit)
    for (const oldest of this.#limits.keys()) {
      if (this.#limits.size <= WRONG_TOKEN_ADDRESSES_MAX) break
      this.#limits.delete(oldest)
    }
    return limit.tryTake()
  }
}
