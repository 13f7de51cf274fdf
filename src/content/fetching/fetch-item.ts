// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Getting an item from whoever has it: holders are tried in the order in which they answered, the
 * next one goes on where one failed; who sends wrong bytes is remembered. What was verified is never
 * fetched again, neither after a failure nor after a restart.
 */
import type { CID } from 'multiformats/cid'
import {
  asError,
  CodedError,
  type CodedErrorOptions,
  errorCode,
  type PeerId,
} from '../../base/base.ts'
import type { Intake } from '../blocks/blocks.ts'
import { storeFull } from '../errors.ts'
import { sourceOf } from '../library.ts'
import { FETCH_ROUNDS_MAX } from '../limits.ts'
import { checkBlockAllowed } from '../refusing.ts'
import { type FetchDeps, noteBadPeer } from './fetch-deps.ts'
import type { Had } from './have.ts'
import { type Holder, HolderSearch } from './holders.ts'
import { type Received, receiveItem, receiveLocal } from './receiving.ts'
import { repair } from './repairing.ts'

export interface FetchRequest {
  cid: CID
  signal: AbortSignal
  onProgress(receivedBytes: number, totalBytes: number | undefined): void
}

/** A whole item, verified, in the intake; for the caller to commit. */
export interface Fetched extends Received {
  /** What the holder says of it; undefined when it was all here. */
  had: Had | undefined
}

/** How a fetch went, for `--explain`. */
export interface FetchReport {
  connectedCount: number
  askedCount: number
  /** Peers that were not asked because they served wrong bytes before. */
  badCount: number
  silentCount: number
  attempts: Attempt[]
  /** Bytes of files that were here before. */
  knownBytes: number
}

/** One holder that was tried. */
export interface Attempt {
  peerId: PeerId
  /** Through which interface, and how far, when it is a neighbour. */
  interfaceName: string | undefined
  rttMs: number | undefined
  /** How long it took to say that it has the item. */
  answeredMs: number
  /** Bytes of files that had been verified before and after. */
  fromBytes: number
  toBytes: number
  durationMs: number
  /** Of the failure; undefined: it gave all that was missing. */
  code: string | undefined
  message: string | undefined
}

/** Failures of a peer or the way to it: another peer may do better. */
const PEER_FAILURE = /^(PEER_|CONTENT_(WRONG_BYTES|TRUNCATED|STALLED|REFUSED)$)/

export function isPeersFailure(code: string): boolean {
  return PEER_FAILURE.test(code)
}

export function emptyReport(): FetchReport {
  return {
    connectedCount: 0,
    askedCount: 0,
    badCount: 0,
    silentCount: 0,
    attempts: [],
    knownBytes: 0,
  }
}

/**
 * @param report is filled in, also when it fails.
 * @throws CodedError `CONTENT_NO_PEERS`, `CONTENT_NOT_FOUND`, `CONTENT_FETCH_FAILED`; or what no
 *   other peer could mend: `CONTENT_UNSUPPORTED`, `CONTENT_TOO_LARGE`, `STORE_…`; or the signal's
 *   reason.
 */
export async function fetchItem(
  deps: FetchDeps,
  request: FetchRequest,
  { intake, report }: { intake: Intake; report: FetchReport },
): Promise<Fetched> {
  const local = sourceOf(deps.store)
  const here = await receiveLocal({ local }, request.cid, intake, request.signal)
  if (here !== undefined) return { ...here, had: undefined }
  let progressBytes = -1
  for (let round = 0; round < FETCH_ROUNDS_MAX; round++) {
    const fetched = await askAround(deps, request, { intake, report })
    if (fetched !== undefined) return fetched
    // Another round makes sense when this one brought something: then somebody may have more.
    const reachedBytes = Math.max(0, ...report.attempts.map(({ toBytes }) => toBytes))
    if (reachedBytes <= progressBytes || report.attempts.length === 0) break
    progressBytes = reachedBytes
  }
  request.signal.throwIfAborted()
  throw failureOf(request.cid, report)
}

async function askAround(
  deps: FetchDeps,
  request: FetchRequest,
  { intake, report }: { intake: Intake; report: FetchReport },
): Promise<Fetched | undefined> {
  const search = new HolderSearch(deps, request.cid)
  try {
    for await (const holder of search.holders(request.signal)) {
      const attempt: Attempt = { ...startOf(holder), fromBytes: 0, toBytes: 0, durationMs: 0 }
      report.attempts.push(attempt)
      const received = await tryHolder(deps, request, { holder, intake, attempt })
      if (received !== undefined) {
        report.knownBytes = Math.max(report.knownBytes, report.attempts[0]?.fromBytes ?? 0)
        return { ...received, had: holder.had }
      }
      deps.log.info('a peer failed to give an item; asking the next', {
        cid: request.cid.toString(),
        peerId: holder.peerId,
        code: attempt.code,
      })
    }
    return undefined
  } finally {
    const { connectedCount, askedCount, badCount, silentCount } = search
    Object.assign(report, { connectedCount, askedCount, badCount, silentCount })
  }
}

export function startOf({
  peerId,
  interfaceName,
  rttMs,
  answeredMs,
}: Holder): Omit<Attempt, 'fromBytes' | 'toBytes' | 'durationMs'> {
  return { peerId, interfaceName, rttMs, answeredMs, code: undefined, message: undefined }
}

async function tryHolder(
  deps: FetchDeps,
  request: FetchRequest,
  { holder, intake, attempt }: { holder: Holder; intake: Intake; attempt: Attempt },
): Promise<Received | undefined> {
  const { store, clock, requests } = deps
  const startedAtMs = clock.monotonicMs()
  let isFirst = true
  const onProgress = (receivedBytes: number, totalBytes: number | undefined): void => {
    if (isFirst) attempt.fromBytes = receivedBytes
    isFirst = false
    attempt.toBytes = receivedBytes
    request.onProgress(receivedBytes, totalBytes ?? holder.had.sizeBytes)
  }
  const fits = (sizeBytes: number): Promise<boolean> => store.space.fits(sizeBytes)
  const ways = { requests, clock, local: sourceOf(store), fits }
  const options = {
    signal: request.signal,
    onProgress,
    checkSpace: async (sizeBytes: number) => {
      if (!(await deps.makeRoom(sizeBytes))) throw storeFull()
    },
    checkBlock: (digest: Uint8Array) => checkBlockAllowed(deps.refusals, digest),
  }
  try {
    const from = { holder, cid: request.cid }
    await repair(ways, from, intake, request.signal)
    const received = await receiveItem(ways, from, intake, options)
    deps.metrics.fetchedBytes.add(received.sizeBytes - received.knownBytes)
    attempt.fromBytes = received.knownBytes
    attempt.toBytes = received.sizeBytes
    return received
  } catch (thrown) {
    const code = errorCode(thrown) ?? ''
    const isPeers = isPeersFailure(code)
    // What was verified counts: the next holder, or the next try, goes on behind it.
    if (isPeers || request.signal.aborted) await intake.checkpoint()
    if (!isPeers || request.signal.aborted) throw thrown
    attempt.code = code
    attempt.message = asError(thrown).message
    if (code === 'CONTENT_WRONG_BYTES') noteBadPeer(deps, holder.peerId, attempt.message)
    return undefined
  } finally {
    attempt.durationMs = clock.monotonicMs() - startedAtMs
  }
}

/** Nobody could give it; how that went stands beside it. */
export class FetchFailed extends CodedError {
  readonly report: FetchReport

  constructor(report: FetchReport, code: string, message: string, options: CodedErrorOptions) {
    super(code, message, options)
    this.report = report
  }
}

export function failureOf(cid: CID, report: FetchReport): FetchFailed {
  const { attempts, ...counts } = report
  const context = { cid: cid.toString(), ...counts }
  if (attempts.length > 0) {
    const last = attempts.at(-1)?.message ?? ''
    const nodesCount = new Set(attempts.map(({ peerId }) => peerId)).size
    return new FetchFailed(
      report,
      'CONTENT_FETCH_FAILED',
      `${nodesCount === 1 ? 'The node' : `All ${nodesCount} nodes`} that had this item ` +
        `failed to give it. Last: ${last}`,
      {
        context: { ...context, attempts },
        advice:
          'Try again: it goes on where it stopped. If it fails in the same way, wait until ' +
          'another node has the item.',
      },
    )
  }
  if (report.connectedCount === 0) {
    return new FetchFailed(
      report,
      'CONTENT_NO_PEERS',
      'No other node is connected, so nobody can be asked.',
      {
        context,
        advice: 'See citynode peers; check the cable, the radio and that the city id is the same.',
      },
    )
  }
  return new FetchFailed(report, 'CONTENT_NOT_FOUND', 'No connected node has this item.', {
    context,
    advice:
      'Check the content id. Whoever has it must have added it with --public; it may also be on ' +
      'a node that is switched off or too far away now.',
  })
}
