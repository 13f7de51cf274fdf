// SPDX-License-Identifier: AGPL-3.0-or-later
/** The API described for machines and for people: right, whole, and what the table says. */
import { readFile } from 'node:fs/promises'
import { Validator } from '@seriousme/openapi-schema-validator'
import { describe, expect, it } from 'vitest'
import { openApiDocument, renderApiDocs } from '../../src/api/api.ts'
import { type Endpoint, endpoints } from '../../src/contract/contract.ts'

const table: readonly Endpoint[] = Object.values(endpoints)

/** As a reader of the document gets it. */
const document = JSON.parse(JSON.stringify(openApiDocument('0.1.0')))

describe('/api/openapi.json', () => {
  it('is OpenAPI 3.1, as a validator sees it', async () => {
    const validator = new Validator()
    const result = await validator.validate(structuredClone(document))
    expect(result.errors ?? []).toEqual([])
    expect(result.valid).toBe(true)
    expect(validator.version).toBe('3.1')
    const broken = { ...document, paths: { 'no-slash': { get: { responses: 'none' } } } }
    expect((await new Validator().validate(broken)).valid).toBe(false)
  })

  it('has every method and path of the table, and no other', () => {
    const told = Object.entries<object>(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    )
    const served = table.map(({ method, path }) => `${method} ${path.replace(/:(\w+)/g, '{$1}')}`)
    expect(told.toSorted()).toEqual([...new Set(served)].toSorted())
  })

  it('says who may, and joins what everybody and what the owner gets', () => {
    const items = document.paths['/v1/items'].get
    expect(items).toMatchObject({
      operationId: 'items',
      security: [{}, { owner: [] }, { capability: [] }],
    })
    const { anyOf } = items.responses[200].content['application/json'].schema
    expect(anyOf.map(({ title }: { title: string }) => title)).toEqual([
      'for everybody',
      'for the owner',
    ])
    expect(items.parameters.map(({ name }: { name: string }) => name)).toEqual([
      'match',
      'after',
      'limit',
    ])
    const known = [{ owner: [] }, { capability: [] }]
    expect(document.paths['/v1/config'].get.security).toEqual(known)
    // Over the socket nothing is signed, nor where a body acts before its end.
    expect(document.paths['/v1/references'].post.security).toEqual([{ owner: [] }])
    expect(document.paths['/v1/imports'].post.security).toEqual([{ owner: [] }])
    expect(document.paths['/health'].get.security).toEqual([])
    expect(document.paths['/v1/references'].post.description).toContain('socket alone')
    const fetched = document.paths['/v1/fetch'].post.responses[200].content
    expect(fetched['application/x-ndjson']['x-item-schema'].anyOf).toHaveLength(3)
  })

  it('names every failure as a problem', () => {
    for (const methods of Object.values<object>(document.paths)) {
      for (const { responses } of Object.values(methods)) {
        for (const status of ['4XX', '5XX']) {
          expect(responses[status]).toEqual({ $ref: '#/components/responses/Problem' })
        }
      }
    }
  })
})

describe('docs/API.md', () => {
  it('is what the table says (else: npm run docs)', async () => {
    const page = await readFile(new URL('../../docs/API.md', import.meta.url), 'utf8')
    expect(page).toBe(renderApiDocs())
  })

  it('has every method and path', () => {
    const page = renderApiDocs()
    for (const { method, path } of table) expect(page).toContain(`## \`${method} ${path}\``)
    expect(page).not.toMatch(/undefined|\[object/)
  })
})
