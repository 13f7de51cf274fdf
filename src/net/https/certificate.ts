// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Certificates that prove a PeerId (libp2p specs, tls/tls.md): self-signed by a key of the moment,
 * with an extension in which the node's own key signs that key. Dates are ignored at both ends: a
 * machine without a battery may say 1970, and the signature says all there is to say.
 *
 * node:crypto parses the certificate and checks its signatures; it does not show extensions that it
 * does not know, hence the small reader of der.ts.
 */
import {
  createHash,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
  X509Certificate,
} from 'node:crypto'
import { accept, type PeerId, peerIdFromPublicKey, reject, type Verdict } from '../../base/base.ts'
import { DER_TAG, type DerElement, der, derBits, derText, readElements, readInside } from './der.ts'
import { CERTIFICATE_BYTES_MAX } from './limits.ts'

/** The node's own key, as far as certificates need it. */
export interface Signer {
  readonly peerId: PeerId
  /** 32 raw bytes of an Ed25519 public key. */
  readonly publicKey: Uint8Array
  /** The 64 bytes of an Ed25519 signature. */
  sign(bytes: Uint8Array): Uint8Array
}

/** A certificate and its private key, as node:tls takes them. */
export interface PeerCertificate {
  certificatePem: string
  privateKeyPem: string
}

/** 1.3.6.1.4.1.53594.1.1, the libp2p public key extension. */
const LIBP2P_EXTENSION = Buffer.from('2b0601040183a25a0101', 'hex')
const SIGNED_PREFIX = Buffer.from('libp2p-tls-handshake:')
/** 1.2.840.10045.4.3.2, ecdsa-with-SHA256. */
const ECDSA_SHA256 = der(
  DER_TAG.sequence,
  der(DER_TAG.objectIdentifier, Buffer.from('2a8648ce3d040302', 'hex')),
)
/** 2.5.4.3, commonName. */
const COMMON_NAME = der(DER_TAG.objectIdentifier, Uint8Array.of(0x55, 0x04, 0x03))
const VERSION_3 = der(DER_TAG.version, der(DER_TAG.integer, Uint8Array.of(2)))
const SERIAL_BYTES = 8

/** The protobuf `PublicKey {Type: Ed25519, Data: 32 bytes}` up to the data. */
const ED25519_PROTOBUF_PREFIX = Uint8Array.of(0x08, 0x01, 0x12, 0x20)
const ED25519_SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex')
const ED25519_KEY_BYTES = 32
/** The protobuf's key types that citynode does not take, by their number. */
const OTHER_KEY_TYPES = new Map([
  [0, 'RSA'],
  [2, 'secp256k1'],
  [3, 'ECDSA'],
])
/** Of the certificate itself. RSA is what the specification advises against, and dear to check. */
const CERTIFICATE_KEY_TYPES = new Set<string | undefined>(['ec', 'ed25519'])

/** A fresh certificate for `signer`: a key of the moment (P-256, which every libp2p speaks). */
export function createCertificate(signer: Signer): PeerCertificate {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const extension = createIdentityExtension(signer, exportSpki(publicKey))
  const certificate = signCertificate({ privateKey, publicKey, extensions: [extension] })
  return {
    certificatePem: new X509Certificate(certificate).toString(),
    privateKeyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  }
}

/** The X.509 extension in which `signer` vouches for the certificate's key. */
export function createIdentityExtension(
  signer: Pick<Signer, 'publicKey' | 'sign'>,
  spki: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const signature = signer.sign(Buffer.concat([SIGNED_PREFIX, spki]))
  const signedKey = der(
    DER_TAG.sequence,
    der(DER_TAG.octetString, ED25519_PROTOBUF_PREFIX, signer.publicKey),
    der(DER_TAG.octetString, signature),
  )
  return der(
    DER_TAG.sequence,
    der(DER_TAG.objectIdentifier, LIBP2P_EXTENSION),
    der(DER_TAG.octetString, signedKey),
  )
}

export interface CertificateParts {
  /** A P-256 key pair. */
  privateKey: KeyObject
  publicKey: KeyObject
  /** DER of each `Extension`. */
  extensions: readonly Uint8Array[]
  /** DER of the `Validity`; by default all of time. */
  validity?: Uint8Array
}

/** A self-signed X.509 v3 certificate, DER. */
export function signCertificate(parts: CertificateParts): Uint8Array<ArrayBuffer> {
  const spki = exportSpki(parts.publicKey)
  const name = der(
    DER_TAG.sequence,
    der(DER_TAG.set, der(DER_TAG.sequence, COMMON_NAME, derText(DER_TAG.utf8String, 'citynode'))),
  )
  // Read as a positive number, never zero: the top bits are set to 01.
  const serial = createHash('sha256').update(spki).digest().subarray(0, SERIAL_BYTES)
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40
  const extensions =
    parts.extensions.length === 0
      ? []
      : [der(DER_TAG.extensions, der(DER_TAG.sequence, ...parts.extensions))]
  const toBeSigned = der(
    DER_TAG.sequence,
    VERSION_3,
    der(DER_TAG.integer, serial),
    ECDSA_SHA256,
    name,
    parts.validity ?? validityBetween('700101000000Z', '99991231235959Z'),
    name,
    spki,
    ...extensions,
  )
  const signature = sign('sha256', toBeSigned, parts.privateKey)
  return der(DER_TAG.sequence, toBeSigned, ECDSA_SHA256, derBits(signature))
}

/** @param notBefore UTCTime, `700101000000Z`. @param notAfter GeneralizedTime, `20990101000000Z`. */
export function validityBetween(notBefore: string, notAfter: string): Uint8Array<ArrayBuffer> {
  return der(
    DER_TAG.sequence,
    derText(DER_TAG.utcTime, notBefore),
    derText(DER_TAG.generalizedTime, notAfter),
  )
}

/** Whose certificate this is. Total: anything at all may be passed; dates are not looked at. */
export function verifyCertificate(certificate: Uint8Array): Verdict<PeerId> {
  if (certificate.length > CERTIFICATE_BYTES_MAX) return reject('the certificate is too long')
  const fields = readFields(certificate)
  if (typeof fields === 'string') return reject(fields)
  const key = checkSelfSignature(certificate, fields.spki)
  if (key !== undefined) return reject(key)
  const signedKey = findSignedKey(fields.extensions)
  if (typeof signedKey === 'string') return reject(signedKey)
  return verifySignedKey(signedKey, fields.spki)
}

interface CertificateFields {
  /** SubjectPublicKeyInfo as it stood there. */
  spki: Uint8Array
  extensions: readonly DerElement[]
}

/** The fields in their order (RFC 5280, 4.1), or what is wrong with them. */
function readFields(certificate: Uint8Array): CertificateFields | string {
  const toBeSigned = readInside(certificate, DER_TAG.sequence)?.[0]
  const fields =
    toBeSigned === undefined ? undefined : readInside(toBeSigned.whole, DER_TAG.sequence)
  if (fields === undefined) return 'this is not one certificate in DER'
  if (fields.some(({ tag }) => tag === DER_TAG.issuerUniqueId || tag === DER_TAG.subjectUniqueId)) {
    return 'the certificate has a deprecated unique id'
  }
  const [version, serial, algorithm, issuer, validity, subject, spki, wrapped, ...rest] = fields
  const sequences = [algorithm, issuer, validity, subject, spki]
  const isInOrder =
    version?.tag === DER_TAG.version &&
    serial?.tag === DER_TAG.integer &&
    sequences.every((field) => field?.tag === DER_TAG.sequence) &&
    rest.length === 0
  if (!isInOrder || spki === undefined) return 'the certificate is no X.509 version 3'
  if (wrapped === undefined) return 'the certificate has no libp2p extension'
  if (wrapped.tag !== DER_TAG.extensions) return 'the certificate is no X.509 version 3'
  const extensions = readInside(wrapped.content, DER_TAG.sequence)
  if (extensions === undefined) return 'the extensions are malformed'
  return { spki: spki.whole, extensions }
}

/** What is wrong with the certificate's own key and signature, if anything. */
function checkSelfSignature(certificate: Uint8Array, spki: Uint8Array): string | undefined {
  try {
    const parsed = new X509Certificate(certificate)
    const key = parsed.publicKey
    if (!CERTIFICATE_KEY_TYPES.has(key.asymmetricKeyType)) {
      return 'the certificate has a key of a kind that citynode does not take'
    }
    // What we read and what OpenSSL read must be the same key, or the proof is about another one.
    if (!exportSpki(key).equals(spki)) return 'the key of the certificate is encoded oddly'
    return parsed.verify(key) ? undefined : 'the certificate is not signed by its own key'
  } catch {
    // OpenSSL's complaint about a stranger's bytes helps nobody; that it complains is the verdict.
    return 'the certificate or its key is malformed'
  }
}

/** The content of the libp2p extension, or what is wrong. */
function findSignedKey(extensions: readonly DerElement[]): Uint8Array | string {
  let found: Uint8Array | undefined
  for (const extension of extensions) {
    const parts = extension.tag === DER_TAG.sequence ? readElements(extension.content) : undefined
    const [identifier, second] = parts ?? []
    const value = parts?.at(-1)
    const isCritical = parts?.length === 3
    if (
      identifier?.tag !== DER_TAG.objectIdentifier ||
      value?.tag !== DER_TAG.octetString ||
      !(parts?.length === 2 || (isCritical && isTrue(second)))
    ) {
      return 'an extension is malformed'
    }
    if (LIBP2P_EXTENSION.equals(identifier.content)) {
      if (found !== undefined) return 'the libp2p extension is there twice'
      found = value.content
    } else if (isCritical) {
      // The specification asks for it: what is critical and not understood ends the connection.
      return 'an extension is critical and unknown'
    }
  }
  return found ?? 'the certificate has no libp2p extension'
}

function isTrue(element: DerElement | undefined): boolean {
  const [value, ...rest] = element?.content ?? []
  return element?.tag === DER_TAG.boolean && value === 0xff && rest.length === 0
}

function verifySignedKey(signedKey: Uint8Array, spki: Uint8Array): Verdict<PeerId> {
  const [key, signature, ...rest] = readInside(signedKey, DER_TAG.sequence) ?? []
  if (
    key?.tag !== DER_TAG.octetString ||
    signature?.tag !== DER_TAG.octetString ||
    rest.length > 0
  ) {
    return reject('the libp2p extension is malformed')
  }
  const otherType = key.content[0] === 0x08 ? OTHER_KEY_TYPES.get(key.content[1] ?? 1) : undefined
  if (otherType !== undefined) {
    return reject(`the peer's key is ${otherType}; citynode peers have Ed25519 keys`)
  }
  const prefixLength = ED25519_PROTOBUF_PREFIX.length
  const isEd25519 =
    key.content.length === prefixLength + ED25519_KEY_BYTES &&
    ED25519_PROTOBUF_PREFIX.every((byte, index) => key.content[index] === byte)
  if (!isEd25519) return reject("the peer's key is malformed")
  const publicKey = key.content.subarray(prefixLength)
  const signed = Buffer.concat([SIGNED_PREFIX, spki])
  return isSignedBy(publicKey, signed, signature.content)
    ? accept(peerIdFromPublicKey(publicKey))
    : reject("the certificate's key is not signed by the peer's key")
}

function isSignedBy(publicKey: Uint8Array, signed: Uint8Array, signature: Uint8Array): boolean {
  try {
    const key = createPublicKey({
      key: Buffer.concat([ED25519_SPKI_PREFIX, publicKey]),
      type: 'spki',
      format: 'der',
    })
    return verify(null, signed, key, signature)
  } catch {
    // A key or signature that OpenSSL cannot read vouches for nothing.
    return false
  }
}

function exportSpki(key: KeyObject): Buffer {
  return key.export({ type: 'spki', format: 'der' })
}
