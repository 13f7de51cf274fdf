// SPDX-License-Identifier: AGPL-3.0-or-later
/** Nodes that turned out not to be of our city: not dialled again for a while. Bounded. */
import type { Clock } from '../base/base.ts'
import { STRANGER_REST_MS, STRANGERS_MAX } from './limits.ts'

export class Strangers {
  readonly #clock: Clock
  readonly #untilMs = new Map<string, number>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  add(peerId: string): void {
    this.#untilMs.delete(peerId)
    // Insertion order is age: the oldest makes room.
    const oldest = this.#untilMs.keys().next().value
    if (this.#untilMs.size >= STRANGERS_MAX && oldest !== undefined) this.#untilMs.delete(oldest)
    this.#untilMs.set(peerId, this.#clock.monotonicMs() + STRANGER_REST_MS)
  }

  has(peerId: string): boolean {
    const untilMs = this.#untilMs.get(peerId)
    if (untilMs === undefined) return false
    if (untilMs > this.#clock.monotonicMs()) return true
    this.#untilMs.delete(peerId)
    return false
  }
}
