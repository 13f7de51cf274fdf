// SPDX-License-Identifier: AGPL-3.0-or-later
/** The owner's links, and how wrong tokens are counted. */
import { describe, expect, it } from 'vitest'
import { WRONG_TOKEN_ADDRESSES_MAX, WRONG_TOKENS_AT_ONCE_MAX } from '../../src/api/limits.ts'
import { originsOf, ownerLinksOf } from '../../src/api/owner/links.ts'
import { WrongTokens } from '../../src/api/owner/wrong-tokens.ts'
import { VirtualClock } from '../../src/base/base.ts'
import type { NetworkInterface, SegmentKind } from '../../src/system/system.ts'

function interfaceOf(
  name: string,
  segment: SegmentKind,
  addresses: readonly string[],
): NetworkInterface {
  return {
    name,
    index: 1,
    mac: '',
    segment,
    addresses: addresses.map((address) => ({
      address,
      prefixLength: 24,
      family: address.includes(':') ? (6 as const) : (4 as const),
      isLinkLocal: address.startsWith('fe80') || address.startsWith('169.254.'),
      isLoopback: address === '127.0.0.1' || address === '::1',
    })),
  }
}

const INTERFACES = [
  interfaceOf('lo', 'loopback', ['127.0.0.1', '::1']),
  interfaceOf('wg0', 'tunnel', ['10.9.0.2']),
  interfaceOf('eth0', 'wire', ['fe80::1', '192.168.1.5', '2001:db8::5']),
  interfaceOf('wlan0', 'radio', ['169.254.3.4', '10.0.0.7']),
]

const REACHABLE = { interfaces: INTERFACES, hostName: 'Attic-Box.lan', port: 7480 }

describe('links to the page', () => {
  it.each(['::', '0:0:0:0:0:0:0:0'])('on %s: the likeliest first', (listenAddress) => {
    expect(originsOf({ ...REACHABLE, listenAddress })).toEqual([
      'http://192.168.1.5:7480',
      'http://10.0.0.7:7480',
      'http://10.9.0.2:7480',
      'http://attic-box.local:7480',
      'http://[2001:db8::5]:7480',
      'http://localhost:7480',
    ])
  })

  it.each([
    ['0.0.0.0', 5, 'http://192.168.1.5:7480'],
    ['192.168.1.5', 1, 'http://192.168.1.5:7480'],
    ['2001:db8::5', 1, 'http://[2001:db8::5]:7480'],
    ['127.0.0.1', 1, 'http://localhost:7480'],
    ['::1', 1, 'http://localhost:7480'],
  ])('on %s there are %i, first %s', (listenAddress, count, first) => {
    const origins = originsOf({ ...REACHABLE, listenAddress })
    expect(origins).toHaveLength(count)
    expect(origins[0]).toBe(first)
  })

  it('are a handful, and always there for this machine', () => {
    const many = interfaceOf(
      'eth1',
      'wire',
      Array.from({ length: 30 }, (_none, host) => `10.1.0.${host + 1}`),
    )
    const origins = originsOf({ ...REACHABLE, interfaces: [many], listenAddress: '::' })
    expect(origins).toHaveLength(8)
    expect(origins.at(-1)).toBe('http://localhost:7480')
  })

  it('carry the token where no server is told it', () => {
    const links = ownerLinksOf({ ...REACHABLE, listenAddress: '::' }, 'secret')
    for (const link of links) {
      expect(URL.parse(link)).toMatchObject({ hash: '#token=secret', search: '', pathname: '/' })
    }
  })
})

describe('wrong tokens', () => {
  it('are let through for a while, then slowly, address by address', () => {
    const clock = new VirtualClock()
    const wrong = new WrongTokens(clock)
    const count = (address: string, times: number): number =>
      Array.from({ length: times }, () => wrong.note(address)).filter((isFine) => isFine).length
    expect(count('10.0.0.7', 100)).toBe(WRONG_TOKENS_AT_ONCE_MAX)
    expect(count('::ffff:10.0.0.7', 1)).toBe(0)
    expect(count('10.0.0.8', 1)).toBe(1)
    clock.advance(60_000)
    expect(count('10.0.0.7', 100)).toBe(12)
  })

  it('of a whole IPv6 network count as one', () => {
    const wrong = new WrongTokens(new VirtualClock())
    const fine = Array.from({ length: 100 }, (_none, host) => wrong.note(`2001:db8::${host}`))
    expect(fine.filter((isFine) => isFine)).toHaveLength(WRONG_TOKENS_AT_ONCE_MAX)
  })

  it('are remembered of so many addresses only, and longest of whoever goes on', () => {
    const wrong = new WrongTokens(new VirtualClock())
    for (let guess = 0; guess < WRONG_TOKENS_AT_ONCE_MAX; guess += 1) wrong.note('10.0.0.7')
    for (let host = 0; host < 5_000; host += 1) {
      wrong.note(`10.${host >> 8}.${host & 255}.1`)
      if (host % 100 === 0) expect(wrong.note('10.0.0.7')).toBe(false)
    }
    expect(wrong.count).toBe(WRONG_TOKEN_ADDRESSES_MAX)
  })
})
