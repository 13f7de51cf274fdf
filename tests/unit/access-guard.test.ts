// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, it } from 'vitest'
import {
  CapabilityGuard,
  type Delegation,
  ReplayMemory,
  type TakenBack,
  TokenReader,
} from '../../src/access/access.ts'
import {
  CHAINS_PER_HOLDER_MAX,
  HOLDERS_MAX,
  INVOCATION_LIFE_SECONDS_MAX,
} from '../../src/access/limits.ts'
import type { PeerId } from '../../src/base/base.ts'
import type { Caller } from '../../src/net/net.ts'
import {
  ana,
  bela,
  codeOf,
  grant,
  knownTime,
  mallory,
  mustHold,
  NOW,
  node,
  nothingTakenBack,
  person,
  requestBytes,
} from './access-support.ts'

function setUp() {
  const revokers = new Map<string, PeerId>()
  const takenBack: TakenBack = {
    ...nothingTakenBack,
    revokersOf: (cid) => [revokers.get(cid) ?? []].flat(),
  }
  const now: { view: { bound: number; agreed: number | undefined; hint: number } } = {
    view: { ...knownTime },
  }
  const deps = {
    reader: new TokenReader(),
    replays: new ReplayMemory(),
    time: { view: () => now.view },
    takenBack,
  }
  return { guard: new CapabilityGuard(deps, node.peerId), revokers, now }
}

const tokens = (chain: readonly Delegation[]) => chain.map(({ bytes }) => bytes)
const peer = (one: { peerId: PeerId }): Caller => ({ kind: 'peer', peerId: one.peerId })

describe('the guard', () => {
  it('lets everybody do what is public, and the owner everything', () => {
    const { guard } = setUp()
    const anybody: Caller = { kind: 'anonymous', address: '192.0.2.1' }
    expect(guard.check(anybody, 'public').allowed).toBe(true)
    expect(guard.check(peer(ana), 'public').allowed).toBe(true)
    expect(guard.check({ kind: 'owner' }, '/node/configure').allowed).toBe(true)
    expect(guard.check({ kind: 'owner' }, '/something/new').allowed).toBe(true)
    expect(guard.check(anybody, '/content/add').allowed).toBe(false)
    expect(guard.check(peer(ana), '/content/add').allowed).toBe(false)
  })

  it('lets a peer do what it was given, and nothing else', () => {
    const { guard } = setUp()
    mustHold(guard.present(ana.peerId, tokens([grant(node, ana)])))
    expect(guard.check(peer(ana), '/content/add').allowed).toBe(true)
    expect(guard.check(peer(ana), '/content/remove').allowed).toBe(false)
    expect(guard.check(peer(bela), '/content/add').allowed).toBe(false)
  })

  it('says why not, in words', () => {
    const { guard, now } = setUp()
    const reason = (need: `/${string}`) => {
      const answer = guard.check(peer(ana), need)
      return answer.allowed ? '' : answer.reason
    }
    expect(reason('/content/add')).toMatch(/^Only the owner/)
    mustHold(guard.present(ana.peerId, tokens([grant(node, ana, { command: '/content' })])))
    expect(reason('/node/configure')).toMatch(/not given the right/)
    expect(reason('/made/up')).toMatch(/does not know/)
    now.view = { bound: NOW, agreed: undefined, hint: NOW }
    expect(reason('/content/remove')).toMatch(/does not know what time it is/)
    expect(reason('/content/read')).toBe('')
    now.view = { bound: NOW + 4_000, agreed: NOW + 4_000, hint: NOW }
    expect(reason('/content/read')).toMatch(/has run out/)
  })

  it('does not keep what is somebody else’s, or no good', () => {
    const { guard } = setUp()
    const present = (holder: PeerId, chain: readonly Delegation[]) =>
      codeOf(guard.present(holder, tokens(chain)))
    expect(present(mallory.peerId, [grant(node, ana)])).toBe('HOLDER_WRONG')
    expect(present(ana.peerId, [])).toBe('PROOF_MISSING')
    expect(present(ana.peerId, [grant(bela, ana)])).toBe('ROOT_WRONG')
    expect(present(ana.peerId, [grant(bela, ana, { subject: bela.peerId })])).toBe('SUBJECT_WRONG')
    expect(present(ana.peerId, [grant(node, ana, { expires: NOW - 1 })])).toBe('EXPIRED')
    expect(codeOf(guard.present(ana.peerId, [new Uint8Array(10)]))).toBe('TOKEN_NOT_CANONICAL')
    const nine = Array.from({ length: 9 }, () => grant(node, ana))
    expect(present(ana.peerId, nine)).toBe('CHAIN_TOO_LONG')
    expect(guard.check(peer(ana), '/content/add').allowed).toBe(false)
  })

  it('looks again each time: what was taken back meanwhile counts no more', () => {
    const { guard, revokers } = setUp()
    const given = grant(node, ana)
    mustHold(guard.present(ana.peerId, tokens([given])))
    expect(guard.check(peer(ana), '/content/add').allowed).toBe(true)
    revokers.set(given.cid, node.peerId)
    expect(guard.check(peer(ana), '/content/add').allowed).toBe(false)
  })

  it('keeps conditions until it is known what is asked for', () => {
    const { guard } = setUp()
    const limited = grant(node, ana, { policy: [['<=', '.bytes', 100]] })
    mustHold(guard.present(ana.peerId, tokens([limited])))
    expect(guard.check(peer(ana), '/content/add').allowed).toBe(false)
    expect(guard.check(peer(ana), '/content/add', { bytes: 100 }).allowed).toBe(true)
    expect(guard.check(peer(ana), '/content/add', { bytes: 101 }).allowed).toBe(false)
  })

  it('takes no condition for met while it is not known what is asked for', () => {
    const { guard } = setUp()
    const notPrivate = grant(node, ana, { policy: [['not', ['==', '.kind', 'private']]] })
    mustHold(guard.present(ana.peerId, tokens([notPrivate])))
    expect(guard.check(peer(ana), '/content/add').allowed).toBe(false)
    expect(guard.check(peer(ana), '/content/add', { kind: 'public' }).allowed).toBe(true)
  })

  it('keeps so many chains of one holder, and so many holders', () => {
    const { guard } = setUp()
    mustHold(guard.present(bela.peerId, tokens([grant(node, bela, { command: '/board' })])))
    for (let at = 0; at < CHAINS_PER_HOLDER_MAX; at++) {
      mustHold(guard.present(bela.peerId, tokens([grant(node, bela)])))
    }
    expect(guard.check(peer(bela), '/content/add').allowed).toBe(true)
    expect(guard.check(peer(bela), '/board/post').allowed).toBe(false)
    for (let at = 0; at < HOLDERS_MAX; at++) {
      const guest = person(`guest ${at}`)
      mustHold(guard.present(guest.peerId, tokens([grant(node, guest)])))
    }
    expect(guard.check(peer(bela), '/content/add').allowed).toBe(false)
  })

  it('forgets a holder when told to', () => {
    const { guard } = setUp()
    mustHold(guard.present(ana.peerId, tokens([grant(node, ana)])))
    guard.forget(ana.peerId)
    expect(guard.check(peer(ana), '/content/add').allowed).toBe(false)
  })
})

describe('a signed request', () => {
  const given = grant(node, ana)
  const proofs = tokens([given])

  it('counts once', () => {
    const { guard } = setUp()
    const bytes = requestBytes(ana, [given])
    expect(codeOf(guard.checkRequest(bytes, proofs, '/content/add'))).toBe('ok')
    expect(codeOf(guard.checkRequest(bytes, proofs, '/content/add'))).toBe('REPLAYED')
  })

  it('need not bring its proofs again', () => {
    const { guard } = setUp()
    const check = (more: readonly Uint8Array[]) =>
      codeOf(guard.checkRequest(requestBytes(ana, [given]), more, '/content/add'))
    expect(check([])).toBe('PROOF_MISSING')
    expect(check(proofs)).toBe('ok')
    expect(check([])).toBe('ok')
  })

  it('is for this node and about it', () => {
    const { guard } = setUp()
    const check = (more: Parameters<typeof requestBytes>[2]) =>
      codeOf(guard.checkRequest(requestBytes(ana, [given], more), proofs, '/content/add'))
    expect(check({ audience: node.peerId })).toBe('ok')
    expect(check({ audience: bela.peerId })).toBe('AUDIENCE_WRONG')
    expect(check({ subject: bela.peerId, audience: node.peerId })).toBe('SUBJECT_WRONG')
    expect(check({ command: '/content/remove' })).toBe('COMMAND_NOT_COVERED')
    // Everybody may do everything with their own things, but that is nothing of ours.
    const own = requestBytes(mallory, [], { subject: mallory.peerId, audience: node.peerId })
    expect(codeOf(guard.checkRequest(own, [], '/content/add'))).toBe('SUBJECT_WRONG')
    expect(check({ expires: null })).toBe('LIFE_TOO_LONG')
    expect(check({ expires: NOW + INVOCATION_LIFE_SECONDS_MAX })).toBe('ok')
    expect(check({ expires: NOW + INVOCATION_LIFE_SECONDS_MAX + 1 })).toBe('LIFE_TOO_LONG')
    expect(check({ expires: NOW - 1 })).toBe('EXPIRED')
  })

  it('is for what the route is for', () => {
    const { guard } = setUp()
    const wide = grant(node, ana, { command: '/' })
    const bytes = requestBytes(ana, [wide], { command: '/content/add' })
    const check = (need: `/${string}`) => codeOf(guard.checkRequest(bytes, tokens([wide]), need))
    expect(check('/content/remove')).toBe('COMMAND_NOT_COVERED')
    expect(check('/made/up')).toBe('COMMAND_UNKNOWN')
    expect(check('/content/add')).toBe('ok')
  })

  it('without a right is not remembered', () => {
    const { guard } = setUp()
    const bytes = requestBytes(mallory, [given])
    const check = () => codeOf(guard.checkRequest(bytes, proofs, '/content/add'))
    expect([check(), check()]).toEqual(['HOLDER_WRONG', 'HOLDER_WRONG'])
  })

  it('is refused while nobody knows the time, if what it asks for needs it', () => {
    const { guard, now } = setUp()
    const wide = grant(node, ana, { command: '/content' })
    now.view = { bound: NOW, agreed: undefined, hint: NOW }
    const check = (command: `/${string}`) =>
      codeOf(guard.checkRequest(requestBytes(ana, [wide], { command }), tokens([wide]), command))
    expect(check('/content/remove')).toBe('TIME_UNKNOWN')
    expect(check('/content/read')).toBe('ok')
  })
})
