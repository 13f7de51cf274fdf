// SPDX-License-Identifier: AGPL-3.0-or-later
/** Every bound of the content room, with its unit and its reason. */

const KIBIBYTE = 1024
const MEBIBYTE = 1024 * KIBIBYTE
const GIBIBYTE = 1024 * MEBIBYTE

/** Bytes of one leaf that we make: the profile `unixfs-v1-2025` (IPIP-499) says so. */
export const LEAF_BYTES = MEBIBYTE

/** Bytes of one leaf that we take from others: the largest block that IPFS software passes on. */
export const LEAF_BYTES_MAX = 2 * MEBIBYTE

/**
 * Bytes of one node: as of a leaf. Ours have about 56 KiB, but older layouts put a whole chunk of a
 * file into a node, and older folders grew until no IPFS software would pass them on.
 */
export const NODE_BYTES_MAX = LEAF_BYTES_MAX

/** Links of one node of a file: eight times what any profile makes. Folders may have more. */
export const NODE_LINKS_MAX = 8 * KIBIBYTE

/** Levels of a tree above its leaves. Four hold a terabyte even at the narrowest profile. */
export const TREE_DEPTH_MAX = 8

/** Bytes of one item: a quarter of the disk that a node is meant to have. */
export const ITEM_BYTES_MAX = 256 * GIBIBYTE

/** Leaves of one item: what the largest item has with leaves of 256 KiB, an older IPFS default. */
export const ITEM_LEAVES_MAX = ITEM_BYTES_MAX / (256 * KIBIBYTE)

/**
 * Blocks of one item, each counted as often as it occurs: twice as many as the leaves of the largest
 * file. What ends every walk, since a few blocks that repeat each other can stand for 2^60 bytes.
 */
export const ITEM_BLOCKS_MAX = 2 * ITEM_LEAVES_MAX

/** Levels of an item: folders, shards and tree nodes. Paths that people make have some thirty. */
export const DAG_DEPTH_MAX = 128

/**
 * Bytes of the nodes that a walk is inside of at one time. Each lies in memory until all below it
 * was visited, and takes up to ten times its size there; 32 levels of the largest folder that is not
 * sharded fit.
 */
export const OPEN_NODES_BYTES_MAX = 8 * MEBIBYTE

/** Children of one shard: what UnixFS allows; more were used to exhaust memory (CVE-2023-23625). */
export const SHARD_FANOUT_MAX = 1024

/** Entries of a folder that are listed in the order of their names: about 20 MB while sorting. */
export const SORTED_ENTRIES_MAX = 64 * KIBIBYTE

/** Bytes of an item's name in UTF-8: what file systems allow. */
export const NAME_BYTES_MAX = 255

/** Bytes of an item's title in UTF-8: a long line. */
export const TITLE_BYTES_MAX = 255

/** Bytes of a description in UTF-8: a page. */
export const DESCRIPTION_BYTES_MAX = 4 * KIBIBYTE

/** Bytes of a licence in UTF-8: an SPDX expression, or a line of words. */
export const LICENCE_BYTES_MAX = 255

/** Additions at once. One keeps a core and an SD card busy; four let small ones pass a large one. */
export const ADDS_MAX = 4

/** Imports of CAR files at once: parts of one file share a place, and a stick is no faster for two. */
export const IMPORTS_MAX = 1

/** Fetches at once, for the same reason; more would only share the same links. */
export const FETCHES_MAX = 4

/** Additions, and fetches, that wait for a place; a person or a script queues no more than this. */
export const WAITING_MAX = 64

/** Responses under way at once. Each holds a file handle and {@link SEND_BUFFERS} buffers. */
export const SERVES_MAX = 32

/** Of those, how many one caller may have. */
export const SERVES_PER_CALLER_MAX = 8

/** Bytes of one read and one write when sending: large enough for few calls, small for the caches. */
export const SEND_PIECE_BYTES = 256 * KIBIBYTE

/** Buffers of a response: one filled from the disk, one being encrypted, one on its way. */
export const SEND_BUFFERS = 3

/** Reads of one response at once: what libuv's four threads do while one of them always waits. */
export const SEND_READS_MAX = 4

/** How long a receiver may take nothing before it is cut off, in ms: a radio link may be away 20 s. */
export const SEND_STALL_MS = 30_000

/** Seconds after which a caller that was turned away may come again. */
export const RETRY_AFTER_S = 5

/**
 * Bytes of one write. Pieces of any size are copied together into buffers of this size that go
 * round: a piece is only lent to us, and memory stays flat.
 */
export const WRITE_BYTES = MEBIBYTE

/** Bytes received but not yet on disk at which a transfer pauses: a write under way and the next. */
export const UNWRITTEN_BYTES_MAX = 2 * WRITE_BYTES

/** Bytes read at once when an item is copied within the store or handed to its owner. */
export const READ_BYTES = 256 * KIBIBYTE

/** Bytes written between two looks at the free space of the disk. */
export const SPACE_CHECK_BYTES = 64 * MEBIBYTE

/** Bytes of a CAR header. Ours has 59; one with a few dozen roots still fits. */
export const CAR_HEADER_BYTES_MAX = 4 * KIBIBYTE

/** CIDs in one question `have/1`. */
export const HAVE_CIDS_MAX = 64

/** Items in one answer `have/1` of which titles are told too. */
export const HAVE_TEXTS_MAX = 8

/** Bytes of the question: 64 CIDs of at most 45 bytes in CBOR, and some room. */
export const HAVE_REQUEST_BYTES_MAX = 4 * KIBIBYTE

/** Bytes of the answer: 64 times a size and a name, and some room. */
export const HAVE_REPLY_BYTES_MAX = 20 * KIBIBYTE

/** How long a peer may think about the question, in ms: a few round trips of a bad radio link. */
export const HAVE_MS_MAX = 4_000

/** Questions on their way at once. */
export const HAVE_PARALLEL_MAX = 16

/** How long a peer may take to begin its answer to a request, in ms. */
export const RESPONSE_MS_MAX = 20_000

/** A transfer must bring {@link FETCH_WINDOW_BYTES_MIN} in each window of so many ms. */
export const FETCH_WINDOW_MS = 20_000

/** About 800 B/s: the slowest link on which waiting for an item still makes sense. */
export const FETCH_WINDOW_BYTES_MIN = 16 * KIBIBYTE

/** How long a peer that served wrong bytes is not asked again, in ms. */
export const BAD_PEER_MS = 10 * 60_000

/** Peers remembered as bad; beyond it the oldest is forgotten. */
export const BAD_PEERS_MAX = 256

/** Characters of the address of a gateway request: a CID, a path and every parameter we know. */
export const GATEWAY_URL_LENGTH_MAX = 2 * KIBIBYTE

/** Bytes of a block that lies in its id: what other IPFS software takes at most. */
export const INLINE_BYTES_MAX = 128

/** Names of a path in a gateway request: as deep as folders may be. */
export const GATEWAY_PATH_SEGMENTS_MAX = 128

/** How often all holders are asked again while each round brings something. */
export const FETCH_ROUNDS_MAX = 4

/** Leaves that an item gets one by one; with more of them missing it goes through a CAR. */
export const REPAIRED_BLOCKS_MAX = 256

/** Leaves of a range on their way at once: they fill a link whose round trip is as long as a leaf. */
export const PART_BLOCKS_PARALLEL_MAX = 4

/** Folders and shards that are fetched to follow one path. */
export const PATH_BLOCKS_MAX = 512

/** How often a little of the store is checked for bit rot, in ms. */
export const SCRUB_TICK_MS = 10_000

/** Bytes that are checked at a time at most: a moment of an SD card's. */
export const SCRUB_BYTES_PER_TICK_MAX = 32 * MEBIBYTE

/** Blocks looked up at once for that. */
export const SCRUB_BLOCKS = 64

/** How often it is written down what was used and how far the checking is, in ms: spares the card. */
export const NOTE_MS = 10 * 60_000

/** Items that did not arrive whole and are kept for another try; beyond it the oldest go. */
export const IDLE_ARRIVALS_MAX = 64

/**
 * How long they are kept after the latest try, in ms: a month, in which whoever carries the next part
 * of a CAR comes by, or a holder is switched on again.
 */
export const IDLE_ARRIVAL_MS_MAX = 30 * 24 * 3600_000

/**
 * A wall clock that shows less than this, in ms since 1970 (1 January 2020), was never set: a Pi has
 * none that runs while it is off. What was tried then is of no known age.
 */
export const CLOCK_SET_MS = 1_577_836_800_000

/** Items that are looked at together to choose who goes: ten ms of a slow board's. */
export const EVICTION_CANDIDATES_MAX = 512

/** Bytes that are kept free for what arrives at this moment, when others make room. */
export const HEADROOM_BYTES = 64 * MEBIBYTE

/**
 * At most this part of a store with a limit is kept free so: a small one is for keeping things. Below
 * 64 MiB that is less than what an addition has on its way (two leaves unwritten, two more until others
 * are asked again), so that it may be refused although others could go: to keep more free would cost so
 * small a store what it is for. The setting says so.
 */
export const HEADROOM_PARTS = 16

/** Damaged items that are named in a health condition. */
export const NAMED_ITEMS_MAX = 5

/** How long a damaged item is left alone after it could not be had from anybody, in ms. */
export const REPAIR_RETRY_MS = 3600_000
