// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Whether policies hold for some arguments, within a budget of steps. Where the specification leaves
 * a choice, the answer is the one that allows less (docs/adr/0023).
 */
import { CID } from 'multiformats/cid'
import { POLICY_STEPS_MAX } from '../limits.ts'
import { isList, isMap, type Value, type ValueMap, valueAt } from '../values.ts'
import type { Policy, Statement } from './policy.ts'
import { select } from './selector.ts'

export type PolicyAnswer = 'holds' | 'fails' | 'too-costly'

/** All statements of all policies must hold. Total, and never more than so many steps. */
export function evaluatePolicies(
  policies: Iterable<Policy>,
  args: ValueMap,
  stepsMax: number = POLICY_STEPS_MAX,
): PolicyAnswer {
  const evaluation = new Evaluation(stepsMax)
  let holds = true
  for (const policy of policies) {
    if (!policy.every((statement) => evaluation.holds(statement, args))) holds = false
    // Looked at before the answer: what was cut short may stand under a `not`.
    if (evaluation.isSpent) return 'too-costly'
    if (!holds) return 'fails'
  }
  return 'holds'
}

class Evaluation {
  #stepsLeft: number

  constructor(stepsMax: number) {
    this.#stepsLeft = stepsMax
  }

  get isSpent(): boolean {
    return this.#stepsLeft < 0
  }

  holds(statement: Statement, args: Value): boolean {
    if (this.#spend()) return false
    switch (statement.op) {
      case 'and':
        return statement.statements.every((inner) => this.holds(inner, args))
      case 'or':
        // None at all counts as true (UCAN 1.0).
        return (
          statement.statements.length === 0 ||
          statement.statements.some((inner) => this.holds(inner, args))
        )
      case 'not':
        return !this.holds(statement.statement, args)
      default: {
        const value = select(statement.selector, args)
        // What is not there fulfils nothing, not even `!=`.
        return value !== undefined && this.#compare(statement, value)
      }
    }
  }

  #compare(statement: Exclude<Statement, { op: 'and' | 'or' | 'not' }>, value: Value): boolean {
    switch (statement.op) {
      case '==':
        return this.#equal(value, statement.value)
      case '!=':
        return !this.#equal(value, statement.value)
      case '<':
        return typeof value === 'number' && value < statement.value
      case '<=':
        return typeof value === 'number' && value <= statement.value
      case '>':
        return typeof value === 'number' && value > statement.value
      case '>=':
        return typeof value === 'number' && value >= statement.value
      case 'like':
        return typeof value === 'string' && this.#like(value, statement.glob)
      case 'all':
        return membersOf(value)?.every((one) => this.holds(statement.statement, one)) ?? false
      case 'any':
        // Of nothing, nothing holds.
        return membersOf(value)?.some((one) => this.holds(statement.statement, one)) ?? false
    }
  }

  #equal(one: Value, other: Value): boolean {
    if (this.#spend()) return false
    if (one === other) return true
    if (one instanceof Uint8Array || other instanceof Uint8Array)
      return this.#equalBytes(one, other)
    if (isList(one) && isList(other)) {
      return (
        one.length === other.length && one.every((value, at) => this.#equalAt(value, other[at]))
      )
    }
    if (isMap(one) && isMap(other)) {
      const keys = Object.keys(one)
      if (keys.length !== Object.keys(other).length) return false
      return keys.every((key) => this.#equalAt(valueAt(one, key), valueAt(other, key)))
    }
    return one instanceof CID && other instanceof CID && one.equals(other)
  }

  #equalAt(one: Value | undefined, other: Value | undefined): boolean {
    return one !== undefined && other !== undefined && this.#equal(one, other)
  }

  #equalBytes(one: Value, other: Value): boolean {
    if (!(one instanceof Uint8Array && other instanceof Uint8Array)) return false
    return one.length === other.length && one.every((byte, at) => byte === other[at])
  }

  /** Goes back to the last `*` only: the steps are at most the product of both lengths. */
  #like(text: string, glob: string): boolean {
    let textAt = 0
    let globAt = 0
    let star: { globAt: number; textAt: number } | undefined
    while (textAt < text.length) {
      if (this.#spend()) return false
      if (glob[globAt] === '*') {
        star = { globAt: globAt + 1, textAt }
        globAt += 1
        continue
      }
      const isEscaped = glob[globAt] === '\\' && glob[globAt + 1] === '*'
      const literal = isEscaped ? '*' : glob[globAt]
      if (literal === text[textAt]) {
        globAt += isEscaped ? 2 : 1
        textAt += 1
        continue
      }
      if (star === undefined) return false
      star.textAt += 1
      globAt = star.globAt
      textAt = star.textAt
    }
    while (glob[globAt] === '*') globAt += 1
    return globAt === glob.length
  }

  /** Whether nothing is left. */
  #spend(): boolean {
    this.#stepsLeft -= 1
    return this.isSpent
  }
}

function membersOf(value: Value): readonly Value[] | undefined {
  if (isList(value)) return value
  return isMap(value) ? Object.values(value) : undefined
}
