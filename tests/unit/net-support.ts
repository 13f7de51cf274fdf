// SPDX-License-Identifier: AGPL-3.0-or-later
/** Keys by number, and a wire made of memory: for the tests of the network's rooms. */
import {
  type Clock,
  type Counter,
  type Labels,
  type PeerId,
  peerIdFromPublicKey,
  type Random,
  SeededRandom,
} from '../../src/base/base.ts'
import type { DatagramOptions, DatagramSocket, Datagrams } from '../../src/net/datagrams.ts'
import type { NetworkInterface, SegmentKind } from '../../src/system/system.ts'

/** The same number gives the same name. */
export function peerNumber(number: number): PeerId {
  return peerIdFromPublicKey(new SeededRandom(number + 1).bytes(32))
}

export class CountingCounter implements Counter {
  readonly counts = new Map<string, number>()

  add(amount = 1, labels: Labels = {}): void {
    const verdict = labels['verdict'] ?? ''
    this.counts.set(verdict, (this.counts.get(verdict) ?? 0) + amount)
  }

  of(verdict: string): number {
    return this.counts.get(verdict) ?? 0
  }
}

export interface Sent {
  bytes: Uint8Array
  to: { host: string; port: number }
  atMs: number
}

/** One end of a wire that only the test sees: keeps what was sent, and receives what it is told. */
export class FakeDatagrams implements Datagrams {
  readonly sent: Sent[] = []
  readonly opened: DatagramOptions[] = []
  openFailures = 0
  openAttempts = 0
  closedCount = 0
  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
  }

  async open(options: DatagramOptions): Promise<DatagramSocket> {
    this.openAttempts += 1
    if (this.openFailures > 0) {
      this.openFailures -= 1
      throw Object.assign(new Error('bind EADDRNOTAVAIL'), { code: 'EADDRNOTAVAIL' })
    }
    this.opened.push(options)
    return {
      port: options.port,
      send: (bytes, to) => void this.sent.push({ bytes, to, atMs: this.#clock.monotonicMs() }),
      close: async () => {
        this.closedCount += 1
      },
    }
  }

  /** A datagram comes in. */
  deliver(bytes: Uint8Array, host: string, port = 7442): void {
    this.opened.at(-1)?.receive(bytes, { host, port })
  }
}

export interface Direction {
  loss: number
  delayMs: number
}

/** A wire with unicast sockets by host name, and a loss and a delay for each direction. */
export class FakeWire {
  readonly captured: { from: string; to: string; bytes: Uint8Array }[] = []
  readonly directions = new Map<string, Direction>()
  readonly #receivers = new Map<string, DatagramOptions['receive']>()
  readonly #clock: Clock
  readonly #random: Random

  constructor(clock: Clock, random: Random) {
    this.#clock = clock
    this.#random = random
  }

  /** `a>b` names the way from a to b. */
  set(way: string, direction: Direction): void {
    this.directions.set(way, direction)
  }

  end(name: string): Datagrams {
    return {
      open: async (options) => {
        this.#receivers.set(name, options.receive)
        return {
          port: options.port,
          send: (bytes, to) => this.#carry(name, to.host, bytes),
          close: async () => void this.#receivers.delete(name),
        }
      },
    }
  }

  inject(to: string, bytes: Uint8Array, from = 'nowhere'): void {
    this.#receivers.get(to)?.(bytes, { host: from, port: 1 })
  }

  #carry(from: string, to: string, bytes: Uint8Array): void {
    this.captured.push({ from, to, bytes })
    const { loss, delayMs } = this.directions.get(`${from}>${to}`) ?? { loss: 0, delayMs: 0 }
    if (this.#random.unit() < loss) return
    this.#clock.after(delayMs, () => this.inject(to, bytes, from))
  }
}

/** An interface with one IPv4 network and a link-local address, unless told otherwise. */
export function interfaceOf(
  name: string,
  index: number,
  more: { segment?: SegmentKind; addresses?: readonly string[] } = {},
): NetworkInterface {
  const addresses = more.addresses ?? [`10.0.${index}.1/24`, `fe80::${index}/64`]
  return {
    name,
    index,
    mac: `02:00:00:00:00:0${index}`,
    segment: more.segment ?? 'wire',
    addresses: addresses.map((text) => {
      const [address = '', prefix] = text.split('/')
      return {
        address,
        prefixLength: Number(prefix),
        family: address.includes(':') ? 6 : 4,
        isLinkLocal: /^fe[89ab]|^169\.254\./.test(address),
        isLoopback: /^127\.|^::1$/.test(address),
      }
    }),
  }
}
