// SPDX-License-Identifier: AGPL-3.0-or-later
/** Typed facts, named in the past tense, announced after they are true. */
import type { Logger } from './log.ts'

export type EventMap = Record<string, object>

/** What a room shows of its events: others listen, only the owner announces. */
export interface EventSource<Events extends EventMap> {
  /** Listens until `signal` aborts. */
  on<Name extends keyof Events>(
    name: Name,
    listener: (fact: Events[Name]) => void,
    signal: AbortSignal,
  ): void
}

/** A listener's failure is logged and never felt by the announcer. */
export class EventHub<Events extends EventMap> implements EventSource<Events> {
  readonly #listeners = new Map<keyof Events, Set<(fact: never) => void>>()
  readonly #log: Logger

  constructor(log: Logger) {
    this.#log = log
  }

  on<Name extends keyof Events>(
    name: Name,
    listener: (fact: Events[Name]) => void,
    signal: AbortSignal,
  ): void {
    if (signal.aborted) return
    const listeners = this.#listeners.get(name) ?? new Set()
    this.#listeners.set(name, listeners)
    listeners.add(listener)
    signal.addEventListener('abort', () => listeners.delete(listener), { once: true })
  }

  /** Whether anybody listens: what it takes to announce something may be spared else. */
  hasListeners(name: keyof Events): boolean {
    return (this.#listeners.get(name)?.size ?? 0) > 0
  }

  announce<Name extends keyof Events>(name: Name, fact: Events[Name]): void {
    for (const listener of this.#listeners.get(name) ?? []) {
      try {
        // The map's key ties the listener's parameter to this event's fact.
        ;(listener as (fact: Events[Name]) => void)(fact)
      } catch (thrown) {
        this.#log.error('an event listener failed', { event: String(name), error: thrown })
      }
    }
  }
}
