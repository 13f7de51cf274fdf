// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * What a publisher signs: that an item is published under this key, and that it no longer is. Both
 * are DAG-CBOR with an Ed25519 signature of the same key over all other fields, behind a text that
 * says what is signed and in which city: no signature can be taken for one of another kind, place
 * or item. What came later is told by a number that the publisher counts up, never by a clock.
 */
import { decode, encode } from '@ipld/dag-cbor'
import { CID } from 'multiformats/cid'
import {
  accept,
  type CityId,
  isPeerId,
  type PeerId,
  reject,
  type Verdict,
} from '../../base/base.ts'
import { type NodeIdentity, verifySignature } from '../../identity/identity.ts'
import { tidyName } from '../item.ts'
import { badRecord } from './errors.ts'
import {
  PUBLICATION_BYTES_MAX,
  REASON_BYTES_MAX,
  TITLE_BYTES_MAX,
  WITHDRAWAL_BYTES_MAX,
} from './limits.ts'

/** What signs: the node's identity, or any other key that people publish under. */
export type RecordSigner = Pick<NodeIdentity, 'peerId' | 'sign'>

export interface Publication {
  root: CID
  by: PeerId
  /** From 1; the publisher's next record about this root has a higher one, of either kind. */
  sequence: number
  /** For people; may be empty. */
  title: string
}

export interface Withdrawal {
  root: CID
  by: PeerId
  sequence: number
  /** For people; may be empty. */
  reason: string
}

/** A record as it is passed on, with what it says. */
export interface Signed<T> {
  record: T
  bytes: Uint8Array
}

interface Kind {
  name: 'publication' | 'withdrawal'
  /** The field for people. */
  text: 'title' | 'reason'
  textBytesMax: number
  bytesMax: number
}

const PUBLICATION: Kind = {
  name: 'publication',
  text: 'title',
  textBytesMax: TITLE_BYTES_MAX,
  bytesMax: PUBLICATION_BYTES_MAX,
}

const WITHDRAWAL: Kind = {
  name: 'withdrawal',
  text: 'reason',
  textBytesMax: REASON_BYTES_MAX,
  bytesMax: WITHDRAWAL_BYTES_MAX,
}

interface Fields {
  v: 1
  root: CID
  by: PeerId
  sequence: number
  text: string
}

const SIGNATURE_BYTES = 64

/** @throws CodedError `REFUSALS_BAD_RECORD` */
export function signPublication(
  what: Omit<Publication, 'by'>,
  city: CityId,
  signer: RecordSigner,
): Signed<Publication> {
  const { root, sequence, title } = what
  const fields: Fields = { v: 1, root: root.toV1(), by: signer.peerId, sequence, text: title }
  const bytes = signFields(PUBLICATION, fields, city, signer)
  return { record: publicationOf(fields), bytes }
}

/** @throws CodedError `REFUSALS_BAD_RECORD` */
export function signWithdrawal(
  what: Omit<Withdrawal, 'by'>,
  city: CityId,
  signer: RecordSigner,
): Signed<Withdrawal> {
  const { root, sequence, reason } = what
  const fields: Fields = { v: 1, root: root.toV1(), by: signer.peerId, sequence, text: reason }
  const bytes = signFields(WITHDRAWAL, fields, city, signer)
  return { record: withdrawalOf(fields), bytes }
}

/** Accepts only what the key that it names has signed, for this city. */
export function parsePublication(bytes: Uint8Array, city: CityId): Verdict<Signed<Publication>> {
  const fields = parseFields(PUBLICATION, bytes, city)
  if (typeof fields === 'string') return reject(fields)
  return accept({ record: publicationOf(fields), bytes })
}

/** Accepts only what the key that it names has signed, for this city. */
export function parseWithdrawal(bytes: Uint8Array, city: CityId): Verdict<Signed<Withdrawal>> {
  const fields = parseFields(WITHDRAWAL, bytes, city)
  if (typeof fields === 'string') return reject(fields)
  return accept({ record: withdrawalOf(fields), bytes })
}

/** The item that a record of ours is about; nothing of it is checked. */
export function rootOfRecord(bytes: Uint8Array): CID | undefined {
  return asCid(decodeMap(bytes)?.get('root'))
}

/** Whether the publisher of the one has taken it back with the other. */
export function isWithdrawnBy(publication: Publication, withdrawal: Withdrawal): boolean {
  return (
    withdrawal.by === publication.by &&
    Buffer.compare(withdrawal.root.multihash.bytes, publication.root.multihash.bytes) === 0 &&
    withdrawal.sequence > publication.sequence
  )
}

function publicationOf({ root, by, sequence, text }: Fields): Publication {
  return { root, by, sequence, title: text }
}

function withdrawalOf({ root, by, sequence, text }: Fields): Withdrawal {
  return { root, by, sequence, reason: text }
}

function signFields(kind: Kind, fields: Fields, city: CityId, signer: RecordSigner): Uint8Array {
  const { sequence, text } = fields
  if (!isSequence(sequence)) throw badRecord('its number is not a whole one from 1 on')
  if (!isTidyText(kind, text)) throw badRecord(`its ${kind.text} is too long, or not one line`)
  const signature = signer.sign(signedBytes(kind, fields, city))
  const bytes = encode({ ...wireFields(kind, fields), signature })
  if (bytes.length > kind.bytesMax) throw badRecord('it is too large')
  return bytes
}

/** The fields, or what is wrong. */
function parseFields(kind: Kind, bytes: Uint8Array, city: CityId): Fields | string {
  if (bytes.length > kind.bytesMax) return `the ${kind.name} is too large`
  const value = decodeMap(bytes)
  const fields = value === undefined ? undefined : fieldsOf(kind, value)
  const signature = value?.get('signature')
  if (fields === undefined || !(signature instanceof Uint8Array)) {
    return `the ${kind.name} is malformed`
  }
  // One record, one spelling: otherwise copies of it could not be told to be the same.
  const isCanonical =
    Buffer.compare(encode({ ...wireFields(kind, fields), signature }), bytes) === 0
  if (!isCanonical) return `the ${kind.name} is malformed`
  const isGenuine =
    signature.length === SIGNATURE_BYTES &&
    verifySignature(fields.by, signedBytes(kind, fields, city), signature)
  return isGenuine ? fields : `the ${kind.name} is not signed by the key that it names`
}

function fieldsOf(kind: Kind, value: ReadonlyMap<string, unknown>): Fields | undefined {
  const root = asCid(value.get('root'))
  const by = value.get('by')
  const sequence = value.get('sequence')
  const text = value.get(kind.text)
  if (value.get('v') !== 1 || root === undefined || root.version !== 1) return undefined
  if (typeof by !== 'string' || !isPeerId(by)) return undefined
  if (typeof sequence !== 'number' || !isSequence(sequence)) return undefined
  if (typeof text !== 'string' || !isTidyText(kind, text)) return undefined
  return { v: 1, root, by, sequence, text }
}

function wireFields(kind: Kind, { v, root, by, sequence, text }: Fields): Record<string, unknown> {
  return { v, root, by, sequence, [kind.text]: text }
}

/** The text in front separates kinds, versions and cities; no city's name has a zero byte in it. */
function signedBytes(kind: Kind, fields: Fields, city: CityId): Uint8Array {
  const domain = Buffer.from(`citynode/${kind.name}/1\0${city}\0`)
  return Buffer.concat([domain, encode(wireFields(kind, fields))])
}

function isSequence(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 1
}

function isTidyText(kind: Kind, text: string): boolean {
  if (Buffer.byteLength(text) > kind.textBytesMax) return false
  return kind.text === 'title' ? tidyName(text) === text : !/[\p{C}\p{Zl}\p{Zp}]/u.test(text)
}

function asCid(value: unknown): CID | undefined {
  return typeof value === 'object' ? (CID.asCID(value) ?? undefined) : undefined
}

function decodeMap(bytes: Uint8Array): ReadonlyMap<string, unknown> | undefined {
  try {
    const value: unknown = decode(bytes)
    const isMap = typeof value === 'object' && value !== null && !Array.isArray(value)
    return isMap ? new Map(Object.entries(value)) : undefined
  } catch {
    // What a stranger sent is no DAG-CBOR: that is all there is to say about it.
    return undefined
  }
}
