// SPDX-License-Identifier: AGPL-3.0-or-later
/** One item from one peer into one file, every block verified. Whatever the peer does, it ends. */
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
import type { PeerBody, PeerHttpsClient, PeerRequest, PeerTarget } from '../../net/net.ts'
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
      spaceCheck.catch((thrown: unknown) => body.discard(asError(thrown)))
    },
  })
  try {
    await pump(deps.clock, body, {
      push: (piece) => {
        reader.push(piece)
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
    body.discard()
  }
}

async function openBody(
  deps: ReceiveDeps,
  holder: Holder,
  request: { cid: CID; signal: AbortSignal },
): Promise<PeerBody> {
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
    body.discard()
    throw new CodedError('CONTENT_REFUSED', `The peer answered with status ${status}.`, {
      context: { status },
    })
  } catch (thrown) {
    if (limit.signal.aborted) throw abortReason(limit.signal)
    throw thrown
  } finally {
    limit.cancel()
  }
}

interface Pumped {
  push(piece: Uint8Array): void
  isWhole(): boolean
  file: IncomingFile
}

/** How a transfer ends that the peer, or the way to it, does not bring to its end. */
const PEER_ENDED = /^(PEER_|CONTENT_STALLED$)/

/** Reads the body to its end, as fast as the disk takes it and not slower than a peer must be. */
async function pump(clock: Clock, body: PeerBody, to: Pumped): Promise<void> {
  let windowBytes = 0
  let isDraining = false
  const drain = async (): Promise<void> => {
    isDraining = true
    await to.file.drained(UNWRITTEN_BYTES_MAX / 2)
    isDraining = false
  }
  const look = (): void => {
    const isSlow = windowBytes < FETCH_WINDOW_BYTES_MIN && !isDraining
    if (isSlow || to.isWhole()) body.discard(stalled())
    windowBytes = 0
  }
  const watch = repeat(clock, () => FETCH_WINDOW_MS, look)
  try {
    await body.read((piece) => {
      windowBytes += piece.length
      to.push(piece)
      return to.file.unwrittenBytes > UNWRITTEN_BYTES_MAX ? drain() : undefined
    })
  } catch (thrown) {
    // Once every block is verified it is of no interest how the peer hangs up, or how slowly.
    if (!to.isWhole() || !PEER_ENDED.test(errorCode(thrown) ?? '')) throw thrown
  } finally {
    watch.cancel()
  }
}

function stalled(): CodedError {
  return new CodedError('CONTENT_STALLED', 'The peer sent next to nothing for too long.', {
    context: { windowMs: FETCH_WINDOW_MS },
  })
}
