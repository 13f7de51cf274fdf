// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * The Guard port: no route and no protocol handler can be registered without saying what it needs.
 * Declared here, implemented by `access/`, and handed in.
 */
import type { PeerId } from '../base/base.ts'

/**
 * Who asks. A peer has proven its key; the owner speaks through the control socket, or sends the
 * owner's token.
 */
export type Caller =
  | { kind: 'owner' }
  | { kind: 'peer'; peerId: PeerId }
  | { kind: 'anonymous'; address: string }

/** What a route or protocol needs: nothing, or the right to a command (UCAN 1.0 command syntax). */
export type Need = 'public' | `/${string}`

export interface GuardRefusal {
  allowed: false
  /** Stable, for programs. */
  code: string
  /** For people. */
  reason: string
  /** What they can do. */
  advice: string
}

export type GuardAnswer = { allowed: true } | GuardRefusal

export interface Guard {
  check(caller: Caller, need: Need): GuardAnswer
}

/** A request by somebody who signs what they ask for, beside what it came as. Nothing is believed. */
export interface SignedRequest {
  /** An invocation of UCAN 1.0. */
  readonly token: Uint8Array
  /** Delegations under it, in any order; those that were sent before may be left out. */
  readonly proofs: readonly Uint8Array[]
  readonly method: string
  /** The target of the request line: path and query, to the byte. */
  readonly target: string
  /** Of the body, as it was sent; empty where it says none. */
  readonly contentType: string
}

/** What was signed of a body, to be held against what comes. */
export interface SignedBody {
  readonly sizeBytes: number
  readonly sha256: Uint8Array
}

/** `body`: nothing may be acknowledged before the whole body was found to be that. */
export type RequestAnswer = { allowed: true; body: SignedBody } | GuardRefusal

export interface RequestGuard extends Guard {
  /** A request that is allowed counts once: asked about it again, the answer is no. */
  checkRequest(request: SignedRequest, need: Need): RequestAnswer
}
