// SPDX-License-Identifier: AGPL-3.0-or-later
/** Looks how the machine is doing: once a minute for its health, and whenever somebody asks. */
import { type Clock, type HealthCondition, repeat, type Service, type Timer } from '../base/base.ts'
import { VITALS_AGE_MS_MAX, VITALS_GAP_MS } from './limits.ts'
import { MachineHealth, type MachineHealthOptions } from './machine-health.ts'
import type { Vitals } from './vitals.ts'

export interface MachineWatchDeps {
  /** Never rejects. */
  reader: { read(): Promise<Vitals> }
  clock: Clock
}

export class MachineWatch implements Service {
  readonly name = 'machine'
  readonly #deps: MachineWatchDeps
  readonly #health: MachineHealth
  #latest: { atMs: number; vitals: Vitals } | undefined
  #reading: Promise<Vitals> | undefined
  #timer: Timer | undefined

  constructor(deps: MachineWatchDeps, options: MachineHealthOptions) {
    this.#deps = deps
    this.#health = new MachineHealth(options)
  }

  async start(): Promise<void> {
    // Not waited for: the node is usable without. It is also what the next one's load counts from.
    void this.#read()
    this.#timer = repeat(
      this.#deps.clock,
      () => VITALS_GAP_MS,
      () => void this.#read(),
    )
  }

  async stop(): Promise<void> {
    this.#timer?.cancel()
    await this.#reading
  }

  health(): readonly HealthCondition[] {
    return this.#health.conditions
  }

  /** A reading of the last seconds: however many ask, the machine is read no more often. */
  async vitals(): Promise<Vitals> {
    const latest = this.#latest
    const nowMs = this.#deps.clock.monotonicMs()
    if (latest !== undefined && nowMs - latest.atMs < VITALS_AGE_MS_MAX) return latest.vitals
    return await this.#read()
  }

  #read(): Promise<Vitals> {
    this.#reading ??= this.#deps.reader
      .read()
      .then((vitals) => {
        const atMs = this.#deps.clock.monotonicMs()
        this.#latest = { atMs, vitals }
        this.#health.note(vitals, atMs)
        return vitals
      })
      .finally(() => {
        this.#reading = undefined
      })
    return this.#reading
  }
}
