// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * The gateway for people: public items in any browser on the local network, on a port, and so an
 * origin, of its own. After the IPFS Path Gateway (https://specs.ipfs.tech/http-gateways/
 * path-gateway/), for files and folders.
 *
 * What holds here: GET and HEAD only; what is private and what is not here look the same; an item
 * runs no script, stores nothing and reaches nobody; every answer bears the headers that make it so.
 * On plain node:http: there is one route, and bytes go out at the receiver's pace.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import {
  type Clock,
  CodedError,
  errorCode,
  type HealthCondition,
  type Logger,
  type Metrics,
  type Service,
} from '../../base/base.ts'
import { GATEWAY_PORT_USUAL } from '../config.ts'
import type { OwnNames } from '../doorman.ts'
import { listenError } from '../listening.ts'
import { answer } from './answering.ts'
import type { GatewayPages, PeoplesLibrary } from './library.ts'
import {
  CONNECTIONS_MAX,
  CONNECTIONS_PER_ADDRESS_MAX,
  HEADER_BYTES_MAX,
  HEADERS_MS_MAX,
  IDLE_MS_MAX,
  REQUEST_MS_MAX,
  REQUESTS_PER_CONNECTION_MAX,
  RESPONSES_MAX,
  RESPONSES_PER_ADDRESS_MAX,
  SLOW_CHECK_MS,
  STOP_GRACE_MS,
} from './limits.ts'
import { createGatewayMetrics, type GatewayMetrics } from './metrics.ts'
import { Places } from './places.ts'
import type { Views } from './views.ts'

export { isKnown, wantedPart } from './conditions.ts'
export { PERMISSIONS_POLICY } from './headers.ts'
export type * from './library.ts'
export { Views, type ViewsDeps } from './views.ts'

export interface PeoplesGatewayDeps {
  library: PeoplesLibrary
  pages: GatewayPages
  /** Private things that single browsers may look at for a while. */
  views?: Views
  /** By which names browsers may come. */
  ownNames: OwnNames
  /**
   * Answers those who want blocks or CARs to verify by themselves (`?format=raw`, `?format=car`, or
   * by Accept). Without it they are told that there is no such thing here.
   */
  trustless?: (request: IncomingMessage, response: ServerResponse) => Promise<void>
  metrics: Metrics
  clock: Clock
  log: Logger
}

export class PeoplesGateway implements Service {
  readonly name = 'gateway'
  readonly #deps: PeoplesGatewayDeps
  readonly #options: { enabled: boolean; address: string; port: number }
  readonly #metrics: GatewayMetrics
  readonly #connections = new Places({
    max: CONNECTIONS_MAX,
    perAddressMax: CONNECTIONS_PER_ADDRESS_MAX,
  })
  readonly #responses = new Places({
    max: RESPONSES_MAX,
    perAddressMax: RESPONSES_PER_ADDRESS_MAX,
  })
  #server: Server | undefined
  #stopping = new AbortController()

  /** @param options port 0 takes any free port. */
  constructor(
    deps: PeoplesGatewayDeps,
    options: { enabled: boolean; address: string; port: number },
  ) {
    this.#deps = deps
    this.#options = options
    this.#metrics = createGatewayMetrics(deps.metrics, () => this.#responses.count)
  }

  /** The TCP port; 0 while it does not listen. */
  get port(): number {
    const address = this.#server?.address()
    return typeof address === 'object' && address !== null ? address.port : 0
  }

  async start(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (!this.#options.enabled) return
    this.#stopping = new AbortController()
    const server = createServer(
      {
        maxHeaderSize: HEADER_BYTES_MAX,
        headersTimeout: HEADERS_MS_MAX,
        requestTimeout: REQUEST_MS_MAX,
        keepAliveTimeout: IDLE_MS_MAX,
        connectionsCheckingInterval: SLOW_CHECK_MS,
        // The doorman says it in words.
        requireHostHeader: false,
      },
      (request, response) => void this.#handle(request, response),
    )
    server.maxRequestsPerSocket = REQUESTS_PER_CONNECTION_MAX
    server.on('connection', (socket) => this.#seat(socket))
    // Bodies are never read; a promise of one is answered at once.
    server.on('checkContinue', (request, response) => void this.#handle(request, response))
    await this.#listen(server)
    // Of a connection that could not be taken, say for want of file handles: the next one may.
    server.on('error', (cause) => this.#deps.log.debug('a connection was not taken', { cause }))
    this.#server = server
    const { address } = this.#options
    this.#deps.log.info('the gateway for people is up', { address, port: this.port })
  }

  async stop(): Promise<void> {
    const server = this.#server
    this.#stopping.abort(new CodedError('NODE_STOPPING', 'This node is being stopped.'))
    if (server === undefined) return
    this.#server = undefined
    const cut = this.#deps.clock.after(STOP_GRACE_MS, () => server.closeAllConnections())
    try {
      await new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeIdleConnections()
      })
    } finally {
      cut.cancel()
    }
  }

  health(): readonly HealthCondition[] {
    return []
  }

  /** A node with the usual port taken is a node without a word wrong in its configuration. */
  async #listen(server: Server): Promise<void> {
    const { address, port } = this.#options
    try {
      await listenOn(server, { host: address, port })
    } catch (cause) {
      const isStepAside = port === GATEWAY_PORT_USUAL && errorCode(cause) === 'EADDRINUSE'
      if (!isStepAside) throw listenError(cause, { section: 'gateway', address, port })
      this.#deps.log.warn(
        'another program has the usual port of the gateway: taking any free one',
        {
          port,
        },
      )
      await listenOn(server, { host: address, port: 0 })
    }
  }

  /** Too many connections are closed without a word: to read and answer them would be the harm. */
  #seat(socket: Socket): void {
    const leave = this.#connections.take(socket.remoteAddress ?? '')
    if (typeof leave === 'string') socket.destroy()
    else socket.once('close', leave)
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { library, pages, ownNames, trustless, views, clock, log } = this.#deps
    await answer(
      { request, response, stopping: this.#stopping.signal },
      {
        ownNames,
        places: this.#responses,
        metrics: this.#metrics,
        library,
        pages,
        trustless,
        views,
        clock,
        log,
      },
    )
  }
}

/** @throws what the system says of it, such as `EADDRINUSE`. */
async function listenOn(server: Server, place: { host: string; port: number }): Promise<void> {
  const isUp = once(server, 'listening')
  server.listen(place)
  await isUp
}
