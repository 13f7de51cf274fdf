// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * One HTTP server as both listeners need it: every route says what it needs and the Guard is asked
 * on every request; input is parsed by the endpoint's schemas, output goes through them too, so
 * that nothing leaves which the contract does not name.
 */

import type { Server } from 'node:http'
import { Readable } from 'node:stream'
import fastify, {
  type FastifyHttpOptions,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify'
import { CodedError, invariant, type Logger } from '../base/base.ts'
import type { Endpoint, EndpointNeed, InputOf } from '../contract/contract.ts'
import type { Caller, Guard } from '../net/net.ts'
import { notFound, problemOf } from './errors.ts'
import { REQUEST_JSON_BYTES_MAX } from './limits.ts'

export type HttpServerOptions = FastifyHttpOptions<Server>

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What a caller needs to use the route. A route without it cannot be registered. */
    needs?: EndpointNeed
  }
}

export interface HttpServerDeps {
  guard: Guard
  log: Logger
  callerOf(request: FastifyRequest): Caller
  /** Aborts when the node stops. */
  stopping: AbortSignal
}

/** What a handler gets: the parsed input, and a signal that ends with the caller or the node. */
export type HandlerInput<E extends Endpoint> = InputOf<E> & {
  signal: AbortSignal
  /** The request's body, for endpoints whose body is `bytes`. */
  bytes: AsyncIterable<Uint8Array>
  /** What it says that it is, without parameters. */
  contentType: string
}

/** An answer that is not JSON. */
export class RawAnswer {
  readonly contentType: string
  readonly body: string | Readable
  readonly sizeBytes: number | undefined

  constructor(contentType: string, body: string | Readable, sizeBytes?: number) {
    this.contentType = contentType
    this.body = body
    this.sizeBytes = sizeBytes
  }
}

/** A JSON answer with a status of its own. */
export class StatusAnswer {
  readonly status: number
  readonly value: unknown

  constructor(status: number, value: unknown) {
    this.status = status
    this.value = value
  }
}

export class HttpServer {
  readonly app: FastifyInstance
  readonly #deps: HttpServerDeps

  constructor(deps: HttpServerDeps, options: HttpServerOptions) {
    this.#deps = deps
    this.app = fastify({ ...options, schemaController: NO_SCHEMAS })
    takeBodiesAsTheyAre(this.app)
    this.app.addHook('onRoute', (route) => {
      invariant(route.config?.needs !== undefined, `the route ${route.url} says what it needs`)
    })
    this.app.addHook('onRequest', async (request) => this.#askGuard(request))
    this.app.setNotFoundHandler(() => {
      throw notFound()
    })
    this.app.setErrorHandler((error, request, reply) => this.#answerProblem(error, request, reply))
  }

  /** Serves `endpoint`: `handler` returns the JSON value, a RawAnswer or a StatusAnswer. */
  serve<E extends Endpoint>(
    endpoint: E,
    handler: (input: HandlerInput<E>) => Promise<unknown>,
  ): void {
    this.app.route({
      method: endpoint.method,
      url: endpoint.path,
      config: { needs: endpoint.needs },
      handler: async (request, reply) => {
        const input = await this.#inputOf(endpoint, request, reply)
        return sendAnswer(endpoint, reply, await handler(input))
      },
    })
  }

  #askGuard(request: FastifyRequest): void {
    if (request.is404) return
    const { needs } = request.routeOptions.config
    invariant(needs !== undefined, 'a route that was registered says what it needs')
    const answer = this.#deps.guard.check(this.#deps.callerOf(request), needs)
    if (!answer.allowed) throw new CodedError('NOT_ALLOWED', answer.reason)
  }

  async #inputOf<E extends Endpoint>(
    endpoint: E,
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<HandlerInput<E>> {
    const body: Endpoint['body'] = endpoint.body
    const takesJson = body !== undefined && body !== 'bytes'
    const input = {
      params: parse(endpoint.params, request.params),
      query: parse(endpoint.query, request.query),
      body: takesJson ? parse(body, await readJson(request)) : undefined,
      signal: endOf(reply, this.#deps.stopping),
      bytes: bytesOf(request),
      contentType: contentTypeOf(request),
    }
    // Each part was parsed by the very schema from which InputOf infers its type.
    return input as HandlerInput<E>
  }

  #answerProblem(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
    const { details, isOurs } = problemOf(error)
    const { method, url: route } = request.routeOptions
    if (isOurs) this.#deps.log.error('a request failed', { method, route, error })
    return reply.code(details.status).type('application/problem+json').send(details)
  }
}

type SchemaController = NonNullable<HttpServerOptions['schemaController']>

/** Fastify's own schema compilers stay out: zod does that work, and a start is 30 ms shorter. */
const NO_SCHEMAS: SchemaController = {
  compilersFactory: {
    // Fastify types this as Ajv's own factory, but only ever calls what it returns.
    buildValidator: (() => () => () => true) as unknown as NonNullable<
      NonNullable<SchemaController['compilersFactory']>['buildValidator']
    >,
    buildSerializer: () => () => (value) => JSON.stringify(value),
  },
}

/** Handlers read the body themselves: as a stream of any length, or as JSON of a bounded one. */
function takeBodiesAsTheyAre(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', (_request, _payload, done) => done(null))
}

function sendAnswer(endpoint: Endpoint, reply: FastifyReply, answer: unknown): FastifyReply {
  if (answer instanceof RawAnswer) {
    if (answer.sizeBytes !== undefined) reply.header('content-length', answer.sizeBytes)
    return reply.type(answer.contentType).send(answer.body)
  }
  const schema = endpoint.answer
  invariant(typeof schema !== 'string', `${endpoint.path} answers with ${String(schema)}`)
  const [status, value] =
    answer instanceof StatusAnswer ? [answer.status, answer.value] : [200, answer]
  return reply.code(status).send(schema.parse(value))
}

function parse(schema: Endpoint['params'], value: unknown): unknown {
  if (schema === undefined) return undefined
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`)
  throw new CodedError('BAD_REQUEST', `The request is not right. ${problems.join('; ')}`)
}

async function readJson(request: FastifyRequest): Promise<unknown> {
  const chunks: Uint8Array[] = []
  let lengthBytes = 0
  for await (const chunk of bytesOf(request)) {
    lengthBytes += chunk.length
    if (lengthBytes > REQUEST_JSON_BYTES_MAX) {
      throw new CodedError('BAD_REQUEST', 'The request is longer than anything asked for here.')
    }
    chunks.push(chunk)
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString())
  } catch (cause) {
    throw new CodedError('BAD_REQUEST', 'The request is not JSON.', { cause })
  }
}

/**
 * The body as it comes. Whoever stops reading early does not destroy the request: the connection
 * must live on to carry the answer that says why.
 */
async function* bytesOf(request: FastifyRequest): AsyncGenerator<Uint8Array> {
  for await (const chunk of request.raw.iterator({ destroyOnReturn: false })) yield chunk
}

function contentTypeOf({ headers }: FastifyRequest): string {
  return (headers['content-type'] ?? '').replace(/;.*/, '').trim().toLowerCase()
}

/** Aborts when the caller goes away before the answer is complete, or when the node stops. */
function endOf(reply: FastifyReply, stopping: AbortSignal): AbortSignal {
  const gone = new AbortController()
  reply.raw.once('close', () => {
    if (reply.raw.writableFinished) return
    gone.abort(new CodedError('ABORTED', 'The caller went away.'))
  })
  return AbortSignal.any([gone.signal, stopping])
}

/** A stream of what `chunks` yields, which ends quietly when the reader goes away. */
export function streamOf(chunks: AsyncIterable<Uint8Array | string>): Readable {
  return Readable.from(chunks, { objectMode: false })
}
