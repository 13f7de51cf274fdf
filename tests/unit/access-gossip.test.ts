// SPDX-License-Identifier: AGPL-3.0-or-later
import { encode } from '@ipld/dag-cbor'
import { afterEach, describe, expect, it } from 'vitest'
import {
  decodeMessage,
  encodeMessage,
  type GossipOutcome,
  issueNotice,
  judgeNotice,
  RevocationGossip,
  RevocationStore,
  TokenReader,
} from '../../src/access/access.ts'
import {
  ANSWER_BYTES_MAX,
  DIGEST_BUCKETS,
  NOTICES_PER_ANSWER_MAX,
  NOTICES_PER_PEER,
  RECONCILIATIONS_PER_PEER,
  SHORT_ID_BYTES,
} from '../../src/access/limits.ts'
import { type PeerId, VirtualClock } from '../../src/base/base.ts'
import type { NodeIdentity } from '../../src/identity/identity.ts'
import type { Database } from '../../src/store/store.ts'
import {
  ana,
  bela,
  carla,
  grant,
  mallory,
  mustHold,
  node,
  openAccessDatabase,
  person,
} from './access-support.ts'

const databases: Database[] = []
afterEach(() => {
  for (const database of databases.splice(0)) database.close()
})

/** A node that gossips about what belongs to `node`. */
class Gossiper {
  readonly clock = new VirtualClock()
  readonly store: RevocationStore
  readonly machine: RevocationGossip
  readonly peerId: PeerId

  constructor(identity: NodeIdentity, database: Database) {
    this.peerId = identity.peerId
    this.store = new RevocationStore(database, { isOurs: (subject) => subject === node.peerId })
    const reader = new TokenReader()
    this.machine = new RevocationGossip({ clock: this.clock, reader, store: this.store })
  }

  static async open(identity: NodeIdentity): Promise<Gossiper> {
    const database = await openAccessDatabase()
    databases.push(database)
    return new Gossiper(identity, database)
  }

  /** Knows it already, without any gossip. */
  knows(notices: readonly Uint8Array[]): void {
    for (const bytes of notices) this.store.keep(mustHold(judgeNotice(bytes, new TokenReader())))
  }

  published(from: PeerId, notice: Uint8Array): GossipOutcome {
    return this.machine.on({ kind: 'published', peer: from, notice })
  }

  hears(from: PeerId, bytes: Uint8Array): GossipOutcome {
    return this.machine.on({ kind: 'message', peer: from, bytes })
  }

  get names(): readonly string[] {
    return [...this.store.shortIds()].map((name) => Buffer.from(name).toString('hex'))
  }
}

/** One of the two begins a round, and all that follows is delivered. */
function round(first: Gossiper, second: Gossiper): number {
  const nodes = new Map([first, second].map((one) => [one.peerId, one]))
  const queue = [
    { from: first, actions: first.machine.on({ kind: 'round', peer: second.peerId }).actions },
  ]
  let sent = 0
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    for (const action of next.actions) {
      if (action.kind !== 'send') throw new Error('a round publishes nothing')
      const to = nodes.get(action.peer)
      if (to === undefined) throw new Error('a message goes to nobody')
      sent += 1
      const outcome = to.hears(next.from.peerId, action.bytes)
      expect(outcome.verdict).toBe('accept')
      queue.push({ from: to, actions: outcome.actions })
    }
  }
  return sent
}

const newNotice = (revoker = node): Uint8Array =>
  issueNotice(revoker, [grant(node, ana), grant(ana, bela)], Uint8Array.of(1))
const newNotices = (count: number) => Array.from({ length: count }, () => newNotice())

describe('gossip of revocations', () => {
  it('publishes what is taken back here', async () => {
    const one = await Gossiper.open(ana)
    const notice = newNotice()
    expect(one.machine.on({ kind: 'revoked', notice }).actions).toEqual([
      { kind: 'publish', notice },
    ])
  })

  it('keeps and passes on what is new, once', async () => {
    const one = await Gossiper.open(ana)
    const notice = newNotice()
    const first = one.published(bela.peerId, notice)
    expect(first.verdict).toBe('accept')
    expect(first.kept).toHaveLength(1)
    expect(one.published(carla.peerId, notice)).toMatchObject({ verdict: 'ignore', kept: [] })
  })

  it('rejects what is false, and pays for it once', async () => {
    const one = await Gossiper.open(ana)
    const notice = newNotice(mallory)
    expect(one.published(bela.peerId, notice)).toMatchObject({
      verdict: 'reject',
      reason: 'REVOKER_WRONG',
    })
    expect(one.published(bela.peerId, notice).reason).toBe('known to be bad')
    expect(one.store.size).toBe(0)
  })

  it('brings two sets together, whoever begins', async () => {
    const one = await Gossiper.open(ana)
    const other = await Gossiper.open(bela)
    const common = newNotices(10)
    one.knows([...common, ...newNotices(7)])
    other.knows([...common, ...newNotices(5)])
    round(one, other)
    expect(one.store.size).toBe(22)
    expect(other.names).toEqual(one.names)
    // Nothing differs any more: a digest, and no answer.
    expect(round(other, one)).toBe(1)
  })

  it('fills an empty node from a full one, in rounds', async () => {
    const one = await Gossiper.open(ana)
    const other = await Gossiper.open(bela)
    one.knows(newNotices(NOTICES_PER_ANSWER_MAX + 10))
    round(other, one)
    expect(other.store.size).toBe(NOTICES_PER_ANSWER_MAX)
    other.clock.advance(60_000)
    round(other, one)
    expect(other.names).toEqual(one.names)
  })

  it('checks only so many notices of one peer at once', async () => {
    const one = await Gossiper.open(ana)
    const outcomes = newNotices(NOTICES_PER_PEER.burst + 1).map((notice) => {
      return one.published(mallory.peerId, notice)
    })
    expect(outcomes.at(-2)?.verdict).toBe('accept')
    expect(outcomes.at(-1)).toMatchObject({ verdict: 'ignore', reason: 'too often' })
    // Others are heard as before.
    expect(one.published(bela.peerId, newNotice()).verdict).toBe('accept')
    expect(one.store.size).toBe(NOTICES_PER_PEER.burst + 1)
  })

  it('answers only so many digests of one peer', async () => {
    const one = await Gossiper.open(ana)
    const hashes = new Uint8Array(DIGEST_BUCKETS * SHORT_ID_BYTES)
    const bytes = encodeMessage({ kind: 'digest', hashes })
    for (let at = 0; at < RECONCILIATIONS_PER_PEER.burst; at++) {
      expect(one.hears(mallory.peerId, bytes).verdict).toBe('accept')
    }
    expect(one.hears(mallory.peerId, bytes)).toMatchObject({ verdict: 'ignore', actions: [] })
  })

  it('does not forget under a flood', async () => {
    const one = await Gossiper.open(ana)
    const own = newNotice()
    one.knows([own])
    for (let at = 0; at < 200; at++) {
      const stranger = person(`stranger ${at}`)
      const path = [grant(stranger, mallory, { subject: stranger.peerId })]
      one.published(stranger.peerId, issueNotice(stranger, path, Uint8Array.of(1)))
      one.clock.advance(100)
    }
    expect(one.store.size).toBe(201)
    expect(one.published(bela.peerId, own).reason).toBe('known')
  })

  it('an answer has a size', async () => {
    const one = await Gossiper.open(ana)
    const long = { meta: { filler: new Uint8Array(7_000) } }
    one.knows(
      Array.from({ length: 30 }, () =>
        issueNotice(node, [grant(node, ana, long)], Uint8Array.of(1)),
      ),
    )
    const names = Buffer.concat([...one.store.shortIds()])
    const { actions } = one.hears(bela.peerId, encodeMessage({ kind: 'want', names }))
    expect(actions).toHaveLength(1)
    const [action] = actions
    const sizeBytes = action?.kind === 'send' ? action.bytes.length : 0
    expect(sizeBytes).toBeGreaterThan(ANSWER_BYTES_MAX / 2)
    expect(sizeBytes).toBeLessThan(ANSWER_BYTES_MAX + 1_024)
  })
})

describe('a message', () => {
  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['no list', {}],
    ['an unknown kind', ['hello']],
    ['a short digest', ['digest', new Uint8Array(8)]],
    ['a digest of text', ['digest', 'x'.repeat(DIGEST_BUCKETS * SHORT_ID_BYTES)]],
    ['half a name', ['want', new Uint8Array(SHORT_ID_BYTES + 1)]],
    ['too many wishes', ['want', new Uint8Array((NOTICES_PER_ANSWER_MAX + 1) * SHORT_ID_BYTES)]],
    ['names without buckets', ['names', new Uint8Array(SHORT_ID_BYTES)]],
    ['too few buckets', ['names', new Uint8Array(31), new Uint8Array(SHORT_ID_BYTES)]],
    ['too many notices', ['notices', ...Array(NOTICES_PER_ANSWER_MAX + 1).fill(new Uint8Array())]],
  ])('that is %s is rejected', (_what, value) => {
    const bytes = value === undefined ? new Uint8Array() : encode(value)
    expect(decodeMessage(bytes).verdict).toBe('reject')
  })

  it('that is too large or nests without end is rejected', () => {
    expect(decodeMessage(new Uint8Array(1_000_000)).verdict).toBe('reject')
    expect(decodeMessage(new Uint8Array(100_000).fill(0x81)).verdict).toBe('reject')
  })
})
