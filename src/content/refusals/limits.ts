// SPDX-License-Identifier: AGPL-3.0-or-later
/** Every bound of what is refused, with its unit and its reason. */

const KIBIBYTE = 1024
const MEBIBYTE = 1024 * KIBIBYTE

/** Bytes of a deny list: three million double hashes in hexadecimal. */
export const DENYLIST_BYTES_MAX = 256 * MEBIBYTE

/** Bytes of a line, with its end, and of a header: IPIP-383 says so. */
export const DENYLIST_LINE_BYTES_MAX = 2 * MEBIBYTE
export const DENYLIST_HEADER_BYTES_MAX = MEBIBYTE

/** Characters of a rule. The address of a request has fewer, so a longer rule matches nothing. */
export const RULE_LENGTH_MAX = 4 * KIBIBYTE

/** Characters of a CID or multihash in a rule: decoding base58 takes the square of its length. */
export const RULE_CID_LENGTH_MAX = 256

/** Rules of one list: twice the largest known one and room to grow. */
export const LIST_RULES_MAX = 2_000_000

/** Rules of all lists: about 110 MB of the disk. */
export const RULES_MAX = 4_000_000

/** Rules of one list for all paths that begin in some way; they are few in every known list. */
export const LIST_BEGINNINGS_MAX = 10_000

/** Of those, how many for one CID: all of them are compared with each request for it. */
export const CID_BEGINNINGS_MAX = 100

/** Lists at once: each costs every request a few look-ups. */
export const LISTS_MAX = 16

/** Characters of what a list calls itself that are kept. */
export const LIST_NAME_LENGTH_MAX = 100

/** Lines with problems that are told one by one; the rest are counted. */
export const PROBLEMS_TOLD_MAX = 20

/** Bytes of one read of a list; also how much of it is worked on before others get a turn. */
export const LIST_READ_BYTES = 64 * KIBIBYTE

/** Rules sorted in memory at once, 24 bytes each: 6 MiB, and only while a list is read. */
export const SORT_RULES_MAX = 256 * KIBIBYTE

/** Rows of one transaction: a few milliseconds on a PC, some thirty on a Pi. */
export const ROWS_PER_TURN = 2 * KIBIBYTE

/** How often the lists are looked at for changes, in ms; a look costs one `stat` a list. */
export const LISTS_LOOK_GAP_MS = 60_000

/** Blocks of the owner: far more than one person decides, so that a script gone wild ends. */
export const BLOCKS_MAX = 100_000

/** Bytes of a reason in UTF-8, the owner's or a publisher's: a sentence or two. */
export const REASON_BYTES_MAX = 200

/** Bytes of a title in UTF-8: as an item's name. */
export const TITLE_BYTES_MAX = 255

/** Bytes of a signed publication and of a signed withdrawal: their fields, and some room. */
export const PUBLICATION_BYTES_MAX = 768
export const WITHDRAWAL_BYTES_MAX = 512

/** Publications remembered, of items here and of withdrawn ones: at most some 70 MB of the disk. */
export const PUBLICATIONS_MAX = 50_000

/** CIDs in one question `withdrawn/1`. */
export const WITHDRAWN_CIDS_MAX = 64

/** Bytes of the question: 64 CIDs of at most 45 bytes in CBOR, and some room. */
export const WITHDRAWN_REQUEST_BYTES_MAX = 4 * KIBIBYTE

/** Bytes of the answer: 64 withdrawals with their lengths, and some room. */
export const WITHDRAWN_REPLY_BYTES_MAX = WITHDRAWN_CIDS_MAX * (WITHDRAWAL_BYTES_MAX + 3) + KIBIBYTE
