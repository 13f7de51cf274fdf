// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * The policy language of UCAN 1.0: what must be true of the arguments of a request. Pure. A policy is
 * a list of statements that must all hold; statements are read once, with the token.
 */
import { GLOB_CHARACTERS_MAX, POLICY_DEPTH_MAX, POLICY_STATEMENTS_MAX } from '../limits.ts'
import { isList, type Value } from '../values.ts'
import { parseSelector, type Selector } from './selector.ts'

export { evaluatePolicies, type PolicyAnswer } from './evaluate.ts'

export type Policy = readonly Statement[]

export type Statement =
  | { op: '==' | '!='; selector: Selector; value: Value }
  | { op: '<' | '<=' | '>' | '>='; selector: Selector; value: number }
  | { op: 'like'; selector: Selector; glob: string }
  | { op: 'and' | 'or'; statements: readonly Statement[] }
  | { op: 'not'; statement: Statement }
  | { op: 'all' | 'any'; selector: Selector; statement: Statement }

/** The policy, or in a word what is wrong with it. Total. */
export function parsePolicy(value: Value | undefined): Policy | string {
  const reader = new PolicyReader()
  const policy = isList(value) ? reader.statements(value, 1) : undefined
  return policy ?? `the policy: ${reader.problem ?? 'no list'}`
}

class PolicyReader {
  problem: string | undefined
  #count = 0

  statements(values: readonly Value[], depth: number): readonly Statement[] | undefined {
    const statements: Statement[] = []
    for (const value of values) {
      const statement = this.#statement(value, depth)
      if (statement === undefined) return undefined
      statements.push(statement)
    }
    return statements
  }

  #statement(value: Value | undefined, depth: number): Statement | undefined {
    this.#count += 1
    if (this.#count > POLICY_STATEMENTS_MAX) return this.#wrong('it has too many statements')
    if (depth > POLICY_DEPTH_MAX) return this.#wrong('it nests too deep')
    if (!isList(value)) return this.#wrong('a statement is no list')
    const [op, first, second] = value
    if (op === 'and' || op === 'or' || op === 'not') {
      return value.length === 2 ? this.#connective(op, first, depth) : this.#wrong('a length')
    }
    if (value.length !== 3) return this.#wrong('a length')
    const selector = typeof first === 'string' ? parseSelector(first) : undefined
    if (selector === undefined) return this.#wrong('a selector')
    if (op === 'all' || op === 'any') {
      const statement = this.#statement(second, depth + 1)
      return statement === undefined ? undefined : { op, selector, statement }
    }
    return this.#comparison(op, selector, second)
  }

  #connective(op: 'and' | 'or' | 'not', value: Value | undefined, depth: number) {
    if (op === 'not') {
      const statement = this.#statement(value, depth + 1)
      return statement === undefined ? undefined : { op, statement }
    }
    if (!isList(value)) return this.#wrong('statements are no list')
    const statements = this.statements(value, depth + 1)
    return statements === undefined ? undefined : { op, statements }
  }

  #comparison(
    op: Value | undefined,
    selector: Selector,
    value: Value | undefined,
  ): Statement | undefined {
    if (value === undefined) return this.#wrong('a length')
    switch (op) {
      case '==':
      case '!=':
        return { op, selector, value }
      case '<':
      case '<=':
      case '>':
      case '>=':
        return typeof value === 'number' ? { op, selector, value } : this.#wrong('a number')
      case 'like':
        if (typeof value !== 'string') return this.#wrong('a pattern')
        if (value.length > GLOB_CHARACTERS_MAX) return this.#wrong('a pattern is too long')
        return { op, selector, glob: value }
      default:
        return this.#wrong('an operator is not known')
    }
  }

  #wrong(what: string): undefined {
    this.problem ??= what
  }
}
