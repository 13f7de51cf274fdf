// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * What an address of the gateway asks for. Total, pure: a target in; a question, a better address,
 * or what is wrong with it out. Each part of a path is percent-decoded exactly once.
 */
import type { CID } from 'multiformats/cid'
import { parseCid } from '../../base/base.ts'
import type { GatewayProblem, GatewayProblemCode } from '../../contract/contract.ts'
import { NAME_BYTES_MAX, PAGES_MAX, PATH_DEPTH_MAX, URL_LENGTH_MAX } from './limits.ts'
import { VIEW_PREFIX } from './views.ts'

/** Verifiable forms, which the Trustless Gateway makes; `other` is made by nobody here. */
export type WantedFormat = 'page' | 'block' | 'other'

export type Asked =
  | { ask: 'home'; page: number }
  | ({ ask: 'item'; cid: CID } & AskedPlace)
  | ({ ask: 'view'; id: string } & AskedPlace)
  | { ask: 'moved'; location: string }
  | { ask: 'problem'; problem: GatewayProblem }

/** A place in something, and how it is wanted. */
export interface AskedPlace {
  /** The address of what the path is in; without a slash at its end. */
  base: string
  path: readonly string[]
  hasSlash: boolean
  page: number
  format: WantedFormat
  download: boolean
  /** A name for people, for the saved file. */
  filename: string | undefined
  /** With its question mark; empty when there is none. */
  query: string
}

const LIBP2P_KEY = 0x72

/** base64url, as views are named. */
const VIEW_ID = /^[A-Za-z0-9_-]{1,64}$/

export function parseAddress(target: string, accept: string | undefined): Asked {
  if (target.length > URL_LENGTH_MAX) return wrong('address-too-long', 414)
  const mark = target.indexOf('?')
  const rawPath = mark === -1 ? target : target.slice(0, mark)
  const query = mark === -1 ? '' : target.slice(mark)
  const parameters = new URLSearchParams(query)
  const page = pageOf(parameters)
  if (page === undefined) return wrong('address', 400)
  if (rawPath === '/') return { ask: 'home', page }
  const parts = rawPath.split('/').slice(1)
  const hasSlash = parts.at(-1) === ''
  // Doubled slashes name the same thing; told below, once it is known to be a thing of ours.
  const named = parts.filter((part) => part !== '')
  const segments = named.map(decodeSegment)
  if (segments.some((segment) => segment === undefined)) return wrong('address', 400)
  const [space, text, ...path] = segments.filter((segment) => segment !== undefined)
  if (space === 'ipns') return wrong('names', 404)
  if (space !== 'ipfs' && space !== 'view') return wrong('absent', 404)
  if (text === undefined) return { ask: 'moved', location: '/' }
  if (path.length > PATH_DEPTH_MAX) return wrong('address-too-long', 414)
  const what = whatOf(space, text)
  if (what === undefined) return wrong('address', 400)
  const location = addressOf(what.base, path) + (hasSlash ? '/' : '') + query
  const isPlain = text === what.text && parts.length === named.length + (hasSlash ? 1 : 0)
  if (!isPlain) return { ask: 'moved', location }
  return {
    ...what.asked,
    base: what.base,
    path,
    hasSlash,
    page,
    format: formatOf(parameters, accept),
    download: parameters.get('download') === 'true',
    filename: parameters.get('filename') ?? undefined,
    query,
  }
}

/** The one address of an item; without a slash at the end. */
export function baseOf(cid: CID): string {
  return `/ipfs/${cid}`
}

/** The one address of something in it. */
export function addressOf(base: string, path: readonly string[]): string {
  return [base, ...path.map(encodeURIComponent)].join('/')
}

/** Undefined for what names nothing, however it was meant. */
function whatOf(space: 'ipfs' | 'view', text: string) {
  if (space === 'view') {
    if (!VIEW_ID.test(text)) return undefined
    return { asked: { ask: 'view', id: text }, text, base: VIEW_PREFIX + text } as const
  }
  const cid = tryParseCid(text)
  if (cid === undefined || cid.code === LIBP2P_KEY) return undefined
  return { asked: { ask: 'item', cid }, text: cid.toString(), base: baseOf(cid) } as const
}

/**
 * Where a symbolic link leads, as a path below the same root; undefined for what leads out of it.
 * @param path where the link itself is.
 */
export function followLink(path: readonly string[], target: string): string[] | undefined {
  if (target === '' || target.startsWith('/') || /[\0\\]/.test(target)) return undefined
  const reached = path.slice(0, -1)
  for (const part of target.split('/')) {
    if (part === '' || part === '.') continue
    if (part !== '..') reached.push(part)
    else if (reached.pop() === undefined) return undefined
  }
  return reached.length > PATH_DEPTH_MAX ? undefined : reached
}

/** Undefined for what no name can be, or what other software would read as a way out. */
function decodeSegment(raw: string): string | undefined {
  let name: string
  try {
    name = decodeURIComponent(raw)
  } catch {
    // A stray percent sign, or bytes that are not UTF-8: no name that we could look up.
    return undefined
  }
  if (name === '.' || name === '..' || /[\0/\\]/.test(name)) return undefined
  return Buffer.byteLength(name) > NAME_BYTES_MAX ? undefined : name
}

/** As CIDv1, whatever base and version it was written in. */
function tryParseCid(text: string): CID | undefined {
  try {
    // Base32 is the same in capitals, as QR codes write it.
    return parseCid(/^B[A-Z2-7]+$/.test(text) ? text.toLowerCase() : text).toV1()
  } catch {
    // Whatever is wrong with it, it is no CID: that is the answer.
    return undefined
  }
}

/** The address wins over the header: caches and links can carry it. */
function formatOf(parameters: URLSearchParams, accept = ''): WantedFormat {
  const format = parameters.get('format')
  if (format === 'raw' || format === 'car') return 'block'
  if (format !== null) return 'other'
  const types = accept.split(',').map((entry) => entry.split(';')[0]?.trim().toLowerCase())
  const isBlock = types.some((type) => type?.startsWith('application/vnd.ipld.') === true)
  return isBlock ? 'block' : 'page'
}

function pageOf(parameters: URLSearchParams): number | undefined {
  const text = parameters.get('page') ?? '1'
  if (!/^[1-9]\d{0,5}$/.test(text)) return undefined
  const page = Number(text)
  return page <= PAGES_MAX ? page : undefined
}

function wrong(code: GatewayProblemCode, status: number): Asked {
  return { ask: 'problem', problem: { code, status } }
}
