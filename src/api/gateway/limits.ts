// SPDX-License-Identifier: AGPL-3.0-or-later
/** Every bound of the gateway for people, with its unit and its reason. */

const KIBIBYTE = 1024

/** Connections at once: a browser opens six, so some twenty people; each costs ~20 KB. */
export const CONNECTIONS_MAX = 128

/** Of those, how many one address may have: several people behind one router. */
export const CONNECTIONS_PER_ADDRESS_MAX = 32

/** Responses under way at once: each reads the disk and holds a piece or two. */
export const RESPONSES_MAX = 64

/** Of those, how many one address may have: two browsers that each load six things. */
export const RESPONSES_PER_ADDRESS_MAX = 16

/** Seconds after which a caller that was turned away may come again. */
export const RETRY_AFTER_S = 5

/** Bytes of all request headers together: browsers stay below 4 KiB, and no cookies are set here. */
export const HEADER_BYTES_MAX = 8 * KIBIBYTE

/** For a caller to send its request's headers, in milliseconds. A slow radio needs a few seconds. */
export const HEADERS_MS_MAX = 15_000

/** For a caller to send a whole request, in milliseconds: it never has a body. */
export const REQUEST_MS_MAX = 20_000

/** How often slow callers are looked for, in milliseconds. */
export const SLOW_CHECK_MS = 5_000

/** A connection without a request is closed after this many milliseconds. */
export const IDLE_MS_MAX = 30_000

/** Requests on one connection before it is closed, so that nobody holds a place for ever. */
export const REQUESTS_PER_CONNECTION_MAX = 1_000

/** Characters of an address: a CID, a deep path and a long name, percent-encoded. */
export const URL_LENGTH_MAX = 4 * KIBIBYTE

/** Folders below one another in an address. */
export const PATH_DEPTH_MAX = 64

/** Bytes of one name in a path: what file systems allow. */
export const NAME_BYTES_MAX = 255

/** For the library to find what was asked for, in milliseconds: a slow card, a large folder. */
export const OPEN_MS_MAX = 20_000

/** Bytes of one write: small enough that the time limit below means a rate. */
export const PIECE_BYTES = 64 * KIBIBYTE

/**
 * For one piece to be read and taken by the receiver, in milliseconds: about 2 KiB/s, the slowest
 * link on which somebody still waits. A radio link may be away for 20 s.
 */
export const PIECE_MS_MAX = 30_000

/** Bytes looked at to tell what a file without a telling name is: signatures end before 300. */
export const SNIFF_BYTES = KIBIBYTE

/** Bytes looked at to tell whether a text is UTF-8: the first umlaut comes within a page or two. */
export const TEXT_CHECK_BYTES = 16 * KIBIBYTE

/** Entries, and items, on one page: what a phone still scrolls; some 300 KB of HTML. */
export const PAGE_ENTRIES_MAX = 1_000

/** Pages of one folder: each walks past those before it. */
export const PAGES_MAX = 100

/** For running responses to end by themselves when the node stops, in milliseconds. */
export const STOP_GRACE_MS = 1_000

/** Random bytes in the address of a view: 192 bits. */
export const VIEW_ID_BYTES = 24

/** A view is over when nobody looked for so many milliseconds: a film that was paused goes on. */
export const VIEW_IDLE_MS_MAX = 30 * 60_000

/** And so many milliseconds after it was opened in any case: a day's work on one page. */
export const VIEW_AGE_MS_MAX = 12 * 60 * 60_000

/** Views at once: a page of pictures has a hundred. The longest unused goes first; each ~500 bytes. */
export const VIEWS_MAX = 512
