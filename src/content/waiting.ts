// SPDX-License-Identifier: AGPL-3.0-or-later
/** Waits that can be abandoned: for a place, for the next piece of a stream, for a shared result. */
import { abortReason, CodedError, type Semaphore } from '../base/base.ts'
import { busy } from './errors.ts'

/** A place in `places`, as the function that gives it back. @throws `CONTENT_BUSY`, or the reason */
export async function enter(
  places: Semaphore,
  what: string,
  signal: AbortSignal,
): Promise<() => void> {
  signal.throwIfAborted()
  const acquired = places.acquire()
  const release = await untilAborted(acquired, signal).catch((reason: unknown) => {
    // The place comes all the same, later, and nobody is left to use it.
    acquired.then((late) => late?.()).catch(() => {})
    throw reason
  })
  if (release === undefined) throw busy(what)
  return release
}

/** Lets others go first, in the midst of long work. */
export function breathe(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** What `promise` brings, unless `signal` aborts first. */
export function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const onAbort = (): void => reject(abortReason(signal))
    if (signal.aborted) onAbort()
    signal.addEventListener('abort', onAbort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}

/** The same stream; it ends with the signal's reason as soon as that aborts, whatever it waits for. */
export async function* abortable<T>(
  source: AsyncIterable<T>,
  signal: AbortSignal,
): AsyncGenerator<T> {
  const iterator = source[Symbol.asyncIterator]()
  let isDone = false
  let giveUp: ((reason: Error) => void) | undefined
  const onAbort = (): void => giveUp?.(abortReason(signal))
  signal.addEventListener('abort', onAbort)
  try {
    for (;;) {
      if (signal.aborted) throw abortReason(signal)
      const next = await new Promise<IteratorResult<T>>((resolve, reject) => {
        giveUp = reject
        iterator.next().then(resolve, reject)
      })
      isDone = next.done === true
      if (next.done === true) return
      yield next.value
    }
  } finally {
    signal.removeEventListener('abort', onAbort)
    // A stream that hangs may never say that it ended; nobody waits for it.
    if (!isDone) iterator.return?.().catch(() => {})
  }
}

type Progress = (receivedBytes: number, totalBytes: number | undefined) => void

interface Flight<T> {
  result: Promise<T>
  controller: AbortController
  listeners: Set<Progress>
  passengers: number
}

/** One piece of work a key, shared by all who ask meanwhile; called off when the last has left. */
export class SingleFlight<T> {
  readonly #flights = new Map<string, Flight<T>>()

  /** Pieces of work under way. */
  get size(): number {
    return this.#flights.size
  }

  async join(
    key: string,
    passenger: { signal: AbortSignal; onProgress: Progress },
    work: (signal: AbortSignal, onProgress: Progress) => Promise<T>,
  ): Promise<T> {
    passenger.signal.throwIfAborted()
    const flight = this.#flights.get(key) ?? this.#start(key, work)
    flight.passengers += 1
    flight.listeners.add(passenger.onProgress)
    try {
      return await untilAborted(flight.result, passenger.signal)
    } finally {
      flight.listeners.delete(passenger.onProgress)
      flight.passengers -= 1
      if (flight.passengers === 0) {
        // Whoever asks from now on starts anew, and does not join work that is being called off.
        if (this.#flights.get(key) === flight) this.#flights.delete(key)
        flight.controller.abort(new CodedError('ABORTED', 'Nobody waits for it any more.'))
      }
    }
  }

  #start(key: string, work: (signal: AbortSignal, onProgress: Progress) => Promise<T>): Flight<T> {
    const controller = new AbortController()
    const listeners = new Set<Progress>()
    const result = work(controller.signal, (received, total) => {
      for (const listener of listeners) listener(received, total)
    })
    const flight = { result, controller, listeners, passengers: 0 }
    this.#flights.set(key, flight)
    const land = (): void => {
      if (this.#flights.get(key) === flight) this.#flights.delete(key)
    }
    result.then(land, land)
    return flight
  }
}

/** Work that must have ended before something else may: remembered only until it has. */
export class Running {
  readonly #ends = new Set<Promise<void>>()

  /** @returns the work itself */
  add<T>(work: Promise<T>): Promise<T> {
    const ended = work.then(
      () => {},
      // Whoever asked for the work hears of its failure; this is only about its end.
      () => {},
    )
    this.#ends.add(ended)
    void ended.then(() => this.#ends.delete(ended))
    return work
  }

  /** When all that runs now has ended, whichever way. */
  async ended(): Promise<void> {
    await Promise.all(this.#ends)
  }
}
