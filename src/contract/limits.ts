// SPDX-License-Identifier: AGPL-3.0-or-later
/** How much of an answer a client is willing to hold in memory. */

/** Bytes of one JSON answer: 100,000 items at some 250 bytes each fit well. */
export const JSON_BYTES_MAX = 32 * 1024 * 1024

/** Bytes of one line of a progress stream: the longest holds one item or one problem. */
export const LINE_BYTES_MAX = 64 * 1024

/** Characters of an item's name: longer than any file system allows. */
export const ITEM_NAME_LENGTH_MAX = 255

/** Characters of a reason for a block; the node counts bytes. */
export const REFUSAL_REASON_LENGTH_MAX = 200

/** Characters of a CID's text: an identity or long-hash CID in base32 stays well below. */
export const CID_LENGTH_MAX = 256
