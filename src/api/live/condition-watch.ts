// SPDX-License-Identifier: AGPL-3.0-or-later
/** Which conditions are new since the last look, and which are gone. Pure but for what it remembers. */
import type { HealthCondition } from '../../base/base.ts'

export class ConditionWatch {
  #known: ReadonlyMap<string, HealthCondition> = new Map()

  /** A condition that became worse, or less bad, is raised anew. */
  look(conditions: readonly HealthCondition[]): {
    raised: HealthCondition[]
    cleared: HealthCondition[]
  } {
    const known = this.#known
    const now = new Map(conditions.map((condition) => [condition.code, condition]))
    this.#known = now
    return {
      raised: [...now.values()].filter(
        ({ code, severity }) => known.get(code)?.severity !== severity,
      ),
      cleared: [...known.values()].filter(({ code }) => !now.has(code)),
    }
  }
}
