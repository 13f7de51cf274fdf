// SPDX-License-Identifier: AGPL-3.0-or-later
/** Bytes that are only lent. */

/**
 * A copy that is the caller's own. Not `slice`: of a Node `Buffer`, which is a `Uint8Array` to every
 * type, `slice` gives the same memory again.
 */
export function copyOf(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes)
}
