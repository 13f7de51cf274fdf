// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * The conditions of a request (RFC 9110): whether the caller has it already, and which part is
 * wanted. Pure. The ETag is all that counts; dates are left out on purpose: two files of one name
 * may bear the same date, or an older one, and a CID is never wrong.
 */
import type { IncomingHttpHeaders } from 'node:http'
import type { ByteSpan } from './library.ts'

/** Weak comparison, which is what a cache asks for. */
export function isKnown(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false
  if (ifNoneMatch.trim() === '*') return true
  return ifNoneMatch.split(',').some((entry) => entry.trim().replace(/^W\//, '') === etag)
}

export type WantedPart = 'whole' | 'beyond' | ByteSpan

/**
 * Which part to send. Several ranges at once get the whole, as RFC 9110 allows: no browser's player
 * needs them, and they are a known way to make a server send more than there is.
 */
export function wantedPart(
  headers: Readonly<IncomingHttpHeaders>,
  file: { sizeBytes: number; etag: string },
): WantedPart {
  const { range, 'if-range': ifRange } = headers
  if (range === undefined) return 'whole'
  // Strong comparison: a weak ETag or a date does not promise the same bytes.
  if (ifRange !== undefined && ifRange !== file.etag) return 'whole'
  const match = /^bytes=\s*(\d*)-(\d*)\s*$/i.exec(range)
  if (match === null) return 'whole'
  const [, first = '', last = ''] = match
  if (first === '' && last === '') return 'whole'
  return first === '' ? suffixOf(last, file.sizeBytes) : spanOf(first, last, file.sizeBytes)
}

function suffixOf(length: string, sizeBytes: number): WantedPart {
  const wanted = Number(length)
  if (wanted === 0 || sizeBytes === 0) return 'beyond'
  return { start: Math.max(0, sizeBytes - wanted), end: sizeBytes }
}

function spanOf(first: string, last: string, sizeBytes: number): WantedPart {
  const start = Number(first)
  // The last byte is named itself; without one, and past the end, it goes to the end.
  const end = last === '' ? sizeBytes : Math.min(Number(last) + 1, sizeBytes)
  // A range that runs backwards is no range.
  if (last !== '' && Number(last) < start) return 'whole'
  return start >= sizeBytes ? 'beyond' : { start, end }
}
