// SPDX-License-Identifier: AGPL-3.0-or-later
/** The libp2p host as citynode sets it up: which modules, which limits, and why. */
import { bootstrap } from '@libp2p/bootstrap'
import { circuitRelayServer, circuitRelayTransport } from '@libp2p/circuit-relay-v2'
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { type GossipSub, gossipsub } from '@libp2p/gossipsub'
import { identify } from '@libp2p/identify'
import type { ConnectionGater, Libp2p, Transport } from '@libp2p/interface'
import { type KadDHT, kadDHT, passthroughMapper } from '@libp2p/kad-dht'
import { mdns } from '@libp2p/mdns'
import { noise } from '@libp2p/noise'
import { type Ping, ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { createLibp2p } from 'libp2p'
import type { CityId } from '../base/base.ts'
import { cityProtocol, mdnsServiceTag } from './city.ts'
import type { NetworkConfig } from './config.ts'
import { boundedDatastore, type DhtBounds } from './dht-datastore.ts'
import {
  DHT_CLEANUP_GAP_MS,
  DHT_PROVIDER_MS_MAX,
  DHT_PROVIDERS_MAX,
  DHT_PROVIDERS_PER_PEER_MAX,
  DHT_RECORDS_MAX,
  DIAL_ADDRESSES_MAX,
  DIAL_MS_MAX,
  SOCKETS_MAX,
} from './limits.ts'
import { linkTransport } from './link-transport.ts'

export interface HostOptions {
  seed: Uint8Array
  city: CityId
  config: NetworkConfig
  version: string
  gater: ConnectionGater
  /** How much the DHT keeps for others; the usual unless given. */
  dhtBounds?: DhtBounds
}

export type Host = Libp2p<{ ping: Ping; dht: KadDHT; pubsub: GossipSub }>

/** New connections a second from one address: several nodes may sit behind one, a flood may not. */
const INBOUND_PER_SECOND_MAX = 20
/** How long a stranger may take for its handshake: a 1 GHz core behind a slow radio needs 1–2 s. */
const INBOUND_HANDSHAKE_MS_MAX = 5_000
/**
 * How many strangers may be in the midst of their handshake: more than one address can have open
 * by saying nothing (20 a second for 5 s), so that it cannot shut the door on everyone else.
 */
const PENDING_INBOUND_MAX = 128
/** yamux would let a frame grow to 16 MiB and hold up everything behind it on a slow link. */
const STREAM_WINDOW_BYTES_MAX = 1024 * 1024
/** A node keeps few streams open; a thousand at once is an attack and costs only its connection. */
const STREAMS_PER_CONNECTION_MAX = 64
/** Gossip once every 5 s is plenty for a neighbourhood and nearly free when idle. */
const GOSSIP_HEARTBEAT_MS = 5_000

/** A peer's list of protocols and addresses. */
const IDENTIFY_BYTES_MAX = 8_192

/** A host that is built but not started: nothing listens yet. */
export async function createHost(options: HostOptions): Promise<Host> {
  const { city, config } = options
  return await createLibp2p({
    privateKey: await generateKeyPairFromSeed('Ed25519', options.seed),
    start: false,
    nodeInfo: { name: 'citynode', version: options.version },
    addresses: {
      listen: [
        `/ip4/0.0.0.0/tcp/${config.port}`,
        `/ip6/::/tcp/${config.port}`,
        // Asks a connected node that relays for a place there.
        ...(config.relay.wanted ? ['/p2p-circuit'] : []),
      ],
      announceFilter: (addresses) =>
        addresses.filter(
          (one) => config.allow_loopback || !/^\/ip4\/127\.|^\/ip6\/::1\//.test(one.toString()),
        ),
    },
    transports: [
      // First, because libp2p takes the first transport that fits an address.
      linkTransport(),
      // Silence is judged by hellos; an idle connection is not a dead one.
      ipv4Listener(tcp({ outboundSocketInactivityTimeout: 0, inboundSocketInactivityTimeout: 0 })),
      circuitRelayTransport(),
    ],
    connectionEncrypters: [noise()],
    streamMuxers: [
      yamux({
        enableKeepAlive: false,
        maxInboundStreams: STREAMS_PER_CONNECTION_MAX,
        streamOptions: { maxStreamWindowSize: STREAM_WINDOW_BYTES_MAX },
      }),
    ],
    // Its pings over new streams were nearly all of an idle node's work (research: libp2p).
    connectionMonitor: { enabled: false },
    connectionGater: options.gater,
    connectionManager: {
      maxConnections: Math.min(config.connections_max, SOCKETS_MAX),
      maxIncomingPendingConnections: PENDING_INBOUND_MAX,
      inboundUpgradeTimeout: INBOUND_HANDSHAKE_MS_MAX,
      inboundConnectionThreshold: INBOUND_PER_SECOND_MAX,
      maxPeerAddrsToDial: DIAL_ADDRESSES_MAX,
      dialTimeout: DIAL_MS_MAX,
    },
    peerDiscovery: [
      ...(config.mdns ? [mdns({ serviceTag: mdnsServiceTag(city) })] : []),
      ...(config.bootstrap.length > 0
        ? [bootstrap({ list: [...config.bootstrap], timeout: 0 })]
        : []),
    ],
    services: services(options),
  })
}

function services({ city, config, dhtBounds = DHT_BOUNDS }: HostOptions) {
  const { relay } = config
  return {
    identify: identify({ maxMessageSize: IDENTIFY_BYTES_MAX }),
    ping: ping({ maxInboundStreams: 4, maxOutboundStreams: 8 }),
    dht: boundedDht(
      kadDHT({
        protocol: cityProtocol(city, 'kad/1.0.0'),
        clientMode: false,
        // Its default drops private addresses; a city has hardly any other.
        peerInfoMapper: passthroughMapper,
        reprovide: { validity: DHT_PROVIDER_MS_MAX, interval: DHT_CLEANUP_GAP_MS },
      }),
      dhtBounds,
    ),
    pubsub: gossipsub({
      heartbeatInterval: GOSSIP_HEARTBEAT_MS,
      globalSignaturePolicy: 'StrictSign',
      allowPublishToZeroTopicPeers: true,
    }),
    ...(relay.enabled
      ? {
          relay: circuitRelayServer({
            reservations: {
              maxReservations: relay.reservations_max,
              defaultDataLimit: BigInt(relay.data_bytes_max),
              defaultDurationLimit: relay.duration_s_max * 1_000,
            },
          }),
        }
      : {}),
  }
}

const DHT_BOUNDS: DhtBounds = {
  providersMax: DHT_PROVIDERS_MAX,
  providersPerPeerMax: DHT_PROVIDERS_PER_PEER_MAX,
  recordsMax: DHT_RECORDS_MAX,
}

type CreateDht = ReturnType<typeof kadDHT>

/** kad-dht has no bound of its own on what it keeps: the store that it keeps it in has. */
function boundedDht(create: CreateDht, bounds: DhtBounds): CreateDht {
  return (components) => {
    const own = components.peerId.toString()
    const datastore = boundedDatastore(components.datastore, { own, bounds })
    // They are looked up by name when they are used, and cannot be copied.
    const bounded: typeof components = Object.create(components, {
      datastore: { value: datastore },
    })
    return create(bounded)
  }
}

/** libp2p lets every transport listen that can; IPv6 belongs to the link transport alone. */
function ipv4Listener<Components>(
  create: (components: Components) => Transport,
): (components: Components) => Transport {
  return (components) => {
    const transport = create(components)
    const listenFilter = transport.listenFilter.bind(transport)
    transport.listenFilter = (addresses) =>
      listenFilter(addresses.filter((one) => one.toString().startsWith('/ip4/')))
    return transport
  }
}
