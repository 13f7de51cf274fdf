// SPDX-License-Identifier: AGPL-3.0-or-later
/** Every bound of the access room, with its unit and its reason. */

// Tokens

/** Bytes of one token: a delegation has about 350, one with a long policy 2,000. */
export const TOKEN_BYTES_MAX = 8 * 1024

/** How deep lists and maps of a token nest: the envelope takes 3, a policy at its deepest 2 a level. */
export const TOKEN_DEPTH_MAX = 32

/** Values in one token, keys counted too: what a token of the largest size needs with short ones. */
export const TOKEN_VALUES_MAX = 2_048

/** Bytes of a nonce: 12 to 16 are usual. More than a hash is no nonce. */
export const NONCE_BYTES_MAX = 64

/** Bytes of chance in what we sign: 12 are usual, and nobody has had two alike. */
export const TOKEN_NONCE_BYTES = 12

/** Delegations under one invocation: owner, household, person, device, program leaves three spare. */
export const CHAIN_LENGTH_MAX = 8

// Commands

/** Characters of a command: ours have fewer than 30. */
export const COMMAND_CHARACTERS_MAX = 128

/** Segments of a command: ours have at most 3. */
export const COMMAND_SEGMENTS_MAX = 8

// Policies

/** Levels of statements in statements: nobody can judge by reading what is deeper. */
export const POLICY_DEPTH_MAX = 8

/** Statements of one policy, on all levels together: a list of 50 allowed names fits. */
export const POLICY_STATEMENTS_MAX = 64

/** Characters of a selector. */
export const SELECTOR_CHARACTERS_MAX = 128

/** Steps of a selector, each into a map or a list: arguments of ours are 2 deep. */
export const SELECTOR_SEGMENTS_MAX = 16

/** Characters of a glob: the longest names of files have 255 bytes. */
export const GLOB_CHARACTERS_MAX = 256

/**
 * Steps that the policies of one whole chain may take: a step is a statement, a value compared or a
 * character matched, some ten nanoseconds each. Ours take fewer than 100.
 */
export const POLICY_STEPS_MAX = 50_000

// What is remembered

/** Public keys that are kept ready for verifying; each is about 300 bytes, and saves 35 µs. */
export const KEYS_KEPT_MAX = 1_024

/** Tokens that were verified and are remembered by their CID, 3 kB each at most on average. */
export const VERIFIED_TOKENS_MAX = 2_048

/** Holders whose chains are kept ready: as many peers as may be connected, with room for guests. */
export const HOLDERS_MAX = 512

/** Chains that one holder may have ready: one for each thing it was allowed. */
export const CHAINS_PER_HOLDER_MAX = 16

/** Grants whose invocations are remembered: as many as are in use within minutes. */
export const REPLAY_GRANTS_MAX = 256

/**
 * Invocations remembered for one grant: eight a second that end in a minute. Of all grants together
 * they take 17 MB, if all are full.
 */
export const REPLAY_INVOCATIONS_MAX = 512

/**
 * How far ahead of agreed time an invocation may end, in seconds: it asks for something now. A long
 * life is a long time in which it must be remembered.
 */
export const INVOCATION_LIFE_SECONDS_MAX = 600

/** Bytes of a nonce that the node gives out: never the same twice, also over all starts. */
export const NODE_NONCE_BYTES = 16

/**
 * How long such a nonce is given out, in milliseconds; it counts for as long again. A slow radio brings
 * a request within seconds; what somebody holds back is worth nothing after ten minutes.
 */
export const NODE_NONCE_MS = 300_000

/** How long requests last that the node's own advice is followed for, in seconds. */
export const REQUEST_LIFE_SECONDS = 120

// Time

/** How far the bound rises before it is written again, in seconds: an hour lost costs little, and a
 *  card wears out from writing. */
export const TIME_BOUND_WRITE_SECONDS = 3_600

/**
 * How long after its making a program believes a time, in seconds: 20 years. The bound never falls
 * again, so a lie must not be able to end every permission for good.
 */
export const TIME_BOUND_AHEAD_SECONDS_MAX = 20 * 365 * 86_400

// Giving

/** Permissions of this node's own that are remembered: people and devices of a house, many times over. */
export const GIVEN_MAX = 1_024

// Revocations

/** Bytes of a notice: a revocation, and the chain that shows who may revoke. Usually 1 to 3 kB. */
export const NOTICE_BYTES_MAX = 32 * 1024

/**
 * Revocations that count here and are kept: so many by subjects, and so many by delegates. 32,000 of
 * 2 kB are 64 MB of disk, and some 10 MB of memory.
 */
export const REVOCATIONS_OURS_MAX = 16_384

/** Of those, how many one delegate may make before all that it passed on counts as taken back. */
export const REVOCATIONS_PER_REVOKER_MAX = 256

/** Delegates whose every grant counts as taken back; a row each. */
export const MUTED_REVOKERS_MAX = 4_096

/** Revocations that only count elsewhere and are kept to be passed on. */
export const REVOCATIONS_RELAYED_MAX = 4_096

/** Of those, how many about one subject, so that no subject crowds out the others. */
export const REVOCATIONS_RELAYED_PER_SUBJECT_MAX = 64

/** Buckets of a digest: 256 of 8 bytes are 2 kB; one bucket then holds some 64 of the most there are. */
export const DIGEST_BUCKETS = 256

/** Bytes of the short names in a digest: by chance alone two meet once in 10^9 full stores. */
export const SHORT_ID_BYTES = 8

/** Notices in one answer; the next round brings more. */
export const NOTICES_PER_ANSWER_MAX = 64

/** Bytes of notices in one answer, so that it takes a slow radio a second or two. */
export const ANSWER_BYTES_MAX = 128 * 1024

/** Names in one list of what a peer has: all of a full store, of subjects and delegates alike. */
export const NAMES_PER_LIST_MAX = 2 * REVOCATIONS_OURS_MAX + REVOCATIONS_RELAYED_MAX

/** Notices that a peer may have checked here; each costs up to nine signatures, 2 ms of a PC. */
export const NOTICES_PER_PEER = { perSecond: 2, burst: 128 } as const

/** Digests and lists that a peer may send: one round a minute is usual. */
export const RECONCILIATIONS_PER_PEER = { perSecond: 0.1, burst: 12 } as const

/** Peers whose rates are kept; the one that was heard longest ago is forgotten first. */
export const GOSSIP_PEERS_MAX = 512

/** Notices remembered as bad, by hash, so that nobody pays twice for checking one. */
export const BAD_NOTICES_MAX = 1_024
