// SPDX-License-Identifier: AGPL-3.0-or-later
/** What the owner can ask and order over the control socket. */
import { endpoints } from '../contract/contract.ts'
import { serveCarrying } from './carry-routes.ts'
import { callerFactsOf, judgeCaller, refusalError } from './doorman.ts'
import { neighbourOf, type Observed, peerOf, statusOf } from './facts.ts'
import type { HttpServer } from './http-server.ts'
import { serveItems } from './item-routes.ts'
import type { ApiDeps } from './ports.ts'
import { serveRefusals } from './refusal-routes.ts'

export function serveControl(server: HttpServer, deps: ApiDeps, observe: () => Observed): void {
  server.app.addHook('onRequest', async ({ raw }) => {
    const judgement = judgeCaller(callerFactsOf(raw), 'control', deps.ownNames)
    if (!judgement.allowed) throw refusalError(judgement.reason)
  })
  server.serve(endpoints.status, async () => statusOf(observe()))
  server.serve(endpoints.neighbours, async () => {
    const { neighbours, peers, nowMs } = observe()
    return { neighbours: neighbours.map((neighbour) => neighbourOf(neighbour, peers, nowMs)) }
  })
  server.serve(endpoints.peers, async () => {
    const { neighbours, peers, nowMs } = observe()
    return { peers: peers.map((peer) => peerOf(peer, neighbours, nowMs)) }
  })
  server.serve(endpoints.config, async () => ({ config: deps.config() }))
  serveItems(server, deps)
  serveCarrying(server, deps)
  serveRefusals(server, deps)
}
