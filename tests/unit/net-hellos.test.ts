// SPDX-License-Identifier: AGPL-3.0-or-later
/** Hellos between two ends, over a wire that loses and delays in each direction as it is told. */
import { describe, expect, it } from 'vitest'
import { type Clock, SeededRandom, type Timer, VirtualClock } from '../../src/base/base.ts'
import { type HelloKeys, helloKeys } from '../../src/net/greeting.ts'
import { encodeHello, type Hello } from '../../src/net/hello-message.ts'
import { HelloSession } from '../../src/net/hello-session.ts'
import { type HelloLink, Hellos } from '../../src/net/hellos.ts'
import {
  HELLO_DEAD_MS,
  HELLO_GAP_MS_MAX,
  HELLO_WINDOW,
  HELLOS_PER_SECOND_MAX,
} from '../../src/net/limits.ts'
import { CountingCounter, FakeWire, peerNumber } from './net-support.ts'

const shareOf = (number: number) => ({
  peerId: peerNumber(number),
  share: new SeededRandom(number).bytes(32),
})
const keysOfA = helloKeys(shareOf(1), shareOf(2))
const keysOfB = helloKeys(shareOf(2), shareOf(1))

interface End {
  hellos: Hellos
  received: CountingCounter
  keys: HelloKeys
  link: HelloLink
  /** When it changed its mind, and to what. */
  changes: { isAlive: boolean; atMs: number }[]
}

interface SetUpOptions {
  clock?: VirtualClock
  helloClock?: Clock
  delaysMs?: { aToB: number; bToA: number }
}

async function setUp(seed: number, options: SetUpOptions = {}) {
  const { clock = new VirtualClock(), delaysMs } = options
  const { helloClock = clock } = options
  const random = new SeededRandom(seed)
  const wire = new FakeWire(clock, random)
  wire.set('a>b', { loss: 0, delayMs: delaysMs?.aToB ?? 0 })
  wire.set('b>a', { loss: 0, delayMs: delaysMs?.bToA ?? 0 })
  const open = async (name: string, other: string, keys: HelloKeys): Promise<End> => {
    const received = new CountingCounter()
    const datagrams = wire.end(name)
    const hellos = new Hellos({ clock: helloClock, random, datagrams, received }, { port: 7443 })
    await hellos.start()
    const changes: End['changes'] = []
    const link = hellos.watch(keys, { host: other, port: 7443 }, (isAlive) =>
      changes.push({ isAlive, atMs: clock.monotonicMs() }),
    )
    return { hellos, received, keys, link, changes }
  }
  return { clock, wire, a: await open('a', 'b', keysOfA), b: await open('b', 'a', keysOfB) }
}

/** A clock whose timers fire a little early, as the machine's do. */
class EarlyClock implements Clock {
  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
  }

  monotonicMs(): number {
    return this.#clock.monotonicMs()
  }

  wallMs(): number {
    return this.#clock.wallMs()
  }

  after(delayMs: number, callback: () => void): Timer {
    return this.#clock.after(delayMs > 2 ? delayMs - 2 : delayMs, callback)
  }
}

describe('hellos', () => {
  it('keep a good link alive, at a hello every four seconds (seed 71)', async () => {
    const { clock, wire, a, b } = await setUp(71)
    wire.set('a>b', { loss: 0, delayMs: 5 })
    wire.set('b>a', { loss: 0, delayMs: 5 })
    clock.advance(600_000)
    expect([a.changes, b.changes]).toEqual([[], []])
    const sentByA = wire.captured.filter((one) => one.from === 'a').length
    expect(sentByA).toBeGreaterThanOrEqual(600_000 / 4_000)
    expect(sentByA).toBeLessThanOrEqual(600_000 / 3_400 + 2)
    expect(a.received.of('accept')).toBeGreaterThan(140)
    expect(a.received.of('reject')).toBe(0)
  })

  it.each([71, 72, 73, 74])('know a silent link for dead within 9 s (seed %i)', async (seed) => {
    const { clock, wire, a, b } = await setUp(seed)
    clock.advance(30_000)
    wire.set('a>b', { loss: 1, delayMs: 0 })
    wire.set('b>a', { loss: 1, delayMs: 0 })
    const heardAtMs = [a.link.session.heardAtMs, b.link.session.heardAtMs]
    clock.advance(30_000)
    for (const [index, end] of [a, b].entries()) {
      expect(end.link.isAlive).toBe(false)
      expect(end.changes).toHaveLength(1)
      const silentMs = (end.changes[0]?.atMs ?? 0) - (heardAtMs[index] ?? 0)
      expect(silentMs).toBeLessThanOrEqual(9_000)
      // Not before two hellos are missing.
      expect(silentMs).toBeGreaterThan(2 * HELLO_GAP_MS_MAX)
    }
    wire.set('a>b', { loss: 0, delayMs: 0 })
    wire.set('b>a', { loss: 0, delayMs: 0 })
    clock.advance(12_000)
    expect([a.changes.at(-1)?.isAlive, b.changes.at(-1)?.isAlive]).toEqual([true, true])
  })

  it('know it also when timers fire a moment early (seed 75)', async () => {
    const clock = new VirtualClock()
    const { wire, a, b } = await setUp(75, { clock, helloClock: new EarlyClock(clock) })
    clock.advance(30_000)
    wire.set('a>b', { loss: 1, delayMs: 0 })
    wire.set('b>a', { loss: 1, delayMs: 0 })
    clock.advance(9_000)
    expect([a.link.isAlive, b.link.isAlive]).toEqual([false, false])
  })

  it('tell both ends of a link that is silent one way, almost at once (seeds 76, 77)', async () => {
    for (const seed of [76, 77]) {
      const { clock, wire, a, b } = await setUp(seed)
      clock.advance(30_000)
      wire.set('a>b', { loss: 1, delayMs: 0 })
      const heardAtMs = b.link.session.heardAtMs
      clock.advance(60_000)
      expect([a.link.isAlive, b.link.isAlive]).toEqual([false, false])
      expect((b.changes[0]?.atMs ?? 0) - heardAtMs).toBeLessThanOrEqual(9_000)
      // a hears b all the while, and learns from it that b hears nothing.
      expect((a.changes[0]?.atMs ?? 0) - heardAtMs).toBeLessThanOrEqual(9_000)
      expect([a.changes.length, b.changes.length]).toEqual([1, 1])
      wire.set('a>b', { loss: 0, delayMs: 0 })
      clock.advance(12_000)
      expect([a.link.isAlive, b.link.isAlive]).toEqual([true, true])
    }
  })

  it.each([81, 82, 83])('tell loss of each direction apart (seed %i)', async (seed) => {
    const { clock, wire, a, b } = await setUp(seed)
    wire.set('a>b', { loss: 0.2, delayMs: 3 })
    wire.set('b>a', { loss: 0, delayMs: 3 })
    const samples: number[] = []
    clock.advance(10 * 60_000)
    for (let step = 0; step < 500; step++) {
      clock.advance(4_000)
      const { lossIn, lossOut } = a.link.session
      expect(lossIn).toBe(0)
      expect(b.link.session.lossOut ?? 1).toBe(0)
      expect(Math.abs((lossOut ?? 1) - (b.link.session.lossIn ?? 0))).toBeLessThan(0.35)
      samples.push(lossOut ?? 1)
    }
    const mean = samples.reduce((sum, one) => sum + one, 0) / samples.length
    expect(mean).toBeGreaterThan(0.14)
    expect(mean).toBeLessThan(0.26)
    // Over half a window at the least: no single hello may make it 50 or 100 %.
    expect(Math.max(...samples)).toBeLessThan(0.6)
  })

  it('measure the round trip, whatever the jitter of the hellos (seed 84)', async () => {
    const { clock, wire, a, b } = await setUp(84, { delaysMs: { aToB: 30, bToA: 10 } })
    // Known at once, not after a gap of 4 s.
    clock.advance(200)
    expect(a.link.session.rttMs ?? b.link.session.rttMs).toBeCloseTo(40, 1)
    clock.advance(60_000)
    expect(a.link.session.rttMs).toBeCloseTo(40, 1)
    expect(b.link.session.rttMs).toBeCloseTo(40, 1)
    wire.set('a>b', { loss: 0, delayMs: 130 })
    clock.advance(240_000)
    expect(a.link.session.rttMs).toBeGreaterThan(130)
    expect(a.link.session.rttMs).toBeLessThanOrEqual(140.1)
  })

  it('cannot be kept alive by replays, echoes and forgeries (seed 85)', async () => {
    const { clock, wire, a } = await setUp(85)
    clock.advance(60_000)
    const captured = wire.captured.map((one) => one.bytes)
    wire.set('a>b', { loss: 1, delayMs: 0 })
    wire.set('b>a', { loss: 1, delayMs: 0 })
    const heardAtMs = a.link.session.heardAtMs
    const hello: Hello = {
      sequence: 4_000_000_000,
      received: 0,
      echoSequence: 0,
      echoDelayUs: 0,
      isHearing: true,
    }
    const forged = [
      ...captured,
      encodeHello(keysOfA.session, new Uint8Array(32), hello),
      // Our own, sent back to us: another key for each direction.
      encodeHello(keysOfA.session, keysOfA.sendKey, hello),
      new Uint8Array(0),
      new Uint8Array(52),
    ]
    for (let step = 0; step < 10; step++) {
      clock.advance(1_000)
      for (const bytes of forged) wire.inject('a', bytes)
    }
    expect(a.link.session.heardAtMs).toBe(heardAtMs)
    expect(a.link.isAlive).toBe(false)
  })

  it('look at no more than they must in a flood', async () => {
    const { clock, wire, a } = await setUp(86)
    clock.advance(10_000)
    const before = a.received.of('reject')
    const bytes = encodeHello(keysOfA.session, new Uint8Array(32), {
      sequence: 1,
      received: 0,
      echoSequence: 0,
      echoDelayUs: 0,
      isHearing: false,
    })
    for (let number = 0; number < 10_000; number++) wire.inject('a', bytes)
    expect(a.received.of('reject') - before).toBeLessThanOrEqual(HELLOS_PER_SECOND_MAX)
    expect(a.received.of('dropped')).toBeGreaterThanOrEqual(10_000 - HELLOS_PER_SECOND_MAX)
  })

  it('end with their link and their room', async () => {
    const { clock, wire, a, b } = await setUp(87)
    clock.advance(10_000)
    a.link.stop()
    await b.hellos.stop()
    const sentBefore = wire.captured.length
    clock.advance(60_000)
    expect(wire.captured).toHaveLength(sentBefore)
    expect([a.changes, b.changes]).toEqual([[], []])
  })

  it('say which port is taken, and how to choose another', async () => {
    const clock = new VirtualClock()
    const taken = Object.assign(new Error('bind EADDRINUSE :::7443'), { code: 'EADDRINUSE' })
    const hellos = new Hellos(
      {
        clock,
        random: new SeededRandom(88),
        datagrams: { open: () => Promise.reject(taken) },
        received: new CountingCounter(),
      },
      { port: 7443 },
    )
    await expect(hellos.start()).rejects.toMatchObject({
      code: 'PORT_TAKEN',
      message: expect.stringContaining('UDP port 7443'),
      context: { port: 7443, configKey: 'network.hello_port' },
      advice: expect.stringContaining('network.hello_port'),
      cause: taken,
    })
  })
})

function helloWith(more: Partial<Hello>): Hello {
  return { sequence: 1, received: 0, echoSequence: 0, echoDelayUs: 0, isHearing: true, ...more }
}

describe('a hello session', () => {
  it('counts up from 1 and echoes what it heard, with the delay', () => {
    const session = new HelloSession(0)
    expect(session.send(10)).toEqual({
      sequence: 1,
      received: 0,
      echoSequence: 0,
      echoDelayUs: 10_000,
      isHearing: true,
    })
    session.receive(helloWith({ sequence: 7 }), 20)
    expect(session.send(25)).toEqual({
      sequence: 2,
      received: 1,
      echoSequence: 7,
      echoDelayUs: 5_000,
      isHearing: true,
    })
  })

  it('refuses what is not newer: replayed or out of order', () => {
    const session = new HelloSession(0)
    expect(session.receive(helloWith({ sequence: 5 }), 100)).toBe(true)
    for (const sequence of [5, 4, 1, 0]) {
      expect(session.receive(helloWith({ sequence, isHearing: false }), 200)).toBe(false)
    }
    expect(session.heardAtMs).toBe(100)
    expect(session.isAlive(200)).toBe(true)
    expect(session.receive(helloWith({ sequence: 6 }), 300)).toBe(true)
  })

  it('counts a proven connection as heard until the first hello', () => {
    const session = new HelloSession(1_000)
    expect(session.isAlive(1_000 + HELLO_DEAD_MS - 1)).toBe(true)
    expect(session.isAlive(1_000 + HELLO_DEAD_MS)).toBe(false)
    expect(session.send(1_000 + HELLO_DEAD_MS).isHearing).toBe(false)
  })

  it('believes no impossible round trip', () => {
    const session = new HelloSession(0)
    const { sequence } = session.send(0)
    session.receive(helloWith({ sequence: 1, echoSequence: sequence, echoDelayUs: 4e9 }), 10)
    expect(session.rttMs).toBeUndefined()
    session.receive(helloWith({ sequence: 2, echoSequence: 99 }), 11)
    expect(session.rttMs).toBeUndefined()
    session.receive(helloWith({ sequence: 3, echoSequence: sequence, echoDelayUs: 2_000 }), 12)
    expect(session.rttMs).toBe(10)
  })

  it('keeps a peer that lies about its counts within 0..1', () => {
    const session = new HelloSession(0)
    for (let number = 1; number <= 200; number++) {
      session.send(number)
      const received = number % 2 === 0 ? 0xffff_ffff : 0
      session.receive(
        helloWith({ sequence: number * 1_000, echoSequence: (number * 7) % 256, received }),
        number,
      )
      const { lossIn = 0, lossOut = 0 } = session
      for (const loss of [lossIn, lossOut]) {
        expect(loss).toBeGreaterThanOrEqual(0)
        expect(loss).toBeLessThanOrEqual(1)
      }
    }
  })

  it('forgets old loss within two windows', () => {
    const session = new HelloSession(0)
    let sequence = 0
    const hear = (): void => void session.receive(helloWith({ sequence: ++sequence }), sequence)
    for (let number = 0; number < HELLO_WINDOW; number++) {
      sequence += 1
      hear()
    }
    expect(session.lossIn).toBeCloseTo(0.5, 1)
    for (let number = 0; number < 2 * HELLO_WINDOW; number++) hear()
    expect(session.lossIn).toBe(0)
  })
})
