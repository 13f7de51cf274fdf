// SPDX-License-Identifier: AGPL-3.0-or-later
/** Keys and certificates, good and bad, for the tests of certificates and of HTTPS. */
import { generateKeyPairSync, type KeyObject, sign, X509Certificate } from 'node:crypto'
import { type PeerId, peerIdFromPublicKey } from '../../src/base/base.ts'
import {
  createIdentityExtension,
  type PeerCertificate,
  type Signer,
  signCertificate,
} from '../../src/net/https/certificate.ts'

const SPKI_PREFIX_BYTES = 12

export function createSigner(): Signer {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const raw = publicKey.export({ type: 'spki', format: 'der' }).subarray(SPKI_PREFIX_BYTES)
  return {
    peerId: peerIdFromPublicKey(raw),
    publicKey: raw,
    sign: (bytes) => sign(null, bytes, privateKey),
  }
}

export interface Forgery {
  /** Who vouches; nobody when undefined. */
  vouchedBy?: Pick<Signer, 'publicKey' | 'sign'>
  /** Added as they are. */
  otherExtensions?: readonly Uint8Array[]
  validity?: Uint8Array
  /** The key in the extension's signature is another than the certificate's. */
  vouchesForAnotherKey?: boolean
  /** The certificate is signed by another key than its own. */
  signedBy?: KeyObject
}

/** A P-256 certificate that may be wrong in one or more ways. */
export function forge(forgery: Forgery): { der: Uint8Array } & PeerCertificate {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const vouchedKey = forgery.vouchesForAnotherKey
    ? generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey
    : publicKey
  const spki = vouchedKey.export({ type: 'spki', format: 'der' })
  const identity =
    forgery.vouchedBy === undefined ? [] : [createIdentityExtension(forgery.vouchedBy, spki)]
  const der = signCertificate({
    privateKey: forgery.signedBy ?? privateKey,
    publicKey,
    extensions: [...identity, ...(forgery.otherExtensions ?? [])],
    ...(forgery.validity === undefined ? {} : { validity: forgery.validity }),
  })
  return { der, ...pemOf(der, privateKey) }
}

export function pemOf(der: Uint8Array, privateKey: KeyObject): PeerCertificate {
  return {
    certificatePem: new X509Certificate(der).toString(),
    privateKeyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  }
}

/** A peer whose key says it is somebody else. */
export function impostor(of: Signer): Pick<Signer, 'publicKey' | 'sign'> & { peerId: PeerId } {
  const own = createSigner()
  return { peerId: of.peerId, publicKey: of.publicKey, sign: own.sign }
}
