// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Signed requests as they come over HTTP: `Authorization: UCAN <invocation>`, with the delegations
 * under it in a `ucans` header, all in base64url; and their bodies, held against what was signed.
 * Whether they are allowed is for the Guard.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import { CodedError } from '../base/base.ts'
import type { SignedBody, SignedRequest } from '../net/net.ts'
import {
  REFUSED_REQUESTS_RETRY_S,
  SIGNED_PROOFS_MAX,
  SIGNED_TOKEN_CHARACTERS_MAX,
} from './limits.ts'

/** Somebody who signs what they ask for; whether they may is not known yet. */
export interface Signer {
  kind: 'signer'
  request: SignedRequest
}

const SCHEME = /^UCAN(?: |$)/i
const BASE64URL = /^[\w-]+$/

/**
 * Undefined where the request is not signed.
 * @throws CodedError `ACCESS_TOKEN_MALFORMED`, `ACCESS_TOKEN_TOO_LARGE`, `ACCESS_CHAIN_TOO_LONG`
 */
export function signerOf({ headers, method, raw }: FastifyRequest): Signer | undefined {
  const { authorization = '', ucans } = headers
  if (!SCHEME.test(authorization)) return undefined
  // Node joins headers that come twice with a comma and a space, as lists of HTTP are.
  const listed = (Array.isArray(ucans) ? ucans.join(',') : (ucans ?? '')).split(',')
  const proofs = listed.map((text) => text.trim()).filter((text) => text !== '')
  if (proofs.length > SIGNED_PROOFS_MAX) {
    throw new CodedError('ACCESS_CHAIN_TOO_LONG', 'The permission was passed on too many times.', {
      advice: 'Ask somebody who is nearer to the owner for it.',
    })
  }
  return {
    kind: 'signer',
    request: {
      token: tokenOf(authorization.slice('UCAN'.length).trim()),
      proofs: proofs.map(tokenOf),
      method,
      target: raw.url ?? '',
      contentType: headers['content-type'] ?? '',
    },
  }
}

/**
 * The body as it comes. Its end comes only when all of it is what was signed: whoever reads to the end
 * before acknowledging anything has acknowledged nothing else.
 * @throws CodedError `ACCESS_BODY_OTHER`
 */
export async function* checkedBody(
  bytes: AsyncIterable<Uint8Array>,
  signed: SignedBody,
): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256')
  let lengthBytes = 0
  for await (const chunk of bytes) {
    lengthBytes += chunk.length
    // At once: conditions about sizes are about what is signed, and nothing beyond it is taken.
    if (lengthBytes > signed.sizeBytes) throw otherBody('it is longer')
    hash.update(chunk)
    yield chunk
  }
  if (lengthBytes < signed.sizeBytes) throw otherBody('it is shorter')
  if (!timingSafeEqual(hash.digest(), signed.sha256)) throw otherBody('its bytes are others')
}

/** An endpoint without a body has none that was signed either. */
export function checkNoBody(signed: SignedBody): void {
  if (signed.sizeBytes > 0) throw otherBody('none belongs here')
}

/** What is sent there takes effect before all of it was seen. */
export function notSignable(): CodedError {
  return new CodedError(
    'ACCESS_NOT_SIGNABLE',
    'What is sent here takes effect while it arrives, so a signature under it comes too late.',
    { advice: 'Run the command on the machine of the node, or as its owner.' },
  )
}

/** Too many signed requests from one address were refused. */
export function refusedOften(): CodedError {
  return new CodedError('ACCESS_REFUSED_OFTEN', 'Too many refused requests came from there.', {
    advice: `Wait ${REFUSED_REQUESTS_RETRY_S} seconds, and look at what the first refusal said.`,
  })
}

function tokenOf(text: string): Uint8Array {
  if (text.length > SIGNED_TOKEN_CHARACTERS_MAX) {
    throw new CodedError(
      'ACCESS_TOKEN_TOO_LARGE',
      'The permission is larger than any that is made.',
      { advice: 'Ask whoever gave it to you for a smaller one.' },
    )
  }
  if (BASE64URL.test(text)) return Uint8Array.from(Buffer.from(text, 'base64url'))
  throw new CodedError('ACCESS_TOKEN_MALFORMED', 'This is not a permission that can be read.', {
    advice: 'Signed requests carry tokens of UCAN 1.0 in base64url: docs/API.md says how.',
  })
}

function otherBody(how: string): CodedError {
  return new CodedError('ACCESS_BODY_OTHER', `What came is not what was signed: ${how}.`, {
    advice:
      'Send it again. If this comes again, somebody on the way changes it: use another network.',
  })
}
