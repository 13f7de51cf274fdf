// SPDX-License-Identifier: AGPL-3.0-or-later
/** Every bound of folders as they are imported, with its unit and its reason. */

const KIBIBYTE = 1024

/** Links of one node of a file's tree: the profile `unixfs-v1-2025` (IPIP-499) says so. */
export const FILE_NODE_LINKS = 1024

/** Bytes of a folder's single node; one byte more and it is a HAMT: the profile again. */
export const FOLDER_NODE_BYTES_MAX = 256 * KIBIBYTE

/** Slots of one HAMT node: the profile again. Each level takes one byte of a name's hash. */
export const HAMT_SLOTS = 256

/**
 * Levels of a HAMT. The hash has eight bytes, and a ninth level is where Kubo gives up as well; only
 * names made to collide get there.
 */
export const HAMT_DEPTH_MAX = 8

/** Bytes of one name in UTF-8: what file systems allow, so that it can be written out again. */
export const ENTRY_NAME_BYTES_MAX = 255

/** Bytes of a whole path: `PATH_MAX` of Linux. */
export const ENTRY_PATH_BYTES_MAX = 4096

/**
 * Folders within each other, each held in memory while it is open. Real trees have some 30; readers
 * give up at 128 levels, and parts of large folders and files count there as well.
 */
export const FOLDER_DEPTH_MAX = 96

/**
 * Blocks of all that is imported at once, each as often as it occurs: what readers give up at. It
 * is two million small files, or twice the leaves of the largest file.
 */
export const IMPORT_BLOCKS_MAX = 2048 * KIBIBYTE

/** Entries of one folder. They are held until it is complete, at about 150 bytes each. */
export const FOLDER_ENTRIES_MAX = 1024 * KIBIBYTE

/** Bytes of a symlink's target: what Linux allows. */
export const SYMLINK_TARGET_BYTES_MAX = 4095

/** Characters of a path that a message shows. */
export const SHOWN_PATH_LENGTH_MAX = 200
