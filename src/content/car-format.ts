// SPDX-License-Identifier: AGPL-3.0-or-later
/** CARv1, the envelope: `varint(length) header` and then `varint(length) CID bytes` a block. */
import { decode, encode } from '@ipld/dag-cbor'
import { CID } from 'multiformats/cid'

/** Bytes of the longest length that a section of ours can have, as a varint. */
export const VARINT_BYTES_MAX = 9

/** `value` as an unsigned LEB128 varint. */
export function encodeVarint(value: number): Uint8Array<ArrayBuffer> {
  const bytes: number[] = []
  let rest = value
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) | 0x80)
    rest = Math.floor(rest / 0x80)
  }
  bytes.push(rest)
  return Uint8Array.from(bytes)
}

function varintBytes(value: number): number {
  let length = 1
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) length += 1
  return length
}

/** The header of a CAR, its length in front. */
export function encodeCarHeader(...roots: readonly CID[]): Uint8Array<ArrayBuffer> {
  const header = encode({ version: 1, roots })
  return join(encodeVarint(header.length), header)
}

/** What stands in front of the `sizeBytes` of a block. */
export function encodeSectionHead(cid: CID, sizeBytes: number): Uint8Array<ArrayBuffer> {
  return join(encodeVarint(cid.bytes.length + sizeBytes), cid.bytes)
}

/** Bytes of a whole section: length, CID and block. */
export function sectionBytes(cid: CID, sizeBytes: number): number {
  const length = cid.bytes.length + sizeBytes
  return varintBytes(length) + length
}

/** What is wrong with a header, or undefined. Its roots are not looked at: we know what we asked. */
export function problemOfCarHeader(bytes: Uint8Array): string | undefined {
  let header: unknown
  try {
    header = decode(bytes)
  } catch {
    // The decoder's complaint about a stranger's bytes helps nobody; the verdict is enough.
    return 'the CAR has no readable header'
  }
  if (typeof header !== 'object' || header === null || !('version' in header)) {
    return 'the CAR has no readable header'
  }
  if (header.version !== 1) return 'the CAR is of another version than 1'
  const roots = 'roots' in header ? header.roots : undefined
  const isWellFormed = Array.isArray(roots) && roots.every((root) => CID.asCID(root) !== null)
  return isWellFormed ? undefined : 'the CAR names no roots'
}

function join(first: Uint8Array, second: Uint8Array): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(first.length + second.length)
  joined.set(first)
  joined.set(second, first.length)
  return joined
}
