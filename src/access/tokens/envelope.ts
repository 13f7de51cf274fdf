// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * The envelope of UCAN 1.0: `[signature, {h: varsig header, "ucan/dlg@1.0.0": payload}]` in
 * DAG-CBOR. Everything that is signed here uses Ed25519 over DAG-CBOR, so the header has one value,
 * and what was signed is a slice of the token: nothing is encoded again to be verified.
 */
import { createHash } from 'node:crypto'
import { decode, encode } from '@ipld/dag-cbor'
import { CID } from 'multiformats/cid'
import { create as createDigest } from 'multiformats/hashes/digest'
import type { NodeIdentity } from '../../identity/identity.ts'
import { TOKEN_BYTES_MAX } from '../limits.ts'
import { granted, type Judged, refused } from '../refusal.ts'
import { isMap, type Value, type ValueMap } from '../values.ts'
import { findNonCanonical } from './canonical.ts'

export type TokenKind = 'dlg' | 'inv'

/** A token taken apart; nothing is known yet of its payload or of who signed it. */
export interface Envelope {
  /** CIDv1 of the whole token, in base32. */
  cid: string
  payload: ValueMap
  signature: Uint8Array
  /** What the signature is over. */
  signedBytes: Uint8Array
}

/** What we write; the release candidate differs in its name alone, and is what older software writes. */
const VERSION = '1.0.0'
const VERSIONS: readonly string[] = [VERSION, '1.0.0-rc.1']

/** Varsig v1: EdDSA, edwards25519, SHA2-512, DAG-CBOR. */
const VARSIG_HEADER = Uint8Array.of(0x34, 0x01, 0xed, 0x01, 0xed, 0x01, 0x13, 0x71)
/** A list of two, of which the first is 64 bytes. */
const ENVELOPE_PREFIX = Uint8Array.of(0x82, 0x58, 0x40)
/** The major type of a byte string in CBOR. */
const MAJOR_BYTES = 2
const SIGNATURE_BYTES = 64
const SIGNED_FROM = ENVELOPE_PREFIX.length + SIGNATURE_BYTES

const DAG_CBOR = 0x71
const SHA2_256 = 0x12

/** Total: whatever the bytes are, an envelope or a refusal. */
export function openEnvelope(bytes: Uint8Array, kind: TokenKind): Judged<Envelope> {
  if (bytes.length > TOKEN_BYTES_MAX) return refused('TOKEN_TOO_LARGE')
  const problem = findNonCanonical(bytes)
  if (problem !== undefined) return refused('TOKEN_NOT_CANONICAL', problem)
  if (!startsWith(bytes, ENVELOPE_PREFIX)) return refusedBeginning(bytes)
  const signedBytes = bytes.subarray(SIGNED_FROM)
  const signed = decodeValue(signedBytes)
  if (!isMap(signed)) return refused('TOKEN_MALFORMED', 'nothing that was signed')
  const { h: header, ...rest } = signed
  const [entry, ...more] = Object.entries(rest)
  if (entry === undefined || more.length > 0) return refused('TOKEN_MALFORMED', 'no one payload')
  if (!(header instanceof Uint8Array)) return refused('TOKEN_MALFORMED', 'no varsig header')
  if (header.length !== VARSIG_HEADER.length || !startsWith(header, VARSIG_HEADER)) {
    return refused('KEY_UNSUPPORTED', 'another kind of signature')
  }
  const [tag, payload] = entry
  if (!tag.startsWith(`ucan/${kind}@`)) return refused('TOKEN_MALFORMED', 'another kind of token')
  const version = tag.slice(`ucan/${kind}@`.length)
  if (!VERSIONS.includes(version)) return refused('TOKEN_VERSION_UNKNOWN')
  if (!isMap(payload)) return refused('TOKEN_MALFORMED', 'no payload')
  const signature = bytes.subarray(ENVELOPE_PREFIX.length, SIGNED_FROM)
  return granted({ cid: cidOf(bytes), payload, signature, signedBytes })
}

/** A signature of another length is none of Ed25519's; anything else is no token at all. */
function refusedBeginning(bytes: Uint8Array): ReturnType<typeof refused> {
  const [list, first = 0] = bytes
  const isBytes = first >> 5 === MAJOR_BYTES
  return list === ENVELOPE_PREFIX[0] && isBytes
    ? refused('SIGNATURE_WRONG', 'not of 64 bytes')
    : refused('TOKEN_MALFORMED', 'no envelope')
}

/** A token of ours: the payload, signed by `signer`. */
export function sealEnvelope(
  kind: TokenKind,
  payload: ValueMap,
  signer: NodeIdentity,
): Uint8Array<ArrayBuffer> {
  const signedBytes = encode({ h: VARSIG_HEADER, [`ucan/${kind}@${VERSION}`]: payload })
  const signature = signer.sign(signedBytes)
  return Uint8Array.from(Buffer.concat([ENVELOPE_PREFIX, signature, signedBytes]))
}

/** The name of a token: CIDv1, DAG-CBOR, sha2-256, in base32. */
export function cidOf(bytes: Uint8Array): string {
  const digest = createHash('sha256').update(bytes).digest()
  return CID.createV1(DAG_CBOR, createDigest(SHA2_256, digest)).toString()
}

/** @param bytes Canonical, as {@link findNonCanonical} has it. */
export function decodeValue(bytes: Uint8Array): Value | undefined {
  try {
    // Of canonical bytes the library makes these types and no others.
    return decode(bytes) as Value
  } catch {
    // A link that is no CID: all else was looked at before.
    return undefined
  }
}

function startsWith(bytes: Uint8Array, prefix: Uint8Array): boolean {
  return prefix.every((byte, index) => bytes[index] === byte)
}
