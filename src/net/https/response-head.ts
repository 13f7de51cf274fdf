// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * The head of an HTTP/1.1 response (RFC 9112), as a careful server writes it and in no other way.
 * What two readers could take for two different things is refused, even where the standard lets a
 * reader be kind. Pure and total.
 */
import { accept, reject, type Verdict } from '../../base/base.ts'
import { RESPONSE_HEADERS_MAX } from './limits.ts'

export type RequestMethod = 'GET' | 'HEAD'

/** How the end of the body is known. */
export type Framing = { kind: 'none' } | { kind: 'sized'; sizeBytes: number } | { kind: 'chunked' }

export interface ResponseHead {
  status: number
  /** Names in lower case. The values of a name that came more than once are joined by `, `. */
  headers: ReadonlyMap<string, string>
  framing: Framing
  /** Whether the peer will take another request on this connection. */
  isKeptOpen: boolean
}

const STATUS_LINE = /^HTTP\/1\.1 ([2-5]\d\d) [\t\x20-\x7e\x80-\xff]*$/
const INTERIM_STATUS_LINE = /^HTTP\/1\.1 1\d\d /
/** One class after the colon, so that a hostile line costs no more than its length. */
const HEADER_LINE = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):([\t\x20-\x7e\x80-\xff]*)$/
/** Fifteen digits: exact in a double, and more than anybody's disk. */
const CONTENT_LENGTH = /^(?:0|[1-9]\d{0,14})$/

const NO_CONTENT = 204
const NOT_MODIFIED = 304

/** @param head everything up to and including the empty line. @param method what was asked. */
export function parseResponseHead(head: Uint8Array, method: RequestMethod): Verdict<ResponseHead> {
  const text = Buffer.from(head.buffer, head.byteOffset, head.length).toString('latin1')
  if (!text.endsWith('\r\n\r\n')) return reject('the head of the answer has no end')
  const [statusLine = '', ...lines] = text.slice(0, -4).split('\r\n')
  const status = STATUS_LINE.exec(statusLine)?.[1]
  if (status === undefined) {
    return reject(
      INTERIM_STATUS_LINE.test(statusLine)
        ? 'an interim answer came that nobody asked for'
        : 'the status line is not one of HTTP/1.1',
    )
  }
  if (lines.length > RESPONSE_HEADERS_MAX) return reject('the answer has too many headers')
  const headers = new Map<string, string>()
  for (const line of lines) {
    const [, name, value] = HEADER_LINE.exec(line) ?? []
    // Bare CR and LF, folded lines, spaces before the colon and NUL all end here.
    if (name === undefined || value === undefined) return reject('a header is malformed')
    const key = name.toLowerCase()
    const earlier = headers.get(key)
    headers.set(key, earlier === undefined ? trimmed(value) : `${earlier}, ${trimmed(value)}`)
  }
  const framing = framingOf(Number(status), method, headers)
  if (typeof framing === 'string') return reject(framing)
  const isKeptOpen = !/(?:^|,)\s*close\s*(?:,|$)/i.test(headers.get('connection') ?? '')
  return accept({ status: Number(status), headers, framing, isKeptOpen })
}

/** How the body ends, or why that cannot be said for sure. */
function framingOf(
  status: number,
  method: RequestMethod,
  headers: ReadonlyMap<string, string>,
): Framing | string {
  const length = headers.get('content-length')
  const coding = headers.get('transfer-encoding')
  if (length !== undefined && coding !== undefined) return 'the answer has two kinds of length'
  // One that came twice was joined above, and is neither a number nor this word.
  if (length !== undefined && !CONTENT_LENGTH.test(length)) return 'the length is malformed'
  if (coding !== undefined && coding.toLowerCase() !== 'chunked') {
    return 'the answer has a transfer coding that was not asked for'
  }
  const isSized = length !== undefined || coding !== undefined
  if (status === NO_CONTENT && isSized) return 'an answer without a body says how long it is'
  if (method === 'HEAD' || status === NO_CONTENT || status === NOT_MODIFIED) return { kind: 'none' }
  if (coding !== undefined) return { kind: 'chunked' }
  // Until the peer hangs up, that would mean: and a cut answer would look like a whole one.
  if (length === undefined) return 'the answer does not say how long it is'
  return { kind: 'sized', sizeBytes: Number(length) }
}

/** Without the spaces and tabs around it. `String.trim` would take more than that. */
function trimmed(value: string): string {
  let start = 0
  let end = value.length
  while (start < end && isBlank(value.charCodeAt(start))) start += 1
  while (end > start && isBlank(value.charCodeAt(end - 1))) end -= 1
  return value.slice(start, end)
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09
}
