// SPDX-License-Identifier: AGPL-3.0-or-later
/** Additions and fetches: those that run, and the last that ended. Kept in memory. */
import { type Clock, CodedError, errorCode } from '../../base/base.ts'
import type { TransferFacts } from '../../contract/contract.ts'
import { problemOf } from '../errors.ts'
import { ENDED_TRANSFERS_MAX, RATE_STEP_MS } from './limits.ts'
import type { TransferEnded } from './ports.ts'

/** What is known of a transfer when it begins. */
export interface TransferBegin {
  kind: 'add' | 'fetch'
  cid: string | null
  /** May be empty. */
  name: string
}

/** What is known at its end. */
export interface TransferEnd {
  cid?: string
  name?: string
  receivedBytes?: number
  /** PeerIds of those who gave some of it. */
  from?: readonly string[]
}

interface Transfer extends TransferBegin {
  id: number
  state: TransferFacts['state']
  receivedBytes: number
  totalBytes: number | null
  bytesPerSecond: number | null
  startedAtMs: number
  /** Where the rate is measured from. */
  markAtMs: number
  markBytes: number
  from: readonly string[]
  problem: TransferFacts['problem']
  stopping: AbortController
}

/** How much of the last step's rate counts: the rest is of those before. */
const RATE_SHARE = 0.4

/** What a connection says that broke while it brought an addition: its caller went away. */
const CALLER_GONE_CODES = ['ABORTED', 'ECONNRESET', 'ERR_STREAM_PREMATURE_CLOSE']

export interface TransfersDeps {
  clock: Clock
  onChange(id: number): void
  onFailure(ended: TransferEnded): void
}

export class Transfers {
  readonly #deps: TransfersDeps
  /** Oldest first. As many run as there are connections, which the servers bound. */
  readonly #all = new Map<number, Transfer>()
  #lastId = 0

  constructor(deps: TransfersDeps) {
    this.#deps = deps
  }

  /** Oldest first. */
  list(): TransferFacts[] {
    return [...this.#all.values()].map((transfer) => this.#told(transfer))
  }

  has(id: number): boolean {
    return this.#all.has(id)
  }

  /** Undefined: there is none of that number, or it ended long ago. */
  get(id: number): TransferFacts | undefined {
    const transfer = this.#all.get(id)
    return transfer === undefined ? undefined : this.#told(transfer)
  }

  /** Calls off what runs; what ended stays as it is. @throws CodedError `TRANSFER_NOT_FOUND` */
  stop(id: number): TransferFacts {
    const transfer = this.#all.get(id)
    if (transfer === undefined) throw transferNotFound()
    if (transfer.state === 'running') {
      this.#end(transfer, 'stopped')
      transfer.stopping.abort(
        new CodedError('TRANSFER_STOPPED', 'The owner stopped it.', {
          advice: 'Ask for it again: it goes on from what has arrived.',
        }),
      )
    }
    return this.#told(transfer)
  }

  /**
   * Runs `work` as a transfer.
   * @param work is given a signal that also ends when the transfer is stopped, and tells how far it
   *   is; what it returns says what became of it.
   * @param fromOf who gave something of it, when it failed.
   */
  async run<T>(
    begin: TransferBegin & { signal: AbortSignal },
    work: (signal: AbortSignal, progress: ProgressListener) => Promise<T>,
    ends: { endOf(result: T): TransferEnd; fromOf(thrown: unknown): readonly string[] },
  ): Promise<T> {
    const { signal: outer, ...facts } = begin
    const transfer = this.#begin(facts)
    const signal = AbortSignal.any([outer, transfer.stopping.signal])
    try {
      const result = await work(signal, (received, total) => {
        this.#progress(transfer, received, total)
      })
      Object.assign(transfer, definedOf(ends.endOf(result)))
      transfer.totalBytes = transfer.receivedBytes
      this.#end(transfer, 'done')
      return result
    } catch (thrown) {
      transfer.from = ends.fromOf(thrown)
      this.#fail(transfer, thrown, signal)
      throw thrown
    }
  }

  #begin(facts: TransferBegin): Transfer {
    this.#lastId += 1
    const nowMs = this.#deps.clock.monotonicMs()
    const transfer: Transfer = {
      ...facts,
      id: this.#lastId,
      state: 'running',
      receivedBytes: 0,
      totalBytes: null,
      bytesPerSecond: null,
      startedAtMs: nowMs,
      markAtMs: nowMs,
      markBytes: 0,
      from: [],
      problem: null,
      stopping: new AbortController(),
    }
    this.#all.set(transfer.id, transfer)
    this.#deps.onChange(transfer.id)
    return transfer
  }

  #progress(transfer: Transfer, receivedBytes: number, totalBytes: number | undefined): void {
    if (transfer.state !== 'running') return
    const nowMs = this.#deps.clock.monotonicMs()
    // What was here when it began is no part of the rate.
    if (transfer.receivedBytes === 0) transfer.markBytes = receivedBytes
    transfer.receivedBytes = receivedBytes
    transfer.totalBytes = totalBytes ?? null
    const stepMs = nowMs - transfer.markAtMs
    if (stepMs >= RATE_STEP_MS) {
      const rate = Math.max(0, ((receivedBytes - transfer.markBytes) / stepMs) * 1000)
      const before = transfer.bytesPerSecond ?? rate
      transfer.bytesPerSecond = Math.round(before + RATE_SHARE * (rate - before))
      transfer.markAtMs = nowMs
      transfer.markBytes = receivedBytes
    }
    this.#deps.onChange(transfer.id)
  }

  #fail(transfer: Transfer, thrown: unknown, signal: AbortSignal): void {
    if (transfer.state !== 'running') return
    const isGone = transfer.kind === 'add' && CALLER_GONE_CODES.includes(errorCode(thrown) ?? '')
    if (signal.aborted || isGone) {
      this.#end(transfer, 'stopped')
      return
    }
    const { code, detail, advice = null } = problemOf(thrown).details
    transfer.problem = { code, detail, advice }
    this.#end(transfer, 'failed')
    this.#deps.onFailure({ ...transfer, problem: { code, detail } })
  }

  #end(transfer: Transfer, state: 'done' | 'failed' | 'stopped'): void {
    if (transfer.state !== 'running') return
    transfer.state = state
    transfer.bytesPerSecond = null
    const ended = [...this.#all.values()].filter((one) => one.state !== 'running')
    for (const one of ended.slice(0, -ENDED_TRANSFERS_MAX)) this.#all.delete(one.id)
    this.#deps.onChange(transfer.id)
  }

  #told(transfer: Transfer): TransferFacts {
    const { id, kind, cid, name, state, receivedBytes, totalBytes, bytesPerSecond } = transfer
    const startedSecondsAgo = (this.#deps.clock.monotonicMs() - transfer.startedAtMs) / 1000
    return {
      ...{ id, kind, cid, name, state, receivedBytes, totalBytes, bytesPerSecond },
      startedSecondsAgo: Math.round(startedSecondsAgo * 10) / 10,
      from: [...transfer.from],
      problem: transfer.problem,
    }
  }
}

type ProgressListener = (receivedBytes: number, totalBytes: number | undefined) => void

function definedOf(end: TransferEnd): TransferEnd {
  return Object.fromEntries(Object.entries(end).filter(([, value]) => value !== undefined))
}

function transferNotFound(): CodedError {
  return new CodedError('TRANSFER_NOT_FOUND', 'There is no such transfer, or it ended long ago.', {
    advice: 'See which there are with: citynode transfers',
  })
}
