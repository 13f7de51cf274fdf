// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Hellos on all links: sends each link's hello every 4 s at most, takes those that come in, and
 * says which links fell silent and which are heard again.
 */
import {
  type Clock,
  type Counter,
  type Random,
  RateLimit,
  randomBetween,
  type Timer,
} from '../base/base.ts'
import type { DatagramSocket, DatagramSource, Datagrams } from './datagrams.ts'
import type { HelloKeys } from './greeting.ts'
import { decodeHello, encodeHello, helloSession } from './hello-message.ts'
import { HelloSession } from './hello-session.ts'
import { HELLO_GAP_MS_MAX, HELLO_GAP_MS_MIN, HELLOS_PER_SECOND_MAX } from './limits.ts'
import { portError } from './ports-free.ts'

export interface HellosDeps {
  clock: Clock
  random: Random
  datagrams: Datagrams
  received: Counter
}

/** One link under watch. */
export interface HelloLink {
  readonly session: HelloSession
  readonly isAlive: boolean
  stop(): void
}

/** Where a link's hellos go. */
export interface HelloTarget extends DatagramSource {
  /** The interface that the link runs over, where that is known. */
  interfaceName?: string | undefined
}

/** All nodes on a link (RFC 4291, 2.7.1): needs no answer of the other end to be sent. */
const ALL_NODES = 'ff02::1'

interface Watched {
  keys: HelloKeys
  to: HelloTarget
  session: HelloSession
  isAlive: boolean
  onChange: (isAlive: boolean) => void
  sendTimer: Timer | undefined
  deathTimer: Timer | undefined
}

export class Hellos {
  readonly #deps: HellosDeps
  readonly #wantedPort: number
  readonly #limit: RateLimit
  readonly #links = new Map<string, Watched>()
  #socket: DatagramSocket | undefined

  constructor(deps: HellosDeps, options: { port: number }) {
    this.#deps = deps
    this.#wantedPort = options.port
    this.#limit = new RateLimit(deps.clock, {
      perSecond: HELLOS_PER_SECOND_MAX,
      burst: HELLOS_PER_SECOND_MAX,
    })
  }

  get port(): number {
    return this.#socket?.port ?? 0
  }

  async start(): Promise<void> {
    try {
      this.#socket = await this.#deps.datagrams.open({
        port: this.#wantedPort,
        receive: (bytes) => this.#receive(bytes),
      })
    } catch (cause) {
      throw portError('UDP', { port: this.#wantedPort, configKey: 'network.hello_port' }, cause)
    }
  }

  async stop(): Promise<void> {
    for (const link of this.#links.values()) cancelTimers(link)
    this.#links.clear()
    await this.#socket?.close()
  }

  /** Watches a link; `onChange` tells when it falls silent and when it is heard again. */
  watch(keys: HelloKeys, to: HelloTarget, onChange: (isAlive: boolean) => void): HelloLink {
    const nowMs = this.#deps.clock.monotonicMs()
    const link: Watched = {
      keys,
      to,
      session: new HelloSession(nowMs),
      isAlive: true,
      onChange,
      sendTimer: undefined,
      deathTimer: undefined,
    }
    const name = Buffer.from(keys.session).toString('hex')
    this.#links.set(name, link)
    this.#send(link)
    this.#awaitDeath(link)
    return {
      session: link.session,
      get isAlive() {
        return link.isAlive
      },
      stop: () => {
        cancelTimers(link)
        if (this.#links.get(name) === link) this.#links.delete(name)
      },
    }
  }

  #send(link: Watched): void {
    const { clock, random } = this.#deps
    const hello = link.session.send(clock.monotonicMs())
    const bytes = encodeHello(link.keys.session, link.keys.sendKey, hello)
    this.#socket?.send(bytes, link.to)
    const { interfaceName, port } = link.to
    if (!hello.isHearing && interfaceName !== undefined) {
      // Whoever is deaf is soon mute as well: the kernel asks where the other end is, and hears no
      // answer. To all on the link it can still speak; only the other end can make sense of it.
      this.#socket?.send(bytes, { host: `${ALL_NODES}%${interfaceName}`, port })
    }
    const gapMs = randomBetween(random, HELLO_GAP_MS_MIN, HELLO_GAP_MS_MAX)
    link.sendTimer = clock.after(gapMs, () => this.#send(link))
  }

  #receive(bytes: Uint8Array): void {
    const name = helloSession(bytes)
    const link = name === undefined ? undefined : this.#links.get(name)
    if (link === undefined || !this.#limit.tryTake()) {
      this.#deps.received.add(1, { verdict: 'dropped' })
      return
    }
    const decoded = decodeHello(link.keys.receiveKey, bytes)
    this.#deps.received.add(1, { verdict: decoded.verdict })
    if (decoded.verdict !== 'accept') return
    const isFirst = link.session.rttMs === undefined
    if (!link.session.receive(decoded.value, this.#deps.clock.monotonicMs())) return
    this.#judge(link)
    this.#awaitDeath(link)
    // The first hello is answered at once, so that the link has a round trip without waiting 4 s.
    if (isFirst && decoded.value.echoSequence === 0) {
      link.sendTimer?.cancel()
      this.#send(link)
    }
  }

  #awaitDeath(link: Watched): void {
    const { clock } = this.#deps
    link.deathTimer?.cancel()
    const waitMs = link.session.deadAtMs - clock.monotonicMs()
    link.deathTimer = clock.after(Math.max(1, waitMs), () => this.#fallSilent(link))
  }

  #fallSilent(link: Watched): void {
    // The machine's timers fire up to 2 ms early; judged then, the link would live for ever.
    if (link.session.isHearing(this.#deps.clock.monotonicMs())) {
      this.#awaitDeath(link)
      return
    }
    // The other end may hear us all the while: it learns at once that we do not hear it.
    link.sendTimer?.cancel()
    this.#send(link)
    this.#judge(link)
  }

  #judge(link: Watched): void {
    const isAlive = link.session.isAlive(this.#deps.clock.monotonicMs())
    if (isAlive === link.isAlive) return
    link.isAlive = isAlive
    link.onChange(isAlive)
  }
}

function cancelTimers(link: Watched): void {
  link.sendTimer?.cancel()
  link.deathTimer?.cancel()
}
