// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * What changes while one looks: events for whoever listens, what happened lately, transfers, links
 * and how the machine is doing.
 *
 * What holds here: guests hear only what is public; a listener costs the same whatever it does, and
 * a thousand changes a second cost what a few do; nothing here waits for a listener.
 */
import { Readable } from 'node:stream'
import { type HealthCondition, type PeerId, repeat, type Timer } from '../../base/base.ts'
import { endpoints } from '../../contract/contract.ts'
import { type HandlerInput, type HttpServer, RawAnswer } from '../http-server.ts'
import type { ApiItems } from '../item-ports.ts'
import { Broadcast } from './broadcast.ts'
import { ConditionWatch } from './condition-watch.ts'
import {
  conditionCleared,
  conditionRaised,
  itemChanged,
  type NamedNode,
  neighbourFound,
  neighbourLost,
  nodeStarted,
  peerConnected,
  peerLost,
  transferFailed,
} from './happening-words.ts'
import { type Audience, type HappeningFacts, Happenings } from './happenings.ts'
import { BUFFERED_BYTES_MAX, HEALTH_GAP_MS } from './limits.ts'
import { linkHistoryOf, vitalsOf } from './live-facts.ts'
import { ListenerPlaces } from './places.ts'
import type { LiveDeps, LiveSources } from './ports.ts'
import { trackedItems } from './tracked-items.ts'
import { Transfers } from './transfers.ts'

export type { ItemEvents, ItemSeen, LinkSource, LiveSources } from './ports.ts'

export class Live {
  readonly happenings: Happenings
  readonly transfers: Transfers
  readonly #deps: LiveDeps
  readonly #broadcast: Broadcast
  readonly #places = new ListenerPlaces()
  readonly #conditions = new ConditionWatch()
  /** Of connected peers. */
  readonly #names = new Map<PeerId, string>()
  #stopped = new AbortController()
  #looking: Timer | undefined

  constructor(deps: LiveDeps) {
    const { clock } = deps
    this.#deps = deps
    this.happenings = new Happenings(clock)
    this.transfers = new Transfers({
      clock,
      onChange: (id) => this.#broadcast.transferChanged(id),
      onFailure: (ended) => this.#note(transferFailed(ended)),
    })
    this.#broadcast = new Broadcast(deps, this)
  }

  /** The same items, with additions and fetches counted as transfers. */
  track(items: ApiItems): ApiItems {
    return trackedItems(items, this.transfers)
  }

  start(): void {
    this.#stopped = new AbortController()
    const { node, neighbours, peers } = this.#deps.observe()
    this.#note(nodeStarted(node.version))
    // Those who were met before there was anybody to note it.
    for (const { peerId } of peers) this.#note(peerConnected(this.#named(peerId)))
    for (const { peerId, interfaceName } of neighbours) {
      this.#note(neighbourFound(this.#named(peerId), interfaceName))
    }
    this.#listenToPeers()
    this.#listenToItems()
    this.#look()
    this.#looking = repeat(
      this.#deps.clock,
      () => HEALTH_GAP_MS,
      () => this.#look(),
    )
  }

  stop(): void {
    this.#looking?.cancel()
    this.#stopped.abort()
    this.#broadcast.stop()
  }

  /** The events for one listener, as text. */
  frames(
    audience: Audience,
    options: { since: number | undefined; signal: AbortSignal },
  ): AsyncGenerator<string> {
    return this.#broadcast.listen(audience, options)
  }

  /** The same for a connection. @throws CodedError `LISTENERS_FULL` */
  listen(
    audience: Audience,
    options: { address: string | undefined; since: number | undefined; signal: AbortSignal },
  ): Readable {
    const leave = this.#places.take(audience, options.address)
    // Pulled, never pushed: it reads on only when the connection has taken what came before.
    const stream = Readable.from(this.frames(audience, options), {
      objectMode: false,
      highWaterMark: BUFFERED_BYTES_MAX,
    })
    stream.once('close', leave)
    return stream
  }

  #listenToPeers(): void {
    const { peerEvents } = this.#deps
    const { signal } = this.#stopped
    const on: typeof peerEvents.on = (name, listener) => {
      peerEvents.on(
        name,
        (fact) => {
          listener(fact)
          this.#broadcast.statusMayHaveChanged()
        },
        signal,
      )
    }
    on('peerConnected', ({ peerId }) => this.#note(peerConnected(this.#named(peerId))), signal)
    on(
      'peerLost',
      ({ peerId }) => {
        this.#note(peerLost(this.#named(peerId)))
        this.#names.delete(peerId)
      },
      signal,
    )
    on(
      'neighbourFound',
      ({ neighbour: { peerId, interfaceName } }) =>
        this.#note(neighbourFound(this.#named(peerId), interfaceName)),
      signal,
    )
    on(
      'neighbourLost',
      ({ peerId, ...loss }) => this.#note(neighbourLost(this.#named(peerId), loss)),
      signal,
    )
  }

  #listenToItems(): void {
    this.#deps.itemEvents.on(
      'itemChanged',
      ({ before, after }) => {
        const cid = (after ?? before)?.cid
        if (cid === undefined) return
        const facts = itemChanged(before, after)
        if (facts !== undefined) this.#note(facts)
        this.#broadcast.itemChanged(cid, before, after)
        this.#broadcast.statusMayHaveChanged()
      },
      this.#stopped.signal,
    )
  }

  #look(): void {
    const conditions: readonly HealthCondition[] = this.#deps.health()
    const { raised, cleared } = this.#conditions.look(conditions)
    for (const condition of raised) this.#note(conditionRaised(condition))
    for (const condition of cleared) this.#note(conditionCleared(condition))
    // Also what announces nothing: the words of a condition, an address of ours.
    this.#broadcast.statusMayHaveChanged()
  }

  /** Whom we lost is not there to be asked any more: then by the name that it had. */
  #named(peerId: PeerId): NamedNode {
    const name = this.#deps.nameOf(peerId)
    if (name !== '') this.#names.set(peerId, name)
    return { peerId, name: this.#names.get(peerId) ?? '' }
  }

  #note(facts: HappeningFacts): void {
    this.happenings.add(facts)
    this.#broadcast.happened()
  }
}

/** What a listener on either server needs: all of it, or what is public. */
export function serveLive(
  server: HttpServer,
  live: Live,
  { links, vitals, storeRoom }: LiveSources,
): void {
  server.serve(endpoints.events, async (input) => eventsAnswer(live, 'owner', input))
  server.serve(endpoints.publicEvents, async (input) => eventsAnswer(live, 'anybody', input))
  const { stepSeconds } = links
  server.serve(endpoints.links, async () => ({
    stepSeconds,
    links: links.histories().map(linkHistoryOf),
  }))
  server.serve(endpoints.publicLinks, async () => ({
    stepSeconds,
    links: links
      .histories()
      .filter(({ kind }) => kind !== 'peer')
      .map(linkHistoryOf),
  }))
  server.serve(endpoints.vitals, async () => vitalsOf(await vitals(), storeRoom()))
  server.serve(endpoints.happenings, async () => ({ happenings: live.happenings.list('owner') }))
  server.serve(endpoints.publicHappenings, async () => ({
    happenings: live.happenings.list('anybody'),
  }))
  server.serve(endpoints.transfers, async () => ({ transfers: live.transfers.list() }))
  server.serve(endpoints.stopTransfer, async ({ params }) => ({
    transfer: live.transfers.stop(params.id),
  }))
}

function eventsAnswer(
  live: Live,
  audience: Audience,
  { query, headers, isHead, address, signal }: HandlerInput<typeof endpoints.events>,
): RawAnswer {
  const type = 'text/event-stream'
  const options = { headers: { 'cache-control': 'no-store' } }
  if (isHead) return new RawAnswer(type, '', options)
  // A browser that reconnects says itself what it heard last, beside the address it was given.
  const since = lastEventIdOf(headers['last-event-id']) ?? query.since
  return new RawAnswer(type, live.listen(audience, { address, since, signal }), options)
}

function lastEventIdOf(text: string | string[] | undefined): number | undefined {
  return typeof text === 'string' && /^\d{1,15}$/.test(text) ? Number(text) : undefined
}
