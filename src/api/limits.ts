// SPDX-License-Identifier: AGPL-3.0-or-later
/** What the HTTP servers put up with; the gateway for people has limits of its own besides. */

/** `sun_path` of a Unix socket is 108 bytes on Linux, one of them the closing zero. */
export const SOCKET_PATH_BYTES_MAX = 107

/** To find out whether a node answers on an old socket file, in milliseconds. */
export const SOCKET_PROBE_MS = 1_000

/** Bytes of a JSON request body: the longest is what is said of an item. */
export const REQUEST_JSON_BYTES_MAX = 64 * 1024

/**
 * Bytes of all request headers together. Browsers stay below 4 KiB without cookies; but all that can
 * be said of an item stands in the address when its owner adds it, up to 4 KiB for a description, of
 * which each byte may take three.
 */
export const REQUEST_HEADER_BYTES_MAX = 32 * 1024

/** For a caller to send its request's headers, in milliseconds. A slow radio needs a few seconds. */
export const HEADERS_MS_MAX = 15_000

/** A connection on which nothing moves is closed after this many milliseconds. */
export const LAN_IDLE_MS_MAX = 30_000

/** The same while the owner's request is under way: a large file is synced, or a peer is awaited. */
export const OWNER_IDLE_MS_MAX = 600_000

/** Connections on the LAN at once: a few people's browsers and a Prometheus; each costs ~20 KB. */
export const LAN_CONNECTIONS_MAX = 128

/** Requests on one connection before it is closed, so that nobody holds a place for ever. */
export const LAN_REQUESTS_PER_CONNECTION_MAX = 1_000

/** Owner's connections at once: each command uses one. */
export const CONTROL_CONNECTIONS_MAX = 64

/** For running requests to end by themselves when the node stops, in milliseconds. */
export const STOP_GRACE_MS = 1_000

/** At most one progress line in so many milliseconds: people do not read faster. */
export const PROGRESS_GAP_MS = 200

/** Things left out of a folder that are told one by one: enough to see what kind they are. */
export const SKIPPED_TOLD_MAX = 1_000

/** Names that the owner gives the machine: a few, and one for each network that it is in. */
export const HOST_NAMES_MAX = 32

/** Random bytes of the owner's token: 192 bits, and 32 characters without padding. */
export const TOKEN_BYTES = 24

/** Bytes of the file with the token; a larger one is something else. */
export const TOKEN_FILE_BYTES_MAX = 256

/** Wrong tokens from one address at once: a page that was left open asks for several things. */
export const WRONG_TOKENS_AT_ONCE_MAX = 20

/** And then so many a second: an old page may look again, and nobody guesses 192 bits. */
export const WRONG_TOKENS_PER_SECOND_MAX = 0.2

/** Addresses that sent wrong tokens and are remembered: each costs ~200 bytes. */
export const WRONG_TOKEN_ADDRESSES_MAX = 512

/** Seconds after which a wrong token may be tried again: one over the rate above. */
export const WRONG_TOKEN_RETRY_S = 5

/** Links to the page that are told: more addresses than that nobody tries. */
export const OWNER_LINKS_MAX = 8

/** Lists that strangers may ask for at once: a handful of people who open the page together. */
export const PUBLIC_LISTS_AT_ONCE_MAX = 30

/** And then so many a second, all together: on a Pi a search of 100,000 items takes near a second. */
export const PUBLIC_LISTS_PER_SECOND_MAX = 3

/** Characters of one token of a signed request, in base64url: 8 KiB of bytes, as access takes them. */
export const SIGNED_TOKEN_CHARACTERS_MAX = 10_923

/** Delegations in one request: as many as a chain may have. */
export const SIGNED_PROOFS_MAX = 8

/** Signed requests that were refused, from one address at once: a page asks for several things. */
export const REFUSED_REQUESTS_AT_ONCE_MAX = 64

/** And then so many a second: each costs up to nine signatures, 10 ms of a small board. */
export const REFUSED_REQUESTS_PER_SECOND_MAX = 1

/** Seconds after which the next one may be tried: some more than the rate above asks for. */
export const REFUSED_REQUESTS_RETRY_S = 5
