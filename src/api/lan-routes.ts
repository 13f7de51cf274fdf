// SPDX-License-Identifier: AGPL-3.0-or-later
/** What anybody on the LAN may read: public facts, by GET and HEAD only. */
import { CodedError } from '../base/base.ts'
import { endpoints } from '../contract/contract.ts'
import { callerFactsOf, judgeCaller, refusalError } from './doorman.ts'
import { healthOf, type Observed, publicStatusOf } from './facts.ts'
import { type HttpServer, RawAnswer, StatusAnswer } from './http-server.ts'
import type { ApiDeps } from './ports.ts'

/** The page has no script and loads nothing; its styles are inline, its icon is a data URL. */
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

const READING_METHODS = ['GET', 'HEAD']

export function serveLan(server: HttpServer, deps: ApiDeps, observe: () => Observed): void {
  server.app.addHook('onRequest', async (request, reply) => {
    reply.headers(SECURITY_HEADERS)
    const surface = request.url.split('?')[0] === endpoints.statusPage.path ? 'page' : 'data'
    const judgement = judgeCaller(callerFactsOf(request.raw), surface, deps.ownNames)
    if (!judgement.allowed) throw refusalError(judgement.reason)
    if (READING_METHODS.includes(request.method)) return
    reply.header('allow', READING_METHODS.join(', '))
    throw new CodedError('METHOD_NOT_ALLOWED', 'Here you can only look, with GET or HEAD.', {
      advice: 'The owner changes things with the citynode command on the node itself.',
    })
  })
  server.serve(endpoints.health, async () => {
    const health = healthOf(deps.health())
    return new StatusAnswer(health.status === 'failed' ? 503 : 200, health)
  })
  server.serve(endpoints.metrics, async () => {
    return new RawAnswer(deps.metrics.contentType, await deps.metrics.render())
  })
  server.serve(endpoints.statusPage, async () => {
    const status = endpoints.publicStatus.answer.parse(publicStatusOf(observe()))
    return new RawAnswer('text/html; charset=utf-8', deps.renderStatusPage(status))
  })
  server.serve(endpoints.publicStatus, async () => publicStatusOf(observe()))
}
