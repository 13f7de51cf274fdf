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
import { type Observed, publicStatusOf } from './facts.ts'
import { HttpServer, type HttpServerOptions } from './http-server.ts'
import {
  CONTROL_CONNECTIONS_MAX,
  HEADERS_MS_MAX,
  LAN_CONNECTIONS_MAX,
  LAN_IDLE_MS_MAX,
  LAN_REQUESTS_PER_CONNECTION_MAX,
  REFUSED_REQUESTS_AT_ONCE_MAX,
  REFUSED_REQUESTS_PER_SECOND_MAX,
  REQUEST_HEADER_BYTES_MAX,
  STOP_GRACE_MS,
} from './limits.ts'
import { listenError } from './listening.ts'
import { Live, serveLive } from './live/live.ts'
import {
  type OwnerToken,
  openOwnerToken,
  ownerLinksOf,
  serveOwnerLinks,
  WrongTokens,
} from './owner/owner.ts'
import { openPageFiles, type PageFiles, servePage } from './page/page.ts'
import type { ApiDeps, ApiOptions } from './ports.ts'
import { serveTable } from './routes.ts'

export type { ApiAccess, ApiGiven } from './access-routes.ts'
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
  ApiPageQuestion,
  ApiPlace,
  ItemTotals,
} from './item-ports.ts'
export type { ItemEvents, ItemSeen, LinkSource, LiveSources } from './live/live.ts'
export { openApiDocument, renderApiDocs } from './openapi/openapi.ts'
export { OWNER_TOKEN_FILE_NAME } from './owner/owner.ts'
export type { ApiDeps, ApiOptions, NodeFacts } from './ports.ts'
export type { ApiBlock, ApiDenylist, ApiRefusals } from './refusal-routes.ts'

const REFUSED_REQUESTS = {
  perSecond: REFUSED_REQUESTS_PER_SECOND_MAX,
  burst: REFUSED_REQUESTS_AT_ONCE_MAX,
}

const HTTP_LIMITS = { maxHeaderSize: REQUEST_HEADER_BYTES_MAX, headersTimeout: HEADERS_MS_MAX }

/** No limit on how long a request takes: adding a film over a slow card takes its time. */
const CONTROL_SERVER: HttpServerOptions = { http: HTTP_LIMITS, requestTimeout: 0 }

/** The same, for the owner: of all others no body is waited for. */
const LAN_SERVER: HttpServerOptions = {
  http: HTTP_LIMITS,
  requestTimeout: 0,
  connectionTimeout: LAN_IDLE_MS_MAX,
  maxRequestsPerSocket: LAN_REQUESTS_PER_CONNECTION_MAX,
}

export class ApiServer implements Service {
  readonly name = 'api'
  readonly #deps: ApiDeps
  readonly #options: ApiOptions
  readonly #live: Live
  #control: HttpServer | undefined
  #lan: HttpServer | undefined
  #token: OwnerToken | undefined
  #pageFiles: PageFiles | undefined
  #stopping = new AbortController()
  #hasSocket = false

  constructor(deps: ApiDeps, options: ApiOptions) {
    const { clock, log } = deps
    const common = { clock, log, items: deps.items, health: () => deps.health() }
    this.#live = new Live({ ...deps.live, ...common, observe: () => this.#observe() })
    this.#deps = { ...deps, items: this.#live.track(deps.items) }
    this.#options = options
  }

  /** The TCP port of the LAN listener; 0 while it does not listen. */
  get lanPort(): number {
    const address = this.#lan?.app.server.address()
    return typeof address === 'object' && address !== null ? address.port : 0
  }

  /** Links to the page with the owner's token in them: secrets. None while it does not listen. */
  ownerLinks(): readonly string[] {
    if (this.#token === undefined) return []
    const { ownNames, listInterfaces } = this.#deps
    const reachable = {
      interfaces: listInterfaces(),
      hostName: ownNames.hostName,
      listenAddress: this.#options.lan.address,
      port: this.lanPort,
    }
    return ownerLinksOf(reachable, this.#token.text)
  }

  /** What each listener answers; empty while it does not listen. */
  served(): { socket: readonly Endpoint[]; lan: readonly Endpoint[] } {
    return { socket: this.#control?.served ?? [], lan: this.#lan?.served ?? [] }
  }

  async start(signal: AbortSignal): Promise<void> {
    this.#stopping = new AbortController()
    const token = await openOwnerToken(this.#options.ownerTokenPath, this.#deps.random)
    this.#token = token
    this.#pageFiles = await openPageFiles(this.#options.pageFolder)
    this.#live.start()
    await this.#startLan(token)
    signal.throwIfAborted()
    await this.#startControl(token)
  }

  async stop(): Promise<void> {
    const reason = new CodedError('NODE_STOPPING', 'This node is being stopped.', {
      advice: 'Start it again, then repeat the command: it goes on from what it has.',
    })
    this.#stopping.abort(reason)
    this.#live.stop()
    if (this.#hasSocket) await removeControlSocket(this.#options.controlSocketPath)
    this.#hasSocket = false
    await Promise.all([this.#close(this.#control), this.#close(this.#lan)])
    this.#control = undefined
    this.#lan = undefined
    this.#token = undefined
  }

  health(): readonly HealthCondition[] {
    return []
  }

  async #startLan(token: OwnerToken): Promise<void> {
    const { address, port } = this.#options.lan
    const { guard, log, ownNames, clock } = this.#deps
    const admit = admitToLan({ ownNames, token, wrongTokens: new WrongTokens(clock), log })
    const stopping = this.#stopping.signal
    const refusedSigners = new WrongTokens(clock, REFUSED_REQUESTS)
    const deps = { guard, log, admit, stopping, refusedSigners }
    const lan = new HttpServer({ listener: 'lan', ...deps }, LAN_SERVER)
    this.#lan = lan
    lan.app.server.maxConnections = LAN_CONNECTIONS_MAX
    this.#serve(lan, token)
    try {
      await lan.app.listen({ host: address, port })
    } catch (cause) {
      throw listenError(cause, { section: 'status', ...this.#options.lan })
    }
    log.info('the status page is up', { address, port: this.lanPort })
  }

  async #startControl(token: OwnerToken): Promise<void> {
    const { guard, log, ownNames, clock } = this.#deps
    const admit = admitToSocket(ownNames)
    const stopping = this.#stopping.signal
    const refusedSigners = new WrongTokens(clock, REFUSED_REQUESTS)
    const deps = { guard, log, admit, stopping, refusedSigners }
    const control = new HttpServer({ listener: 'socket', ...deps }, CONTROL_SERVER)
    this.#control = control
    control.app.server.maxConnections = CONTROL_CONNECTIONS_MAX
    this.#serve(control, token)
    await placeControlSocket(this.#options.controlSocketPath, async (path) => {
      await control.app.listen({ path })
    })
    this.#hasSocket = true
  }

  /** The same on both: who asks decides how much of it. */
  #serve(server: HttpServer, token: OwnerToken): void {
    const { renderStatusPage, gatewayPort } = this.#deps
    serveTable(server, this.#deps, () => this.#observe())
    servePage(server, {
      files: this.#pageFiles,
      publicStatus: () => publicStatusOf(this.#observe()),
      renderStatusPage,
      gatewayPort,
    })
    serveLive(server, this.#live, this.#deps.live)
    serveOwnerLinks(server, { links: () => this.ownerLinks(), renew: () => token.renew() })
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
