// SPDX-License-Identifier: AGPL-3.0-or-later
/** What the rooms know, in the words of the contract. Pure: decides what is said, not to whom. */
import { didKeyOf, type HealthCondition } from '../base/base.ts'
import type {
  Health,
  NeighbourFacts,
  PeerFacts,
  PublicNeighbour,
  PublicStatus,
  Status,
} from '../contract/contract.ts'
import type { ConnectedPeer, Neighbour } from '../net/net.ts'
import type { ItemTotals } from './item-ports.ts'
import type { NodeFacts } from './ports.ts'

/** Everything that a status is made of, at one instant. */
export interface Observed {
  node: NodeFacts
  neighbours: readonly Neighbour[]
  peers: readonly ConnectedPeer[]
  totals: ItemTotals
  conditions: readonly HealthCondition[]
  nowMs: number
  statusPort: number
  /** Of the gateway for people; undefined while there is none. */
  gatewayPort: number | undefined
}

export function healthOf(conditions: readonly HealthCondition[]): Health {
  const has = (severity: HealthCondition['severity']): boolean =>
    conditions.some((condition) => condition.severity === severity)
  const status = has('error') ? 'failed' : has('warning') ? 'degraded' : 'ok'
  return { status, conditions: conditions.map((condition) => ({ ...condition })) }
}

/** For anybody: says nothing of private items, folders or addresses. */
export function publicStatusOf(observed: Observed): PublicStatus {
  const { node, neighbours, peers, nowMs } = observed
  const neighbourIds = new Set(neighbours.map((neighbour) => neighbour.peerId))
  const others = peers.filter((peer) => !neighbourIds.has(peer.peerId))
  return {
    peerId: node.peerId,
    did: didKeyOf(node.peerId),
    name: node.name,
    version: node.version,
    city: node.city,
    uptimeSeconds: secondsBetween(node.startedAtMs, nowMs),
    health: healthOf(observed.conditions),
    neighbours: neighbours.map((neighbour) => publicNeighbourOf(neighbour, peers, nowMs)),
    connectedPeersCount: countOfNodes(peers),
    otherPeersCount: countOfNodes(others),
    publicItemsCount: observed.totals.publicCount,
    gatewayPort: observed.gatewayPort ?? null,
  }
}

/** For the owner. */
export function statusOf(observed: Observed): Status {
  return {
    ...publicStatusOf(observed),
    dataFolder: observed.node.dataFolder,
    listenAddresses: [...observed.node.listenAddresses],
    statusPort: observed.statusPort,
    itemsCount: observed.totals.count,
    itemsSizeBytes: observed.totals.sizeBytes,
  }
}

export function neighbourOf(
  neighbour: Neighbour,
  peers: readonly ConnectedPeer[],
  nowMs: number,
): NeighbourFacts {
  return { ...publicNeighbourOf(neighbour, peers, nowMs), address: neighbour.address }
}

export function peerOf(
  peer: ConnectedPeer,
  neighbours: readonly Neighbour[],
  nowMs: number,
): PeerFacts {
  return {
    peerId: peer.peerId,
    name: peer.name,
    address: peer.address,
    direction: peer.direction,
    connectedForSeconds: secondsBetween(peer.connectedAtMs, nowMs),
    version: peer.version ?? null,
    interfaceName: peer.interfaceName ?? null,
    isNeighbour: neighbours.some((neighbour) => neighbour.peerId === peer.peerId),
  }
}

function publicNeighbourOf(
  neighbour: Neighbour,
  peers: readonly ConnectedPeer[],
  nowMs: number,
): PublicNeighbour {
  return {
    peerId: neighbour.peerId,
    name: neighbour.name,
    interfaceName: neighbour.interfaceName,
    rttMs: neighbour.rttMs ?? null,
    lossIn: neighbour.lossIn ?? null,
    lossOut: neighbour.lossOut ?? null,
    knownForSeconds: secondsBetween(neighbour.sinceMs, nowMs),
    heardSecondsAgo: secondsBetween(neighbour.heardAtMs, nowMs),
    version: peers.find((peer) => peer.peerId === neighbour.peerId)?.version ?? null,
  }
}

function countOfNodes(peers: readonly ConnectedPeer[]): number {
  return new Set(peers.map((peer) => peer.peerId)).size
}

function secondsBetween(fromMs: number, untilMs: number): number {
  return Math.max(0, Math.round((untilMs - fromMs) / 100) / 10)
}
