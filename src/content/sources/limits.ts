// SPDX-License-Identifier: AGPL-3.0-or-later
/** Every bound of the sources of folders, with its unit and its reason. */

const KIBIBYTE = 1024

/** Bytes of a file read at once, into a buffer that all files of a walk share. */
export const WALK_READ_BYTES = 256 * KIBIBYTE

/** Names of a folder that are read ahead; a folder of a million is never held whole. */
export const WALK_NAMES_AHEAD = 64
