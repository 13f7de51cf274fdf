// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Looking at items: lists, single items, folders and bytes; all of it for the owner, and what is
 * public for anybody. To a stranger a private item is as one that is not here.
 */
import type { CID } from 'multiformats/cid'
import { CodedError, parseCid, RateLimit } from '../base/base.ts'
import { type EntryLine, endpoints, ITEMS_PAGE_MAX } from '../contract/contract.ts'
import { bytesAnswer } from './byte-answers.ts'
import { itemNotFound, problemOf } from './errors.ts'
import type { Opened, OpenedFile, OpenedFolder } from './gateway/gateway.ts'
import { type HandlerInput, type HttpServer, RawAnswer, streamOf } from './http-server.ts'
import { entryOf, itemOf, publicItemOf } from './item-facts.ts'
import type { ApiItem, ApiItems, ApiPlace } from './item-ports.ts'
import { PUBLIC_LISTS_AT_ONCE_MAX, PUBLIC_LISTS_PER_SECOND_MAX } from './limits.ts'
import type { ApiDeps } from './ports.ts'

type ReadingDeps = Pick<ApiDeps, 'items' | 'library' | 'log' | 'clock'>

/** What the owner may read. */
export function serveReading(server: HttpServer, deps: ReadingDeps): void {
  const { items } = deps
  server.serve(endpoints.items, async ({ query }) => pageAnswer(items, query, 'owner', itemOf))
  server.serve(endpoints.item, async ({ params }) => {
    const item = items.get(parseCid(params.cid))
    if (item === undefined) throw itemNotFound()
    return { item: itemOf(item) }
  })
  server.serve(endpoints.itemBytes, async (input) => {
    const { params, query, signal } = input
    const file = await items.place(parseCid(params.cid), namesOf(query.path), signal)
    return bytesAnswer(input, {
      cid: file.cid,
      sizeBytes: file.sizeBytes ?? 0,
      bytes: (span) => items.openBytes(file, { ...span, signal }),
    })
  })
  server.serve(endpoints.itemEntries, async ({ params, query, signal }) => {
    const folder = await items.place(parseCid(params.cid), namesOf(query.path), signal)
    return entriesAnswer(deps, folder, signal)
  })
}

/** What anybody may read. */
export function servePublicReading(server: HttpServer, deps: ReadingDeps): void {
  const { items, clock } = deps
  // Of all strangers together: a list is read in one go, and meanwhile the node does nothing else.
  const lists = new RateLimit(clock, {
    perSecond: PUBLIC_LISTS_PER_SECOND_MAX,
    burst: PUBLIC_LISTS_AT_ONCE_MAX,
  })
  server.serve(endpoints.publicItems, async ({ query }) => {
    if (!lists.tryTake()) throw listsTooMany()
    const limit = query.limit ?? ITEMS_PAGE_MAX
    return pageAnswer(items, { ...query, limit }, 'anybody', publicItemOf)
  })
  server.serve(endpoints.publicItem, async ({ params, signal }) => {
    const cid = parseCid(params.cid)
    const opened = await deps.library.open(cid, [], signal)
    const item = items.get(cid)
    // What is refused is said to be; whatever else is no public item looks like nothing at all.
    if (opened.what === 'refused') throw refusedHere(opened)
    if (opened.what === 'absent' || item?.visibility !== 'public') throw itemNotFound()
    return { item: publicItemOf(item) }
  })
  server.serve(endpoints.publicItemBytes, async (input) => {
    const opened = await openPublic(deps, input)
    if (opened.what === 'folder') throw notAFile()
    const { cid, sizeBytes } = opened
    return bytesAnswer(input, {
      cid,
      sizeBytes,
      bytes: (span) => opened.bytes(span, input.signal),
    })
  })
  server.serve(endpoints.publicItemEntries, async (input) => {
    const opened = await openPublic(deps, input)
    if (opened.what === 'file') throw notAFolder()
    return entriesAnswer(deps, folderPlace(opened.cid), input.signal)
  })
}

function pageAnswer<Facts>(
  items: ApiItems,
  query: HandlerInput<typeof endpoints.items>['query'],
  reader: 'owner' | 'anybody',
  factsOf: (item: ApiItem) => Facts,
) {
  const { match, after, limit = Number.MAX_SAFE_INTEGER - 1 } = query
  const behind = after === undefined ? undefined : parseCid(after).toString()
  const page = items.page({ match, reader, after: behind, limit })
  const last = page.items.at(-1)?.cid.toString()
  // Whoever is told that something exists must be able to look at it.
  const told = reader === 'owner' ? page.items : page.items.filter((one) => !one.refused)
  return {
    items: told.map(factsOf),
    itemsCount: page.itemsCount,
    next: page.hasMore && last !== undefined ? last : null,
  }
}

async function openPublic(
  { library }: Pick<ReadingDeps, 'library'>,
  { params, query, signal }: HandlerInput<typeof endpoints.publicItemEntries>,
): Promise<OpenedFile | OpenedFolder> {
  const opened = await library.open(parseCid(params.cid), namesOf(query.path), signal)
  switch (opened.what) {
    case 'absent':
      throw itemNotFound()
    case 'refused':
      throw refusedHere(opened)
    case 'unreadable':
      throw new CodedError('CONTENT_DAMAGED', opened.text, {
        advice: 'Ask another node for it, or come again when its owner has mended it.',
      })
    case 'symlink':
      throw new CodedError('CONTENT_SYMLINK', 'There is a symbolic link on this path.', {
        advice: 'List the folder that it is in to see where it leads, and go there yourself.',
      })
    case 'file':
    case 'folder':
      return opened
  }
}

function listsTooMany(): CodedError {
  return new CodedError('LISTS_TOO_MANY', 'Too many people ask for the list just now.', {
    advice: 'Try again in a few seconds.',
  })
}

/** Of a folder nothing more is needed to list it. */
function folderPlace(cid: CID): ApiPlace {
  return {
    cid,
    shape: 'folder',
    sizeBytes: undefined,
    target: undefined,
    mode: undefined,
    modifiedAt: undefined,
  }
}

function entriesAnswer(deps: ReadingDeps, folder: ApiPlace, signal: AbortSignal): RawAnswer {
  const lines = entryLines(deps, deps.items.entries(folder, signal))
  return new RawAnswer('application/x-ndjson', streamOf(lines))
}

async function* entryLines(
  { log }: Pick<ReadingDeps, 'log'>,
  entries: ReturnType<ApiItems['entries']>,
): AsyncGenerator<string> {
  let entriesCount = 0
  let last: EntryLine
  try {
    for await (const entry of entries) {
      entriesCount += 1
      yield toLine(entryOf(entry))
    }
    last = { entriesCount }
  } catch (thrown) {
    const { details, isOurs } = problemOf(thrown)
    if (isOurs) log.error('a folder could not be listed', { error: thrown })
    last = { problem: details }
  }
  yield toLine(last)
}

function toLine(line: EntryLine): string {
  return `${JSON.stringify(line)}\n`
}

/** `a/b` as names; slashes at the ends mean nothing. */
export function namesOf(path: string): string[] {
  return path.split('/').filter((name) => name !== '')
}

/** As at the gateway: for legal reasons, or because its owner or publisher says so. */
function refusedHere({ status, text }: Extract<Opened, { what: 'refused' }>): CodedError {
  return new CodedError(status === 451 ? 'CONTENT_REFUSED_HERE' : 'CONTENT_GONE_HERE', text)
}

function notAFile(): CodedError {
  return new CodedError('CONTENT_NOT_A_FILE', 'That is a folder, not a file.', {
    advice: 'Name a file in it with ?path=, after a look at its entries.',
  })
}

function notAFolder(): CodedError {
  return new CodedError('CONTENT_NOT_A_FOLDER', 'That is not a folder.', {
    advice: 'Take its bytes instead.',
  })
}
