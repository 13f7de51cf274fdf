// SPDX-License-Identifier: AGPL-3.0-or-later
/** Every bound of the sources of folders, with its unit and its reason. */
import { LEAF_BYTES } from '../limits.ts'

/**
 * Bytes of a file read at once, into a buffer that all files of a walk share: a leaf. Each read is a trip
 * to another thread and back; a quarter of it cost a tenth more CPU a GiB.
 */
export const WALK_READ_BYTES = LEAF_BYTES

/** Names of a folder that are read ahead; a folder of a million is never held whole. */
export const WALK_NAMES_AHEAD = 64
