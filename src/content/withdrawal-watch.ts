// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Keeps looking whether publishers have withdrawn items that this node shares: now and then one
 * connected peer is asked about some of them, and soon one that is new here. What was withdrawn is no
 * longer public; the keeper keeps the copy.
 *
 * Nobody is ever asked about an item that is private at that moment.
 */
import type { CID } from 'multiformats/cid'
import {
  asError,
  type Clock,
  CodedError,
  type HealthCondition,
  type Logger,
  type PeerId,
  type Random,
  randomBetween,
  repeat,
  type Service,
  type Timer,
} from '../base/base.ts'
import type { PeerNetwork } from '../net/net.ts'
import type { ItemChanges } from './blocks/blocks.ts'
import type { Item } from './item.ts'
import {
  type Refusals,
  WATCH_GAP_MS_MAX,
  WATCH_GAP_MS_MIN,
  WATCH_PASS_GAP_MS,
  WATCH_PEERS_MAX,
  WITHDRAWN_CIDS_MAX,
} from './refusals/refusals.ts'

export interface WithdrawalWatchDeps {
  items: {
    get(cid: CID): Item | undefined
    update(cid: CID, changes: ItemChanges): Promise<Item>
  }
  refusals: Pick<Refusals, 'sharedPublications' | 'withdrawnItems' | 'askWithdrawn'>
  network: Pick<PeerNetwork, 'connectedPeers'>
  clock: Clock
  random: Random
  log: Logger
}

/** How far a peer was asked. */
interface Progress {
  /** Id of the last publication that it was asked about; 0: from the first. */
  after: number
  /** When it was asked last, monotonic. */
  askedAtMs: number
  /** When it had been asked about everything; undefined: not yet since it came. */
  passedAtMs: number | undefined
}

export class WithdrawalWatch implements Service {
  readonly name = 'withdrawals'
  readonly #deps: WithdrawalWatchDeps
  readonly #stopping = new AbortController()
  /** Longest not asked first; of peers that are gone, too, so that who comes and goes gains nothing. */
  readonly #peers = new Map<PeerId, Progress>()
  #connected: ReadonlySet<PeerId> = new Set()
  /** Who came and was not asked since, newest last. */
  #newcomers: PeerId[] = []
  #isNewcomersTurn = false
  #timer: Timer | undefined
  #looking: Promise<void> | undefined
  /** Items that others no longer get, since the start. */
  #hiddenCount = 0

  constructor(deps: WithdrawalWatchDeps) {
    this.#deps = deps
  }

  async start(): Promise<void> {
    const { clock, random } = this.#deps
    // A power cut may have come between learning of a withdrawal and following it.
    await this.#hideWithdrawn()
    this.#timer = repeat(
      clock,
      () => randomBetween(random, WATCH_GAP_MS_MIN, WATCH_GAP_MS_MAX),
      () => {
        this.#looking ??= this.#lookSafely().finally(() => {
          this.#looking = undefined
        })
      },
    )
  }

  async stop(): Promise<void> {
    this.#timer?.cancel()
    this.#stopping.abort(new CodedError('NODE_STOPPING', 'The node is stopping.'))
    await this.#looking
  }

  health(): readonly HealthCondition[] {
    const count = this.#hiddenCount
    if (count === 0) return []
    const text =
      count === 1
        ? 'The publisher has withdrawn an item that you shared; others no longer get it from you.'
        : `Publishers have withdrawn ${count} items that you shared; others no longer get them from you.`
    return [
      {
        code: 'CONTENT_WITHDRAWN',
        severity: 'info',
        text,
        advice: 'Your copies are still here, for you alone: see citynode ls.',
      },
    ]
  }

  async #lookSafely(): Promise<void> {
    try {
      await this.#look()
    } catch (thrown) {
      if (this.#stopping.signal.aborted) return
      // The next look may do better; what is known to be withdrawn is not served meanwhile.
      this.#deps.log.warn('withdrawals could not be looked for', { error: asError(thrown) })
    }
  }

  /** One question at most. */
  async #look(): Promise<void> {
    const { clock, network, refusals } = this.#deps
    const peerId = this.#nextPeer(network.connectedPeers().map((peer) => peer.peerId))
    if (peerId === undefined) return
    const progress = this.#peers.get(peerId) ?? NEVER_ASKED
    const page = refusals.sharedPublications(progress.after, WITHDRAWN_CIDS_MAX)
    const isLast = page.length < WITHDRAWN_CIDS_MAX
    const nowMs = clock.monotonicMs()
    this.#peers.delete(peerId)
    this.#peers.set(peerId, {
      after: isLast ? 0 : (page.at(-1)?.id ?? 0),
      askedAtMs: nowMs,
      passedAtMs: isLast ? nowMs : progress.passedAtMs,
    })
    const cids = page.map(({ root }) => root).filter((root) => this.#isPublic(root))
    if (cids.length === 0) return
    const news = await refusals.askWithdrawn(peerId, cids, this.#stopping.signal)
    for (const { record } of news) {
      // A withdrawal may spell it otherwise; what counts is the hash.
      const { bytes } = record.root.multihash
      const cid = cids.find((one) => Buffer.compare(one.multihash.bytes, bytes) === 0)
      if (cid !== undefined) await this.#hide(cid)
    }
  }

  /**
   * In turns the newest newcomer, and who was not asked for the longest time of those who were not
   * asked about all lately: neither many peers nor such as come and go all the time shut others out.
   */
  #nextPeer(connected: readonly PeerId[]): PeerId | undefined {
    this.#noteNewcomers(connected)
    this.#isNewcomersTurn = !this.#isNewcomersTurn
    const newcomer = this.#isNewcomersTurn ? this.#newcomers.at(-1) : undefined
    const peerId = newcomer ?? this.#longestNotAsked(connected)
    this.#newcomers = this.#newcomers.filter((one) => one !== peerId)
    return peerId
  }

  #noteNewcomers(connected: readonly PeerId[]): void {
    const came = connected.filter((peerId) => !this.#connected.has(peerId))
    for (const peerId of came) {
      // Who was away may have heard of something: it is asked about all again, in its turn.
      const progress = this.#peers.get(peerId)
      if (progress !== undefined) progress.passedAtMs = undefined
    }
    this.#connected = new Set(connected)
    this.#newcomers = [...this.#newcomers, ...came]
      .filter((peerId) => this.#connected.has(peerId))
      .slice(-WATCH_PEERS_MAX)
    this.#forgetOldest()
  }

  #longestNotAsked(connected: readonly PeerId[]): PeerId | undefined {
    const nowMs = this.#deps.clock.monotonicMs()
    let next: { peerId: PeerId; askedAtMs: number } | undefined
    for (const peerId of connected) {
      const { askedAtMs, passedAtMs, after } = this.#peers.get(peerId) ?? NEVER_ASKED
      const isDone = after === 0 && passedAtMs !== undefined
      if (isDone && nowMs - passedAtMs < WATCH_PASS_GAP_MS) continue
      if (next === undefined || askedAtMs < next.askedAtMs) next = { peerId, askedAtMs }
    }
    return next?.peerId
  }

  #forgetOldest(): void {
    for (const peerId of this.#peers.keys()) {
      if (this.#peers.size <= WATCH_PEERS_MAX) return
      if (!this.#connected.has(peerId)) this.#peers.delete(peerId)
    }
  }

  #isPublic(root: CID): boolean {
    return this.#deps.items.get(root)?.visibility === 'public'
  }

  async #hideWithdrawn(): Promise<void> {
    for (let after = 0; ; ) {
      const page = this.#deps.refusals.withdrawnItems(after, WITHDRAWN_CIDS_MAX)
      for (const { root } of page) await this.#hide(root)
      const last = page.at(-1)
      if (last === undefined) return
      after = last.id
    }
  }

  async #hide(root: CID): Promise<void> {
    if (!this.#isPublic(root)) return
    const { items, log } = this.#deps
    const { cid } = await items.update(root, { visibility: 'private' })
    this.#hiddenCount += 1
    log.warn('the publisher has withdrawn an item that was shared; others no longer get it', {
      cid: cid.toString(),
    })
  }
}

const NEVER_ASKED: Progress = { after: 0, askedAtMs: -1, passedAtMs: undefined }
