// SPDX-License-Identifier: AGPL-3.0-or-later
/** Reads the fields of a payload one by one and remembers the first thing that is wrong. */
import { CID } from 'multiformats/cid'
import type { PeerId } from '../../base/base.ts'
import { CHAIN_LENGTH_MAX, NONCE_BYTES_MAX } from '../limits.ts'
import { type RefusalCode, refused } from '../refusal.ts'
import { isList, isMap, type Value, type ValueMap, valueAt } from '../values.ts'
import { type Command, isCommand } from './command.ts'

import type { Principals } from './principals.ts'

type Refused = ReturnType<typeof refused>

export class FieldReader {
  readonly #payload: ValueMap
  readonly #principals: Principals
  #problem: Refused | undefined

  /** What is not known may be a restriction: a payload with other fields is refused. */
  constructor(payload: ValueMap, known: readonly string[], principals: Principals) {
    this.#payload = payload
    this.#principals = principals
    if (!Object.keys(payload).every((key) => known.includes(key))) {
      this.#wrong('TOKEN_MALFORMED', 'a field is not known')
    }
  }

  problem(): Refused | undefined {
    return this.#problem
  }

  /** Undefined where there is none. */
  value(name: string): Value | undefined {
    return valueAt(this.#payload, name)
  }

  optional<T>(name: string, read: () => T | undefined): T | undefined {
    return this.value(name) === undefined ? undefined : read()
  }

  nullable<T>(name: string, read: () => T | undefined): T | null | undefined {
    return this.value(name) === null ? null : read()
  }

  principal(name: string): PeerId | undefined {
    const value = this.value(name)
    if (typeof value !== 'string') return this.#wrong('TOKEN_MALFORMED', name)
    return this.#principals.peerIdOf(value) ?? this.#wrong('KEY_UNSUPPORTED', name)
  }

  command(name: string): Command | undefined {
    const value = this.value(name)
    if (typeof value === 'string' && isCommand(value)) return value
    return this.#wrong('TOKEN_MALFORMED', name)
  }

  /** A whole number of seconds since 1970. */
  seconds(name: string): number | undefined {
    const value = this.value(name)
    if (typeof value === 'number' && Number.isSafeInteger(value)) return value
    return this.#wrong('TOKEN_MALFORMED', name)
  }

  map(name: string): ValueMap | undefined {
    const value = this.value(name)
    return isMap(value) ? value : this.#wrong('TOKEN_MALFORMED', name)
  }

  nonce(name: string): void {
    const value = this.value(name)
    if (value instanceof Uint8Array && value.length <= NONCE_BYTES_MAX) return
    this.#wrong('TOKEN_MALFORMED', name)
  }

  link(name: string): string | undefined {
    return cidText(this.value(name)) ?? this.#wrong('TOKEN_MALFORMED', name)
  }

  links(name: string): readonly string[] | undefined {
    const value = this.value(name)
    if (!isList(value)) return this.#wrong('TOKEN_MALFORMED', name)
    if (value.length > CHAIN_LENGTH_MAX) return this.#wrong('CHAIN_TOO_LONG', name)
    const links = value.map(cidText)
    if (links.every((link) => link !== undefined)) return links
    return this.#wrong('TOKEN_MALFORMED', name)
  }

  #wrong(code: RefusalCode, detail: string): undefined {
    this.#problem ??= refused(code, detail)
  }
}

function cidText(value: Value | undefined): string | undefined {
  return value instanceof CID ? value.toString() : undefined
}
