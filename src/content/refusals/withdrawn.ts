// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * The question `withdrawn/1`: "which of these did their publisher withdraw?", in DAG-CBOR. Asked: an
 * array of 1 to 64 CIDs. Answered: an array of the same length, of `null` or the signed withdrawal.
 */
import { encode } from '@ipld/dag-cbor'
import type { CID } from 'multiformats/cid'
import { accept, type CityId, reject, type Verdict } from '../../base/base.ts'
import { decodeArray, parseCids } from '../cid-question.ts'
import {
  WITHDRAWN_CIDS_MAX,
  WITHDRAWN_REPLY_BYTES_MAX,
  WITHDRAWN_REQUEST_BYTES_MAX,
} from './limits.ts'
import { parseWithdrawal, type Signed, type Withdrawal } from './records.ts'

export const WITHDRAWN_TOPIC = 'withdrawn/1'

export { encodeCids as encodeWithdrawnRequest } from '../cid-question.ts'

export function parseWithdrawnRequest(bytes: Uint8Array): Verdict<CID[]> {
  return parseCids(bytes, { bytesMax: WITHDRAWN_REQUEST_BYTES_MAX, cidsMax: WITHDRAWN_CIDS_MAX })
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
