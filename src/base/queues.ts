// SPDX-License-Identifier: AGPL-3.0-or-later
/** Bounds on how much waits, how fast it comes and how many go at once. */
import { invariant } from './errors.ts'
import type { Clock } from './time.ts'

/** A token bucket: `burst` at once, then `perSecond`. */
export class RateLimit {
  readonly #clock: Clock
  readonly #perSecond: number
  readonly #burst: number
  #tokens: number
  #filledAtMs: number

  constructor(clock: Clock, limit: { perSecond: number; burst: number }) {
    invariant(limit.perSecond > 0 && limit.burst >= 1, 'a rate limit lets something through')
    this.#clock = clock
    this.#perSecond = limit.perSecond
    this.#burst = limit.burst
    this.#tokens = limit.burst
    this.#filledAtMs = clock.monotonicMs()
  }

  /** Takes one token if there is one. */
  tryTake(): boolean {
    const nowMs = this.#clock.monotonicMs()
    const gained = ((nowMs - this.#filledAtMs) / 1000) * this.#perSecond
    this.#tokens = Math.min(this.#burst, this.#tokens + gained)
    this.#filledAtMs = nowMs
    if (this.#tokens < 1) return false
    this.#tokens -= 1
    return true
  }
}

/** At most `size` holders at once; the rest wait in order, at most `waitingMax` of them. */
export class Semaphore {
  #free: number
  readonly #waiting: (() => void)[] = []
  readonly #waitingMax: number

  constructor(limit: { size: number; waitingMax: number }) {
    this.#free = limit.size
    this.#waitingMax = limit.waitingMax
  }

  /** A release function, or undefined when there is no place left to wait in. */
  async acquire(): Promise<(() => void) | undefined> {
    if (this.#free > 0) this.#free -= 1
    else if (this.#waiting.length >= this.#waitingMax) return undefined
    else await new Promise<void>((resolve) => this.#waiting.push(resolve))
    return this.#releaser()
  }

  #releaser(): () => void {
    let isReleased = false
    return () => {
      if (isReleased) return
      isReleased = true
      const next = this.#waiting.shift()
      if (next === undefined) this.#free += 1
      else next()
    }
  }
}
