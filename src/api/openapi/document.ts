// SPDX-License-Identifier: AGPL-3.0-or-later
/** The OpenAPI 3.1 document. Pure. */
import { ARCHIVE_TYPE, type Endpoint, endpoints, problemSchema } from '../../contract/contract.ts'
import {
  asSchema,
  type JsonSchema,
  jsonSchemaOf,
  type Operation,
  operations,
  parameterNames,
  pieceOf,
} from './operations.ts'

type Part = Record<string, unknown>

const PROBLEM = { $ref: '#/components/responses/Problem' }

const MEDIA_TYPES = {
  bytes: 'application/octet-stream',
  text: 'text/plain',
  html: 'text/html',
  progress: 'application/x-ndjson',
  events: 'text/event-stream',
} as const

/** Answers that are not what their kind usually is. */
const OTHER_TYPES = new Map<Endpoint, string>([
  [endpoints.itemArchive, ARCHIVE_TYPE],
  [endpoints.exportItems, 'application/vnd.ipld.car'],
  [endpoints.pageAsset, '*/*'],
])

/** @param version of the program. */
export function openApiDocument(version: string): Record<string, unknown> {
  const paths: Record<string, Part> = {}
  for (const operation of operations()) {
    const path = operation.path.replace(/:(\w+)/g, '{$1}')
    paths[path] = { ...paths[path], [operation.method.toLowerCase()]: operationOf(operation) }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'citynode',
      version,
      summary: 'One node of a people’s cloud.',
      description:
        'The same on the local network and on the owner’s Unix socket. Who asks decides how much ' +
        'is told: on the network the owner sends the token that `citynode link` prints, and ' +
        'others sign what they were given; on the socket everybody is the owner. Every failure is a problem (RFC 9457) with a stable code.',
      license: { name: 'AGPL-3.0-or-later', identifier: 'AGPL-3.0-or-later' },
    },
    servers: [{ url: '/' }],
    paths,
    components: {
      securitySchemes: {
        owner: { type: 'http', scheme: 'bearer', description: 'The owner’s token.' },
        capability: {
          type: 'http',
          scheme: 'UCAN',
          description: 'A request signed by who was given a permission: docs/API.md.',
        },
      },
      schemas: { Problem: jsonSchemaOf(problemSchema, 'output') },
      responses: {
        Problem: {
          description: 'What went wrong, and what to do.',
          content: {
            'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } },
          },
        },
      },
    },
  }
}

function operationOf(operation: Operation): Part {
  const { endpoint, owners, everybodys } = operation
  const description = [
    owners !== undefined && everybodys !== undefined
      ? `For everybody: ${everybodys.title}. For the owner: ${owners.title}.`
      : '',
    endpoint.reach === 'socket' ? 'On the owner’s Unix socket alone.' : '',
  ]
  const said = description.filter((sentence) => sentence !== '').join(' ')
  return {
    operationId: operation.name,
    summary: (everybodys ?? endpoint).title,
    ...(said === '' ? {} : { description: said }),
    security: securityOf(operation),
    ...parametersOf(operation),
    ...bodyOf(endpoint),
    responses: responsesOf(operation),
  }
}

/** An empty object among them says that it goes without. */
function securityOf({ owners, everybodys }: Operation): Part[] {
  if (owners === undefined) return []
  const isSignable = owners.reach !== 'socket' && owners.actsBeforeEnd !== true
  const known = isSignable ? [{ owner: [] }, { capability: [] }] : [{ owner: [] }]
  return everybodys === undefined ? known : [{}, ...known]
}

function parametersOf({ path, endpoint }: Operation): Part {
  const inPath = parameterNames(path).map((name) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }))
  const query = endpoint.query === undefined ? {} : jsonSchemaOf(endpoint.query, 'input')
  const required = query.required ?? []
  const inQuery = Object.entries(query.properties ?? {}).map(([name, value]) => {
    const { description, ...schema } = asSchema(value) ?? {}
    return {
      name,
      in: 'query',
      ...(description === undefined ? {} : { description }),
      required: required.includes(name),
      schema,
    }
  })
  const parameters = [...inPath, ...inQuery]
  return parameters.length === 0 ? {} : { parameters }
}

function bodyOf(endpoint: Endpoint): Part {
  const { body } = endpoint
  if (body === undefined) return {}
  if (body !== 'bytes') {
    const content = { 'application/json': { schema: jsonSchemaOf(body, 'input') } }
    return { requestBody: { required: true, content } }
  }
  const isAdding = endpoint === endpoints.addItem
  const content = {
    'application/octet-stream': {},
    ...(isAdding ? { [ARCHIVE_TYPE]: {} } : {}),
  }
  return { requestBody: { required: true, content } }
}

function responsesOf({ owners, everybodys, endpoint }: Operation): Part {
  const answers = [everybodys, owners].filter((one) => one !== undefined)
  const content = contentOf(answers)
  const isRefusing = owners !== undefined && everybodys === undefined
  const isPart = endpoint === endpoints.itemBytes
  const isHealth = endpoint === endpoints.health
  return {
    200: { description: 'Done.', content },
    ...(isPart ? { 206: { description: 'The range that was asked for.', content } } : {}),
    ...(isPart ? { 304: { description: 'The caller has it already.' } } : {}),
    ...(isHealth ? { 503: { description: 'The node is failing.', content } } : {}),
    ...(isRefusing ? { 401: PROBLEM } : {}),
    '4XX': PROBLEM,
    '5XX': PROBLEM,
  }
}

/** @param answers one, or for everybody and for the owner. */
function contentOf(answers: readonly Endpoint[]): Part {
  const [first] = answers
  const kind = first?.answer
  if (first !== undefined && typeof kind === 'string') {
    const type = OTHER_TYPES.get(first) ?? MEDIA_TYPES[kind]
    const pieces = answers.map(pieceOf).filter((piece) => piece !== undefined)
    // Of each line, or of the data of each event: OpenAPI 3.1 has no word of its own for it.
    return { [type]: pieces.length === 0 ? {} : { 'x-item-schema': joined(pieces) } }
  }
  const schemas = answers.flatMap(({ answer, needs }) => {
    if (typeof answer === 'string') return []
    const title = needs === 'public' ? 'for everybody' : 'for the owner'
    return [{ ...(answers.length > 1 ? { title } : {}), ...jsonSchemaOf(answer, 'output') }]
  })
  return { 'application/json': { schema: joined(schemas) } }
}

function joined(schemas: readonly JsonSchema[]): JsonSchema {
  const [first = {}, second] = schemas
  if (second === undefined || JSON.stringify(first) === JSON.stringify(second)) return first
  return { anyOf: [first, second] }
}
