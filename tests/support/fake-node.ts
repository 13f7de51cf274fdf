// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * A node in memory: answers the contract's Transport as a real one would, and does whatever a test
 * wants it to: fall silent, be slow, refuse, flood. The page and its client cannot tell.
 */
import {
  type EntryFacts,
  type Happening,
  type ItemFacts,
  type LinkHistory,
  type NodeEvent,
  type PublicEvent,
  publicItemSchema,
  publicStatusSchema,
  type Status,
  type TransferFacts,
  type Transport,
  type TransportAnswer,
  type TransportRequest,
  type VitalsFacts,
} from '../../src/contract/contract.ts'
import {
  HAPPENINGS,
  LINKS,
  makeItem,
  SAMPLE_ITEMS,
  STATUS,
  STEP_SECONDS,
  VITALS,
} from './fake-node-facts.ts'

export const OWNER_TOKEN = 'rosa-owns-this-node-0123456789abcdef'

interface Asked {
  path: string
  query: URLSearchParams
  isOwner: boolean
  body: () => Promise<Uint8Array>
  signal: AbortSignal | undefined
}

type Answer = TransportAnswer | Promise<TransportAnswer>

export class FakeNode {
  status: Status = STATUS
  links: readonly LinkHistory[] = LINKS
  vitals: VitalsFacts = VITALS
  items: ItemFacts[] = SAMPLE_ITEMS.map(makeItem)
  happenings: Happening[] = [...HAPPENINGS]
  transfers: TransferFacts[] = []
  /** By `cid/path`. */
  readonly texts = new Map<string, string>()
  readonly folders = new Map<string, EntryFacts[]>()
  /** Answers nothing while true, as a node that lost its power. */
  isAway = false
  /** Parts that fail: `/v1/links`. */
  readonly broken = new Set<string>()
  /** Holds back every answer until it is fulfilled. */
  held: Promise<void> = Promise.resolve()
  readonly asked: string[] = []
  readonly #streams = new Set<{
    isOwner: boolean
    push: (event: unknown) => void
    end: () => void
  }>()

  readonly transport: Transport = (request) => this.#answer(request, this.#isOwner(request))

  /** To everybody who listens; guests hear what is for them. */
  tell(event: NodeEvent | PublicEvent): void {
    for (const stream of this.#streams) {
      if (event.event === 'transfers' && !stream.isOwner) continue
      stream.push(event)
    }
  }

  /** Ends every stream, as a node that stops. */
  hangUp(): void {
    for (const stream of [...this.#streams]) stream.end()
  }

  get listenersCount(): number {
    return this.#streams.size
  }

  #isOwner({ headers }: TransportRequest): boolean | undefined {
    const { authorization } = headers
    if (authorization === undefined) return false
    return authorization === `Bearer ${OWNER_TOKEN}` ? true : undefined
  }

  async #answer(request: TransportRequest, isOwner: boolean | undefined): Promise<TransportAnswer> {
    await this.held
    if (this.isAway) throw new TypeError('fetch failed')
    const url = new URL(request.path, 'http://node')
    this.asked.push(`${request.method} ${url.pathname}`)
    if (isOwner === undefined)
      return problem(401, 'API_WRONG_TOKEN', 'This is not the owner’s token.')
    if (this.broken.has(url.pathname)) return problem(500, 'BROKEN', 'This part is broken.')
    const asked = {
      path: url.pathname,
      query: url.searchParams,
      isOwner,
      body: () => collect(request.body),
      signal: request.signal,
    }
    return request.method === 'GET' ? this.#get(asked) : this.#change(request.method, asked)
  }

  #get(asked: Asked): Answer {
    const { path, isOwner } = asked
    switch (path) {
      case '/v1/status':
        return json(isOwner ? this.status : publicStatusSchema.parse(this.status))
      case '/v1/links': {
        const links = this.links.filter(({ kind }) => isOwner || kind !== 'peer')
        return json({ stepSeconds: STEP_SECONDS, links })
      }
      case '/v1/vitals':
        return json(this.vitals)
      case '/v1/happenings':
        return json({ happenings: this.happenings })
      case '/v1/transfers':
        return isOwner ? json({ transfers: this.transfers }) : refused()
      case '/v1/items':
        return this.#list(asked)
      case '/v1/events':
        return this.#stream(asked)
      default:
        return this.#getItem(asked)
    }
  }

  #list({ query, isOwner }: Asked): Answer {
    const match = (query.get('match') ?? '').toLowerCase()
    const limit = Number(query.get('limit') ?? 1000)
    const all = this.items.filter(
      (item) =>
        (isOwner || item.visibility === 'public') &&
        `${item.name} ${item.title} ${item.description}`.toLowerCase().includes(match),
    )
    const from = all.findIndex(({ cid }) => cid === query.get('after')) + 1
    const items = all.slice(from, from + limit)
    const next = from + limit < all.length ? (items.at(-1)?.cid ?? null) : null
    return json({ items: isOwner ? items : items.map(asPublic), itemsCount: all.length, next })
  }

  #getItem({ path, query, isOwner }: Asked): Answer {
    const [, cid = '', part] = /^\/v1\/items\/([^/]+)(?:\/(\w+))?$/.exec(path) ?? []
    const item = this.items.find((one) => one.cid === cid)
    if (item === undefined || (!isOwner && item.visibility === 'private')) {
      return problem(404, 'CONTENT_NOT_FOUND', 'This item is not on this node.')
    }
    const place = `${cid}/${query.get('path') ?? ''}`
    if (part === 'bytes') return text(this.texts.get(place) ?? `This is ${item.name}.\n`)
    if (part === 'entries') {
      const entries = this.folders.get(place) ?? []
      return lines([...entries, { entriesCount: entries.length }])
    }
    return json({ item: isOwner ? item : asPublic(item) })
  }

  async #change(method: string, asked: Asked): Promise<TransportAnswer> {
    if (!asked.isOwner) return refused()
    const { path, query } = asked
    const bytes = await asked.body()
    if (path === '/v1/items') return this.#add(query, bytes)
    const said: Record<string, unknown> =
      bytes.length === 0 ? {} : JSON.parse(new TextDecoder().decode(bytes))
    const cid = path.startsWith('/v1/items/') ? (path.split('/')[3] ?? '') : String(said['cid'])
    const item = this.items.find((one) => one.cid === cid)
    if (path === '/v1/fetch') return this.#fetch(cid, item)
    if (item === undefined)
      return problem(404, 'CONTENT_NOT_FOUND', 'This item is not on this node.')
    switch (`${method} ${path.split('/')[2]}`) {
      case 'PATCH items':
        return json({ item: this.#replace({ ...item, ...said }) })
      case 'DELETE items':
        this.items = this.items.filter((one) => one !== item)
        return json({ item })
      case 'POST publications':
        return json({ item: this.#replace({ ...item, visibility: 'public' }) })
      case 'POST withdrawals':
        return json({ cid, item: this.#replace({ ...item, visibility: 'private' }) })
      case 'POST views': {
        const view = { port: this.status.gatewayPort ?? 1, path: `/view/x/${cid}`, kind: item.kind }
        return json({ ...view, shape: item.shape, expiresInSeconds: 600 })
      }
      default:
        return problem(404, 'API_NO_ROUTE', 'There is nothing at this address.')
    }
  }

  #add(query: URLSearchParams, bytes: Uint8Array): TransportAnswer {
    const name = query.get('name') ?? ''
    const visibility = query.get('visibility') === 'public' ? 'public' : 'private'
    const kind = name.endsWith('.txt') ? 'text/plain' : 'application/octet-stream'
    const texts = { title: query.get('title') ?? '', description: query.get('description') ?? '' }
    const item = makeItem({ name, visibility, kind, sizeBytes: bytes.length, ...texts })
    this.items = [item, ...this.items]
    this.tell({ event: 'items', changed: [item], removed: [], isCut: false })
    const added = { filesCount: 1, foldersCount: 0, symlinksCount: 0, newBytes: bytes.length }
    return json({ item, added })
  }

  #fetch(cid: string, here: ItemFacts | undefined): TransportAnswer {
    if (!cid.startsWith('bafkrei')) {
      const detail = 'Nobody who was asked has this item.'
      const body = { type: 'x', title: 'x', status: 404, code: 'CONTENT_NOT_FOUND', detail }
      return lines([
        { received: 0, total: null },
        { problem: body, report: null },
      ])
    }
    const item =
      here ?? makeItem({ cid, name: 'from afar.txt', kind: 'text/plain', origin: 'fetched' })
    if (here === undefined) this.items = [item, ...this.items]
    const place = { cid, shape: 'file', sizeBytes: 9, target: null, mode: null, modifiedAt: null }
    return lines([
      { received: 4, total: 9 },
      { item, place, report: null },
    ])
  }

  #replace(item: ItemFacts): ItemFacts {
    this.items = this.items.map((one) => (one.cid === item.cid ? item : one))
    return item
  }

  #stream({ isOwner, signal, query }: Asked): TransportAnswer {
    const waiting: unknown[] = []
    let wake: () => void = () => {}
    let isOver = false
    const stream = {
      isOwner,
      push: (event: unknown) => {
        waiting.push(event)
        wake()
      },
      end: () => {
        isOver = true
        wake()
      },
    }
    const since = Number(query.get('since') ?? -1)
    const missed = this.happenings.filter(({ id }) => id > since)
    for (const happening of missed) stream.push({ event: 'happening', happening })
    this.#streams.add(stream)
    signal?.addEventListener('abort', stream.end, { once: true })
    const streams = this.#streams
    const encoder = new TextEncoder()
    async function* body(): AsyncGenerator<Uint8Array> {
      try {
        yield encoder.encode(': hello\n\n')
        while (!isOver) {
          const told = waiting.splice(0).map((event) => `data: ${JSON.stringify(event)}\n\n`)
          if (told.length > 0) yield encoder.encode(told.join(''))
          else {
            await new Promise<void>((resolve) => {
              wake = resolve
            })
          }
        }
      } finally {
        streams.delete(stream)
      }
    }
    return { status: 200, headers: { 'content-type': 'text/event-stream' }, body: body() }
  }
}

function asPublic(item: ItemFacts): unknown {
  return publicItemSchema.parse(item)
}

async function collect(body: AsyncIterable<Uint8Array> | undefined): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  if (body !== undefined) for await (const chunk of body) chunks.push(chunk)
  return Buffer.concat(chunks)
}

async function* once(text: string): AsyncGenerator<Uint8Array> {
  yield new TextEncoder().encode(text)
}

function json(value: unknown, status = 200): TransportAnswer {
  const headers = { 'content-type': 'application/json' }
  return { status, headers, body: once(JSON.stringify(value)) }
}

function text(value: string): TransportAnswer {
  return { status: 200, headers: { 'content-type': 'application/octet-stream' }, body: once(value) }
}

function lines(values: readonly unknown[]): TransportAnswer {
  const body = values.map((value) => `${JSON.stringify(value)}\n`).join('')
  return { status: 200, headers: { 'content-type': 'application/x-ndjson' }, body: once(body) }
}

function problem(status: number, code: string, detail: string): TransportAnswer {
  const type = `urn:citynode:error:${code}`
  return json({ type, title: 'Problem', status, code, detail }, status)
}

function refused(): TransportAnswer {
  return problem(401, 'API_NOT_ALLOWED', 'Only the owner may do that.')
}
