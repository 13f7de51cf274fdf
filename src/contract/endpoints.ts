// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Every endpoint there is, in one table that the server and the client both read: where it
 * answers, what it needs, what goes in and what comes out.
 *
 * Two endpoints may have the same method and path, one public and one that needs something: then
 * who asks decides which of them answers, and a stranger is told less at the same address.
 */
import { z } from 'zod'
import { accessEndpoints } from './access-endpoints.ts'
import { carryEndpoints } from './carry-endpoints.ts'
import { itemEndpoints } from './item-endpoints.ts'
import { liveEndpoints } from './live-endpoints.ts'
import { refusalEndpoints } from './refusal-endpoints.ts'
import {
  configSchema,
  healthSchema,
  neighbourSchema,
  peerSchema,
  publicStatusSchema,
  statusSchema,
} from './schemas.ts'

/** What a caller needs: nothing, or the right to a command (UCAN 1.0 command syntax). */
export type EndpointNeed = 'public' | `/${string}`

/**
 * `bytes`, `text` and `html` are themselves; `progress` is lines of JSON; `events` are server-sent
 * events (WHATWG HTML, 9.2), each with JSON as its data.
 */
export type AnswerKind = 'bytes' | 'text' | 'html' | 'progress' | 'events'

export interface Endpoint {
  readonly title: string
  /** `socket`: only on the owner's Unix socket, as it is about the machine itself. */
  readonly reach: 'socket' | 'everywhere'
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  /** `:name` stands for a parameter. */
  readonly path: string
  readonly needs: EndpointNeed
  readonly params?: z.ZodType
  readonly query?: z.ZodType
  /** `bytes`: a raw stream of any length. */
  readonly body?: z.ZodType | 'bytes'
  /**
   * The body takes effect while it arrives, so what was signed over all of it would be looked at too
   * late: signed requests are refused.
   */
  readonly actsBeforeEnd?: true
  readonly answer: z.ZodType | AnswerKind
}

export const endpoints = {
  status: {
    title: 'How this node is',
    reach: 'everywhere',
    method: 'GET',
    path: '/v1/status',
    needs: '/node/read',
    answer: statusSchema,
  },
  neighbours: {
    title: 'Nodes one hop away, and how the hop is doing',
    reach: 'everywhere',
    method: 'GET',
    path: '/v1/neighbours',
    needs: '/node/read',
    answer: z.object({ neighbours: z.array(neighbourSchema) }),
  },
  peers: {
    title: 'Nodes with an open connection',
    reach: 'everywhere',
    method: 'GET',
    path: '/v1/peers',
    needs: '/node/read',
    answer: z.object({ peers: z.array(peerSchema) }),
  },
  ...accessEndpoints,
  ...carryEndpoints,
  ...itemEndpoints,
  ...liveEndpoints,
  ...refusalEndpoints,
  config: {
    title: 'The configuration in effect',
    reach: 'everywhere',
    method: 'GET',
    path: '/v1/config',
    needs: '/node/read/settings',
    answer: z.object({ config: configSchema }),
  },
  health: {
    title: 'Is this node well?',
    reach: 'everywhere',
    method: 'GET',
    path: '/health',
    needs: 'public',
    answer: healthSchema,
  },
  metrics: {
    title: 'Figures for Prometheus',
    reach: 'everywhere',
    method: 'GET',
    path: '/metrics',
    needs: 'public',
    answer: 'text',
  },
  openApi: {
    title: 'This API, as an OpenAPI 3.1 document',
    reach: 'everywhere',
    method: 'GET',
    path: '/api/openapi.json',
    needs: 'public',
    answer: z.record(z.string(), z.unknown()),
  },
  statusPage: {
    title: 'The status page',
    reach: 'everywhere',
    method: 'GET',
    path: '/',
    needs: 'public',
    answer: 'html',
  },
  plainPage: {
    title: 'The status page without script',
    reach: 'everywhere',
    method: 'GET',
    path: '/plain',
    needs: 'public',
    answer: 'html',
  },
  pageAsset: {
    title: 'A part of the status page',
    reach: 'everywhere',
    method: 'GET',
    path: '/assets/:file',
    needs: 'public',
    params: z.object({ file: z.string() }),
    answer: 'bytes',
  },
  publicStatus: {
    title: 'What a node tells to anybody on the LAN',
    reach: 'everywhere',
    method: 'GET',
    path: '/v1/status',
    needs: 'public',
    answer: publicStatusSchema,
  },
} as const satisfies Record<string, Endpoint>

export type EndpointName = keyof typeof endpoints

type OutputOf<Schema> = Schema extends z.ZodType ? z.output<Schema> : undefined

/** What the answer of an endpoint is once it has been read. */
export type AnswerOf<E extends Endpoint> = E['answer'] extends z.ZodType
  ? z.output<E['answer']>
  : never

/** What an endpoint's handler is given, parsed. */
export interface InputOf<E extends Endpoint> {
  params: E extends { params: infer Schema } ? OutputOf<Schema> : undefined
  query: E extends { query: infer Schema } ? OutputOf<Schema> : undefined
  body: E extends { body: infer Schema } ? OutputOf<Schema> : undefined
}
