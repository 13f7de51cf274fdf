// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Which interfaces there are, by asking again and again: the kernel's list holds only interfaces
 * that are up and have a carrier, so a pulled cable shows as an interface that is gone.
 */
import {
  type Clock,
  EventHub,
  type EventSource,
  type Logger,
  repeat,
  type Timer,
} from '../base/base.ts'
import type { NetworkInterface } from '../system/system.ts'
import type { NetworkConfig } from './config.ts'
import { INTERFACE_POLL_MS } from './limits.ts'

export type InterfaceEvents = {
  /** Again when the link-local address came later: NetworkManager adds it long after the carrier. */
  interfaceFound: { networkInterface: WatchedInterface }
  interfaceLost: { name: string }
}

export interface WatchedInterface extends NetworkInterface {
  /** Whether being on this segment means being one hop apart. */
  isOneHop: boolean
}

/** Whether the link can be spoken to without any address being given to it. */
export function hasLinkLocal(one: NetworkInterface): boolean {
  return one.addresses.some(({ family, isLinkLocal }) => family === 6 && isLinkLocal)
}

export class InterfaceWatch {
  readonly #hub: EventHub<InterfaceEvents>
  readonly #clock: Clock
  readonly #log: Logger
  readonly #list: () => readonly NetworkInterface[]
  readonly #config: NetworkConfig
  #current: readonly WatchedInterface[] = []
  #timer: Timer | undefined

  constructor(
    deps: { clock: Clock; log: Logger; listInterfaces: () => readonly NetworkInterface[] },
    config: NetworkConfig,
  ) {
    this.#hub = new EventHub(deps.log)
    this.#clock = deps.clock
    this.#log = deps.log
    this.#list = deps.listInterfaces
    this.#config = config
  }

  get events(): EventSource<InterfaceEvents> {
    return this.#hub
  }

  current(): readonly WatchedInterface[] {
    return this.#current
  }

  start(): void {
    this.refresh()
    this.#timer = repeat(
      this.#clock,
      () => INTERFACE_POLL_MS,
      () => this.refresh(),
    )
  }

  stop(): void {
    this.#timer?.cancel()
  }

  /** Looks now, instead of at the next turn. */
  refresh(): void {
    const before = this.#current
    this.#current = this.#list().flatMap((found) => this.#judge(found))
    for (const old of before) {
      if (this.#current.some((one) => one.name === old.name && one.index === old.index)) continue
      this.#log.info('an interface lost its link', { interface: old.name })
      this.#hub.announce('interfaceLost', { name: old.name })
    }
    for (const found of this.#current) {
      const known = before.find((one) => one.name === found.name && one.index === found.index)
      if (known !== undefined && (hasLinkLocal(known) || !hasLinkLocal(found))) continue
      this.#log.info('an interface has a link', { interface: found.name, segment: found.segment })
      this.#hub.announce('interfaceFound', { networkInterface: found })
    }
  }

  /** What the owner said of an interface goes before what was detected. */
  #judge(found: NetworkInterface): WatchedInterface[] {
    const said = this.#config.interface.find((one) => one.name === found.name)?.segment
    if (said === 'off') return []
    if (said !== undefined) return [{ ...found, segment: said, isOneHop: said !== 'mesh' }]
    // Two stations of one access point are two hops apart, so a radio is one hop only when said.
    const isOneHop =
      found.segment === 'wire' || (found.segment === 'loopback' && this.#config.allow_loopback)
    return [{ ...found, isOneHop }]
  }
}
