// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * The Trustless Gateway: public items as raw blocks or CARs, to peers and to whoever else can read
 * them; the owner may have private ones too. What is private and what is not here look the same.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { CID } from 'multiformats/cid'
import { asError, type Clock, errorCode, type Logger } from '../../base/base.ts'
import type { Caller } from '../../net/net.ts'
import type { Catalogue, Files, FoundBlock, StoredItem } from '../blocks/blocks.ts'
import { bytesBelow, type CarSection, type CarSelection, carSections } from '../car/car.ts'
import { encodeCarHeader } from '../car-format.ts'
import { RETRY_AFTER_S, SERVES_MAX, SERVES_PER_CALLER_MAX } from '../limits.ts'
import type { ContentMetrics } from '../metrics.ts'
import { blockNameOf } from '../unixfs/unixfs.ts'
import {
  type ByteRange,
  type GatewayQuestion,
  parseGatewayRequest,
  type Refusal,
} from './gateway-request.ts'
import { sendSections } from './sending.ts'

export interface GatewayDeps {
  catalogue: Catalogue
  files: Files
  metrics: ContentMetrics
  clock: Clock
  log: Logger
}

/** Half a year and more: what a CID names never changes. */
const CACHE_FOREVER = 'public, max-age=29030400, immutable'

/** What goes out, once it is clear that something does. */
interface Answer {
  item: StoredItem
  headers: Record<string, string>
  /** Undefined: not known before it is sent. */
  lengthBytes: number | undefined
  preamble: Uint8Array | undefined
  sections: Iterable<CarSection>
}

export class Gateway {
  readonly #deps: GatewayDeps
  readonly #serving = new Map<string, number>()
  readonly #responses = new Set<ServerResponse>()
  #servingCount = 0

  constructor(deps: GatewayDeps) {
    this.#deps = deps
  }

  /** Responses under way. */
  get servingCount(): number {
    return this.#servingCount
  }

  /** Answers one request. Never rejects. */
  async handle(request: IncomingMessage, response: ServerResponse, caller: Caller): Promise<void> {
    const parsed = parseGatewayRequest({
      method: request.method,
      url: request.url,
      accept: request.headers.accept,
    })
    if ('refusal' in parsed) return refuse(response, parsed.refusal)
    const answer = this.#answer(parsed.question, caller)
    if (answer === undefined) {
      return refuse(response, { status: 404, text: 'This node has no such public item.' })
    }
    for (const [name, value] of Object.entries(answer.headers)) response.setHeader(name, value)
    if (isFresh(request, answer.headers['etag'])) {
      response.writeHead(304).end()
      return
    }
    if (answer.lengthBytes !== undefined) {
      response.setHeader('content-length', answer.lengthBytes)
    }
    if (request.method === 'HEAD') {
      response.writeHead(200).end()
      return
    }
    const leave = this.#enter(caller)
    if (leave === undefined) return refuseBusy(response)
    try {
      await this.#send(response, answer)
    } finally {
      leave()
    }
  }

  /** Cuts off all responses under way. */
  close(): void {
    for (const response of this.#responses) response.destroy()
  }

  async #send(response: ServerResponse, answer: Answer): Promise<void> {
    const { files, metrics, log, clock, catalogue } = this.#deps
    this.#responses.add(response)
    try {
      await using file = await openToClose(files, answer.item)
      response.writeHead(200)
      const sentBytes = await sendSections(
        { clock, file: file.file, response },
        answer.preamble,
        answer.sections,
      )
      metrics.servedBytes.add(sentBytes)
    } catch (thrown) {
      const error = asError(thrown)
      const code = errorCode(thrown)
      if (code === 'ENOENT' || code === 'CONTENT_DAMAGED') catalogue.setWhole(answer.item, false)
      const isReceivers = code?.startsWith('CONTENT_RECEIVER_') === true
      if (isReceivers) log.debug('a receiver was lost', { code })
      else log.error('an item could not be read', { cid: answer.item.cid.toString(), error })
      // The length was announced, or the chunks have no end: the receiver sees that it is cut.
      response.destroy()
    } finally {
      this.#responses.delete(response)
    }
  }

  #answer(question: GatewayQuestion, caller: Caller): Answer | undefined {
    const allow = (item: { visibility: string }): boolean =>
      caller.kind === 'owner' || item.visibility === 'public'
    const found = this.#deps.catalogue.find(blockNameOf(question.cid), allow)
    if (found === undefined) return undefined
    const answer = question.format === 'raw' ? rawAnswer(question.cid, found) : undefined
    return answer ?? (question.format === 'car' ? this.#carAnswer(question, found) : undefined)
  }

  #carAnswer(question: GatewayQuestion & { format: 'car' }, { item }: FoundBlock): Answer {
    const { cid, dups } = question
    const { catalogue } = this.#deps
    const blocks = {
      node: (digest: Uint8Array) => catalogue.nodeOf(item, digest),
      leaf: (digest: Uint8Array) => catalogue.leafOf(item, digest),
    }
    const range =
      question.range === undefined
        ? undefined
        : resolveRange(question.range, bytesBelow(blocks, blockNameOf(cid)))
    const scope = question.scope === 'block' ? 'block' : 'all'
    const selection: CarSelection = { scope, range, dups }
    const preamble = encodeCarHeader(cid)
    const isWhole = dups && scope === 'all' && range === undefined && cid.equals(item.cid)
    const name = range === undefined ? scope : `${scope}.${range.start}-${range.end}`
    return {
      item,
      headers: {
        ...commonHeaders(cid, item, 'car'),
        'content-type': `application/vnd.ipld.car; version=1; order=dfs; dups=${dups ? 'y' : 'n'}`,
        'accept-ranges': 'none',
        etag: `"${cid}.car.dfs.${dups ? 'dups' : 'unique'}.${name}"`,
      },
      lengthBytes: isWhole ? preamble.length + item.carBodyBytes : undefined,
      preamble,
      sections: carSections(blocks, cid, selection),
    }
  }

  /** A place among the responses under way, as a function that gives it back. */
  #enter(caller: Caller): (() => void) | undefined {
    const name =
      caller.kind === 'peer' ? caller.peerId : caller.kind === 'owner' ? '' : caller.address
    const own = this.#serving.get(name) ?? 0
    const isFull = this.#servingCount >= SERVES_MAX || own >= SERVES_PER_CALLER_MAX
    if (caller.kind !== 'owner' && isFull) return undefined
    this.#serving.set(name, own + 1)
    this.#servingCount += 1
    return () => {
      this.#servingCount -= 1
      const left = (this.#serving.get(name) ?? 1) - 1
      if (left > 0) this.#serving.set(name, left)
      else this.#serving.delete(name)
    }
  }
}

function rawAnswer(cid: CID, found: FoundBlock): Answer {
  const head = new Uint8Array()
  const section: CarSection =
    'bytes' in found
      ? { head, bytes: found.bytes }
      : { head, offset: found.offset, sizeBytes: found.sizeBytes }
  return {
    item: found.item,
    headers: {
      ...commonHeaders(cid, found.item, 'bin'),
      'content-type': 'application/vnd.ipld.raw',
      etag: `"${cid}.raw"`,
    },
    lengthBytes: 'bytes' in found ? found.bytes.length : found.sizeBytes,
    preamble: undefined,
    sections: [section],
  }
}

function commonHeaders(cid: CID, item: StoredItem, ending: string): Record<string, string> {
  return {
    // A private item answers its owner alone, and no cache on the way.
    'cache-control': item.visibility === 'public' ? CACHE_FOREVER : 'private, no-store',
    'content-disposition': `attachment; filename="${cid}.${ending}"`,
    vary: 'Accept',
    'x-content-type-options': 'nosniff',
    'x-ipfs-path': `/ipfs/${cid}`,
  }
}

function resolveRange(range: ByteRange, sizeBytes: number): { start: number; end: number } {
  const start = range.from < 0 ? Math.max(0, sizeBytes + range.from) : range.from
  const last = range.to ?? sizeBytes - 1
  return { start, end: (last < 0 ? sizeBytes + last : last) + 1 }
}

function isFresh(request: IncomingMessage, etag: string | undefined): boolean {
  const known = request.headers['if-none-match']
  if (known === undefined || etag === undefined) return false
  return known.split(',').some((entry) => entry.trim().replace(/^W\//, '') === etag)
}

function refuse(response: ServerResponse, { status, text }: Refusal): void {
  if (status === 405) response.setHeader('allow', 'GET, HEAD')
  answerText(response, status, text)
}

function refuseBusy(response: ServerResponse): void {
  for (const name of response.getHeaderNames()) response.removeHeader(name)
  response.setHeader('retry-after', RETRY_AFTER_S)
  answerText(response, 503, 'This node is busy; try again in a moment.')
}

function answerText(response: ServerResponse, status: number, text: string): void {
  const body = Buffer.from(`${text}\n`)
  response.setHeader('cache-control', 'no-store')
  response.setHeader('content-type', 'text/plain; charset=utf-8')
  response.setHeader('content-length', body.length)
  response.setHeader('x-content-type-options', 'nosniff')
  response.writeHead(status).end(body)
}

/** The file of an item, closed when its scope ends. */
async function openToClose(
  files: Files,
  item: StoredItem,
): Promise<AsyncDisposable & { file: Awaited<ReturnType<Files['read']>> }> {
  const file = await files.read(item.cid)
  return { file, [Symbol.asyncDispose]: () => file.close() }
}
