// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Connections that wait for their next request, the youngest first. One that says anything while
 * nobody asks is closed; so is each after a while, before its server would do it.
 */
import type { Clock, Timer } from '../../base/base.ts'
import type { PeerHttpsClientLimits } from './limits.ts'
import type { PeerConnection } from './peer-connection.ts'

export interface PoolDeps {
  clock: Clock
  limits: Pick<PeerHttpsClientLimits, 'idlePerPeerMax' | 'idleMax' | 'idleMs'>
}

export class ConnectionPool {
  readonly #deps: PoolDeps
  /** In the order in which they came. */
  readonly #idle = new Map<PeerConnection, Timer>()

  constructor(deps: PoolDeps) {
    this.#deps = deps
  }

  get size(): number {
    return this.#idle.size
  }

  /** The connection with this key that has waited the shortest, if there is one. */
  take(key: string): PeerConnection | undefined {
    const connection = [...this.#idle.keys()].findLast((idle) => idle.key === key)
    if (connection !== undefined) this.#remove(connection)
    return connection
  }

  /** Keeps a connection whose last response was read to its end, or closes it if there are enough. */
  keep(connection: PeerConnection): void {
    const { clock, limits } = this.#deps
    const sameCount = [...this.#idle.keys()].filter(({ key }) => key === connection.key).length
    const hasRoom = this.#idle.size < limits.idleMax && sameCount < limits.idlePerPeerMax
    if (!hasRoom || !connection.isClean) {
      connection.destroy()
      return
    }
    connection.attach({
      take: (bytes) => {
        connection.destroy()
        return bytes.length
      },
      closed: () => this.#remove(connection),
    })
    const timer = clock.after(limits.idleMs, () => {
      this.#remove(connection)
      connection.destroy()
    })
    this.#idle.set(connection, timer)
    // It may have been paused at the end of its last response; now its end must be noticed.
    connection.resume()
  }

  /** Closes all that wait. */
  clear(): void {
    for (const connection of [...this.#idle.keys()]) {
      this.#remove(connection)
      connection.destroy()
    }
  }

  #remove(connection: PeerConnection): void {
    this.#idle.get(connection)?.cancel()
    this.#idle.delete(connection)
  }
}
