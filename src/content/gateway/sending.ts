// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Sections of a CAR from the store to a response with few copies and few calls: blocks that lie one
 * behind the other in a pack are read at once, with room for their heads between them as there; the
 * next buffer is filled while this one is encrypted; a buffer is filled again only when its write has
 * left the process. A block is compared with its hash the first time it is sent, before its last byte
 * is: a receiver is cut off rather than given what it must take for a lie.
 */
import { createHash, type Hash } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import { type Clock, CodedError, type Timer } from '../../base/base.ts'
import type { BlockStore, Place } from '../blocks/blocks.ts'
import type { DagSection } from '../car/car.ts'
import { SEND_BUFFERS, SEND_PIECE_BYTES, SEND_READS_MAX, SEND_STALL_MS } from '../limits.ts'
import { DIGEST_BYTES } from '../unixfs/unixfs.ts'

export interface SendDeps {
  clock: Clock
  response: ServerResponse
  /** Where the blocks are read, and compared with their hash the first time. */
  store: Pick<BlockStore, 'readInto' | 'isChecked' | 'check'>
}

/**
 * Sends the sections and ends the response.
 * @returns how many bytes were handed over.
 * @throws CodedError `CONTENT_RECEIVER_STALLED`, `CONTENT_RECEIVER_GONE`, or the store's failure; the
 *   response is for the caller to destroy.
 */
export async function sendSections(
  deps: SendDeps,
  sections: AsyncIterable<DagSection<Place>>,
): Promise<number> {
  const buffers = new BufferRing(deps)
  const filler = new Filler(deps, sections[Symbol.asyncIterator](), buffers)
  let sentBytes = 0
  try {
    let filling = filler.next()
    for (let filled = await filling; filled !== undefined; filled = await filling) {
      filling = filler.next()
      // Looked at when its turn comes; until then a failure must not count as unhandled.
      filling.catch(() => {})
      sentBytes += filled.bytes.length
      deps.response.write(filled.bytes, filled.give)
    }
    await buffers.allBack()
    deps.response.end()
    return sentBytes
  } finally {
    buffers.close()
    await filler.close()
  }
}

interface Filled {
  bytes: Uint8Array
  /** Gives the buffer back. */
  give: () => void
}

/** Bytes of one section that go into one buffer. */
interface Piece {
  head: Uint8Array
  /** Where the bytes are: at hand, or in the store. */
  from: { bytes: Uint8Array } | { place: Place }
  sizeBytes: number
  /** Of a block that is sent whole and was not checked yet. */
  check: Check | undefined
}

/** A block on its way to be compared with its hash. */
interface Check {
  /** Where the block begins. */
  place: Place
  digest: Uint8Array
  hash: Hash
}

/** Several pieces that can be read at once. */
interface Run {
  place: Place
  /** Where it begins in the buffer. */
  start: number
  end: number
}

/** Fills one buffer after the other with sections. */
class Filler {
  readonly #deps: SendDeps
  readonly #sections: AsyncIterator<DagSection<Place>>
  readonly #buffers: BufferRing
  /** What did not fit into the last buffer. */
  #rest: Piece | undefined
  #isAtEnd = false

  constructor(deps: SendDeps, sections: AsyncIterator<DagSection<Place>>, buffers: BufferRing) {
    this.#deps = deps
    this.#sections = sections
    this.#buffers = buffers
  }

  async next(): Promise<Filled | undefined> {
    const first = await this.#nextPiece()
    if (first === undefined) return undefined
    const buffer = await this.#buffers.take()
    const give = (): void => this.#buffers.give(buffer)
    try {
      return { bytes: buffer.subarray(0, await this.#fill(buffer, first)), give }
    } catch (thrown) {
      give()
      throw thrown
    }
  }

  async close(): Promise<void> {
    // A generator that waits for a disk ends when it has its answer; its failure has been told.
    await this.#sections.return?.()
  }

  async #fill(buffer: Uint8Array, first: Piece): Promise<number> {
    const runs: Run[] = []
    const heads: { head: Uint8Array; at: number }[] = []
    const checks: { check: Check; start: number; end: number; isEnd: boolean }[] = []
    let at = 0
    for (let piece: Piece | undefined = first; piece !== undefined; ) {
      const room = buffer.length - at - piece.head.length
      if (room <= 0) {
        this.#rest = piece
        break
      }
      heads.push({ head: piece.head, at })
      const start = at + piece.head.length
      const length = Math.min(room, piece.sizeBytes)
      if ('bytes' in piece.from) buffer.set(piece.from.bytes.subarray(0, length), start)
      else addToRuns(runs, { place: piece.from.place, start, end: start + length })
      at = start + length
      if (piece.check !== undefined) {
        const isEnd = length === piece.sizeBytes
        checks.push({ check: piece.check, start, end: at, isEnd })
      }
      if (length < piece.sizeBytes) {
        this.#rest = restOf(piece, length)
        break
      }
      if (at > buffer.length - SMALL_BYTES) break
      piece = await this.#nextPiece()
    }
    await this.#readAll(buffer, runs)
    for (const { check, start, end, isEnd } of checks) {
      check.hash.update(buffer.subarray(start, end))
      if (isEnd) this.#deps.store.check(check.place, check.digest, check.hash.digest())
    }
    // Last: what was read between two blocks are the heads of the pack, not necessarily these.
    for (const { head, at: position } of heads) buffer.set(head, position)
    return at
  }

  /**
   * A few at once: blocks of a sharded folder come in the order of hashes, and each read by itself
   * would mostly wait.
   */
  async #readAll(buffer: Uint8Array, runs: readonly Run[]): Promise<void> {
    const rest = runs.values()
    const read = async (): Promise<void> => {
      for (const { place, start, end } of rest) {
        await this.#deps.store.readInto(buffer.subarray(start, end), place)
      }
    }
    const parallel = Math.min(runs.length, SEND_READS_MAX)
    // All end before the buffer can be given back, also those that a failure made useless.
    const results = await Promise.allSettled(Array.from({ length: parallel }, read))
    for (const result of results) if (result.status === 'rejected') throw result.reason
  }

  async #nextPiece(): Promise<Piece | undefined> {
    const rest = this.#rest
    this.#rest = undefined
    if (rest !== undefined) return rest
    if (this.#isAtEnd) return undefined
    const next = await this.#sections.next()
    if (next.done === true) {
      this.#isAtEnd = true
      return undefined
    }
    return this.#pieceOf(next.value)
  }

  #pieceOf(section: DagSection<Place>): Piece {
    const { head } = section
    if ('bytes' in section) {
      const { bytes } = section
      return { head, from: { bytes }, sizeBytes: bytes.length, check: undefined }
    }
    const { place, from, sizeBytes } = section
    const isWhole = from === 0 && head.length > DIGEST_BYTES && sizeBytes === place.sizeBytes
    const check =
      isWhole && !this.#deps.store.isChecked(place)
        ? // The head of a section ends with the digest of its block.
          { place, digest: head.subarray(-DIGEST_BYTES), hash: createHash('sha256') }
        : undefined
    return {
      head,
      from: { place: { ...place, offset: place.offset + from } },
      sizeBytes,
      check,
    }
  }
}

/** With less room than this a buffer is sent: most heads would not fit. */
const SMALL_BYTES = 64

function restOf({ from, sizeBytes, check }: Piece, doneBytes: number): Piece {
  const rest =
    'bytes' in from
      ? { bytes: from.bytes.subarray(doneBytes) }
      : { place: { ...from.place, offset: from.place.offset + doneBytes } }
  return { head: NO_HEAD, from: rest, sizeBytes: sizeBytes - doneBytes, check }
}

const NO_HEAD = new Uint8Array()

/** What lies as far behind the last run in its file as it will in the buffer, belongs to it. */
function addToRuns(runs: Run[], next: Run): void {
  const last = runs.at(-1)
  const isContinued =
    last !== undefined &&
    last.place.volume === next.place.volume &&
    next.place.offset - last.place.offset === next.start - last.start
  if (isContinued) last.end = next.end
  else if (next.end > next.start) runs.push(next)
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

  async take(): Promise<Uint8Array> {
    while (this.#free.length === 0 && this.#madeCount >= SEND_BUFFERS) await this.#turn()
    if (this.#failure !== undefined) throw this.#failure
    this.#outCount += 1
    const free = this.#free.pop()
    if (free !== undefined) return free
    this.#madeCount += 1
    return Buffer.allocUnsafeSlow(SEND_PIECE_BYTES)
  }

  give(buffer: Uint8Array): void {
    this.#outCount -= 1
    this.#free.push(buffer)
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
