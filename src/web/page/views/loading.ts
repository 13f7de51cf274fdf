// SPDX-License-Identifier: AGPL-3.0-or-later
/** Asks the node for something that one view alone shows. */
import { useEffect, useState } from 'preact/hooks'
import { type Loaded, usePage } from '../parts/parts.ts'
import { troubleOf } from '../state/state.ts'

/**
 * Asked when first drawn and whenever `key` is another one; an answer that comes too late is
 * dropped, and the question called off.
 */
export function useLoaded<Value>(
  key: string,
  load: (signal: AbortSignal) => Promise<Value>,
): Loaded<Value> & { again: () => void } {
  const { session } = usePage()
  const [loaded, setLoaded] = useState<Loaded<Value>>({ value: undefined, trouble: undefined })
  const [round, setRound] = useState(0)
  useEffect(() => {
    const end = new AbortController()
    load(end.signal).then(
      (value) => {
        if (!end.signal.aborted) setLoaded({ value, trouble: undefined })
      },
      (error: unknown) => {
        if (!end.signal.aborted) setLoaded({ value: undefined, trouble: troubleOf(error) })
      },
    )
    return () => end.abort()
    // `load` is another function at each drawing; `key` says when it asks for something else.
  }, [key, round, session])
  return { ...loaded, again: () => setRound(round + 1) }
}
