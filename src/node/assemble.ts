// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * A whole node, wired: read top to bottom, this is the architecture. No logic lives here; tests and
 * the simulator call the same function with another platform.
 */
import { join } from 'node:path'
import {
  accessMigrations,
  BoundTable,
  CapabilityGuard,
  Giving,
  noCityTime,
  RequestNonces,
  RevocationStore,
  TimeBound,
  TokenReader,
} from '../access/access.ts'
import { ApiServer, OWNER_TOKEN_FILE_NAME, PeoplesGateway, Views } from '../api/api.ts'
import { Lifecycle, type PeerId, type Service } from '../base/base.ts'
import { CONTROL_SOCKET_NAME } from '../cli/cli.ts'
import {
  Content,
  contentMigrations,
  machineDisk,
  OwnerDesk,
  Refusals,
  WithdrawalWatch,
} from '../content/content.ts'
import { openIdentity } from '../identity/identity.ts'
import { CityNetwork, LinkWatch, PeerHttpsClient, PeerHttpsServer, Traffic } from '../net/net.ts'
import { openDatabase } from '../store/store.ts'
import { MachineWatch } from '../system/system.ts'
import { createGatewayPages, renderStatusPage } from '../web/web.ts'
import type { Config } from './config.ts'
import { DATABASE_NAME } from './file-names.ts'
import { libraryOf, ownersLibraryOf } from './library.ts'
import { liveSourcesOf } from './live-sources.ts'
import type { Platform } from './platform.ts'
import { MADE_AT_SECONDS, VERSION } from './version.ts'

export interface CityNode {
  readonly peerId: PeerId
  start(signal: AbortSignal): Promise<void>
  stop(): Promise<void>
  /** The ports that are listened on, once started. */
  ports(): { content: number; status: number; gateway: number }
  /** Links to the page, with the owner's token in them: secrets. */
  ownerLinks(): readonly string[]
}

/** Opens what a node stands on and wires its rooms; nothing listens until `start`. */
// biome-ignore lint/complexity/noExcessiveLinesPerFunction: the one list of all rooms, without branches
export async function assembleNode(config: Config, platform: Platform): Promise<CityNode> {
  const { clock, random, log, metrics, dataFolder } = platform
  const startedAtMs = clock.monotonicMs()

  const identity = await openIdentity({ folder: dataFolder, log: log.child({ room: 'identity' }) })
  const database = await openDatabase({
    path: join(dataFolder, DATABASE_NAME),
    migrations: [contentMigrations(), accessMigrations()],
    log: log.child({ room: 'store' }),
    setsAsideDamaged: true,
  })
  const time = new TimeBound(
    { clock, cityTime: noCityTime, memory: new BoundTable(database) },
    { builtAtSeconds: MADE_AT_SECONDS },
  )
  // At once, as the power may go at any time; what is past it needs no remembering.
  time.save()
  const reader = new TokenReader()
  const revocations = new RevocationStore(database, {
    isOurs: (subject) => subject === identity.peerId,
  })
  revocations.forgetEnded(time.writtenSeconds)
  const nonces = new RequestNonces({ clock, random })
  const guard = new CapabilityGuard(
    { reader, takenBack: revocations, nonces, time },
    identity.peerId,
  )
  const access = new Giving({
    signer: identity,
    database,
    reader,
    revocations,
    nonces,
    time,
    random,
  })
  const traffic = new Traffic()
  const machine = new MachineWatch(
    { clock, reader: platform.vitals },
    { freeBytesMin: config.content.free_bytes_min },
  )

  const network = new CityNetwork(
    {
      ...platform,
      log: log.child({ room: 'network' }),
      guard,
      identity,
      httpsPort: () => https.actualPort,
    },
    { city: config.city.id, version: VERSION, name: config.node.name, config: config.network },
  )
  const links = new LinkWatch({ clock, log: log.child({ room: 'network' }), network, traffic })
  const httpsClient = new PeerHttpsClient(
    { signer: identity, log: log.child({ room: 'https' }), metrics, clock, traffic },
    { hasAes: platform.hasAes },
  )
  const refusals = new Refusals(
    {
      clock,
      log: log.child({ room: 'content' }),
      metrics,
      database,
      network,
      signer: identity,
      disk: machineDisk,
    },
    {
      folder: join(dataFolder, 'content'),
      listPaths: config.content.denylists,
      city: config.city.id,
    },
  )
  const content = new Content(
    {
      clock,
      log: log.child({ room: 'content' }),
      metrics,
      database,
      network,
      requests: httpsClient,
      refusals,
    },
    {
      folder: join(dataFolder, 'content'),
      storeBytesMax: config.content.store_bytes_max,
      freeBytesMin: config.content.free_bytes_min,
      scrubDays: config.content.scrub_days,
    },
  )
  const watch = new WithdrawalWatch({
    clock,
    random,
    log: log.child({ room: 'content' }),
    items: content,
    network,
    refusals,
  })
  const https = new PeerHttpsServer(
    {
      signer: identity,
      log: log.child({ room: 'https' }),
      metrics,
      clock,
      guard,
      traffic,
      peerAt: (address) => network.peerAt(address),
    },
    {
      address: config.content.address,
      port: config.content.port,
      needs: 'public',
      hasAes: platform.hasAes,
      handler: (request, response, { caller }) => content.handleGateway(request, response, caller),
    },
  )
  const library = libraryOf(content)
  const views = new Views({ library: ownersLibraryOf(content), clock, random })
  const ownNames = { hostName: platform.hostName, configured: config.status.host_names }
  const api = new ApiServer(
    {
      clock,
      random,
      listInterfaces: platform.listInterfaces,
      log: log.child({ room: 'api' }),
      guard,
      access,
      metrics,
      renderStatusPage,
      ownNames,
      library,
      views,
      items: new OwnerDesk({ content, refusals, dataFolder }),
      carrying: content,
      refusals,
      live: liveSourcesOf({ content, network, links, machine }, config.content),
      neighbours: () => network.neighbours(),
      peers: () => network.connectedPeers(),
      gatewayPort: () => (gateway.port === 0 ? undefined : gateway.port),
      config: () => ({ ...config }),
      health: () => lifecycle.health(),
      status: () => ({
        peerId: identity.peerId,
        name: config.node.name,
        version: VERSION,
        city: config.city.id,
        startedAtMs,
        dataFolder,
        listenAddresses: network.listenAddresses(),
      }),
    },
    {
      controlSocketPath: join(dataFolder, CONTROL_SOCKET_NAME),
      ownerTokenPath: join(dataFolder, OWNER_TOKEN_FILE_NAME),
      pageFolder: platform.pageFolder,
      lan: config.status,
    },
  )

  const gateway = new PeoplesGateway(
    {
      clock,
      log: log.child({ room: 'gateway' }),
      metrics,
      ownNames,
      library,
      views,
      pages: createGatewayPages(),
      trustless: (request, response) => {
        const address = request.socket.remoteAddress ?? ''
        return content.handleGateway(request, response, { kind: 'anonymous', address })
      },
    },
    config.gateway,
  )

  const services: Service[] = [
    machine,
    content,
    refusals,
    https,
    network,
    links,
    watch,
    api,
    gateway,
  ]
  const lifecycle = new Lifecycle(services, { clock, log })
  return {
    peerId: identity.peerId,
    start: (signal) => lifecycle.start(signal),
    stop: async () => {
      await lifecycle.stop()
      await httpsClient.close()
      try {
        time.save()
      } finally {
        database.close()
      }
    },
    ports: () => ({ content: https.actualPort, status: api.lanPort, gateway: gateway.port }),
    ownerLinks: () => api.ownerLinks(),
  }
}
