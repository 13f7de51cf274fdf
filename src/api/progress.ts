// SPDX-License-Identifier: AGPL-3.0-or-later
/** A long task as lines of JSON: how far it is, now and then, and how it ended. */
import { type Clock, sleep } from '../base/base.ts'
import type { FetchLine, Progress } from '../contract/contract.ts'
import { PROGRESS_GAP_MS } from './limits.ts'

/**
 * Runs `task` and yields its latest progress at most once every PROGRESS_GAP_MS, then its last
 * line. Never throws: how the task ended is a line too, which `task` itself has to make.
 */
export async function* progressLines(
  clock: Clock,
  task: (report: (progress: Progress) => void) => Promise<FetchLine>,
): AsyncGenerator<string> {
  let latest: Progress | undefined
  let last: FetchLine | undefined
  let wake = (): void => {}
  const finished = task((progress) => {
    latest = progress
    wake()
  }).then((line) => {
    last = line
    wake()
  })
  while (last === undefined) {
    if (latest === undefined) {
      await new Promise<void>((resolve) => {
        wake = resolve
      })
      continue
    }
    const hasBegun = latest.received > 0
    yield toLine(latest)
    latest = undefined
    // The first bytes are news that nobody should wait for.
    if (!hasBegun) continue
    const pause = new AbortController()
    // The pause ends early, with a rejection that means nothing, when the task does.
    await Promise.race([finished, sleep(clock, PROGRESS_GAP_MS, pause.signal).catch(() => {})])
    pause.abort()
  }
  await finished
  yield toLine(last)
}

function toLine(line: FetchLine): string {
  return `${JSON.stringify(line)}\n`
}
