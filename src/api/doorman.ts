// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Who may come in, told from a request's headers: stops a web site that points a name of its own at
 * this machine (DNS rebinding), and requests that somebody else's page makes in a visitor's browser.
 *
 * Pure, but for reading the headers off a request. Browsers send `Sec-Fetch-*` over plain HTTP only
 * to loopback addresses, so on the LAN the Host and Origin are what there is to go by; programs that
 * are no browsers send neither `Sec-Fetch-*` nor Origin, and are let in by their Host alone.
 */
import type { IncomingMessage } from 'node:http'
import { BlockList, isIP } from 'node:net'
import { CodedError } from '../base/base.ts'

/**
 * What is asked for.
 * - `page`: the status page; anybody may link to it, nobody may embed or read it.
 * - `data`: what programs read of the API; only by its own page, or typed in.
 * - `item`: public items; anybody may link to them, and they may show pictures, styles and fonts.
 * - `control`: the owner's Unix socket, where no browser ever is.
 */
export type Surface = 'page' | 'data' | 'item' | 'control'

export interface CallerFacts {
  /** The request line's target, unparsed. */
  target: string
  /** Every Host header that was sent. */
  hosts: readonly string[]
  /** Our end of the connection; undefined on a Unix socket. */
  localAddress: string | undefined
  origin: string | undefined
  fetchSite: string | undefined
  fetchMode: string | undefined
  fetchDest: string | undefined
  upgrade: string | undefined
  serviceWorker: string | undefined
}

export interface OwnNames {
  /** The machine's, without a domain. */
  hostName: string
  /** What the owner allows besides. */
  configured: readonly string[]
}

export type RefusalReason = 'bad-host' | 'host' | 'cross-site' | 'service-worker' | 'websocket'

export type Judgement = { allowed: true } | { allowed: false; reason: RefusalReason }

/** What an item's own page loads to look right: it comes from an origin that has no name. */
const ITEM_PARTS: readonly string[] = ['image', 'style', 'font', 'audio', 'video', 'track']

export function judgeCaller(facts: CallerFacts, surface: Surface, own: OwnNames): Judgement {
  if (surface === 'control') {
    // Whatever name a tool makes up for the socket; but a browser has been led here by a trick.
    const isBrowser = facts.origin !== undefined || facts.fetchSite !== undefined
    return isBrowser ? refuse('cross-site') : judgeKind(facts)
  }
  const [host = '', ...others] = facts.hosts
  const name = nameIn(host)
  // A whole URL as the target would carry a second host, which the server might go by.
  if (name === undefined || others.length > 0 || !facts.target.startsWith('/')) {
    return refuse('bad-host')
  }
  if (!isOwnName(name, facts.localAddress, own)) return refuse('host')
  const kind = judgeKind(facts)
  if (!kind.allowed) return kind
  const isAllowed = allowsOrigin(facts, surface, host) && allowsSite(facts, surface)
  return isAllowed ? { allowed: true } : refuse('cross-site')
}

/** The names of this machine that need no configuration are its addresses: those cannot be rebound. */
function isOwnName(name: string, localAddress: string | undefined, own: OwnNames): boolean {
  if (isIP(name) !== 0 && localAddress !== undefined && isSameAddress(name, localAddress)) {
    return true
  }
  const hostName = own.hostName.toLowerCase().split('.')[0] ?? ''
  const names = ['localhost', ...own.configured.map((one) => one.toLowerCase())]
  if (hostName !== '') names.push(hostName, `${hostName}.local`)
  return names.includes(name)
}

function judgeKind(facts: CallerFacts): Judgement {
  const upgrades = (facts.upgrade ?? '').toLowerCase().split(/[\s,]+/)
  if (upgrades.includes('websocket')) return refuse('websocket')
  const isWorker = facts.serviceWorker !== undefined || facts.fetchDest === 'serviceworker'
  return isWorker ? refuse('service-worker') : { allowed: true }
}

/** An Origin is sent by scripts and forms, and by fonts. */
function allowsOrigin(facts: CallerFacts, surface: Surface, host: string): boolean {
  const { origin } = facts
  if (origin === undefined) return true
  // Of a sandboxed item's fonts: what else may not be read has no header that lets it.
  if (origin === 'null') return surface === 'item'
  const from = URL.parse(origin)?.host.toLowerCase()
  if (from === undefined) return false
  // The status page is on another port of the same machine, and shows items.
  return surface === 'item' ? nameIn(from) === nameIn(host) : from === host.toLowerCase()
}

function allowsSite(facts: CallerFacts, surface: Surface): boolean {
  const { fetchSite, fetchMode, fetchDest } = facts
  if (fetchSite === undefined || fetchSite === 'none' || fetchSite === 'same-origin') return true
  if (surface === 'data') return false
  const isVisit = fetchMode === 'navigate' && fetchDest === 'document'
  if (isVisit) return true
  return surface === 'item' && (fetchSite === 'same-site' || ITEM_PARTS.includes(fetchDest ?? ''))
}

/** The name in a Host header, lower case, without port and brackets; undefined for what is none. */
function nameIn(host: string): string | undefined {
  const match = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::\d{1,5})?$/i.exec(host)
  const name = (match?.[1] ?? match?.[2])?.toLowerCase()
  if (match?.[1] !== undefined && isIP(match[1]) !== 6) return undefined
  // A dot at the end is the same name to DNS.
  return name?.replace(/\.$/, '')
}

function isSameAddress(first: string, second: string): boolean {
  const [one, other] = [plainAddress(first), plainAddress(second)]
  if (isIP(one) === 0 || isIP(one) !== isIP(other)) return false
  const family = isIP(one) === 6 ? 'ipv6' : 'ipv4'
  // IPv6 has many spellings; this is the platform's own comparison of the bytes.
  const same = new BlockList()
  same.addAddress(one, family)
  return same.check(other, family)
}

/** Without the zone, and IPv4 as such where a socket for both writes it as IPv6. */
function plainAddress(address: string): string {
  return address.replace(/%.*$/, '').replace(/^::ffff:(?=\d+\.)/i, '')
}

function refuse(reason: RefusalReason): Judgement {
  return { allowed: false, reason }
}

export function callerFactsOf(request: IncomingMessage): CallerFacts {
  const { headers, headersDistinct, url = '', socket } = request
  const one = (name: string): string | undefined => {
    const value = headers[name]
    return Array.isArray(value) ? value.join(', ') : value
  }
  return {
    target: url,
    hosts: headersDistinct['host'] ?? [],
    localAddress: socket.localAddress,
    origin: one('origin'),
    fetchSite: one('sec-fetch-site'),
    fetchMode: one('sec-fetch-mode'),
    fetchDest: one('sec-fetch-dest'),
    upgrade: one('upgrade'),
    serviceWorker: one('service-worker'),
  }
}

/** As a failure of the API, in words. */
export function refusalError(reason: RefusalReason): CodedError {
  switch (reason) {
    case 'bad-host':
      return new CodedError('BAD_HOST', 'The request does not say clearly whom it is for.')
    case 'host':
      return new CodedError('HOST_NOT_OURS', 'This machine does not go by that name here.', {
        advice: 'Use its IP address, or have its owner add the name to status.host_names.',
      })
    case 'cross-site':
      return new CodedError('CROSS_SITE_REFUSED', 'A page from elsewhere asked for this.', {
        advice: 'Type the address in yourself, or follow the links on the status page.',
      })
    case 'service-worker':
      return new CodedError('NOT_ALLOWED', 'Nothing here may be a service worker.')
    case 'websocket':
      return new CodedError('NOT_ALLOWED', 'There are no WebSockets here.')
  }
}
