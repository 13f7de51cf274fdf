// SPDX-License-Identifier: AGPL-3.0-or-later
/** Who asks, on either listener; and who may not come in at all. */
import type { FastifyReply, FastifyRequest } from 'fastify'
import { CodedError, type Logger } from '../base/base.ts'
import { endpoints } from '../contract/contract.ts'
import type { Caller } from '../net/net.ts'
import { callerFactsOf, judgeCaller, type OwnNames, refusalError, type Surface } from './doorman.ts'
import { LAN_IDLE_MS_MAX, OWNER_IDLE_MS_MAX, WRONG_TOKEN_RETRY_S } from './limits.ts'
import type { OwnerToken, WrongTokens } from './owner/owner.ts'
import { type Signer, signerOf } from './signed-requests.ts'

/** For whatever does not say otherwise: it has no script and loads nothing. */
const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'cache-control': 'no-store',
  'content-security-policy':
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
}

const READING_METHODS: readonly string[] = ['GET', 'HEAD']

/** What links from elsewhere may lead to. */
const PAGE_PATHS: readonly string[] = [endpoints.statusPage.path, endpoints.plainPage.path]

/** Over the control socket: whoever may open it is the owner, unless it is a browser. */
export function admitToSocket(ownNames: OwnNames): (request: FastifyRequest) => Caller {
  return ({ raw }) => {
    const judgement = judgeCaller(callerFactsOf(raw), 'control', ownNames)
    if (!judgement.allowed) throw refusalError(judgement.reason)
    return { kind: 'owner' }
  }
}

export interface LanDoorDeps {
  ownNames: OwnNames
  token: Pick<OwnerToken, 'isRight'>
  wrongTokens: WrongTokens
  log: Logger
}

/** On the LAN: anybody, for looking; the owner, by the token; and who signs what they ask for. */
export function admitToLan(deps: LanDoorDeps) {
  return (request: FastifyRequest, reply: FastifyReply): Caller | Signer => {
    reply.headers(SECURITY_HEADERS)
    const judgement = judgeCaller(callerFactsOf(request.raw), surfaceOf(request), deps.ownNames)
    if (!judgement.allowed) throw refusalError(judgement.reason)
    // Of strangers nobody reads it: the connection must not be held by what is still to come.
    if (hasBody(request)) reply.header('connection', 'close')
    const signer = signerOf(request)
    // Whatever the method: the Guard is asked before anything of the body is read.
    if (signer !== undefined) return signer
    const caller = callerOf(request, reply, deps)
    if (caller.kind === 'owner') {
      giveTime(request, reply)
      return caller
    }
    if (!READING_METHODS.includes(request.method)) throw onlyLooking(reply)
    return caller
  }
}

/** @throws CodedError `TOKEN_WRONG`, `TOKEN_WRONG_OFTEN` */
function callerOf(request: FastifyRequest, reply: FastifyReply, deps: LanDoorDeps): Caller {
  const { authorization } = request.headers
  const address = request.raw.socket.remoteAddress ?? ''
  if (authorization === undefined) return { kind: 'anonymous', address }
  const token = /^Bearer +([\w~+/.-]+=*) *$/i.exec(authorization)?.[1]
  // The right one first: whoever guesses beside the owner must not keep the owner out.
  if (token !== undefined && deps.token.isRight(token)) return { kind: 'owner' }
  reply.header('www-authenticate', 'Bearer error="invalid_token"')
  if (deps.wrongTokens.note(address)) {
    throw new CodedError('TOKEN_WRONG', 'That is not the token of this node’s owner.', {
      advice: 'It may have been renewed. For a link with the one of now: citynode link',
    })
  }
  deps.log.debug('wrong tokens keep coming from one address', {})
  // Each further guess costs a connection.
  reply.headers({ connection: 'close', 'retry-after': String(WRONG_TOKEN_RETRY_S) })
  throw new CodedError('TOKEN_WRONG_OFTEN', 'Too many wrong tokens came from there.', {
    advice: `Wait ${WRONG_TOKEN_RETRY_S} seconds. For a link with the right one: citynode link`,
  })
}

/** What somebody who may has ordered can be silent for long, and is not cut off for it. */
export function giveTime({ raw: { socket } }: FastifyRequest, reply: FastifyReply): void {
  reply.removeHeader('connection')
  socket.setTimeout(OWNER_IDLE_MS_MAX)
  reply.raw.once('close', () => socket.setTimeout(LAN_IDLE_MS_MAX))
}

function hasBody({ headers }: FastifyRequest): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
}

function surfaceOf(request: FastifyRequest): Surface {
  const path = request.url.split('?')[0] ?? ''
  return PAGE_PATHS.includes(path) ? 'page' : 'data'
}

function onlyLooking(reply: FastifyReply): CodedError {
  reply.header('allow', READING_METHODS.join(', '))
  return new CodedError('METHOD_NOT_ALLOWED', 'Here you can only look, with GET or HEAD.', {
    advice: 'The owner may do more, by the link that `citynode link` prints on the node itself.',
  })
}
