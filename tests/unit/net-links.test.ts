// SPDX-License-Identifier: AGPL-3.0-or-later
import { EventEmitter } from 'node:events'
import { beforeEach, describe, expect, it } from 'vitest'
import { CodedError, type PeerId, silentLogger, VirtualClock } from '../../src/base/base.ts'
import { LINK_STEPS_MAX, LINKS_WATCHED_MAX } from '../../src/net/limits.ts'
import { LinkHistory, NO_FIGURES } from '../../src/net/link-history.ts'
import { type ConnectedPeer, LinkWatch, type Neighbour, Traffic } from '../../src/net/net.ts'
import { peerNumber } from './net-support.ts'

class FakeSocket extends EventEmitter {
  bytesRead = 0
  bytesWritten = 0
}

const NEAR = peerNumber(1)
const FAR = peerNumber(2)

function neighbour(peerId: PeerId, changes: Partial<Neighbour> = {}): Neighbour {
  return {
    peerId,
    name: 'Next door',
    interfaceName: 'wlan0',
    address: 'fe80::1%wlan0',
    rttMs: 2.5,
    lossIn: 0.25,
    lossOut: undefined,
    sinceMs: 0,
    heardAtMs: 0,
    ...changes,
  }
}

function connected(peerId: PeerId, interfaceName?: string): ConnectedPeer {
  return {
    peerId,
    name: '',
    address: '/ip4/10.0.0.2/tcp/7440',
    direction: 'outbound',
    connectedAtMs: 0,
    https: undefined,
    version: '0.1.0',
    interfaceName,
  }
}

describe('traffic', () => {
  it('is what sockets moved since the last step, by peer, also of those that closed', () => {
    const traffic = new Traffic()
    const [first, second] = [new FakeSocket(), new FakeSocket()]
    first.bytesRead = 500
    traffic.watch(first, () => NEAR)
    traffic.watch(second, () => NEAR)
    first.bytesRead += 100
    second.bytesWritten += 30
    expect([...traffic.step()]).toEqual([[NEAR, { receivedBytes: 100, sentBytes: 30 }]])
    first.bytesRead += 7
    first.emit('close')
    first.bytesRead += 1_000
    expect([...traffic.step()]).toEqual([[NEAR, { receivedBytes: 7, sentBytes: 0 }]])
    expect(traffic.step().size).toBe(0)
  })

  it('of a socket that is nobody’s is not counted', () => {
    const traffic = new Traffic()
    const socket = new FakeSocket()
    let whose: PeerId | undefined
    traffic.watch(socket, () => whose)
    socket.bytesRead = 100
    expect(traffic.step().size).toBe(0)
    whose = FAR
    socket.bytesRead = 150
    expect([...traffic.step()]).toEqual([[FAR, { receivedBytes: 50, sentBytes: 0 }]])
  })
})

describe('the history of a link', () => {
  it('keeps the last steps, oldest first', () => {
    const history = new LinkHistory()
    expect(history.samples().rttMs).toEqual([])
    for (let step = 0; step < LINK_STEPS_MAX + 10; step++) {
      history.push({ ...NO_FIGURES, rttMs: step, receivedBytesPerSecond: step * 2 })
    }
    const { rttMs, lossIn, receivedBytesPerSecond } = history.samples()
    expect(rttMs).toHaveLength(LINK_STEPS_MAX)
    expect([rttMs[0], rttMs.at(-1)]).toEqual([10, LINK_STEPS_MAX + 9])
    expect(receivedBytesPerSecond[0]).toBe(20)
    expect(lossIn).toEqual(Array.from({ length: LINK_STEPS_MAX }, () => undefined))
  })
})

describe('the watch over links', () => {
  let clock: VirtualClock
  let traffic: Traffic
  let watch: LinkWatch
  let neighbours: Neighbour[]
  let peers: ConnectedPeer[]
  let pinged: PeerId[]
  let ping: (peerId: PeerId) => Promise<number>

  beforeEach(async () => {
    clock = new VirtualClock()
    traffic = new Traffic()
    neighbours = [neighbour(NEAR)]
    peers = [connected(NEAR, 'wlan0'), connected(FAR), connected(peerNumber(3), 'eth0')]
    pinged = []
    ping = async () => 17
    const network = {
      neighbours: () => neighbours,
      connectedPeers: () => peers,
      ping: (peerId: PeerId) => {
        pinged.push(peerId)
        return ping(peerId)
      },
    }
    watch = new LinkWatch({ clock, log: silentLogger, network, traffic })
    await watch.start()
  })

  it('tells neighbours first, then segment peers, then others', () => {
    expect(watch.links().map(({ kind, interfaceName }) => [kind, interfaceName])).toEqual([
      ['neighbour', 'wlan0'],
      ['segment', 'eth0'],
      ['peer', undefined],
    ])
  })

  it('keeps the last minutes of neighbours always, and of others while somebody looks', async () => {
    await clock.advanceAsync(10_000)
    const lengths = () => watch.histories().map(({ samples }) => samples.rttMs.length)
    expect(lengths()).toEqual([2, 0, 0])
    expect(pinged).toEqual([])
    const looking = new AbortController()
    watch.attend(looking.signal)
    await clock.advanceAsync(10_000)
    expect(lengths()).toEqual([4, 2, 2])
    looking.abort()
    await clock.advanceAsync(5_000)
    expect(lengths()[0]).toBe(5)
  })

  it('asks others for a round trip every 15 s, and only while somebody looks', async () => {
    const looking = new AbortController()
    watch.attend(looking.signal)
    await clock.advanceAsync(0)
    expect(pinged).toEqual([peerNumber(3), FAR])
    expect(watch.links().map(({ rttMs }) => rttMs)).toEqual([2.5, 17, 17])
    await clock.advanceAsync(60_000)
    expect(pinged).toHaveLength(2 + 4 * 2)
    ping = () => Promise.reject(new CodedError('NET_NO_ANSWER', 'Gone.'))
    await clock.advanceAsync(15_000)
    expect(watch.links().map(({ rttMs }) => rttMs)).toEqual([2.5, undefined, undefined])
    looking.abort()
    const { length } = pinged
    await clock.advanceAsync(60_000)
    expect(pinged).toHaveLength(length)
  })

  it('has the bytes a second of the last step, once for a peer with two links', async () => {
    neighbours = [neighbour(NEAR), neighbour(NEAR, { interfaceName: 'eth0' })]
    const socket = new FakeSocket()
    traffic.watch(socket, () => NEAR)
    socket.bytesRead = 50_000
    socket.bytesWritten = 500
    await clock.advanceAsync(5_000)
    expect(watch.links().map((link) => link.receivedBytesPerSecond)).toEqual([10_000, 0, 0, 0])
    expect(watch.links()[0]?.sentBytesPerSecond).toBe(100)
    await clock.advanceAsync(5_000)
    expect(watch.links()[0]?.receivedBytesPerSecond).toBe(0)
    expect(watch.histories()[0]?.samples.receivedBytesPerSecond).toEqual([10_000, 0])
  })

  it('remembers a neighbour that was away, with the gap', async () => {
    await clock.advanceAsync(10_000)
    const before = neighbours
    neighbours = []
    await clock.advanceAsync(10_000)
    neighbours = before
    await clock.advanceAsync(5_000)
    expect(watch.histories()[0]?.samples.rttMs).toEqual([2.5, 2.5, undefined, undefined, 2.5])
  })

  it('holds a bounded number, and forgets those first that are gone', async () => {
    const many = (from: number) =>
      Array.from({ length: LINKS_WATCHED_MAX }, (_, at) => neighbour(peerNumber(from + at)))
    neighbours = many(100)
    await clock.advanceAsync(5_000)
    neighbours = [...many(300), ...many(100)]
    await clock.advanceAsync(5_000)
    expect(watch.links()).toHaveLength(LINKS_WATCHED_MAX)
    expect(watch.histories().every(({ samples }) => samples.rttMs.length === 1)).toBe(true)
  })

  it('calls back after every step until it is told not to', async () => {
    let steps = 0
    const listening = new AbortController()
    watch.onStep(() => {
      steps += 1
    }, listening.signal)
    await clock.advanceAsync(10_000)
    listening.abort()
    await clock.advanceAsync(10_000)
    expect(steps).toBe(2)
    await watch.stop()
  })
})
