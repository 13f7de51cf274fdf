// SPDX-License-Identifier: AGPL-3.0-or-later
/** Who asks, on either listener; and who may not come in at all. */
import type { FastifyReply, FastifyRequest } from 'fastify'
import { CodedError } from '../base/base.ts'
import { endpoints } from '../contract/contract.ts'
import type { Caller } from '../net/net.ts'
import { callerFactsOf, judgeCaller, type OwnNames, refusalError, type Surface } from './doorman.ts'

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
const PAGE_PATHS: readonly string[] = [endpoints.statusPage.path]

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
}

/** On the LAN: anybody, for looking. */
export function admitToLan(deps: LanDoorDeps) {
  return (request: FastifyRequest, reply: FastifyReply): Caller => {
    reply.headers(SECURITY_HEADERS)
    const judgement = judgeCaller(callerFactsOf(request.raw), surfaceOf(request), deps.ownNames)
    if (!judgement.allowed) throw refusalError(judgement.reason)
    const caller: Caller = { kind: 'anonymous', address: request.ip }
    if (!READING_METHODS.includes(request.method)) throw onlyLooking(reply)
    return caller
  }
}

function surfaceOf(request: FastifyRequest): Surface {
  const path = request.url.split('?')[0] ?? ''
  return PAGE_PATHS.includes(path) ? 'page' : 'data'
}

function onlyLooking(reply: FastifyReply): CodedError {
  reply.header('allow', READING_METHODS.join(', '))
  return new CodedError('METHOD_NOT_ALLOWED', 'Here you can only look, with GET or HEAD.', {
    advice: 'The owner changes things with the citynode command on the node itself.',
  })
}
