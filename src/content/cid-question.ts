// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * What the questions about many CIDs have in common: asked is an array of CIDs in DAG-CBOR, answered
 * an array of the same length. Both come from strangers.
 */
import { decode, encode } from '@ipld/dag-cbor'
import { CID } from 'multiformats/cid'
import { accept, reject, type Verdict } from '../base/base.ts'

export function encodeCids(cids: readonly CID[]): Uint8Array {
  return encode(cids)
}

/** At least one CID, and nothing but CIDs. */
export function parseCids(
  bytes: Uint8Array,
  { bytesMax, cidsMax }: { bytesMax: number; cidsMax: number },
): Verdict<CID[]> {
  const value = decodeArray(bytes, bytesMax)
  if (value === undefined) return reject('the question is malformed')
  if (value.length === 0 || value.length > cidsMax) {
    return reject('the question asks for none or too many')
  }
  const cids = value.map((entry) => (typeof entry === 'object' ? CID.asCID(entry) : null))
  const known = cids.filter((cid) => cid !== null)
  return known.length === value.length ? accept(known) : reject('the question is not all CIDs')
}

/** @returns undefined for what is too large, or no array in DAG-CBOR. */
export function decodeArray(bytes: Uint8Array, bytesMax: number): unknown[] | undefined {
  if (bytes.length > bytesMax) return undefined
  try {
    const value: unknown = decode(bytes)
    return Array.isArray(value) ? value : undefined
  } catch {
    // What a stranger sent is no DAG-CBOR: that is all there is to say about it.
    return undefined
  }
}
