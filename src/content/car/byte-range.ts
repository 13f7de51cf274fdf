// SPDX-License-Identifier: AGPL-3.0-or-later
/** Ranges as the Trustless Gateway's `entity-bytes` has them. Pure. */

export interface ByteRange {
  /** Below zero: counted from the end. */
  from: number
  /** The last byte, included; below zero: counted from the end; undefined: to the end. */
  to: number | undefined
}

/** Of a file of `sizeBytes`, the end not included; undefined: no byte of the file is in it. */
export function resolveRange(
  { from, to }: ByteRange,
  sizeBytes: number,
): { start: number; end: number } | undefined {
  const start = from < 0 ? Math.max(0, sizeBytes + from) : from
  const last = to === undefined ? sizeBytes - 1 : to < 0 ? sizeBytes + to : to
  const end = Math.min(sizeBytes, last + 1)
  return start < end ? { start, end } : undefined
}

/**
 * Whether all of it lies before or behind a file of `sizeBytes`. What is empty without that, such as
 * all of an empty file, is not outside.
 */
export function isOutside({ from, to }: ByteRange, sizeBytes: number): boolean {
  const isBehind = from > 0 && from >= sizeBytes
  const isBefore = to !== undefined && to < 0 && sizeBytes + to < 0
  return isBehind || isBefore
}
