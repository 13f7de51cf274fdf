// SPDX-License-Identifier: AGPL-3.0-or-later
/** The machine's own clock. */
import type { Clock, Timer } from '../base/base.ts'
import { TIMER_MS_MAX } from './limits.ts'

export class SystemClock implements Clock {
  monotonicMs(): number {
    return performance.now()
  }

  wallMs(): number {
    return Date.now()
  }

  after(delayMs: number, callback: () => void): Timer {
    const dueMs = this.monotonicMs() + delayMs
    let handle: NodeJS.Timeout
    const arm = (leftMs: number): void => {
      // Longer delays than a timer can hold are waited for in pieces.
      const isLast = leftMs <= TIMER_MS_MAX
      const fire = isLast ? callback : () => arm(dueMs - this.monotonicMs())
      handle = setTimeout(fire, Math.min(Math.max(0, leftMs), TIMER_MS_MAX)).unref()
    }
    arm(delayMs)
    return { cancel: () => clearTimeout(handle) }
  }
}
