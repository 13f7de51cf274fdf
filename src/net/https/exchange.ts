// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * One request and its response on one connection. It ends in exactly one way: the body was read to
 * its end, or a failure, which closes the connection.
 */
import { asError, type Clock, CodedError, repeat, type Timer } from '../../base/base.ts'
import { type PeerTarget, tooSlow, unreachable } from './dial.ts'
import type { PeerHttpsClientLimits } from './limits.ts'
import { badAnswer, type PeerConnection, type Receiver } from './peer-connection.ts'
import type { RequestMethod, ResponseHead } from './response-head.ts'
import { ResponseReader } from './response-reader.ts'

export interface PeerResponse {
  status: number
  /** Names in lower case. */
  headers: ReadonlyMap<string, string>
  /** To be read to its end, or discarded: until then it holds a connection. */
  body: PeerBody
}

/** The body of a response. Nothing is read from the connection before somebody reads the body. */
export interface PeerBody {
  /**
   * Hands out the body, once. A piece is valid only during the call; while a promise that `take`
   * returned is pending, the peer has to wait. Resolves at the end of the body; rejects with what
   * `take` threw, `PEER_STALLED`, `PEER_CLOSED`, `PEER_BAD_ANSWER`, or what called it off.
   */
  read(take: TakePiece): Promise<void>
  /** Whatever is left is not wanted: closes the connection, unless the end was reached. */
  discard(reason?: Error): void
}

export type TakePiece = (piece: Uint8Array) => Promise<void> | undefined

export interface ExchangeDeps {
  connection: PeerConnection
  target: PeerTarget
  clock: Clock
  limits: Pick<PeerHttpsClientLimits, 'firstByteMs' | 'stallMs' | 'headerBytesMax'>
}

/** How an exchange leaves its connection: fit for the next request, or closed. */
export type ExchangeEnd = 'reusable' | 'closed'

export class Exchange implements Receiver, PeerBody {
  readonly #deps: ExchangeDeps
  readonly #reader: ResponseReader
  readonly #onEnd: (end: ExchangeEnd) => void
  readonly #answered = Promise.withResolvers<PeerResponse>()
  readonly #finished = Promise.withResolvers<void>()
  #head: ResponseHead | undefined
  #takePiece: TakePiece | undefined
  #timer: Timer | undefined
  #receivedBytes = 0
  /** The reader of the body is busy: that nothing comes is our own doing. */
  #isReaderBusy = false
  #hasSurplus = false
  #isOver = false
  #isStale = false

  constructor(deps: ExchangeDeps, method: RequestMethod, onEnd: (end: ExchangeEnd) => void) {
    this.#deps = deps
    this.#onEnd = onEnd
    this.#reader = new ResponseReader(method, deps.limits.headerBytesMax, {
      head: (head) => this.#onHead(head),
      piece: (bytes) => this.#onPiece(bytes),
    })
    // A failure is told to those who wait; perhaps nobody does.
    this.#finished.promise.catch(() => {})
  }

  /** The connection broke before one byte of an answer: a kept one may just have been closed. */
  get isStale(): boolean {
    return this.#isStale
  }

  /** Sends the request; resolves when the head of the response is here. */
  start(request: Uint8Array): Promise<PeerResponse> {
    const { clock, connection, limits, target } = this.#deps
    this.#timer = clock.after(limits.firstByteMs, () => this.fail(tooSlow(target, 'answer')))
    connection.attach(this)
    connection.send(request)
    return this.#answered.promise
  }

  read(take: TakePiece): Promise<void> {
    if (this.#takePiece !== undefined) {
      return Promise.reject(new CodedError('PEER_BODY_TAKEN', 'The body is being read already.'))
    }
    this.#takePiece = take
    if (!this.#isOver) {
      this.#watchForStall()
      this.#deps.connection.resume()
    }
    return this.#finished.promise
  }

  discard(reason?: Error): void {
    this.fail(reason ?? new CodedError('PEER_BODY_DISCARDED', 'The rest was not wanted.'))
  }

  /** Ends it, unless it has ended: nothing more is handed out. */
  fail(failure: Error): void {
    if (this.#isOver) return
    this.#end('closed')
    this.#answered.reject(failure)
    this.#finished.reject(failure)
  }

  take(bytes: Uint8Array): number {
    this.#receivedBytes += bytes.length
    const taken = this.#reader.push(bytes)
    if (this.#reader.problem !== undefined) this.fail(badAnswer(this.#reader.problem))
    if (this.#isOver) return bytes.length
    if (!this.#reader.isWhole) return taken
    this.#hasSurplus = taken < bytes.length
    if (!this.#isReaderBusy) this.#finish()
    return taken
  }

  closed(cause: Error | undefined): void {
    if (this.#isOver) return
    this.#isStale = this.#receivedBytes === 0
    if (cause instanceof CodedError) this.fail(cause)
    else if (this.#head !== undefined) this.fail(brokenOff(cause))
    else this.fail(unreachable(this.#deps.target, cause ?? new Error('closed without an answer')))
  }

  /** Always waits: there may be a body to come, or one more step to the end. */
  #onHead(head: ResponseHead): boolean {
    this.#head = head
    this.#timer?.cancel()
    if (!this.#reader.isWhole) this.#deps.connection.pause()
    this.#answered.resolve({ status: head.status, headers: head.headers, body: this })
    return false
  }

  #onPiece(bytes: Uint8Array): boolean {
    let busy: Promise<void> | undefined
    try {
      busy = this.#takePiece?.(bytes)
    } catch (thrown) {
      this.fail(asError(thrown))
    }
    if (busy === undefined) return !this.#isOver
    this.#isReaderBusy = true
    this.#deps.connection.pause()
    busy.then(
      () => this.#goOn(),
      (thrown: unknown) => this.fail(asError(thrown)),
    )
    return false
  }

  #goOn(): void {
    this.#isReaderBusy = false
    if (this.#isOver) return
    if (this.#reader.isWhole) this.#finish()
    else this.#deps.connection.resume()
  }

  #finish(): void {
    const isKeptOpen = this.#head?.isKeptOpen === true
    const isReusable = isKeptOpen && !this.#hasSurplus && this.#deps.connection.isClean
    this.#end(isReusable ? 'reusable' : 'closed')
    this.#finished.resolve()
  }

  #end(end: ExchangeEnd): void {
    this.#isOver = true
    this.#timer?.cancel()
    if (end === 'closed') this.#deps.connection.destroy()
    this.#onEnd(end)
  }

  /** Ends a body of which nothing comes any more, unless it is the reader who is busy. */
  #watchForStall(): void {
    const { clock, limits } = this.#deps
    let seenBytes = this.#receivedBytes
    let seenAtMs = clock.monotonicMs()
    const look = (): void => {
      const nowMs = clock.monotonicMs()
      if (this.#receivedBytes !== seenBytes || this.#isReaderBusy) {
        seenBytes = this.#receivedBytes
        seenAtMs = nowMs
      } else if (nowMs - seenAtMs >= limits.stallMs) {
        this.fail(stalled())
      }
    }
    this.#timer = repeat(clock, () => limits.stallMs / 4, look)
  }
}

function stalled(): CodedError {
  return new CodedError('PEER_STALLED', 'The peer stopped sending in the middle of an answer.')
}

function brokenOff(cause: Error | undefined): CodedError {
  const message = 'The peer closed the connection in the middle of an answer.'
  return new CodedError('PEER_CLOSED', message, { cause })
}
