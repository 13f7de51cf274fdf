// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Remembers invocations, so that each counts once. The memory is bounded, and never forgets in favour
 * of whoever repeats: when there is no room the ones that end first are forgotten, and from then on
 * nothing that ends no later than they did is taken. Each grant of the subject has room of its own,
 * shared by all that hold of it, so nobody can use up another's. No clock is needed.
 */
import { REPLAY_GRANTS_MAX, REPLAY_INVOCATIONS_MAX } from './limits.ts'
import type { RefusalCode } from './refusal.ts'

interface Window {
  /** Ends of the invocations, in seconds, by CID. */
  seen: Map<string, number>
  /** What ends no later may have been forgotten. */
  floor: number
}

export class ReplayMemory {
  readonly #windows = new Map<string, Window>()
  readonly #grantsMax: number
  readonly #invocationsMax: number

  constructor(limits: { grants?: number; invocations?: number } = {}) {
    this.#grantsMax = limits.grants ?? REPLAY_GRANTS_MAX
    this.#invocationsMax = limits.invocations ?? REPLAY_INVOCATIONS_MAX
  }

  /**
   * Takes note of an invocation that is allowed otherwise.
   * @param invocation.grant What it rests on: the CID of its first delegation.
   * @param boundSeconds A moment that has certainly passed: what ended before it is refused anyway.
   * @returns why it must be refused; undefined where it is new
   */
  note(
    invocation: { cid: string; grant: string; expires: number },
    boundSeconds: number,
  ): RefusalCode | undefined {
    const { cid, grant, expires } = invocation
    const window = this.#windowOf(grant, boundSeconds)
    if (window === undefined) return 'REPLAY_MEMORY_FULL'
    if (window.seen.has(cid)) return 'REPLAYED'
    if (expires <= window.floor) return 'REPLAY_MEMORY_FULL'
    window.seen.set(cid, expires)
    if (window.seen.size > this.#invocationsMax) forgetEnded(window, boundSeconds)
    while (window.seen.size > this.#invocationsMax) forgetFirst(window)
    return undefined
  }

  #windowOf(grant: string, boundSeconds: number): Window | undefined {
    const known = this.#windows.get(grant)
    if (known !== undefined) return known
    if (this.#windows.size >= this.#grantsMax) this.#forgetIdle(boundSeconds)
    if (this.#windows.size >= this.#grantsMax) return undefined
    const window = { seen: new Map<string, number>(), floor: Number.NEGATIVE_INFINITY }
    this.#windows.set(grant, window)
    return window
  }

  #forgetIdle(boundSeconds: number): void {
    for (const [grant, window] of this.#windows) {
      forgetEnded(window, boundSeconds)
      if (window.seen.size === 0 && window.floor < boundSeconds) this.#windows.delete(grant)
    }
  }
}

function forgetEnded({ seen }: Window, boundSeconds: number): void {
  for (const [cid, expires] of seen) if (expires < boundSeconds) seen.delete(cid)
}

function forgetFirst(window: Window): void {
  let first: [string, number] | undefined
  for (const entry of window.seen) if (first === undefined || entry[1] < first[1]) first = entry
  if (first === undefined) return
  window.seen.delete(first[0])
  window.floor = Math.max(window.floor, first[1])
}
