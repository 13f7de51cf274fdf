// SPDX-License-Identifier: AGPL-3.0-or-later
/** What the API asks of the rooms below: exactly this, and nothing else of them. */
import type { CID } from 'multiformats/cid'
import type { Clock, HealthCondition, Logger, PeerId } from '../base/base.ts'
import type { PublicStatus, Visibility } from '../contract/contract.ts'
import type { ConnectedPeer, Guard, Neighbour } from '../net/net.ts'
import type { ApiRefusals } from './refusal-routes.ts'

export interface NodeFacts {
  peerId: PeerId
  version: string
  city: string
  /** Monotonic milliseconds. */
  startedAtMs: number
  dataFolder: string
  /** Our own dialable addresses, as multiaddrs. */
  listenAddresses: readonly string[]
}

export interface ApiItem {
  cid: CID
  name: string
  sizeBytes: number
  /** Media type. */
  kind: string
  visibility: Visibility
  /** False: bytes of it are missing here. */
  isWhole: boolean
  /** Wall-clock milliseconds, as the node's clock said. */
  addedAtMs: number
}

export interface ItemTotals {
  count: number
  publicCount: number
  sizeBytes: number
}

/** The slice of content that the API uses. */
export interface ApiItems {
  list(): readonly ApiItem[]
  /** Cheap: asked for by every look at the status page. */
  totals(): ItemTotals
  get(cid: CID): ApiItem | undefined
  add(
    bytes: AsyncIterable<Uint8Array>,
    options: { name: string; visibility: Visibility; signal: AbortSignal },
  ): Promise<ApiItem>
  /** What was removed, or undefined when the node did not have it. */
  remove(cid: CID): Promise<ApiItem | undefined>
  /** The verified bytes of an item on this node, in order. */
  openBytes(cid: CID, options: { signal: AbortSignal }): AsyncIterable<Uint8Array>
  /** Brings an item here from whoever has it; at once when it is here already. */
  fetch(
    cid: CID,
    options: {
      visibility: Visibility
      signal: AbortSignal
      onProgress: (receivedBytes: number, totalBytes: number | undefined) => void
    },
  ): Promise<ApiItem>
}

export interface ApiDeps {
  status(): NodeFacts
  neighbours(): readonly Neighbour[]
  peers(): readonly ConnectedPeer[]
  items: ApiItems
  refusals: ApiRefusals
  /** The configuration in effect. */
  config(): Readonly<Record<string, unknown>>
  metrics: { render(): Promise<string>; readonly contentType: string }
  /** The whole node's. Texts and advice are shown on the LAN: nothing private in them. */
  health(): readonly HealthCondition[]
  guard: Guard
  renderStatusPage(status: PublicStatus): string
  clock: Clock
  log: Logger
}

export interface ApiOptions {
  controlSocketPath: string
  /** Port 0 takes any free port. */
  lan: { address: string; port: number }
}
