// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Bytes from the library to a receiver, at the receiver's pace: a piece is asked for when the one
 * before has left the process. Whoever is too slow, on either side, is given up.
 */
import type { ServerResponse } from 'node:http'
import { abortReason, type Clock, CodedError } from '../../base/base.ts'
import type { ByteSpan, OpenedFile } from './library.ts'
import { PIECE_BYTES, PIECE_MS_MAX } from './limits.ts'

export interface SendDeps {
  clock: Clock
  response: ServerResponse
  /** Aborts when the receiver goes away or the node stops. */
  signal: AbortSignal
}

/**
 * Sends a part of a file and ends the response.
 * @returns how many bytes were handed over.
 * @throws CodedError `GATEWAY_TOO_SLOW`, `GATEWAY_SHORT`, the library's failure, or the signal's
 *   reason; the response is for the caller to destroy.
 */
export async function sendFile(deps: SendDeps, file: OpenedFile, span: ByteSpan): Promise<number> {
  const sizeBytes = span.end - span.start
  let sentBytes = 0
  const watch = new Watch(deps)
  try {
    for await (const chunk of watched(file.bytes(span, watch.signal), watch)) {
      // A library that gives more than was asked for must not break the framing.
      const wanted = chunk.subarray(0, sizeBytes - sentBytes)
      for (let at = 0; at < wanted.length; at += PIECE_BYTES) {
        watch.restart()
        await watch.during(write(deps.response, wanted.subarray(at, at + PIECE_BYTES)))
      }
      sentBytes += wanted.length
      watch.restart()
      if (sentBytes === sizeBytes) break
    }
    if (sentBytes < sizeBytes) throw cutShort(sizeBytes, sentBytes)
    deps.response.end()
    return sentBytes
  } finally {
    watch.stop()
  }
}

/** The first bytes of a file, to tell what it is. */
export async function readHead(
  deps: Pick<SendDeps, 'clock' | 'signal'>,
  file: OpenedFile,
  sizeBytesMax: number,
): Promise<Uint8Array> {
  const end = Math.min(file.sizeBytes, sizeBytesMax)
  if (end === 0) return new Uint8Array()
  const watch = new Watch(deps)
  try {
    const chunks: Uint8Array[] = []
    let lengthBytes = 0
    for await (const chunk of watched(file.bytes({ start: 0, end }, watch.signal), watch)) {
      chunks.push(chunk)
      lengthBytes += chunk.length
      if (lengthBytes >= end) break
    }
    if (lengthBytes < end) throw cutShort(end, lengthBytes)
    return Buffer.concat(chunks).subarray(0, end)
  } finally {
    watch.stop()
  }
}

/** What `source` yields, unless the watch runs out while it thinks. */
async function* watched(
  source: AsyncIterable<Uint8Array>,
  watch: Watch,
): AsyncGenerator<Uint8Array> {
  const iterator = source[Symbol.asyncIterator]()
  let isOver = false
  try {
    for (;;) {
      const next = await watch.during(iterator.next())
      if (next.done === true) {
        isOver = true
        return
      }
      yield next.value
    }
  } finally {
    // Not awaited: a source that hangs has been told by the signal, and would hold us here.
    if (!isOver) void iterator.return?.()?.then(undefined, () => {})
  }
}

/** Resolves when the piece has left the process. */
function write(response: ServerResponse, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    response.write(bytes, (error) => (error ? reject(error) : resolve()))
  })
}

/** A time limit that starts again with every step. */
class Watch {
  readonly #deps: Pick<SendDeps, 'clock' | 'signal'>
  readonly #over = new AbortController()
  readonly signal: AbortSignal
  #timer: { cancel(): void }

  constructor(deps: Pick<SendDeps, 'clock' | 'signal'>) {
    this.#deps = deps
    this.signal = AbortSignal.any([deps.signal, this.#over.signal])
    this.#timer = this.#arm()
  }

  restart(): void {
    this.#timer.cancel()
    this.#timer = this.#arm()
  }

  stop(): void {
    this.#timer.cancel()
  }

  /** What `work` gives, or the reason why there is no waiting for it any more. */
  async during<T>(work: Promise<T>): Promise<T> {
    const { signal } = this
    if (signal.aborted) {
      work.catch(() => {})
      throw abortReason(signal)
    }
    let onAbort = (): void => {}
    const over = new Promise<never>((_resolve, reject) => {
      onAbort = () => reject(abortReason(signal))
      signal.addEventListener('abort', onAbort, { once: true })
    })
    try {
      return await Promise.race([work, over])
    } finally {
      signal.removeEventListener('abort', onAbort)
      // Whichever comes second has nobody left to hear of it.
      work.catch(() => {})
    }
  }

  #arm(): { cancel(): void } {
    return this.#deps.clock.after(PIECE_MS_MAX, () => this.#over.abort(tooSlow()))
  }
}

function tooSlow(): CodedError {
  return new CodedError('GATEWAY_TOO_SLOW', 'Nothing moved for too long.')
}

function cutShort(wantedBytes: number, gotBytes: number): CodedError {
  return new CodedError('GATEWAY_SHORT', 'The file is shorter than it was said to be.', {
    context: { wantedBytes, gotBytes },
  })
}
