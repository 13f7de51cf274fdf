// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * One proven connection to a peer. All that it receives goes through one buffer that is used again
 * and again: bulk bytes allocate nothing, and memory stays flat. What comes while it is paused is
 * kept, and is little.
 */
import type { TLSSocket } from 'node:tls'
import { CodedError } from '../../base/base.ts'
import type { CountingSocket } from '../traffic.ts'
import { type DialDeps, dialPeer, type PeerTarget } from './dial.ts'
import { HELD_BYTES_MAX, RECEIVE_BYTES } from './limits.ts'

/** Who gets what a connection receives. */
export interface Receiver {
  /** Bytes that are valid only during the call. Returns how many it took; the rest is kept. */
  take(bytes: Uint8Array): number
  /** The connection is gone, and all that came before was taken. */
  closed(cause: Error | undefined): void
}

/** Connections with the same key lead to the same peer at the same address. */
export function connectionKey({ peerId, host, port }: PeerTarget): string {
  return `${peerId} ${host} ${port}`
}

export class PeerConnection {
  readonly key: string
  readonly #socket: TLSSocket
  readonly #held: Uint8Array[] = []
  #heldBytes = 0
  #receiver: Receiver | undefined
  #isPaused = false
  #isClosed = false
  #cause: Error | undefined

  private constructor(key: string, socket: TLSSocket) {
    this.key = key
    this.#socket = socket
    socket.on('error', (error) => {
      this.#cause ??= error
    })
    socket.once('close', () => {
      this.#isClosed = true
      this.#tellClosed()
    })
  }

  /** @throws what {@link dialPeer} throws, and `PEER_BAD_ANSWER` */
  static async open(
    target: PeerTarget,
    deps: DialDeps,
    signal: AbortSignal,
  ): Promise<PeerConnection> {
    let connection: PeerConnection | undefined
    let hasSpokenEarly = false
    const onread = {
      buffer: Buffer.allocUnsafeSlow(RECEIVE_BYTES),
      callback: (length: number, buffer: Uint8Array): boolean => {
        if (connection !== undefined) return connection.#receive(buffer.subarray(0, length))
        hasSpokenEarly = true
        return false
      },
    }
    const socket = await dialPeer(target, deps, { signal, onread })
    connection = new PeerConnection(connectionKey(target), socket)
    if (!hasSpokenEarly) return connection
    connection.destroy()
    throw badAnswer('it came before there was a question')
  }

  /** What counts the bytes that go over it. */
  get counts(): CountingSocket {
    return this.#socket
  }

  /** Open, with nothing that came and was not asked for. */
  get isClean(): boolean {
    return !this.#isClosed && !this.#socket.destroyed && this.#heldBytes === 0
  }

  /** From now on this one receives. */
  attach(receiver: Receiver): void {
    this.#receiver = receiver
    if (this.#isClosed) this.#tellClosed()
  }

  send(bytes: Uint8Array): void {
    this.#socket.write(bytes)
  }

  /** Nothing more is handed out until {@link resume}. To be called from inside `take`. */
  pause(): void {
    this.#isPaused = true
  }

  /** Hands out what was kept meanwhile, then reads on. */
  resume(): void {
    this.#isPaused = false
    for (let bytes = this.#held.shift(); bytes !== undefined; bytes = this.#held.shift()) {
      this.#heldBytes -= bytes.length
      const rest = bytes.subarray(this.#receiver?.take(bytes))
      if (rest.length > 0) {
        this.#held.unshift(rest)
        this.#heldBytes += rest.length
        return
      }
      if (this.#isPaused) return
    }
    if (this.#isClosed) this.#tellClosed()
    else this.#socket.resume()
  }

  /** Closes it now; what was kept is forgotten. */
  destroy(): void {
    this.#held.length = 0
    this.#heldBytes = 0
    this.#isPaused = false
    this.#socket.destroy()
  }

  /** From the socket. False pauses it; what is decrypted already comes all the same. */
  #receive(bytes: Uint8Array): boolean {
    const taken = this.#isPaused ? 0 : (this.#receiver?.take(bytes) ?? 0)
    if (taken < bytes.length && !this.#socket.destroyed) this.#hold(bytes.subarray(taken))
    return !this.#isPaused
  }

  #hold(bytes: Uint8Array): void {
    this.#held.push(Uint8Array.from(bytes))
    this.#heldBytes += bytes.length
    if (this.#heldBytes <= HELD_BYTES_MAX) return
    this.#cause ??= badAnswer('more of it came than fits')
    this.destroy()
  }

  /** Once, and only when nothing is left to be taken. */
  #tellClosed(): void {
    if (this.#isPaused || this.#heldBytes > 0) return
    const receiver = this.#receiver
    this.#receiver = undefined
    receiver?.closed(this.#cause)
  }
}

/** What came is no answer to what was asked. */
export function badAnswer(reason: string): CodedError {
  return new CodedError('PEER_BAD_ANSWER', `The answer of the peer makes no sense: ${reason}.`, {
    context: { reason },
  })
}
