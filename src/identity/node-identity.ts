// SPDX-License-Identifier: AGPL-3.0-or-later
/** The key in memory: names, signatures, and the one way to its secret part. */
import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto'
import {
  CodedError,
  didKeyOf,
  invariant,
  type PeerId,
  peerIdFromPublicKey,
  publicKeyOf,
} from '../base/base.ts'
import { SEED_BYTES } from './limits.ts'

export interface NodeIdentity {
  readonly peerId: PeerId
  /** The same key as a `did:key`. */
  readonly did: string
  /** 32 raw bytes. */
  readonly publicKey: Uint8Array<ArrayBuffer>
  readonly privateKey: KeyObject
  /** The 32 raw bytes from which libp2p makes its key. A secret: never log or store it. */
  seed(): Uint8Array<ArrayBuffer>
  /** An Ed25519 signature, 64 bytes. */
  sign(bytes: Uint8Array): Uint8Array<ArrayBuffer>
}

/** An identity around a key that is already in memory; tests and the simulator make their own. */
export function createIdentity(privateKey: KeyObject): NodeIdentity {
  const { x, d } = privateKey.export({ format: 'jwk' })
  if (privateKey.asymmetricKeyType !== 'ed25519' || x === undefined || d === undefined) {
    throw new CodedError('KEY_WRONG_TYPE', 'A node key is a private Ed25519 key.')
  }
  const publicKey = Uint8Array.from(Buffer.from(x, 'base64url'))
  const peerId = peerIdFromPublicKey(publicKey)
  return {
    peerId,
    did: didKeyOf(peerId),
    publicKey,
    privateKey,
    seed: () => Uint8Array.from(Buffer.from(d, 'base64url')),
    sign: (bytes) => Uint8Array.from(sign(null, bytes, privateKey)),
  }
}

/** What stands before the seed in a PKCS#8 key (RFC 8410); every 32 bytes are a seed. */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex')

/** The identity that a seed has always been. */
export function identityOfSeed(seed: Uint8Array): NodeIdentity {
  invariant(seed.length === SEED_BYTES, 'a seed is 32 bytes')
  const key = Buffer.concat([PKCS8_PREFIX, seed])
  return createIdentity(createPrivateKey({ key, format: 'der', type: 'pkcs8' }))
}

/** Whether `signature` over `bytes` was made by the node of that name. Never throws. */
export function verifySignature(peerId: string, bytes: Uint8Array, signature: Uint8Array): boolean {
  try {
    const x = Buffer.from(publicKeyOf(peerId)).toString('base64url')
    const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' })
    return verify(null, bytes, key, signature)
  } catch {
    // No PeerId, or bytes that are no key: nobody can have signed with it.
    return false
  }
}
