// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Questions between peers over libp2p streams: one stream a question, each way one message whose
 * length goes before it as 4 bytes (big-endian). Everything is bounded: length, time, how many at
 * once for one peer and for all.
 */
import type { Connection, Stream } from '@libp2p/interface'
import { abortReason, asError, CodedError } from '../base/base.ts'

const LENGTH_BYTES = 4

/**
 * Sends one message and closes our half. Waits for the `drain` event, since libp2p's `onDrain()`
 * resolves only once in the life of a stream (@libp2p/utils 7.4.1).
 */
export async function sendMessage(
  stream: Stream,
  message: Uint8Array,
  signal: AbortSignal,
): Promise<void> {
  const framed = new Uint8Array(LENGTH_BYTES + message.length)
  new DataView(framed.buffer).setUint32(0, message.length)
  framed.set(message, LENGTH_BYTES)
  if (!stream.send(framed)) await drained(stream, signal)
  await stream.close({ signal })
}

/** Reads one message of at most `bytesMax`. @throws CodedError `NET_BAD_MESSAGE` */
export function receiveMessage(
  stream: Stream,
  bytesMax: number,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  let held = 0
  return new Promise((resolve, rejectWith) => {
    const finished = new AbortController()
    const fail = (error: Error): void => {
      finished.abort()
      rejectWith(error)
    }
    const onMessage = (event: { data: Uint8Array | { subarray(): Uint8Array } }): void => {
      const bytes = event.data.subarray()
      parts.push(bytes)
      held += bytes.length
      const message = held > LENGTH_BYTES + bytesMax ? 'too long' : complete(parts, held, bytesMax)
      if (message === undefined) return
      finished.abort()
      if (message === 'too long') rejectWith(badMessage('longer than allowed'))
      else resolve(message)
    }
    const listening = { signal: finished.signal }
    stream.addEventListener('message', onMessage, listening)
    stream.addEventListener('remoteCloseWrite', () => fail(badMessage('cut short')), listening)
    stream.addEventListener('close', () => fail(badMessage('cut short')), listening)
    signal.addEventListener('abort', () => fail(abortReason(signal)), listening)
    if (signal.aborted) fail(abortReason(signal))
  })
}

/** Asks on a connection: opens a stream, sends, reads the reply, and leaves no stream behind. */
export async function askOn(
  connection: Connection,
  protocol: string,
  request: Uint8Array,
  options: { replyBytesMax: number; signal: AbortSignal },
): Promise<Uint8Array> {
  const { replyBytesMax, signal } = options
  const stream = await connection.newStream(protocol, { signal, runOnLimitedConnection: true })
  try {
    const reply = receiveMessage(stream, replyBytesMax, signal)
    const [answer] = await Promise.all([reply, sendMessage(stream, request, signal)])
    // An end that answers and never closes its half would leave its stream with us for ever.
    if (stream.remoteWriteStatus !== 'closed') {
      stream.abort(new CodedError('NET_ANSWERED', 'The answer is complete.'))
    }
    return answer
  } catch (thrown) {
    stream.abort(asError(thrown))
    throw thrown
  }
}

function complete(
  parts: Uint8Array[],
  held: number,
  bytesMax: number,
): Uint8Array | 'too long' | undefined {
  if (held < LENGTH_BYTES) return undefined
  const all = parts.length === 1 ? parts[0] : Buffer.concat(parts, held)
  if (all === undefined) return undefined
  const length = new DataView(all.buffer, all.byteOffset).getUint32(0)
  if (length > bytesMax) return 'too long'
  parts.splice(0, parts.length, all)
  return held >= LENGTH_BYTES + length
    ? all.subarray(LENGTH_BYTES, LENGTH_BYTES + length)
    : undefined
}

function drained(stream: Stream, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, rejectWith) => {
    const finished = new AbortController()
    const listening = { signal: finished.signal }
    const settle = (outcome: () => void) => () => {
      finished.abort()
      outcome()
    }
    stream.addEventListener('drain', settle(resolve), listening)
    const closed = new CodedError('NET_BROKEN', 'The connection closed while sending.')
    stream.addEventListener(
      'close',
      settle(() => rejectWith(closed)),
      listening,
    )
    signal.addEventListener(
      'abort',
      settle(() => rejectWith(abortReason(signal))),
      listening,
    )
  })
}

function badMessage(how: string): CodedError {
  return new CodedError('NET_BAD_MESSAGE', `The peer sent a message that is ${how}.`)
}
