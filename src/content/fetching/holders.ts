// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Who has an item: all connected peers are asked at once, neighbours first, and come out in the
 * order in which they said yes. Who answers first is nearest by what counts at this moment.
 */
import type { CID } from 'multiformats/cid'
import {
  asError,
  type Clock,
  CodedError,
  deadline,
  type Logger,
  type PeerId,
} from '../../base/base.ts'
import type { ConnectedPeer, HttpsAddress, PeerNetwork } from '../../net/net.ts'
import {
  BAD_PEER_MS,
  BAD_PEERS_MAX,
  HAVE_MS_MAX,
  HAVE_PARALLEL_MAX,
  HAVE_REPLY_BYTES_MAX,
} from '../limits.ts'
import { encodeHaveRequest, HAVE_TOPIC, type Had, parseHaveReply } from './have.ts'

/** The slice of the network that this room uses. */
export type ContentNetwork = Pick<PeerNetwork, 'connectedPeers' | 'neighbours' | 'ask' | 'answer'>

/** A peer that says it has the item. */
export interface Holder {
  peerId: PeerId
  https: HttpsAddress
  had: Had
  /** Set for a segment peer. */
  interfaceName: string | undefined
  /** Round trip in ms, of a neighbour. */
  rttMs: number | undefined
  /** How long it took to say so, in ms. */
  answeredMs: number
}

export interface HolderDeps {
  network: ContentNetwork
  badPeers: BadPeers
  clock: Clock
  log: Logger
}

/** One search. Its figures say why it found nobody. */
export class HolderSearch {
  readonly #deps: HolderDeps
  readonly #cid: CID
  connectedCount = 0
  askedCount = 0
  /** Peers that were not asked because they served wrong bytes before. */
  badCount = 0
  /** Peers that did not answer, or not sensibly. */
  silentCount = 0

  constructor(deps: HolderDeps, cid: CID) {
    this.#deps = deps
    this.#cid = cid
  }

  /** Ends when all have answered or were given up. */
  async *holders(signal: AbortSignal): AsyncGenerator<Holder> {
    const peers = this.#candidates()
    const found: Holder[] = []
    let wake = (): void => {}
    const done = new AbortController()
    const askSignal = AbortSignal.any([signal, done.signal])
    let runningCount = Math.min(peers.length, HAVE_PARALLEL_MAX)
    const rest = peers.values()
    const worker = async (): Promise<void> => {
      for (const peer of rest) {
        const holder = await this.#ask(peer, askSignal)
        if (holder === undefined) continue
        found.push(holder)
        wake()
      }
      runningCount -= 1
      wake()
    }
    const workers = Array.from({ length: runningCount }, worker)
    try {
      for (;;) {
        signal.throwIfAborted()
        const holder = found.shift()
        if (holder !== undefined) yield holder
        else if (runningCount === 0) return
        else {
          await new Promise<void>((resolve) => {
            wake = resolve
          })
        }
      }
    } finally {
      done.abort(new CodedError('ABORTED', 'The search is over.'))
      await Promise.all(workers)
    }
  }

  /** Whom to ask, neighbours with the shortest round trip first. */
  #candidates(): (ConnectedPeer & { https: HttpsAddress })[] {
    const { network, badPeers } = this.#deps
    const rtts = new Map(network.neighbours().map(({ peerId, rttMs }) => [peerId, rttMs ?? 0]))
    const connected = network.connectedPeers()
    this.connectedCount = connected.length
    const candidates: (ConnectedPeer & { https: HttpsAddress })[] = []
    for (const peer of connected) {
      if (badPeers.has(peer.peerId)) this.badCount += 1
      else if (peer.https !== undefined) candidates.push({ ...peer, https: peer.https })
    }
    const rank = (peer: ConnectedPeer): number => rtts.get(peer.peerId) ?? Number.MAX_VALUE
    return candidates.sort((one, other) => rank(one) - rank(other))
  }

  async #ask(
    peer: ConnectedPeer & { https: HttpsAddress },
    signal: AbortSignal,
  ): Promise<Holder | undefined> {
    if (signal.aborted) return undefined
    const { network, clock, log } = this.#deps
    this.askedCount += 1
    const askedAtMs = clock.monotonicMs()
    const tooSlow = (): Error => new CodedError('CONTENT_NO_ANSWER', 'The peer did not answer.')
    const limit = deadline(clock, HAVE_MS_MAX, tooSlow, signal)
    try {
      const reply = await network.ask(peer.peerId, HAVE_TOPIC, encodeHaveRequest([this.#cid]), {
        replyBytesMax: HAVE_REPLY_BYTES_MAX,
        signal: limit.signal,
      })
      const parsed = parseHaveReply(reply, 1)
      if (parsed.verdict !== 'accept') throw new CodedError('CONTENT_BAD_ANSWER', parsed.reason)
      const had = parsed.value[0]
      if (had === undefined) return undefined
      const { peerId, https, interfaceName } = peer
      const rttMs = network.neighbours().find((near) => near.peerId === peerId)?.rttMs
      const answeredMs = clock.monotonicMs() - askedAtMs
      return { peerId, https, had, interfaceName, rttMs, answeredMs }
    } catch (thrown) {
      // A peer that cannot say has nothing to give; the others are asked all the same.
      if (!signal.aborted) {
        this.silentCount += 1
        log.debug('a peer did not say what it has', { peerId: peer.peerId, error: asError(thrown) })
      }
      return undefined
    } finally {
      limit.cancel()
    }
  }
}

/** Peers that served wrong bytes, for a while. */
export class BadPeers {
  readonly #clock: Clock
  readonly #entries = new Map<PeerId, { untilMs: number; reason: string }>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  add(peerId: PeerId, reason: string): void {
    this.#entries.delete(peerId)
    this.#entries.set(peerId, { untilMs: this.#clock.monotonicMs() + BAD_PEER_MS, reason })
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= BAD_PEERS_MAX) break
      this.#entries.delete(oldest)
    }
  }

  has(peerId: PeerId): boolean {
    const entry = this.#entries.get(peerId)
    if (entry === undefined) return false
    if (entry.untilMs > this.#clock.monotonicMs()) return true
    this.#entries.delete(peerId)
    return false
  }

  /** Who, and why. */
  list(): readonly { peerId: PeerId; reason: string }[] {
    return [...this.#entries]
      .filter(([peerId]) => this.has(peerId))
      .map(([peerId, { reason }]) => ({ peerId, reason }))
  }
}
