// SPDX-License-Identifier: AGPL-3.0-or-later
/** Every bound of the block store, with its unit and its reason. */

const KIBIBYTE = 1024
const MEBIBYTE = 1024 * KIBIBYTE

/**
 * Bytes of a pack at which the next one begins: large enough that a terabyte of small blocks is some
 * thousand files, small enough to be copied when most of it is no longer needed.
 */
export const PACK_BYTES_MAX = 128 * MEBIBYTE

/** Digits of a pack's file name, so that names sort as numbers do. */
export const PACK_NAME_DIGITS = 8

/** Bytes of one block anywhere in the store: the largest that IPFS software passes on. */
export const BLOCK_BYTES_MAX = 2 * MEBIBYTE

/** Bytes of a record about an item: its texts have limits of their own, far below. */
export const RECORD_BYTES_MAX = 64 * KIBIBYTE

/** Bytes read at once while packs are read from end to end. Holds the largest section. */
export const SCAN_BYTES = 4 * MEBIBYTE

/** Blocks that an arriving item may have on the disk and not yet in the index: about 2 MiB of memory. */
export const UNINDEXED_BLOCKS_MAX = 16 * KIBIBYTE

/** Bytes after which what has arrived is made safe: what a power cut costs at most, per item. */
export const CHECKPOINT_BYTES = 64 * MEBIBYTE

/**
 * Bytes of a file that is being added after which they are made safe, so that adding it can go on there
 * after whatever ends it: what that costs again at most. A sync a second or so, beside the reading.
 */
export const ADD_CHECKPOINT_BYTES = 64 * MEBIBYTE

/** Additions of large files that were called off and are kept for another try; beyond it the oldest go. */
export const UNFINISHED_FILES_MAX = 4

/** How long such a one is kept, in ms: a week, so that one of a Friday's can wait for the Monday. */
export const UNFINISHED_AGE_MS_MAX = 7 * 24 * 3600_000

/** Large files that an arriving item has open: each has two handles and a few buffers. */
export const OPEN_PARTIALS_MAX = 4

/** Files kept open for reading: more than there are responses under way, far fewer than handles. */
export const OPEN_VOLUMES_MAX = 48

/** Rows changed in one transaction when much is removed: some ten ms on a slow board. */
export const SLICE_ROWS = 4096

/** Share of a pack that must be of no use before the rest is copied and the pack removed. */
export const PACK_WASTE_MAX = 0.5

/** Files that a start looks at: about a second; in a larger store the checking for bit rot finds out. */
export const CHECKED_FILES_MAX = 20_000

/** Files looked at in parallel: enough to keep a disk busy. */
export const CHECKS_PARALLEL_MAX = 8
