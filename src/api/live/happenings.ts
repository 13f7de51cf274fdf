// SPDX-License-Identifier: AGPL-3.0-or-later
/** What happened lately: a ring in memory, which forgets the oldest and begins anew with the node. */
import type { Clock } from '../../base/base.ts'
import type { Happening } from '../../contract/contract.ts'
import { HAPPENINGS_MAX } from './limits.ts'

/** Who hears: guests hear only what is public. */
export type Audience = 'owner' | 'anybody'

/** A happening before it has an id and a time. */
export type HappeningFacts = Omit<Happening, 'id' | 'at' | 'secondsAgo'> & { isPublic: boolean }

type Kept = HappeningFacts & { id: number; atMs: number; wallMs: number }

export class Happenings {
  readonly #clock: Clock
  readonly #kept: Kept[] = []
  #latestId: number

  /**
   * Ids go on from the wall clock's milliseconds, so that those of this run are higher than those of
   * the runs before, and whoever asks for what came after one of these gets all of this run.
   */
  constructor(clock: Clock) {
    this.#clock = clock
    this.#latestId = Math.max(0, Math.floor(clock.wallMs()))
  }

  /** Of the last happening; of those to come, each has a greater one. */
  get latestId(): number {
    return this.#latestId
  }

  add(facts: HappeningFacts): void {
    this.#latestId += 1
    const atMs = this.#clock.monotonicMs()
    this.#kept.push({ ...facts, id: this.#latestId, atMs, wallMs: this.#clock.wallMs() })
    if (this.#kept.length > HAPPENINGS_MAX) this.#kept.shift()
  }

  /** Oldest first. An id that was never given is of another run: then all that are kept. */
  after(id: number, audience: Audience): Happening[] {
    if (id === this.#latestId) return []
    const from = id > this.#latestId ? 0 : this.#kept.findIndex((one) => one.id > id)
    if (from === -1) return []
    return this.#kept
      .slice(from)
      .filter(({ isPublic }) => isPublic || audience === 'owner')
      .map((one) => this.#told(one))
  }

  list(audience: Audience): Happening[] {
    return this.after(0, audience)
  }

  #told({ isPublic: _, atMs, wallMs, ...facts }: Kept): Happening {
    const secondsAgo = Math.round((this.#clock.monotonicMs() - atMs) / 100) / 10
    return { ...facts, at: new Date(wallMs).toISOString(), secondsAgo: Math.max(0, secondsAgo) }
  }
}
