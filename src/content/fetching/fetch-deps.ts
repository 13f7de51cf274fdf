// SPDX-License-Identifier: AGPL-3.0-or-later
/** What fetching stands on. */
import type { Clock, Logger, PeerId } from '../../base/base.ts'
import type { BlockStore } from '../blocks/blocks.ts'
import type { ContentMetrics } from '../metrics.ts'
import type { RefusalDesk } from '../refusing.ts'
import type { BadPeers, ContentNetwork } from './holders.ts'
import type { PeerRequests } from './receiving.ts'

export interface FetchDeps {
  network: ContentNetwork
  requests: PeerRequests
  badPeers: BadPeers
  store: BlockStore
  refusals: RefusalDesk
  metrics: ContentMetrics
  clock: Clock
  /** Removes what may go; whether there is room for so much then. */
  makeRoom(neededBytes: number): Promise<boolean>
  log: Logger
}

/** A peer served wrong bytes: it is not asked again for a while. */
export function noteBadPeer(
  { badPeers, metrics, log }: Pick<FetchDeps, 'badPeers' | 'metrics' | 'log'>,
  peerId: PeerId,
  reason: string,
): void {
  badPeers.add(peerId, reason)
  metrics.badPeers.add()
  log.warn('a peer served wrong bytes and is left alone for a while', { peerId, reason })
}
