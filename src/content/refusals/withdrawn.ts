// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * The question `withdrawn/1`: "which of these did their publisher withdraw?", in DAG-CBOR. Asked: an
 * array of 1 to 64 CIDs. Answered: an array of the same length, of `null` or the signed withdrawal.
 */
import { decode, encode } from '@ipld/dag-cbor'
import { CID } from 'multiformats/cid'
import { accept, type CityId, reject, type Verdict } from '../../base/base.ts'
import {
  WITHDRAWN_CIDS_MAX,
  WITHDRAWN_REPLY_BYTES_MAX,
  WITHDRAWN_REQUEST_BYTES_MAX,
} from './limits.ts'
import { parseWithdrawal, type Signed, type Withdrawal } from './records.ts'

export const WITHDRAWN_TOPIC = 'withdrawn/1'

export function encodeWithdrawnRequest(cids: readonly CID[]): Uint8Array {
  return encode(cids)
}

export function parseWithdrawnRequest(bytes: Uint8Array): Verdict<CID[]> {
  const value = decodeArray(bytes, WITHDRAWN_REQUEST_BYTES_MAX)
  if (value === undefined) return reject('the question is malformed')
  if (value.length === 0 || value.length > WITHDRAWN_CIDS_MAX) {
    return reject('the question asks for none or too many')
  }
  const cids = value.map((entry) => (typeof entry === 'object' ? CID.asCID(entry) : null))
  const known = cids.filter((cid) => cid !== null)
  return known.length === value.length ? accept(known) : reject('the question is not all CIDs')
}

export function encodeWithdrawnReply(withdrawals: readonly (Uint8Array | undefined)[]): Uint8Array {
  return encode(withdrawals.map((bytes) => bytes ?? null))
}

/** Each withdrawal is signed, and of the CID that was asked for in its place; or all is rejected. */
export function parseWithdrawnReply(
  bytes: Uint8Array,
  asked: readonly CID[],
  city: CityId,
): Verdict<(Signed<Withdrawal> | undefined)[]> {
  const value = decodeArray(bytes, WITHDRAWN_REPLY_BYTES_MAX)
  if (value === undefined || value.length !== asked.length) {
    return reject('the answer is malformed')
  }
  const answers: (Signed<Withdrawal> | undefined)[] = []
  for (const [index, cid] of asked.entries()) {
    const entry = value[index]
    if (entry === null) {
      answers.push(undefined)
      continue
    }
    if (!(entry instanceof Uint8Array)) return reject('the answer is malformed')
    const parsed = parseWithdrawal(entry, city)
    if (parsed.verdict !== 'accept') return parsed
    const { root } = parsed.value.record
    if (Buffer.compare(root.multihash.bytes, cid.multihash.bytes) !== 0) {
      return reject('the withdrawal is of another item')
    }
    answers.push(parsed.value)
  }
  return accept(answers)
}

function decodeArray(bytes: Uint8Array, bytesMax: number): unknown[] | undefined {
  if (bytes.length > bytesMax) return undefined
  try {
    const value: unknown = decode(bytes)
    return Array.isArray(value) ? value : undefined
  } catch {
    // What a stranger sent is no DAG-CBOR: that is all there is to say about it.
    return undefined
  }
}
