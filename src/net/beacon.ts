// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Discovery on the link: one multicast socket an interface, a beacon that backs off from 1 to 10 s
 * while nothing changes, and one dial a second to whoever was heard.
 */
import {
  type CityId,
  type Clock,
  type Counter,
  type Logger,
  type Metrics,
  type PeerId,
  type Random,
  RateLimit,
  randomBetween,
  type Timer,
} from '../base/base.ts'
import { decodeBeacon, encodeBeacon } from './beacon-message.ts'
import { type Candidate, Candidates } from './candidates.ts'
import { cityTag } from './city.ts'
import type { DatagramSocket, Datagrams } from './datagrams.ts'
import { isLinkLocal } from './dial-filter.ts'
import type { WatchedInterface } from './interface-watch.ts'
import {
  BEACON_GAP_MS_MAX,
  BEACON_GAP_MS_MIN,
  BEACONS_PER_SECOND_MAX,
  CANDIDATE_DIALS_PER_SECOND,
} from './limits.ts'

/** "mesh" in ASCII inside the link-local scope. */
export const BEACON_GROUP = 'ff02::6d65:7368'

export interface BeaconDeps {
  clock: Clock
  random: Random
  log: Logger
  datagrams: Datagrams
  received: Counter
  /** Whether a connection to this hint over its interface is still missing. */
  isWanted: (candidate: Candidate, interfaceName: string) => boolean
  /** Dials a hint; rejects when its key was not proven over this interface. */
  dial: (candidate: Candidate) => Promise<void>
}

export interface BeaconOptions {
  self: PeerId
  city: CityId
  beaconPort: number
  /** Our libp2p TCP port, as announced. */
  port: () => number
}

/** The counter of beacons, by what became of them. */
export function beaconCounter(metrics: Metrics): Counter {
  return metrics.counter('citynode_net_beacons_total', 'Beacons received, by verdict', ['verdict'])
}

/** The beacon of one interface. */
export class LinkBeacon {
  readonly #deps: BeaconDeps
  readonly #options: BeaconOptions
  readonly #interface: WatchedInterface
  readonly #tag: Uint8Array
  readonly #candidates: Candidates
  readonly #readLimit: RateLimit
  #socket: DatagramSocket | undefined
  #isOpening = false
  #isStopped = false
  #gapMs = BEACON_GAP_MS_MIN
  #sent = 0
  #beatTimer: Timer | undefined
  #dialTimer: Timer | undefined
  #lastBeatMs = Number.NEGATIVE_INFINITY
  #lastDialMs = Number.NEGATIVE_INFINITY

  constructor(deps: BeaconDeps, options: BeaconOptions, networkInterface: WatchedInterface) {
    this.#deps = deps
    this.#options = options
    this.#interface = networkInterface
    this.#tag = cityTag(options.city)
    this.#candidates = new Candidates(options.self)
    this.#readLimit = new RateLimit(deps.clock, {
      perSecond: BEACONS_PER_SECOND_MAX,
      burst: BEACONS_PER_SECOND_MAX,
    })
  }

  get candidateCount(): number {
    return this.#candidates.size
  }

  start(): void {
    this.#beat()
    this.#dialSoon()
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    this.#beatTimer?.cancel()
    this.#dialTimer?.cancel()
    await this.#socket?.close()
  }

  /** Something changed on the link: speak up soon, and often again for a while. */
  hasten(): void {
    if (this.#isStopped || this.#gapMs === BEACON_GAP_MS_MIN) return
    this.#gapMs = BEACON_GAP_MS_MIN
    this.#beatTimer?.cancel()
    // Never sooner than the least gap, or a flood of forged newcomers would make us flood as well.
    const sinceMs = this.#deps.clock.monotonicMs() - this.#lastBeatMs
    const restMs = Math.max(0, BEACON_GAP_MS_MIN - sinceMs)
    this.#arm(restMs + randomBetween(this.#deps.random, 0, BEACON_GAP_MS_MIN / 2))
  }

  #arm(delayMs: number): void {
    this.#beatTimer = this.#deps.clock.after(delayMs, () => this.#beat())
  }

  #beat(): void {
    this.#lastBeatMs = this.#deps.clock.monotonicMs()
    if (this.#socket === undefined) void this.#open()
    else this.#send()
    const jitter = randomBetween(this.#deps.random, 0.8, 1.2)
    this.#arm(Math.min(BEACON_GAP_MS_MAX, this.#gapMs * jitter))
    this.#gapMs = Math.min(BEACON_GAP_MS_MAX, this.#gapMs * 1.5)
  }

  /** While an address is still tentative (DAD) binding fails: the next beat tries again. */
  async #open(): Promise<void> {
    if (this.#isOpening) return
    this.#isOpening = true
    this.#gapMs = BEACON_GAP_MS_MIN
    try {
      const socket = await this.#deps.datagrams.open({
        port: this.#options.beaconPort,
        group: { address: BEACON_GROUP, interfaceName: this.#interface.name },
        receive: (bytes, from) => this.#receive(bytes, from.host),
      })
      if (this.#isStopped) return await socket.close()
      this.#socket = socket
      this.#send()
    } catch (error) {
      this.#deps.log.debug('no beacon yet', { interface: this.#interface.name, error })
    } finally {
      this.#isOpening = false
    }
  }

  #send(): void {
    const { self, port, beaconPort } = this.#options
    const isNew = this.#sent < 3
    this.#sent += 1
    this.#socket?.send(encodeBeacon(this.#tag, { peerId: self, port: port(), isNew }), {
      host: `${BEACON_GROUP}%${this.#interface.name}`,
      port: beaconPort,
    })
  }

  #receive(bytes: Uint8Array, host: string): void {
    const [, zone] = host.split('%')
    if (!isLinkLocal(host) || zone !== this.#interface.name || !this.#readLimit.tryTake()) {
      this.#deps.received.add(1, { verdict: 'dropped' })
      return
    }
    const decoded = decodeBeacon(this.#tag, bytes)
    this.#deps.received.add(1, { verdict: decoded.verdict })
    if (decoded.verdict !== 'accept' || decoded.value.peerId === this.#options.self) return
    const { peerId, port, isNew } = decoded.value
    const isNews = this.#candidates.heard({ peerId, host, port }, this.#deps.clock.monotonicMs())
    // A node that has just come up should not wait ten seconds to hear of us.
    if (isNews && isNew) this.hasten()
    if (isNews) this.#dialSoon(0)
  }

  #dialSoon(delayMs = 1000 / CANDIDATE_DIALS_PER_SECOND): void {
    if (this.#isStopped) return
    this.#dialTimer?.cancel()
    const sinceMs = this.#deps.clock.monotonicMs() - this.#lastDialMs
    const restMs = Math.max(0, 1000 / CANDIDATE_DIALS_PER_SECOND - sinceMs)
    this.#dialTimer = this.#deps.clock.after(Math.max(delayMs, restMs), () => this.#dialNext())
  }

  #dialNext(): void {
    const { clock, isWanted, dial, log } = this.#deps
    const candidate = this.#candidates.next(clock.monotonicMs(), (one) =>
      isWanted(one, this.#interface.name),
    )
    if (candidate === undefined) {
      this.#dialSoon()
      return
    }
    this.#lastDialMs = clock.monotonicMs()
    // It rests as if it had failed until it succeeds, so that the same hint is not dialled twice at
    // once; and it is not waited for, so that a forged hint that stalls does not hold up a real one.
    this.#candidates.failed(candidate, clock.monotonicMs())
    dial(candidate).then(
      () => this.#candidates.succeeded(candidate),
      (error: unknown) =>
        log.debug('a hint came to nothing', { interface: this.#interface.name, error }),
    )
    this.#dialSoon()
  }
}
