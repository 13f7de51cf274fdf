// SPDX-License-Identifier: AGPL-3.0-or-later
/** Items for programs on the LAN: what strangers read of them, and what the owner does. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createUnixTransport } from '../../src/cli/unix-transport.ts'
import { createClient, fetchTransport } from '../../src/contract/contract.ts'
import { ask, cidOf, FakeNode, makeFolder, PEER_ID, type RawReply } from './api-fake-node.ts'

let removeFolder: () => Promise<void>
let node: FakeNode

beforeEach(async () => {
  const { folder, remove } = await makeFolder()
  removeFolder = remove
  node = new FakeNode(folder)
  await node.server.start(new AbortController().signal)
})

afterEach(async () => {
  await node.server.stop()
  await removeFolder()
})

function read(path: string, headers: Record<string, string> = {}, method = 'GET') {
  return ask({ port: node.server.lanPort }, method, path, { headers })
}

function asOwner(path: string, headers: Record<string, string> = {}): Promise<RawReply> {
  return read(path, { authorization: `Bearer ${node.token}`, ...headers })
}

function put(name: string, visibility: 'private' | 'public', text = name): string {
  return node.items.put(name, Buffer.from(text), visibility).cid.toString()
}

/** What a stranger could tell two answers apart by; the date is nobody's. */
function seen({ status, headers, text }: RawReply) {
  return { status, headers: { ...headers, date: '' }, text }
}

describe('the list', () => {
  it('is newest first, in pages that go on where they ended', async () => {
    const cids = Array.from({ length: 7 }, (_none, index) => put(`item ${index}`, 'public'))
    const base = `http://127.0.0.1:${node.server.lanPort}`
    const client = createClient(fetchTransport({ base }))
    const told: string[] = []
    let after: string | null = null
    do {
      const where: { after?: string } = after === null ? {} : { after }
      const page = await client.publicItemsPage({ limit: 3, ...where })
      expect(page.itemsCount).toBe(7)
      told.push(...page.items.map(({ cid }) => cid))
      after = page.next
    } while (after !== null)
    expect(told).toEqual(cids.toReversed())
  })

  it('is not read out to strangers without end, and always to the owner', async () => {
    put('songbook', 'public')
    const statuses: number[] = []
    for (let count = 0; count < 100 && !statuses.includes(429); count++) {
      statuses.push((await read('/v1/items?match=song')).status)
    }
    expect(statuses.slice(0, 10)).toEqual(Array.from({ length: 10 }, () => 200))
    expect(statuses.at(-1)).toBe(429)
    expect((await asOwner('/v1/items?match=song')).status).toBe(200)
  })

  it('tells strangers of public items, and no more of those than is theirs to know', async () => {
    put('diary', 'private')
    const cid = put('songbook', 'public')
    const { text } = await read('/v1/items')
    expect(JSON.parse(text)).toEqual({
      items: [
        {
          cid,
          name: 'songbook',
          sizeBytes: 8,
          kind: 'application/octet-stream',
          shape: 'file',
          title: '',
          language: '',
          description: '',
          licence: '',
          publishedBy: null,
        },
      ],
      itemsCount: 1,
      next: null,
    })
    const owners = JSON.parse((await asOwner('/v1/items')).text)
    expect(owners.items.map(({ name }: { name: string }) => name)).toEqual(['songbook', 'diary'])
  })

  it('does not name what is refused here, but to its owner', async () => {
    const held = node.items.held.get(put('songbook', 'public'))
    if (held === undefined) throw new Error('it was put there')
    held.item = { ...held.item, refused: 'The keeper refuses it.' }
    expect(JSON.parse((await read('/v1/items')).text).items).toEqual([])
    expect(JSON.parse((await asOwner('/v1/items')).text).items).toHaveLength(1)
  })

  it.each(['limit=0', 'limit=1001', 'limit=x', 'after=nonsense', `match=${'x'.repeat(5000)}`])(
    'refuses %s',
    async (query) => {
      expect((await read(`/v1/items?${query}`)).status).toBe(400)
    },
  )

  it('says that it changed where it was to go on, also behind a private item', async () => {
    const hidden = put('diary', 'private')
    const gone = cidOf(Buffer.from('gone')).toString()
    const [one, other] = [
      await read(`/v1/items?after=${hidden}`),
      await read(`/v1/items?after=${gone}`),
    ]
    expect(JSON.parse(one.text)).toMatchObject({ code: 'CONTENT_LIST_CHANGED', status: 409 })
    expect(seen(one)).toEqual(seen(other))
    expect((await asOwner(`/v1/items?after=${hidden}`)).status).toBe(200)
  })
})

describe('a private item', () => {
  it.each(['', '/bytes', '/entries', '/bytes?start=1', '/bytes?path=a'])(
    'looks at %s like one that is not here',
    async (part) => {
      const hidden = put('diary', 'private')
      const gone = cidOf(Buffer.from('gone')).toString()
      const [one, other] = [
        await read(`/v1/items/${hidden}${part}`),
        await read(`/v1/items/${gone}${part}`),
      ]
      expect(one.status).toBe(404)
      expect(seen(one)).toEqual(seen(other))
    },
  )

  it('is hidden as an item also where its bytes are a part of a public one', async () => {
    const hidden = put('photo', 'private')
    const { items } = node
    await node.server.stop()
    const library = {
      // As a real library does: the block is public, by the folder that it is in.
      open: (cid: Parameters<typeof items.open>[0]) => items.open(cid, [], 'owner'),
      publicItems: () => [],
    }
    node = new FakeNode(node.folder, { items, library })
    await node.server.start(new AbortController().signal)
    expect((await read(`/v1/items/${hidden}/bytes`)).text).toBe('photo')
    const gone = cidOf(Buffer.from('gone')).toString()
    expect(seen(await read(`/v1/items/${hidden}`))).toEqual(seen(await read(`/v1/items/${gone}`)))
  })

  it('is all there for its owner', async () => {
    const cid = put('diary', 'private', 'dear diary')
    expect(JSON.parse((await asOwner(`/v1/items/${cid}`)).text).item.visibility).toBe('private')
    expect((await asOwner(`/v1/items/${cid}/bytes`)).text).toBe('dear diary')
  })
})

describe('what is refused here', () => {
  it.each([
    [451, 'CONTENT_REFUSED_HERE'],
    [410, 'CONTENT_GONE_HERE'],
  ] as const)('is told as %i', async (status, code) => {
    const cid = put('songbook', 'public')
    node.items.refusedAs.set(cid, status)
    for (const part of ['', '/bytes', '/entries']) {
      const reply = await read(`/v1/items/${cid}${part}`)
      expect(reply.status, part).toBe(status)
      expect(JSON.parse(reply.text)).toMatchObject({ code, detail: 'It is refused.' })
    }
  })
})

describe('one public item', () => {
  it('is told to everybody', async () => {
    const cid = put('songbook', 'public')
    await node.items.publish(cidOf(Buffer.from('songbook')))
    const { item } = JSON.parse((await read(`/v1/items/${cid}`)).text)
    expect(item).toMatchObject({ cid, name: 'songbook', publishedBy: PEER_ID })
    expect(item).not.toHaveProperty('addedAt')
  })

  it('has entries if it is a folder', async () => {
    const cid = put('album', 'public')
    const reply = await read(`/v1/items/${cid}/entries`)
    expect(JSON.parse(reply.text)).toMatchObject({ code: 'CONTENT_NOT_A_FOLDER', status: 409 })
    const held = node.items.held.get(cid)
    if (held === undefined) throw new Error('it was put there')
    held.item = { ...held.item, shape: 'folder' }
    node.items.listed = [
      {
        name: 'a.txt',
        cid: cidOf(Buffer.from('a')),
        shape: 'file',
        sizeBytes: 1,
        target: undefined,
      },
    ]
    const lines = (await read(`/v1/items/${cid}/entries`)).text.trim().split('\n')
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      expect.objectContaining({ name: 'a.txt', sizeBytes: 1 }),
      { entriesCount: 1 },
    ])
    expect(JSON.parse((await read(`/v1/items/${cid}/bytes`)).text).code).toBe('CONTENT_NOT_A_FILE')
  })
})

describe('bytes', () => {
  const TEXT = '0123456789'

  it('are a download, and nothing that a browser would run', async () => {
    const cid = put('page.html', 'public', '<script>alert(1)</script>')
    const { headers } = await read(`/v1/items/${cid}/bytes`)
    expect(headers).toMatchObject({
      'content-type': 'application/octet-stream',
      'content-length': '25',
      'content-disposition': 'attachment',
      'x-content-type-options': 'nosniff',
      'content-security-policy': expect.stringContaining('sandbox'),
      'accept-ranges': 'bytes',
      etag: `"${cid}"`,
    })
  })

  it.each([
    ['bytes=2-4', 206, '234', 'bytes 2-4/10'],
    ['bytes=7-', 206, '789', 'bytes 7-9/10'],
    ['bytes=-3', 206, '789', 'bytes 7-9/10'],
    ['bytes=5-999', 206, '56789', 'bytes 5-9/10'],
    ['bytes=0-1,4-5', 200, TEXT, undefined],
    ['lines=1-2', 200, TEXT, undefined],
    ['bytes=10-', 416, undefined, 'bytes */10'],
    ['bytes=-0', 416, undefined, 'bytes */10'],
  ])('%s is %i, for strangers and the owner', async (range, status, text, contentRange) => {
    const cid = put('digits', 'public', TEXT)
    for (const reply of [
      await read(`/v1/items/${cid}/bytes`, { range }),
      await asOwner(`/v1/items/${cid}/bytes`, { range }),
    ]) {
      expect(reply.status).toBe(status)
      expect(reply.headers['content-range']).toBe(contentRange)
      if (text === undefined) expect(JSON.parse(reply.text).code).toBe('CONTENT_BAD_RANGE')
      else expect(reply.text).toBe(text)
    }
  })

  it('are named by query as well, which counts more', async () => {
    const cid = put('digits', 'public', TEXT)
    const path = `/v1/items/${cid}/bytes`
    expect((await read(`${path}?start=2&end=4`)).text).toBe('23')
    expect(await read(`${path}?start=8`, { range: 'bytes=0-0' })).toMatchObject({
      status: 200,
      text: '89',
    })
    expect((await read(`${path}?start=4&end=2`)).status).toBe(416)
    expect((await read(`${path}?end=11`)).status).toBe(416)
  })

  it('are not sent again to whoever has them', async () => {
    const cid = put('digits', 'public', TEXT)
    const path = `/v1/items/${cid}/bytes`
    const known = await read(path, { 'if-none-match': `"x", W/"${cid}"` })
    expect(known).toMatchObject({ status: 304, text: '' })
    expect((await read(path, { 'if-none-match': '"x"' })).status).toBe(200)
    const other = await read(path, { range: 'bytes=0-0', 'if-range': '"x"' })
    expect(other).toMatchObject({ status: 200, text: TEXT })
  })

  it('are not read for HEAD', async () => {
    const cid = put('digits', 'public', TEXT)
    node.items.breakAfterBytes = 0
    const reply = await read(`/v1/items/${cid}/bytes`, {}, 'HEAD')
    expect(reply).toMatchObject({ status: 200, text: '' })
    expect(reply.headers['content-length']).toBe('10')
  })
})

describe('a fetch', () => {
  it('is ordered on the LAN with the token, and over the socket', async () => {
    const { folder: dataFolder, socketPath } = node
    const base = `http://127.0.0.1:${node.server.lanPort}`
    const transports = [
      fetchTransport({ base, token: () => node.token }),
      createUnixTransport({ socketPath, dataFolder }),
    ]
    for (const [index, transport] of transports.entries()) {
      const bytes = Buffer.from(`far away ${index}`)
      node.items.elsewhere.set(cidOf(bytes).toString(), bytes)
      const fetched = createClient(transport).fetchItem(cidOf(bytes).toString(), {
        visibility: 'private',
      })
      expect((await fetched).item.sizeBytes).toBe(10)
    }
  })
})

describe('a view', () => {
  const open = (body: object, headers: Record<string, string> = {}) =>
    ask({ port: node.server.lanPort }, 'POST', '/v1/views', {
      body: JSON.stringify(body),
      headers: { authorization: `Bearer ${node.token}`, ...headers },
    })

  it('is opened by the owner, for the browser that asked', async () => {
    const cid = put('diary', 'private')
    const { status, text } = await open({ cid })
    expect(status).toBe(200)
    const view = JSON.parse(text)
    expect(view).toMatchObject({
      port: 7481,
      shape: 'file',
      kind: 'application/octet-stream',
      expiresInSeconds: 1800,
    })
    const id = /^\/view\/([\w-]{32})$/.exec(view.path)?.[1] ?? ''
    expect(node.views.find(id, '127.0.0.1')?.cid.toString()).toBe(cid)
    expect(node.views.find(id, '10.0.0.7')).toBeUndefined()
  })

  it('is for this machine when it is asked for over the socket', async () => {
    const { folder: dataFolder, socketPath } = node
    const client = createClient(createUnixTransport({ socketPath, dataFolder }))
    const { path } = await client.openView(put('diary', 'private'))
    expect(node.views.find(path.slice('/view/'.length), '::1')).toBeDefined()
  })

  it('is not opened on what is not here, nor by strangers', async () => {
    const gone = cidOf(Buffer.from('gone')).toString()
    expect((await open({ cid: gone })).status).toBe(404)
    expect((await open({ cid: 'nonsense' })).status).toBe(400)
    const cid = put('diary', 'private')
    const stranger = await ask({ port: node.server.lanPort }, 'POST', '/v1/views', {
      body: JSON.stringify({ cid }),
    })
    expect(stranger.status).toBe(405)
    expect(node.views.count).toBe(0)
  })
})
