// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Requests to peers over HTTPS. Not one byte of HTTP is written before the peer's key is proven;
 * connections are kept for the next request to the same peer at the same address. The body is
 * Node's own stream, untouched, so that bulk costs what bare node:https costs.
 */
import {
  Agent,
  type ClientRequest,
  type ClientRequestArgs,
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type OutgoingHttpHeaders,
} from 'node:http'
import type { Duplex } from 'node:stream'
import { createSecureContext } from 'node:tls'
import {
  abortReason,
  asError,
  type Clock,
  CodedError,
  type Counter,
  errorCode,
  type Logger,
  type Metrics,
  repeat,
} from '../../base/base.ts'
import { createCertificate, type Signer } from './certificate.ts'
import { preferredCiphers } from './ciphers.ts'
import { type DialDeps, dialPeer, type PeerTarget, tooSlow, unreachable } from './dial.ts'
import { CLIENT_LIMITS, type PeerHttpsClientLimits } from './limits.ts'

export interface PeerHttpsClientDeps {
  signer: Signer
  log: Logger
  metrics: Metrics
  clock: Clock
}

export interface PeerHttpsClientOptions {
  /** Whether this machine has AES instructions ({@link hasAesInstructions}). */
  hasAes: boolean
  limits?: Partial<PeerHttpsClientLimits>
}

export interface PeerRequest {
  /** From the first slash on. */
  path: string
  method?: 'GET' | 'HEAD'
  headers?: OutgoingHttpHeaders
  /** Calls off the request at any time, also in the middle of the body. */
  signal: AbortSignal
}

export interface PeerResponse {
  status: number
  headers: IncomingHttpHeaders
  /** To be read to its end, or destroyed: until then it holds a connection. */
  body: IncomingMessage
}

export class PeerHttpsClient {
  readonly #log: Logger
  readonly #clock: Clock
  readonly #limits: PeerHttpsClientLimits
  readonly #agent: PeerAgent
  readonly #requests: Counter
  readonly #active = new Set<ClientRequest>()
  readonly #closed = new AbortController()

  constructor(deps: PeerHttpsClientDeps, options: PeerHttpsClientOptions) {
    this.#log = deps.log
    this.#clock = deps.clock
    this.#limits = { ...CLIENT_LIMITS, ...options.limits }
    this.#requests = deps.metrics.counter(
      'citynode_net_https_requests_total',
      'Requests to peers, by result: ok or the code of the failure.',
      ['result'],
    )
    const { certificatePem, privateKeyPem } = createCertificate(deps.signer)
    const secureContext = createSecureContext({
      cert: certificatePem,
      key: privateKeyPem,
      minVersion: 'TLSv1.3',
      ciphers: preferredCiphers(options.hasAes),
    })
    this.#agent = new PeerAgent({ secureContext, clock: deps.clock, limits: this.#limits })
  }

  /** Requests under way, their bodies included. */
  get activeRequests(): number {
    return this.#active.size
  }

  /** Connections kept for a next request. */
  get idleConnections(): number {
    return this.#agent.idleCount
  }

  /**
   * @throws CodedError `PEER_WRONG_KEY`, `PEER_NO_IDENTITY`, `PEER_UNREACHABLE`, `PEER_TIMEOUT`,
   * `PEER_BAD_ADDRESS` or `PEER_REQUESTS_FULL`; or the signal's reason. Once the body flows, it is
   * the body that ends with the failure (`PEER_STALLED`, Node's `ECONNRESET`, the signal's reason).
   */
  async request(target: PeerTarget, request: PeerRequest): Promise<PeerResponse> {
    try {
      const response = await this.#requestWithRetry(target, request)
      this.#requests.add(1, { result: 'ok' })
      return response
    } catch (thrown) {
      const failure = request.signal.aborted ? abortReason(request.signal) : asError(thrown)
      const known = failure instanceof CodedError ? failure : unreachable(target, failure)
      this.#requests.add(1, { result: request.signal.aborted ? 'ABORTED' : known.code })
      this.#log.debug('a request to a peer failed', { ...known.context, code: known.code })
      throw request.signal.aborted ? failure : known
    }
  }

  /** Ends all requests and closes all connections. */
  close(): void {
    this.#closed.abort(new CodedError('PEER_CLIENT_CLOSED', 'The node is stopping.'))
    this.#agent.destroy()
  }

  /** A kept connection may have been closed by the peer just now: then the next one is taken. */
  async #requestWithRetry(target: PeerTarget, request: PeerRequest): Promise<PeerResponse> {
    for (let attempt = 0; ; attempt++) {
      const signal = AbortSignal.any([request.signal, this.#closed.signal])
      if (signal.aborted) throw abortReason(signal)
      if (this.#active.size >= this.#limits.requestsMax) throw requestsFull()
      const sent = httpRequest(this.#argumentsOf(target, request, signal))
      try {
        return await this.#exchange(sent, target, signal)
      } catch (thrown) {
        const isStale = sent.reusedSocket && STALE_CODES.has(errorCode(thrown))
        if (!isStale || signal.aborted || attempt >= this.#limits.idlePerPeerMax) throw thrown
      }
    }
  }

  #argumentsOf(target: PeerTarget, request: PeerRequest, signal: AbortSignal): PeerRequestArgs {
    return {
      agent: this.#agent,
      method: request.method ?? 'GET',
      path: request.path,
      // The zone of a link-local address means nothing to the other end.
      headers: { host: hostHeaderOf(target), ...request.headers },
      maxHeaderSize: this.#limits.headerBytesMax,
      dial: { target, signal },
    }
  }

  #exchange(
    request: ClientRequest,
    target: PeerTarget,
    signal: AbortSignal,
  ): Promise<PeerResponse> {
    return new Promise((resolve, reject) => {
      let body: IncomingMessage | undefined
      const fail = (failure: Error): void => void (body ?? request).destroy(failure)
      const onAbort = (): void => fail(abortReason(signal))
      // Dialling has its own limits; this one starts with the connection.
      let timer = { cancel: (): void => {} }
      request.once('socket', () => {
        timer = this.#clock.after(this.#limits.firstByteMs, () => fail(tooSlow(target, 'answer')))
      })
      signal.addEventListener('abort', onAbort, { once: true })
      this.#active.add(request)
      // After the response these change nothing: the body carries the failure.
      request.on('error', reject)
      request.once('close', () => {
        timer.cancel()
        signal.removeEventListener('abort', onAbort)
        this.#active.delete(request)
        reject(new CodedError('PEER_UNREACHABLE', 'The peer closed without an answer.'))
      })
      request.once('response', (response) => {
        body = response
        timer.cancel()
        timer = this.#watchForStall(response, fail)
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: response })
      })
      request.end()
    })
  }

  /** Ends a body of which nothing comes any more, unless it is the reader who does not read. */
  #watchForStall(body: IncomingMessage, fail: (failure: Error) => void): { cancel(): void } {
    const stallMs = this.#limits.stallMs
    let seenBytes = -1
    let seenAtMs = 0
    const look = (): void => {
      const nowMs = this.#clock.monotonicMs()
      const bytes = body.socket.bytesRead
      if (bytes !== seenBytes || body.readableLength > 0) {
        seenBytes = bytes
        seenAtMs = nowMs
      } else if (nowMs - seenAtMs >= stallMs) {
        fail(new CodedError('PEER_STALLED', 'The peer stopped sending in the middle of an answer.'))
      }
    }
    look()
    return repeat(this.#clock, () => stallMs / 4, look)
  }
}

/** How a kept connection says that the peer closed it meanwhile. */
const STALE_CODES = new Set<string | undefined>(['ECONNRESET', 'EPIPE'])

/** What our requests tell our agent beside Node's own arguments. */
interface PeerRequestArgs extends ClientRequestArgs {
  dial: { target: PeerTarget; signal: AbortSignal }
}

/** Keeps proven connections by peer and address; a connection for one peer serves no other. */
class PeerAgent extends Agent {
  readonly #deps: DialDeps
  readonly #idleMax: number

  constructor(deps: DialDeps & { limits: PeerHttpsClientLimits }) {
    // node:http's agent, not node:https's: there is no session cache to resume a session from.
    super({
      keepAlive: true,
      maxFreeSockets: deps.limits.idlePerPeerMax,
      scheduling: 'lifo',
      timeout: deps.limits.idleMs,
    })
    this.#deps = deps
    this.#idleMax = deps.limits.idleMax
  }

  get idleCount(): number {
    return Object.values(this.freeSockets).reduce((sum, idle) => sum + (idle?.length ?? 0), 0)
  }

  override getName(options?: ClientRequestArgs): string {
    const { target } = dialOf(options)
    return `${target.peerId} ${target.host} ${target.port}`
  }

  override createConnection(
    options: ClientRequestArgs,
    callback?: (error: Error | null, stream: Duplex) => void,
  ): undefined {
    const { target, signal } = dialOf(options)
    dialPeer(target, this.#deps, signal).then(
      (socket) => callback?.(null, socket),
      // Node passes no socket beside a failure; its types do not know that.
      (failure: Error) => (callback as ((error: Error) => void) | undefined)?.(failure),
    )
  }

  override keepSocketAlive(socket: Duplex): boolean {
    if (this.idleCount >= this.#idleMax) return false
    // Node's own method answers with a boolean; its types say void.
    return super.keepSocketAlive(socket) as unknown as boolean
  }
}

function dialOf(options: ClientRequestArgs | undefined): PeerRequestArgs['dial'] {
  // Only PeerHttpsClient uses this agent, and it always passes PeerRequestArgs.
  return (options as PeerRequestArgs).dial
}

function hostHeaderOf({ host, port }: PeerTarget): string {
  const [address = host] = host.split('%')
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
}

function requestsFull(): CodedError {
  return new CodedError('PEER_REQUESTS_FULL', 'Too many requests to peers are under way.', {
    advice: 'Try again when one of the running downloads is done.',
  })
}
