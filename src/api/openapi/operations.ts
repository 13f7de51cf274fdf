// SPDX-License-Identifier: AGPL-3.0-or-later
/** The table of endpoints by method and path, and its schemas as JSON schemas. */
import { z } from 'zod'
import {
  addLineSchema,
  type Endpoint,
  endpoints,
  entryLineSchema,
  fetchLineSchema,
  nodeEventSchema,
  publicEventSchema,
} from '../../contract/contract.ts'

export type JsonSchema = z.core.JSONSchema.BaseSchema

/** What answers at one method and path. */
export interface Operation {
  /** Of the endpoint for whoever may most. */
  name: string
  method: Endpoint['method']
  path: string
  /** For whoever has the right to it; undefined: there is nothing more than for everybody. */
  owners: Endpoint | undefined
  /** For everybody; undefined: strangers are refused. */
  everybodys: Endpoint | undefined
  /** One of them: input is the same for both. */
  endpoint: Endpoint
}

/** In the order of the table. */
export function operations(): Operation[] {
  const byPlace = new Map<string, Operation>()
  for (const [name, endpoint] of Object.entries<Endpoint>(endpoints)) {
    const { method, path, needs } = endpoint
    const place = `${method} ${path}`
    const known = byPlace.get(place)
    const operation = known ?? {
      name,
      method,
      path,
      owners: undefined,
      everybodys: undefined,
      endpoint,
    }
    byPlace.set(place, {
      ...operation,
      ...(needs === 'public' ? { everybodys: endpoint } : { owners: endpoint, endpoint, name }),
    })
  }
  return [...byPlace.values()]
}

/** What each line, or each event, of a long answer is. */
const PIECES = new Map<Endpoint, z.ZodType>([
  [endpoints.addReference, addLineSchema],
  [endpoints.fetchItem, fetchLineSchema],
  [endpoints.itemEntries, entryLineSchema],
  [endpoints.publicItemEntries, entryLineSchema],
  [endpoints.events, nodeEventSchema],
  [endpoints.publicEvents, publicEventSchema],
])

export function pieceOf(endpoint: Endpoint): JsonSchema | undefined {
  const schema = PIECES.get(endpoint)
  return schema === undefined ? undefined : jsonSchemaOf(schema, 'output')
}

/** @param io `input`: as it is sent, with defaults left out; `output`: as it is answered. */
export function jsonSchemaOf(schema: z.ZodType, io: 'input' | 'output'): JsonSchema {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' })
  return rest
}

/** `cid` in `/v1/items/:cid`. */
export function parameterNames(path: string): string[] {
  return [...path.matchAll(/:(\w+)/g)].map((match) => match[1] ?? '')
}

/** A schema, or nothing: JSON schemas may also be `true` and `false`. */
export function asSchema(value: unknown): JsonSchema | undefined {
  // What is an object in a JSON schema at a schema's place is a schema.
  return typeof value === 'object' && value !== null ? (value as JsonSchema) : undefined
}
