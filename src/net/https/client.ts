// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Requests to peers over HTTPS. Not one byte of HTTP is written before the peer's key is proven;
 * connections are kept for the next request to the same peer at the same address.
 */
import { createSecureContext, type SecureContext } from 'node:tls'
import {
  abortReason,
  asError,
  BugError,
  type Clock,
  CodedError,
  type Counter,
  type Logger,
  type Metrics,
} from '../../base/base.ts'
import type { Traffic } from '../traffic.ts'
import { createCertificate, type Signer } from './certificate.ts'
import { preferredCiphers } from './ciphers.ts'
import { type PeerTarget, unreachable } from './dial.ts'
import { Exchange, type PeerResponse } from './exchange.ts'
import { CLIENT_LIMITS, type PeerHttpsClientLimits } from './limits.ts'
import { connectionKey, PeerConnection } from './peer-connection.ts'
import { ConnectionPool } from './pool.ts'
import { encodeRequestHead } from './request-head.ts'
import type { RequestMethod } from './response-head.ts'

export interface PeerHttpsClientDeps {
  signer: Signer
  log: Logger
  metrics: Metrics
  clock: Clock
  /** Counts bytes for each peer. */
  traffic?: Traffic
}

export interface PeerHttpsClientOptions {
  /** Whether this machine has AES instructions ({@link hasAesInstructions}). */
  hasAes: boolean
  limits?: Partial<PeerHttpsClientLimits>
}

export interface PeerRequest {
  /** From the first slash on. */
  path: string
  method?: RequestMethod
  headers?: Readonly<Record<string, string>>
  /** Calls off the request at any time, also in the middle of the body. */
  signal: AbortSignal
}

export class PeerHttpsClient {
  readonly #log: Logger
  readonly #clock: Clock
  readonly #traffic: Traffic | undefined
  readonly #limits: PeerHttpsClientLimits
  readonly #secureContext: SecureContext
  readonly #pool: ConnectionPool
  readonly #requests: Counter
  #activeCount = 0
  readonly #closed = new AbortController()

  constructor(deps: PeerHttpsClientDeps, options: PeerHttpsClientOptions) {
    this.#log = deps.log
    this.#clock = deps.clock
    this.#traffic = deps.traffic
    this.#limits = { ...CLIENT_LIMITS, ...options.limits }
    this.#requests = deps.metrics.counter(
      'citynode_net_https_requests_total',
      'Requests to peers, by result: ok or the code of the failure.',
      ['result'],
    )
    const { certificatePem, privateKeyPem } = createCertificate(deps.signer)
    this.#secureContext = createSecureContext({
      cert: certificatePem,
      key: privateKeyPem,
      minVersion: 'TLSv1.3',
      ciphers: preferredCiphers(options.hasAes),
    })
    this.#pool = new ConnectionPool({ clock: deps.clock, limits: this.#limits })
  }

  /** Requests under way, from the dial to the end of the body. */
  get activeRequests(): number {
    return this.#activeCount
  }

  /** Connections kept for a next request. */
  get idleConnections(): number {
    return this.#pool.size
  }

  /**
   * @throws CodedError `PEER_WRONG_KEY`, `PEER_NO_IDENTITY`, `PEER_UNREACHABLE`, `PEER_TIMEOUT`,
   * `PEER_BAD_ADDRESS`, `PEER_BAD_ANSWER` or `PEER_REQUESTS_FULL`; or the signal's reason. Once the
   * head is here, it is the body that ends with the failure.
   */
  async request(target: PeerTarget, request: PeerRequest): Promise<PeerResponse> {
    try {
      const response = await this.#requestWithRetry(target, request)
      this.#requests.add(1, { result: 'ok' })
      return response
    } catch (thrown) {
      if (thrown instanceof BugError) throw thrown
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
    this.#pool.clear()
  }

  /** A kept connection may have been closed by the peer just now: then the next one is taken. */
  async #requestWithRetry(target: PeerTarget, request: PeerRequest): Promise<PeerResponse> {
    const { method = 'GET', path, headers = {} } = request
    const head = encodeRequestHead(target, { method, path, headers })
    const signal = AbortSignal.any([request.signal, this.#closed.signal])
    for (;;) {
      if (signal.aborted) throw abortReason(signal)
      if (this.#activeCount >= this.#limits.requestsMax) throw requestsFull()
      this.#activeCount += 1
      const kept = this.#pool.take(connectionKey(target))
      const connection = kept ?? (await this.#dial(target, signal))
      const exchange = this.#exchangeOn(connection, { target, method, signal })
      try {
        return await exchange.start(head)
      } catch (thrown) {
        // This ends: each turn takes a kept connection away, and the last one dials.
        if (kept === undefined || !exchange.isStale || signal.aborted) throw thrown
      }
    }
  }

  async #dial(target: PeerTarget, signal: AbortSignal): Promise<PeerConnection> {
    const deps = { secureContext: this.#secureContext, clock: this.#clock, limits: this.#limits }
    try {
      const connection = await PeerConnection.open(target, deps, signal)
      this.#traffic?.watch(connection.counts, () => target.peerId)
      if (!signal.aborted) return connection
      connection.destroy()
      throw abortReason(signal)
    } catch (thrown) {
      this.#activeCount -= 1
      throw thrown
    }
  }

  #exchangeOn(
    connection: PeerConnection,
    asked: { target: PeerTarget; method: RequestMethod; signal: AbortSignal },
  ): Exchange {
    const { target, method, signal } = asked
    const deps = { connection, target, clock: this.#clock, limits: this.#limits }
    const onAbort = (): void => exchange.fail(abortReason(signal))
    const exchange = new Exchange(deps, method, (end) => {
      signal.removeEventListener('abort', onAbort)
      this.#activeCount -= 1
      if (end === 'reusable') this.#pool.keep(connection)
    })
    signal.addEventListener('abort', onAbort, { once: true })
    return exchange
  }
}

function requestsFull(): CodedError {
  return new CodedError('PEER_REQUESTS_FULL', 'Too many requests to peers are under way.', {
    advice: 'Try again when one of the running downloads is done.',
  })
}
