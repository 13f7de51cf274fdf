// SPDX-License-Identifier: AGPL-3.0-or-later
/** What the API asks of the rooms below: exactly this, and nothing else of them. */
import type { Clock, HealthCondition, Logger, PeerId, Random } from '../base/base.ts'
import type { PublicStatus } from '../contract/contract.ts'
import type { ConnectedPeer, Neighbour, RequestGuard } from '../net/net.ts'
import type { NetworkInterface } from '../system/system.ts'
import type { ApiAccess } from './access-routes.ts'
import type { ApiCarrying } from './carry-routes.ts'
import type { OwnNames } from './doorman.ts'
import type { PeoplesLibrary, Views } from './gateway/gateway.ts'
import type { ApiItems } from './item-ports.ts'
import type { LiveSources } from './live/live.ts'
import type { ApiRefusals } from './refusal-routes.ts'

export interface NodeFacts {
  peerId: PeerId
  /** As its owner calls it; may be empty. */
  name: string
  version: string
  city: string
  /** Monotonic milliseconds. */
  startedAtMs: number
  dataFolder: string
  /** Our own dialable addresses, as multiaddrs. */
  listenAddresses: readonly string[]
}

export interface ApiDeps {
  status(): NodeFacts
  neighbours(): readonly Neighbour[]
  peers(): readonly ConnectedPeer[]
  items: ApiItems
  /** What anybody may look at. */
  library: PeoplesLibrary
  views: Views
  carrying: ApiCarrying
  refusals: ApiRefusals
  live: LiveSources
  /** Where browsers open items; undefined while there is no gateway. */
  gatewayPort(): number | undefined
  /** The configuration in effect. */
  config(): Readonly<Record<string, unknown>>
  metrics: { render(): Promise<string>; readonly contentType: string }
  /** The whole node's. Texts and advice are shown on the LAN: nothing private in them. */
  health(): readonly HealthCondition[]
  guard: RequestGuard
  access: ApiAccess
  renderStatusPage(status: PublicStatus): string
  /** By which names browsers may come to the LAN listener. */
  ownNames: OwnNames
  /** Of the machine, for the links that its owner is given. */
  listInterfaces(): readonly NetworkInterface[]
  clock: Clock
  random: Random
  log: Logger
}

export interface ApiOptions {
  controlSocketPath: string
  /** Made at the first start. */
  ownerTokenPath: string
  /** Where the app was built; without it there is the page without script alone. */
  pageFolder: string
  /** Port 0 takes any free port. */
  lan: { address: string; port: number }
}
