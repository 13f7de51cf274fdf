// SPDX-License-Identifier: AGPL-3.0-or-later
/** When bootstrap nodes are dialled, and when they are left alone. */
import { expect, it } from 'vitest'
import { type PeerId, SeededRandom, silentLogger, VirtualClock } from '../../src/base/base.ts'
import { Bootstrap } from '../../src/net/bootstrap.ts'
import { BOOTSTRAP_GAP_MS_MAX, BOOTSTRAP_GAP_MS_MIN } from '../../src/net/limits.ts'
import { peerNumber } from './net-support.ts'

const addressOf = (peerId: PeerId): string => `/ip4/10.0.0.7/tcp/7440/p2p/${peerId}`

function setUp(peerIds: readonly PeerId[], dial: () => Promise<void> = async () => {}) {
  const clock = new VirtualClock()
  const connected = new Set<PeerId>()
  const dialled: { atMs: number; address: string }[] = []
  const bootstrap = new Bootstrap(
    {
      clock,
      random: new SeededRandom(7),
      log: silentLogger,
      isConnected: (peerId) => connected.has(peerId),
      dial: (address) => {
        dialled.push({ atMs: clock.monotonicMs(), address })
        return dial()
      },
    },
    peerIds.map(addressOf),
  )
  return { bootstrap, clock, connected, dialled }
}

/** The gaps between the dials, each counted from the one before it. */
function gaps(dialled: readonly { atMs: number }[], startMs = 0): number[] {
  return dialled.map(({ atMs }, index) => atMs - (dialled[index - 1]?.atMs ?? startMs))
}

it('tries again after 1, 2, 4 … 30 s, never on the dot', async () => {
  const { bootstrap, clock, dialled } = setUp([peerNumber(1)])
  bootstrap.start()
  await clock.advanceAsync(200_000)
  const nominal = [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]
  const seen = gaps(dialled).slice(0, nominal.length)
  for (const [index, nominalMs] of nominal.entries()) {
    expect(seen[index]).toBeGreaterThanOrEqual(nominalMs * 0.8)
    expect(seen[index]).toBeLessThanOrEqual(nominalMs * 1.2)
  }
  expect(new Set(seen.map((gapMs, index) => gapMs / (nominal[index] ?? 1))).size).toBe(seen.length)
  expect(BOOTSTRAP_GAP_MS_MIN).toBe(nominal[0])
  expect(BOOTSTRAP_GAP_MS_MAX).toBe(nominal.at(-1))
})

it('leaves those alone that are connected, and looks soon for one that was lost', async () => {
  const [one, other] = [peerNumber(1), peerNumber(2)]
  const { bootstrap, clock, connected, dialled } = setUp([one, other])
  connected.add(one)
  bootstrap.start()
  await clock.advanceAsync(100_000)
  expect(new Set(dialled.map(({ address }) => address))).toEqual(new Set([addressOf(other)]))
  connected.add(other)
  dialled.length = 0
  await clock.advanceAsync(100_000)
  expect(dialled).toEqual([])

  const lostAtMs = clock.monotonicMs()
  bootstrap.lost(peerNumber(3))
  connected.delete(one)
  bootstrap.lost(one)
  await clock.advanceAsync(1_200)
  expect(dialled.map(({ address }) => address)).toEqual([addressOf(one)])
  expect(gaps(dialled, lostAtMs)[0]).toBeGreaterThanOrEqual(800)
})

it('does not dial twice at once, and goes on when a dial fails', async () => {
  const first = Promise.withResolvers<void>()
  const { bootstrap, clock, dialled } = setUp([peerNumber(1)], () => first.promise)
  bootstrap.start()
  await clock.advanceAsync(100_000)
  expect(dialled).toHaveLength(1)
  first.reject(new Error('nobody there'))
  await clock.advanceAsync(100_000)
  expect(dialled.length).toBeGreaterThan(1)
})

it('stops, and is not woken again', async () => {
  const { bootstrap, clock, dialled } = setUp([peerNumber(1)])
  bootstrap.start()
  bootstrap.stop()
  bootstrap.lost(peerNumber(1))
  await clock.advanceAsync(100_000)
  expect(dialled).toEqual([])
})

it('knows where the nodes are; for those behind a relay, where the relay is', () => {
  const relayed = `/ip4/10.0.0.8/tcp/7440/p2p/${peerNumber(2)}/p2p-circuit/p2p/${peerNumber(3)}`
  const deps = {
    clock: new VirtualClock(),
    random: new SeededRandom(1),
    log: silentLogger,
    isConnected: () => false,
    dial: async () => {},
  }
  const bootstrap = new Bootstrap(deps, [addressOf(peerNumber(1)), relayed])
  expect([...bootstrap.hosts]).toEqual(['10.0.0.7', '10.0.0.8'])
})
