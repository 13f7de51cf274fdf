// SPDX-License-Identifier: AGPL-3.0-or-later
/** One item from one peer into one file, every block verified. Whatever the peer does, it ends. */
import type { IncomingMessage } from 'node:http'
import type { CID } from 'multiformats/cid'
import {
  abortReason,
  asError,
  type Clock,
  CodedError,
  deadline,
  errorCode,
  repeat,
} from '../../base/base.ts'
import type { PeerHttpsClient, PeerRequest, PeerTarget } from '../../net/net.ts'
import type { IncomingFile } from '../blocks/blocks.ts'
import { CarReader } from '../car/car.ts'
import {
  FETCH_WINDOW_BYTES_MIN,
  FETCH_WINDOW_MS,
  RESPONSE_MS_MAX,
  UNWRITTEN_BYTES_MAX,
} from '../limits.ts'
import type { Tree } from '../unixfs/unixfs.ts'
import type { Holder } from './holders.ts'

/** The slice of the authenticated HTTPS client that this room uses. */
export type PeerRequests = Pick<PeerHttpsClient, 'request'>

export interface ReceiveDeps {
  requests: PeerRequests
  clock: Clock
}

export interface ReceiveOptions {
  signal: AbortSignal
  /** Called once, before the first byte is written; what it throws ends the transfer. */
  checkSpace(sizeBytes: number): Promise<void>
  onProgress(receivedBytes: number, totalBytes: number | undefined): void
}

/**
 * @throws CodedError of the peer (`CONTENT_WRONG_BYTES`, `CONTENT_TRUNCATED`, `CONTENT_STALLED`,
 *   `CONTENT_REFUSED`, `PEER_…`), of the item (`CONTENT_UNSUPPORTED`, `CONTENT_TOO_LARGE`), of the
 *   disk (`STORE_…`), or the signal's reason. The file is for the caller to finish or discard.
 */
export async function receiveItem(
  deps: ReceiveDeps,
  from: { holder: Holder; cid: CID },
  file: IncomingFile,
  options: ReceiveOptions,
): Promise<Tree> {
  const { cid, holder } = from
  const body = await openBody(deps, holder, { cid, signal: options.signal })
  let sizeBytes: number | undefined
  let spaceCheck: Promise<void> = Promise.resolve()
  const reader = new CarReader(cid, {
    write: (piece) => file.write(piece),
    repeat: (from, repeatedBytes) => file.repeat(from, repeatedBytes),
    sizeKnown: (knownBytes) => {
      sizeBytes = knownBytes
      spaceCheck = options.checkSpace(knownBytes)
      // Awaited below; the transfer is ended at once all the same.
      spaceCheck.catch((thrown: unknown) => body.destroy(asError(thrown)))
    },
  })
  try {
    await pump(deps.clock, body, {
      push: (chunk) => {
        reader.push(chunk)
        options.onProgress(reader.verifiedBytes, sizeBytes)
      },
      isWhole: () => reader.isWhole,
      file,
    })
    await spaceCheck
    return reader.finish()
  } catch (thrown) {
    await spaceCheck
    if (options.signal.aborted) throw abortReason(options.signal)
    throw thrown
  } finally {
    // Harmless when it was read to its end: then the connection is kept for the next request.
    body.destroy()
  }
}

async function openBody(
  deps: ReceiveDeps,
  holder: Holder,
  request: { cid: CID; signal: AbortSignal },
): Promise<IncomingMessage> {
  const target: PeerTarget = { peerId: holder.peerId, ...holder.https }
  const limit = deadline(deps.clock, RESPONSE_MS_MAX, stalled, request.signal)
  try {
    const asked: PeerRequest = {
      path: `/ipfs/${request.cid}?format=car&dag-scope=all&car-dups=y`,
      headers: { accept: 'application/vnd.ipld.car; version=1; order=dfs; dups=y' },
      signal: limit.signal,
    }
    const { status, body } = await deps.requests.request(target, asked)
    if (status === 200) return body
    body.destroy()
    throw new CodedError('CONTENT_REFUSED', `The peer answered with status ${status}.`, {
      context: { status },
    })
  } catch (thrown) {
    if (limit.signal.aborted) throw abortReason(limit.signal)
    throw thrown instanceof CodedError ? thrown : cut(thrown)
  } finally {
    limit.cancel()
  }
}

interface Pumped {
  push(chunk: Uint8Array): void
  isWhole(): boolean
  file: IncomingFile
}

/** Reads the body to its end, as fast as the disk takes it and not slower than a peer must be. */
function pump(clock: Clock, body: IncomingMessage, to: Pumped): Promise<void> {
  let windowBytes = 0
  let isPaused = false
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const fail = (reason: unknown): void => reject(asError(reason))
  const watch = repeat(
    clock,
    () => FETCH_WINDOW_MS,
    () => {
      // Once every block is verified it is of no interest how slowly the peer hangs up.
      if (to.isWhole()) resolve()
      else if (windowBytes < FETCH_WINDOW_BYTES_MIN && !isPaused) fail(stalled())
      windowBytes = 0
    },
  )
  body.on('data', (chunk: Uint8Array) => {
    windowBytes += chunk.length
    try {
      to.push(chunk)
    } catch (thrown) {
      // Nothing more of it is looked at: the failure is final.
      body.removeAllListeners('data').destroy()
      return fail(thrown)
    }
    if (to.file.unwrittenBytes <= UNWRITTEN_BYTES_MAX || isPaused) return
    isPaused = true
    body.pause()
    to.file.drained(UNWRITTEN_BYTES_MAX / 2).then(() => {
      isPaused = false
      body.resume()
    }, fail)
  })
  body.once('end', () => resolve())
  body.once('error', (error) => (to.isWhole() ? resolve() : fail(asCut(error))))
  body.once('close', () => (to.isWhole() ? resolve() : fail(cut(undefined))))
  return promise.finally(() => watch.cancel())
}

function stalled(): CodedError {
  return new CodedError('CONTENT_STALLED', 'The peer sent next to nothing for too long.', {
    context: { windowMs: FETCH_WINDOW_MS },
  })
}

/** The end of a body that was not asked for, in our words. */
function asCut(error: Error): Error {
  return error instanceof CodedError ? error : cut(error)
}

function cut(cause: unknown): CodedError {
  const context = { errno: errorCode(cause) }
  return new CodedError('CONTENT_TRUNCATED', 'The connection to the peer broke.', {
    cause,
    context,
  })
}
