// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * One HTTP server as both listeners need it: every route says what it needs and the Guard is asked
 * on every request; input is parsed by the endpoint's schemas, output goes through them too, so
 * that nothing leaves which the contract does not name.
 *
 * Several endpoints may share a method and a path. They are kept from the most demanding to the
 * public one, and the first that the Guard allows the caller is the one that answers.
 */

import type { IncomingHttpHeaders, Server } from 'node:http'
import { Readable } from 'node:stream'
import fastify, {
  type FastifyHttpOptions,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify'
import { CodedError, invariant, type Logger } from '../base/base.ts'
import type { Endpoint, InputOf } from '../contract/contract.ts'
import type { Caller, GuardAnswer, GuardRefusal, RequestGuard, SignedBody } from '../net/net.ts'
import { giveTime } from './callers.ts'
import { notFound, problemOf } from './errors.ts'
import { REFUSED_REQUESTS_RETRY_S, REQUEST_JSON_BYTES_MAX } from './limits.ts'
import type { WrongTokens } from './owner/owner.ts'
import {
  checkedBody,
  checkNoBody,
  notSignable,
  refusedOften,
  type Signer,
} from './signed-requests.ts'

export type HttpServerOptions = FastifyHttpOptions<Server>

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What answers there, and what each needs. A route without it cannot be registered. */
    variants?: readonly Variant[]
  }
}

/** An endpoint, and what answers for it. */
interface Variant {
  readonly endpoint: Endpoint
  readonly answer: (request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply>
}

export interface HttpServerDeps {
  /** `socket`: the owner's; there alone is what is about the machine itself. */
  listener: 'socket' | 'lan'
  guard: RequestGuard
  log: Logger
  /** Who asks; asked before everything else. Throws when they may not come in at all. */
  admit(request: FastifyRequest, reply: FastifyReply): Caller | Signer
  /** Counts signed requests that are refused. */
  refusedSigners: Pick<WrongTokens, 'note'>
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
  headers: IncomingHttpHeaders
  /** HEAD: as for GET, but nobody wants the body. */
  isHead: boolean
  /** Where the request came from; undefined over the Unix socket. */
  address: string | undefined
  /** Of the answer, also when it is a failure. */
  setHeader(name: string, value: string): void
}

export interface RawAnswerOptions {
  /** Default 200. */
  status?: number
  sizeBytes?: number
  headers?: Readonly<Record<string, string>>
}

/** An answer that is not JSON. */
export class RawAnswer {
  readonly contentType: string
  readonly body: string | Uint8Array | Readable
  readonly options: RawAnswerOptions

  constructor(
    contentType: string,
    body: string | Uint8Array | Readable,
    options: RawAnswerOptions = {},
  ) {
    this.contentType = contentType
    this.body = body
    this.options = options
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
  /** By method and path. */
  readonly #variants = new Map<string, Variant[]>()
  readonly #chosen = new WeakMap<FastifyRequest, Variant>()
  /** What was signed of the bodies of signed requests. */
  readonly #signedBodies = new WeakMap<FastifyRequest, SignedBody>()

  constructor(deps: HttpServerDeps, options: HttpServerOptions) {
    this.#deps = deps
    this.app = fastify({ ...options, schemaController: NO_SCHEMAS })
    takeBodiesAsTheyAre(this.app)
    this.app.addHook('onRoute', (route) => {
      invariant(route.config?.variants !== undefined, `the route ${route.url} says what it needs`)
    })
    this.app.addHook('onRequest', async (request, reply) => this.#askGuard(request, reply))
    this.app.setNotFoundHandler(() => {
      throw notFound()
    })
    this.app.setErrorHandler((error, request, reply) => this.#answerProblem(error, request, reply))
  }

  /** All that is served here. */
  get served(): readonly Endpoint[] {
    return [...this.#variants.values()].flat().map(({ endpoint }) => endpoint)
  }

  /**
   * Serves `endpoint`: `handler` returns the JSON value, a RawAnswer or a StatusAnswer. What is for
   * the socket alone is left out elsewhere, so that both listeners can be given the same table.
   */
  serve<E extends Endpoint>(
    endpoint: E,
    handler: (input: HandlerInput<E>) => Promise<unknown>,
  ): void {
    if (endpoint.reach === 'socket' && this.#deps.listener !== 'socket') return
    const variants = this.#variantsAt(endpoint)
    invariant(
      !variants.some((other) => other.endpoint.needs === endpoint.needs),
      `${endpoint.method} ${endpoint.path} is served once for ${endpoint.needs}`,
    )
    variants.push({
      endpoint,
      answer: async (request, reply) => {
        const input = await this.#inputOf(endpoint, request, reply)
        return sendAnswer(endpoint, reply, await handler(input))
      },
    })
    variants.sort((one, other) => demandOf(other) - demandOf(one))
  }

  /** The list at the place of `endpoint`, which the route there goes by. */
  #variantsAt({ method, path }: Endpoint): Variant[] {
    const place = `${method} ${path}`
    const present = this.#variants.get(place)
    if (present !== undefined) return present
    const variants: Variant[] = []
    this.#variants.set(place, variants)
    this.app.route({
      method,
      url: path,
      config: { variants },
      handler: (request, reply) => {
        const chosen = this.#chosen.get(request)
        invariant(chosen !== undefined, 'the Guard was asked before anything answers')
        return chosen.answer(request, reply)
      },
    })
    return variants
  }

  #askGuard(request: FastifyRequest, reply: FastifyReply): void {
    const caller = this.#deps.admit(request, reply)
    if (request.is404) return
    const { variants = [] } = request.routeOptions.config
    if (caller.kind === 'signer') {
      this.#askForSigner(caller, request, reply)
      return
    }
    let refusal: GuardAnswer | undefined
    for (const variant of variants) {
      const answer = this.#deps.guard.check(caller, variant.endpoint.needs)
      if (answer.allowed) {
        this.#chosen.set(request, variant)
        return
      }
      refusal = answer
    }
    invariant(refusal?.allowed === false, 'a route that was registered says what it needs')
    const { reason } = refusal
    throw caller.kind === 'anonymous' ? ownerUnknown(reply, reason) : notAllowed(reason)
  }

  /** Who signs hears why not, and is never told less in silence: the most demanding variant counts. */
  #askForSigner(signer: Signer, request: FastifyRequest, reply: FastifyReply): void {
    const [variant] = request.routeOptions.config.variants ?? []
    invariant(variant !== undefined, 'a route that was registered says what it needs')
    const { endpoint } = variant
    this.#chosen.set(request, variant)
    // Nobody needs a right for it, and only reading is public: what was signed does not matter.
    if (endpoint.needs === 'public') return
    if (endpoint.actsBeforeEnd === true) throw notSignable()
    const answer = this.#deps.guard.checkRequest(signer.request, endpoint.needs)
    if (!answer.allowed) throw this.#refusalOf(answer, request, reply)
    if (endpoint.body === undefined) checkNoBody(answer.body)
    this.#signedBodies.set(request, answer.body)
    giveTime(request, reply)
  }

  /** Each refusal costs signatures to be verified: who asks for many is slowed down. */
  #refusalOf(answer: GuardRefusal, request: FastifyRequest, reply: FastifyReply): CodedError {
    const { code, reason, advice } = answer
    const address = request.raw.socket.remoteAddress ?? ''
    if (this.#deps.refusedSigners.note(address)) return new CodedError(code, reason, { advice })
    reply.headers({ connection: 'close', 'retry-after': String(REFUSED_REQUESTS_RETRY_S) })
    return refusedOften()
  }

  async #inputOf<E extends Endpoint>(
    endpoint: E,
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<HandlerInput<E>> {
    const body: Endpoint['body'] = endpoint.body
    const takesJson = body !== undefined && body !== 'bytes'
    const signed = this.#signedBodies.get(request)
    const bytes = signed === undefined ? bytesOf(request) : checkedBody(bytesOf(request), signed)
    const input = {
      params: parse(endpoint.params, request.params),
      query: parse(endpoint.query, request.query),
      body: takesJson ? parse(body, await readJson(bytes)) : undefined,
      signal: endOf(reply, this.#deps.stopping),
      bytes,
      contentType: contentTypeOf(request),
      headers: request.headers,
      isHead: request.method === 'HEAD',
      address: request.raw.socket.remoteAddress,
      setHeader: (name: string, value: string) => void reply.header(name, value),
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

/** What is public is the last that answers. */
function demandOf({ endpoint }: Variant): number {
  return endpoint.needs === 'public' ? 0 : 1
}

function notAllowed(reason: string): CodedError {
  return new CodedError('NOT_ALLOWED', reason)
}

/** @param reason of the Guard */
function ownerUnknown(reply: FastifyReply, reason: string): CodedError {
  reply.header('www-authenticate', 'Bearer')
  return new CodedError('TOKEN_NEEDED', reason, {
    advice: 'The owner opens the page by the link that `citynode link` prints on the node itself.',
  })
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
    const { status = 200, sizeBytes, headers = {} } = answer.options
    if (sizeBytes !== undefined) reply.header('content-length', sizeBytes)
    return reply.code(status).headers(headers).type(answer.contentType).send(answer.body)
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

async function readJson(bytes: AsyncIterable<Uint8Array>): Promise<unknown> {
  const chunks: Uint8Array[] = []
  let lengthBytes = 0
  for await (const chunk of bytes) {
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
export function streamOf(
  chunks: AsyncIterable<Uint8Array | string> | Iterable<Uint8Array>,
): Readable {
  return Readable.from(chunks, { objectMode: false })
}
