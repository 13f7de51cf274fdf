// SPDX-License-Identifier: AGPL-3.0-or-later
/** How the demo is told to end: by signals, or because it cannot go on. */
import { SIGNAL_REPEAT_MS } from './limits.ts'

export interface Ending {
  /** Aborted with the first wish to end. */
  signal: AbortSignal
  /** Aborted with the second one: nothing is waited for any more, but everything still removed. */
  hurry: AbortSignal
  /** Resolves when a person asked; rejects when it cannot go on. */
  asked: Promise<void>
  /** It cannot go on. */
  endBecause(reason: Error): void
}

export function waitForEnding(): Ending {
  const [first, second] = [new AbortController(), new AbortController()]
  const { promise: asked, resolve, reject } = Promise.withResolvers<void>()
  // Whoever awaits it hears of it; before that nobody does, and that is no crash.
  asked.catch(() => {})
  let askedAtMs = 0
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      if (!first.signal.aborted) {
        askedAtMs = performance.now()
        first.abort(new Error(`ended by ${name}`))
        resolve()
        // npm repeats a signal that the terminal has already sent.
      } else if (performance.now() - askedAtMs > SIGNAL_REPEAT_MS) second.abort()
    })
  }
  // The terminal may be closed before we are: then nobody reads, but everything is still removed.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})
  return { signal: first.signal, hurry: second.signal, asked, endBecause: reject }
}
