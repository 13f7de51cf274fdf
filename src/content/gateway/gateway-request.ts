// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * What a request to the Trustless Gateway asks for (https://specs.ipfs.tech/http-gateways/
 * trustless-gateway/): the address and the headers in, a value or a refusal out. Total, pure.
 */
import type { CID } from 'multiformats/cid'
import { parseCid } from '../../base/base.ts'
import type { ByteRange } from '../car/car.ts'
import { GATEWAY_PATH_SEGMENTS_MAX, GATEWAY_URL_LENGTH_MAX, INLINE_BYTES_MAX } from '../limits.ts'
import { isSupported, RAW } from '../unixfs/unixfs.ts'

export type GatewayQuestion = {
  cid: CID
  /** Decoded names below the CID; none for the CID itself. */
  path: readonly string[]
  /** As it was asked for, for people. */
  requestedPath: string
  /** What the caller would like to call the bytes. */
  filename: string | undefined
  /** An address that says all that the headers said; undefined: the one that was used does. */
  contentLocation: string | undefined
} & (
  | { format: 'raw' }
  | {
      format: 'car'
      scope: 'block' | 'entity' | 'all'
      range: ByteRange | undefined
      dups: boolean
      /** Where the CAR is to begin, for a transfer that was cut off; else 0. */
      skipBytes: number
    }
)

export interface Refusal {
  status: 400 | 404 | 405 | 406 | 410 | 412 | 451
  /** For people, one line. */
  text: string
}

const RAW_TYPE = 'application/vnd.ipld.raw'
const CAR_TYPE = 'application/vnd.ipld.car'

const NOTHING_OF_OURS: Refusal = {
  status: 406,
  text: `This gateway answers with ${RAW_TYPE} or ${CAR_TYPE} only.`,
}

interface Format {
  format: 'raw' | 'car'
  parameters: ReadonlyMap<string, string>
}

export function parseGatewayRequest(request: {
  method: string | undefined
  url: string | undefined
  accept: string | undefined
  /** The `Range` header. */
  range?: string | undefined
}): { question: GatewayQuestion } | { refusal: Refusal } {
  const { method, url = '', accept } = request
  if (method !== 'GET' && method !== 'HEAD') return refuse(405, 'Only GET and HEAD are answered.')
  if (url.length > GATEWAY_URL_LENGTH_MAX) return refuse(400, 'The address is too long.')
  const parsed = URL.parse(url, 'http://node.invalid')
  const path = /^\/ipfs\/([^/]+)(\/.*)?$/.exec(parsed?.pathname ?? '')
  if (parsed === null || path === null) return refuse(404, 'Ask for /ipfs/CID.')
  const [, text = '', below = ''] = path
  const cid = tryParseCid(text)
  if (cid === undefined) return refuse(400, 'This is not a content id (CID).')
  if (!isSupported(cid) && !isInline(cid)) {
    return refuse(400, 'Only sha2-256 content ids of the codecs raw and dag-pb are kept here.')
  }
  const segments = parsePath(below)
  if (segments === undefined) return refuse(400, 'This is not a path below a content id.')
  const query = parsed.searchParams
  const filename = query.get('filename') ?? undefined
  const target = { cid, path: segments, requestedPath: parsed.pathname, filename }
  if (accept === undefined && !query.has('format')) {
    return refuse(400, 'Say what is wanted: ?format=raw, ?format=car, or an Accept header.')
  }
  let refusal: Refusal | undefined
  for (const { format, parameters } of formatsOf(query, accept)) {
    const location = { contentLocation: locationOf(parsed, format, parameters) }
    if (format === 'raw') return { question: { ...target, ...location, format: 'raw' } }
    const car = carQuestion({ ...target, ...location }, query, parameters)
    if ('question' in car) return withSkip(car.question, request)
    refusal ??= car.refusal
  }
  return { refusal: refusal ?? NOTHING_OF_OURS }
}

/** Whether all bytes are in the id itself: nobody keeps such a block, and everybody has it. */
export function isInline({ code, multihash }: CID): boolean {
  return code === RAW && multihash.code === IDENTITY && multihash.digest.length <= INLINE_BYTES_MAX
}

/** Multihash `identity`. */
const IDENTITY = 0x00

function withSkip(
  question: CarQuestion,
  { method, range }: { method: string | undefined; range?: string | undefined },
): { question: CarQuestion } {
  // A range is one of what GET would bring (RFC 9110).
  if (method !== 'GET' || !canSkip(question)) return { question }
  return { question: { ...question, skipBytes: parseSkip(range) } }
}

/** With what the `Accept` header said in the address, where caches can see it. */
function locationOf(
  { pathname, searchParams }: URL,
  format: Format['format'],
  parameters: Format['parameters'],
): string | undefined {
  const query = new URLSearchParams(searchParams)
  if (!query.has('format')) query.set('format', format)
  for (const name of format === 'car' ? ['version', 'order', 'dups'] : []) {
    const value = parameters.get(name)
    const isSaid = query.has(`car-${name}`) || query.has(name)
    if (value !== undefined && !isSaid) query.set(`car-${name}`, value)
  }
  return query.size === searchParams.size ? undefined : `${pathname}?${query}`
}

/** A CAR with duplicates, of everything, is one fixed sequence of bytes: it may begin anywhere. */
function canSkip({ scope, range, dups }: CarQuestion): boolean {
  return scope === 'all' && range === undefined && dups
}

/** Only "from here to the end" makes sense; anything else is answered with the whole, as HTTP allows. */
function parseSkip(range = ''): number {
  const start = /^bytes=(\d{1,15})-$/.exec(range.trim())?.[1]
  return start === undefined ? 0 : Number(start)
}

/** The names of a path; undefined for what is none. One slash at the end means nothing here. */
function parsePath(text: string): string[] | undefined {
  const trimmed = text.replace(/^\//, '').replace(/\/$/, '')
  if (trimmed === '') return []
  const segments: string[] = []
  for (const part of trimmed.split('/')) {
    const name = tryDecode(part)
    if (name === undefined || name === '' || name.includes('/') || name.includes('\0')) {
      return undefined
    }
    segments.push(name)
  }
  return segments.length > GATEWAY_PATH_SEGMENTS_MAX ? undefined : segments
}

function tryDecode(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    // Bytes that are no UTF-8: no name that we could have.
    return undefined
  }
}

type CarQuestion = GatewayQuestion & { format: 'car' }

function carQuestion(
  target: Omit<CarQuestion, 'format' | 'scope' | 'range' | 'dups' | 'skipBytes'>,
  query: URLSearchParams,
  parameters: ReadonlyMap<string, string>,
): { question: CarQuestion } | { refusal: Refusal } {
  const parameter = (name: string): string | undefined =>
    query.get(`car-${name}`) ?? query.get(name) ?? parameters.get(name)
  const scope = query.get('dag-scope') ?? 'all'
  if (scope !== 'block' && scope !== 'entity' && scope !== 'all') {
    return refuse(400, 'dag-scope is block, entity or all.')
  }
  if ((parameter('version') ?? '1') !== '1') return refuse(406, 'Only CAR version 1 is made here.')
  const order = parameter('order') ?? 'dfs'
  if (order !== 'dfs' && order !== 'unk') return refuse(406, 'Only the order dfs is made here.')
  const dups = parameter('dups') ?? 'n'
  if (dups !== 'y' && dups !== 'n') return refuse(400, 'dups is y or n.')
  const bytes = query.get('entity-bytes')
  const range = bytes === null ? undefined : parseRange(bytes)
  if (bytes !== null && range === undefined) {
    return refuse(400, 'entity-bytes is from:to, for example 0:1023 or -1024:*.')
  }
  return {
    question: { ...target, format: 'car', scope, range, dups: dups === 'y', skipBytes: 0 },
  }
}

/** In the order of preference. The address wins over the header: caches and links can carry it. */
function formatsOf(query: URLSearchParams, accept = ''): Format[] {
  const accepted = acceptedFormats(accept)
  const wanted = query.get('format')
  if (wanted === null) return accepted
  if (wanted !== 'raw' && wanted !== 'car') return []
  const meant = accepted.filter(({ format }) => format === wanted)
  return meant.length > 0 ? meant : [{ format: wanted, parameters: NONE }]
}

const NONE: ReadonlyMap<string, string> = new Map()

function acceptedFormats(accept: string): Format[] {
  const formats: (Format & { weight: number })[] = []
  for (const entry of accept.split(',')) {
    const [type = '', ...rest] = entry.split(';').map((part) => part.trim().toLowerCase())
    const format = type === RAW_TYPE ? 'raw' : type === CAR_TYPE ? 'car' : undefined
    if (format === undefined) continue
    const parameters = new Map(
      rest.map((part): [string, string] => {
        const [name = '', value = ''] = part.split('=')
        return [name.trim(), value.trim().replace(/^"(.*)"$/, '$1')]
      }),
    )
    const weight = Number(parameters.get('q') ?? '1')
    // What makes no sense as a weight counts as the least that is still something.
    const isWeight = weight >= 0 && weight <= 1
    if (weight !== 0) formats.push({ format, parameters, weight: isWeight ? weight : 0.001 })
  }
  // Sorting keeps the order of what is equal.
  return formats.sort((one, other) => other.weight - one.weight)
}

function parseRange(text: string): ByteRange | undefined {
  const match = /^(-?\d{1,15}):(\*|-?\d{1,15})$/.exec(text)
  if (match === null) return undefined
  const from = Number(match[1])
  const to = match[2] === '*' ? undefined : Number(match[2])
  const isBackwards = to !== undefined && from >= 0 === to >= 0 && to < from
  return isBackwards ? undefined : { from, to }
}

function tryParseCid(text: string): CID | undefined {
  try {
    return parseCid(text)
  } catch {
    // Whatever is wrong with it, it is no CID: that is the answer.
    return undefined
  }
}

function refuse(status: Refusal['status'], text: string): { refusal: Refusal } {
  return { refusal: { status, text } }
}
