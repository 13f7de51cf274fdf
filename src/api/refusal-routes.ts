// SPDX-License-Identifier: AGPL-3.0-or-later
/** What the owner can ask and order about refusing, over the control socket. */
import type { CID } from 'multiformats/cid'
import { parseCid } from '../base/base.ts'
import { type BlockFacts, type DenylistFacts, endpoints } from '../contract/contract.ts'

import type { HttpServer } from './http-server.ts'
import { itemOf } from './item-facts.ts'
import type { ApiItems } from './item-ports.ts'

export interface ApiBlock {
  cid: string
  kind: BlockFacts['kind']
  reason: string
  /** Wall-clock milliseconds, as the node's clock said. */
  sinceMs: number
}

export type ApiDenylist = Omit<DenylistFacts, 'problems' | 'fault'> & {
  problems: readonly { line: number; message: string }[]
  fault: string | undefined
}

/** The slice of refusing that the API uses. */
export interface ApiRefusals {
  blocks(): readonly ApiBlock[]
  block(cid: CID, options: { kind: BlockFacts['kind']; reason: string }): Promise<ApiBlock>
  unblock(cid: CID): Promise<ApiBlock>
  /** Why others do not get an item that is here. */
  refusalOf(cid: CID): { reason: string } | undefined
  denylists(): readonly ApiDenylist[]
  rereadLists(): Promise<readonly ApiDenylist[]>
}

export function serveRefusals(
  server: HttpServer,
  { items, refusals }: { items: Pick<ApiItems, 'remove'>; refusals: ApiRefusals },
): void {
  server.serve(endpoints.blocks, async () => ({ blocks: refusals.blocks().map(blockOf) }))
  server.serve(endpoints.block, async ({ body: { cid, kind, reason } }) => ({
    block: blockOf(await refusals.block(parseCid(cid), { kind, reason })),
  }))
  server.serve(endpoints.unblock, async ({ params }) => ({
    block: blockOf(await refusals.unblock(parseCid(params.cid))),
  }))
  server.serve(endpoints.forgetItem, async ({ body }) => {
    const cid = parseCid(body.cid)
    // The block first: between the two nobody can bring it back.
    const block = await refusals.block(cid, { kind: 'forgotten', reason: '' })
    const item = await items.remove(cid, { erases: true })
    return { block: blockOf(block), item: item === undefined ? null : itemOf(item) }
  })
  server.serve(endpoints.denylists, async () => ({
    denylists: refusals.denylists().map(denylistOf),
  }))
  server.serve(endpoints.rereadDenylists, async () => ({
    denylists: (await refusals.rereadLists()).map(denylistOf),
  }))
}

function blockOf({ cid, kind, reason, sinceMs }: ApiBlock): BlockFacts {
  return { cid, kind, reason, since: new Date(sinceMs).toISOString() }
}

function denylistOf({ fault, problems, ...list }: ApiDenylist): DenylistFacts {
  return { ...list, problems: [...problems], fault: fault ?? null }
}
