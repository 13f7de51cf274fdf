// SPDX-License-Identifier: AGPL-3.0-or-later
/** Addresses that people paste, share and open. Pure: text in, text out. */
import { CID_LENGTH_MAX, ITEM_PATH_LENGTH_MAX } from '../../../contract/contract.ts'
import { formatRoute, parseRoute } from './routes.ts'

export interface Wanted {
  cid: string
  path: string
}

/** CIDs as text: version 1 in base32, base36 or base58, version 0 as `Qm…`. */
const CID =
  /^(?:Qm[1-9A-HJ-NP-Za-km-z]{44}|[bB][a-zA-Z2-7]{20,}|k[a-z0-9]{20,}|z[1-9A-HJ-NP-Za-km-z]{20,})$/

/**
 * A content id in whatever people have: the id, `ipfs://…`, a gateway's address in either form, a
 * link of this page. Undefined: nothing of these.
 */
export function parseWanted(text: string): Wanted | undefined {
  const trimmed = text.trim()
  if (trimmed === '' || trimmed.length > ITEM_PATH_LENGTH_MAX) return undefined
  const mark = trimmed.indexOf('#/item/')
  if (mark !== -1) {
    const route = parseRoute(trimmed.slice(mark))
    return route.view === 'item' ? checked(route.cid, route.path) : undefined
  }
  const bare = trimmed.replace(/[?#].*$/, '')
  const inPath = /(?:^|\/)ipfs\/([^/]+)\/?(.*)$/.exec(
    bare.replace(/^ipfs:\/\/(?:ipfs\/)?/, 'ipfs/'),
  )
  if (inPath !== null) return checked(inPath[1] ?? '', decodedPath(inPath[2] ?? ''))
  const inHost = /^https?:\/\/([a-z0-9]+)\.ipfs\.[^/]+\/?(.*)$/i.exec(bare)
  if (inHost !== null) return checked(inHost[1] ?? '', decodedPath(inHost[2] ?? ''))
  const [cid = '', ...path] = bare.split('/')
  return checked(cid, decodedPath(path.join('/')))
}

function checked(cid: string, path: string): Wanted | undefined {
  if (cid.length > CID_LENGTH_MAX || !CID.test(cid)) return undefined
  return { cid, path: path.replace(/^\/+|\/+$/g, '') }
}

function decodedPath(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    return path
  }
}

/** Where the page came from. */
export interface Here {
  protocol: string
  hostname: string
  origin: string
}

/** A public place on the gateway, for people: another port of the machine that the page is from. */
export function gatewayUrl(here: Here, port: number, { cid, path }: Wanted): string {
  const steps = path === '' ? '' : `/${path.split('/').map(encodeURIComponent).join('/')}`
  return `${here.protocol}//${here.hostname}:${port}/ipfs/${encodeURIComponent(cid)}${steps}`
}

/** A place that the node opened for a while. */
export function viewUrl(here: Here, view: { port: number; path: string }): string {
  return `${here.protocol}//${here.hostname}:${view.port}${view.path}`
}

/** The same, to be saved rather than shown. */
export function downloadUrl(url: string): string {
  return `${url}${url.includes('?') ? '&' : '?'}download=true`
}

/**
 * A link of this page to hand on. Where the page was opened as `localhost`, nobody else could follow
 * it: then an address of the node's is put in its place, if one is known.
 */
export function shareUrl(here: Here, wanted: Wanted, addresses: readonly string[]): string {
  const fragment = formatRoute({ view: 'item', ...wanted })
  if (!isLoopback(here.hostname)) return `${here.origin}/${fragment}`
  const own = addresses.map(ipv4Of).find((ip) => ip !== undefined)
  const port = /:\d+$/.exec(here.origin)?.[0] ?? ''
  return own === undefined ? `${here.origin}/${fragment}` : `http://${own}${port}/${fragment}`
}

export function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127\./.test(hostname)
}

function ipv4Of(multiaddr: string): string | undefined {
  const ip = /^\/ip4\/(\d+\.\d+\.\d+\.\d+)\//.exec(multiaddr)?.[1]
  return ip === undefined || isLoopback(ip) ? undefined : ip
}
