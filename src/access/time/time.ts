// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * What a node can say about the time without a clock that it can trust: a moment that has certainly
 * passed, which never falls, and, if its neighbours agree on one, the time itself. A Pi without a
 * battery starts in the past, and whoever can set its clock must not bring a permission back to life.
 */
import type { Clock } from '../../base/base.ts'
import { TIME_BOUND_AHEAD_SECONDS_MAX, TIME_BOUND_WRITE_SECONDS } from '../limits.ts'
import type { RefusalCode } from '../refusal.ts'

/** Time as neighbours agree on it; undefined while they do not, or while there are too few. */
export interface CityTime {
  agreedMs(): number | undefined
}

/** While nobody tells the time. */
export const noCityTime: CityTime = { agreedMs: () => undefined }

/** Where the bound survives a restart. */
export interface BoundMemory {
  /** Seconds since 1970; undefined where nothing was written yet. */
  readBound(): number | undefined
  writeBound(seconds: number): void
}

/** What is known of the time at one moment; seconds since 1970. */
export interface TimeView {
  /** Has certainly passed. */
  readonly bound: number
  /** The time; undefined when nobody knows it. Never before the bound. */
  readonly agreed: number | undefined
  /** What the machine's own clock says: a hint, and no more. */
  readonly hint: number
}

export interface TimeBoundDeps {
  clock: Clock
  cityTime: CityTime
  memory: BoundMemory
}

export class TimeBound {
  readonly #deps: TimeBoundDeps
  readonly #latest: number
  #bound: number
  #written: number

  /** @param options.builtAtSeconds When this program was made: nothing happens before that. */
  constructor(deps: TimeBoundDeps, options: { builtAtSeconds: number }) {
    const { builtAtSeconds } = options
    this.#deps = deps
    this.#latest = builtAtSeconds + TIME_BOUND_AHEAD_SECONDS_MAX
    // What an older program on the same data would not know counts only once it was written.
    this.#written = deps.memory.readBound() ?? 0
    this.#bound = Math.max(builtAtSeconds, this.#written)
  }

  /** What is known now; takes in what the city says. */
  view(): TimeView {
    const agreed = secondsOf(this.#deps.cityTime.agreedMs())
    const isBelieved = agreed !== undefined && agreed <= this.#latest
    if (isBelieved) this.#raise(agreed)
    return {
      bound: this.#bound,
      agreed: isBelieved ? this.#bound : undefined,
      hint: secondsOf(this.#deps.clock.wallMs()) ?? 0,
    }
  }

  /** What the bound will be at least after a power cut: only what is past this may be forgotten. */
  get writtenSeconds(): number {
    return this.#written
  }

  /** Before the node stops: the next start begins here. */
  save(): void {
    if (this.#bound <= this.#written) return
    this.#deps.memory.writeBound(this.#bound)
    this.#written = this.#bound
  }

  #raise(seconds: number): void {
    this.#bound = Math.max(this.#bound, seconds)
    if (this.#bound - this.#written >= TIME_BOUND_WRITE_SECONDS) this.save()
  }
}

function secondsOf(ms: number | undefined): number | undefined {
  return ms === undefined || !Number.isFinite(ms) ? undefined : Math.floor(ms / 1000)
}

/** When a token holds. */
export interface Validity {
  readonly notBefore?: number | undefined
  readonly expires: number | null
}

/**
 * Whether tokens hold now. What has run out by the bound is refused always. Beyond it, where the time
 * is not known: with `needsTime` a token that has an end, or a beginning not certainly past, is
 * refused; else it goes on, and the machine's clock may say that it has begun, but never that it has
 * ended.
 */
export function judgeTime(
  tokens: readonly Validity[],
  view: TimeView,
  needsTime: boolean,
): RefusalCode | undefined {
  const now = view.agreed ?? view.bound
  if (tokens.some(({ expires }) => expires !== null && expires < now)) return 'EXPIRED'
  const notBegun = tokens.flatMap(({ notBefore = now }) => (notBefore > now ? [notBefore] : []))
  if (view.agreed !== undefined) return notBegun.length > 0 ? 'NOT_YET' : undefined
  const isTimed = notBegun.length > 0 || tokens.some(({ expires }) => expires !== null)
  if (needsTime && isTimed) return 'TIME_UNKNOWN'
  return notBegun.some((begin) => begin > view.hint) ? 'NOT_YET' : undefined
}
