// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * The nodes that the owner has named: dialled until they are connected, at first often, then seldom,
 * and often again once one is lost. The first dial of all is libp2p's own.
 */
import { multiaddr } from '@multiformats/multiaddr'
import {
  type Clock,
  isPeerId,
  type Logger,
  type PeerId,
  type Random,
  randomBetween,
  type Timer,
} from '../base/base.ts'
import { BOOTSTRAP_GAP_MS_MAX, BOOTSTRAP_GAP_MS_MIN } from './limits.ts'
import { endpointOf } from './link-transport.ts'

export interface BootstrapDeps {
  clock: Clock
  random: Random
  log: Logger
  isConnected(peerId: PeerId): boolean
  dial(address: string): Promise<void>
}

export class Bootstrap {
  /** Where they are, which is where we may dial: for those behind a relay, the relay. */
  readonly hosts: ReadonlySet<string>
  readonly #deps: BootstrapDeps
  readonly #targets: readonly { address: string; peerId: PeerId }[]
  readonly #dialling = new Set<string>()
  #gapMs = BOOTSTRAP_GAP_MS_MIN
  #timer: Timer | undefined

  constructor(deps: BootstrapDeps, addresses: readonly string[]) {
    this.#deps = deps
    this.#targets = addresses.flatMap((address) => {
      const peerId = peerIdOf(address)
      return peerId === undefined ? [] : [{ address, peerId }]
    })
    this.hosts = new Set(addresses.flatMap((address) => hostOf(address) ?? []))
  }

  start(): void {
    if (this.#targets.length > 0) this.#arm()
  }

  stop(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }

  /** A peer went: if it is one of these, it is looked for again soon. */
  lost(peerId: PeerId): void {
    if (this.#timer === undefined) return
    if (!this.#targets.some((target) => target.peerId === peerId)) return
    this.#gapMs = BOOTSTRAP_GAP_MS_MIN
    this.#arm()
  }

  /** Many nodes may have lost the same one at the same moment: they come back one by one. */
  #arm(): void {
    this.#timer?.cancel()
    const jitter = randomBetween(this.#deps.random, 0.8, 1.2)
    this.#timer = this.#deps.clock.after(this.#gapMs * jitter, () => this.#round())
  }

  #round(): void {
    for (const { address, peerId } of this.#targets) {
      if (!this.#dialling.has(address) && !this.#deps.isConnected(peerId)) this.#dial(address)
    }
    this.#gapMs = Math.min(BOOTSTRAP_GAP_MS_MAX, this.#gapMs * 2)
    this.#arm()
  }

  #dial(address: string): void {
    this.#dialling.add(address)
    this.#deps
      .dial(address)
      .catch((error: unknown) =>
        this.#deps.log.debug('a bootstrap node does not answer', { address, error }),
      )
      .finally(() => this.#dialling.delete(address))
  }
}

function peerIdOf(address: string): PeerId | undefined {
  const last = multiaddr(address).getComponents().at(-1)
  return last?.name === 'p2p' && last.value !== undefined && isPeerId(last.value)
    ? last.value
    : undefined
}

function hostOf(address: string): string | undefined {
  const [first = ''] = address.split('/p2p-circuit')
  return endpointOf(multiaddr(first))?.host
}
