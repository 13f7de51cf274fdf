// SPDX-License-Identifier: AGPL-3.0-or-later
/** Waiting that ends: with an answer, with the caller, or with the time for it. */
import { abortReason, type Clock, CodedError, deadline } from '../../base/base.ts'

/**
 * What `work` gives.
 * @throws CodedError `GATEWAY_TOO_SLOW` after `timeoutMs`; the signal's reason; the work's failure.
 */
export async function within<T>(
  { clock, signal }: { clock: Clock; signal: AbortSignal },
  timeoutMs: number,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const tooSlow = (): Error => new CodedError('GATEWAY_TOO_SLOW', 'The answer took too long.')
  const limit = deadline(clock, timeoutMs, tooSlow, signal)
  let onAbort = (): void => {}
  const over = new Promise<never>((_resolve, reject) => {
    onAbort = () => reject(abortReason(limit.signal))
    limit.signal.addEventListener('abort', onAbort, { once: true })
    if (limit.signal.aborted) onAbort()
  })
  // When the work comes first, nobody waits for the end of time any more.
  over.catch(() => {})
  try {
    return await Promise.race([work(limit.signal), over])
  } finally {
    limit.signal.removeEventListener('abort', onAbort)
    limit.cancel()
  }
}
