// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Blocks by their names, one by one, from whoever has the item that they are of: one holder after the
 * other, each until it fails. For what is small beside the whole.
 */
import type { CID } from 'multiformats/cid'
import { asError, errorCode } from '../../base/base.ts'
import { FETCH_ROUNDS_MAX } from '../limits.ts'
import { checkBlockAllowed } from '../refusing.ts'
import { type FetchDeps, noteBadPeer } from './fetch-deps.ts'
import { type Attempt, type FetchReport, failureOf, isPeersFailure, startOf } from './fetch-item.ts'
import { type Holder, HolderSearch } from './holders.ts'
import { receiveBlock } from './raw-block.ts'

/** A holder whose turn it is; over when its attempt has a code. */
interface Turn {
  holder: Holder
  attempt: Attempt
  startedAtMs: number
}

export class HolderBlocks {
  readonly #deps: FetchDeps
  /** Whose holders are asked. */
  readonly #root: CID
  readonly #report: FetchReport
  readonly #signal: AbortSignal
  #search: HolderSearch | undefined
  #holders: AsyncGenerator<Holder> | undefined
  #turn: Turn | undefined
  #changing: Promise<Turn> | undefined
  #failure: Error | undefined
  #roundsCount = 0
  #broughtBytes = 0
  #broughtBytesBefore = 0

  /** @param signal ends every wait; @param report is filled in, also when it fails */
  constructor(
    deps: FetchDeps,
    { root, report, signal }: { root: CID; report: FetchReport; signal: AbortSignal },
  ) {
    this.#deps = deps
    this.#root = root
    this.#report = report
    this.#signal = signal
  }

  /**
   * One block, verified. Several may be asked for at once.
   * @throws FetchFailed when nobody has it or all fail; CodedError `CONTENT_REFUSED_HERE`; the
   *   signal's reason
   */
  async bring(cid: CID): Promise<Uint8Array> {
    const { refusals, clock } = this.#deps
    checkBlockAllowed(refusals, cid.multihash.digest)
    for (;;) {
      const { holder, attempt, startedAtMs } = await this.#current()
      try {
        const bytes = await receiveBlock(this.#deps, { holder, cid }, this.#signal)
        this.#broughtBytes += bytes.length
        attempt.toBytes += bytes.length
        return bytes
      } catch (thrown) {
        const code = errorCode(thrown) ?? ''
        this.#signal.throwIfAborted()
        if (!isPeersFailure(code)) throw thrown
        // Others of its blocks may be on their way: the first failure is the one that is told.
        if (attempt.code === undefined) this.#give(attempt, holder, asError(thrown), code)
      } finally {
        attempt.durationMs = clock.monotonicMs() - startedAtMs
      }
    }
  }

  async close(): Promise<void> {
    await this.#holders?.return(undefined)
    this.#note()
  }

  #give(attempt: Attempt, { peerId }: Holder, { message }: Error, code: string): void {
    attempt.code = code
    attempt.message = message
    if (code === 'CONTENT_WRONG_BYTES') noteBadPeer(this.#deps, peerId, message)
    this.#deps.log.info('a peer failed to give a block; asking the next', {
      cid: this.#root.toString(),
      peerId,
      code,
    })
  }

  #current(): Promise<Turn> {
    const turn = this.#turn
    if (turn !== undefined && turn.attempt.code === undefined) return Promise.resolve(turn)
    this.#changing ??= this.#next().finally(() => {
      this.#changing = undefined
    })
    return this.#changing
  }

  async #next(): Promise<Turn> {
    if (this.#failure !== undefined) throw this.#failure
    for (;;) {
      this.#search ??= new HolderSearch(this.#deps, this.#root)
      this.#holders ??= this.#search.holders(this.#signal)
      const next = await this.#holders.next()
      if (next.done !== true) return this.#begin(next.value)
      this.#note()
      this.#search = undefined
      this.#holders = undefined
      this.#roundsCount += 1
      // Another round makes sense when this one brought something: then somebody may have more.
      const isOver =
        this.#broughtBytes === this.#broughtBytesBefore || this.#roundsCount >= FETCH_ROUNDS_MAX
      this.#broughtBytesBefore = this.#broughtBytes
      if (!isOver) continue
      this.#signal.throwIfAborted()
      this.#failure = failureOf(this.#root, this.#report)
      throw this.#failure
    }
  }

  #begin(holder: Holder): Turn {
    const fromBytes = this.#broughtBytes
    const attempt: Attempt = {
      ...startOf(holder),
      fromBytes,
      toBytes: fromBytes,
      durationMs: 0,
    }
    this.#report.attempts.push(attempt)
    this.#turn = { holder, attempt, startedAtMs: this.#deps.clock.monotonicMs() }
    return this.#turn
  }

  /** How the latest search went. */
  #note(): void {
    if (this.#search === undefined) return
    const { connectedCount, askedCount, badCount, silentCount } = this.#search
    Object.assign(this.#report, { connectedCount, askedCount, badCount, silentCount })
  }
}
