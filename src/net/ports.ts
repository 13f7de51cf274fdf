// SPDX-License-Identifier: AGPL-3.0-or-later
/** The network as the rooms above see it: connected peers, questions to them, bulk requests. */
import type { EventSource, PeerId, Service } from '../base/base.ts'
import type { Caller, Need } from './guard.ts'

/** Where a peer's authenticated HTTPS server answers, as told on a proven connection. */
export interface HttpsAddress {
  /** IPv4, IPv6 or zoned link-local (`fe80::1%eth0`), without brackets. */
  host: string
  port: number
}

/** A node whose key was proven on a connection that is open now. */
export interface ConnectedPeer {
  peerId: PeerId
  /** The remote end of the connection as a multiaddr. */
  address: string
  direction: 'inbound' | 'outbound'
  /** Monotonic milliseconds. */
  connectedAtMs: number
  /** Undefined until the peer has greeted, or when no direct address is known (relayed). */
  https: HttpsAddress | undefined
  /** Undefined until the peer has greeted. */
  version: string | undefined
  /** As the peer calls itself; empty when it has no name, or an older version. */
  name: string
  /** The interface over which the key was proven, when it is one of ours (a segment peer). */
  interfaceName: string | undefined
}

/** A segment peer that is truly one hop away, and how the hop is doing. */
export interface Neighbour {
  peerId: PeerId
  /** As it calls itself; may be empty. */
  name: string
  interfaceName: string
  /** Zoned link-local or on-link address at which hellos are exchanged. */
  address: string
  /** Smoothed round trip of hellos; undefined until one was answered. */
  rttMs: number | undefined
  /** Share of hellos lost towards us and towards the neighbour, 0..1; undefined until known. */
  lossIn: number | undefined
  lossOut: number | undefined
  /** Monotonic milliseconds. */
  sinceMs: number
  heardAtMs: number
}

export type PeerEvents = {
  peerConnected: { peerId: PeerId }
  peerLost: { peerId: PeerId }
  neighbourFound: { neighbour: Neighbour }
  neighbourLost: { peerId: PeerId; interfaceName: string; reason: 'silent' | 'carrier' | 'closed' }
}

/** Answers one question: the bytes of the request in, the bytes of the reply out. */
export type QuestionHandler = (
  request: Uint8Array,
  context: { caller: Caller; signal: AbortSignal },
) => Promise<Uint8Array>

export interface QuestionOptions {
  needs: Need
  requestBytesMax: number
  replyBytesMax: number
}

export interface PeerNetwork extends Service {
  readonly peerId: PeerId
  readonly events: EventSource<PeerEvents>
  /** Nodes of our own city that have greeted us on an open connection. */
  connectedPeers(): readonly ConnectedPeer[]
  neighbours(): readonly Neighbour[]
  /** Our own dialable addresses, as multiaddrs. */
  listenAddresses(): readonly string[]
  /**
   * Answers `topic` (`have/1` becomes `/citynode/<city>/have/1`) for other nodes of the city.
   * One stream a question, both directions length-bounded, a bounded number at once per peer.
   */
  answer(topic: string, options: QuestionOptions, handler: QuestionHandler): void
  /** @throws CodedError `NET_NO_ANSWER` when the peer is gone, refuses, stalls or overruns. */
  ask(
    peerId: PeerId,
    topic: string,
    request: Uint8Array,
    options: { replyBytesMax: number; signal: AbortSignal },
  ): Promise<Uint8Array>
}
