// SPDX-License-Identifier: AGPL-3.0-or-later
/** Every bound of the authenticated HTTPS, with its unit and its reason. */

/** One certificate, DER. Ours has about 430 B; 4 KiB leaves room for any elliptic-curve one. */
export const CERTIFICATE_BYTES_MAX = 4 * 1024

/** Elements side by side inside one DER element. A certificate of ours has 8 at the widest. */
export const DER_SIBLINGS_MAX = 32

/** Headers of one response. Our server sends a dozen, others two; what has more is up to something. */
export const RESPONSE_HEADERS_MAX = 64

/** Hexadecimal digits of a chunk's size: chunks below 4 GiB; nobody makes one of more than a few MiB. */
export const CHUNK_SIZE_DIGITS_MAX = 8

/** Bytes of the one buffer through which a connection receives: what a TLS record holds at most. */
export const RECEIVE_BYTES = 16 * 1024

/**
 * Bytes kept of what still comes when a connection has been paused: what was read from the kernel at
 * once (64 KiB) and is being decrypted. Four times that has not been seen; but what grows has a limit.
 */
export const HELD_BYTES_MAX = 256 * 1024

/** What a server bears. Tests pass smaller ones; a node uses {@link SERVER_LIMITS}. */
export interface PeerHttpsServerLimits {
  /** Connections that have not finished the TLS handshake; beyond it the oldest goes. */
  handshakesMax: number
  handshakesPerAddressMax: number
  /** Connections without a client certificate; beyond it new ones are refused. */
  anonymousMax: number
  anonymousPerAddressMax: number
  /** Connections with a proven key; beyond it new ones are refused. */
  peersMax: number
  connectionsPerPeerMax: number
  peersPerAddressMax: number
  /** Requests of one connection that are not answered yet (pipelining). */
  requestsInFlightMax: number
  /** Responses under way in the whole server, and those of them that go to anonymous callers. */
  responsesMax: number
  anonymousResponsesMax: number
  headerBytesMax: number
  handshakeMs: number
  headersMs: number
  idleMs: number
  stallMs: number
  checkMs: number
  stopMs: number
}

export const SERVER_LIMITS: PeerHttpsServerLimits = {
  // A handshake takes milliseconds of CPU and a few round trips: 128 at once are a busy city's
  // worth. The oldest goes first, so that connections which stall only push each other out.
  handshakesMax: 128,
  // A household behind one IPv4 address fits; one stalling machine gets a quarter of the places.
  handshakesPerAddressMax: 32,
  // About 60 KiB of memory each: 4 MiB. Anonymous callers have the lowest priority.
  anonymousMax: 64,
  // A browser opens six.
  anonymousPerAddressMax: 8,
  // About 60 KiB of memory each: 15 MiB when full, on a node that 250 others read from at once.
  peersMax: 256,
  // A client of ours keeps two idle and opens a few for ranges of different items.
  connectionsPerPeerMax: 8,
  // Keys cost nothing, addresses do: one machine with many keys gets a quarter of the places.
  peersPerAddressMax: 64,
  // Our client never pipelines; others rarely do.
  requestsInFlightMax: 4,
  // Each response under way holds a file handle and about 256 KiB of buffers: 32 MiB when full.
  responsesMax: 128,
  // Peers keep sixteen times as many places.
  anonymousResponsesMax: 8,
  // A request line with a CID and a dozen headers has about 1 KiB.
  headerBytesMax: 8 * 1024,
  // A Pi Zero on a link that loses packets needs about 3 s.
  handshakeMs: 10_000,
  // The headers are one packet; slower than this is a slowloris.
  headersMs: 10_000,
  // Longer than our client keeps an idle connection (below), so that it is the client who closes.
  idleMs: 60_000,
  // A mesh link may vanish for some seconds while routes heal; a minute without a byte is the end.
  stallMs: 60_000,
  // How often the headers' limit is looked at: a wake-up of microseconds.
  checkMs: 5_000,
  // Well below the time that the lifecycle gives a service.
  stopMs: 2_000,
}

/** What a client bears. Tests pass smaller ones; a node uses {@link CLIENT_LIMITS}. */
export interface PeerHttpsClientLimits {
  /** Requests under way, their bodies included; beyond it `request` refuses. */
  requestsMax: number
  /** Idle connections kept, per peer and address and in all. */
  idlePerPeerMax: number
  idleMax: number
  idleMs: number
  headerBytesMax: number
  connectMs: number
  handshakeMs: number
  firstByteMs: number
  stallMs: number
}

export const CLIENT_LIMITS: PeerHttpsClientLimits = {
  // A fetch has a handful of sources; 64 serve many fetches at once.
  requestsMax: 64,
  // One for the running item, one for a question beside it.
  idlePerPeerMax: 2,
  // About 60 KiB of memory each.
  idleMax: 16,
  // Handshakes cost a millisecond: idle memory is dearer than a new one after half a minute.
  idleMs: 30_000,
  headerBytesMax: 16 * 1024,
  // Three lost SYN packets (1 s, 2 s, 4 s); another holder is tried meanwhile.
  connectMs: 8_000,
  handshakeMs: 10_000,
  // The holder may have to read from a slow disk; no answer after this is no answer.
  firstByteMs: 20_000,
  // Routes of a mesh heal within some ten seconds; longer, and another holder is better.
  stallMs: 20_000,
}
