// SPDX-License-Identifier: AGPL-3.0-or-later
/** Under which addresses the status page can be opened, the likeliest first. Pure. */
import type { NetworkInterface } from '../../system/system.ts'
import { OWNER_LINKS_MAX } from '../limits.ts'

export interface Reachable {
  interfaces: readonly NetworkInterface[]
  /** The machine's own name. */
  hostName: string
  /** What the listener was told to listen on. */
  listenAddress: string
  port: number
}

/**
 * Addresses of the LAN, the name that multicast DNS knows, IPv6, then this machine alone. Without
 * link-local IPv6 addresses: no browser takes their zone.
 */
export function originsOf({ interfaces, hostName, listenAddress, port }: Reachable): string[] {
  const local = `http://localhost:${port}`
  if (isLoopback(listenAddress)) return [local]
  if (!isAny(listenAddress)) return [originOf(listenAddress, port)]
  const reachable = [...interfaces]
    .sort((one, other) => rankOf(one) - rankOf(other))
    .flatMap(({ addresses }) => addresses)
    .filter(({ isLinkLocal, isLoopback: isOwn }) => !isLinkLocal && !isOwn)
  const ofFamily = (family: 4 | 6): string[] =>
    reachable.filter((one) => one.family === family).map(({ address }) => originOf(address, port))
  const name = hostName.toLowerCase().split('.')[0] ?? ''
  const named = name === '' || name === 'localhost' ? [] : [`http://${name}.local:${port}`]
  const six = listenAddress === '0.0.0.0' ? [] : ofFamily(6)
  const farther = [...new Set([...ofFamily(4), ...named, ...six])]
  return [...farther.slice(0, OWNER_LINKS_MAX - 1), local]
}

/** The page with the token behind the `#`: browsers keep that part to themselves. */
export function ownerLinksOf(reachable: Reachable, token: string): string[] {
  return originsOf(reachable).map((origin) => `${origin}/#token=${token}`)
}

/** What is carried by another network is the least likely way to the living room. */
function rankOf({ segment }: NetworkInterface): number {
  return segment === 'tunnel' ? 1 : 0
}

function originOf(address: string, port: number): string {
  return `http://${address.includes(':') ? `[${address}]` : address}:${port}`
}

function isAny(address: string): boolean {
  return /^(?:0\.0\.0\.0|(?:0*:)*:?0*)$/.test(address)
}

function isLoopback(address: string): boolean {
  return address.startsWith('127.') || address === '::1'
}
