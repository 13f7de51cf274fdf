// SPDX-License-Identifier: AGPL-3.0-or-later
/** The names of things: nodes, items, cities, costs. Branded, so that one is never taken for another. */
import { base58btc } from 'multiformats/bases/base58'
import { CID } from 'multiformats/cid'
import { CodedError } from './errors.ts'

declare const brand: unique symbol

/** A node's name: the base58 text of its libp2p PeerId (an Ed25519 key inlined, `12D3Koo…`). */
export type PeerId = string & { readonly [brand]: 'PeerId' }

/** A city's name: 1–64 letters, digits, dots or dashes. All protocols and topics are scoped by it. */
export type CityId = string & { readonly [brand]: 'CityId' }

/** Expected microseconds of airtime or wire time to move one kilobyte. */
export type UsPerKb = number & { readonly [brand]: 'UsPerKb' }

/** The libp2p multihash prefix of an inlined Ed25519 public key (identity hash, 36 bytes of protobuf). */
const ED25519_PEER_ID_PREFIX = Uint8Array.of(0x00, 0x24, 0x08, 0x01, 0x12, 0x20)
/** Multicodec `ed25519-pub` as a varint (did:key). */
const ED25519_DID_PREFIX = Uint8Array.of(0xed, 0x01)
const ED25519_KEY_BYTES = 32
const PEER_ID_TEXT_LENGTH_MAX = 64

/** @throws CodedError `BAD_PEER_ID` unless `text` is the base58 PeerId of an Ed25519 key. */
export function parsePeerId(text: string): PeerId {
  publicKeyOf(text)
  // The line above is the proof that the brand asks for.
  return text as PeerId
}

export function isPeerId(text: string): text is PeerId {
  try {
    publicKeyOf(text)
    return true
  } catch {
    return false
  }
}

/** @param publicKey 32 raw bytes of an Ed25519 public key. */
export function peerIdFromPublicKey(publicKey: Uint8Array): PeerId {
  // The prefix and the key are what the brand stands for.
  return base58btc.baseEncode(concat(ED25519_PEER_ID_PREFIX, publicKey)) as PeerId
}

/** The 32 raw bytes of the Ed25519 public key that a PeerId inlines. */
export function publicKeyOf(peerId: string): Uint8Array<ArrayBuffer> {
  const bytes = decodeBase58(peerId)
  const prefixLength = ED25519_PEER_ID_PREFIX.length
  const isEd25519 =
    bytes !== undefined &&
    bytes.length === prefixLength + ED25519_KEY_BYTES &&
    ED25519_PEER_ID_PREFIX.every((byte, index) => bytes[index] === byte)
  if (!isEd25519) {
    throw new CodedError('BAD_PEER_ID', 'This is not the PeerId of a citynode (12D3Koo…).')
  }
  return bytes.slice(prefixLength)
}

/** The same key as a `did:key` (W3C did:key method, Ed25519). */
export function didKeyOf(peerId: PeerId): string {
  return `did:key:${base58btc.encode(concat(ED25519_DID_PREFIX, publicKeyOf(peerId)))}`
}

/** @throws CodedError `BAD_CID` with advice, for text that is no CID. */
export function parseCid(text: string): CID {
  try {
    return CID.parse(text)
  } catch (cause) {
    throw new CodedError('BAD_CID', 'This is not a content id (CID).', {
      cause,
      advice: 'A content id looks like bafkrei… or bafybei…; copy it whole.',
    })
  }
}

export function isCityId(text: string): text is CityId {
  return /^[a-z0-9](?:[a-z0-9.-]{0,62}[a-z0-9])?$/.test(text)
}

/** @throws CodedError `BAD_CITY` */
export function parseCityId(text: string): CityId {
  if (isCityId(text)) return text
  throw new CodedError('BAD_CITY', 'A city id has 1–64 lower-case letters, digits, dots or dashes.')
}

function decodeBase58(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (text.length > PEER_ID_TEXT_LENGTH_MAX) return undefined
  try {
    return Uint8Array.from(base58btc.baseDecode(text))
  } catch {
    return undefined
  }
}

function concat(first: Uint8Array, second: Uint8Array): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(first.length + second.length)
  joined.set(first)
  joined.set(second, first.length)
  return joined
}
