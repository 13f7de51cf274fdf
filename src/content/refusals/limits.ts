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
export const PUBLICATION_BYTES_MAX = 512
export const WITHDRAWAL_BYTES_MAX = 512

/** Publications remembered, of items here and of withdrawn ones: at most some 70 MB of the disk. */
export const PUBLICATIONS_MAX = 50_000

/** CIDs in one question `withdrawn/1`. */
export const WITHDRAWN_CIDS_MAX = 64

/** Bytes of the question: 64 CIDs of at most 45 bytes in CBOR, and some room. */
export const WITHDRAWN_REQUEST_BYTES_MAX = 4 * KIBIBYTE

/** Bytes of the answer: 64 withdrawals with their lengths, and some room. */
export const WITHDRAWN_REPLY_BYTES_MAX = WITHDRAWN_CIDS_MAX * (WITHDRAWAL_BYTES_MAX + 3) + KIBIBYTE

/** Bytes of an entry of the journal: a publication and a withdrawal, and some room. */
export const JOURNAL_ENTRY_BYTES_MAX = 2 * KIBIBYTE

/** Bytes that are read, and written, at once of the journal. */
export const JOURNAL_READ_BYTES = 256 * KIBIBYTE

/** Rows that are written at once into a new journal: some 500 KiB of publications. */
export const JOURNAL_PAGE_ROWS = 512

/**
 * Entries of the journal beyond twice as many as there are things to say: then it is written anew. Few
 * enough to be small, many enough that a card is not worn by it.
 */
export const JOURNAL_SPARE_ENTRIES = 4 * KIBIBYTE

/** Copies of a damaged journal that are kept; beyond it no more are made, none is overwritten. */
export const JOURNAL_COPIES_MAX = 16

/** How long a peer may think about `withdrawn/1`, in ms: a few round trips of a bad radio link. */
export const WITHDRAWN_MS_MAX = 4_000

/** Peers that are asked before an item is kept and shared. */
export const WITHDRAWN_PEERS_MAX = 16

/**
 * The gap between two questions in ms, evenly between these: at most 60 an hour. Each has 64 CIDs,
 * 2.7 kB, and some 0.7 kB around it and in answer: 0.45 kb/s at most, and as much for being asked.
 */
export const WATCH_GAP_MS_MIN = 60_000
export const WATCH_GAP_MS_MAX = 120_000

/** How long a peer that was asked of everything is left alone, in ms. */
export const WATCH_PASS_GAP_MS = 6 * 3600_000

/** Peers of which is remembered how far they were asked. */
export const WATCH_PEERS_MAX = 256
