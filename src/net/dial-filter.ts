// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Whom we may dial. Addresses come from strangers, so an address is refused unless it is known to
 * be ours to reach: never loopback (unless configured), link-local only in a zone that is one of
 * our interfaces, otherwise only on-link networks, the city's prefix, configured ranges and the
 * configured bootstrap addresses.
 */
import { BlockList, isIP } from 'node:net'
import type { NetworkInterface } from '../system/system.ts'
import type { Endpoint } from './link-transport.ts'

export interface DialRules {
  interfaces: readonly NetworkInterface[]
  /** CIDRs: the city's prefix and what the owner configured. */
  ranges: readonly string[]
  /** Hosts of configured bootstrap peers. */
  bootstrapHosts: ReadonlySet<string>
  isLoopbackAllowed: boolean
}

/** Whether `endpoint` may be dialled under `rules`. Names are never resolved: only IP addresses. */
export function allowDial({ host }: Endpoint, rules: DialRules): boolean {
  const [address = '', zone] = host.split('%')
  if (isIP(address) === 0) return false
  if (isLoopback(address)) return rules.isLoopbackAllowed
  if (isUnroutable(address)) return false
  if (isLinkLocal(address)) {
    if (zone === undefined) return isOnLink(address, rules.interfaces) && isIP(address) === 4
    return rules.interfaces.some((one) => one.name === zone && one.segment !== 'loopback')
  }
  if (rules.bootstrapHosts.has(host)) return true
  return isOnLink(address, rules.interfaces) || isInRanges(address, rules.ranges)
}

/** The interface over whose own network `host` is reached, without a router; undefined if none. */
export function interfaceOf<One extends NetworkInterface>(
  host: string,
  interfaces: readonly One[],
): One | undefined {
  const [address = '', zone] = host.split('%')
  if (zone !== undefined) return interfaces.find((one) => one.name === zone)
  if (isLoopback(address)) return interfaces.find((one) => one.segment === 'loopback')
  return interfaces.find((one) => isOnLink(address, [one]))
}

function isOnLink(address: string, interfaces: readonly NetworkInterface[]): boolean {
  const networks = interfaces
    .flatMap((one) => one.addresses)
    .filter((one) => !one.isLoopback && !(one.family === 6 && one.isLinkLocal))
    // A /32 or /128 is an address of our own, not a network; a default route is not one either.
    .filter((one) => one.prefixLength > 0 && one.prefixLength < (one.family === 4 ? 32 : 128))
    .map((one) => `${one.address}/${one.prefixLength}`)
  return isInRanges(address, networks)
}

function isInRanges(address: string, ranges: readonly string[]): boolean {
  const list = new BlockList()
  for (const range of ranges) {
    const [network = '', prefix = ''] = range.split('/')
    list.addSubnet(network, Number(prefix), isIP(network) === 4 ? 'ipv4' : 'ipv6')
  }
  return list.check(address, isIP(address) === 4 ? 'ipv4' : 'ipv6')
}

const LOOPBACK = ['127.0.0.0/8', '::1/128', '::ffff:127.0.0.0/104']
const LINK_LOCAL = ['169.254.0.0/16', 'fe80::/10']
/** Unspecified, multicast, broadcast: nothing that can be dialled. */
const UNROUTABLE = ['0.0.0.0/8', '224.0.0.0/3', '::/128', 'ff00::/8']

export function isLoopback(host: string): boolean {
  return isInRanges(host, LOOPBACK)
}

export function isLinkLocal(host: string): boolean {
  return isInRanges(host.split('%')[0] ?? '', LINK_LOCAL)
}

function isUnroutable(address: string): boolean {
  return isInRanges(address, UNROUTABLE)
}
