// SPDX-License-Identifier: AGPL-3.0-or-later
/** One request from the door to its answer: who may come in, what is asked for, and what goes out. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { CID } from 'multiformats/cid'
import { asError, type Clock, CodedError, errorCode, type Logger } from '../../base/base.ts'
import type { GatewayProblem } from '../../contract/contract.ts'
import { callerFactsOf, judgeCaller, type OwnNames } from '../doorman.ts'
import { type Asked, type AskedPlace, addressOf, followLink, parseAddress } from './address.ts'
import { isKnown, wantedPart } from './conditions.ts'
import { folderPage, homePage } from './folders.ts'
import {
  CACHE_FOLDER,
  CACHE_ITEM,
  CACHE_NOTHING,
  disposition,
  ITEM_HEADERS,
  PAGE_HEADERS,
  sharingHeaders,
} from './headers.ts'
import type { GatewayPages, Opened, OpenedFile, OpenedFolder, PeoplesLibrary } from './library.ts'
import { OPEN_MS_MAX, RETRY_AFTER_S, SNIFF_BYTES, TEXT_CHECK_BYTES } from './limits.ts'
import { namedType, needsBytes, type Shown, shownAs } from './media-types.ts'
import type { GatewayMetrics } from './metrics.ts'
import type { Places } from './places.ts'
import { readHead, sendFile } from './sending.ts'
import { VIEW_PREFIX, type Views, withoutViewId } from './views.ts'
import { within } from './waiting.ts'

export interface AnswerDeps {
  library: PeoplesLibrary
  pages: GatewayPages
  ownNames: OwnNames
  trustless: ((request: IncomingMessage, response: ServerResponse) => Promise<void>) | undefined
  views: Views | undefined
  places: Places
  metrics: GatewayMetrics
  clock: Clock
  log: Logger
}

export interface Exchange {
  request: IncomingMessage
  response: ServerResponse
  stopping: AbortSignal
}

/** What a question leads to. */
interface AskedItem extends AskedPlace {
  cid: CID
  /** Names between `cid` and `base`: a view may be of something deep in an item. */
  above: readonly string[]
  /** In which it is looked for. */
  library: Pick<PeoplesLibrary, 'open'>
  /** Something private: no cache may keep it. */
  isView: boolean
}

/** What a handler needs of the exchange. */
interface Visit extends AnswerDeps {
  request: IncomingMessage
  response: ServerResponse
  /** Aborts when the caller goes away or the node stops. */
  signal: AbortSignal
}

/** Answers one request. Never rejects. */
export async function answer(exchange: Exchange, deps: AnswerDeps): Promise<void> {
  const { request, response } = exchange
  const visit: Visit = { ...deps, request, response, signal: endOf(exchange) }
  const refusal = refusalOf(request, deps.ownNames)
  if (refusal !== undefined) return refuse(visit, refusal)
  const leave = deps.places.take(request.socket.remoteAddress ?? '')
  if (leave === 'busy') return refuse(visit, { code: 'busy', status: 503 })
  if (leave === 'too-many') return refuse(visit, { code: 'too-many', status: 429 })
  try {
    await answerAsked(visit, parseAddress(request.url ?? '', request.headers.accept))
    deps.metrics.responses.add(1, { status: String(response.statusCode) })
  } catch (thrown) {
    giveUp(visit, thrown)
  } finally {
    leave()
  }
}

function refusalOf(request: IncomingMessage, ownNames: OwnNames): GatewayProblem | undefined {
  const judgement = judgeCaller(callerFactsOf(request), 'item', ownNames)
  if (!judgement.allowed) {
    const { reason } = judgement
    return { code: reason, status: reason === 'bad-host' ? 400 : reason === 'host' ? 421 : 403 }
  }
  const isReading = request.method === 'GET' || request.method === 'HEAD'
  return isReading ? undefined : { code: 'method', status: 405 }
}

async function answerAsked(visit: Visit, asked: Asked): Promise<void> {
  switch (asked.ask) {
    case 'problem':
      return refuse(visit, asked.problem)
    case 'moved':
      return move(visit, 301, asked.location, { isView: asked.location.startsWith(VIEW_PREFIX) })
    case 'home': {
      const page = homePage(visit.library.publicItems(), asked.page)
      if (page === undefined) return refuse(visit, { code: 'absent', status: 404 })
      // It changes with every item that is added, and says what is here today.
      return sendPage(visit, 200, visit.pages.home(page), { 'cache-control': CACHE_NOTHING })
    }
    case 'item':
      return answerItem(visit, { ...asked, above: [], library: visit.library, isView: false })
    case 'view':
      return answerView(visit, asked)
  }
}

async function answerView(visit: Visit, asked: Extract<Asked, { ask: 'view' }>): Promise<void> {
  const { views, request } = visit
  const place = views?.find(asked.id, request.socket.remoteAddress ?? '')
  if (views === undefined || place === undefined) {
    return refuse(visit, { code: 'view-over', status: 404 })
  }
  const { cid, path: above } = place
  return answerItem(visit, { ...asked, cid, above, library: views.library, isView: true })
}

async function answerItem(visit: Visit, asked: AskedItem): Promise<void> {
  if (asked.format !== 'page') {
    const { trustless, request, response } = visit
    if (asked.format === 'other' || trustless === undefined || asked.isView) {
      return refuse(visit, { code: 'format', status: 406 })
    }
    setHeaders(response, ITEM_HEADERS)
    return trustless(request, response)
  }
  const opened = await open(visit, asked, asked.path)
  switch (opened.what) {
    case 'absent':
      return refuse(visit, absence(visit.request))
    case 'refused':
      return refuse(visit, { code: 'not-given', status: opened.status, detail: opened.text })
    case 'unreadable':
      return refuse(visit, { code: 'damaged', status: 500, detail: opened.text })
    case 'symlink': {
      const path = followLink(asked.path, opened.target)
      if (path === undefined) return refuse(visit, { code: 'link-outside', status: 404 })
      return move(visit, 302, addressOf(asked.base, path) + asked.query, asked)
    }
    case 'file':
      if (asked.hasSlash) return move(visit, 301, placeOf(asked) + asked.query, asked)
      return answerFile(visit, asked, opened)
    case 'folder':
      return answerFolder(visit, asked, opened)
  }
}

function open(visit: Visit, asked: AskedItem, path: readonly string[]): Promise<Opened> {
  return within(visit, OPEN_MS_MAX, (signal) =>
    asked.library.open(asked.cid, [...asked.above, ...path], signal),
  )
}

async function answerFolder(visit: Visit, asked: AskedItem, folder: OpenedFolder): Promise<void> {
  if (!asked.hasSlash) {
    return move(visit, 301, `${placeOf(asked)}/${asked.query}`, asked)
  }
  const hasIndex = await within(visit, OPEN_MS_MAX, () => folder.has('index.html'))
  if (hasIndex) {
    const index = await open(visit, asked, [...asked.path, 'index.html'])
    // The page stands for the folder: what was asked for is the folder.
    if (index.what === 'file') return answerFile(visit, asked, index, folder)
  }
  const { pages, request } = visit
  const etag = `"DirIndex-${pages.version}-${asked.page}_CID-${folder.cid}"`
  const headers = { etag, ...keepingHeaders(asked, CACHE_FOLDER, folder) }
  const known = request.headers['if-none-match']
  // "Any" is known if there is one at all, and later pages may not be there.
  const mayBeKnown = asked.page === 1 || known?.trim() !== '*'
  if (mayBeKnown && isKnown(known, etag)) return sendKnown(visit, PAGE_HEADERS, headers)
  const page = await within(visit, OPEN_MS_MAX, (signal) => folderPage(folder, asked, signal))
  if (page === undefined) return refuse(visit, { code: 'absent', status: 404 })
  return sendPage(visit, 200, pages.folder(page), headers)
}

/** @param named the folder whose index this is; the file itself otherwise. */
async function answerFile(
  visit: Visit,
  asked: AskedItem,
  file: OpenedFile,
  named: OpenedFile | OpenedFolder = file,
): Promise<void> {
  const { request, response } = visit
  const etag = `"${named.cid}"`
  const headers: Record<string, string> = {
    etag,
    vary: 'Accept',
    ...keepingHeaders(asked, CACHE_ITEM, named),
  }
  if (isKnown(request.headers['if-none-match'], etag))
    return sendKnown(visit, ITEM_HEADERS, headers)
  // A range of a HEAD means nothing (RFC 9110, 14.2).
  const part =
    request.method === 'HEAD'
      ? 'whole'
      : wantedPart(request.headers, { sizeBytes: file.sizeBytes, etag })
  if (part === 'beyond') {
    response.setHeader('content-range', `bytes */${file.sizeBytes}`)
    return refuse(visit, { code: 'range', status: 416 })
  }
  const shown = await lookAt(visit, asked, file)
  const kind = asked.download || !shown.isInline ? 'attachment' : 'inline'
  setHeaders(response, ITEM_HEADERS)
  setHeaders(response, { ...headers, ...sharingHeaders(shown.type) })
  setHeaders(response, {
    'content-type': shown.type,
    'content-disposition': disposition(kind, asked.filename ?? file.name),
    'accept-ranges': 'bytes',
  })
  const span = part === 'whole' ? { start: 0, end: file.sizeBytes } : part
  response.setHeader('content-length', span.end - span.start)
  if (part !== 'whole') {
    response.setHeader('content-range', `bytes ${span.start}-${span.end - 1}/${file.sizeBytes}`)
  }
  response.writeHead(part === 'whole' ? 200 : 206)
  if (request.method === 'HEAD' || file.sizeBytes === 0) {
    response.end()
    return
  }
  visit.metrics.servedBytes.add(await sendFile(visit, file, span))
}

async function lookAt(visit: Visit, asked: AskedItem, file: OpenedFile): Promise<Shown> {
  const named = namedType(file.mediaType, asked.filename)
  if (!needsBytes(named)) return shownAs(named, new Uint8Array(), true)
  const sizeBytesMax = named.startsWith('text/') ? TEXT_CHECK_BYTES : SNIFF_BYTES
  const head = await readHead(visit, file, sizeBytesMax)
  return shownAs(named, head, head.length === file.sizeBytes)
}

/** Something failed that nobody foresaw, or too late to say so. */
function giveUp(visit: Visit, thrown: unknown): void {
  const { response, log, request } = visit
  const code = errorCode(thrown)
  const isCallers = visit.signal.aborted
  const isSlow = code === 'GATEWAY_TOO_SLOW'
  if (isCallers || isSlow) log.debug('a reader was lost', { code })
  else
    log.error('a public item could not be shown', {
      url: withoutViewId(request.url ?? ''),
      error: asError(thrown),
    })
  // The length was announced: the reader sees that it is cut.
  if (response.headersSent || response.destroyed || isCallers) {
    response.destroy()
    return
  }
  for (const name of response.getHeaderNames()) response.removeHeader(name)
  refuse(visit, isSlow ? { code: 'too-slow', status: 504 } : { code: 'broken', status: 500 })
}

function absence(request: IncomingMessage): GatewayProblem {
  // Who asks like that wants to know whether it is here, and has said what to call it if not.
  const isProbe = /(?:^|[\s,])only-if-cached(?:$|[\s,])/i.test(
    request.headers['cache-control'] ?? '',
  )
  return isProbe ? { code: 'not-cached', status: 412 } : { code: 'absent', status: 404 }
}

function refuse(visit: Visit, problem: GatewayProblem): void {
  const { response, request } = visit
  if (problem.status === 405) response.setHeader('allow', 'GET, HEAD')
  if (problem.status === 429 || problem.status === 503) {
    response.setHeader('retry-after', RETRY_AFTER_S)
  }
  const { html, text } = visit.pages.problem(problem)
  const isBrowser = request.headers.accept?.includes('text/html') === true
  const type = isBrowser ? 'text/html; charset=utf-8' : 'text/plain; charset=utf-8'
  sendPage(visit, problem.status, isBrowser ? html : text, {
    'cache-control': CACHE_NOTHING,
    'content-type': type,
  })
}

function sendPage(
  { request, response }: Visit,
  status: number,
  text: string,
  headers: Readonly<Record<string, string>>,
): void {
  const body = Buffer.from(text)
  setHeaders(response, PAGE_HEADERS)
  setHeaders(response, { 'content-type': 'text/html; charset=utf-8', vary: 'Accept', ...headers })
  response.setHeader('content-length', body.length)
  response.writeHead(status)
  response.end(request.method === 'HEAD' ? undefined : body)
}

function sendKnown(
  { response }: Visit,
  policy: Readonly<Record<string, string>>,
  headers: Readonly<Record<string, string>>,
): void {
  // With the policy too: a cache takes over what a 304 says, also for what it has from before.
  setHeaders(response, { ...policy, ...headers })
  response.writeHead(304).end()
}

/** @param location always begins with one slash: it leads nowhere else. */
function move(
  { response }: Visit,
  status: 301 | 302,
  location: string,
  { isView }: Pick<AskedItem, 'isView'>,
): void {
  const caching = isView ? CACHE_NOTHING : CACHE_FOLDER
  setHeaders(response, { ...PAGE_HEADERS, location, 'cache-control': caching })
  // A sandboxed page follows its pictures' redirects too.
  response.setHeader('cross-origin-resource-policy', 'cross-origin')
  response.setHeader('content-length', 0)
  response.writeHead(status).end()
}

function setHeaders(response: ServerResponse, headers: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
}

function placeOf(asked: AskedItem): string {
  return addressOf(asked.base, asked.path)
}

/**
 * How long it may be kept, where it is, and by which ids one comes there: caches know by them what
 * is still the same. Of a view nothing is kept, and it has none of these names.
 */
function keepingHeaders(
  asked: AskedItem,
  caching: string,
  { roots }: OpenedFile | OpenedFolder,
): Record<string, string> {
  if (asked.isView) return { 'cache-control': CACHE_NOTHING }
  return {
    'cache-control': caching,
    'x-ipfs-path': placeOf(asked) + (asked.hasSlash ? '/' : ''),
    'x-ipfs-roots': roots.join(','),
  }
}

/** Aborts when the caller goes away before the answer is complete, or when the node stops. */
function endOf({ response, stopping }: Exchange): AbortSignal {
  const gone = new AbortController()
  response.once('close', () => {
    if (response.writableFinished) return
    gone.abort(new CodedError('ABORTED', 'The caller went away.'))
  })
  return AbortSignal.any([gone.signal, stopping])
}
