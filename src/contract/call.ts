// SPDX-License-Identifier: AGPL-3.0-or-later
/** One request and its answer, over whatever transport: success and problem told apart. */
import type { z } from 'zod'
import { CodedError } from '../base/base.ts'
import { type AnswerOf, type Endpoint, endpoints } from './endpoints.ts'
import { JSON_BYTES_MAX, LINE_BYTES_MAX } from './limits.ts'
import { type Health, type ProblemDetails, problemSchema } from './schemas.ts'

export interface TransportRequest {
  method: Endpoint['method']
  /** With the query. */
  path: string
  /** What the endpoint needs: what whoever signs requests must sign for. */
  needs: Endpoint['needs']
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

export interface CallOptions {
  cid?: string
  /** Of a transfer. */
  id?: number
  query?: Readonly<Record<string, string>>
  bytes?: AsyncIterable<Uint8Array>
  /** Of `bytes`. */
  contentType?: string
  json?: unknown
  signal: AbortSignal | undefined
}

export class Call {
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

  /** The answer's lines, each parsed by `schema`. */
  async *lines<Line extends z.ZodType>(
    endpoint: Endpoint,
    schema: Line,
    options: CallOptions,
  ): AsyncGenerator<z.output<Line>> {
    const answer = await this.open(endpoint, options)
    for await (const line of readLines(answer.body)) {
      const parsed = schema.safeParse(parseJson(line))
      if (!parsed.success) throw notUnderstood(parsed.error)
      yield parsed.data
    }
  }

  /**
   * The data of server-sent events (WHATWG HTML, 9.2.6) as parsed JSON. Comments, which keep the
   * connection alive, are told to `onAlive` alone.
   */
  async *serverEvents(
    endpoint: Endpoint,
    options: CallOptions,
    onAlive: () => void = () => {},
  ): AsyncGenerator<unknown> {
    const answer = await this.open(endpoint, options)
    let data: string[] = []
    for await (const line of readLines(answer.body, { keepsEmpty: true })) {
      onAlive()
      if (line.startsWith('data:')) data.push(line.slice('data:'.length).replace(/^ /, ''))
      if (line !== '' || data.length === 0) continue
      yield parseJson(data.join('\n'))
      data = []
    }
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
    const path = endpoint.path
      .replace(':cid', () => encodeURIComponent(options.cid ?? ''))
      .replace(':id', () => String(options.id ?? ''))
    const query = new URLSearchParams(options.query).toString()
    const { contentType = 'application/octet-stream' } = options
    const type = options.json === undefined ? contentType : 'application/json'
    const body = options.json === undefined ? options.bytes : jsonBytes(options.json)
    return this.#transport({
      method: endpoint.method,
      path: query === '' ? path : `${path}?${query}`,
      needs: endpoint.needs,
      headers: body === undefined ? {} : { 'content-type': type },
      body,
      signal: options.signal,
    })
  }
}

async function* jsonBytes(value: unknown): AsyncIterable<Uint8Array> {
  yield new TextEncoder().encode(JSON.stringify(value))
}

/** Lines of text, each at most LINE_BYTES_MAX long. */
async function* readLines(
  body: AsyncIterable<Uint8Array>,
  { keepsEmpty = false } = {},
): AsyncIterable<string> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of body) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    if (rest.length > LINE_BYTES_MAX) throw notUnderstood(undefined)
    for (const line of lines) if (line !== '' || keepsEmpty) yield line
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
