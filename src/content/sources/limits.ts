// SPDX-License-Identifier: AGPL-3.0-or-later
/** Every bound of the sources of folders, with its unit and its reason. */

const KIBIBYTE = 1024

/** Bytes of a file read at once, into a buffer that all files of a walk share. */
export const WALK_READ_BYTES = 256 * KIBIBYTE

/** Names of a folder that are read ahead; a folder of a million is never held whole. */
export const WALK_NAMES_AHEAD = 64

/**
 * Bytes of one pax header or long name in an archive. Paths have 4 KiB, but extended attributes of
 * other tools lie there too, up to 64 KiB each.
 */
export const TAR_META_BYTES_MAX = 1024 * KIBIBYTE
