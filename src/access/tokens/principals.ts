// SPDX-License-Identifier: AGPL-3.0-or-later
/** Who a token names: a `did:key` with Ed25519, which is a PeerId in another spelling. */
import { createPublicKey, type KeyObject, verify } from 'node:crypto'
import { base58btc } from 'multiformats/bases/base58'
import { type PeerId, peerIdFromPublicKey, publicKeyOf } from '../../base/base.ts'
import { KEYS_KEPT_MAX } from '../limits.ts'
import { RecentMap } from '../recent-map.ts'

const DID_KEY = 'did:key:'
/** `did:key:z6Mk…`: 34 bytes in base58 with its prefix are always so long. */
const DID_CHARACTERS = 56
/** Multicodec `ed25519-pub` as a varint. */
const ED25519_PREFIX = Uint8Array.of(0xed, 0x01)
const ED25519_KEY_BYTES = 32

/** Undefined for anything but the `did:key` of an Ed25519 key. */
export function peerIdOfDid(did: string): PeerId | undefined {
  if (did.length !== DID_CHARACTERS || !did.startsWith(DID_KEY)) return undefined
  const bytes = decodeMultibase(did.slice(DID_KEY.length))
  if (bytes?.length !== ED25519_PREFIX.length + ED25519_KEY_BYTES) return undefined
  if (!ED25519_PREFIX.every((byte, index) => bytes[index] === byte)) return undefined
  return peerIdFromPublicKey(bytes.subarray(ED25519_PREFIX.length))
}

function decodeMultibase(text: string): Uint8Array | undefined {
  try {
    return base58btc.decode(text)
  } catch {
    // Not base58.
    return undefined
  }
}

/**
 * Names and keys of principals, kept ready: the same few come again and again, and reading a name and
 * making a key of it costs as much as verifying a signature.
 */
export class Principals {
  readonly #names = new RecentMap<string, PeerId>(KEYS_KEPT_MAX)
  readonly #keys = new RecentMap<PeerId, KeyObject>(KEYS_KEPT_MAX)

  /** As {@link peerIdOfDid}. */
  peerIdOf(did: string): PeerId | undefined {
    const kept = this.#names.get(did)
    if (kept !== undefined) return kept
    const peerId = peerIdOfDid(did)
    if (peerId !== undefined) this.#names.set(did, peerId)
    return peerId
  }

  /** Whether `signature` over `bytes` was made by that key. Never throws. */
  verify(signer: PeerId, bytes: Uint8Array, signature: Uint8Array): boolean {
    try {
      return verify(null, bytes, this.#keyOf(signer), signature)
    } catch {
      // Bytes that are no point of the curve: nobody can have signed with them.
      return false
    }
  }

  #keyOf(signer: PeerId): KeyObject {
    const kept = this.#keys.get(signer)
    if (kept !== undefined) return kept
    const x = Buffer.from(publicKeyOf(signer)).toString('base64url')
    const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' })
    this.#keys.set(signer, key)
    return key
  }
}
