// SPDX-License-Identifier: AGPL-3.0-or-later
/** The values that tokens are made of: IPLD's, as the library decodes them. */
import { CID } from 'multiformats/cid'

/** Any value that a token can hold. Numbers are finite, and whole ones safe. */
export type Value =
  | null
  | boolean
  | number
  | string
  | Uint8Array
  | CID
  | readonly Value[]
  | ValueMap

export interface ValueMap {
  readonly [key: string]: Value
}

export function isMap(value: Value | undefined): value is ValueMap {
  if (typeof value !== 'object' || value === null) return false
  // Not `CID.asCID`: a map that is made to look like a CID would pass for one.
  return !Array.isArray(value) && !(value instanceof Uint8Array) && !(value instanceof CID)
}

export function isList(value: Value | undefined): value is readonly Value[] {
  return Array.isArray(value)
}

/** What a map holds under a key of its own, and nothing that objects inherit. */
export function valueAt(map: ValueMap, key: string): Value | undefined {
  return Object.hasOwn(map, key) ? map[key] : undefined
}
