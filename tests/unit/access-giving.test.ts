// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  type Gift,
  Giving,
  RequestNonces,
  RevocationStore,
  type TimeView,
  TokenReader,
} from '../../src/access/access.ts'
import { REQUEST_LIFE_SECONDS } from '../../src/access/limits.ts'
import { CodedError, SeededRandom, VirtualClock } from '../../src/base/base.ts'
import type { Database } from '../../src/store/store.ts'
import { ana, knownTime, NOW, node, openAccessDatabase } from './access-support.ts'

let database: Database

beforeEach(async () => {
  database = await openAccessDatabase()
})

afterEach(() => database.close())

function setUp(options: { given?: number; view?: TimeView } = {}) {
  const random = new SeededRandom(5)
  const now = { view: options.view ?? knownTime }
  const revocations = new RevocationStore(database, { isOurs: () => true })
  const giving = new Giving(
    {
      signer: node,
      database,
      reader: new TokenReader(),
      revocations,
      nonces: new RequestNonces({ clock: new VirtualClock(), random }),
      time: { view: () => now.view },
      random,
    },
    options.given === undefined ? {} : { given: options.given },
  )
  return { giving, now, revocations }
}

const gift = (more: Partial<Gift> = {}): Gift => ({
  holder: ana.did,
  command: '/content/add',
  name: 'Ana',
  expires: NOW + 3_600,
  bytesMax: null,
  ...more,
})

function codeOf(work: () => unknown): string {
  try {
    work()
    return 'ok'
  } catch (thrown) {
    return thrown instanceof CodedError ? thrown.code : String(thrown)
  }
}

describe('what the owner gives', () => {
  it('is a delegation by the node, and remembered as such', () => {
    const { giving } = setUp()
    const given = giving.give(gift({ bytesMax: 1_000 }))
    const read = new TokenReader().readDelegation(given.token)
    if (!read.ok) throw new Error(read.refusal.code)
    const { issuer, audience, subject, command, expires, policy } = read.value
    expect({ issuer, audience, subject }).toEqual({
      issuer: node.peerId,
      audience: ana.peerId,
      subject: node.peerId,
    })
    expect({ command, expires }).toEqual({ command: '/content/add', expires: NOW + 3_600 })
    expect(policy).toMatchObject([{ op: '<=', value: 1_000 }])
    expect(giving.given()).toEqual([given])
    expect(given).toMatchObject({ state: 'holds', words: 'add files and folders', name: 'Ana' })
  })

  it('ends, or is taken back, which lasts', () => {
    const { giving, now, revocations } = setUp()
    const { cid } = giving.give(gift())
    now.view = { bound: NOW + 3_601, agreed: undefined, hint: 0 }
    expect(giving.given()).toMatchObject([{ cid, state: 'ended' }])
    expect(giving.takeBack(cid).state).toBe('revoked')
    // Again is no harm.
    expect(giving.takeBack(cid).state).toBe('revoked')
    expect([...revocations.revokersOf(cid)]).toEqual([node.peerId])
    expect(setUp().giving.given()).toMatchObject([{ cid, state: 'revoked' }])
    expect(codeOf(() => giving.takeBack('bafy'))).toBe('ACCESS_NOT_GIVEN')
  })

  it('is refused for what is nothing', () => {
    const { giving } = setUp()
    const give = (more: Partial<Gift>) => codeOf(() => giving.give(gift(more)))
    expect(give({ holder: 'did:web:example.org' })).toBe('ACCESS_BAD_HOLDER')
    expect(give({ command: '/made/up' })).toBe('ACCESS_BAD_COMMAND')
    expect(give({ command: 'content' })).toBe('ACCESS_BAD_COMMAND')
    expect(give({ expires: NOW })).toBe('ACCESS_ENDED')
    expect(give({ command: '/content', bytesMax: 1 })).toBe('ACCESS_BYTES_ELSEWHERE')
    expect(give({ command: '/content/add/beyond', bytesMax: 1 })).toBe('ok')
    expect(giving.given()).toHaveLength(1)
  })

  it('makes room of what is over, and forgets nothing that holds', () => {
    const { giving } = setUp({ given: 2 })
    const first = giving.give(gift())
    const second = giving.give(gift({ expires: null }))
    expect(codeOf(() => giving.give(gift()))).toBe('ACCESS_GIVEN_FULL')
    giving.takeBack(first.cid)
    const third = giving.give(gift())
    const left = giving.given().map(({ cid }) => cid)
    expect(left.toSorted()).toEqual([second.cid, third.cid].toSorted())
  })

  it('says what an end is worth while nobody knows the time', () => {
    const { giving, now } = setUp()
    const add = { command: '/content/add', expires: NOW + 1 }
    expect(giving.noteOf(add)).toBeUndefined()
    now.view = { bound: NOW, agreed: undefined, hint: NOW }
    expect(giving.noteOf(add)).toMatch(/goes on beyond its end/)
    expect(giving.noteOf({ command: '/content/remove', expires: NOW + 1 })).toMatch(/refuses/)
    expect(giving.noteOf({ command: '/content/remove', expires: null })).toBeUndefined()
  })

  it('is asked for with a request that ends soon, by whatever is known of the time', () => {
    const { giving, now } = setUp()
    const ends = () => giving.nonce().endsAtSeconds - REQUEST_LIFE_SECONDS
    expect(ends()).toBe(NOW)
    now.view = { bound: NOW, agreed: undefined, hint: NOW + 50 }
    expect(ends()).toBe(NOW + 50)
    // A clock that is behind what has certainly passed.
    now.view = { bound: NOW, agreed: undefined, hint: 0 }
    expect(ends()).toBe(NOW)
  })
})
