// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * The node's HTTP faces: the control socket for its owner, a listener on the LAN that tells public
 * facts to anybody, and the gateway where people open public items. The only room that imports
 * fastify.
 */
import { CodedError, type HealthCondition, type Service } from '../base/base.ts'
import type { Endpoint } from '../contract/contract.ts'
import { admitToLan, admitToSocket } from './callers.ts'
import { placeControlSocket, removeControlSocket } from './control-socket.ts'
import type { Observed } from './facts.ts'
import { HttpServer, type HttpServerOptions } from './http-server.ts'
import {
  CONTROL_CONNECTIONS_MAX,
  CONTROL_HEADER_BYTES_MAX,
  HEADERS_MS_MAX,
  LAN_CONNECTIONS_MAX,
  LAN_IDLE_MS_MAX,
  LAN_REQUEST_MS_MAX,
  LAN_REQUESTS_PER_CONNECTION_MAX,
  REQUEST_HEADER_BYTES_MAX,
  STOP_GRACE_MS,
} from './limits.ts'
import { listenError } from './listening.ts'
import type { ApiDeps, ApiOptions } from './ports.ts'
import { serveTable } from './routes.ts'

export type { ApiCarReport, ApiCarrying, ApiLanding } from './carry-routes.ts'
export {
  type GatewayConfig,
  gatewayConfigSchema,
  type StatusConfig,
  statusConfigSchema,
} from './config.ts'
export type { OwnNames } from './doorman.ts'
export * from './gateway/gateway.ts'
export type {
  ApiEntry,
  ApiFetched,
  ApiFetchReport,
  ApiItem,
  ApiItems,
  ApiPlace,
  ItemTotals,
} from './item-ports.ts'
export type { ApiDeps, ApiOptions, NodeFacts } from './ports.ts'
export type { ApiBlock, ApiDenylist, ApiRefusals } from './refusal-routes.ts'

const HTTP_LIMITS = { maxHeaderSize: REQUEST_HEADER_BYTES_MAX, headersTimeout: HEADERS_MS_MAX }

/** No limit on how long a request takes: adding a film over a slow card takes its time. */
const CONTROL_SERVER: HttpServerOptions = {
  http: { ...HTTP_LIMITS, maxHeaderSize: CONTROL_HEADER_BYTES_MAX },
  requestTimeout: 0,
}

const LAN_SERVER: HttpServerOptions = {
  http: HTTP_LIMITS,
  requestTimeout: LAN_REQUEST_MS_MAX,
  connectionTimeout: LAN_IDLE_MS_MAX,
  maxRequestsPerSocket: LAN_REQUESTS_PER_CONNECTION_MAX,
}

export class ApiServer implements Service {
  readonly name = 'api'
  readonly #deps: ApiDeps
  readonly #options: ApiOptions
  #control: HttpServer | undefined
  #lan: HttpServer | undefined
  #stopping = new AbortController()
  #hasSocket = false

  constructor(deps: ApiDeps, options: ApiOptions) {
    this.#deps = deps
    this.#options = options
  }

  /** The TCP port of the LAN listener; 0 while it does not listen. */
  get lanPort(): number {
    const address = this.#lan?.app.server.address()
    return typeof address === 'object' && address !== null ? address.port : 0
  }

  /** What each listener answers; empty while it does not listen. */
  served(): { socket: readonly Endpoint[]; lan: readonly Endpoint[] } {
    return { socket: this.#control?.served ?? [], lan: this.#lan?.served ?? [] }
  }

  async start(signal: AbortSignal): Promise<void> {
    this.#stopping = new AbortController()
    await this.#startLan()
    signal.throwIfAborted()
    await this.#startControl()
  }

  async stop(): Promise<void> {
    const reason = new CodedError('NODE_STOPPING', 'This node is being stopped.', {
      advice: 'Start it again, then repeat the command: it goes on from what it has.',
    })
    this.#stopping.abort(reason)
    if (this.#hasSocket) await removeControlSocket(this.#options.controlSocketPath)
    this.#hasSocket = false
    await Promise.all([this.#close(this.#control), this.#close(this.#lan)])
    this.#control = undefined
    this.#lan = undefined
  }

  health(): readonly HealthCondition[] {
    return []
  }

  async #startLan(): Promise<void> {
    const { address, port } = this.#options.lan
    const lan = this.#createServer('lan')
    this.#lan = lan
    lan.app.server.maxConnections = LAN_CONNECTIONS_MAX
    serveTable(lan, this.#deps, () => this.#observe())
    try {
      await lan.app.listen({ host: address, port })
    } catch (cause) {
      throw listenError(cause, { section: 'status', ...this.#options.lan })
    }
    this.#deps.log.info('the status page is up', { address, port: this.lanPort })
  }

  async #startControl(): Promise<void> {
    const control = this.#createServer('socket')
    this.#control = control
    control.app.server.maxConnections = CONTROL_CONNECTIONS_MAX
    serveTable(control, this.#deps, () => this.#observe())
    await placeControlSocket(this.#options.controlSocketPath, async (path) => {
      await control.app.listen({ path })
    })
    this.#hasSocket = true
  }

  #createServer(listener: 'socket' | 'lan'): HttpServer {
    const { guard, log, ownNames } = this.#deps
    const common = { listener, guard, log, stopping: this.#stopping.signal }
    return listener === 'socket'
      ? new HttpServer({ ...common, admit: admitToSocket(ownNames) }, CONTROL_SERVER)
      : new HttpServer({ ...common, admit: admitToLan({ ownNames }) }, LAN_SERVER)
  }

  #observe(): Observed {
    const deps = this.#deps
    return {
      node: deps.status(),
      neighbours: deps.neighbours(),
      peers: deps.peers(),
      totals: deps.items.totals(),
      conditions: deps.health(),
      nowMs: deps.clock.monotonicMs(),
      statusPort: this.lanPort,
      gatewayPort: deps.gatewayPort(),
    }
  }

  /** Lets running requests end by themselves for a moment, then cuts what is left. */
  async #close(server: HttpServer | undefined): Promise<void> {
    if (server === undefined) return
    const cut = this.#deps.clock.after(STOP_GRACE_MS, () => server.app.server.closeAllConnections())
    try {
      await server.app.close()
    } finally {
      cut.cancel()
    }
  }
}
