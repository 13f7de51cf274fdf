// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Every endpoint there is, in one table that the server and the client both read: where it
 * answers, what it needs, what goes in and what comes out.
 */
import { z } from 'zod'
import { carryEndpoints } from './carry-endpoints.ts'
import { itemEndpoints } from './item-endpoints.ts'
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

/** `bytes`, `text` and `html` are themselves; `progress` is lines of JSON. */
export type AnswerKind = 'bytes' | 'text' | 'html' | 'progress'

export interface Endpoint {
  readonly title: string
  /** The owner's Unix socket, or the listener on the LAN. */
  readonly listener: 'control' | 'lan'
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  /** `:name` stands for a parameter. */
  readonly path: string
  readonly needs: EndpointNeed
  readonly params?: z.ZodType
  readonly query?: z.ZodType
  /** `bytes`: a raw stream of any length. */
  readonly body?: z.ZodType | 'bytes'
  readonly answer: z.ZodType | AnswerKind
}

export const endpoints = {
  status: {
    title: 'How this node is',
    listener: 'control',
    method: 'GET',
    path: '/v1/status',
    needs: '/node/read',
    answer: statusSchema,
  },
  neighbours: {
    title: 'Nodes one hop away, and how the hop is doing',
    listener: 'control',
    method: 'GET',
    path: '/v1/neighbours',
    needs: '/node/read',
    answer: z.object({ neighbours: z.array(neighbourSchema) }),
  },
  peers: {
    title: 'Nodes with an open connection',
    listener: 'control',
    method: 'GET',
    path: '/v1/peers',
    needs: '/node/read',
    answer: z.object({ peers: z.array(peerSchema) }),
  },
  ...carryEndpoints,
  ...itemEndpoints,
  ...refusalEndpoints,
  config: {
    title: 'The configuration in effect',
    listener: 'control',
    method: 'GET',
    path: '/v1/config',
    needs: '/config/read',
    answer: z.object({ config: configSchema }),
  },
  health: {
    title: 'Is this node well?',
    listener: 'lan',
    method: 'GET',
    path: '/health',
    needs: 'public',
    answer: healthSchema,
  },
  metrics: {
    title: 'Figures for Prometheus',
    listener: 'lan',
    method: 'GET',
    path: '/metrics',
    needs: 'public',
    answer: 'text',
  },
  statusPage: {
    title: 'The status page',
    listener: 'lan',
    method: 'GET',
    path: '/',
    needs: 'public',
    answer: 'html',
  },
  publicStatus: {
    title: 'What a node tells to anybody on the LAN',
    listener: 'lan',
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
