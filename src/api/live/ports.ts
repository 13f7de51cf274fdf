// SPDX-License-Identifier: AGPL-3.0-or-later
/** What this folder asks of the rooms below: exactly this, and nothing else of them. */
import type { CID } from 'multiformats/cid'
import type { Clock, EventSource, HealthCondition, Logger, PeerId } from '../../base/base.ts'
import type { LinkSamples, PeerEvents, WatchedLink } from '../../net/net.ts'
import type { Vitals } from '../../system/system.ts'
import type { Observed } from '../facts.ts'
import type { ApiItems } from '../item-ports.ts'

/** An item as far as what is told of its changes goes. */
export interface ItemSeen {
  cid: CID
  name: string
  title: string
  visibility: 'private' | 'public'
  origin: 'added' | 'fetched'
  isWhole: boolean
}

export type ItemEvents = {
  /** Before: undefined when it is new here. After: undefined when it is gone. */
  itemChanged: { before: ItemSeen | undefined; after: ItemSeen | undefined }
}

export interface TransferEnded {
  kind: 'add' | 'fetch'
  cid: string | null
  /** May be empty. */
  name: string
  problem: { code: string; detail: string }
}

export interface LinkSource {
  /** Between two samples, in seconds. */
  readonly stepSeconds: number
  /** How they are now; neighbours first. */
  links(): readonly WatchedLink[]
  /** With their last minutes. */
  histories(): readonly (WatchedLink & { samples: LinkSamples })[]
  /** Links that are watched only when somebody looks are watched until `signal` aborts. */
  attend(signal: AbortSignal): void
  /** Calls back after every step, until `signal` aborts. */
  onStep(listener: () => void, signal: AbortSignal): void
}

/** Where the news comes from. */
export interface LiveSources {
  itemEvents: EventSource<ItemEvents>
  peerEvents: EventSource<PeerEvents>
  /** As the node calls itself; empty when it has no name, or when it is not connected. */
  nameOf(peerId: PeerId): string
  links: LinkSource
  /** Never fails: what cannot be read is left out. */
  vitals(): Promise<Vitals>
  /** What items take of the disk, and may take; undefined: as much as is free. */
  storeRoom(): { usedBytes: number; limitBytes: number | undefined }
}

export interface LiveDeps extends LiveSources {
  items: Pick<ApiItems, 'get'>
  health(): readonly HealthCondition[]
  observe(): Observed
  clock: Clock
  log: Logger
}
