// SPDX-License-Identifier: AGPL-3.0-or-later
/** The beacon of one interface, on a wire and a clock of the test's own. */
import { describe, expect, it } from 'vitest'
import {
  type PeerId,
  parseCityId,
  randomBelow,
  SeededRandom,
  silentLogger,
  VirtualClock,
} from '../../src/base/base.ts'
import { BEACON_GROUP, LinkBeacon } from '../../src/net/beacon.ts'
import { decodeBeacon, encodeBeacon } from '../../src/net/beacon-message.ts'
import type { Candidate } from '../../src/net/candidates.ts'
import { cityTag } from '../../src/net/city.ts'
import {
  BEACON_GAP_MS_MAX,
  BEACON_GAP_MS_MIN,
  BEACONS_PER_SECOND_MAX,
  CANDIDATES_MAX,
} from '../../src/net/limits.ts'
import { CountingCounter, FakeDatagrams, interfaceOf, peerNumber } from './net-support.ts'

const city = parseCityId('home')
const tag = cityTag(city)
const peers = Array.from({ length: 100 }, (_, number) => peerNumber(number)).sort()
/** The least id dials without waiting. */
const [self = peerNumber(0), real = peerNumber(1)] = peers

function setUp(seed: number, answer: (candidate: Candidate) => Promise<void> = async () => {}) {
  const clock = new VirtualClock()
  const datagrams = new FakeDatagrams(clock)
  const received = new CountingCounter()
  const dials: { atMs: number; peerId: PeerId; host: string; port: number }[] = []
  const connected = new Set<PeerId>()
  const link = new LinkBeacon(
    {
      clock,
      random: new SeededRandom(seed),
      log: silentLogger,
      datagrams,
      received,
      isWanted: (one) => !connected.has(one.peerId),
      dial: async (one) => {
        const { peerId, host, port } = one
        dials.push({ atMs: clock.monotonicMs(), peerId, host, port })
        await answer(one)
        connected.add(peerId)
      },
    },
    { self, city, beaconPort: 7442, port: () => 7440 },
    { ...interfaceOf('eth0', 2), isOneHop: true },
  )
  return { clock, datagrams, received, dials, link }
}

function gapsOf(sent: readonly { atMs: number }[]): number[] {
  return sent.slice(1).map((one, index) => one.atMs - (sent[index]?.atMs ?? 0))
}

const fromReal = encodeBeacon(tag, { peerId: real, port: 7450, isNew: false })

describe('the beacon of a link', () => {
  it('opens on its interface and sends our name to the group', async () => {
    const { clock, datagrams, link } = setUp(51)
    link.start()
    await clock.advanceAsync(3_000)
    expect(datagrams.opened[0]).toMatchObject({
      port: 7442,
      group: { address: BEACON_GROUP, interfaceName: 'eth0' },
    })
    const [first] = datagrams.sent
    expect(first?.to).toEqual({ host: `${BEACON_GROUP}%eth0`, port: 7442 })
    expect(decodeBeacon(tag, first?.bytes ?? new Uint8Array())).toEqual({
      verdict: 'accept',
      value: { peerId: self, port: 7440, isNew: true },
    })
  })

  it('backs off from one second to ten (seeds 51 to 60)', async () => {
    for (let seed = 51; seed <= 60; seed++) {
      const { clock, datagrams, link } = setUp(seed)
      link.start()
      await clock.advanceAsync(200_000)
      const gaps = gapsOf(datagrams.sent)
      expect(gaps[0], `seed ${seed}`).toBeLessThanOrEqual(BEACON_GAP_MS_MIN * 1.2)
      expect(Math.min(...gaps)).toBeGreaterThanOrEqual(BEACON_GAP_MS_MIN * 0.8)
      expect(Math.max(...gaps)).toBeLessThanOrEqual(BEACON_GAP_MS_MAX)
      const late = gaps.slice(-10)
      expect(Math.min(...late)).toBeGreaterThanOrEqual(BEACON_GAP_MS_MAX * 0.8)
      // Jitter: two nodes that started together do not stay together.
      expect(new Set(late).size).toBeGreaterThan(1)
    }
  })

  it('speaks up soon when hastened, and for a newcomer, but not for one it knows', async () => {
    const { clock, datagrams, link } = setUp(61)
    link.start()
    await clock.advanceAsync(100_000)
    const soon = async (): Promise<number> => {
      const before = datagrams.sent.length
      await clock.advanceAsync(BEACON_GAP_MS_MIN * 1.5)
      return datagrams.sent.length - before
    }
    link.hasten()
    expect(await soon()).toBeGreaterThan(0)
    await clock.advanceAsync(100_000)
    const newcomer = encodeBeacon(tag, { peerId: real, port: 1, isNew: true })
    const sentBefore = datagrams.sent.length
    datagrams.deliver(newcomer, 'fe80::9%eth0')
    expect(await soon()).toBeGreaterThan(0)
    const soonAfter = gapsOf(datagrams.sent.slice(sentBefore))
    expect(Math.min(BEACON_GAP_MS_MAX, ...soonAfter)).toBeLessThan(BEACON_GAP_MS_MAX / 2)
    for (let step = 0; step < 20; step++) {
      datagrams.deliver(newcomer, 'fe80::9%eth0')
      await clock.advanceAsync(5_000)
    }
    const gaps = gapsOf(datagrams.sent).slice(-5)
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(BEACON_GAP_MS_MAX * 0.8)
  })

  it('is not made to flood by forged newcomers (seed 62)', async () => {
    const random = new SeededRandom(62)
    const { clock, datagrams, link } = setUp(62, () => Promise.reject(new Error('nobody')))
    link.start()
    for (let step = 0; step < 1_000; step++) {
      const forged = encodeBeacon(tag, { peerId: peerNumber(step), port: 1, isNew: true })
      datagrams.deliver(forged, `fe80::${randomBelow(random, 65_535).toString(16)}%eth0`)
      await clock.advanceAsync(20)
    }
    expect(Math.min(...gapsOf(datagrams.sent))).toBeGreaterThanOrEqual(BEACON_GAP_MS_MIN * 0.8)
  })

  it('dials whom it heard, once', async () => {
    const { clock, datagrams, link, dials } = setUp(63)
    link.start()
    await clock.advanceAsync(5_000)
    datagrams.deliver(fromReal, 'fe80::9%eth0')
    await clock.advanceAsync(1_000)
    expect(dials).toMatchObject([{ peerId: real, host: 'fe80::9%eth0', port: 7450 }])
    for (let step = 0; step < 10; step++) {
      datagrams.deliver(fromReal, 'fe80::9%eth0')
      await clock.advanceAsync(3_000)
    }
    expect(dials).toHaveLength(1)
  })

  it.each([
    ['fails', () => Promise.reject(new Error('nobody'))],
    ['stalls', () => new Promise<void>(() => {})],
  ])('dials a hint that %s ever more rarely', async (_how, answer) => {
    const { clock, datagrams, link, dials } = setUp(70, answer)
    link.start()
    for (let step = 0; step < 30; step++) {
      await clock.advanceAsync(2_000)
      datagrams.deliver(fromReal, 'fe80::9%eth0')
    }
    // Rests of 2, 4, 8, 16 and 32 s; a dial falls due within a second of its rest's end.
    const gaps = gapsOf(dials)
    expect(gaps).toHaveLength(4)
    for (const [index, restMs] of [2_000, 4_000, 8_000, 16_000].entries()) {
      expect(gaps[index]).toBeGreaterThanOrEqual(restMs)
      expect(gaps[index]).toBeLessThanOrEqual(restMs + 1_000)
    }
  })

  it('takes nothing that comes from off the link', async () => {
    const { clock, datagrams, link, dials, received } = setUp(64)
    link.start()
    await clock.advanceAsync(1_000)
    const hosts = ['10.0.2.9', '2001:db8::9', 'fe80::9', 'fe80::9%eth1', '::1', 'fec0::9%eth0']
    for (const host of hosts) datagrams.deliver(fromReal, host)
    await clock.advanceAsync(10_000)
    expect(received.of('dropped')).toBe(hosts.length)
    expect(dials).toEqual([])
    expect(link.candidateCount).toBe(0)
  })

  it('does not mind itself, other cities and garbage', async () => {
    const { clock, datagrams, link, dials, received } = setUp(65)
    link.start()
    await clock.advanceAsync(1_000)
    datagrams.deliver(encodeBeacon(tag, { peerId: self, port: 1, isNew: true }), 'fe80::2%eth0')
    const other = cityTag(parseCityId('other'))
    datagrams.deliver(encodeBeacon(other, { peerId: real, port: 1, isNew: true }), 'fe80::9%eth0')
    datagrams.deliver(Buffer.from('garbage'), 'fe80::9%eth0')
    await clock.advanceAsync(10_000)
    expect(dials).toEqual([])
    expect(link.candidateCount).toBe(0)
    expect([received.of('accept'), received.of('ignore'), received.of('reject')]).toEqual([1, 1, 1])
  })

  it('bears ten thousand forged beacons: few are read, one is dialled a second (seed 66)', async () => {
    const random = new SeededRandom(66)
    // A forged hint that stalls must not hold up the next.
    const { clock, datagrams, link, dials, received } = setUp(66, ({ peerId }) =>
      peerId === real ? Promise.resolve() : new Promise(() => {}),
    )
    link.start()
    await clock.advanceAsync(1_000)
    const flood = (number: number): void => {
      const peerId = peers[2 + (number % 90)] ?? real
      const host = `fe80::${randomBelow(random, 1e9)
        .toString(16)
        .match(/.{1,4}/g)
        ?.join(':')}%eth0`
      datagrams.deliver(encodeBeacon(tag, { peerId, port: 1 + number, isNew: true }), host)
    }
    for (let number = 0; number < 10_000; number++) flood(number)
    expect(link.candidateCount).toBeLessThanOrEqual(CANDIDATES_MAX)
    expect(received.of('accept')).toBeLessThanOrEqual(BEACONS_PER_SECOND_MAX)
    expect(received.of('dropped')).toBeGreaterThanOrEqual(10_000 - BEACONS_PER_SECOND_MAX)
    // It goes on at just below the limit, while a real node speaks as it does.
    for (let step = 0; step < 30_000 / 25; step++) {
      flood(step)
      if (step % 100 === 50) datagrams.deliver(fromReal, 'fe80::9%eth0')
      await clock.advanceAsync(25)
    }
    expect(dials.length).toBeGreaterThan(10)
    expect(Math.min(...gapsOf(dials))).toBeGreaterThanOrEqual(1_000)
    expect(dials.map((one) => one.peerId)).toContain(real)
    expect(link.candidateCount).toBeLessThanOrEqual(CANDIDATES_MAX)
  })

  it('tries again while its address is tentative', async () => {
    const { clock, datagrams, link } = setUp(67)
    datagrams.openFailures = 3
    link.start()
    await clock.advanceAsync(100)
    expect(datagrams.sent).toHaveLength(0)
    await clock.advanceAsync(3 * BEACON_GAP_MS_MIN * 1.2)
    expect(datagrams.openAttempts).toBe(4)
    expect(datagrams.sent.length).toBeGreaterThan(0)
    await clock.advanceAsync(60_000)
    expect(datagrams.openAttempts).toBe(4)
  })

  it('is quiet once stopped, also when its socket opens late', async () => {
    const { clock, datagrams, link, dials } = setUp(68)
    link.start()
    await clock.advanceAsync(5_000)
    await link.stop()
    const sentBefore = datagrams.sent.length
    datagrams.deliver(fromReal, 'fe80::9%eth0')
    link.hasten()
    await clock.advanceAsync(60_000)
    expect(datagrams.sent).toHaveLength(sentBefore)
    expect(dials).toEqual([])
    expect(datagrams.closedCount).toBe(1)

    const late = setUp(69)
    late.link.start()
    await late.link.stop()
    await late.clock.advanceAsync(60_000)
    expect(late.datagrams.sent).toEqual([])
    expect(late.datagrams.closedCount).toBe(1)
  })
})
