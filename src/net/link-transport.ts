// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * TCP over IPv6 that knows link-local zones. `@libp2p/tcp` drops the zone of `/ip6zone/…` when it
 * dials and cannot name the remote end of a link-local connection that comes in; this transport
 * does both, and listens on IPv6 in its stead. IPv4 and the rest stay with `@libp2p/tcp`.
 */
import { connect, createServer, type Server, type Socket } from 'node:net'
import {
  type ComponentLogger,
  type Connection,
  type CreateListenerOptions,
  type DialTransportOptions,
  type Listener,
  type ListenerEvents,
  type Logger,
  type MultiaddrConnection,
  serviceCapabilities,
  type Transport,
  transportSymbol,
} from '@libp2p/interface'
import { AbstractMultiaddrConnection, getThinWaistAddresses } from '@libp2p/utils'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { TypedEventEmitter } from 'main-event'
import { abortReason, asError, CodedError } from '../base/base.ts'
import { SOCKETS_MAX } from './limits.ts'

/** What the transport needs of libp2p. */
export interface LinkTransportComponents {
  logger: ComponentLogger
}

/** An IP endpoint; `host` carries the zone of a link-local address (`fe80::1%eth0`). */
export interface Endpoint {
  host: string
  port: number
}

/** The TCP endpoint of `/ip4|ip6|ip6zone/…/tcp/…`; undefined for any other address. */
export function endpointOf(address: Multiaddr): Endpoint | undefined {
  const parts = new Map(address.getComponents().map((part) => [part.name, part.value]))
  const host = parts.get('ip6') ?? parts.get('ip4')
  const port = Number(parts.get('tcp'))
  if (host === undefined || !Number.isInteger(port) || parts.has('p2p-circuit')) return undefined
  const zone = parts.get('ip6zone')
  return { host: zone === undefined ? host : `${host}%${zone}`, port }
}

/** The other way: `fe80::1%eth0`, 7440 → `/ip6zone/eth0/ip6/fe80::1/tcp/7440`. */
export function multiaddrOf({ host, port }: Endpoint): Multiaddr {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(host)?.[1]
  const [address = '', zone] = (mapped ?? host).split('%')
  if (!address.includes(':')) return multiaddr(`/ip4/${address}/tcp/${port}`)
  return multiaddr(`${zone === undefined ? '' : `/ip6zone/${zone}`}/ip6/${address}/tcp/${port}`)
}

class SocketConnection extends AbstractMultiaddrConnection {
  readonly #socket: Socket

  constructor(
    socket: Socket,
    init: { remoteAddr: Multiaddr; direction: 'inbound' | 'outbound'; log: Logger },
  ) {
    super(init)
    this.#socket = socket
    socket.on('data', (bytes) => this.onData(bytes))
    socket.on('error', (error) => this.abort(error))
    socket.on('drain', () => this.safeDispatchEvent('drain'))
    socket.once('end', () => this.onTransportClosed())
    socket.once('close', (hadError) => {
      if (hadError) this.abort(new CodedError('NET_BROKEN', 'The connection broke.'))
      else this.onTransportClosed()
    })
  }

  override sendData(data: Iterable<Uint8Array>): { sentBytes: number; canSendMore: boolean } {
    let sentBytes = 0
    let canSendMore = true
    for (const bytes of data) {
      sentBytes += bytes.byteLength
      canSendMore = this.#socket.write(bytes)
      if (!canSendMore) break
    }
    return { sentBytes, canSendMore }
  }

  override async sendClose(options?: { signal?: AbortSignal }): Promise<void> {
    if (this.#socket.destroyed) return
    const closed = new Promise<void>((resolve) => this.#socket.once('close', () => resolve()))
    options?.signal?.addEventListener('abort', () => this.#socket.destroy(), { once: true })
    this.#socket.destroySoon()
    await closed
  }

  override sendReset(): void {
    // A socket that is already saying goodbye cannot be reset any more, only dropped.
    if (this.#socket.writableEnded) this.#socket.destroy()
    else this.#socket.resetAndDestroy()
  }

  override sendPause(): void {
    this.#socket.pause()
  }

  override sendResume(): void {
    this.#socket.resume()
  }
}

class LinkListener extends TypedEventEmitter<ListenerEvents> implements Listener {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #log: Logger
  readonly #upgrader: CreateListenerOptions['upgrader']
  readonly #stopped = new AbortController()
  #listening: Multiaddr | undefined

  constructor(options: CreateListenerOptions, log: Logger) {
    super()
    this.#log = log
    this.#upgrader = options.upgrader
    this.#server = createServer({ keepAlive: true, noDelay: true }, (socket) => this.#take(socket))
    this.#server.maxConnections = SOCKETS_MAX
    this.#server.on('listening', () => this.safeDispatchEvent('listening'))
    this.#server.on('close', () => this.safeDispatchEvent('close'))
    this.#server.on('error', (error) => this.safeDispatchEvent('error', { detail: error }))
  }

  async listen(address: Multiaddr): Promise<void> {
    const endpoint = endpointOf(address)
    if (endpoint === undefined) throw new CodedError('NET_ADDRESS', 'Not a TCP address.')
    await new Promise<void>((resolve, rejectWith) => {
      this.#server.once('error', rejectWith)
      this.#server.listen({ ...endpoint, ipv6Only: true }, () => {
        this.#server.off('error', rejectWith)
        resolve()
      })
    })
    this.#listening = address
  }

  getAddrs(): Multiaddr[] {
    const bound = this.#server.address()
    if (this.#listening === undefined || bound === null || typeof bound === 'string') return []
    return getThinWaistAddresses(this.#listening, bound.port)
  }

  updateAnnounceAddrs(): void {}

  async close(): Promise<void> {
    this.#stopped.abort()
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }

  #take(socket: Socket): void {
    const { remoteAddress, remotePort } = socket
    // The remote end is unknown when it hung up between accept and now.
    if (remoteAddress === undefined || remotePort === undefined) return void socket.destroy()
    this.#sockets.add(socket)
    socket.once('close', () => this.#sockets.delete(socket))
    const connection = new SocketConnection(socket, {
      remoteAddr: multiaddrOf({ host: remoteAddress, port: remotePort }),
      direction: 'inbound',
      log: this.#log,
    })
    this.#upgrader
      .upgradeInbound(connection, { signal: this.#stopped.signal })
      .catch((thrown: unknown) => connection.abort(asError(thrown)))
  }
}

class LinkTransport implements Transport {
  readonly [transportSymbol] = true as const
  readonly [Symbol.toStringTag] = 'citynode-link'
  readonly [serviceCapabilities] = ['@libp2p/transport']
  readonly #log: Logger

  constructor(components: LinkTransportComponents) {
    this.#log = components.logger.forComponent('citynode:link')
  }

  async dial(address: Multiaddr, options: DialTransportOptions): Promise<Connection> {
    const socket = await openSocket(address, options.signal)
    const connection: MultiaddrConnection = new SocketConnection(socket, {
      remoteAddr: address,
      direction: 'outbound',
      log: this.#log,
    })
    try {
      return await options.upgrader.upgradeOutbound(connection, options)
    } catch (thrown) {
      connection.abort(asError(thrown))
      throw thrown
    }
  }

  createListener(options: CreateListenerOptions): Listener {
    return new LinkListener(options, this.#log)
  }

  listenFilter(addresses: Multiaddr[]): Multiaddr[] {
    return addresses.filter((address) => endpointOf(address)?.host.includes(':'))
  }

  dialFilter(addresses: Multiaddr[]): Multiaddr[] {
    return this.listenFilter(addresses)
  }
}

/** For libp2p's `transports`; must stand before `tcp()`, since the first that fits is taken. */
export function linkTransport(): (components: LinkTransportComponents) => Transport {
  return (components) => new LinkTransport(components)
}

function openSocket(address: Multiaddr, signal: AbortSignal): Promise<Socket> {
  const endpoint = endpointOf(address)
  if (endpoint === undefined) {
    return Promise.reject(new CodedError('NET_ADDRESS', 'Not a TCP address.'))
  }
  return new Promise((resolve, rejectWith) => {
    if (signal.aborted) return rejectWith(abortReason(signal))
    const socket = connect({ ...endpoint, keepAlive: true, noDelay: true })
    const onAbort = (): void => void socket.destroy(abortReason(signal))
    signal.addEventListener('abort', onAbort, { once: true })
    socket.once('error', rejectWith)
    socket.once('connect', () => {
      signal.removeEventListener('abort', onAbort)
      socket.off('error', rejectWith)
      resolve(socket)
    })
  })
}
