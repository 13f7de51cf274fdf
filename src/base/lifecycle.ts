// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Starting and stopping. Services start in order, each usable when its `start` returns; a failed
 * or aborted start is unwound; stopping goes in reverse, each with a deadline, and never throws.
 */
import { asError, CodedError } from './errors.ts'
import type { Logger } from './log.ts'
import { type Clock, deadline } from './time.ts'

/** Something that is wrong, as a declared value: page, CLI, metrics and tests name the same thing. */
export interface HealthCondition {
  /** Stable, `NET_PORT_TAKEN`. */
  code: string
  severity: 'info' | 'warning' | 'error'
  /** What is the matter, in a sentence. */
  text: string
  /** What to do about it, in a sentence. */
  advice: string
}

export interface Service {
  readonly name: string
  /** Acquires what the service needs; returns when it is usable; gives up when `signal` aborts. */
  start(signal: AbortSignal): Promise<void>
  /** Releases all of it. Called once, and only after `start` was called. */
  stop(): Promise<void>
  /** What is wrong now; empty when nothing is. */
  health(): readonly HealthCondition[]
}

/** How long one service may take to stop before it is left behind, in milliseconds. */
export const SERVICE_STOP_MS_MAX = 5_000

export class Lifecycle {
  readonly #services: readonly Service[]
  readonly #started: Service[] = []
  readonly #clock: Clock
  readonly #log: Logger

  constructor(services: readonly Service[], deps: { clock: Clock; log: Logger }) {
    this.#services = services
    this.#clock = deps.clock
    this.#log = deps.log
  }

  /** Starts all in order. On failure or abort everything already started is stopped again. */
  async start(signal: AbortSignal): Promise<void> {
    for (const service of this.#services) {
      this.#started.push(service)
      try {
        signal.throwIfAborted()
        await service.start(signal)
      } catch (thrown) {
        await this.stop()
        throw thrown
      }
    }
  }

  /** Stops what was started, in reverse. Returns what went wrong instead of throwing. */
  async stop(): Promise<readonly Error[]> {
    const failures: Error[] = []
    for (let service = this.#started.pop(); service !== undefined; service = this.#started.pop()) {
      const failure = await this.#stopOne(service)
      if (failure === undefined) continue
      this.#log.warn('a service did not stop cleanly', { service: service.name, error: failure })
      failures.push(failure)
    }
    return failures
  }

  health(): readonly HealthCondition[] {
    return this.#started.flatMap((service) => service.health())
  }

  async #stopOne(service: Service): Promise<Error | undefined> {
    const limit = deadline(
      this.#clock,
      SERVICE_STOP_MS_MAX,
      () => new CodedError('STOP_TIMEOUT', `${service.name} took too long to stop.`),
    )
    const expired = new Promise<never>((_resolve, rejectWith) => {
      limit.signal.addEventListener('abort', () => rejectWith(asError(limit.signal.reason)))
    })
    try {
      await Promise.race([service.stop(), expired])
      return undefined
    } catch (thrown) {
      return asError(thrown)
    } finally {
      limit.cancel()
    }
  }
}
