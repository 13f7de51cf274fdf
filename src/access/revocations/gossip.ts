// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * How revocations get around, as a machine without wires: what was heard goes in, what is to be sent
 * comes out. A new one is published to the whole city. What a node missed, it gets from the peers that
 * it meets: both compare digests of what they have, name what differs, and send what the other lacks.
 */
import { createHash } from 'node:crypto'
import { type Clock, type PeerId, RateLimit } from '../../base/base.ts'
import {
  ANSWER_BYTES_MAX,
  BAD_NOTICES_MAX,
  DIGEST_BUCKETS,
  GOSSIP_PEERS_MAX,
  NOTICES_PER_ANSWER_MAX,
  NOTICES_PER_PEER,
  RECONCILIATIONS_PER_PEER,
  SHORT_ID_BYTES,
} from '../limits.ts'
import { RecentMap } from '../recent-map.ts'
import type { TokenReader } from '../tokens/tokens.ts'
import { decodeMessage, eachName, encodeMessage, joinNames, type Message } from './messages.ts'
import { judgeNotice, type Notice } from './notice.ts'
import type { KeepResult } from './revocation-store.ts'

/** What the machine needs of the store. */
export interface KeptNotices {
  /** Changes with what is kept. */
  readonly revision: number
  keep(notice: Notice): KeepResult
  shortIds(): Iterable<Uint8Array>
  noticeOf(shortId: Uint8Array): Uint8Array | undefined
}

export type GossipEvent =
  /** Taken back here; kept already. */
  | { kind: 'revoked'; notice: Uint8Array }
  /** Time to compare with that peer: it was just met, or a round is due. */
  | { kind: 'round'; peer: PeerId }
  /** A notice that was published by anybody and came from that peer. */
  | { kind: 'published'; peer: PeerId; notice: Uint8Array }
  /** A message of that peer's, for us alone. */
  | { kind: 'message'; peer: PeerId; bytes: Uint8Array }

export type GossipAction =
  | { kind: 'publish'; notice: Uint8Array }
  | { kind: 'send'; peer: PeerId; bytes: Uint8Array }

/** `reject` costs the peer its good name, `ignore` does not; only `accept` is passed on. */
export interface GossipOutcome {
  verdict: 'accept' | 'ignore' | 'reject'
  /** Why not, for counting. */
  reason?: string
  actions: readonly GossipAction[]
  /** What is kept now and was not before: whoever rests on it is to be cut off. */
  kept: readonly Notice[]
}

interface Peer {
  notices: RateLimit
  rounds: RateLimit
}

export class RevocationGossip {
  readonly #clock: Clock
  readonly #reader: TokenReader
  readonly #store: KeptNotices
  readonly #peers = new RecentMap<PeerId, Peer>(GOSSIP_PEERS_MAX)
  readonly #bad = new RecentMap<string, true>(BAD_NOTICES_MAX)
  /** Of what was kept at that revision: reading all names takes a while, and rounds are many. */
  #hashes: { revision: number; hashes: Uint8Array } | undefined

  constructor(deps: { clock: Clock; reader: TokenReader; store: KeptNotices }) {
    this.#clock = deps.clock
    this.#reader = deps.reader
    this.#store = deps.store
  }

  on(event: GossipEvent): GossipOutcome {
    switch (event.kind) {
      case 'revoked':
        return outcome('accept', { actions: [{ kind: 'publish', notice: event.notice }] })
      case 'round':
        return outcome('accept', { actions: [this.#send(event.peer, this.#digest())] })
      case 'published':
        return this.#onNotice(event.peer, event.notice)
      case 'message':
        return this.#onMessage(event.peer, event.bytes)
    }
  }

  #onMessage(peer: PeerId, bytes: Uint8Array): GossipOutcome {
    const decoded = decodeMessage(bytes)
    if (decoded.verdict !== 'accept') return outcome(decoded.verdict, { reason: decoded.reason })
    const message = decoded.value
    if (message.kind === 'notices') return this.#onNotices(peer, message.notices)
    if (!this.#peerOf(peer).rounds.tryTake()) return outcome('ignore', { reason: 'too often' })
    const replies =
      message.kind === 'digest'
        ? this.#onDigest(message.hashes)
        : message.kind === 'names'
          ? this.#onNames(message.buckets, message.names)
          : [this.#answer([...eachName(message.names)])]
    const actions = replies
      .filter((reply) => reply !== undefined)
      .map((reply) => this.#send(peer, reply))
    return outcome('accept', { actions })
  }

  /** What differs, and what we have of that; nothing when nothing does. */
  #onDigest(theirs: Uint8Array): readonly Message[] {
    const ours = this.#ownHashes()
    const buckets = new Uint8Array(DIGEST_BUCKETS / 8)
    for (let bucket = 0; bucket < DIGEST_BUCKETS; bucket++) {
      const at = bucket * SHORT_ID_BYTES
      const end = at + SHORT_ID_BYTES
      if (Buffer.compare(ours.subarray(at, end), theirs.subarray(at, end)) === 0) continue
      buckets[bucket >> 3] = (buckets[bucket >> 3] ?? 0) | (1 << (bucket & 7))
    }
    if (buckets.every((byte) => byte === 0)) return []
    return [{ kind: 'names', buckets, names: joinNames(this.#namesIn(buckets)) }]
  }

  /** Of the buckets that differ: what they lack, and a wish for what we lack. */
  #onNames(buckets: Uint8Array, theirNames: Uint8Array): readonly (Message | undefined)[] {
    const theirs = new Map([...eachName(theirNames)].map((name) => [keyOf(name), name]))
    const lacking: Uint8Array[] = []
    for (const name of this.#namesIn(buckets)) {
      if (!theirs.delete(keyOf(name))) lacking.push(name)
    }
    // What stays is what we do not have.
    const wanted = [...theirs.values()].slice(0, NOTICES_PER_ANSWER_MAX)
    const want: Message | undefined =
      wanted.length === 0 ? undefined : { kind: 'want', names: joinNames(wanted) }
    return [this.#answer(lacking), want]
  }

  /** As many of those notices as go into one answer; the next round brings more. */
  #answer(names: readonly Uint8Array[]): Message | undefined {
    const notices: Uint8Array[] = []
    let sizeBytes = 0
    for (const name of names.slice(0, NOTICES_PER_ANSWER_MAX)) {
      const notice = this.#store.noticeOf(name)
      if (notice === undefined) continue
      sizeBytes += notice.length
      if (sizeBytes > ANSWER_BYTES_MAX) break
      notices.push(notice)
    }
    return notices.length === 0 ? undefined : { kind: 'notices', notices }
  }

  #onNotices(peer: PeerId, notices: readonly Uint8Array[]): GossipOutcome {
    const outcomes = notices.map((notice) => this.#onNotice(peer, notice))
    const worst = outcomes.find(({ verdict }) => verdict === 'reject')
    const kept = outcomes.flatMap((one) => one.kept)
    return outcome(worst?.verdict ?? 'accept', {
      kept,
      ...(worst?.reason === undefined ? {} : { reason: worst.reason }),
    })
  }

  #onNotice(peer: PeerId, bytes: Uint8Array): GossipOutcome {
    const hash = createHash('sha256').update(bytes).digest('base64')
    if (this.#bad.get(hash) === true) return outcome('reject', { reason: 'known to be bad' })
    // Before any signature is verified: that is what costs.
    if (!this.#peerOf(peer).notices.tryTake()) return outcome('ignore', { reason: 'too often' })
    const judged = judgeNotice(bytes, this.#reader)
    if (!judged.ok) {
      this.#bad.set(hash, true)
      return outcome('reject', { reason: judged.refusal.code })
    }
    const result = this.#keep(judged.value)
    return result === 'new'
      ? outcome('accept', { kept: [judged.value] })
      : outcome('ignore', { reason: result })
  }

  #keep(notice: Notice): KeepResult | 'no room' {
    try {
      return this.#store.keep(notice)
    } catch {
      // The store is full of what the subject itself took back, or fails; `/health` tells of both.
      return 'no room'
    }
  }

  #digest(): Message {
    return { kind: 'digest', hashes: this.#ownHashes() }
  }

  #ownHashes(): Uint8Array {
    const { revision } = this.#store
    if (this.#hashes?.revision === revision) return this.#hashes.hashes
    const hashes = hashesOf(this.#store.shortIds())
    this.#hashes = { revision, hashes }
    return hashes
  }

  #namesIn(buckets: Uint8Array): readonly Uint8Array[] {
    const names: Uint8Array[] = []
    for (const name of this.#store.shortIds()) {
      const bucket = bucketOf(name)
      if (((buckets[bucket >> 3] ?? 0) & (1 << (bucket & 7))) !== 0) names.push(name)
    }
    return names
  }

  #send(peer: PeerId, message: Message): GossipAction {
    return { kind: 'send', peer, bytes: encodeMessage(message) }
  }

  #peerOf(peerId: PeerId): Peer {
    const known = this.#peers.get(peerId)
    if (known !== undefined) return known
    const peer = {
      notices: new RateLimit(this.#clock, NOTICES_PER_PEER),
      rounds: new RateLimit(this.#clock, RECONCILIATIONS_PER_PEER),
    }
    this.#peers.set(peerId, peer)
    return peer
  }
}

function outcome(
  verdict: GossipOutcome['verdict'],
  more: Partial<Omit<GossipOutcome, 'verdict'>> = {},
): GossipOutcome {
  return { verdict, actions: [], kept: [], ...more }
}

/** A name is a hash, so its first byte spreads them evenly. */
function bucketOf(name: Uint8Array): number {
  return name[0] ?? 0
}

function keyOf(name: Uint8Array): string {
  return Buffer.from(name).toString('base64')
}

/** For each bucket a hash over its names in order; zeros where there are none. */
function hashesOf(names: Iterable<Uint8Array>): Uint8Array {
  const buckets = Array.from({ length: DIGEST_BUCKETS }, (): Uint8Array[] => [])
  for (const name of names) buckets[bucketOf(name)]?.push(name)
  const hashes = new Uint8Array(DIGEST_BUCKETS * SHORT_ID_BYTES)
  for (const [bucket, inBucket] of buckets.entries()) {
    if (inBucket.length === 0) continue
    const hash = createHash('sha256')
    for (const name of inBucket.toSorted(Buffer.compare)) hash.update(name)
    hashes.set(hash.digest().subarray(0, SHORT_ID_BYTES), bucket * SHORT_ID_BYTES)
  }
  return hashes
}
