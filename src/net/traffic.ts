// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * How many bytes go to and come from each peer. Sockets count by themselves, so that nothing is done
 * for a byte: they are asked once a step, and once more when they close.
 */
import type { PeerId } from '../base/base.ts'

/** A socket of Node, as far as counting goes. */
export interface CountingSocket {
  readonly bytesRead: number
  readonly bytesWritten: number
  once(event: 'close', listener: () => void): unknown
}

export interface Moved {
  receivedBytes: number
  sentBytes: number
}

interface Watched extends Moved {
  /** Undefined: nobody that we know. */
  whose: () => PeerId | undefined
}

export class Traffic {
  /** With what was counted of each already. As many as there are connections. */
  readonly #sockets = new Map<CountingSocket, Watched>()
  /** What is not told yet; emptied at every step, so that it holds those who moved bytes since. */
  #moved = new Map<PeerId, Moved>()

  /** @param whose is asked whenever bytes are counted; those of nobody are not. */
  watch(socket: CountingSocket, whose: () => PeerId | undefined): void {
    if (this.#sockets.has(socket)) return
    // What the handshake took before is no traffic of anybody's.
    const { bytesRead: receivedBytes, bytesWritten: sentBytes } = socket
    this.#sockets.set(socket, { receivedBytes, sentBytes, whose })
    socket.once('close', () => {
      this.#count(socket)
      this.#sockets.delete(socket)
    })
  }

  /** What moved since the last call, by peer. */
  step(): ReadonlyMap<PeerId, Moved> {
    for (const socket of this.#sockets.keys()) this.#count(socket)
    const moved = this.#moved
    this.#moved = new Map()
    return moved
  }

  #count(socket: CountingSocket): void {
    const watched = this.#sockets.get(socket)
    if (watched === undefined) return
    const { bytesRead, bytesWritten } = socket
    const receivedBytes = Math.max(0, bytesRead - watched.receivedBytes)
    const sentBytes = Math.max(0, bytesWritten - watched.sentBytes)
    watched.receivedBytes = bytesRead
    watched.sentBytes = bytesWritten
    if (receivedBytes + sentBytes === 0) return
    const peerId = watched.whose()
    if (peerId === undefined) return
    const before = this.#moved.get(peerId) ?? { receivedBytes: 0, sentBytes: 0 }
    this.#moved.set(peerId, {
      receivedBytes: before.receivedBytes + receivedBytes,
      sentBytes: before.sentBytes + sentBytes,
    })
  }
}
