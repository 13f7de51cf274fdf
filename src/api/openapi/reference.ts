// SPDX-License-Identifier: AGPL-3.0-or-later
/** docs/API.md, written from the table of endpoints. */
import type { Endpoint } from '../../contract/contract.ts'
import {
  asSchema,
  type JsonSchema,
  jsonSchemaOf,
  type Operation,
  operations,
  parameterNames,
  pieceOf,
} from './operations.ts'

const INTRODUCTION = `# HTTP API

<!-- Written by \`npm run docs\` from the table in src/contract/: edit the descriptions there. -->

A node answers in two places, with the same table:

- on its **Unix socket**, \`control.sock\` in the data folder. Whoever can open it is the owner:
  \`curl --unix-socket ~/.local/share/citynode/control.sock http://node/v1/status\`
- on the **local network**, port 7480. Anybody may read what is public there, by GET and HEAD. The
  owner sends the token that \`citynode link\` prints behind \`#token=\`:
  \`curl -H "Authorization: Bearer $TOKEN" http://pi.local:7480/v1/status\`

Where a path has an answer for everybody and one for the owner, who asks decides which it is. The
token crosses the network as it is, where others may read it: [SECURITY.md](../SECURITY.md).

Whoever was given a permission (\`citynode capability give\`) signs each request. \`GET /v1/nonce\` tells
what to name; then the request carries two headers, all tokens of UCAN 1.0 in base64url:

- \`Authorization: UCAN <invocation>\`. Its subject is the node, its command the one in brackets below,
  its end \`endsAt\` of the nonce, its \`prf\` the CIDs of the delegations from the node down to the
  signer. Its \`args\` are exactly \`method\`, \`path\` (with the query, as it is sent), \`type\` (the
  \`Content-Type\`, or empty), \`bytes\` and \`sha256\` of the body (also of an empty one), and \`nonce\`,
  the last two as bytes.
- \`ucans: <delegation>,<delegation>\`, in any order. What was sent lately may be left out; if the node
  does not know it any more, the answer is 401 with \`ACCESS_PROOF_MISSING\`.

Each counts once, here, for five minutes or a little more. Who signs is answered as the owner is, or
refused with a code that begins with \`ACCESS_\`. \`POST /v1/imports\` takes no signed requests: it keeps
what has come of a file that breaks off, before all of it could be compared with what was signed.

The same as an OpenAPI 3.1 document is at \`/api/openapi.json\` of every node.

Failures are \`application/problem+json\` (RFC 9457) with a \`code\` that stays the same, \`detail\` for
people, and \`advice\`. Fields are only ever added; what is not known is \`null\`. Times are ISO 8601,
sizes bytes, and content is named by CID. Answers of lines are \`application/x-ndjson\`, a JSON value
each; the last one says how it ended. Events are server-sent events with JSON as data.`

const ANSWERS = {
  bytes: 'Bytes.',
  text: 'Text.',
  html: 'A page.',
  progress: 'Lines, each one of:',
  events: 'Events, each one of:',
} as const

export function renderApiDocs(): string {
  return `${[INTRODUCTION, ...operations().map(renderOperation)].join('\n\n')}\n`
}

function renderOperation(operation: Operation): string {
  const { method, path, endpoint, owners, everybodys } = operation
  const parts = [`## \`${method} ${path}\``, whoMay(operation), renderInput(operation)]
  if (everybodys !== undefined) {
    parts.push(renderAnswer(everybodys, owners === undefined ? 'Answer' : 'Answer to everybody'))
  }
  const isMore = owners !== undefined && !isSameAnswer(owners, everybodys)
  if (isMore) parts.push(renderAnswer(owners, 'Answer to the owner'))
  if (endpoint.path.endsWith('/bytes')) parts.push(BYTES_NOTE)
  return parts.filter((part) => part !== '').join('\n\n')
}

const BYTES_NOTE =
  'Also takes `Range` with one range (206, or 416 beyond the end) and `If-None-Match` (304); the ' +
  '`ETag` is the CID of the file. `start` and `end` count more than `Range`.'

function whoMay({ owners, everybodys, endpoint }: Operation): string {
  const where = endpoint.reach === 'socket' ? ', on the socket alone' : ''
  const titles = [everybodys, owners].flatMap((one) => (one === undefined ? [] : [one.title]))
  const who = everybodys === undefined ? 'The owner' : 'Everybody'
  const need = owners === undefined ? '' : ` (\`${owners.needs}\`)`
  const more = owners !== undefined && everybodys !== undefined ? `; more for the owner${need}` : ''
  return `${titles.join('. ')}.\n\n*${who}${more === '' ? need : more}${where}.*`
}

function isSameAnswer(one: Endpoint, other: Endpoint | undefined): boolean {
  return other !== undefined && renderAnswer(one, '') === renderAnswer(other, '')
}

function renderInput({ path, endpoint }: Operation): string {
  const { query, body } = endpoint
  const inPath = parameterNames(path).map((name) => `| \`${name}\` | in the path | string |  |`)
  const inQuery = query === undefined ? [] : rowsOf(jsonSchemaOf(query, 'input'), 'query')
  const inBody =
    body === undefined || body === 'bytes' ? [] : rowsOf(jsonSchemaOf(body, 'input'), 'body')
  const rows = [...inPath, ...inQuery, ...inBody]
  const bytes = body === 'bytes' ? 'The body is bytes.' : ''
  if (rows.length === 0) return bytes
  const table = ['| name | where | type | meaning |', '|---|---|---|---|', ...rows].join('\n')
  return bytes === '' ? table : `${table}\n\n${bytes}`
}

function rowsOf(schema: JsonSchema, where: string): string[] {
  return Object.entries(schema.properties ?? {}).map(([name, value]) => {
    const field = asSchema(value) ?? {}
    const isNeeded = schema.required?.includes(name) === true
    const meaning = [field.description ?? '', isNeeded ? 'required' : defaultOf(field)]
    return `| \`${name}\` | ${where} | ${cell(typeOf(field))} | ${cell(meaning.filter((one) => one !== '').join('; '))} |`
  })
}

function defaultOf({ default: value }: JsonSchema): string {
  return value === undefined || value === '' ? '' : `default ${JSON.stringify(value)}`
}

function renderAnswer(endpoint: Endpoint, heading: string): string {
  const { answer } = endpoint
  const title = heading === '' ? '' : `**${heading}.** `
  if (typeof answer === 'string') {
    const piece = pieceOf(endpoint)
    const variants = piece?.anyOf ?? piece?.oneOf ?? (piece === undefined ? [] : [piece])
    const shown = variants.map((one) => `- \`${typeOf(asSchema(one) ?? {})}\``)
    return [`${title}${ANSWERS[answer]}`, ...(shown.length === 0 ? [] : ['', ...shown])].join('\n')
  }
  const rows = fieldRows(jsonSchemaOf(answer, 'output'), '')
  if (rows.length === 0) return `${title}A JSON object.`
  return [`${title}JSON:`, '', '| field | type | meaning |', '|---|---|---|', ...rows].join('\n')
}

/** Fields of fields are written `health.status`, those of things in a list `items[].cid`. */
function fieldRows(schema: JsonSchema, prefix: string): string[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, value]) => {
    const field = asSchema(value) ?? {}
    const inner = objectIn(field)
    const isList = field.type === 'array'
    const path = `${prefix}${name}${isList ? '[]' : ''}`
    const row = `| \`${path}\` | ${cell(shortType(field))} | ${cell(field.description ?? '')} |`
    return inner === undefined ? [row] : [row, ...fieldRows(inner, `${path}.`)]
  })
}

/** The object that a field is, or has in its list, or is if it is not null. */
function objectIn(field: JsonSchema): JsonSchema | undefined {
  if (field.properties !== undefined) return field
  const items = asSchema(field.items)
  if (items !== undefined) return objectIn(items)
  const variants = field.anyOf?.map(asSchema).filter((one) => one?.properties !== undefined) ?? []
  return variants.length === 1 ? variants[0] : undefined
}

/** As {@link typeOf}, without the fields, which have rows of their own. */
function shortType(field: JsonSchema): string {
  if (objectIn(field) === undefined) return typeOf(field)
  if (field.type === 'array') return 'list'
  return field.anyOf === undefined ? 'object' : 'object or null'
}

function typeOf(schema: JsonSchema): string {
  const { anyOf, oneOf, properties } = schema
  const variants = anyOf ?? oneOf
  if (variants !== undefined) {
    return [...new Set(variants.map((one) => typeOf(asSchema(one) ?? {})))].join(' or ')
  }
  if (schema.const !== undefined) return JSON.stringify(schema.const)
  if (schema.enum !== undefined) return schema.enum.map((one) => JSON.stringify(one)).join(' or ')
  if (schema.type === 'array') return `${typeOf(asSchema(schema.items) ?? {})}[]`
  if (properties !== undefined) return `{ ${Object.keys(properties).join(', ')} }`
  const { type = 'any' } = schema
  // JSON Schema has lists of types, which the types of zod do not know.
  const types: unknown = type
  return Array.isArray(types) ? types.join(' or ') : String(types)
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ')
}
