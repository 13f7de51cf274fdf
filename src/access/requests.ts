// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * What a signed HTTP request says that it is: the arguments of its invocation. They are bound to what
 * came over the wire, every one of them, so conditions of permissions are about facts; an argument
 * that nothing is held against is refused, since a condition on it would be the asker's own word.
 *
 * The hash of the body is never left out, also not where the body is content with a hash of its own:
 * else whoever sits in the middle could have other bytes stored in the signer's name.
 */
import { createHash } from 'node:crypto'
import type { PeerId } from '../base/base.ts'
import type { NodeIdentity } from '../identity/identity.ts'
import type { SignedBody, SignedRequest } from '../net/net.ts'
import { granted, type Judged, refused } from './refusal.ts'
import { type Command, issueInvocation } from './tokens/tokens.ts'
import { type Value, type ValueMap, valueAt } from './values.ts'

const SHA256_BYTES = 32

/** The body of a request that has none. */
export const EMPTY_BODY: SignedBody = {
  sizeBytes: 0,
  sha256: Uint8Array.from(createHash('sha256').digest()),
}

/** All that may be among the arguments. */
const ARGUMENTS: readonly string[] = ['method', 'path', 'type', 'bytes', 'sha256', 'nonce']

/** What somebody signs who asks a node for something. */
export interface RequestToSign {
  /** Who is asked, and whose things it is about. */
  node: PeerId
  command: Command
  method: string
  /** Path and query, exactly as they are sent. */
  target: string
  /** Exactly as it is sent; empty for none. */
  contentType: string
  body: SignedBody
  /** CIDs of delegations, from the node's own down to the signer's. */
  proofs: readonly string[]
  /** As the node gave it lately. */
  nodeNonce: Uint8Array
  /** Seconds since 1970. */
  expires: number
  /** Fresh chance, 12 bytes or more. */
  chance: Uint8Array
}

/** The token that goes with a request. */
export function signRequest(signer: NodeIdentity, asked: RequestToSign): Uint8Array<ArrayBuffer> {
  const { node, command, method, target, contentType, body, proofs, expires } = asked
  const args: ValueMap = {
    method,
    path: target,
    type: contentType,
    bytes: body.sizeBytes,
    sha256: body.sha256,
    nonce: asked.nodeNonce,
  }
  const nonce = asked.chance
  return issueInvocation(signer, { subject: node, command, args, proofs, expires, nonce })
}

/** What the arguments say of the body, when all else of them is what came. */
export function judgeArguments(args: ValueMap, came: SignedRequest): Judged<SignedBody> {
  const other = Object.keys(args).find((key) => !ARGUMENTS.includes(key))
  if (other !== undefined) return refused('REQUEST_MALFORMED', 'an argument is not known')
  if (valueAt(args, 'method') !== came.method) return refused('REQUEST_OTHER', 'method')
  if (valueAt(args, 'path') !== came.target) return refused('REQUEST_OTHER', 'path')
  if (valueAt(args, 'type') !== came.contentType) return refused('REQUEST_OTHER', 'type')
  const sizeBytes = valueAt(args, 'bytes')
  const sha256 = valueAt(args, 'sha256')
  if (!isSize(sizeBytes)) return refused('REQUEST_MALFORMED', 'bytes')
  if (!(sha256 instanceof Uint8Array) || sha256.length !== SHA256_BYTES) {
    return refused('REQUEST_MALFORMED', 'sha256')
  }
  return granted({ sizeBytes, sha256 })
}

/** The nonce of the node that a request names; undefined where there is none. */
export function nodeNonceOf(args: ValueMap): Uint8Array | undefined {
  const nonce = valueAt(args, 'nonce')
  return nonce instanceof Uint8Array ? nonce : undefined
}

function isSize(value: Value | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}
