// SPDX-License-Identifier: AGPL-3.0-or-later
/** Which content ids we take, and how blocks are told apart: by codec and sha2-256. */
import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'
import { unsupportedCid } from '../errors.ts'

/** Multicodec `raw`: bytes of a file as they are. */
export const RAW = 0x55
/** Multicodec `dag-pb`: a tree node. */
export const DAG_PB = 0x70
/** Multihash `sha2-256`. */
export const SHA2_256 = 0x12
export const DIGEST_BYTES = 32
/** Bytes of a binary CIDv1 of the kinds that we take: version, codec, hash, length, digest. */
export const CID_V1_BYTES = 36
/** Bytes of a binary CIDv0: hash, length, digest. */
export const CID_V0_BYTES = 34

export type Codec = typeof RAW | typeof DAG_PB

/** A block's identity, whatever the version of the CID that names it. */
export interface BlockName {
  codec: Codec
  /** 32 bytes. */
  digest: Uint8Array
}

/** @throws CodedError `CONTENT_CID_UNSUPPORTED` for other codecs and hashes than ours. */
export function blockNameOf(cid: CID): BlockName {
  const { code, multihash } = cid
  const isOurs =
    (code === RAW || code === DAG_PB) &&
    multihash.code === SHA2_256 &&
    multihash.digest.length === DIGEST_BYTES
  if (!isOurs) throw unsupportedCid(cid)
  return { codec: code, digest: multihash.digest }
}

export function isSupported(cid: CID): boolean {
  return (
    (cid.code === RAW || cid.code === DAG_PB) &&
    cid.multihash.code === SHA2_256 &&
    cid.multihash.digest.length === DIGEST_BYTES
  )
}

/** Under which an item is kept: CIDv1. */
export function canonicalCid(cid: CID): CID {
  blockNameOf(cid)
  return cid.toV1()
}

export function cidOf(codec: Codec, digest: Uint8Array): CID {
  return CID.createV1(codec, Digest.create(SHA2_256, digest))
}

/** A block's identity as a key of maps and sets. */
export function keyOf(name: BlockName): string {
  return `${name.codec}:${Buffer.from(
    name.digest.buffer,
    name.digest.byteOffset,
    name.digest.length,
  ).toString('latin1')}`
}

/** The block that a binary CID names, or undefined when it is of no kind that we take. */
export function parseBinaryCid(bytes: Uint8Array): BlockName | undefined {
  if (bytes.length === CID_V0_BYTES && bytes[0] === SHA2_256 && bytes[1] === DIGEST_BYTES) {
    return { codec: DAG_PB, digest: bytes.subarray(2) }
  }
  const codec = bytes[1]
  const isOurs =
    bytes.length === CID_V1_BYTES &&
    bytes[0] === 1 &&
    (codec === RAW || codec === DAG_PB) &&
    bytes[2] === SHA2_256 &&
    bytes[3] === DIGEST_BYTES
  return isOurs ? { codec, digest: bytes.subarray(4) } : undefined
}

export function isSameBlock(one: BlockName, other: BlockName): boolean {
  return one.codec === other.codec && isSameDigest(one.digest, other.digest)
}

export function isSameDigest(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0
}
