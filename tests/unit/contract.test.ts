// SPDX-License-Identifier: AGPL-3.0-or-later
/** The client against transports that answer well, badly, slowly and not to the end. */
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import {
  createClient,
  type Endpoint,
  endpoints,
  LINE_BYTES_MAX,
  lossAmountOf,
  type Progress,
  percentOf,
  qualityOf,
  shortId,
  type TransportRequest,
} from '../../src/contract/contract.ts'

const ITEM = {
  cid: 'bafkreiaaaa',
  name: 'song',
  sizeBytes: 3,
  kind: 'audio/ogg',
  visibility: 'public',
  isWhole: true,
  isChanged: false,
  addedAt: '2026-11-23T09:30:00.000Z',
  shape: 'file',
  title: '',
  language: '',
  description: '',
  licence: '',
  origin: 'added',
  isKept: true,
  state: 'whole',
  publishedBy: null,
  isWithdrawn: false,
  refused: null,
} as const

const PLACE = {
  cid: ITEM.cid,
  shape: 'file',
  sizeBytes: 3,
  target: null,
  mode: null,
  modifiedAt: null,
} as const

function clientThatHears(status: number, chunks: readonly string[]) {
  const asked: TransportRequest[] = []
  const client = createClient(async (request) => {
    asked.push(request)
    const body = async function* () {
      for (const chunk of chunks) yield new TextEncoder().encode(chunk)
    }
    return { status, headers: {}, body: body() }
  })
  return { client, asked }
}

describe('the client', () => {
  it('asks at the address, escaped, and reads the answer', async () => {
    const { client, asked } = clientThatHears(200, [
      '{"item":',
      JSON.stringify(ITEM),
      ',"added":{"filesCount":1,"foldersCount":0,"symlinksCount":0,"newBytes":3}}',
    ])
    expect(await client.item('../../etc')).toEqual(ITEM)
    expect(asked[0]).toMatchObject({ method: 'GET', path: '/v1/items/..%2F..%2Fetc' })
    const bytes = (async function* () {})()
    await client.addItem(bytes, { name: 'a & b', visibility: 'private' })
    expect(asked[1]).toMatchObject({
      method: 'POST',
      path: '/v1/items?name=a+%26+b&visibility=private',
      headers: { 'content-type': 'application/octet-stream' },
    })
    await client.addItem(bytes, { name: 'a', visibility: 'public', isArchive: true, title: 'A' })
    expect(asked[2]).toMatchObject({
      path: '/v1/items?name=a&visibility=public&title=A',
      headers: { 'content-type': 'application/x-tar' },
    })
  })

  it('leaves out what it does not know, so that old commands read new nodes', async () => {
    const { client } = clientThatHears(200, [JSON.stringify({ item: { ...ITEM, mood: 'blue' } })])
    expect(await client.item(ITEM.cid)).toEqual(ITEM)
  })

  it('turns a problem into a failure with its code, words and advice', async () => {
    const problem = {
      type: 'urn:citynode:error:STORE_FULL',
      title: 'No space left',
      status: 507,
      code: 'STORE_FULL',
      detail: 'There is no space left.',
      advice: 'Tidy up.',
    }
    await expect(
      clientThatHears(507, [JSON.stringify(problem)]).client.items(),
    ).rejects.toMatchObject({
      name: 'ApiProblem',
      code: 'STORE_FULL',
      status: 507,
      message: 'There is no space left.',
      advice: 'Tidy up.',
    })
  })

  it.each([
    [200, 'not json'],
    [200, '{"items": 7}'],
    [502, '<h1>Bad gateway</h1>'],
  ])('does not understand what no citynode says (%i %s)', async (status, text) => {
    await expect(clientThatHears(status, [text]).client.items()).rejects.toMatchObject({
      code: 'API_NOT_UNDERSTOOD',
    })
  })

  it('reads health also from a node that is failing', async () => {
    const health = { status: 'failed', conditions: [] }
    expect(await clientThatHears(503, [JSON.stringify(health)]).client.health()).toEqual(health)
  })
})

describe('a fetch', () => {
  const options = { visibility: 'private' } as const

  it('hears progress however the lines are cut, then gets the item', async () => {
    const fetched = { item: ITEM, place: PLACE }
    const last = JSON.stringify({ ...fetched, report: null })
    const text = `{"received":1,"total":null}\n{"received":2,"total":3}\n${last}\n`
    for (let cut = 1; cut < 60; cut += 7) {
      const seen: Progress[] = []
      const { client } = clientThatHears(200, [text.slice(0, cut), text.slice(cut)])
      const onProgress = (progress: Progress) => seen.push(progress)
      expect(await client.fetchItem(ITEM.cid, { ...options, onProgress })).toEqual(fetched)
      expect(seen).toEqual([
        { received: 1, total: null },
        { received: 2, total: 3 },
      ])
    }
  })

  it('fails when the lines end without an end', async () => {
    const { client } = clientThatHears(200, ['{"received":1,"total":null}\n'])
    await expect(client.fetchItem(ITEM.cid, options)).rejects.toMatchObject({
      code: 'API_BROKEN_OFF',
    })
  })

  it('does not collect an endless line', async () => {
    let sentBytes = 0
    const client = createClient(async () => {
      const body = async function* () {
        for (;;) {
          sentBytes += 4096
          yield new Uint8Array(4096).fill(120)
        }
      }
      return { status: 200, headers: {}, body: body() }
    })
    await expect(client.fetchItem(ITEM.cid, options)).rejects.toMatchObject({
      code: 'API_NOT_UNDERSTOOD',
    })
    expect(sentBytes).toBeLessThanOrEqual(LINE_BYTES_MAX + 2 * 4096)
  })
})

describe('the endpoint table', () => {
  const table: readonly (readonly [string, Endpoint])[] = Object.entries(endpoints)

  it('has each method and path once for everybody, and once for whoever may more', () => {
    const places = table.map(([, { needs, method, path }]) =>
      [needs === 'public' ? 'everybody' : 'some', method, path].join(' '),
    )
    expect(new Set(places).size).toBe(places.length)
  })

  it('can be told as JSON schema, for the docs', () => {
    for (const [name, { answer }] of table) {
      if (typeof answer === 'string') continue
      expect(() => z.toJSONSchema(answer), name).not.toThrow()
    }
  })
})

describe('links in words', () => {
  it.each([
    [null, null, 'measuring'],
    [0, null, 'strong'],
    [0.02, 0, 'strong'],
    [0, 0.05, 'good'],
    [0.3, 0, 'fair'],
    [0, 0.31, 'weak'],
  ])('loss %s and %s is %s', (lossIn, lossOut, quality) => {
    expect(qualityOf({ lossIn, lossOut })).toBe(quality)
  })

  it('never says nothing was lost beside a figure above zero', () => {
    expect(
      [0, 0.0004, 0.004, 0.2, 0.5].map((loss) => [percentOf(loss), lossAmountOf(loss)]),
    ).toEqual([
      ['0', 'none'],
      ['0', 'none'],
      ['0.4', 'little'],
      ['20', 'some'],
      ['50', 'much'],
    ])
  })

  it('shortens names to the end that tells them apart', () => {
    expect(shortId('12D3KooWBhPBUzw9uB7wGjLrM4tLx2E4APQS1g1VYPEpQpPUJ99C')).toBe('…QpPUJ99C')
    expect(shortId('short')).toBe('short')
  })
})
