// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * The little of DER (ITU-T X.690) that one certificate with one extension needs. The reader is total
 * and strict: one-byte tags, definite lengths in their shortest form, nothing left over. It never
 * recurses; who reads goes down level by level.
 */
import { CERTIFICATE_BYTES_MAX, DER_SIBLINGS_MAX } from './limits.ts'

export const DER_TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectIdentifier: 0x06,
  utf8String: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
  /** `[0] EXPLICIT` in a certificate: its version. */
  version: 0xa0,
  /** `[1]` and `[2] IMPLICIT BIT STRING`: the deprecated unique ids. */
  issuerUniqueId: 0x81,
  subjectUniqueId: 0x82,
  /** `[3] EXPLICIT` in a certificate: its extensions. */
  extensions: 0xa3,
} as const

export interface DerElement {
  tag: number
  content: Uint8Array
  /** Tag, length and content as they stood there. */
  whole: Uint8Array
}

/** The elements that lie side by side in `bytes`, or undefined unless they fill it exactly. */
export function readElements(bytes: Uint8Array): DerElement[] | undefined {
  const elements: DerElement[] = []
  let offset = 0
  while (offset < bytes.length) {
    const element = readElement(bytes.subarray(offset))
    if (element === undefined || elements.length === DER_SIBLINGS_MAX) return undefined
    elements.push(element)
    offset += element.whole.length
  }
  return elements
}

/** The elements inside the one element, of the tag asked for, that `bytes` is. */
export function readInside(bytes: Uint8Array, tag: number): DerElement[] | undefined {
  const elements = readElements(bytes)
  const only = elements?.[0]
  if (only === undefined || elements?.length !== 1 || only.tag !== tag) return undefined
  return readElements(only.content)
}

/** One element around `contents`. */
export function der(tag: number, ...contents: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const content = Buffer.concat(contents)
  return Uint8Array.from(Buffer.concat([Uint8Array.of(tag), lengthBytes(content.length), content]))
}

/** A text as UTF8String, UTCTime or GeneralizedTime. */
export function derText(tag: number, text: string): Uint8Array<ArrayBuffer> {
  return der(tag, Buffer.from(text, 'utf8'))
}

/** A BIT STRING of whole bytes. */
export function derBits(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return der(DER_TAG.bitString, Uint8Array.of(0), bytes)
}

function readElement(bytes: Uint8Array): DerElement | undefined {
  const tag = bytes[0]
  const first = bytes[1]
  if (tag === undefined || first === undefined || (tag & 0x1f) === 0x1f) return undefined
  const lengthOfLength = first < 0x80 ? 0 : first - 0x80
  // 0x80 alone is BER's indefinite length; more than two bytes would exceed any certificate.
  if (first === 0x80 || lengthOfLength > 2) return undefined
  let length = lengthOfLength === 0 ? first : 0
  for (const byte of bytes.subarray(2, 2 + lengthOfLength)) length = length * 256 + byte
  const start = 2 + lengthOfLength
  const isShortest = lengthBytes(length).length === 1 + lengthOfLength
  if (!isShortest || length > CERTIFICATE_BYTES_MAX || bytes.length < start + length) {
    return undefined
  }
  return {
    tag,
    content: bytes.subarray(start, start + length),
    whole: bytes.subarray(0, start + length),
  }
}

function lengthBytes(length: number): Uint8Array {
  if (length < 0x80) return Uint8Array.of(length)
  if (length < 0x100) return Uint8Array.of(0x81, length)
  return Uint8Array.of(0x82, length >> 8, length & 0xff)
}
