// SPDX-License-Identifier: AGPL-3.0-or-later
/** All that the node answers, on both listeners alike: who asks decides how much of it. */
import { endpoints } from '../contract/contract.ts'
import { serveAccess } from './access-routes.ts'
import { serveCarrying } from './carry-routes.ts'
import { healthOf, neighbourOf, type Observed, peerOf, publicStatusOf, statusOf } from './facts.ts'
import { type HttpServer, RawAnswer, StatusAnswer } from './http-server.ts'
import { servePublicReading, serveReading } from './item-reading.ts'
import { serveItems } from './item-routes.ts'
import { openApiDocument } from './openapi/openapi.ts'
import type { ApiDeps } from './ports.ts'
import { serveRefusals } from './refusal-routes.ts'
import { serveViews } from './view-routes.ts'

export function serveTable(server: HttpServer, deps: ApiDeps, observe: () => Observed): void {
  serveNode(server, deps, observe)
  serveReading(server, deps)
  servePublicReading(server, deps)
  serveItems(server, deps)
  serveViews(server, deps)
  serveCarrying(server, deps)
  serveRefusals(server, deps)
  serveAccess(server, deps.access)
}

function serveNode(server: HttpServer, deps: ApiDeps, observe: () => Observed): void {
  server.serve(endpoints.status, async () => statusOf(observe()))
  server.serve(endpoints.publicStatus, async () => publicStatusOf(observe()))
  server.serve(endpoints.neighbours, async () => {
    const { neighbours, peers, nowMs } = observe()
    return { neighbours: neighbours.map((neighbour) => neighbourOf(neighbour, peers, nowMs)) }
  })
  server.serve(endpoints.peers, async () => {
    const { neighbours, peers, nowMs } = observe()
    return { peers: peers.map((peer) => peerOf(peer, neighbours, nowMs)) }
  })
  server.serve(endpoints.config, async () => ({ config: deps.config() }))
  server.serve(endpoints.health, async () => {
    const health = healthOf(deps.health())
    return new StatusAnswer(health.status === 'failed' ? 503 : 200, health)
  })
  // Made when it is asked for, and then kept: few ever do, and it takes a moment.
  let openApi: Record<string, unknown> | undefined
  server.serve(endpoints.openApi, async () => {
    openApi ??= openApiDocument(deps.status().version)
    return openApi
  })
  server.serve(endpoints.metrics, async () => {
    return new RawAnswer(deps.metrics.contentType, await deps.metrics.render())
  })
}
