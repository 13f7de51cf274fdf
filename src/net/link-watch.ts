// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * How links are doing, step after step: round trip and loss from the hellos, bytes from the sockets.
 * Neighbours are always watched; all other peers only while somebody looks, and only then are they
 * asked for a round trip.
 */
import {
  type Clock,
  CodedError,
  deadline,
  type HealthCondition,
  type Logger,
  type PeerId,
  repeat,
  type Service,
  type Timer,
} from '../base/base.ts'
import type { CityNetwork } from './city-network.ts'
import {
  LINK_ABSENT_STEPS_MAX,
  LINK_STEP_MS,
  LINKS_WATCHED_MAX,
  PING_MS_MAX,
  PING_STEPS,
  PINGS_MAX,
} from './limits.ts'
import { type LinkFigures, LinkHistory, type LinkSamples, NO_FIGURES } from './link-history.ts'
import type { Moved, Traffic } from './traffic.ts'

/** How a link is now. What is not measured is undefined. */
export interface WatchedLink {
  peerId: PeerId
  /** As the peer calls itself; may be empty. */
  name: string
  kind: 'neighbour' | 'segment' | 'peer'
  /** Set for neighbours and segment peers. */
  interfaceName: string | undefined
  rttMs: number | undefined
  /** Shares of hellos lost, 0..1. */
  lossIn: number | undefined
  lossOut: number | undefined
  receivedBytesPerSecond: number
  sentBytesPerSecond: number
}

export interface LinkWatchDeps {
  network: Pick<CityNetwork, 'neighbours' | 'connectedPeers' | 'ping'>
  traffic: Traffic
  clock: Clock
  log: Logger
}

interface Kept {
  history: LinkHistory
  /** Steps since it was there. */
  absentSteps: number
}

const NOTHING_MOVED: Moved = { receivedBytes: 0, sentBytes: 0 }

export class LinkWatch implements Service {
  readonly name = 'links'
  readonly stepSeconds = LINK_STEP_MS / 1000
  readonly #deps: LinkWatchDeps
  /** By {@link keyOf}; longest known first. */
  readonly #kept = new Map<string, Kept>()
  readonly #listeners = new Set<() => void>()
  readonly #stopped = new AbortController()
  /** Round trips of peers that exchange no hellos with us, while somebody looks. */
  readonly #pinged = new Map<PeerId, number>()
  #moved: ReadonlyMap<PeerId, Moved> = new Map()
  #lookingCount = 0
  #stepsCount = 0
  #timer: Timer | undefined

  constructor(deps: LinkWatchDeps) {
    this.#deps = deps
  }

  async start(): Promise<void> {
    this.#timer = repeat(
      this.#deps.clock,
      () => LINK_STEP_MS,
      () => this.#step(),
    )
  }

  async stop(): Promise<void> {
    this.#timer?.cancel()
    this.#stopped.abort(new CodedError('NET_STOPPED', 'The node is stopping.'))
  }

  health(): readonly HealthCondition[] {
    return []
  }

  /** Neighbours first, then segment peers, then all others; a bounded number. */
  links(): WatchedLink[] {
    const { network } = this.#deps
    const neighbours = network.neighbours()
    const nearIds = new Set(neighbours.map(({ peerId }) => peerId))
    const near = neighbours.map((neighbour): Unmoved => ({ ...neighbour, kind: 'neighbour' }))
    const others = network
      .connectedPeers()
      .filter(({ peerId }) => !nearIds.has(peerId))
      .map(({ peerId, name, interfaceName }): Unmoved => {
        const kind = interfaceName === undefined ? 'peer' : 'segment'
        const rttMs = this.#pinged.get(peerId)
        return { peerId, name, kind, interfaceName, rttMs, lossIn: undefined, lossOut: undefined }
      })
      .sort((one, other) => rankOf(one) - rankOf(other))
    return this.#withRates([...near, ...others].slice(0, LINKS_WATCHED_MAX))
  }

  /** The same with their last minutes. */
  histories(): (WatchedLink & { samples: LinkSamples })[] {
    return this.links().map((link) => {
      const history = this.#kept.get(keyOf(link))?.history ?? new LinkHistory()
      return { ...link, samples: history.samples() }
    })
  }

  /** All links are watched until `signal` aborts. */
  attend(signal: AbortSignal): void {
    if (signal.aborted) return
    this.#lookingCount += 1
    if (this.#lookingCount === 1) this.#pingOthers()
    signal.addEventListener(
      'abort',
      () => {
        this.#lookingCount -= 1
        // Nobody asks for these any more, and they grow old.
        if (this.#lookingCount === 0) this.#pinged.clear()
      },
      { once: true },
    )
  }

  /** Calls back after every step, until `signal` aborts. */
  onStep(listener: () => void, signal: AbortSignal): void {
    if (signal.aborted) return
    this.#listeners.add(listener)
    signal.addEventListener('abort', () => this.#listeners.delete(listener), { once: true })
  }

  #step(): void {
    this.#stepsCount += 1
    this.#moved = this.#deps.traffic.step()
    const isLooking = this.#lookingCount > 0
    const links = this.links().filter(({ kind }) => kind === 'neighbour' || isLooking)
    const here = new Map(links.map((link) => [keyOf(link), link]))
    for (const [key, kept] of this.#kept) {
      if (here.has(key)) continue
      kept.absentSteps += 1
      kept.history.push(NO_FIGURES)
      if (kept.absentSteps > LINK_ABSENT_STEPS_MAX) this.#kept.delete(key)
    }
    for (const [key, link] of here) this.#historyOf(key).push(figuresOf(link))
    if (isLooking && this.#stepsCount % PING_STEPS === 0) this.#pingOthers()
    for (const listener of this.#listeners) listener()
  }

  /** Room is made by what is gone for the longest time; those that are here are never too many. */
  #historyOf(key: string): LinkHistory {
    const known = this.#kept.get(key)
    if (known !== undefined) {
      known.absentSteps = 0
      return known.history
    }
    if (this.#kept.size >= LINKS_WATCHED_MAX) {
      const [gone] = [...this.#kept].sort(
        ([, one], [, other]) => other.absentSteps - one.absentSteps,
      )
      if (gone !== undefined) this.#kept.delete(gone[0])
    }
    const kept: Kept = { history: new LinkHistory(), absentSteps: 0 }
    this.#kept.set(key, kept)
    return kept.history
  }

  /** A peer with two links is a neighbour twice: its bytes are counted to the first. */
  #withRates(links: readonly Unmoved[]): WatchedLink[] {
    const told = new Set<PeerId>()
    return links.map(({ peerId, name, kind, interfaceName, rttMs, lossIn, lossOut }) => {
      const moved = told.has(peerId) ? undefined : this.#moved.get(peerId)
      told.add(peerId)
      const { receivedBytes, sentBytes } = moved ?? NOTHING_MOVED
      return {
        ...{ peerId, name, kind, interfaceName, rttMs, lossIn, lossOut },
        receivedBytesPerSecond: Math.round(receivedBytes / this.stepSeconds),
        sentBytesPerSecond: Math.round(sentBytes / this.stepSeconds),
      }
    })
  }

  #pingOthers(): void {
    const others = this.links().filter(({ kind }) => kind !== 'neighbour')
    const ids = new Set(others.map(({ peerId }) => peerId))
    for (const peerId of this.#pinged.keys()) if (!ids.has(peerId)) this.#pinged.delete(peerId)
    for (const peerId of [...ids].slice(0, PINGS_MAX)) void this.#ping(peerId)
  }

  /** Never rejects. */
  async #ping(peerId: PeerId): Promise<void> {
    const { clock, network, log } = this.#deps
    const limit = deadline(
      clock,
      PING_MS_MAX,
      () => new CodedError('NET_NO_ANSWER', 'The ping was not answered.'),
      this.#stopped.signal,
    )
    try {
      const rttMs = await network.ping(peerId, limit.signal)
      if (this.#lookingCount > 0) this.#pinged.set(peerId, rttMs)
    } catch (error) {
      // It may have gone, or be busy: what is not measured is not known.
      this.#pinged.delete(peerId)
      log.debug('a ping was not answered', { peerId, error })
    } finally {
      limit.cancel()
    }
  }
}

type Unmoved = Omit<WatchedLink, 'receivedBytesPerSecond' | 'sentBytesPerSecond'>

function figuresOf(link: WatchedLink): LinkFigures {
  const { rttMs, lossIn, lossOut, receivedBytesPerSecond, sentBytesPerSecond } = link
  return { rttMs, lossIn, lossOut, receivedBytesPerSecond, sentBytesPerSecond }
}

function rankOf({ kind }: Unmoved): number {
  return kind === 'segment' ? 0 : 1
}

function keyOf({ peerId, interfaceName = '' }: WatchedLink): string {
  return `${peerId} ${interfaceName}`
}
