// SPDX-License-Identifier: AGPL-3.0-or-later
/** Whom we may dial: each rule from both sides. */
import { describe, expect, it } from 'vitest'
import { parseCityId } from '../../src/base/base.ts'
import { cityAddress, cityPrefix } from '../../src/net/city.ts'
import { allowDial, type DialRules, interfaceOf as overWhich } from '../../src/net/dial-filter.ts'
import { interfaceOf, peerNumber } from './net-support.ts'

const city = parseCityId('home')
const eth0 = interfaceOf('eth0', 2, {
  addresses: ['192.168.7.5/24', 'fe80::2/64', 'fd12:3456::5/64', '100.64.9.9/32', '0.0.0.0/0'],
})
const lo = interfaceOf('lo', 1, {
  segment: 'loopback',
  addresses: ['127.0.0.1/8', '::1/128', 'fe80::1/64'],
})
const rules: DialRules = {
  interfaces: [lo, eth0],
  ranges: [cityPrefix(city), '10.20.0.0/16', '2001:db8:7::/48'],
  bootstrapHosts: new Set(['203.0.113.9', '2001:db8::9']),
  isLoopbackAllowed: false,
}

const allowed = [
  ['a neighbour on our network', '192.168.7.77'],
  ['the same, mapped into IPv6', '::ffff:192.168.7.77'],
  ['a neighbour on our IPv6 network', 'fd12:3456::77'],
  ['a link-local address in a zone of ours', 'fe80::77%eth0'],
  ['a node of the city', cityAddress(city, peerNumber(3))],
  ['a configured range', '10.20.255.1'],
  ['a configured IPv6 range', '2001:db8:7:1::1'],
  ['a bootstrap node', '203.0.113.9'],
  ['a bootstrap node with IPv6', '2001:db8::9'],
] as const

const denied = [
  ['loopback', '127.0.0.1'],
  ['all of loopback', '127.255.1.2'],
  ['IPv6 loopback', '::1'],
  ['loopback written long', '0:0:0:0:0:0:0:1'],
  ['loopback mapped into IPv6', '::ffff:127.0.0.1'],
  ['the same in hexadecimal', '::ffff:7f00:1'],
  ['the same written long', '0:0:0:0:0:ffff:7f00:0001'],
  ['loopback with a zone', '::1%eth0'],
  ['link-local without a zone', 'fe80::77'],
  ['link-local in an unknown zone', 'fe80::77%eth9'],
  ['link-local in the zone of loopback', 'fe80::77%lo'],
  ['link-local IPv4 that is not on our link', '169.254.169.254'],
  ['the same mapped into IPv6', '::ffff:169.254.169.254'],
  ['a network that is not ours', '192.168.8.77'],
  ['the same mapped into IPv6', '::ffff:192.168.8.77'],
  ['a /32 neighbour: an address is no network', '100.64.9.8'],
  ['beside a configured range', '10.21.0.1'],
  ['another city', cityAddress(parseCityId('other'), peerNumber(3))],
  ['beside a bootstrap node', '203.0.113.10'],
  ['the public internet', '8.8.8.8'],
  ['the public internet mapped into IPv6', '::ffff:8.8.8.8'],
  ['public IPv6', '2606:4700::1111'],
  ['multicast', '224.0.0.251'],
  ['IPv6 multicast', 'ff02::fb%eth0'],
  ['broadcast', '255.255.255.255'],
  ['unspecified', '0.0.0.0'],
  ['IPv6 unspecified', '::'],
  ['unspecified mapped into IPv6', '::ffff:0.0.0.0'],
  ['a name', 'localhost'],
  ['a name in the city', 'node.home'],
  ['a number', '2130706433'],
  ['an octal', '0177.0.0.1'],
  ['a short form', '127.1'],
  ['nothing', ''],
] as const

describe('the dial filter', () => {
  it.each(allowed)('allows %s: %s', (_name, host) => {
    expect(allowDial({ host, port: 7440 }, rules)).toBe(true)
  })

  it.each(denied)('denies %s: %s', (_name, host) => {
    expect(allowDial({ host, port: 7440 }, rules)).toBe(false)
  })

  it.each(['127.0.0.1', '::1', '::ffff:127.0.0.1'])('allows %s when told to', (host) => {
    expect(allowDial({ host, port: 1 }, { ...rules, isLoopbackAllowed: true })).toBe(true)
  })

  it('allows nothing to a node without a network, a range or a bootstrap node', () => {
    const bare = {
      interfaces: [],
      ranges: [],
      bootstrapHosts: new Set<string>(),
      isLoopbackAllowed: false,
    }
    for (const [, host] of allowed) expect(allowDial({ host, port: 1 }, bare), host).toBe(false)
  })

  it('does not let a bootstrap entry open loopback or multicast', () => {
    const bootstrapHosts = new Set(['127.0.0.1', '224.0.0.1', 'fe80::5'])
    for (const host of bootstrapHosts) {
      expect(allowDial({ host, port: 1 }, { ...rules, bootstrapHosts }), host).toBe(false)
    }
  })

  it('allows link-local IPv4 where it is our own network', () => {
    const zeroconf = interfaceOf('eth1', 3, { addresses: ['169.254.4.4/16'] })
    const onLink = { ...rules, interfaces: [zeroconf] }
    expect(allowDial({ host: '169.254.9.9', port: 1 }, onLink)).toBe(true)
  })
})

describe('the interface of an address', () => {
  it.each([
    ['192.168.7.9', 'eth0'],
    ['fe80::9%eth0', 'eth0'],
    ['127.0.0.1', 'lo'],
    ['192.168.8.9', undefined],
    ['fe80::9', undefined],
    ['fe80::9%eth9', undefined],
  ])('%s is reached over %s', (host, name) => {
    expect(overWhich(host, rules.interfaces)?.name).toBe(name)
  })
})
