// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * The network of one city: starts the libp2p host, finds nodes in all three ways, greets whoever
 * connects, and hangs up on those who are not of our city.
 */
import type { Connection, PeerInfo, Stream } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import {
  asError,
  type CityId,
  type Clock,
  CodedError,
  deadline,
  type EventSource,
  type HealthCondition,
  isPeerId,
  type Logger,
  type Metrics,
  type PeerId,
  parsePeerId,
  type Random,
  sleep,
} from '../base/base.ts'
import type { NetworkInterface } from '../system/system.ts'
import { beaconCounter, LinkBeacon } from './beacon.ts'
import { Bootstrap } from './bootstrap.ts'
import type { Candidate } from './candidates.ts'
import { cityPrefix, cityProtocol } from './city.ts'
import type { NetworkConfig } from './config.ts'
import type { Datagrams } from './datagrams.ts'
import { allowDial } from './dial-filter.ts'
import { decodeGreeting, encodeGreeting, GREETING_TOPIC, type Greeting } from './greeting.ts'
import type { Guard } from './guard.ts'
import { Hellos } from './hellos.ts'
import { hasLinkLocal, InterfaceWatch, type WatchedInterface } from './interface-watch.ts'
import { createHost, type Host } from './libp2p-host.ts'
import {
  CANDIDATE_COURTESY_MS,
  DIAL_ADDRESSES_MAX,
  DIAL_MS_MAX,
  GREETING_BYTES_MAX,
  GREETING_MS_MAX,
  PEERS_WANTED,
} from './limits.ts'
import { endpointOf, multiaddrOf } from './link-transport.ts'
import { Links } from './links.ts'
import type {
  ConnectedPeer,
  Neighbour,
  PeerEvents,
  PeerNetwork,
  QuestionHandler,
  QuestionOptions,
} from './ports.ts'
import { choosePort } from './ports-free.ts'
import { QuestionDesk } from './question-desk.ts'
import { askOn, receiveMessage, sendMessage } from './questions.ts'
import { Strangers } from './strangers.ts'

export interface CityNetworkDeps {
  clock: Clock
  random: Random
  log: Logger
  metrics: Metrics
  guard: Guard
  datagrams: Datagrams
  listInterfaces: () => readonly NetworkInterface[]
  identity: { peerId: PeerId; seed(): Uint8Array }
  /** Where our authenticated HTTPS server answers; 0 when it does not. */
  httpsPort: () => number
}

export interface CityNetworkOptions {
  city: CityId
  version: string
  /** As this node calls itself; may be empty. */
  name: string
  config: NetworkConfig
}

const SHARE_BYTES = 32

export class CityNetwork implements PeerNetwork {
  readonly name = 'network'
  readonly peerId: PeerId
  readonly #deps: CityNetworkDeps
  readonly #options: CityNetworkOptions
  readonly #interfaces: InterfaceWatch
  readonly #hellos: Hellos
  readonly #links: Links
  readonly #strangers: Strangers
  readonly #desk: QuestionDesk
  readonly #bootstrap: Bootstrap
  readonly #beacons = new Map<string, LinkBeacon>()
  readonly #stopped = new AbortController()
  readonly #beaconsReceived: ReturnType<typeof beaconCounter>
  #host: Host | undefined
  #port = 0

  constructor(deps: CityNetworkDeps, options: CityNetworkOptions) {
    this.peerId = deps.identity.peerId
    this.#deps = deps
    this.#options = options
    this.#interfaces = new InterfaceWatch(deps, options.config)
    this.#beaconsReceived = beaconCounter(deps.metrics)
    const received = deps.metrics.counter(
      'citynode_net_hellos_total',
      'Hellos received, by verdict',
      ['verdict'],
    )
    this.#hellos = new Hellos({ ...deps, received }, { port: options.config.hello_port })
    this.#links = new Links(
      {
        ...deps,
        hellos: this.#hellos,
        interfaces: this.#interfaces,
        suspect: (one) => this.#test(one),
      },
      this.peerId,
    )
    this.#strangers = new Strangers(deps.clock)
    this.#desk = new QuestionDesk(deps)
    this.#bootstrap = new Bootstrap(
      {
        ...deps,
        isConnected: (peerId) => this.#links.has(peerId),
        dial: (address) => this.#dial([multiaddr(address)]),
      },
      options.config.bootstrap,
    )
    deps.metrics.observedGauge(
      'citynode_net_peers',
      'Nodes of our city connected now',
      () => this.connectedPeers().length,
    )
    deps.metrics.observedGauge(
      'citynode_net_neighbours',
      'Neighbours heard now',
      () => this.neighbours().length,
    )
  }

  get events(): EventSource<PeerEvents> {
    return this.#links.events
  }

  async start(signal: AbortSignal): Promise<void> {
    const { city, config, version } = this.#options
    this.#port = await choosePort(config.port, 'network.port')
    await this.#hellos.start()
    const seed = this.#deps.identity.seed()
    const host = await createHost({
      seed,
      city,
      version,
      config: { ...config, port: this.#port },
      gater: {
        denyDialMultiaddr: (address) => !this.#allowsDial(address),
        denyInboundEncryptedConnection: (peerId) => this.#strangers.has(peerId.toString()),
        denyOutboundEncryptedConnection: (peerId) => this.#strangers.has(peerId.toString()),
      },
    })
    this.#host = host
    const listening = { signal: this.#stopped.signal }
    host.addEventListener('connection:open', ({ detail }) => this.#opened(detail), listening)
    host.addEventListener('connection:close', ({ detail }) => this.#links.remove(detail), listening)
    host.addEventListener('peer:discovery', ({ detail }) => this.#discovered(detail), listening)
    await host.handle(
      cityProtocol(city, GREETING_TOPIC),
      (stream, connection) => this.#answerGreeting(stream, connection),
      { runOnLimitedConnection: true, maxInboundStreams: 2 },
    )
    await this.#desk.open(host, city)
    signal.throwIfAborted()
    // Known before anyone can connect: over which interface is settled when a peer greets.
    this.#interfaces.start()
    await host.start()
    this.#discover()
  }

  async stop(): Promise<void> {
    this.#stopped.abort(new CodedError('NET_STOPPED', 'The node is stopping.'))
    this.#bootstrap.stop()
    this.#interfaces.stop()
    await Promise.all([...this.#beacons.values()].map((beacon) => beacon.stop()))
    await this.#hellos.stop()
    await this.#host?.stop()
  }

  health(): readonly HealthCondition[] {
    if (this.#interfaces.current().some((one) => one.segment !== 'loopback')) return []
    return [
      {
        code: 'NET_NO_LINK',
        severity: 'warning',
        text: 'No network interface has a link.',
        advice: 'Plug in a cable or switch the radio on.',
      },
    ]
  }

  connectedPeers(): readonly ConnectedPeer[] {
    return this.#links.connectedPeers()
  }

  neighbours(): readonly Neighbour[] {
    return this.#links.neighbours()
  }

  /** The connected peer at an IP address, if there is just one. */
  peerAt(address: string): PeerId | undefined {
    const plain = address.replace(/^::ffff:(?=\d+\.)/i, '')
    const here = this.connectedPeers().filter(({ https }) => https?.host === plain)
    return here.length === 1 ? here[0]?.peerId : undefined
  }

  listenAddresses(): readonly string[] {
    return this.#host?.getMultiaddrs().map(String) ?? []
  }

  answer(topic: string, options: QuestionOptions, handler: QuestionHandler): void {
    this.#desk.add(topic, options, handler)
  }

  async ask(
    peerId: PeerId,
    topic: string,
    request: Uint8Array,
    options: { replyBytesMax: number; signal: AbortSignal },
  ): Promise<Uint8Array> {
    const connection = this.#links.connectionTo(peerId)
    try {
      if (connection === undefined) throw new CodedError('NET_GONE', 'Not connected any more.')
      return await askOn(connection, cityProtocol(this.#options.city, topic), request, options)
    } catch (cause) {
      throw new CodedError('NET_NO_ANSWER', 'The peer did not answer.', {
        cause,
        context: { peerId, topic },
      })
    }
  }

  /** The round trip to a connected peer, in milliseconds. @throws CodedError `NET_NO_ANSWER` */
  async ping(peerId: PeerId, signal: AbortSignal): Promise<number> {
    const host = this.#host
    if (host === undefined || !this.#links.has(peerId)) {
      throw new CodedError('NET_NO_ANSWER', 'Not connected any more.')
    }
    return await host.services.ping.ping(peerIdFromString(peerId), { signal })
  }

  #discover(): void {
    const { events } = this.#interfaces
    const { signal } = this.#stopped
    events.on(
      'interfaceFound',
      ({ networkInterface }) => this.#startBeacon(networkInterface),
      signal,
    )
    events.on('interfaceLost', ({ name }) => this.#interfaceLost(name), signal)
    this.events.on(
      'neighbourLost',
      (fact) => this.#beacons.get(fact.interfaceName)?.hasten(),
      signal,
    )
    for (const one of this.#interfaces.current()) this.#startBeacon(one)
    this.events.on('peerLost', ({ peerId }) => this.#bootstrap.lost(peerId), signal)
    this.#bootstrap.start()
  }

  #startBeacon(networkInterface: WatchedInterface): void {
    const { name, segment } = networkInterface
    // batman-adv floods every multicast through the whole mesh: never there.
    const isSuited = segment !== 'loopback' && segment !== 'tunnel' && !/^bat/.test(name)
    if (!this.#options.config.beacon || !isSuited || !hasLinkLocal(networkInterface)) return
    if (this.#beacons.has(name)) return
    const beacon = new LinkBeacon(
      {
        ...this.#deps,
        received: this.#beaconsReceived,
        isWanted: (candidate) => this.#isWanted(candidate.peerId, name),
        dial: (candidate) => this.#dialHint(candidate),
      },
      {
        self: this.peerId,
        city: this.#options.city,
        beaconPort: this.#options.config.beacon_port,
        port: () => this.#port,
      },
      networkInterface,
    )
    this.#beacons.set(name, beacon)
    beacon.start()
  }

  #interfaceLost(name: string): void {
    this.#links.interfaceLost(name)
    const beacon = this.#beacons.get(name)
    this.#beacons.delete(name)
    beacon
      ?.stop()
      .catch((error: unknown) => this.#deps.log.debug('a beacon did not close', { error }))
  }

  #isWanted(peerId: PeerId, interfaceName: string): boolean {
    return (
      !this.#strangers.has(peerId) &&
      !this.#links.hasOn(peerId, interfaceName) &&
      this.#links.hasRoomOn(interfaceName)
    )
  }

  async #dialHint({ peerId, host, port }: Candidate): Promise<void> {
    const address = multiaddrOf({ host, port }).encapsulate(`/p2p/${peerId}`)
    // Forced, because each link is proven for itself even when the peer is known over another one.
    await this.#dial([address], true)
  }

  async #dial(addresses: Multiaddr[], force = false): Promise<void> {
    const limit = deadline(
      this.#deps.clock,
      DIAL_MS_MAX,
      () => new CodedError('NET_DIAL_TIMEOUT', 'The dial took too long.'),
      this.#stopped.signal,
    )
    try {
      await this.#host?.dial(addresses, { signal: limit.signal, force })
    } finally {
      limit.cancel()
    }
  }

  /** mDNS, bootstrap and the DHT say that a peer exists; the beacon has its own road. */
  #discovered({ id, multiaddrs }: PeerInfo): void {
    const text = id.toString()
    if (!isPeerId(text) || text === this.peerId) return
    if (this.#links.has(text) || this.#strangers.has(text)) return
    if (this.#links.connectedPeers().length >= PEERS_WANTED) return
    const addresses = multiaddrs
      .filter((one) => this.#allowsDial(one))
      .slice(0, DIAL_ADDRESSES_MAX)
      .map((one) => (one.toString().includes('/p2p/') ? one : one.encapsulate(`/p2p/${text}`)))
    if (addresses.length === 0) return
    const courtesyMs = this.peerId < text ? 0 : CANDIDATE_COURTESY_MS
    sleep(this.#deps.clock, courtesyMs, this.#stopped.signal)
      .then(() => (this.#links.has(text) ? undefined : this.#dial(addresses)))
      .catch((error: unknown) => this.#deps.log.debug('a found node does not answer', { error }))
  }

  #allowsDial(address: Multiaddr): boolean {
    // The way to a relay is asked for on its own, before the circuit through it.
    if (address.toString().includes('/p2p-circuit')) return true
    const endpoint = endpointOf(address)
    if (endpoint === undefined) return false
    const { city, config } = this.#options
    return allowDial(endpoint, {
      interfaces: this.#interfaces.current(),
      ranges: [cityPrefix(city), ...config.dial_ranges],
      bootstrapHosts: this.#bootstrap.hosts,
      isLoopbackAllowed: config.allow_loopback,
    })
  }

  #myGreeting(): Greeting {
    return {
      version: this.#options.version,
      name: this.#options.name,
      httpsPort: this.#deps.httpsPort(),
      helloPort: this.#hellos.port,
      share: this.#deps.random.bytes(SHARE_BYTES),
    }
  }

  #opened(connection: Connection): void {
    // Who dialled greets first; who was dialled gives it time to.
    const isOurs = connection.direction === 'outbound'
    const greeted = isOurs ? this.#greet(connection) : this.#awaitGreeting(connection)
    greeted.catch((error: unknown) => {
      if (connection.status !== 'open') return
      // A greeting that was merely slow or cut off says nothing about whose city it is.
      if (isStrangersAnswer(error)) this.#strangers.add(connection.remotePeer.toString())
      this.#deps.log.debug('hung up on a node of no city of ours', { error })
      connection.abort(new CodedError('NET_STRANGER', 'Not a node of our city.'))
    })
  }

  async #greet(connection: Connection): Promise<void> {
    const peerId = parsePeerId(connection.remotePeer.toString())
    const mine = this.#myGreeting()
    const protocol = cityProtocol(this.#options.city, GREETING_TOPIC)
    const limit = this.#greetingDeadline()
    try {
      const reply = await askOn(connection, protocol, encodeGreeting(mine), {
        replyBytesMax: GREETING_BYTES_MAX,
        signal: limit.signal,
      })
      const theirs = decodeGreeting(reply)
      if (theirs.verdict !== 'accept') throw new CodedError('NET_BAD_GREETING', theirs.reason)
      this.#links.add(connection, mine, theirs.value, peerId)
    } finally {
      limit.cancel()
    }
  }

  async #awaitGreeting(connection: Connection): Promise<void> {
    await sleep(this.#deps.clock, GREETING_MS_MAX, this.#stopped.signal)
    const isGreeted = this.#links.has(parsePeerId(connection.remotePeer.toString()))
    if (!isGreeted) throw new CodedError('NET_NO_GREETING', 'It did not greet.')
  }

  async #answerGreeting(stream: Stream, connection: Connection): Promise<void> {
    const limit = this.#greetingDeadline()
    try {
      const peerId = parsePeerId(connection.remotePeer.toString())
      const request = await receiveMessage(stream, GREETING_BYTES_MAX, limit.signal)
      const theirs = decodeGreeting(request)
      if (theirs.verdict !== 'accept') throw new CodedError('NET_BAD_GREETING', theirs.reason)
      const mine = this.#myGreeting()
      await sendMessage(stream, encodeGreeting(mine), limit.signal)
      if (connection.status === 'open') this.#links.add(connection, mine, theirs.value, peerId)
    } catch (thrown) {
      stream.abort(asError(thrown))
    } finally {
      limit.cancel()
    }
  }

  #greetingDeadline(): { signal: AbortSignal; cancel(): void } {
    const reason = (): Error =>
      new CodedError('NET_GREETING_TIMEOUT', 'The greeting took too long.')
    return deadline(this.#deps.clock, GREETING_MS_MAX, reason, this.#stopped.signal)
  }

  /** A silent neighbour: its connection is kept only if it still answers. */
  #test(connection: Connection): void {
    const limit = this.#greetingDeadline()
    const peerId = peerIdFromString(connection.remotePeer.toString())
    askOn(
      connection,
      cityProtocol(this.#options.city, GREETING_TOPIC),
      encodeGreeting(this.#myGreeting()),
      {
        replyBytesMax: GREETING_BYTES_MAX,
        signal: limit.signal,
      },
    )
      .catch((cause: unknown) => {
        this.#deps.log.debug('a silent connection is dropped', { peerId: peerId.toString() })
        connection.abort(new CodedError('NET_SILENT', 'The neighbour fell silent.', { cause }))
      })
      .finally(() => limit.cancel())
  }
}

/** What only a node that is not of our city does: it knows no greeting of ours, or a wrong one. */
function isStrangersAnswer(error: unknown): boolean {
  if (error instanceof CodedError) {
    return error.code === 'NET_BAD_GREETING' || error.code === 'NET_NO_GREETING'
  }
  return error instanceof Error && error.name === 'UnsupportedProtocolError'
}
