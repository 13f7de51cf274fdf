// SPDX-License-Identifier: AGPL-3.0-or-later
/** Which hint is dialled next, and whom we do not dial again. */
import { describe, expect, it } from 'vitest'
import { randomBelow, SeededRandom, VirtualClock } from '../../src/base/base.ts'
import { type Candidate, Candidates } from '../../src/net/candidates.ts'
import {
  BEACON_GAP_MS_MAX,
  BEACONS_PER_SECOND_MAX,
  CANDIDATE_AGE_MS_MAX,
  CANDIDATE_COURTESY_MS,
  CANDIDATE_REST_MS_MAX,
  CANDIDATE_REST_MS_MIN,
  CANDIDATES_MAX,
  CANDIDATES_PER_ADDRESS_MAX,
  STRANGER_REST_MS,
  STRANGERS_MAX,
} from '../../src/net/limits.ts'
import { Strangers } from '../../src/net/strangers.ts'
import { peerNumber } from './net-support.ts'

/** Sorted, so that the first dials at once and the last waits out of courtesy. */
const peers = Array.from({ length: 200 }, (_, number) => peerNumber(number)).sort()
const [least = peerNumber(0)] = peers
const greatest = peers.at(-1) ?? least
const any = (): boolean => true

function hint(number: number, host = `fe80::${number.toString(16)}%eth0`): Candidate {
  return { peerId: peers[number % peers.length] ?? least, host, port: 7440 }
}

describe('candidates', () => {
  it('offers what was heard, with its newest port, and only what is wanted', () => {
    const candidates = new Candidates(least)
    expect(candidates.next(0, any)).toBeUndefined()
    expect(candidates.heard(hint(5), 0)).toBe(true)
    expect(candidates.heard({ ...hint(5), port: 9 }, 1)).toBe(false)
    expect(candidates.next(2, any)).toMatchObject({ ...hint(5), port: 9 })
    expect(candidates.next(2, (one) => one.peerId !== hint(5).peerId)).toBeUndefined()
  })

  it('lets the lesser id dial first', () => {
    const lesser = new Candidates(least)
    lesser.heard({ ...hint(1), peerId: greatest }, 100)
    expect(lesser.next(100, any)).toBeDefined()
    const greater = new Candidates(greatest)
    greater.heard({ ...hint(1), peerId: least }, 100)
    expect(greater.next(100 + CANDIDATE_COURTESY_MS - 1, any)).toBeUndefined()
    expect(greater.next(100 + CANDIDATE_COURTESY_MS, any)).toBeDefined()
  })

  it('rests twice as long after each failure, up to a bound, and not after a success', () => {
    const candidates = new Candidates(least)
    const one = hint(5)
    candidates.heard(one, 0)
    let nowMs = 0
    for (const restMs of [2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]) {
      expect(restMs).toBeGreaterThanOrEqual(CANDIDATE_REST_MS_MIN)
      expect(restMs).toBeLessThanOrEqual(CANDIDATE_REST_MS_MAX)
      candidates.failed(one, nowMs)
      candidates.heard(one, nowMs + restMs - 1)
      expect(candidates.next(nowMs + restMs - 1, any)).toBeUndefined()
      nowMs += restMs
      expect(candidates.next(nowMs, any)).toBeDefined()
    }
    candidates.failed(one, nowMs)
    candidates.succeeded(one)
    expect(candidates.next(nowMs, any)).toBeDefined()
    candidates.failed(one, nowMs)
    expect(candidates.next(nowMs + CANDIDATE_REST_MS_MIN, any)).toBeDefined()
  })

  it('forgets a hint that is not heard again', () => {
    const candidates = new Candidates(least)
    candidates.heard(hint(5), 0)
    expect(candidates.next(CANDIDATE_AGE_MS_MAX, any)).toBeDefined()
    expect(candidates.next(CANDIDATE_AGE_MS_MAX + 1, any)).toBeUndefined()
    expect(candidates.size).toBe(0)
  })

  it('prefers what was heard again, then what failed least', () => {
    const candidates = new Candidates(least)
    candidates.heard(hint(5), 0)
    candidates.heard(hint(6), 1)
    candidates.heard(hint(6), 2)
    expect(candidates.next(3, any)).toMatchObject(hint(6))
    candidates.failed(hint(6), 3)
    expect(candidates.next(3 + CANDIDATE_REST_MS_MIN, any)).toMatchObject(hint(5))
  })

  it('keeps within its bounds under ten thousand forged hints (seed 41)', () => {
    const random = new SeededRandom(41)
    const candidates = new Candidates(least)
    for (let number = 0; number < 10_000; number++) {
      candidates.heard(hint(number, `fe80::${randomBelow(random, 5_000)}%eth0`), number)
      expect(candidates.size).toBeLessThanOrEqual(CANDIDATES_MAX)
    }
    expect(candidates.size).toBe(CANDIDATES_MAX)
  })

  it('keeps few hints of one address', () => {
    const candidates = new Candidates(least)
    for (let number = 0; number < 10_000; number++)
      candidates.heard(hint(number, 'fe80::1%eth0'), 0)
    expect(candidates.size).toBe(CANDIDATES_PER_ADDRESS_MAX)
    candidates.heard(hint(3, 'fe80::2%eth0'), 0)
    expect(candidates.size).toBe(CANDIDATES_PER_ADDRESS_MAX + 1)
  })

  it.each([
    ['that was known before', 1, 1],
    ['that comes in the midst of it', 20_000, 2],
  ])('finds a real node %s, in a flood of forged hints (seed 42)', (_when, firstMs, hearings) => {
    const random = new SeededRandom(42)
    const candidates = new Candidates(least)
    const real = hint(7, 'fe80::beef%eth0')
    // As many as the limit lets through, and the real node as rarely as it may speak.
    const gapMs = 1_000 / BEACONS_PER_SECOND_MAX
    const dialled: { atMs: number; host: string }[] = []
    for (let nowMs = 0; nowMs < 60_000; nowMs += gapMs) {
      const forged = Buffer.from(random.bytes(8)).toString('hex')
      candidates.heard(hint(randomBelow(random, 200), `fe80::${forged}%eth0`), nowMs)
      const isItsTurn = nowMs >= firstMs && (nowMs - firstMs) % (BEACON_GAP_MS_MAX * 1.2) < gapMs
      if (isItsTurn) candidates.heard(real, nowMs)
      if (nowMs % 1_000 !== 0) continue
      const next = candidates.next(nowMs, any)
      if (next === undefined) continue
      dialled.push({ atMs: nowMs, host: next.host })
      candidates.failed(next, nowMs)
    }
    const foundMs = dialled.find((one) => one.host === real.host)?.atMs
    // Heard so many times, and then at most a few dials to others.
    const dueMs = firstMs + hearings * BEACON_GAP_MS_MAX * 1.2
    expect(foundMs, JSON.stringify(dialled.slice(0, 5))).toBeLessThanOrEqual(dueMs + 3_000)
  })

  it('forgets everything when told to', () => {
    const candidates = new Candidates(least)
    candidates.heard(hint(1), 0)
    candidates.clear()
    expect(candidates.size).toBe(0)
  })
})

describe('strangers', () => {
  it('are strangers for a while', () => {
    const clock = new VirtualClock()
    const strangers = new Strangers(clock)
    expect(strangers.has('a')).toBe(false)
    strangers.add('a')
    clock.advance(STRANGER_REST_MS - 1)
    expect(strangers.has('a')).toBe(true)
    clock.advance(1)
    expect(strangers.has('a')).toBe(false)
  })

  it('are remembered up to a bound, the newest first', () => {
    const strangers = new Strangers(new VirtualClock())
    for (let number = 0; number < STRANGERS_MAX + 100; number++) strangers.add(`peer ${number}`)
    const kept = Array.from({ length: STRANGERS_MAX + 100 }, (_, number) =>
      strangers.has(`peer ${number}`),
    )
    expect(kept.filter(Boolean)).toHaveLength(STRANGERS_MAX)
    expect(kept.slice(0, 100).some(Boolean)).toBe(false)
  })

  it('do not push each other out by coming again', () => {
    const strangers = new Strangers(new VirtualClock())
    for (let number = 0; number < STRANGERS_MAX; number++) strangers.add(`peer ${number}`)
    for (let times = 0; times < 10; times++) strangers.add(`peer ${STRANGERS_MAX - 1}`)
    expect(strangers.has('peer 0')).toBe(true)
  })
})
