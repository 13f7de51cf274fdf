// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Who may hold a connection: a ledger without I/O. Until a connection has finished its handshake it
 * may be pushed out by newer ones, those of the greediest address first; afterwards it stays, and it
 * is the newcomer who is refused.
 */
import type { Caller } from '../guard.ts'
import type { PeerHttpsServerLimits } from './limits.ts'

export type ConnectionLimits = Pick<
  PeerHttpsServerLimits,
  | 'handshakesMax'
  | 'handshakesPerAddressMax'
  | 'anonymousMax'
  | 'anonymousPerAddressMax'
  | 'peersMax'
  | 'connectionsPerPeerMax'
  | 'peersPerAddressMax'
>

export type Admission = { admitted: true } | { admitted: false; reason: string }

interface Connection {
  address: string
  caller: Caller | undefined
}

export class ConnectionLedger {
  readonly #limits: ConnectionLimits
  /** In the order of their arrival. */
  readonly #connections = new Map<string, Connection>()
  readonly #counts = new Map<string, number>()

  constructor(limits: ConnectionLimits) {
    this.#limits = limits
  }

  /** Connections open, whatever their state. */
  get size(): number {
    return this.#connections.size
  }

  /** Those that have not finished their handshake. */
  handshaking(): string[] {
    return [...this.#connections].filter(([, { caller }]) => caller === undefined).map(([id]) => id)
  }

  /** Enters a new connection; the answer names the one that has to make room, if one has to. */
  enter(id: string, remoteAddress: string): string | undefined {
    const address = addressKey(remoteAddress)
    this.#connections.set(id, { address, caller: undefined })
    const here = this.#change(`handshake ${address}`, 1)
    const all = this.#change('handshakes', 1)
    if (here > this.#limits.handshakesPerAddressMax) return this.#oldestHandshake(address)
    if (all > this.#limits.handshakesMax) return this.#oldestHandshake(this.#greediestAddress())
    return undefined
  }

  /** The handshake is done and says who calls. Who is not admitted has to be closed. */
  settle(id: string, caller: Caller): Admission {
    const connection = this.#connections.get(id)
    if (connection === undefined) return { admitted: false, reason: 'gone' }
    const reason = this.#refusal(connection.address, caller)
    if (reason !== undefined) return { admitted: false, reason }
    this.#count(connection, -1)
    connection.caller = caller
    this.#count(connection, 1)
    return { admitted: true }
  }

  leave(id: string): void {
    const connection = this.#connections.get(id)
    if (connection === undefined) return
    this.#connections.delete(id)
    this.#count(connection, -1)
  }

  #refusal(address: string, caller: Caller): string | undefined {
    const limits = this.#limits
    if (caller.kind !== 'peer') {
      if (this.#countOf('anonymous') >= limits.anonymousMax) return 'anonymous_full'
      const here = this.#countOf(`anonymous ${address}`)
      return here >= limits.anonymousPerAddressMax ? 'anonymous_address_full' : undefined
    }
    if (this.#countOf('peers') >= limits.peersMax) return 'peers_full'
    if (this.#countOf(`peer ${caller.peerId}`) >= limits.connectionsPerPeerMax) return 'peer_full'
    const here = this.#countOf(`peers ${address}`)
    return here >= limits.peersPerAddressMax ? 'peers_address_full' : undefined
  }

  #count({ address, caller }: Connection, by: 1 | -1): void {
    if (caller === undefined) {
      this.#change('handshakes', by)
      this.#change(`handshake ${address}`, by)
    } else if (caller.kind === 'peer') {
      this.#change('peers', by)
      this.#change(`peers ${address}`, by)
      this.#change(`peer ${caller.peerId}`, by)
    } else {
      this.#change('anonymous', by)
      this.#change(`anonymous ${address}`, by)
    }
  }

  #countOf(what: string): number {
    return this.#counts.get(what) ?? 0
  }

  #change(what: string, by: number): number {
    const count = this.#countOf(what) + by
    if (count === 0) this.#counts.delete(what)
    else this.#counts.set(what, count)
    return count
  }

  #oldestHandshake(address: string): string | undefined {
    for (const [id, connection] of this.#connections) {
      if (connection.caller === undefined && connection.address === address) return id
    }
    return undefined
  }

  #greediestAddress(): string {
    const prefix = 'handshake '
    let greediest = { address: '', count: 0 }
    for (const [what, count] of this.#counts) {
      if (!what.startsWith(prefix) || count <= greediest.count) continue
      greediest = { address: what.slice(prefix.length), count }
    }
    return greediest.address
  }
}

/**
 * What counts as one address: an IPv4 address, an IPv6 /64 (who has one address of it has them
 * all), but each link-local address with its zone: a street shares `fe80::/64`.
 */
export function addressKey(remoteAddress: string): string {
  const address = remoteAddress.toLowerCase().replace(/^::ffff:(?=\d+\.)/, '')
  if (!address.includes(':') || /^fe[89ab]/.test(address)) return address
  const [head = '', tail] = address.split('::')
  const groups = head === '' ? [] : head.split(':')
  const tailGroups = tail === undefined || tail === '' ? [] : tail.split(':')
  while (groups.length + tailGroups.length < 8) groups.push('0')
  return `${[...groups, ...tailGroups].slice(0, 4).join(':')}::/64`
}
