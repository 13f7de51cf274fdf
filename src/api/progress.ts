// SPDX-License-Identifier: AGPL-3.0-or-later
/** A long task as lines of JSON: how far it is, now and then, and how it ended. */
import { type Clock, sleep } from '../base/base.ts'
import type { Progress, Skipped } from '../contract/contract.ts'
import { PROGRESS_GAP_MS, SKIPPED_TOLD_MAX } from './limits.ts'

/** What a task tells on its way. Of progress only the latest counts; what was skipped all does. */
export type Told = Progress | { skipped: Skipped }

/**
 * Runs `task` and yields what it tells at most once every PROGRESS_GAP_MS, then its last line. Never
 * throws: how the task ended is a line too, which `task` itself has to make.
 */
export async function* progressLines<Last>(
  clock: Clock,
  task: (report: (told: Told) => void) => Promise<Last>,
): AsyncGenerator<string> {
  const waiting: Told[] = []
  let latest: Progress | undefined
  let skippedCount = 0
  let last: { line: Last } | undefined
  let wake = (): void => {}
  const finished = task((told) => {
    if ('skipped' in told) {
      skippedCount += 1
      if (skippedCount <= SKIPPED_TOLD_MAX) waiting.push(told)
    } else latest = told
    wake()
  }).then((line) => {
    last = { line }
    wake()
  })
  while (last === undefined) {
    if (latest === undefined && waiting.length === 0) {
      await new Promise<void>((resolve) => {
        wake = resolve
      })
      continue
    }
    const hasBegun = latest === undefined || latest.received > 0
    for (const told of waiting.splice(0)) yield toLine(told)
    if (latest !== undefined) yield toLine(latest)
    latest = undefined
    // The first bytes are news that nobody should wait for.
    if (!hasBegun) continue
    const pause = new AbortController()
    // The pause ends early, with a rejection that means nothing, when the task does.
    await Promise.race([finished, sleep(clock, PROGRESS_GAP_MS, pause.signal).catch(() => {})])
    pause.abort()
  }
  await finished
  for (const told of waiting) yield toLine(told)
  yield toLine(last.line)
}

function toLine(line: unknown): string {
  return `${JSON.stringify(line)}\n`
}
