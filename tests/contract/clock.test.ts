// SPDX-License-Identifier: AGPL-3.0-or-later
/** What every Clock promises, tried on the machine's own and on the one for tests. */
import { describe, expect, it } from 'vitest'
import { type Clock, repeat, sleep, VirtualClock } from '../../src/base/base.ts'
import { SystemClock } from '../../src/system/system.ts'

interface Subject {
  clock: Clock
  /** Lets time pass until `isDone`. */
  passUntil(isDone: () => boolean): Promise<void>
}

const PASS_STEPS_MAX = 2_000

const subjects: Readonly<Record<string, () => Subject>> = {
  SystemClock: () => ({
    clock: new SystemClock(),
    passUntil: async (isDone) => {
      for (let step = 0; step < PASS_STEPS_MAX && !isDone(); step++) {
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
    },
  }),
  VirtualClock: () => {
    const clock = new VirtualClock(1_700_000_000_000)
    return {
      clock,
      passUntil: async (isDone) => {
        for (let step = 0; step < PASS_STEPS_MAX && !isDone(); step++) await clock.advanceAsync(5)
      },
    }
  },
}

describe.each(Object.entries(subjects))('%s', (_name, create) => {
  it('never goes back, and has moved by what a timer waited', async () => {
    const { clock, passUntil } = create()
    const startMs = clock.monotonicMs()
    let firedMs = 0
    clock.after(20, () => {
      firedMs = clock.monotonicMs()
    })
    await passUntil(() => firedMs > 0)
    // One millisecond of grace: timers count whole ones.
    expect(firedMs - startMs).toBeGreaterThanOrEqual(19)
    expect(clock.monotonicMs()).toBeGreaterThanOrEqual(firedMs)
  })

  it('knows the wall clock in milliseconds since 1970', () => {
    expect(create().clock.wallMs()).toBeGreaterThan(1_000_000_000_000)
  })

  it('fires each timer once, the earlier one first, never within `after`', async () => {
    const { clock, passUntil } = create()
    const fired: string[] = []
    clock.after(60, () => fired.push('late'))
    clock.after(5, () => fired.push('early'))
    clock.after(-1, () => fired.push('overdue'))
    expect(fired).toEqual([])
    await passUntil(() => fired.length >= 3)
    let isOver = false
    clock.after(30, () => {
      isOver = true
    })
    await passUntil(() => isOver)
    expect(fired).toEqual(['overdue', 'early', 'late'])
  })

  it('forgets a cancelled timer; cancelling again or too late is harmless', async () => {
    const { clock, passUntil } = create()
    const fired: string[] = []
    const cancelled = clock.after(5, () => fired.push('cancelled'))
    const kept = clock.after(20, () => fired.push('kept'))
    cancelled.cancel()
    cancelled.cancel()
    await passUntil(() => fired.length > 0)
    kept.cancel()
    expect(fired).toEqual(['kept'])
  })

  it('does not fire a timer early because its delay is longer than a machine timer holds', async () => {
    const { clock, passUntil } = create()
    let isFired = false
    let isOver = false
    const timer = clock.after(2 ** 31 + 5, () => {
      isFired = true
    })
    clock.after(50, () => {
      isOver = true
    })
    await passUntil(() => isOver)
    timer.cancel()
    expect(isFired).toBe(false)
  })

  it('carries repeat and sleep', async () => {
    const { clock, passUntil } = create()
    let count = 0
    const timer = repeat(
      clock,
      () => 2,
      () => {
        count += 1
      },
    )
    await passUntil(() => count >= 3)
    timer.cancel()
    const stopped = count
    let isAwake = false
    void sleep(clock, 30).then(() => {
      isAwake = true
    })
    await passUntil(() => isAwake)
    expect(count).toBe(stopped)
    expect(count).toBeGreaterThanOrEqual(3)
  })
})
