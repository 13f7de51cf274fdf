// SPDX-License-Identifier: AGPL-3.0-or-later
/** The API's client: typed by the endpoint table, over whatever transport it is given. */
import type { z } from 'zod'
import { CodedError } from '../base/base.ts'
import { type AnswerOf, type Endpoint, endpoints } from './endpoints.ts'
import { JSON_BYTES_MAX, LINE_BYTES_MAX } from './limits.ts'
import type { BlockFacts, DenylistFacts, Forgotten } from './refusal-schemas.ts'
import {
  fetchLineSchema,
  type Health,
  type ItemFacts,
  type NeighbourFacts,
  type PeerFacts,
  type ProblemDetails,
  type Progress,
  type PublicStatus,
  problemSchema,
  type Status,
  type Visibility,
} from './schemas.ts'

export interface TransportRequest {
  method: Endpoint['method']
  /** With the query. */
  path: string
  headers: Readonly<Record<string, string>>
  body: AsyncIterable<Uint8Array> | undefined
  signal: AbortSignal | undefined
}

export interface TransportAnswer {
  status: number
  /** Lower-case names. */
  headers: Readonly<Record<string, string>>
  /** Fails when the answer breaks off. Must be read, or returned from, to the end. */
  body: AsyncIterable<Uint8Array>
}

/** Carries one request and brings the answer: a Unix socket, or `fetch` in a browser. */
export type Transport = (request: TransportRequest) => Promise<TransportAnswer>

/** A failure that the node told us about: its code, its words, its advice. */
export class ApiProblem extends CodedError {
  readonly status: number

  constructor(problem: ProblemDetails) {
    const advice = problem.advice === undefined ? {} : { advice: problem.advice }
    super(problem.code, problem.detail, advice)
    this.name = 'ApiProblem'
    this.status = problem.status
  }
}

export interface Client {
  status(signal?: AbortSignal): Promise<Status>
  publicStatus(signal?: AbortSignal): Promise<PublicStatus>
  health(signal?: AbortSignal): Promise<Health>
  neighbours(signal?: AbortSignal): Promise<readonly NeighbourFacts[]>
  peers(signal?: AbortSignal): Promise<readonly PeerFacts[]>
  config(signal?: AbortSignal): Promise<Readonly<Record<string, unknown>>>
  items(signal?: AbortSignal): Promise<readonly ItemFacts[]>
  item(cid: string, signal?: AbortSignal): Promise<ItemFacts>
  addItem(
    bytes: AsyncIterable<Uint8Array>,
    options: { name: string; visibility: Visibility; signal?: AbortSignal },
  ): Promise<ItemFacts>
  removeItem(cid: string, signal?: AbortSignal): Promise<ItemFacts>
  /** Brings the item to the node; `onProgress` hears how far it is. */
  fetchItem(
    cid: string,
    options: {
      visibility: Visibility
      signal?: AbortSignal
      onProgress?: (progress: Progress) => void
    },
  ): Promise<ItemFacts>
  /** The bytes of an item on the node; fails when they break off. */
  itemBytes(cid: string, signal?: AbortSignal): Promise<AsyncIterable<Uint8Array>>
  blocks(signal?: AbortSignal): Promise<readonly BlockFacts[]>
  block(
    cid: string,
    options: { kind: 'blocked' | 'legal'; reason: string; signal?: AbortSignal },
  ): Promise<BlockFacts>
  unblock(cid: string, signal?: AbortSignal): Promise<BlockFacts>
  /** Removes the item, and refuses it from now on. */
  forgetItem(cid: string, signal?: AbortSignal): Promise<Forgotten>
  denylists(signal?: AbortSignal): Promise<readonly DenylistFacts[]>
  rereadDenylists(signal?: AbortSignal): Promise<readonly DenylistFacts[]>
}

export function createClient(transport: Transport): Client {
  const call = new Call(transport)
  return {
    status: (signal) => call.json(endpoints.status, { signal }),
    publicStatus: (signal) => call.json(endpoints.publicStatus, { signal }),
    health: (signal) => call.health(signal),
    neighbours: async (signal) => (await call.json(endpoints.neighbours, { signal })).neighbours,
    peers: async (signal) => (await call.json(endpoints.peers, { signal })).peers,
    config: async (signal) => (await call.json(endpoints.config, { signal })).config,
    items: async (signal) => (await call.json(endpoints.items, { signal })).items,
    item: async (cid, signal) => (await call.json(endpoints.item, { cid, signal })).item,
    addItem: async (bytes, { name, visibility, signal }) => {
      const query = { name, visibility }
      return (await call.json(endpoints.addItem, { query, bytes, signal })).item
    },
    removeItem: async (cid, signal) =>
      (await call.json(endpoints.removeItem, { cid, signal })).item,
    fetchItem: (cid, options) => fetchItem(call, cid, options),
    itemBytes: async (cid, signal) => (await call.open(endpoints.itemBytes, { cid, signal })).body,
    ...refusalCalls(call),
  }
}

/** The part of the client that is about refusing. */
type RefusalCalls = Pick<
  Client,
  'blocks' | 'block' | 'unblock' | 'forgetItem' | 'denylists' | 'rereadDenylists'
>

function refusalCalls(call: Call): RefusalCalls {
  return {
    blocks: async (signal) => (await call.json(endpoints.blocks, { signal })).blocks,
    block: async (cid, { kind, reason, signal }) =>
      (await call.json(endpoints.block, { json: { cid, kind, reason }, signal })).block,
    unblock: async (cid, signal) => (await call.json(endpoints.unblock, { cid, signal })).block,
    forgetItem: (cid, signal) => call.json(endpoints.forgetItem, { json: { cid }, signal }),
    denylists: async (signal) => (await call.json(endpoints.denylists, { signal })).denylists,
    rereadDenylists: async (signal) =>
      (await call.json(endpoints.rereadDenylists, { signal })).denylists,
  }
}

interface CallOptions {
  cid?: string
  query?: Readonly<Record<string, string>>
  bytes?: AsyncIterable<Uint8Array>
  json?: unknown
  signal: AbortSignal | undefined
}

/** One request and its answer, success or problem told apart. */
class Call {
  readonly #transport: Transport

  constructor(transport: Transport) {
    this.#transport = transport
  }

  /** The answer with its body unread. @throws ApiProblem unless it is a success. */
  async open(endpoint: Endpoint, options: CallOptions): Promise<TransportAnswer> {
    const answer = await this.#send(endpoint, options)
    if (answer.status >= 200 && answer.status < 300) return answer
    throw new ApiProblem(problemOf(answer.status, await readJson(answer)))
  }

  async json<E extends Endpoint & { answer: z.ZodType }>(
    endpoint: E,
    options: CallOptions,
  ): Promise<AnswerOf<E>> {
    const answer = await this.open(endpoint, options)
    const parsed = endpoint.answer.safeParse(await readJson(answer))
    if (!parsed.success) throw notUnderstood(parsed.error)
    // The schema that just parsed it is the one that AnswerOf is inferred from.
    return parsed.data as AnswerOf<E>
  }

  /** Health is an answer also when the node is failing (503). */
  async health(signal: AbortSignal | undefined): Promise<Health> {
    const answer = await this.#send(endpoints.health, { signal })
    const body = await readJson(answer)
    const parsed = endpoints.health.answer.safeParse(body)
    if (parsed.success) return parsed.data
    throw new ApiProblem(problemOf(answer.status, body))
  }

  #send(endpoint: Endpoint, options: CallOptions): Promise<TransportAnswer> {
    const path = endpoint.path.replace(':cid', () => encodeURIComponent(options.cid ?? ''))
    const query = new URLSearchParams(options.query).toString()
    const type = options.json === undefined ? 'application/octet-stream' : 'application/json'
    const body = options.json === undefined ? options.bytes : jsonBytes(options.json)
    return this.#transport({
      method: endpoint.method,
      path: query === '' ? path : `${path}?${query}`,
      headers: body === undefined ? {} : { 'content-type': type },
      body,
      signal: options.signal,
    })
  }
}

async function fetchItem(
  call: Call,
  cid: string,
  options: Parameters<Client['fetchItem']>[1],
): Promise<ItemFacts> {
  const { signal } = options
  const json = { cid, visibility: options.visibility }
  const answer = await call.open(endpoints.fetchItem, { json, signal })
  for await (const line of readLines(answer.body)) {
    const parsed = fetchLineSchema.safeParse(parseJson(line))
    if (!parsed.success) throw notUnderstood(parsed.error)
    if ('problem' in parsed.data) throw new ApiProblem(parsed.data.problem)
    if ('item' in parsed.data) return parsed.data.item
    options.onProgress?.(parsed.data)
  }
  throw new CodedError('API_BROKEN_OFF', 'The node stopped before the item was here.', {
    advice: 'Look whether the node still runs, then try again: it goes on from what it has.',
  })
}

async function* jsonBytes(value: unknown): AsyncIterable<Uint8Array> {
  yield new TextEncoder().encode(JSON.stringify(value))
}

/** Lines of text, each at most LINE_BYTES_MAX long. */
async function* readLines(body: AsyncIterable<Uint8Array>): AsyncIterable<string> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of body) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    if (rest.length > LINE_BYTES_MAX) throw notUnderstood(undefined)
    for (const line of lines) if (line !== '') yield line
  }
  if (rest !== '') yield rest
}

async function readJson(answer: TransportAnswer): Promise<unknown> {
  const decoder = new TextDecoder()
  let text = ''
  for await (const chunk of answer.body) {
    text += decoder.decode(chunk, { stream: true })
    if (text.length > JSON_BYTES_MAX) throw notUnderstood(undefined)
  }
  return parseJson(text + decoder.decode())
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // Whoever asked validates against a schema next, and no schema takes undefined.
    return undefined
  }
}

function problemOf(status: number, body: unknown): ProblemDetails {
  const parsed = problemSchema.safeParse(body)
  if (parsed.success) return parsed.data
  const detail = `The node answered with HTTP status ${status} and no explanation.`
  const code = 'API_NOT_UNDERSTOOD'
  return { type: `urn:citynode:error:${code}`, title: 'Not understood', status, code, detail }
}

function notUnderstood(cause: unknown): CodedError {
  return new CodedError('API_NOT_UNDERSTOOD', 'The answer is not that of a citynode.', {
    cause,
    advice: 'Use the same version of citynode for the node and for this command.',
  })
}
