// SPDX-License-Identifier: AGPL-3.0-or-later
/** Every bound of the network room, with its unit and reason. */

/** TCP sockets on the libp2p port; more than this and the kernel refuses for us. */
export const SOCKETS_MAX = 512
/** Segment peers kept connected on one interface (DESIGN section 4). */
export const SEGMENT_PEERS_MAX = 16
/** Addresses dialled for one peer; a peer that lists more is wasting our airtime. */
export const DIAL_ADDRESSES_MAX = 4
/** How long one dial may take: a slow radio and a 1 GHz core need 1–2 s for the handshake. */
export const DIAL_MS_MAX = 8_000

/** Gaps between beacons back off from the first to the last while nothing changes. */
export const BEACON_GAP_MS_MIN = 1_000
export const BEACON_GAP_MS_MAX = 10_000
/** Hints remembered an interface; they are unauthenticated, so a flood must cost nothing. */
export const CANDIDATES_MAX = 64
/** Hints remembered for one link-local address: two nodes on one machine, and one spare. */
export const CANDIDATES_PER_ADDRESS_MAX = 3
/** Names of hints that made room: all that are read in the longest gap between two beacons. */
export const DROPPED_HINTS_MAX = 1_024
/** A hint that is not heard again within this is forgotten. */
export const CANDIDATE_AGE_MS_MAX = 35_000
/** Dials an interface to hints. */
export const CANDIDATE_DIALS_PER_SECOND = 1
/** After a failed dial a hint rests, doubling from the first to the last. */
export const CANDIDATE_REST_MS_MIN = 2_000
export const CANDIDATE_REST_MS_MAX = 60_000
/** The node with the greater id waits this long for the other one's dial, so that one is enough. */
export const CANDIDATE_COURTESY_MS = 1_500
/** Beacons looked at an interface and second; the rest is dropped unread. */
export const BEACONS_PER_SECOND_MAX = 200

/** Gap between hellos, drawn anew each time: every 4 s at most. */
export const HELLO_GAP_MS_MIN = 3_400
export const HELLO_GAP_MS_MAX = 3_750
/** Two missed hellos and a second, so that silence is noticed within 9 s of the last one. */
export const HELLO_DEAD_MS = 8_500
/** Hellos over which loss is counted: about two minutes. */
export const HELLO_WINDOW = 32
/** Hellos looked at a second, all together: 16 peers on each of 16 interfaces, and as many again. */
export const HELLOS_PER_SECOND_MAX = 200

/** How often the list of interfaces is read; a pulled cable must show within a second. */
export const INTERFACE_POLL_MS = 400

/** A greeting is a dozen short fields. */
export const GREETING_BYTES_MAX = 1_024
export const GREETING_MS_MAX = 5_000
/** Questions of one peer answered at once; the rest of its streams are reset. */
export const QUESTIONS_PER_PEER_MAX = 16
/** Questions answered at once, all peers together. */
export const QUESTIONS_MAX = 128
/** A question not asked to its end, or not answered, within this is given up. */
export const QUESTION_MS_MAX = 10_000
/** How long a node of another city, or one that cannot greet, is not dialled again. */
export const STRANGER_REST_MS = 600_000
/** Peers that are remembered as strangers. */
export const STRANGERS_MAX = 512
/** Gaps between dials to bootstrap nodes that are not connected double from the first to the last. */
export const BOOTSTRAP_GAP_MS_MIN = 1_000
export const BOOTSTRAP_GAP_MS_MAX = 30_000
/** Provider records of the DHT that are kept for others: some 13 MB of memory. */
export const DHT_PROVIDERS_MAX = 32_768
/** Of those, of one peer: sixteen that do their worst are needed to drive out all others'. */
export const DHT_PROVIDERS_PER_PEER_MAX = DHT_PROVIDERS_MAX / 16
/** Values of the DHT: public keys alone, which no node of a city looks for there. */
export const DHT_RECORDS_MAX = 256
/** How long a provider record holds, in ms, unless it is sent again: what the DHT's own rules say. */
export const DHT_PROVIDER_MS_MAX = 48 * 3_600_000
/** How often older ones are let go, in ms. */
export const DHT_CLEANUP_GAP_MS = 3_600_000
/** Beyond this many connected peers, hints from mDNS and the DHT are not followed any more. */
export const PEERS_WANTED = 32

/** Between two samples of a link, in milliseconds: a hello comes every 3.75 s at most. */
export const LINK_STEP_MS = 5_000
/** Samples kept of a link: ten minutes, what somebody who turns an aerial looks back at. */
export const LINK_STEPS_MAX = 120
/** Links of which samples are kept, at 2.4 KB each: 16 peers on each of four interfaces. */
export const LINKS_WATCHED_MAX = 64
/** Steps for which the samples of a link that is gone are kept: then none is left that says anything. */
export const LINK_ABSENT_STEPS_MAX = LINK_STEPS_MAX
/** Every so many steps, so every 15 s, peers that are no neighbours are asked for a round trip. */
export const PING_STEPS = 3
/** Peers asked for a round trip at once. */
export const PINGS_MAX = 32
/** How long a ping may take, in milliseconds. */
export const PING_MS_MAX = 5_000
