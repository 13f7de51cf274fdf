// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * One item from one peer into the store, every block verified; it goes on where an earlier transfer,
 * from whomever, ended. Whatever the peer does, it ends.
 */
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
import type { Intake, Place } from '../blocks/blocks.ts'
import { DagReader, type DagSource } from '../car/car.ts'
import { FETCH_WINDOW_BYTES_MIN, FETCH_WINDOW_MS, RESPONSE_MS_MAX } from '../limits.ts'
import { Arriving } from './arriving.ts'
import type { Holder } from './holders.ts'

/** The slice of the authenticated HTTPS client that this room uses. */
export type PeerRequests = Pick<PeerHttpsClient, 'request'>

export interface ReceiveDeps {
  requests: PeerRequests
  clock: Clock
  /** What is in the store already, of this item or any other. */
  local: DagSource<Place>
}

export interface ReceiveOptions {
  signal: AbortSignal
  /**
   * Called before the first byte of a large file is written, with what is not counted yet of it; what it
   * throws ends the transfer.
   */
  checkSpace(sizeBytes: number): Promise<void>
  /** Called for every block but the leaves of large files; what it throws ends the transfer. */
  checkBlock(digest: Uint8Array): void
  onProgress(receivedBytes: number, totalBytes: number | undefined): void
}

/** What is known of an item when all of it has arrived. */
export interface Received {
  sizeBytes: number
  carBodyBytes: number
  /** Each as often as it occurs. */
  blocksCount: number
  /** Bytes of files that were here before this transfer. */
  knownBytes: number
}

/** What is here of an item, without asking anybody: all of it, or undefined. */
export async function receiveLocal(
  deps: Pick<ReceiveDeps, 'local'>,
  cid: CID,
  intake: Intake,
  signal: AbortSignal,
): Promise<Received | undefined> {
  const arriving = new Arriving(intake, { signal, onSize: async () => {}, checkBlock: () => {} })
  const reader = new DagReader(cid, arriving, { dups: true })
  await reader.replay(sharing(deps.local, intake), { signal })
  await arriving.settled()
  return reader.isWhole ? receivedOf(reader, reader.verifiedBytes) : undefined
}

/**
 * @throws CodedError of the peer (`CONTENT_WRONG_BYTES`, `CONTENT_TRUNCATED`, `CONTENT_STALLED`,
 *   `CONTENT_REFUSED`, `PEER_…`), of the item (`CONTENT_UNSUPPORTED`, `CONTENT_TOO_LARGE`), of the
 *   disk (`STORE_…`), or the signal's reason. What was verified stays in the intake.
 */
export async function receiveItem(
  deps: ReceiveDeps,
  from: { holder: Holder; cid: CID },
  intake: Intake,
  options: ReceiveOptions,
): Promise<Received> {
  const { cid, holder } = from
  const { signal } = options
  let body: PeerBody | undefined
  const arriving = new Arriving(intake, {
    signal,
    checkBlock: (digest) => options.checkBlock(digest),
    onSize: async (sizeBytes) => {
      try {
        await options.checkSpace(sizeBytes)
      } catch (thrown) {
        // Whoever waits for the file hears of it; the transfer is ended at once all the same.
        body?.discard(asError(thrown))
        throw thrown
      }
    },
  })
  let reader = new DagReader(cid, arriving, { dups: true })
  await intake.ready()
  const startAt = await reader.replay(sharing(deps.local, intake), { signal })
  const knownBytes = reader.verifiedBytes
  if (reader.isWhole) return receivedOf(reader, knownBytes)
  const opened = await openBody(deps, holder, { cid, signal, startAt })
  body = opened.body
  // A holder that knows nothing of ranges sends all of it; it may also leave out what repeats.
  if (!opened.isAsAsked) reader = new DagReader(cid, arriving, { dups: false })
  try {
    await arriving.settled()
    await pump(deps.clock, body, {
      push: (piece) => {
        reader.push(piece)
        options.onProgress(reader.verifiedBytes, reader.totalBytes)
      },
      isWhole: () => reader.isWhole,
      busy: () => arriving.busy(),
    })
    reader.finish()
    await arriving.settled()
    return receivedOf(reader, knownBytes)
  } catch (thrown) {
    // Whoever goes on writes to the same files.
    await arriving.settled().catch(() => {})
    if (signal.aborted) throw abortReason(signal)
    throw thrown
  } finally {
    // Harmless when it was read to its end: then the connection is kept for the next request.
    body.discard()
  }
}

function receivedOf(reader: DagReader, knownBytes: number): Received {
  const { verifiedBytes: sizeBytes, carBodyBytes, blocksCount } = reader
  return { sizeBytes, carBodyBytes, blocksCount, knownBytes }
}

/** The store, in which every block that is found becomes one of the arriving item's too. */
function sharing(local: DagSource<Place>, intake: Intake): DagSource<Place> {
  return {
    blocks: {
      read: async (name, signal) => {
        const bytes = await local.blocks.read(name, signal)
        if (bytes !== undefined) intake.has(name.digest)
        return bytes
      },
    },
    index: {
      find: (name) => {
        const found = local.index.find(name)
        if (found !== undefined) intake.has(name.digest)
        return found
      },
    },
  }
}

async function openBody(
  deps: ReceiveDeps,
  holder: Holder,
  request: { cid: CID; signal: AbortSignal; startAt: number },
): Promise<{ body: PeerBody; isAsAsked: boolean }> {
  const target: PeerTarget = { peerId: holder.peerId, ...holder.https }
  const limit = deadline(deps.clock, RESPONSE_MS_MAX, stalled, request.signal)
  const { startAt } = request
  try {
    const accept = 'application/vnd.ipld.car; version=1; order=dfs; dups=y'
    const asked: PeerRequest = {
      path: `/ipfs/${request.cid}?format=car&dag-scope=all&car-dups=y`,
      headers: startAt > 0 ? { accept, range: `bytes=${startAt}-` } : { accept },
      signal: limit.signal,
    }
    const { status, body, headers } = await deps.requests.request(target, asked)
    if (status === 200) return { body, isAsAsked: startAt === 0 }
    const isPart = status === 206 && headers.get('content-range')?.startsWith(`bytes ${startAt}-`)
    if (isPart === true) return { body, isAsAsked: true }
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
  /** Resolves when more may come; undefined: at once. */
  busy(): Promise<void> | undefined
}

/** How a transfer ends that the peer, or the way to it, does not bring to its end. */
const PEER_ENDED = /^(PEER_|CONTENT_STALLED$)/

/** Reads the body to its end, as fast as the disk takes it and not slower than a peer must be. */
async function pump(clock: Clock, body: PeerBody, to: Pumped): Promise<void> {
  let windowBytes = 0
  let isDraining = false
  const wait = async (busy: Promise<void>): Promise<void> => {
    isDraining = true
    await busy
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
      const busy = to.busy()
      return busy === undefined ? undefined : wait(busy)
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
