// SPDX-License-Identifier: AGPL-3.0-or-later
/** What the headers of the Trustless Gateway say, and those of requests that depend on them. Pure. */
import type { IncomingHttpHeaders } from 'node:http'
import type { CID } from 'multiformats/cid'
import { tidyName } from '../item.ts'
import type { GatewayQuestion } from './gateway-request.ts'

/** Half a year and more: what a CID names never changes. */
const CACHE_FOREVER = 'public, max-age=29030400, immutable'

export interface HeaderFacts {
  question: GatewayQuestion
  /** The root, and the entries on the path down to what was asked for. */
  entries: readonly CID[]
  /** A private item answers its owner alone, and no cache on the way. */
  isPublic: boolean
}

export function commonHeaders({
  question,
  entries,
  isPublic,
}: HeaderFacts): Record<string, string> {
  const { cid, format, requestedPath, contentLocation } = question
  const ending = format === 'raw' ? 'bin' : 'car'
  const named = format === 'raw' ? (entries.at(-1) ?? cid) : cid
  const filename = tidyName(question.filename ?? '')
  return {
    'cache-control': isPublic ? CACHE_FOREVER : 'private, no-store',
    'content-disposition': attachment(filename === '' ? `${named}.${ending}` : filename),
    ...(contentLocation === undefined ? {} : { 'content-location': contentLocation }),
    vary: 'Accept',
    'x-content-type-options': 'nosniff',
    'x-ipfs-path': requestedPath,
    'x-ipfs-roots': entries.join(','),
  }
}

/** For every receiver in ASCII, and as it is for those that know RFC 8187. */
function attachment(filename: string): string {
  const ascii = filename.replace(/[^\x20-\x7e]|["\\%]/g, '_')
  const exact = encodeURIComponent(filename).replace(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16)}`,
  )
  const more = ascii === filename ? '' : `; filename*=UTF-8''${exact}`
  return `attachment; filename="${ascii}"${more}`
}

/** Whether the caller has it already. */
export function isFresh(headers: IncomingHttpHeaders, etag: string | undefined): boolean {
  const known = headers['if-none-match']
  if (known === undefined || etag === undefined) return false
  const isKnown = (entry: string): boolean => entry === '*' || entry.replace(/^W\//, '') === etag
  return known.split(',').some((entry) => isKnown(entry.trim()))
}

/** Whether the caller wants a part of just this; of anything else it wants the whole. */
export function isRangeMeant(headers: IncomingHttpHeaders, etag: string): boolean {
  const condition = headers['if-range']?.toString()
  // Dates, too, are of something else: nothing here has one.
  return condition === undefined || condition.trim() === etag
}

/** Whether the caller would rather have nothing than wait for others to be asked. */
export function isOnlyIfCached(headers: IncomingHttpHeaders): boolean {
  const directives = (headers['cache-control'] ?? '').toLowerCase().split(',')
  return directives.some((directive) => directive.trim() === 'only-if-cached')
}
