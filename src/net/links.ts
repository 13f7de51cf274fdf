// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * The open connections to nodes of our city, and what they say of our links: which peer was proven
 * over which interface, who is a neighbour, and how the hop is doing.
 */
import type { Connection } from '@libp2p/interface'
import {
  type Clock,
  CodedError,
  EventHub,
  type EventSource,
  type Logger,
  type PeerId,
} from '../base/base.ts'
import { interfaceOf } from './dial-filter.ts'
import { type Greeting, helloKeys } from './greeting.ts'
import type { HelloLink, Hellos } from './hellos.ts'
import type { InterfaceWatch, WatchedInterface } from './interface-watch.ts'
import { SEGMENT_PEERS_MAX } from './limits.ts'
import { endpointOf } from './link-transport.ts'
import type { ConnectedPeer, Neighbour, PeerEvents } from './ports.ts'

interface Link {
  connection: Connection
  peerId: PeerId
  /** The remote end without its port; undefined when relayed. */
  host: string | undefined
  networkInterface: WatchedInterface | undefined
  greeting: Greeting
  hello: HelloLink | undefined
  connectedAtMs: number
  neighbourSinceMs: number | undefined
}

export interface LinksDeps {
  clock: Clock
  log: Logger
  hellos: Hellos
  interfaces: InterfaceWatch
  /** Called when a neighbour fell silent: is the connection still worth keeping? */
  suspect: (connection: Connection) => void
}

export class Links {
  readonly #deps: LinksDeps
  readonly #self: PeerId
  readonly #hub: EventHub<PeerEvents>
  readonly #links = new Map<string, Link>()

  constructor(deps: LinksDeps, self: PeerId) {
    this.#deps = deps
    this.#self = self
    this.#hub = new EventHub(deps.log)
  }

  get events(): EventSource<PeerEvents> {
    return this.#hub
  }

  /** Takes in a connection whose other end has greeted. */
  add(connection: Connection, mine: Greeting, theirs: Greeting, peerId: PeerId): void {
    const host = endpointOf(connection.remoteAddr)?.host
    const rival = this.#rivalOf(peerId, host)
    if (rival !== undefined && this.#isRedundant(connection, rival)) {
      connection.abort(new CodedError('NET_REDUNDANT', 'There is a connection already.'))
      return
    }
    const networkInterface = this.#interfaceOf(host)
    const nowMs = this.#deps.clock.monotonicMs()
    const isNews = !this.has(peerId)
    const link: Link = {
      connection,
      peerId,
      host,
      networkInterface,
      greeting: theirs,
      hello: undefined,
      connectedAtMs: nowMs,
      // Who takes over from a rival is the same neighbour: nobody is told of anything.
      neighbourSinceMs: rival?.neighbourSinceMs,
    }
    this.#links.set(connection.id, link)
    if (rival !== undefined) this.#retire(rival)
    if (isNews) this.#hub.announce('peerConnected', { peerId })
    if (networkInterface?.isOneHop === true) this.#watch(link, mine, nowMs)
  }

  /** A connection closed, for whatever reason. */
  remove(connection: Connection, reason: 'closed' | 'carrier' = 'closed'): void {
    const link = this.#links.get(connection.id)
    if (link === undefined) return
    this.#links.delete(connection.id)
    link.hello?.stop()
    this.#endNeighbour(link, reason)
    if (!this.has(link.peerId)) this.#hub.announce('peerLost', { peerId: link.peerId })
  }

  /** The interface is gone, and with it every connection over it. */
  interfaceLost(name: string): void {
    for (const link of [...this.#links.values()]) {
      if (link.networkInterface?.name !== name) continue
      this.remove(link.connection, 'carrier')
      link.connection.abort(new CodedError('NET_CARRIER', `The interface ${name} lost its link.`))
    }
  }

  has(peerId: PeerId): boolean {
    return [...this.#links.values()].some((link) => link.peerId === peerId)
  }

  /** Whether this peer's key is proven over this interface already. */
  hasOn(peerId: PeerId, interfaceName: string): boolean {
    return this.#on(interfaceName).some((link) => link.peerId === peerId)
  }

  hasRoomOn(interfaceName: string): boolean {
    const peers = new Set(this.#on(interfaceName).map((link) => link.peerId))
    return peers.size < SEGMENT_PEERS_MAX
  }

  /** The best connection to a peer: a living neighbour's first, then any direct one. */
  connectionTo(peerId: PeerId): Connection | undefined {
    return this.#bestOf(peerId)?.connection
  }

  connectedPeers(): ConnectedPeer[] {
    const peerIds = new Set([...this.#links.values()].map((link) => link.peerId))
    return [...peerIds].flatMap((peerId) => {
      const link = this.#bestOf(peerId)
      return link === undefined ? [] : [toConnectedPeer(link)]
    })
  }

  neighbours(): Neighbour[] {
    const found = new Map<string, Neighbour>()
    for (const link of this.#links.values()) {
      const { hello, networkInterface, host, neighbourSinceMs, peerId, greeting } = link
      if (hello === undefined || networkInterface === undefined || host === undefined) continue
      if (neighbourSinceMs === undefined || !hello.isAlive) continue
      found.set(`${peerId} ${networkInterface.name}`, {
        peerId,
        name: greeting.name,
        interfaceName: networkInterface.name,
        address: host,
        rttMs: hello.session.rttMs,
        lossIn: hello.session.lossIn,
        lossOut: hello.session.lossOut,
        sinceMs: neighbourSinceMs,
        heardAtMs: hello.session.heardAtMs,
      })
    }
    return [...found.values()]
  }

  #on(interfaceName: string): Link[] {
    return [...this.#links.values()].filter((link) => link.networkInterface?.name === interfaceName)
  }

  #bestOf(peerId: PeerId): Link | undefined {
    const rank = (link: Link): number =>
      link.hello?.isAlive === true
        ? 3
        : link.host === undefined
          ? 0
          : link.hello === undefined
            ? 2
            : 1
    return [...this.#links.values()]
      .filter((link) => link.peerId === peerId && link.connection.status === 'open')
      .sort((first, second) => rank(second) - rank(first))[0]
  }

  /** An interface that has come up since the last look is looked for once more. */
  #interfaceOf(host: string | undefined): WatchedInterface | undefined {
    if (host === undefined) return undefined
    const { interfaces } = this.#deps
    const known = interfaceOf(host, interfaces.current())
    if (known !== undefined) return known
    interfaces.refresh()
    return interfaceOf(host, interfaces.current())
  }

  /** Another address of the peer is another link: a node may have two interfaces on one wire. */
  #rivalOf(peerId: PeerId, host: string | undefined): Link | undefined {
    if (host === undefined) return undefined
    return [...this.#links.values()].find(
      (link) => link.peerId === peerId && link.host === host && link.connection.status === 'open',
    )
  }

  /**
   * Both ends dialled at once: the connection that the lesser id dialled stays. Both ends judge by
   * the same rule, so they agree without a word. Of two in the same direction the newer one is
   * alive for sure.
   */
  #isRedundant(connection: Connection, { connection: rival, peerId }: Link): boolean {
    const wanted = this.#self < peerId ? 'outbound' : 'inbound'
    return connection.direction !== wanted && rival.direction === wanted
  }

  #retire(link: Link): void {
    this.#links.delete(link.connection.id)
    link.hello?.stop()
    link.connection.abort(new CodedError('NET_REDUNDANT', 'A newer connection took over.'))
  }

  #watch(link: Link, mine: Greeting, nowMs: number): void {
    const { host, greeting, peerId } = link
    if (host === undefined || greeting.helloPort === 0) return
    const keys = helloKeys(
      { peerId: this.#self, share: mine.share },
      { peerId, share: greeting.share },
    )
    const onChange = (isAlive: boolean): void => {
      if (isAlive) {
        this.#startNeighbour(link, this.#deps.clock.monotonicMs())
        return
      }
      this.#endNeighbour(link, 'silent')
      this.#deps.suspect(link.connection)
    }
    const interfaceName = link.networkInterface?.name
    const to = { host, port: greeting.helloPort, interfaceName }
    link.hello = this.#deps.hellos.watch(keys, to, onChange)
    if (link.neighbourSinceMs === undefined) this.#startNeighbour(link, nowMs)
  }

  #startNeighbour(link: Link, nowMs: number): void {
    link.neighbourSinceMs = nowMs
    const { peerId, networkInterface } = link
    this.#deps.log.info('found a neighbour', { peerId, interface: networkInterface?.name })
    const neighbour = this.neighbours().find(
      (one) => one.peerId === peerId && one.interfaceName === networkInterface?.name,
    )
    if (neighbour !== undefined) this.#hub.announce('neighbourFound', { neighbour })
  }

  #endNeighbour(link: Link, reason: 'silent' | 'carrier' | 'closed'): void {
    const { peerId, networkInterface, neighbourSinceMs } = link
    if (neighbourSinceMs === undefined || networkInterface === undefined) return
    link.neighbourSinceMs = undefined
    const interfaceName = networkInterface.name
    this.#deps.log.info('lost a neighbour', { peerId, interface: interfaceName, reason })
    this.#hub.announce('neighbourLost', { peerId, interfaceName, reason })
  }
}

function toConnectedPeer(link: Link): ConnectedPeer {
  const { connection, greeting, host } = link
  const hasHttps = host !== undefined && greeting.httpsPort !== 0
  return {
    peerId: link.peerId,
    address: connection.remoteAddr.toString(),
    direction: connection.direction,
    connectedAtMs: link.connectedAtMs,
    https: hasHttps ? { host, port: greeting.httpsPort } : undefined,
    version: greeting.version,
    name: greeting.name,
    interfaceName: link.networkInterface?.name,
  }
}
