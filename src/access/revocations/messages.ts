// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * What two nodes say to each other to bring their sets of revocations together: a digest of all, the
 * names in the buckets that differ, the names that are wanted, and notices. DAG-CBOR; reading is
 * total.
 */
import { decode, encode } from '@ipld/dag-cbor'
import { accept, reject, type Verdict } from '../../base/base.ts'
import {
  ANSWER_BYTES_MAX,
  DIGEST_BUCKETS,
  NAMES_PER_LIST_MAX,
  NOTICE_BYTES_MAX,
  NOTICES_PER_ANSWER_MAX,
  SHORT_ID_BYTES,
} from '../limits.ts'

export type Message =
  /** {@link DIGEST_BUCKETS} hashes, one after the other. */
  | { kind: 'digest'; hashes: Uint8Array }
  /** Bit n: bucket n differs; and all names that the sender has in those. */
  | { kind: 'names'; buckets: Uint8Array; names: Uint8Array }
  | { kind: 'want'; names: Uint8Array }
  | { kind: 'notices'; notices: readonly Uint8Array[] }

/** Bytes of a message: all names of a full store, or the notices of one answer with their lengths. */
const MESSAGE_BYTES_MAX =
  Math.max(NAMES_PER_LIST_MAX * SHORT_ID_BYTES, ANSWER_BYTES_MAX + NOTICE_BYTES_MAX) + 1_024

export function encodeMessage(message: Message): Uint8Array<ArrayBuffer> {
  const parts =
    message.kind === 'digest'
      ? [message.hashes]
      : message.kind === 'names'
        ? [message.buckets, message.names]
        : message.kind === 'want'
          ? [message.names]
          : message.notices
  return Uint8Array.from(encode([message.kind, ...parts]))
}

export function decodeMessage(bytes: Uint8Array): Verdict<Message> {
  if (bytes.length > MESSAGE_BYTES_MAX) return reject('the message is too large')
  const [kind, ...parts] = listIn(bytes)
  const fields = parts.filter((part) => part instanceof Uint8Array)
  if (fields.length !== parts.length) return reject('a part is no bytes')
  const [first, second] = fields
  const isOne = fields.length === 1 && first !== undefined
  if (kind === 'digest' && isOne && first.length === DIGEST_BUCKETS * SHORT_ID_BYTES) {
    return accept({ kind, hashes: first })
  }
  if (kind === 'want' && isOne && areNames(first, NOTICES_PER_ANSWER_MAX)) {
    return accept({ kind, names: first })
  }
  if (kind === 'names' && fields.length === 2 && first !== undefined && second !== undefined) {
    const isRight = first.length === DIGEST_BUCKETS / 8 && areNames(second, NAMES_PER_LIST_MAX)
    if (isRight) return accept({ kind, buckets: first, names: second })
  }
  if (kind === 'notices' && fields.length <= NOTICES_PER_ANSWER_MAX) {
    return accept({ kind, notices: fields })
  }
  return reject('the message is none of the four')
}

/** Nothing for bytes that are no list. */
function listIn(bytes: Uint8Array): readonly unknown[] {
  try {
    const value: unknown = decode(bytes)
    return Array.isArray(value) ? value : []
  } catch {
    // No DAG-CBOR, or nested deeper than the library goes.
    return []
  }
}

function areNames(bytes: Uint8Array, countMax: number): boolean {
  return bytes.length % SHORT_ID_BYTES === 0 && bytes.length <= countMax * SHORT_ID_BYTES
}

/** The names in a list, one by one. */
export function* eachName(names: Uint8Array): Iterable<Uint8Array> {
  for (let at = 0; at < names.length; at += SHORT_ID_BYTES) {
    yield names.subarray(at, at + SHORT_ID_BYTES)
  }
}

export function joinNames(names: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(Buffer.concat(names))
}
