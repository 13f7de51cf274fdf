// SPDX-License-Identifier: AGPL-3.0-or-later
/** What is put up with of a CAR file that somebody brings, with unit and reason. */
import { LEAF_BYTES_MAX } from '../limits.ts'

const KIBIBYTE = 1024
const MEBIBYTE = 1024 * KIBIBYTE

/** Items of one CAR: more than most nodes have; each costs a walk. */
export const CAR_ITEMS_MAX = 16 * KIBIBYTE

/** Roots of one CAR: the items, and the blocks that say what they are called. */
export const CAR_ROOTS_MAX = CAR_ITEMS_MAX + 256

/** Bytes of the header: that many roots at about 41 bytes, and some room. */
export const CAR_FILE_HEADER_BYTES_MAX = MEBIBYTE

/** Bytes of a content id in a section: a sha2-512 has 70. */
export const CID_BYTES_MAX = 128

/** Bytes of one section: the largest block that IPFS software passes on, and its id. */
export const CAR_SECTION_BYTES_MAX = LEAF_BYTES_MAX + CID_BYTES_MAX

/** Blocks of one CAR: sixteen terabytes in leaves of 1 MiB. More is a bomb of crumbs. */
export const CAR_BLOCKS_MAX = 16 * MEBIBYTE

/** Bytes before the CARv1 inside of a CARv2: its header has 51, the rest is padding to a page. */
export const CAR_V2_PADDING_BYTES_MAX = MEBIBYTE

/** Bytes of one block that says what items are called: well below what a peer would pass on. */
export const NOTES_BYTES_MAX = MEBIBYTE

/** Bytes of all such blocks of one CAR: {@link CAR_ITEMS_MAX} items with half a page each. */
export const NOTES_TOTAL_BYTES_MAX = 32 * MEBIBYTE

/** Bytes of a signature with what was signed: the publication of an item has some hundred. */
export const NOTED_PUBLICATION_BYTES_MAX = 4 * KIBIBYTE

/** Leaves whose place in a large file is known before they come, at some 200 bytes each. */
export const AWAITED_BLOCKS_MAX = 64 * KIBIBYTE

/** Bytes of tree nodes that are kept in memory until the first leaf of their file has come. */
export const HELD_NODES_BYTES_MAX = 8 * MEBIBYTE

/** How often a block is looked at that occurs in several items, or places, of a CAR. */
export const VISITS_OF_ONE_MAX = 4

/** Looks at nodes beyond that, to see what is whole: some seconds on a fast machine. */
export const REPEATED_NODES_MAX = 64 * KIBIBYTE

/** Looks at leaves beyond that, which cost less: a file of nothing but zeros has many. */
export const REPEATED_LEAVES_MAX = 2 * MEBIBYTE

/** Missing blocks of an item that are counted; beyond it are "at least" so many. */
export const MISSING_COUNTED_MAX = 100_000

/** Bytes that are handed on at once while exporting. */
export const EXPORT_PIECE_BYTES = 256 * KIBIBYTE
