// SPDX-License-Identifier: AGPL-3.0-or-later
/** The API's client: typed by the endpoint table, over whatever transport it is given. */
import { type AccessCalls, accessCalls } from './access-client.ts'
import { Call, type Transport } from './call.ts'
import type { Imported } from './carry-schemas.ts'
import { endpoints } from './endpoints.ts'
import { type ItemCalls, itemCalls } from './item-client.ts'
import type { Visibility } from './item-schemas.ts'
import { type LiveCalls, liveCalls } from './live-client.ts'
import type { BlockFacts, DenylistFacts, Forgotten } from './refusal-schemas.ts'
import type { Health, NeighbourFacts, PeerFacts, PublicStatus, Status } from './schemas.ts'

export { ApiProblem, type Transport, type TransportAnswer, type TransportRequest } from './call.ts'
export type {
  AddItemOptions,
  AddPathOptions,
  FetchedItem,
  FetchItemOptions,
} from './item-client.ts'

export interface Client extends ItemCalls, LiveCalls, CarryCalls, RefusalCalls, AccessCalls {
  status(signal?: AbortSignal): Promise<Status>
  publicStatus(signal?: AbortSignal): Promise<PublicStatus>
  health(signal?: AbortSignal): Promise<Health>
  neighbours(signal?: AbortSignal): Promise<readonly NeighbourFacts[]>
  peers(signal?: AbortSignal): Promise<readonly PeerFacts[]>
  config(signal?: AbortSignal): Promise<Readonly<Record<string, unknown>>>
}

/** The part of the client that is about CAR files. */
interface CarryCalls {
  /** Items as one CAR; fails when it breaks off. `all`: all that are whole. */
  exportItems(
    cids: readonly string[] | 'all',
    signal?: AbortSignal,
  ): Promise<AsyncIterable<Uint8Array>>
  importItems(
    car: AsyncIterable<Uint8Array>,
    options: { visibility: Visibility; signal?: AbortSignal },
  ): Promise<Imported>
}

/** The part of the client that is about refusing. */
interface RefusalCalls {
  blocks(signal?: AbortSignal): Promise<readonly BlockFacts[]>
  block(
    cid: string,
    options: { kind: 'blocked' | 'legal'; reason: string; signal?: AbortSignal },
  ): Promise<BlockFacts>
  unblock(cid: string, signal?: AbortSignal): Promise<BlockFacts>
  /** Removes the item, and refuses it from now on. */
  forgetItem(cid: string, signal?: AbortSignal): Promise<Forgotten>
  denylists(signal?: AbortSignal): Promise<readonly DenylistFacts[]>
  rereadDenylists(signal?: AbortSignal): Promise<readonly DenylistFacts[]>
}

export function createClient(transport: Transport): Client {
  const call = new Call(transport)
  return {
    status: (signal) => call.json(endpoints.status, { signal }),
    publicStatus: (signal) => call.json(endpoints.publicStatus, { signal }),
    health: (signal) => call.health(signal),
    neighbours: async (signal) => (await call.json(endpoints.neighbours, { signal })).neighbours,
    peers: async (signal) => (await call.json(endpoints.peers, { signal })).peers,
    config: async (signal) => (await call.json(endpoints.config, { signal })).config,
    ...itemCalls(call),
    ...liveCalls(call),
    ...carryCalls(call),
    ...refusalCalls(call),
    ...accessCalls(call),
  }
}

function carryCalls(call: Call): CarryCalls {
  return {
    exportItems: async (cids, signal) => {
      const json = cids === 'all' ? { cids: [], isAll: true } : { cids, isAll: false }
      return (await call.open(endpoints.exportItems, { json, signal })).body
    },
    importItems: (bytes, { visibility, signal }) =>
      call.json(endpoints.importItems, { query: { visibility }, bytes, signal }),
  }
}

function refusalCalls(call: Call): RefusalCalls {
  return {
    blocks: async (signal) => (await call.json(endpoints.blocks, { signal })).blocks,
    block: async (cid, { kind, reason, signal }) =>
      (await call.json(endpoints.block, { json: { cid, kind, reason }, signal })).block,
    unblock: async (cid, signal) => (await call.json(endpoints.unblock, { cid, signal })).block,
    forgetItem: (cid, signal) => call.json(endpoints.forgetItem, { json: { cid }, signal }),
    denylists: async (signal) => (await call.json(endpoints.denylists, { signal })).denylists,
    rereadDenylists: async (signal) =>
      (await call.json(endpoints.rereadDenylists, { signal })).denylists,
  }
}
