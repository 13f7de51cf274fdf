// SPDX-License-Identifier: AGPL-3.0-or-later
/** The part of the client that is about what changes while one looks. */
import type { z } from 'zod'
import type { Call } from './call.ts'
import { endpoints } from './endpoints.ts'
import {
  type Happening,
  type Links,
  type NodeEvent,
  nodeEventSchema,
  type PublicEvent,
  publicEventSchema,
  type TransferFacts,
  type View,
  type VitalsFacts,
} from './live-schemas.ts'

export interface EventsOptions {
  /** The id of the last happening that was heard. */
  since?: number
  /** Told whenever the node gives a sign of life, also without an event. */
  onAlive?: () => void
  signal?: AbortSignal
}

export interface LiveCalls {
  /** Ends when the node stops or the connection does; whoever listens asks again. */
  events(options?: EventsOptions): AsyncIterable<NodeEvent>
  publicEvents(options?: EventsOptions): AsyncIterable<PublicEvent>
  links(signal?: AbortSignal): Promise<Links>
  publicLinks(signal?: AbortSignal): Promise<Links>
  vitals(signal?: AbortSignal): Promise<VitalsFacts>
  happenings(signal?: AbortSignal): Promise<readonly Happening[]>
  publicHappenings(signal?: AbortSignal): Promise<readonly Happening[]>
  transfers(signal?: AbortSignal): Promise<readonly TransferFacts[]>
  /** As it is then; what had ended stays as it was. */
  stopTransfer(id: number, signal?: AbortSignal): Promise<TransferFacts>
  openView(cid: string, options?: { path?: string; signal?: AbortSignal }): Promise<View>
  ownerLinks(signal?: AbortSignal): Promise<readonly string[]>
  /** With a new token: the old links are worth nothing then. */
  renewOwnerLinks(signal?: AbortSignal): Promise<readonly string[]>
}

export function liveCalls(call: Call): LiveCalls {
  return {
    events: (options) => events(call, 'events', nodeEventSchema, options),
    publicEvents: (options) => events(call, 'publicEvents', publicEventSchema, options),
    links: (signal) => call.json(endpoints.links, { signal }),
    publicLinks: (signal) => call.json(endpoints.publicLinks, { signal }),
    vitals: (signal) => call.json(endpoints.vitals, { signal }),
    happenings: async (signal) => (await call.json(endpoints.happenings, { signal })).happenings,
    publicHappenings: async (signal) =>
      (await call.json(endpoints.publicHappenings, { signal })).happenings,
    transfers: async (signal) => (await call.json(endpoints.transfers, { signal })).transfers,
    stopTransfer: async (id, signal) =>
      (await call.json(endpoints.stopTransfer, { id, signal })).transfer,
    openView: (cid, { path = '', signal } = {}) =>
      call.json(endpoints.openView, { json: { cid, path }, signal }),
    ownerLinks: async (signal) => (await call.json(endpoints.ownerLinks, { signal })).links,
    renewOwnerLinks: async (signal) =>
      (await call.json(endpoints.renewOwnerLinks, { signal })).links,
  }
}

/** Events of a kind that this client does not know are passed over: a newer node has more. */
async function* events<Event extends z.ZodType>(
  call: Call,
  name: 'events' | 'publicEvents',
  schema: Event,
  { since, onAlive, signal }: EventsOptions = {},
): AsyncGenerator<z.output<Event>> {
  const query = since === undefined ? {} : { since: String(since) }
  for await (const data of call.serverEvents(endpoints[name], { query, signal }, onAlive)) {
    const parsed = schema.safeParse(data)
    if (parsed.success) yield parsed.data
  }
}
