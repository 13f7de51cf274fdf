// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * The Trustless Gateway: public items as raw blocks or CARs, to peers and to whoever else can read
 * them; the owner may have private ones too. What is private and what is not here look the same.
 */
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import type { CID } from 'multiformats/cid'
import { asError, type Clock, errorCode, type Logger } from '../../base/base.ts'
import type { Caller } from '../../net/net.ts'
import type { BlockStore, Place, StoredItem } from '../blocks/blocks.ts'
import { type DagSection, type DagSource, dagSections, isOutside } from '../car/car.ts'
import { encodeCarHeader } from '../car-format.ts'
import { damaged } from '../errors.ts'
import { RETRY_AFTER_S, SERVES_MAX, SERVES_PER_CALLER_MAX } from '../limits.ts'
import type { ContentMetrics } from '../metrics.ts'
import { type RefusalDesk, withoutRefused } from '../refusing.ts'
import { type BlockName, blockNameOf, type Found, resolvePath } from '../unixfs/unixfs.ts'
import {
  type GatewayQuestion,
  isInline,
  parseGatewayRequest,
  type Refusal,
} from './gateway-request.ts'
import { commonHeaders, isFresh, isOnlyIfCached, isRangeMeant } from './headers.ts'
import { sendSections } from './sending.ts'

export interface GatewayDeps {
  store: BlockStore
  refusals: RefusalDesk
  metrics: ContentMetrics
  clock: Clock
  log: Logger
}

/** What goes out, once it is clear that something does. */
interface Answer {
  /** Undefined: it needs none, all is in the CID. */
  item: StoredItem | undefined
  headers: Record<string, string>
  /** Undefined: not known before it is sent. */
  lengthBytes: number | undefined
  /** Bytes of the whole that are left out in front; then it is a part. */
  skipBytes: number
  sections: AsyncIterable<DagSection<Place>>
}

const NOT_CACHED: Refusal = { status: 412, text: 'This node has no such public item by itself.' }

const NOT_HERE: Refusal = { status: 404, text: 'This node has no such public item.' }

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
    try {
      const answer = await this.#answerTo(request, caller)
      if ('status' in answer) refuse(response, answer)
      else await this.#give(request, response, { answer, caller })
    } catch (thrown) {
      this.#deps.log.error('a gateway request failed', { error: asError(thrown) })
      if (response.headersSent) response.destroy()
      else refuse(response, NOT_HERE)
    }
  }

  /** Cuts off all responses under way. */
  close(): void {
    for (const response of this.#responses) response.destroy()
  }

  async #give(
    request: IncomingMessage,
    response: ServerResponse,
    { answer, caller }: { answer: Answer; caller: Caller },
  ): Promise<void> {
    for (const [name, value] of Object.entries(answer.headers)) response.setHeader(name, value)
    if (isFresh(request.headers, answer.headers['etag'])) {
      response.writeHead(304).end()
      return
    }
    const { skipBytes, lengthBytes } = answer
    if (lengthBytes !== undefined) {
      if (skipBytes > 0 && skipBytes >= lengthBytes) {
        response.setHeader('content-range', `bytes */${lengthBytes}`)
        response.writeHead(416).end()
        return
      }
      response.setHeader('content-length', lengthBytes - skipBytes)
    }
    if (skipBytes > 0 && lengthBytes !== undefined) {
      response.setHeader('content-range', `bytes ${skipBytes}-${lengthBytes - 1}/${lengthBytes}`)
    }
    const status = skipBytes > 0 ? 206 : 200
    if (request.method === 'HEAD') {
      response.writeHead(status).end()
      return
    }
    const leave = this.#enter(caller)
    if (leave === undefined) return refuseBusy(response)
    try {
      response.writeHead(status)
      await this.#send(response, answer)
    } finally {
      leave()
    }
  }

  async #send(response: ServerResponse, answer: Answer): Promise<void> {
    const { store, metrics, log, clock } = this.#deps
    this.#responses.add(response)
    if (answer.item !== undefined) store.items.use(answer.item.sequence)
    try {
      const sentBytes = await sendSections({ clock, response, store }, answer.sections)
      metrics.servedBytes.add(sentBytes)
    } catch (thrown) {
      const error = asError(thrown)
      const code = errorCode(thrown)
      const isReceivers = code?.startsWith('CONTENT_RECEIVER_') === true
      if (isReceivers) log.debug('a receiver was lost', { code })
      else log.error('an item could not be read', { cid: answer.item?.cid.toString(), error })
      // The length was announced, or the chunks have no end: the receiver sees that it is cut.
      response.destroy()
    } finally {
      this.#responses.delete(response)
    }
  }

  async #answerTo(request: IncomingMessage, caller: Caller): Promise<Answer | Refusal> {
    const { method, url, headers } = request
    const { accept, range } = headers
    const parsed = parseGatewayRequest({ method, url, accept, range })
    if ('refusal' in parsed) return parsed.refusal
    const { question } = parsed
    if (isInline(question.cid)) return inlineAnswer(question)
    const who = caller.kind === 'owner' ? 'owner' : 'anybody'
    const root = this.#deps.store.find(question.cid.multihash.digest, who)
    const refused = this.#refusalOf(question, root !== undefined)
    if (refused !== undefined) return refused
    if (root === undefined) return isOnlyIfCached(headers) ? NOT_CACHED : NOT_HERE
    const { blocks } = this.#deps.store.within(root.item)
    const found = await resolvePath(blocks, question.cid, question.path)
    if (found.kind !== 'found') return NOT_HERE
    for (const { cid } of [...found.passed, found]) {
      const part = this.#refusalOf({ cid, path: [] }, true)
      if (part !== undefined) return part
    }
    return question.format === 'raw'
      ? this.#rawAnswer(question, found, root.item)
      : this.#carAnswer(partOf(question, found, headers), found, root.item)
  }

  /** Nobody can try out what a deny list names: of what is not here anyway, nothing is said. */
  #refusalOf(
    { cid, path }: { cid: CID; path: readonly string[] },
    isHere: boolean,
  ): Refusal | undefined {
    const { refusals } = this.#deps
    if (refusals.isEmpty) return undefined
    const refused = refusals.check({ cid, path: path.join('/') })
    if (refused === undefined || (refused.kind === 'listed' && !isHere)) return undefined
    return { status: refused.status, text: refused.reason }
  }

  /** What may go out is one item: a link in it to what is in another proves nothing. */
  #source(item: StoredItem): DagSource<Place> {
    return withoutRefused(this.#deps.store.within(item), this.#deps.refusals)
  }

  #rawAnswer(
    question: GatewayQuestion,
    { cid, entries }: Found,
    item: StoredItem,
  ): Answer | Refusal {
    const source = this.#deps.store.within(item)
    const found = source.index.find(blockNameOf(cid))
    if (found === undefined) return NOT_HERE
    const { sizeBytes } = found
    return {
      item,
      headers: {
        ...commonHeaders({ question, entries, isPublic: item.visibility === 'public' }),
        'content-type': 'application/vnd.ipld.raw',
        etag: `"${cid}.raw"`,
      },
      lengthBytes: sizeBytes,
      skipBytes: 0,
      sections: wholeBlock(source, blockNameOf(cid), sizeBytes),
    }
  }

  async #carAnswer(
    question: CarQuestion,
    target: Found,
    item: StoredItem,
  ): Promise<Answer | Refusal> {
    const { cid, dups, scope, range, skipBytes } = question
    // What a folder is asked for by bytes means nothing; of a file it is known before the first block.
    const sizeBytes = range === undefined ? undefined : this.#sizeOf(target, item)
    if (range !== undefined && sizeBytes !== undefined && isOutside(range, sizeBytes)) {
      return { status: 400, text: `entity-bytes is all outside of the file’s ${sizeBytes} bytes.` }
    }
    const isWhole = dups && scope === 'all' && range === undefined && cid.equals(item.cid)
    const isItem = isWhole && question.path.length === 0
    const source = this.#source(item)
    const selection = { scope, range, dups }
    const sections = dagSections(source, cid, target, { ...selection, skipBytes })
    const knownBytes = isItem ? encodeCarHeader(cid).length + item.carBodyBytes : undefined
    // A part must say of how much it is one.
    const isPart = skipBytes > 0 && knownBytes === undefined
    return {
      item,
      headers: {
        ...commonHeaders({
          question,
          entries: target.entries,
          isPublic: item.visibility === 'public',
        }),
        'content-type': `application/vnd.ipld.car; version=1; order=dfs; dups=${dups ? 'y' : 'n'}`,
        'accept-ranges': dups && scope === 'all' && range === undefined ? 'bytes' : 'none',
        etag: carEtag(question, target.cid),
      },
      lengthBytes: isPart
        ? await lengthOf(dagSections(source, cid, target, selection))
        : knownBytes,
      skipBytes,
      sections,
    }
  }

  /** Of a file; undefined for what is none. */
  #sizeOf({ block, node }: Found, item: StoredItem): number | undefined {
    if (node !== undefined) return node.kind === 'file' ? node.sizeBytes : undefined
    return this.#deps.store.within(item).index.find(block)?.sizeBytes
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

const NO_HEAD = new Uint8Array()

/** One block by itself, read and checked at once: it is small. */
async function* wholeBlock(
  { blocks }: DagSource<Place>,
  name: BlockName,
  sizeBytes: number,
): AsyncGenerator<DagSection<Place>> {
  const bytes = await blocks.read(name)
  if (bytes === undefined || bytes.length !== sizeBytes) throw damaged()
  yield { head: NO_HEAD, bytes }
}

async function lengthOf(sections: AsyncIterable<DagSection<Place>>): Promise<number> {
  let sumBytes = 0
  for await (const section of sections) {
    const { head } = section
    sumBytes += head.length + ('bytes' in section ? section.bytes.length : section.sizeBytes)
  }
  return sumBytes
}

type CarQuestion = GatewayQuestion & { format: 'car' }

function carEtag({ dups, scope, range, path }: CarQuestion, cid: CID): string {
  const part = range === undefined ? scope : `${scope}.${range.from}-${range.to ?? '*'}`
  // The same file has other blocks in front of it on another path.
  const way = path.length === 0 ? '' : `.${path.length}`
  return `"${cid}.car.dfs.${dups ? 'dups' : 'unique'}.${part}${way}"`
}

/** The whole, when the caller wants a part of something else. */
function partOf(question: CarQuestion, target: Found, headers: IncomingHttpHeaders): CarQuestion {
  if (question.skipBytes === 0) return question
  return isRangeMeant(headers, carEtag(question, target.cid))
    ? question
    : { ...question, skipBytes: 0 }
}

/** A block that lies in its id. In a CAR it is not repeated: the header names it. */
function inlineAnswer(question: GatewayQuestion): Answer | Refusal {
  const { cid, path, format } = question
  if (path.length > 0) return NOT_HERE
  const head = format === 'raw' ? cid.multihash.digest : encodeCarHeader(cid)
  const dups = format === 'car' && question.dups ? 'y' : 'n'
  return {
    item: undefined,
    headers: {
      ...commonHeaders({ question, entries: [cid], isPublic: true }),
      'content-type':
        format === 'raw'
          ? 'application/vnd.ipld.raw'
          : `application/vnd.ipld.car; version=1; order=dfs; dups=${dups}`,
      'accept-ranges': 'none',
      etag: `"${cid}.${format}.${dups}"`,
    },
    lengthBytes: head.length,
    skipBytes: 0,
    sections: only({ head, bytes: NO_HEAD }),
  }
}

async function* only<T>(one: T): AsyncGenerator<T> {
  yield one
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
