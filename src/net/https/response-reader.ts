// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Reads one HTTP/1.1 response as it arrives, in pieces of any size: its head, then a body whose end
 * is known by its length or by chunks without extensions and trailers. The body comes out as slices
 * of what was pushed: nothing of it is copied. Pure and total: whatever a peer sends, the answer is
 * a head, pieces, an end, or a problem.
 */
import { CHUNK_SIZE_DIGITS_MAX } from './limits.ts'
import { parseResponseHead, type RequestMethod, type ResponseHead } from './response-head.ts'

/** Where the response goes. Both say whether to go on with what was pushed, or to wait. */
export interface ResponseSink {
  head(head: ResponseHead): boolean
  /** The next bytes of the body, never none. They are valid only during the call. */
  piece(bytes: Uint8Array): boolean
}

type State =
  | 'head'
  | 'sized'
  | 'chunkSize'
  | 'chunkSizeEnd'
  | 'chunk'
  | 'chunkReturn'
  | 'chunkEnd'
  | 'lastReturn'
  | 'lastEnd'
  | 'whole'
  | 'wrong'

const RETURN = 0x0d
const LINE_FEED = 0x0a

export class ResponseReader {
  readonly #method: RequestMethod
  readonly #sink: ResponseSink
  readonly #head: Uint8Array
  #headBytes = 0
  #state: State = 'head'
  /** Of the body, or of the chunk. */
  #remainingBytes = 0
  /** Of the chunk size that is being read. */
  #digits = 0
  #problem: string | undefined

  constructor(method: RequestMethod, headBytesMax: number, sink: ResponseSink) {
    this.#method = method
    this.#sink = sink
    this.#head = Buffer.allocUnsafe(headBytesMax)
  }

  /** The last byte of the response has come: what follows does not belong to it. */
  get isWhole(): boolean {
    return this.#state === 'whole'
  }

  /** What is wrong with the response; nothing more of it is read then. */
  get problem(): string | undefined {
    return this.#problem
  }

  /** Returns how many bytes it took: fewer when the sink waits, at the end, and after a problem. */
  push(bytes: Uint8Array): number {
    let at = 0
    let goesOn = true
    while (goesOn && at < bytes.length && this.#state !== 'whole' && this.#state !== 'wrong') {
      if (this.#state === 'sized' || this.#state === 'chunk') {
        const end = Math.min(bytes.length, at + this.#remainingBytes)
        const piece = bytes.subarray(at, end)
        at = end
        goesOn = this.#readBody(piece)
      } else {
        goesOn = this.#readByte(bytes[at] ?? 0)
        at += 1
      }
    }
    return at
  }

  #readBody(piece: Uint8Array): boolean {
    this.#remainingBytes -= piece.length
    // Before the sink hears of it, so that it can tell the last piece.
    if (this.#remainingBytes === 0) this.#state = this.#state === 'sized' ? 'whole' : 'chunkReturn'
    return this.#sink.piece(piece)
  }

  #readByte(byte: number): boolean {
    switch (this.#state) {
      case 'head':
        return this.#readHead(byte)
      case 'chunkSize':
        return this.#readChunkSize(byte)
      case 'chunkSizeEnd':
        return this.#expect(byte, LINE_FEED, this.#remainingBytes === 0 ? 'lastReturn' : 'chunk')
      case 'chunkReturn':
        return this.#expect(byte, RETURN, 'chunkEnd')
      case 'chunkEnd':
        this.#digits = 0
        return this.#expect(byte, LINE_FEED, 'chunkSize')
      // A trailer would begin here. Nobody asked for any.
      case 'lastReturn':
        return this.#expect(byte, RETURN, 'lastEnd')
      default:
        return this.#expect(byte, LINE_FEED, 'whole')
    }
  }

  #readHead(byte: number): boolean {
    const head = this.#head
    if (this.#headBytes === head.length) return this.#fail('the head of the answer is too long')
    head[this.#headBytes++] = byte
    const length = this.#headBytes
    if (byte !== LINE_FEED) return true
    if (head[length - 2] !== RETURN) return this.#fail('a line of the head ends oddly')
    const isEmptyLine = head[length - 3] === LINE_FEED && head[length - 4] === RETURN
    if (!isEmptyLine) return true
    const verdict = parseResponseHead(head.subarray(0, length), this.#method)
    if (verdict.verdict !== 'accept') return this.#fail(verdict.reason)
    this.#startBody(verdict.value)
    return this.#sink.head(verdict.value)
  }

  #startBody({ framing }: ResponseHead): void {
    if (framing.kind === 'chunked') {
      this.#state = 'chunkSize'
    } else {
      this.#remainingBytes = framing.kind === 'sized' ? framing.sizeBytes : 0
      this.#state = this.#remainingBytes === 0 ? 'whole' : 'sized'
    }
  }

  #readChunkSize(byte: number): boolean {
    if (byte === RETURN && this.#digits > 0) {
      this.#state = 'chunkSizeEnd'
      return true
    }
    const digit = hexDigit(byte)
    // Extensions begin with something that is no digit; a sign and a space are none either.
    if (digit === undefined) return this.#fail('the size of a chunk is malformed')
    const isPadded = this.#digits > 0 && this.#remainingBytes === 0
    if (isPadded) return this.#fail('the size of a chunk is written oddly')
    this.#digits += 1
    if (this.#digits > CHUNK_SIZE_DIGITS_MAX) return this.#fail('a chunk is far too large')
    this.#remainingBytes = this.#remainingBytes * 16 + digit
    return true
  }

  #expect(byte: number, expected: number, next: State): boolean {
    if (byte !== expected) return this.#fail('a chunk does not end where it should')
    this.#state = next
    return true
  }

  #fail(problem: string): false {
    this.#problem = problem
    this.#state = 'wrong'
    return false
  }
}

function hexDigit(byte: number): number | undefined {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const letter = byte | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x61 + 10 : undefined
}
