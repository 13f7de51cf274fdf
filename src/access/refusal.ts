// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Why something is not allowed: a stable code, a sentence for people, and what they can do. One
 * table, so that page, command line and other nodes say the same.
 */

const REFUSALS = {
  TOKEN_TOO_LARGE: [
    'The permission is larger than any that is made.',
    'Ask whoever gave it to you for a smaller one.',
  ],
  TOKEN_MALFORMED: [
    'This is not a permission that can be read.',
    'Copy it again, whole; if it stays so, ask for a new one.',
  ],
  TOKEN_NOT_CANONICAL: [
    'The permission is written in an unusual way, which could hide that it was taken back.',
    'Ask for a new one, made with software that follows UCAN 1.0.',
  ],
  TOKEN_VERSION_UNKNOWN: [
    'The permission is of a version that this node does not know.',
    'Update citynode, or ask for a permission in UCAN 1.0.',
  ],
  KEY_UNSUPPORTED: [
    'The permission names somebody by a kind of key that is not used here.',
    'Only did:key with Ed25519 is known; ask for a permission for such a key.',
  ],
  SIGNATURE_WRONG: [
    'A signature does not fit: the permission was changed, or was not made by whom it names.',
    'Do not use it. Ask for a new one, from the person and not from a copy.',
  ],
  CHAIN_TOO_LONG: [
    'The permission was passed on too many times.',
    'Ask somebody who is nearer to the owner for it.',
  ],
  CHAIN_CYCLIC: [
    'The permission goes round in a circle: somebody passed on what came from themselves.',
    'Leave out the way round, and present the shorter chain.',
  ],
  PROOF_MISSING: [
    'A part of the chain of permissions is missing.',
    'Present all of them, from the owner down to you.',
  ],
  CHAIN_BROKEN: [
    'Two permissions do not fit together: one was given to somebody else than who passed it on.',
    'Present the permissions in order, from the owner down to you.',
  ],
  HOLDER_WRONG: [
    'This permission was given to somebody else.',
    'Use the device that it was given to, or ask for one of your own.',
  ],
  SUBJECT_WRONG: [
    'The permission is about another node or person than the one that was asked.',
    'Present the one that was made for this node.',
  ],
  ROOT_WRONG: [
    'The chain of permissions does not begin with the owner of what it is about.',
    'Ask the owner for a permission.',
  ],
  AUDIENCE_WRONG: [
    'The request was made for another node.',
    'Send it to the node that it names, or make a new one for this node.',
  ],
  COMMAND_NOT_COVERED: [
    'You were not given the right to do this.',
    'Ask the owner for a permission that includes it.',
  ],
  COMMAND_UNKNOWN: [
    'This node does not know what the permission is for.',
    'Update citynode, or ask for a permission that this version knows.',
  ],
  POLICY_REFUSES: [
    'You may do this, but not in this way: a condition of your permission is not met.',
    'Look at the conditions of your permission, or ask the owner for a wider one.',
  ],
  POLICY_TOO_COSTLY: [
    'The conditions of the permission take too long to check.',
    'Ask for a permission with simpler conditions.',
  ],
  EXPIRED: ['The permission has run out.', 'Ask the owner for a new one.'],
  NOT_YET: ['The permission has not begun.', 'Wait until it begins, or ask for one that has.'],
  TIME_UNKNOWN: [
    'This node does not know what time it is, so it cannot tell whether the permission still holds.',
    'Wait until it has heard the time from its neighbours. Reading goes on meanwhile.',
  ],
  LIFE_TOO_LONG: [
    'The request has no end, or one that is too far away, so it could be repeated by others.',
    'Make requests that end within ten minutes.',
  ],
  REQUEST_MALFORMED: [
    'The signed request does not say all that it must, or more than it may.',
    'Use citynode, or a program that follows docs/API.md.',
  ],
  REQUEST_OTHER: [
    'What was signed is another request than the one that came.',
    'Sign each request for itself. If you did, somebody on the way has changed it: use another network.',
  ],
  NONCE_STALE: [
    'The request is too old, or was made before this node was started.',
    'Ask for the nonce of now, and make the request again.',
  ],
  REPLAYED: [
    'This request was made before. Each counts only once.',
    'Make a new request. If you did not make the first, tell the owner.',
  ],
  REPLAY_MEMORY_FULL: [
    'Too many permissions are in use at once to tell new requests from repeated ones.',
    'Try again in some minutes.',
  ],
  REVOKED: ['The permission was taken back.', 'Ask the owner for a new one.'],
  REVOKER_MUTED: [
    'Somebody in the chain took back so many permissions that none of theirs count any more.',
    'Ask the owner for a permission of your own.',
  ],
  REVOKER_WRONG: [
    'A permission can be taken back only by whoever it came from.',
    'Ask the owner, or whoever passed it on, to take it back.',
  ],
  NOTHING_HELD: ['Only the owner of this node may do this.', 'Ask the owner for a permission.'],
} as const satisfies Record<string, readonly [string, string]>

export type RefusalCode = keyof typeof REFUSALS

export interface Refusal {
  readonly code: RefusalCode
  /** For people. */
  readonly message: string
  /** What they can do. */
  readonly advice: string
  /** What exactly, for whoever looks for the fault; never secret, never raw bytes of a peer. */
  readonly detail: string
}

/** A value, or why there is none. */
export type Judged<T> = { ok: true; value: T } | { ok: false; refusal: Refusal }

export function granted<T>(value: T): Judged<T> {
  return { ok: true, value }
}

export function refused(code: RefusalCode, detail = ''): { ok: false; refusal: Refusal } {
  return { ok: false, refusal: refusalOf(code, detail) }
}

export function refusalOf(code: RefusalCode, detail = ''): Refusal {
  const [message, advice] = REFUSALS[code]
  return { code, message, advice, detail }
}

export const REFUSAL_CODES: readonly RefusalCode[] =
  // The table's own keys.
  Object.keys(REFUSALS) as RefusalCode[]
