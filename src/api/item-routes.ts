// SPDX-License-Identifier: AGPL-3.0-or-later
/** What the owner can order about items. */
import { CodedError, parseCid, parseUnixTime } from '../base/base.ts'
import {
  type AddLine,
  ARCHIVE_TYPE,
  endpoints,
  type FetchLine,
  type FetchPartLine,
  type FetchReportFacts,
  type Progress,
} from '../contract/contract.ts'
import { begun } from './byte-answers.ts'
import { itemNotFound, problemOf } from './errors.ts'
import { type HandlerInput, type HttpServer, RawAnswer, streamOf } from './http-server.ts'
import { addedOf, itemOf, placeOf, reportOf } from './item-facts.ts'
import type { ApiAdded, ApiFetchReport, ApiItems, ApiPathOptions } from './item-ports.ts'
import { namesOf } from './item-reading.ts'
import type { ApiDeps } from './ports.ts'
import { progressLines } from './progress.ts'

type ItemDeps = Pick<ApiDeps, 'items' | 'clock' | 'log'>

export function serveItems(server: HttpServer, deps: ItemDeps): void {
  const { items } = deps
  server.serve(endpoints.addItem, async (input) => add(items, input))
  server.serve(endpoints.addReference, async ({ body: { path, ...said }, signal }) =>
    pathAnswer(deps, signal, (told) => items.addReference(path, { ...said, ...told })),
  )
  server.serve(endpoints.addCopy, async ({ body: { path, ...said }, signal }) =>
    pathAnswer(deps, signal, (told) => items.addCopy(path, { ...said, ...told })),
  )
  server.serve(endpoints.changeItem, async ({ params, body }) => ({
    item: itemOf(await items.change(parseCid(params.cid), body)),
  }))
  server.serve(endpoints.removeItem, async ({ params }) => {
    const item = await items.remove(parseCid(params.cid))
    if (item === undefined) throw itemNotFound()
    return { item: itemOf(item) }
  })
  server.serve(endpoints.publishItem, async ({ body }) => ({
    item: itemOf(await items.publish(parseCid(body.cid))),
  }))
  server.serve(endpoints.withdrawItem, async ({ body: { cid: text, ...options } }) => {
    const cid = parseCid(text)
    const item = await items.withdraw(cid, options)
    return { cid: cid.toString(), item: item === undefined ? null : itemOf(item) }
  })
  server.serve(endpoints.fetchItem, async (input) => fetchAnswer(deps, input))
  server.serve(endpoints.fetchPart, async (input) => partAnswer(deps, input))
  server.serve(endpoints.itemArchive, async ({ params, query, signal }) => {
    const folder = await items.place(parseCid(params.cid), namesOf(query.path), signal)
    const archive = items.archive(folder, { absent: query.absent, signal })
    return new RawAnswer(ARCHIVE_TYPE, await begun(archive), {
      headers: { 'content-disposition': 'attachment' },
    })
  })
}

async function add(
  items: ApiItems,
  { query, bytes, contentType, signal }: HandlerInput<typeof endpoints.addItem>,
) {
  const { mode, modifiedAt, ...options } = query
  if (contentType === ARCHIVE_TYPE) {
    return addedOf(await items.addArchive(bytes, { ...options, signal }))
  }
  const added = await items.addFile(bytes, {
    ...options,
    signal,
    mode: mode === undefined ? undefined : Number.parseInt(mode, 8),
    modifiedAt: modifiedAt === undefined ? undefined : parseUnixTime(modifiedAt),
  })
  return addedOf(added)
}

type ToldOfPath = Pick<ApiPathOptions, 'signal' | 'onSkipped'> &
  Required<Pick<ApiPathOptions, 'onProgress'>>

function pathAnswer(
  { clock, log }: ItemDeps,
  signal: AbortSignal,
  work: (told: ToldOfPath) => Promise<ApiAdded>,
): RawAnswer {
  const lines = progressLines<AddLine>(clock, async (report) => {
    const onProgress = (received: number): void => report({ received, total: null })
    const onSkipped = (skipped: { path: string; reason: string }): void => report({ skipped })
    try {
      return addedOf(await work({ signal, onProgress, onSkipped }))
    } catch (thrown) {
      // The status line has gone out long ago: the problem travels as the last line instead.
      const { details, isOurs } = problemOf(thrown)
      if (isOurs) log.error('an addition by path failed', { error: thrown })
      return { problem: details }
    }
  })
  return new RawAnswer('application/x-ndjson', streamOf(lines))
}

function fetchAnswer(
  deps: ItemDeps,
  { body, signal }: HandlerInput<typeof endpoints.fetchItem>,
): RawAnswer {
  // Before the first line, so that a wrong CID is a plain refusal and not a failed fetch.
  const cid = parseCid(body.cid)
  const { visibility, isKept } = body
  const path = namesOf(body.path)
  return fetchLines<FetchLine>(deps, async (onProgress) => {
    const options = { path, visibility, isKept, signal, onProgress }
    const { item, place, report } = await deps.items.fetch(cid, options)
    return { item: itemOf(item), place: placeOf(place), report: toldOf(report) }
  })
}

function partAnswer(
  deps: ItemDeps,
  { body, signal }: HandlerInput<typeof endpoints.fetchPart>,
): RawAnswer {
  const cid = parseCid(body.cid)
  const { start, end } = body
  const path = namesOf(body.path)
  if (end !== undefined && start > end) throw new CodedError('CONTENT_BAD_RANGE', BACKWARDS)
  return fetchLines<FetchPartLine>(deps, async (onProgress) => {
    const options = { path, start, end, signal, onProgress }
    const { place, report } = await deps.items.fetchPart(cid, options)
    return { place: placeOf(place), report: toldOf(report) }
  })
}

const BACKWARDS = 'The range ends before it begins.'

type OnProgress = (received: number, total: number | undefined) => void

function fetchLines<Line>(
  { items, clock, log }: ItemDeps,
  work: (onProgress: OnProgress) => Promise<Line>,
): RawAnswer {
  const lines = progressLines<Line | Failed>(clock, async (report) => {
    try {
      return await work((received, total) =>
        report({ received, total: total ?? null } satisfies Progress),
      )
    } catch (thrown) {
      // The status line has gone out long ago: the problem travels as the last line instead.
      const { details, isOurs } = problemOf(thrown)
      if (isOurs) log.error('a fetch failed', { error: thrown })
      return { problem: details, report: toldOf(items.reportOf(thrown)) }
    }
  })
  return new RawAnswer('application/x-ndjson', streamOf(lines))
}

/** The last line of a fetch that failed. */
type Failed = Extract<FetchLine, { problem: unknown }>

function toldOf(report: ApiFetchReport | undefined): FetchReportFacts | null {
  return report === undefined ? null : reportOf(report)
}
