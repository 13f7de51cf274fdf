// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Bytes from a file to a response with few copies: each read lands in one of a few buffers behind
 * the head of its section, so that one write carries both; the next read is under way while this
 * one is encrypted; a buffer is filled again only when its write has left the process.
 */
import type { ServerResponse } from 'node:http'
import { type Clock, CodedError, type Timer } from '../../base/base.ts'
import type { DiskFile } from '../blocks/blocks.ts'
import type { CarSection } from '../car/car.ts'
import { damaged } from '../errors.ts'
import { SEND_BUFFERS, SEND_PIECE_BYTES, SEND_STALL_MS } from '../limits.ts'

/** Room for the head of a section: a varint and a CID are at most 45 bytes. */
const HEAD_BYTES_MAX = 64

/** What one write carries: a head, and bytes at hand or in the file. */
interface Piece {
  head: Uint8Array | undefined
  bytes: Uint8Array | undefined
  offset: number
  sizeBytes: number
}

export interface SendDeps {
  clock: Clock
  file: DiskFile
  response: ServerResponse
}

/**
 * Sends the sections and ends the response.
 * @returns how many bytes were handed over.
 * @throws CodedError `CONTENT_RECEIVER_STALLED`, `CONTENT_RECEIVER_GONE`, `CONTENT_DAMAGED`, or the
 *   disk's failure; the response is for the caller to destroy.
 */
export async function sendSections(
  deps: SendDeps,
  preamble: Uint8Array | undefined,
  sections: Iterable<CarSection>,
): Promise<number> {
  const { response, file } = deps
  const buffers = new BufferRing(deps)
  let sentBytes = 0
  try {
    const pieces = cutPieces(preamble, sections)
    let filling = fillNext(pieces, buffers, file)
    for (let filled = await filling; filled !== undefined; filled = await filling) {
      filling = fillNext(pieces, buffers, file)
      // Looked at when its turn comes; until then a failure must not count as unhandled.
      filling.catch(() => {})
      sentBytes += filled.bytes.length
      response.write(filled.bytes, filled.give)
    }
    await buffers.allBack()
    response.end()
    return sentBytes
  } finally {
    buffers.close()
  }
}

interface Filled {
  bytes: Uint8Array
  /** Gives the buffer back. */
  give: () => void
}

async function fillNext(
  pieces: Iterator<Piece>,
  buffers: BufferRing,
  file: DiskFile,
): Promise<Filled | undefined> {
  const next = pieces.next()
  if (next.done === true) return undefined
  const { head, bytes, offset, sizeBytes } = next.value
  const buffer = await buffers.take(HEAD_BYTES_MAX + sizeBytes)
  const headBytes = head?.length ?? 0
  if (head !== undefined) buffer.set(head)
  const body = buffer.subarray(headBytes, headBytes + sizeBytes)
  if (bytes !== undefined) body.set(bytes)
  else if ((await file.read(body, offset)) < sizeBytes) throw damaged()
  return { bytes: buffer.subarray(0, headBytes + sizeBytes), give: () => buffers.give(buffer) }
}

function* cutPieces(
  preamble: Uint8Array | undefined,
  sections: Iterable<CarSection>,
): Generator<Piece> {
  // The header of a CAR travels with the head of the first section.
  let before = preamble
  for (const section of sections) {
    const head = before === undefined ? section.head : Buffer.concat([before, section.head])
    before = undefined
    if ('bytes' in section) {
      yield* cutBytes(head, section.bytes)
    } else {
      yield* cutRange(head, section.offset, section.sizeBytes)
    }
  }
  if (before !== undefined) yield* cutBytes(before, new Uint8Array())
}

function* cutBytes(head: Uint8Array, bytes: Uint8Array): Generator<Piece> {
  const whole = Buffer.concat([head, bytes])
  for (let at = 0; at < whole.length; at += SEND_PIECE_BYTES) {
    const part = whole.subarray(at, at + SEND_PIECE_BYTES)
    yield { head: undefined, bytes: part, offset: 0, sizeBytes: part.length }
  }
}

function* cutRange(head: Uint8Array, offset: number, sizeBytes: number): Generator<Piece> {
  if (head.length > HEAD_BYTES_MAX || sizeBytes === 0) {
    yield { head: undefined, bytes: head, offset: 0, sizeBytes: head.length }
    if (sizeBytes > 0) yield* cutRange(new Uint8Array(), offset, sizeBytes)
    return
  }
  for (let at = 0; at < sizeBytes; at += SEND_PIECE_BYTES) {
    const length = Math.min(SEND_PIECE_BYTES, sizeBytes - at)
    yield {
      head: at === 0 ? head : undefined,
      bytes: undefined,
      offset: offset + at,
      sizeBytes: length,
    }
  }
}

/** A few buffers that go round; waiting for one is waiting for the receiver. */
class BufferRing {
  readonly #deps: SendDeps
  readonly #free: Uint8Array[] = []
  readonly #onClose = (): void => this.#fail(gone())
  #madeCount = 0
  #outCount = 0
  #failure: Error | undefined
  #waiter: { resolve: () => void; reject: (reason: Error) => void } | undefined
  #timer: Timer | undefined

  constructor(deps: SendDeps) {
    this.#deps = deps
    deps.response.once('close', this.#onClose)
    if (deps.response.destroyed) this.#onClose()
  }

  async take(sizeBytes: number): Promise<Uint8Array> {
    while (this.#free.length === 0 && this.#madeCount >= SEND_BUFFERS) await this.#turn()
    if (this.#failure !== undefined) throw this.#failure
    this.#outCount += 1
    const free = this.#free.pop()
    if (free !== undefined) return free
    this.#madeCount += 1
    // The first may be all there is: a small item needs no large buffers.
    return Buffer.allocUnsafeSlow(
      this.#madeCount === 1 && sizeBytes < SEND_PIECE_BYTES
        ? Math.max(sizeBytes, HEAD_BYTES_MAX)
        : SEND_PIECE_BYTES + HEAD_BYTES_MAX,
    )
  }

  give(buffer: Uint8Array): void {
    this.#outCount -= 1
    if (buffer.length >= SEND_PIECE_BYTES) this.#free.push(buffer)
    else this.#madeCount -= 1
    this.#waiter?.resolve()
  }

  /** Everything has left the process. */
  async allBack(): Promise<void> {
    while (this.#outCount > 0) await this.#turn()
  }

  close(): void {
    this.#timer?.cancel()
    this.#deps.response.off('close', this.#onClose)
  }

  /** Waits until something happens to a buffer; too long, and the receiver is given up. */
  async #turn(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure
    this.#timer = this.#deps.clock.after(SEND_STALL_MS, () => this.#fail(stalled()))
    try {
      await new Promise<void>((resolve, reject) => {
        this.#waiter = { resolve, reject }
      })
    } finally {
      this.#waiter = undefined
      this.#timer.cancel()
    }
  }

  #fail(reason: Error): void {
    this.#failure ??= reason
    this.#waiter?.reject(this.#failure)
  }
}

function gone(): CodedError {
  return new CodedError('CONTENT_RECEIVER_GONE', 'The receiver went away in the middle.')
}

function stalled(): CodedError {
  return new CodedError('CONTENT_RECEIVER_STALLED', 'The receiver took nothing for too long.')
}
