// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Getting an item from whoever has it: holders are tried in the order in which they answered, the
 * next one when one fails; who sends wrong bytes is remembered.
 */
import type { CID } from 'multiformats/cid'
import {
  asError,
  type Clock,
  CodedError,
  errorCode,
  type Logger,
  type PeerId,
} from '../../base/base.ts'
import type { Files, IncomingFile, Space } from '../blocks/blocks.ts'
import type { ContentMetrics } from '../metrics.ts'
import type { Tree } from '../unixfs/unixfs.ts'
import { type BadPeers, type ContentNetwork, type Holder, HolderSearch } from './holders.ts'
import { type PeerRequests, receiveItem } from './receiving.ts'

export { encodeHaveReply, HAVE_TOPIC, parseHaveRequest } from './have.ts'
export { BadPeers, type ContentNetwork } from './holders.ts'
export type { PeerRequests } from './receiving.ts'

export interface FetchDeps {
  network: ContentNetwork
  requests: PeerRequests
  badPeers: BadPeers
  files: Files
  space: Space
  metrics: ContentMetrics
  clock: Clock
  log: Logger
}

export interface FetchRequest {
  cid: CID
  signal: AbortSignal
  onProgress(receivedBytes: number, totalBytes: number | undefined): void
}

/** A whole item, verified and on disk, but not yet in the catalogue. */
export interface Fetched {
  tree: Tree
  file: IncomingFile
  /** What the holder calls it; may be empty. */
  name: string
  from: PeerId
}

/** One holder that failed. */
interface Attempt {
  peerId: PeerId
  code: string
  message: string
}

/** Failures of a peer or the way to it: another peer may do better. */
const PEER_FAILURE = /^(PEER_|CONTENT_(WRONG_BYTES|TRUNCATED|STALLED|REFUSED)$)/

/**
 * @throws CodedError `CONTENT_NO_PEERS`, `CONTENT_NOT_FOUND`, `CONTENT_FETCH_FAILED`; or what no
 *   other peer could mend: `CONTENT_UNSUPPORTED`, `CONTENT_TOO_LARGE`, `STORE_…`; or the signal's
 *   reason.
 */
export async function fetchItem(deps: FetchDeps, request: FetchRequest): Promise<Fetched> {
  const search = new HolderSearch(deps, request.cid)
  const attempts: Attempt[] = []
  for await (const holder of search.holders(request.signal)) {
    const fetched = await tryHolder(deps, request, holder)
    if (!('code' in fetched)) return fetched
    attempts.push(fetched)
    deps.log.info('a peer failed to give an item; asking the next', {
      cid: request.cid.toString(),
      peerId: holder.peerId,
      code: fetched.code,
    })
  }
  request.signal.throwIfAborted()
  throw failureOf(request.cid, search, attempts)
}

async function tryHolder(
  deps: FetchDeps,
  request: FetchRequest,
  holder: Holder,
): Promise<Fetched | Attempt> {
  const file = await deps.files.create()
  try {
    const tree = await receiveItem(deps, { holder, cid: request.cid }, file, {
      signal: request.signal,
      onProgress: request.onProgress,
      checkSpace: (sizeBytes) => deps.space.check(sizeBytes),
    })
    await file.finish()
    deps.metrics.fetchedBytes.add(tree.sizeBytes)
    return { tree, file, name: holder.had.name, from: holder.peerId }
  } catch (thrown) {
    await deps.files.discard(file)
    const code = errorCode(thrown) ?? ''
    if (request.signal.aborted || !PEER_FAILURE.test(code)) throw thrown
    const { message } = asError(thrown)
    if (code === 'CONTENT_WRONG_BYTES') {
      deps.badPeers.add(holder.peerId, message)
      deps.metrics.badPeers.add()
      deps.log.warn('a peer served wrong bytes and is left alone for a while', {
        peerId: holder.peerId,
        reason: message,
      })
    }
    return { peerId: holder.peerId, code, message }
  }
}

function failureOf(cid: CID, search: HolderSearch, attempts: readonly Attempt[]): CodedError {
  const { connectedCount, askedCount, badCount, silentCount } = search
  const context = { cid: cid.toString(), connectedCount, askedCount, badCount, silentCount }
  if (attempts.length > 0) {
    const last = attempts.at(-1)?.message ?? ''
    return new CodedError(
      'CONTENT_FETCH_FAILED',
      `${attempts.length === 1 ? 'The node' : `All ${attempts.length} nodes`} that had this item ` +
        `failed to give it. Last: ${last}`,
      {
        context: { ...context, attempts },
        advice: 'Try again; if it fails in the same way, wait until another node has the item.',
      },
    )
  }
  if (connectedCount === 0) {
    return new CodedError(
      'CONTENT_NO_PEERS',
      'No other node is connected, so nobody can be asked.',
      {
        context,
        advice: 'See citynode peers; check the cable, the radio and that the city id is the same.',
      },
    )
  }
  return new CodedError('CONTENT_NOT_FOUND', 'No connected node has this item.', {
    context,
    advice:
      'Check the content id. Whoever has it must have added it with --public; it may also be on ' +
      'a node that is switched off or too far away now.',
  })
}
