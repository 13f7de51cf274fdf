// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Where requests of admitted callers are looked at: method, body, right and room are checked before
 * the handler sees anything. Peers with a key have most of the places, the anonymous a few.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { BugError, type Counter, type Logger, type Metrics } from '../../base/base.ts'
import type { Caller, Guard, Need } from '../guard.ts'
import type { PeerHttpsServerLimits } from './limits.ts'

/** Answers one request; `signal` aborts when the caller is gone before the answer is complete. */
export type RequestHandler = (
  request: IncomingMessage,
  response: ServerResponse,
  context: { caller: Caller; signal: AbortSignal },
) => void | Promise<void>

/** One connection's caller and how many of its requests are not answered yet. */
export interface ConnectionCalls {
  caller: Caller
  inFlight: number
}

export interface RequestDeskDeps {
  log: Logger
  metrics: Metrics
  guard: Guard
  refused: Counter
}

export interface RequestDeskOptions {
  needs: Need
  handler: RequestHandler
  limits: Pick<
    PeerHttpsServerLimits,
    'requestsInFlightMax' | 'responsesMax' | 'anonymousResponsesMax'
  >
}

export class RequestDesk {
  readonly #deps: RequestDeskDeps
  readonly #options: RequestDeskOptions
  readonly #responses: Counter
  readonly #underWay = { peer: 0, anonymous: 0 }

  constructor(deps: RequestDeskDeps, options: RequestDeskOptions) {
    this.#deps = deps
    this.#options = options
    this.#responses = deps.metrics.counter(
      'citynode_net_https_responses_total',
      'Requests that the HTTPS server handed to a handler, by kind of caller.',
      ['caller'],
    )
  }

  serve(request: IncomingMessage, response: ServerResponse, calls: ConnectionCalls): void {
    if (calls.inFlight >= this.#options.limits.requestsInFlightMax) {
      this.#deps.refused.add(1, { reason: 'pipelining' })
      request.socket.destroy()
      return
    }
    calls.inFlight += 1
    response.once('close', () => {
      calls.inFlight -= 1
    })
    const refusal = this.#refusalOf(request, calls.caller)
    if (refusal !== undefined) {
      this.#refuse(response, refusal)
      return
    }
    const kind = calls.caller.kind === 'peer' ? 'peer' : 'anonymous'
    this.#underWay[kind] += 1
    this.#responses.add(1, { caller: kind })
    const gone = new AbortController()
    response.once('close', () => {
      this.#underWay[kind] -= 1
      if (!response.writableFinished) gone.abort()
    })
    void this.#handle(request, response, { caller: calls.caller, signal: gone.signal })
  }

  #refusalOf(request: IncomingMessage, caller: Caller): Refusal | undefined {
    if (request.method !== 'GET' && request.method !== 'HEAD') return REFUSALS.method
    const length = request.headers['content-length'] ?? '0'
    if (length !== '0' || request.headers['transfer-encoding'] !== undefined) return REFUSALS.body
    if (!this.#deps.guard.check(caller, this.#options.needs).allowed) return REFUSALS.forbidden
    return this.#hasRoomFor(caller) ? undefined : REFUSALS.busy
  }

  /** The anonymous are served while the server is less than half full, and a few at once. */
  #hasRoomFor(caller: Caller): boolean {
    const { responsesMax, anonymousResponsesMax } = this.#options.limits
    const all = this.#underWay.peer + this.#underWay.anonymous
    if (caller.kind === 'peer') return all < responsesMax
    return all < responsesMax / 2 && this.#underWay.anonymous < anonymousResponsesMax
  }

  #refuse(response: ServerResponse, refusal: Refusal): void {
    this.#deps.refused.add(1, { reason: refusal.reason })
    response.writeHead(refusal.status, {
      'content-type': 'text/plain; charset=utf-8',
      'content-length': Buffer.byteLength(refusal.text),
      connection: 'close',
      ...refusal.headers,
    })
    response.end(refusal.text)
  }

  async #handle(
    request: IncomingMessage,
    response: ServerResponse,
    context: { caller: Caller; signal: AbortSignal },
  ): Promise<void> {
    try {
      await this.#options.handler(request, response, context)
    } catch (thrown) {
      // The caller hears of it below; a caller who left needs no line in the log.
      if (!context.signal.aborted) this.#deps.log.error('a request failed', { error: thrown })
      if (response.headersSent) response.destroy()
      else this.#refuse(response, REFUSALS.failed)
      if (thrown instanceof BugError) throw thrown
    }
  }
}

interface Refusal {
  reason: string
  status: number
  text: string
  headers: Readonly<Record<string, string>>
}

const REFUSALS = {
  method: {
    reason: 'method',
    status: 405,
    text: 'Only GET and HEAD are answered here.\n',
    headers: { allow: 'GET, HEAD' },
  },
  body: {
    reason: 'body',
    status: 413,
    text: 'Requests with a body are not taken here.\n',
    headers: {},
  },
  forbidden: { reason: 'forbidden', status: 403, text: 'This is not for you.\n', headers: {} },
  busy: {
    reason: 'busy',
    status: 503,
    text: 'Too many answers are under way. Try again in a moment.\n',
    headers: { 'retry-after': '1' },
  },
  failed: {
    reason: 'failed',
    status: 500,
    text: 'The node could not answer this.\n',
    headers: {},
  },
} satisfies Record<string, Refusal>
