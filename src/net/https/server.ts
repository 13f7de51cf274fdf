// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * The HTTPS server of a node: TLS 1.3 alone, no resumption, every caller known by its key or
 * anonymous. What is at the other end is settled before the first request is looked at.
 */
import { constants } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import {
  abortReason,
  type Clock,
  CodedError,
  type Counter,
  errorCode,
  type HealthCondition,
  type Logger,
  type Metrics,
  type PeerId,
  type Service,
} from '../../base/base.ts'
import type { Caller, Guard, Need } from '../guard.ts'
import type { Traffic } from '../traffic.ts'
import { createCertificate, type Signer } from './certificate.ts'
import { preferredCiphers } from './ciphers.ts'
import { ConnectionLedger } from './connections.ts'
import { type ConnectionCalls, RequestDesk, type RequestHandler } from './desk.ts'
import { type PeerHttpsServerLimits, SERVER_LIMITS } from './limits.ts'
import { proofOf } from './proof.ts'

export interface PeerHttpsServerDeps {
  signer: Signer
  log: Logger
  metrics: Metrics
  clock: Clock
  guard: Guard
  /** Counts bytes for each peer. */
  traffic?: Traffic
  /** Who has this address now; an anonymous caller's bytes are counted to them. */
  peerAt?: (address: string) => PeerId | undefined
}

export interface PeerHttpsServerOptions {
  /** Where to listen: `::` for every address. */
  address: string
  /** 0 for any free port; then see {@link PeerHttpsServer.actualPort}. */
  port: number
  /** What every caller of this server needs. */
  needs: Need
  /** Whether this machine has AES instructions ({@link hasAesInstructions}). */
  hasAes: boolean
  handler: RequestHandler
  limits?: Partial<PeerHttpsServerLimits>
}

export class PeerHttpsServer implements Service {
  readonly name = 'https'
  readonly #deps: PeerHttpsServerDeps
  readonly #options: PeerHttpsServerOptions
  readonly #limits: PeerHttpsServerLimits
  readonly #ledger: ConnectionLedger
  readonly #desk: RequestDesk
  readonly #refused: Counter
  /** The raw sockets, by the name under which the ledger knows them. */
  readonly #sockets = new Map<string, Socket>()
  /** Only sockets in here are answered. */
  readonly #calls = new WeakMap<Socket, ConnectionCalls>()
  #server: Server | undefined

  constructor(deps: PeerHttpsServerDeps, options: PeerHttpsServerOptions) {
    this.#deps = deps
    this.#options = options
    this.#limits = { ...SERVER_LIMITS, ...options.limits }
    this.#ledger = new ConnectionLedger(this.#limits)
    this.#refused = deps.metrics.counter(
      'citynode_net_https_refused_total',
      'Connections and requests that the HTTPS server refused, by reason.',
      ['reason'],
    )
    this.#desk = new RequestDesk(
      { log: deps.log, metrics: deps.metrics, guard: deps.guard, refused: this.#refused },
      { needs: options.needs, handler: options.handler, limits: this.#limits },
    )
    deps.metrics.observedGauge(
      'citynode_net_https_connections',
      'Connections open at the HTTPS server.',
      () => this.#ledger.size,
    )
  }

  /** The port that was found when the configured one is 0. */
  get actualPort(): number {
    const address = this.#server?.address()
    return typeof address === 'object' && address !== null ? address.port : 0
  }

  /** Connections open now. */
  get openConnections(): number {
    return this.#ledger.size
  }

  /** @throws CodedError `PORT_TAKEN`, `PORT_FORBIDDEN` or `ADDRESS_NOT_HERE` */
  async start(signal: AbortSignal): Promise<void> {
    if (signal.aborted) throw abortReason(signal)
    const server = this.#createServer()
    this.#server = server
    await new Promise<void>((resolve, reject) => {
      const onAbort = (): void => reject(abortReason(signal))
      signal.addEventListener('abort', onAbort, { once: true })
      const onError = (error: Error): void => reject(listenFailure(error, this.#options))
      server.once('error', onError)
      server.listen({ host: this.#options.address, port: this.#options.port }, () => {
        signal.removeEventListener('abort', onAbort)
        server.off('error', onError)
        resolve()
      })
    })
    server.on('error', (error) => this.#deps.log.error('the HTTPS server failed', { error }))
    this.#deps.log.info('serving HTTPS to peers', { port: this.actualPort })
  }

  /** Answers under way get a moment to end; then everything is closed. */
  async stop(): Promise<void> {
    const server = this.#server
    if (server === undefined) return
    this.#server = undefined
    for (const id of this.#ledger.handshaking()) this.#sockets.get(id)?.destroy()
    await new Promise<void>((resolve) => {
      const timer = this.#deps.clock.after(this.#limits.stopMs, () => {
        for (const socket of this.#sockets.values()) socket.destroy()
      })
      server.close(() => {
        timer.cancel()
        resolve()
      })
      server.closeIdleConnections()
    })
  }

  health(): readonly HealthCondition[] {
    return []
  }

  #createServer(): Server {
    const { certificatePem, privateKeyPem } = createCertificate(this.#deps.signer)
    const limits = this.#limits
    const server = createServer(
      {
        cert: certificatePem,
        key: privateKeyPem,
        minVersion: 'TLSv1.3',
        ciphers: preferredCiphers(this.#options.hasAes),
        honorCipherOrder: true,
        // No tickets: a resumed session does not say whose it was. And a caller that puts ChaCha20
        // first has no AES instructions: its wish goes before our order.
        secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_PRIORITIZE_CHACHA,
        ALPNProtocols: ['http/1.1'],
        requestCert: true,
        // The certificate is checked by #admit, by the key that it proves and by nothing else.
        rejectUnauthorized: false,
        handshakeTimeout: limits.handshakeMs,
        maxHeaderSize: limits.headerBytesMax,
        headersTimeout: limits.headersMs,
        // There are no bodies, so the whole request has no more time than its headers.
        requestTimeout: limits.headersMs,
        keepAliveTimeout: limits.idleMs,
        connectionsCheckingInterval: limits.checkMs,
        noDelay: true,
      },
      (request, response) => this.#onRequest(request, response),
    )
    server.timeout = limits.stallMs
    server.on('connection', (socket) => {
      if (socket instanceof Socket) this.#enter(socket)
      else socket.destroy()
    })
    // Before Node's own listener, which attaches the HTTP parser.
    server.prependListener('secureConnection', (socket) => this.#admit(socket))
    // Failed handshakes and broken requests alike: strangers learn nothing.
    server.on('clientError', (error, socket) => {
      this.#refuse(socket, errorCode(error) ?? 'client_error')
    })
    return server
  }

  #enter(socket: Socket): void {
    const id = connectionId(socket)
    if (id === undefined) return void socket.destroy()
    this.#sockets.set(id, socket)
    socket.once('close', () => {
      this.#sockets.delete(id)
      this.#ledger.leave(id)
    })
    const crowdedOut = this.#ledger.enter(id, socket.remoteAddress ?? '')
    if (crowdedOut === undefined) return
    this.#refuse(this.#sockets.get(crowdedOut), 'handshakes_full')
  }

  /** Lets a connection whose handshake is done come to the desk, or ends it. */
  #admit(socket: TLSSocket): void {
    const id = connectionId(socket)
    if (id === undefined) return void socket.destroy()
    const proof = proofOf(socket)
    if (proof.kind === 'refused') {
      this.#deps.log.debug('a caller proved no key', { reason: proof.reason })
      this.#refuse(socket, 'bad_identity')
      return
    }
    const caller: Caller =
      proof.kind === 'proven'
        ? { kind: 'peer', peerId: proof.peerId }
        : { kind: 'anonymous', address: socket.remoteAddress ?? '' }
    const admission = this.#ledger.settle(id, caller)
    if (!admission.admitted) {
      this.#refuse(socket, admission.reason)
      return
    }
    this.#calls.set(socket, { caller, inFlight: 0 })
    this.#deps.traffic?.watch(socket, () => this.#peerOf(caller))
  }

  #peerOf(caller: Caller): PeerId | undefined {
    if (caller.kind === 'peer') return caller.peerId
    return caller.kind === 'anonymous' ? this.#deps.peerAt?.(caller.address) : undefined
  }

  #onRequest(request: IncomingMessage, response: ServerResponse): void {
    const calls = this.#calls.get(request.socket)
    if (calls === undefined) this.#refuse(request.socket, 'not_admitted')
    else this.#desk.serve(request, response, calls)
  }

  #refuse(socket: { destroy(): unknown } | undefined, reason: string): void {
    this.#refused.add(1, { reason })
    socket?.destroy()
  }
}

/** The same for the raw socket and the TLS socket upon it; undefined once the other end is gone. */
function connectionId({ remoteAddress, remotePort }: Socket): string | undefined {
  if (remoteAddress === undefined || remotePort === undefined) return undefined
  return `${remoteAddress} ${remotePort}`
}

function listenFailure(error: Error, { address, port }: PeerHttpsServerOptions): CodedError {
  const context = { address, port }
  switch (errorCode(error)) {
    case 'EADDRINUSE':
      return new CodedError('PORT_TAKEN', `Port ${port} is used by another program.`, {
        cause: error,
        context,
        advice: 'Stop the other program, or choose another port as content.port in citynode.toml.',
      })
    case 'EACCES':
      return new CodedError('PORT_FORBIDDEN', `Port ${port} is not for ordinary users.`, {
        cause: error,
        context,
        advice: 'Choose a port above 1023 as content.port in citynode.toml.',
      })
    default:
      return new CodedError('ADDRESS_NOT_HERE', `This machine cannot listen at ${address}.`, {
        cause: error,
        context,
        advice: 'Listen at an address of this machine, or at :: for all of them.',
      })
  }
}
