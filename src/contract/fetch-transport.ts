// SPDX-License-Identifier: AGPL-3.0-or-later
/** Carries requests by `fetch`: of a browser, or of a program on the LAN. */
import { CodedError } from '../base/base.ts'
import type { Transport, TransportAnswer, TransportRequest } from './call.ts'

export interface FetchTransportOptions {
  /** `http://pi.local:7480`; empty: wherever the page itself came from. */
  base: string
  /** The owner's, or undefined for what is public. */
  token?: () => string | undefined
  fetch?: typeof globalThis.fetch
}

export function fetchTransport(options: FetchTransportOptions): Transport {
  const send = options.fetch ?? globalThis.fetch.bind(globalThis)
  return async (request) => {
    const token = options.token?.()
    const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` }
    const init = {
      method: request.method,
      headers: { ...request.headers, ...authorization },
      body: await bodyOf(request),
      cache: 'no-store',
      credentials: 'omit',
      referrerPolicy: 'no-referrer',
      signal: request.signal ?? null,
    } as const
    const response = await reach(() => send(`${options.base}${request.path}`, init), request)
    return answerOf(response)
  }
}

/**
 * Whole in memory: over plain HTTP/1.1 no browser streams a request. What is large, say a film
 * that is dropped on the page, goes another way, as a `File`.
 */
async function bodyOf({ body }: TransportRequest): Promise<Blob | null> {
  if (body === undefined) return null
  const chunks: Uint8Array<ArrayBuffer>[] = []
  for await (const chunk of body) chunks.push(new Uint8Array(chunk))
  return new Blob(chunks)
}

async function reach(
  send: () => Promise<Response>,
  { signal }: TransportRequest,
): Promise<Response> {
  try {
    return await send()
  } catch (cause) {
    if (signal?.aborted === true) throw signal.reason
    throw new CodedError('API_UNREACHABLE', 'The node does not answer.', {
      cause,
      advice: 'Look whether it has power and runs, and whether you are on its network.',
    })
  }
}

function answerOf(response: Response): TransportAnswer {
  return {
    status: response.status,
    headers: Object.fromEntries(response.headers),
    body: chunksOf(response.body),
  }
}

/** Not every browser's ReadableStream is iterable. */
async function* chunksOf(body: Response['body']): AsyncGenerator<Uint8Array> {
  if (body === null) return
  const reader = body.getReader()
  let isAtEnd = false
  try {
    for (;;) {
      const { done, value } = await reader.read()
      isAtEnd = done
      if (done) return
      yield value
    }
  } finally {
    // Whoever stops reading does not want the rest; of a body that failed there is none.
    if (!isAtEnd) await reader.cancel().catch(() => {})
  }
}
