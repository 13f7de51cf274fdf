// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, it } from 'vitest'
import {
  CapabilityGuard,
  type Delegation,
  EMPTY_BODY,
  RequestNonces,
  type TakenBack,
  TokenReader,
} from '../../src/access/access.ts'
import {
  CHAINS_PER_HOLDER_MAX,
  HOLDERS_MAX,
  INVOCATION_LIFE_SECONDS_MAX,
  NODE_NONCE_MS,
} from '../../src/access/limits.ts'
import { type PeerId, type Random, VirtualClock } from '../../src/base/base.ts'
import type { NodeIdentity } from '../../src/identity/identity.ts'
import type { Caller, SignedRequest } from '../../src/net/net.ts'
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

/** What the requests here are sent as. */
const AS_SENT = { method: 'POST', target: '/v1/items?name=x', contentType: 'text/plain' }

/** Every byte of chance is the same; so the first nonce is known. */
class Counting implements Random {
  #count = 0
  unit(): number {
    return 0
  }

  bytes(count: number): Uint8Array<ArrayBuffer> {
    this.#count += 1
    return new Uint8Array(count).fill(this.#count)
  }
}

const NONCE = new Uint8Array(16).fill(1)

const ARGUMENTS = {
  method: AS_SENT.method,
  path: AS_SENT.target,
  type: AS_SENT.contentType,
  bytes: 0,
  sha256: EMPTY_BODY.sha256,
  nonce: NONCE,
}

function signed(
  who: NodeIdentity,
  proofs: readonly Delegation[],
  more: Parameters<typeof requestBytes>[2] = {},
): Uint8Array {
  return requestBytes(who, proofs, { args: ARGUMENTS, ...more })
}

function setUp() {
  const revokers = new Map<string, PeerId>()
  const takenBack: TakenBack = {
    ...nothingTakenBack,
    revokersOf: (cid) => [revokers.get(cid) ?? []].flat(),
  }
  const now: { view: { bound: number; agreed: number | undefined; hint: number } } = {
    view: { ...knownTime },
  }
  const clock = new VirtualClock()
  const nonces = new RequestNonces({ clock, random: new Counting() })
  nonces.current()
  const deps = {
    reader: new TokenReader(),
    nonces,
    time: { view: () => now.view },
    takenBack,
  }
  const guard = new CapabilityGuard(deps, node.peerId)
  const judge = (
    token: Uint8Array,
    proofs: readonly Uint8Array[],
    need: `/${string}`,
    sent: Partial<SignedRequest> = {},
  ): string => codeOf(guard.judgeRequest({ ...AS_SENT, token, proofs, ...sent }, need))
  return { guard, judge, clock, nonces, revokers, now }
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
  const add = '/content/add'

  it('counts once', () => {
    const { judge } = setUp()
    const bytes = signed(ana, [given])
    expect(judge(bytes, proofs, add)).toBe('ok')
    expect(judge(bytes, proofs, add)).toBe('REPLAYED')
  })

  it('need not bring its proofs again', () => {
    const { judge } = setUp()
    const check = (more: readonly Uint8Array[]) => judge(signed(ana, [given]), more, add)
    expect(check([])).toBe('PROOF_MISSING')
    expect(check(proofs)).toBe('ok')
    expect(check([])).toBe('ok')
  })

  it('is for this node and about it', () => {
    const { judge } = setUp()
    const check = (more: Parameters<typeof requestBytes>[2]) =>
      judge(signed(ana, [given], more), proofs, add)
    expect(check({ audience: node.peerId })).toBe('ok')
    expect(check({ audience: bela.peerId })).toBe('AUDIENCE_WRONG')
    expect(check({ subject: bela.peerId, audience: node.peerId })).toBe('SUBJECT_WRONG')
    expect(check({ command: '/content/remove' })).toBe('COMMAND_NOT_COVERED')
    // Everybody may do everything with their own things, but that is nothing of ours.
    const own = signed(mallory, [], { subject: mallory.peerId, audience: node.peerId })
    expect(judge(own, [], add)).toBe('SUBJECT_WRONG')
    expect(check({ expires: null })).toBe('LIFE_TOO_LONG')
    expect(check({ expires: NOW + INVOCATION_LIFE_SECONDS_MAX })).toBe('ok')
    expect(check({ expires: NOW + INVOCATION_LIFE_SECONDS_MAX + 1 })).toBe('LIFE_TOO_LONG')
    expect(check({ expires: NOW - 1 })).toBe('EXPIRED')
  })

  it('is for what the route is for', () => {
    const { judge } = setUp()
    const wide = grant(node, ana, { command: '/' })
    const bytes = signed(ana, [wide], { command: add })
    const check = (need: `/${string}`) => judge(bytes, tokens([wide]), need)
    expect(check('/content/remove')).toBe('COMMAND_NOT_COVERED')
    expect(check('/made/up')).toBe('COMMAND_UNKNOWN')
    expect(check(add)).toBe('ok')
  })

  it('is the one that came, in all that is signed of it', () => {
    const { judge } = setUp()
    const check = (sent: Partial<SignedRequest>) => judge(signed(ana, [given]), proofs, add, sent)
    expect(check({ method: 'DELETE' })).toBe('REQUEST_OTHER')
    expect(check({ target: '/v1/items?name=y' })).toBe('REQUEST_OTHER')
    expect(check({ target: '/v1/items?name=x&' })).toBe('REQUEST_OTHER')
    expect(check({ contentType: 'application/x-tar' })).toBe('REQUEST_OTHER')
    expect(check({})).toBe('ok')
  })

  it.each([
    ['an argument that nothing is held against', { ...ARGUMENTS, visibility: 'private' }],
    ['no size', { ...ARGUMENTS, bytes: '0' }],
    ['a size below nothing', { ...ARGUMENTS, bytes: -1 }],
    ['no hash', { ...ARGUMENTS, sha256: 'abc' }],
    ['a short hash', { ...ARGUMENTS, sha256: new Uint8Array(31) }],
    ['a nonce that is none', { ...ARGUMENTS, nonce: 'abc' }],
  ])('says neither more nor less than it must: %s', (_what, args) => {
    const { judge } = setUp()
    expect(judge(signed(ana, [given], { args }), proofs, add)).toBe('REQUEST_MALFORMED')
  })

  it('has a nonce that this start gave out lately', () => {
    const { judge, clock, nonces } = setUp()
    const check = (nonce: Uint8Array) =>
      judge(signed(ana, [given], { args: { ...ARGUMENTS, nonce } }), proofs, add)
    expect(check(new Uint8Array(16).fill(9))).toBe('NONCE_STALE')
    const seen = signed(ana, [given])
    expect(judge(seen, proofs, add)).toBe('ok')
    clock.advance(NODE_NONCE_MS)
    // Still counts, and what was seen under it is still known.
    expect(check(NONCE)).toBe('ok')
    expect(judge(seen, proofs, add)).toBe('REPLAYED')
    clock.advance(NODE_NONCE_MS)
    expect(check(NONCE)).toBe('NONCE_STALE')
    expect(judge(seen, proofs, add)).toBe('NONCE_STALE')
    expect(check(nonces.current())).toBe('ok')
    // Nobody asked for long: the last nonce is as old as it is.
    const last = nonces.current()
    clock.advance(2 * NODE_NONCE_MS)
    expect(check(last)).toBe('NONCE_STALE')
  })

  it('is measured by the conditions of what it rests on', () => {
    const { judge } = setUp()
    const small = grant(node, ana, { policy: [['<=', '.bytes', 100]] })
    const check = (bytes: number) =>
      judge(signed(ana, [small], { args: { ...ARGUMENTS, bytes } }), tokens([small]), add)
    expect(check(100)).toBe('ok')
    expect(check(101)).toBe('POLICY_REFUSES')
  })

  it('is refused by code, sentence and advice', () => {
    const { guard } = setUp()
    const came = { ...AS_SENT, token: signed(mallory, [given]), proofs }
    expect(guard.checkRequest(came, add)).toEqual({
      allowed: false,
      code: 'ACCESS_HOLDER_WRONG',
      reason: 'This permission was given to somebody else.',
      advice: 'Use the device that it was given to, or ask for one of your own.',
    })
  })

  it('without a right is not remembered', () => {
    const { judge } = setUp()
    const bytes = signed(mallory, [given])
    const check = () => judge(bytes, proofs, add)
    expect([check(), check()]).toEqual(['HOLDER_WRONG', 'HOLDER_WRONG'])
  })

  it('is refused while nobody knows the time, if what it asks for needs it', () => {
    const { judge, now } = setUp()
    const endless = grant(node, ana, { command: '/content', expires: null })
    const wide = grant(node, ana, { command: '/content' })
    now.view = { bound: NOW, agreed: undefined, hint: NOW }
    const check = (given: Delegation, command: `/${string}`) =>
      judge(signed(ana, [given], { command }), tokens([given]), command)
    expect(check(wide, '/content/remove')).toBe('TIME_UNKNOWN')
    expect(check(wide, '/content/read')).toBe('ok')
    // That the request itself is of now, its nonce says.
    expect(check(endless, '/content/remove')).toBe('ok')
  })
})
