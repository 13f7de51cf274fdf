// SPDX-License-Identifier: AGPL-3.0-or-later
/** All that is arriving at this moment, and what must be known of all of it together. */
import type { Intake } from './intake.ts'
import type { PackPosition } from './packs.ts'

export class Intakes {
  readonly #intakes = new Set<Intake>()

  add(intake: Intake): void {
    this.#intakes.add(intake)
  }

  delete(intake: Intake): void {
    this.#intakes.delete(intake)
  }

  has(intake: Intake): boolean {
    return this.#intakes.has(intake)
  }

  all(): Intake[] {
    return [...this.#intakes]
  }

  /** The items that they bring, by sequence. */
  items(): Set<number> {
    return new Set(this.all().map(({ item }) => item))
  }

  /** Has each say which blocks of others it relies on. */
  flushShares(): void {
    for (const intake of this.#intakes) intake.flushShares()
  }

  /** An item has lost a block that whoever brings it may count on. */
  lose(item: number): void {
    for (const intake of this.#intakes) if (intake.item === item) intake.lose()
  }

  /** Whether one has blocks in that pack, or an older one, that the index does not know. */
  isUnindexed(pack: number): boolean {
    return this.all().some(({ firstUnindexed }) => {
      return firstUnindexed !== undefined && firstUnindexed.pack <= pack
    })
  }

  /** Where the first block lies that the index does not know, of all but one. */
  firstUnindexed(except: Intake): PackPosition | undefined {
    let first: PackPosition | undefined
    for (const intake of this.#intakes) {
      const position = intake === except ? undefined : intake.firstUnindexed
      if (position === undefined) continue
      const isEarlier =
        first === undefined ||
        position.pack < first.pack ||
        (position.pack === first.pack && position.offset < first.offset)
      if (isEarlier) first = position
    }
    return first
  }
}
