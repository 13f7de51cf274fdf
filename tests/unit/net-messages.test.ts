// SPDX-License-Identifier: AGPL-3.0-or-later
/** What the network's rooms put on the wire: beacons, hellos, greetings, and names of a city. */
import { decode, encode } from '@ipld/dag-cbor'
import { multiaddr } from '@multiformats/multiaddr'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { parseCityId, randomBelow, SeededRandom } from '../../src/base/base.ts'
import { BEACON_BYTES, decodeBeacon, encodeBeacon } from '../../src/net/beacon-message.ts'
import {
  cityAddress,
  cityPrefix,
  cityProtocol,
  cityTag,
  mdnsServiceTag,
} from '../../src/net/city.ts'
import { decodeGreeting, encodeGreeting, helloKeys } from '../../src/net/greeting.ts'
import {
  decodeHello,
  encodeHello,
  HELLO_BYTES,
  type Hello,
  helloSession,
} from '../../src/net/hello-message.ts'
import { GREETING_BYTES_MAX } from '../../src/net/limits.ts'
import { endpointOf, multiaddrOf } from '../../src/net/link-transport.ts'
import { peerNumber } from './net-support.ts'

const home = cityTag(parseCityId('home'))
const beacon = { peerId: peerNumber(1), port: 7440, isNew: true }

describe('the beacon message', () => {
  it('comes out as it went in, in 48 bytes', () => {
    for (const isNew of [true, false]) {
      const bytes = encodeBeacon(home, { ...beacon, isNew })
      expect(bytes).toHaveLength(48)
      expect(decodeBeacon(home, bytes)).toEqual({ verdict: 'accept', value: { ...beacon, isNew } })
    }
  })

  it('is laid out as its comment says', () => {
    const bytes = Buffer.from(encodeBeacon(home, beacon))
    expect(bytes.subarray(0, 4).toString()).toBe('CNB1')
    expect(bytes.subarray(4, 12)).toEqual(Buffer.from(home))
    expect(bytes.readUInt16BE(44)).toBe(7440)
    expect(bytes.readUInt16BE(46)).toBe(1)
  })

  it('reads bytes that lie anywhere in a buffer, and what a later version appends', () => {
    const padded = Buffer.concat([Buffer.alloc(7, 1), encodeBeacon(home, beacon), Buffer.alloc(9)])
    expect(decodeBeacon(home, padded.subarray(7))).toMatchObject({ verdict: 'accept' })
  })

  it('ignores another city, which is nobody’s fault', () => {
    const bytes = encodeBeacon(cityTag(parseCityId('other')), beacon)
    expect(decodeBeacon(home, bytes)).toMatchObject({ verdict: 'ignore' })
  })

  it('rejects what is short, of another kind, or without a port', () => {
    const bytes = Buffer.from(encodeBeacon(home, beacon))
    for (let length = 0; length < BEACON_BYTES; length++) {
      expect(decodeBeacon(home, bytes.subarray(0, length))).toMatchObject({ verdict: 'reject' })
    }
    const otherKind = Buffer.from(bytes)
    otherKind[3] = 0x32
    expect(decodeBeacon(home, otherKind)).toMatchObject({ verdict: 'reject' })
    expect(decodeBeacon(home, encodeBeacon(home, { ...beacon, port: 0 }))).toMatchObject({
      verdict: 'reject',
    })
  })

  it('never throws, whatever comes (seed 11)', () => {
    const random = new SeededRandom(11)
    for (let round = 0; round < 5_000; round++) {
      const bytes =
        round % 2 === 0
          ? random.bytes(randomBelow(random, 80))
          : mutate(encodeBeacon(home, beacon), random)
      const decoded = decodeBeacon(home, bytes)
      if (decoded.verdict === 'accept') expect(decoded.value.port).toBeGreaterThan(0)
    }
  })
})

const session = new SeededRandom(21).bytes(8)
const key = new SeededRandom(22).bytes(32)
const hello: Hello = {
  sequence: 5,
  received: 4,
  echoSequence: 6,
  echoDelayUs: 1_234_567,
  isHearing: true,
}

describe('the hello message', () => {
  it('comes out as it went in, within 64 bytes', () => {
    for (const isHearing of [true, false]) {
      const bytes = encodeHello(session, key, { ...hello, isHearing })
      expect(bytes).toHaveLength(HELLO_BYTES)
      expect(HELLO_BYTES).toBeLessThanOrEqual(64)
      expect(helloSession(bytes)).toBe(Buffer.from(session).toString('hex'))
      expect(decodeHello(key, bytes)).toEqual({ verdict: 'accept', value: { ...hello, isHearing } })
    }
  })

  it('holds delays within what its field can say', () => {
    const delayUsOf = (echoDelayUs: number): number | undefined => {
      const decoded = decodeHello(key, encodeHello(session, key, { ...hello, echoDelayUs }))
      return decoded.verdict === 'accept' ? decoded.value.echoDelayUs : undefined
    }
    expect(delayUsOf(1e15)).toBe(0xffff_ffff)
    expect(delayUsOf(-3)).toBe(0)
    expect(delayUsOf(0.6)).toBe(1)
  })

  it('is refused under another key', () => {
    const bytes = encodeHello(session, key, hello)
    expect(decodeHello(new SeededRandom(23).bytes(32), bytes)).toMatchObject({ verdict: 'reject' })
  })

  it('is refused when any one byte differs', () => {
    for (let index = 0; index < HELLO_BYTES; index++) {
      const bytes = Buffer.from(encodeHello(session, key, hello))
      bytes.writeUInt8(bytes.readUInt8(index) ^ 1, index)
      expect(decodeHello(key, bytes), `byte ${index}`).toMatchObject({ verdict: 'reject' })
    }
  })

  it('is refused at any other length', () => {
    const bytes = Buffer.concat([encodeHello(session, key, hello), Buffer.alloc(4)])
    for (let length = 0; length <= bytes.length; length++) {
      if (length === HELLO_BYTES) continue
      expect(decodeHello(key, bytes.subarray(0, length))).toMatchObject({ verdict: 'reject' })
      expect(helloSession(bytes.subarray(0, length))).toBeUndefined()
    }
  })
})

const greeting = {
  version: '0.1.0',
  name: 'Bücherei am Platz',
  httpsPort: 7441,
  helloPort: 7443,
  share: new SeededRandom(31).bytes(32),
}

describe('the greeting', () => {
  it('comes out as it went in', () => {
    expect(decodeGreeting(encodeGreeting(greeting))).toEqual({ verdict: 'accept', value: greeting })
  })

  it('of an older node, which tells no name, is understood', () => {
    const { name: _, ...older } = greeting
    const value = { ...greeting, name: '' }
    expect(decodeGreeting(encode(older))).toEqual({ verdict: 'accept', value })
  })

  it('with a name is understood by an older node', () => {
    // The schema as it was before there were names: what it does not know it leaves out.
    const older = z.object({
      version: z.string(),
      httpsPort: z.int(),
      helloPort: z.int(),
      share: z.instanceof(Uint8Array),
    })
    const { name: _, ...known } = greeting
    expect(older.parse(decode(encodeGreeting(greeting)))).toEqual(known)
  })

  it.each([
    ['that turns text around', 'exe.\u202egpj'],
    ['that steers a terminal', '\u001b[2J'],
    ['of two lines', 'one\ntwo'],
    ['that hides something', 'a\u200bb'],
    ['that is too long', 'x'.repeat(41)],
    ['that is not trimmed', ' roof'],
  ])('has no name where it tells one %s', (_what, name) => {
    const value = { ...greeting, name: '' }
    expect(decodeGreeting(encodeGreeting({ ...greeting, name }))).toEqual({
      verdict: 'accept',
      value,
    })
  })

  it('has the longest name that there may be', () => {
    const name = '\u{1f3e0}'.repeat(40)
    expect(decodeGreeting(encodeGreeting({ ...greeting, name }))).toMatchObject({
      value: { name },
    })
    expect(encodeGreeting({ ...greeting, name }).length).toBeLessThan(GREETING_BYTES_MAX)
  })

  it('whose name is no text is refused', () => {
    const bad = encode({ ...greeting, name: 7 })
    expect(decodeGreeting(bad)).toMatchObject({ verdict: 'reject' })
  })

  it.each([
    ['a long version', { ...greeting, version: 'x'.repeat(33) }],
    ['a version that is not plain', { ...greeting, version: '<b>' }],
    ['a version that hides a line break', { ...greeting, version: '1.0\n' }],
    ['a port beyond 65535', { ...greeting, httpsPort: 65_536 }],
    ['a port that is no whole number', { ...greeting, helloPort: 1.5 }],
    ['a share that is short', { ...greeting, share: new Uint8Array(31) }],
  ])('refuses %s', (_name, bad) => {
    expect(decodeGreeting(encodeGreeting(bad))).toMatchObject({ verdict: 'reject' })
  })

  it('never throws, whatever comes (seed 32)', () => {
    const random = new SeededRandom(32)
    for (let round = 0; round < 5_000; round++) {
      const bytes =
        round % 2 === 0
          ? random.bytes(randomBelow(random, 200))
          : mutate(encodeGreeting(greeting), random)
      expect(['accept', 'reject']).toContain(decodeGreeting(bytes).verdict)
    }
  })

  it('gives both ends the same keys, swapped', () => {
    for (let pair = 0; pair < 20; pair++) {
      const one = { peerId: peerNumber(pair), share: new SeededRandom(pair).bytes(32) }
      const other = { peerId: peerNumber(pair + 100), share: new SeededRandom(pair + 50).bytes(32) }
      const mine = helloKeys(one, other)
      const theirs = helloKeys(other, one)
      expect(mine.session).toEqual(theirs.session)
      expect(mine.sendKey).toEqual(theirs.receiveKey)
      expect(mine.receiveKey).toEqual(theirs.sendKey)
      expect(mine.sendKey).not.toEqual(mine.receiveKey)
    }
  })

  it('gives other keys when either share or either peer differs', () => {
    const one = { peerId: peerNumber(1), share: new SeededRandom(1).bytes(32) }
    const two = { peerId: peerNumber(2), share: new SeededRandom(2).bytes(32) }
    const share = new SeededRandom(3).bytes(32)
    const all = [
      helloKeys(one, two),
      helloKeys({ ...one, share }, two),
      helloKeys(one, { ...two, share }),
      helloKeys({ ...one, peerId: peerNumber(9) }, two),
    ]
    for (const part of ['session', 'sendKey', 'receiveKey'] as const) {
      const distinct = new Set(all.map((keys) => Buffer.from(keys[part]).toString('hex')))
      expect(distinct.size).toBe(all.length)
    }
  })
})

describe('the names of a city', () => {
  it('are what they always were', () => {
    const city = parseCityId('home')
    expect(Buffer.from(home).toString('hex')).toBe('82ad59963d28f475')
    expect(cityPrefix(city)).toBe('fd82:ad59:963d::/48')
    expect(cityAddress(city, peerNumber(1))).toBe('fd82:ad59:963d:0:6aea:f48a:c644:8d33')
    expect(cityProtocol(city, 'have/1')).toBe('/citynode/home/have/1')
    expect(mdnsServiceTag(city)).toBe('_citynode-82ad59963d28f475._udp.local')
  })

  it('lie in the part of IPv6 that anybody may use, one /48 a city', () => {
    const prefixes = Array.from({ length: 500 }, (_, number) => {
      const city = parseCityId(`city-${number}`)
      const prefix = cityPrefix(city)
      expect(prefix).toMatch(/^fd[0-9a-f]{2}:[0-9a-f]{4}:[0-9a-f]{4}::\/48$/)
      const address = cityAddress(city, peerNumber(number))
      expect(address.startsWith(`${prefix.replace('::/48', '')}:0:`)).toBe(true)
      expect(address).toMatch(/^(?:[0-9a-f]{1,4}:){7}[0-9a-f]{1,4}$/)
      return prefix
    })
    expect(new Set(prefixes).size).toBe(500)
  })
})

describe('endpoints and multiaddrs', () => {
  it.each([
    ['192.168.1.7', '/ip4/192.168.1.7/tcp/7440'],
    ['fd00::7', '/ip6/fd00::7/tcp/7440'],
    ['fe80::1%eth0', '/ip6zone/eth0/ip6/fe80::1/tcp/7440'],
  ])('%s is %s, and back', (host, text) => {
    expect(multiaddrOf({ host, port: 7440 }).toString()).toBe(text)
    expect(endpointOf(multiaddr(text))).toEqual({ host, port: 7440 })
    expect(endpointOf(multiaddr(`${text}/p2p/${peerNumber(1)}`))).toEqual({ host, port: 7440 })
  })

  it('takes an IPv4 address mapped into IPv6 for what it is', () => {
    const address = multiaddrOf({ host: '::ffff:10.0.0.7', port: 1 })
    expect(address.toString()).toBe('/ip4/10.0.0.7/tcp/1')
  })

  it.each([
    '/dns4/example.org/tcp/7440',
    '/ip4/10.0.0.7/udp/7440',
    '/ip4/10.0.0.7/udp/7440/quic-v1',
    `/ip4/10.0.0.7/tcp/7440/p2p/${peerNumber(1)}/p2p-circuit`,
    '/unix/tmp%2Fsocket',
  ])('%s is no TCP endpoint', (text) => {
    expect(endpointOf(multiaddr(text))).toBeUndefined()
  })
})

/** One to four bytes changed, cut or added. */
function mutate(bytes: Uint8Array, random: SeededRandom): Uint8Array {
  const changed = Buffer.from(bytes)
  for (let times = 1 + randomBelow(random, 4); times > 0; times--) {
    changed.writeUInt8(randomBelow(random, 256), randomBelow(random, changed.length))
  }
  const cut = randomBelow(random, 3)
  if (cut === 0) return changed.subarray(0, randomBelow(random, changed.length))
  return cut === 1 ? Buffer.concat([changed, random.bytes(randomBelow(random, 20))]) : changed
}
