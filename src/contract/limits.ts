// SPDX-License-Identifier: AGPL-3.0-or-later
/** How much of an answer a client is willing to hold in memory. */

/** Bytes of one JSON answer: 100,000 items at some 700 bytes each fit well. */
export const JSON_BYTES_MAX = 128 * 1024 * 1024

/** Bytes of one line of a progress stream: the longest holds an item and how its fetch went. */
export const LINE_BYTES_MAX = 256 * 1024

/** Characters of an item's name: longer than any file system allows. */
export const ITEM_NAME_LENGTH_MAX = 255

/** Characters of a title, a description, a licence, a language; the node counts bytes. */
export const ITEM_TEXT_LENGTH_MAX = 4096

/** Characters of a path in an item: `PATH_MAX` of Linux. */
export const ITEM_PATH_LENGTH_MAX = 4096

/** Characters of a path on the machine of the node: the same. */
export const FILE_PATH_LENGTH_MAX = 4096

/** Characters of a reason for a block; the node counts bytes. */
export const REFUSAL_REASON_LENGTH_MAX = 200

/** Content ids in one order to export: with those the request stays a small one. */
export const EXPORT_CIDS_MAX = 128

/** Characters of a CID's text: an identity or long-hash CID in base32 stays well below. */
export const CID_LENGTH_MAX = 256

/** Items in one page of a list: what a phone shows at once, and a program reads in one answer. */
export const ITEMS_PAGE_MAX = 1000
