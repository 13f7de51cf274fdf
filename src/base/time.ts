// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Time as a dependency. Nothing below `node/` reads the machine's clock: it asks a {@link Clock},
 * so that tests and the simulator can let a day pass in a millisecond.
 */
import { abortReason } from './errors.ts'

/** Something that was armed and can be called off. Cancelling twice is harmless. */
export interface Timer {
  cancel(): void
}

export interface Clock {
  /** Milliseconds since an arbitrary start. Never goes back; the only basis for durations. */
  monotonicMs(): number
  /** What the wall clock says, in milliseconds since 1970. A Pi without a battery may say 1970. */
  wallMs(): number
  /** Runs `callback` once, `delayMs` from now, unless cancelled. Never keeps the process alive. */
  after(delayMs: number, callback: () => void): Timer
}

/** Runs `callback` again and again; each gap is asked for anew, so it may carry jitter. */
export function repeat(clock: Clock, nextGapMs: () => number, callback: () => void): Timer {
  let current: Timer
  let isCancelled = false
  const arm = (): void => {
    current = clock.after(nextGapMs(), () => {
      callback()
      if (!isCancelled) arm()
    })
  }
  arm()
  return {
    cancel: () => {
      isCancelled = true
      current.cancel()
    },
  }
}

/** Resolves after `delayMs`; rejects with the signal's reason as soon as it aborts. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(abortReason(signal))
    const onAbort = (): void => {
      timer.cancel()
      if (signal !== undefined) reject(abortReason(signal))
    }
    const timer = clock.after(delayMs, () => {
      signal?.removeEventListener('abort', onAbort)
      resolve()
    })
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}

/**
 * A signal that aborts with a {@link CodedError}-friendly reason after `delayMs`, or when `parent`
 * does. Call `cancel` when the wait is over, so that the timer does not linger.
 */
export function deadline(
  clock: Clock,
  delayMs: number,
  reason: () => Error,
  parent?: AbortSignal,
): { signal: AbortSignal; cancel(): void } {
  const controller = new AbortController()
  const timer = clock.after(delayMs, () => controller.abort(reason()))
  const signal =
    parent === undefined ? controller.signal : AbortSignal.any([controller.signal, parent])
  return { signal, cancel: () => timer.cancel() }
}

/**
 * A clock that stands still until told to move. Timers fire in order of their due time, and among
 * equals in the order in which they were armed.
 */
export class VirtualClock implements Clock {
  #nowMs = 0
  #wallOffsetMs: number
  #sequence = 0
  readonly #armed = new Set<{ dueMs: number; sequence: number; callback: () => void }>()

  constructor(wallMs = 0) {
    this.#wallOffsetMs = wallMs
  }

  monotonicMs(): number {
    return this.#nowMs
  }

  wallMs(): number {
    return this.#nowMs + this.#wallOffsetMs
  }

  /** Makes the wall clock jump; the monotonic clock does not move. */
  setWallMs(wallMs: number): void {
    this.#wallOffsetMs = wallMs - this.#nowMs
  }

  after(delayMs: number, callback: () => void): Timer {
    const entry = {
      dueMs: this.#nowMs + Math.max(0, delayMs),
      sequence: this.#sequence++,
      callback,
    }
    this.#armed.add(entry)
    return { cancel: () => void this.#armed.delete(entry) }
  }

  /** Lets `durationMs` pass, firing whatever falls due, also timers armed on the way. */
  advance(durationMs: number): void {
    const endMs = this.#nowMs + durationMs
    for (let next = this.#nextDue(endMs); next !== undefined; next = this.#nextDue(endMs)) {
      this.#armed.delete(next)
      this.#nowMs = next.dueMs
      next.callback()
    }
    this.#nowMs = endMs
  }

  /** Like {@link advance}, but lets pending promises run after every timer. */
  async advanceAsync(durationMs: number): Promise<void> {
    const endMs = this.#nowMs + durationMs
    await settle()
    for (let next = this.#nextDue(endMs); next !== undefined; next = this.#nextDue(endMs)) {
      this.#armed.delete(next)
      this.#nowMs = next.dueMs
      next.callback()
      await settle()
    }
    this.#nowMs = endMs
  }

  #nextDue(endMs: number): { dueMs: number; sequence: number; callback: () => void } | undefined {
    let next: { dueMs: number; sequence: number; callback: () => void } | undefined
    for (const entry of this.#armed) {
      if (entry.dueMs > endMs) continue
      if (
        next === undefined ||
        entry.dueMs < next.dueMs ||
        (entry.dueMs === next.dueMs && entry.sequence < next.sequence)
      ) {
        next = entry
      }
    }
    return next
  }
}

/** Enough turns of the microtask queue for chains of awaits that touch no I/O. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve()
}
