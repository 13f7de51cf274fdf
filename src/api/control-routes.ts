// SPDX-License-Identifier: AGPL-3.0-or-later
/** What the owner can ask and order over the control socket. */
import { parseCid } from '../base/base.ts'
import { endpoints, type FetchLine } from '../contract/contract.ts'
import { itemNotFound, problemOf } from './errors.ts'
import { itemOf, neighbourOf, type Observed, peerOf, statusOf } from './facts.ts'
import { type HandlerInput, type HttpServer, RawAnswer, streamOf } from './http-server.ts'
import type { ApiDeps } from './ports.ts'
import { progressLines } from './progress.ts'
import { serveRefusals } from './refusal-routes.ts'

export function serveControl(server: HttpServer, deps: ApiDeps, observe: () => Observed): void {
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
  serveRefusals(server, deps)
}

function serveItems(server: HttpServer, deps: ApiDeps): void {
  const { items } = deps
  server.serve(endpoints.items, async () => ({ items: items.list().map(itemOf) }))
  server.serve(endpoints.addItem, async ({ query, bytes, signal }) => {
    return { item: itemOf(await items.add(bytes, { ...query, signal })) }
  })
  server.serve(endpoints.item, async ({ params }) => {
    const item = items.get(parseCid(params.cid))
    if (item === undefined) throw itemNotFound()
    return { item: itemOf(item) }
  })
  server.serve(endpoints.itemBytes, async ({ params, signal }) => {
    const item = items.get(parseCid(params.cid))
    if (item === undefined) throw itemNotFound()
    const bytes = streamOf(items.openBytes(item.cid, { signal }))
    return new RawAnswer('application/octet-stream', bytes, item.sizeBytes)
  })
  server.serve(endpoints.removeItem, async ({ params }) => {
    const item = await items.remove(parseCid(params.cid))
    if (item === undefined) throw itemNotFound()
    return { item: itemOf(item) }
  })
  server.serve(endpoints.fetchItem, async (input) => fetchAnswer(deps, input))
}

function fetchAnswer(
  { items, clock, log }: ApiDeps,
  { body, signal }: HandlerInput<typeof endpoints.fetchItem>,
): RawAnswer {
  // Before the first line, so that a wrong CID is a plain refusal and not a failed fetch.
  const cid = parseCid(body.cid)
  const lines = progressLines(clock, async (report): Promise<FetchLine> => {
    const onProgress = (received: number, total: number | undefined): void =>
      report({ received, total: total ?? null })
    try {
      const { visibility } = body
      return { item: itemOf(await items.fetch(cid, { visibility, signal, onProgress })) }
    } catch (thrown) {
      // The status line has gone out long ago: the problem travels as the last line instead.
      const { details, isOurs } = problemOf(thrown)
      if (isOurs) log.error('a fetch failed', { error: thrown })
      return { problem: details }
    }
  })
  return new RawAnswer('application/x-ndjson', streamOf(lines))
}
