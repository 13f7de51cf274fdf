// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * The gateway for people in front of a real store: what is in folders within folders, from real
 * additions and from the CARs of the gateway conformance suite.
 */
import type { CID } from 'multiformats/cid'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { SourceEntry } from '../../src/content/content.ts'
import type { FolderPage } from '../../src/contract/contract.ts'
import { libraryOf } from '../../src/node/library.ts'
import { createGatewayPages } from '../../src/web/web.ts'
import { type RunningGateway, startGateway } from '../support/gateway.ts'
import { contentsOf, Fixture, fixture, given, importInto } from './carry-support.ts'
import {
  bytesOf,
  Cleanup,
  FakeCity,
  inPieces,
  MEBIBYTE,
  never,
  startNode,
  type TestNode,
} from './content-support.ts'

const cleanup = new Cleanup()
const SHARDED = 'single-layer-hamt-with-multi-block-files'
let node: TestNode
let running: RunningGateway
/** Every folder that was drawn, as its page had it. */
let drawn: FolderPage[]

beforeAll(async () => {
  node = await startNode({ name: 'gateway', city: new FakeCity(), cleanup })
  const pages = createGatewayPages()
  const folder = (page: FolderPage): string => {
    drawn.push(page)
    return pages.folder(page)
  }
  running = await startGateway({ library: libraryOf(node.content), pages: { ...pages, folder } })
  cleanup.add(() => running.gateway.stop())
})
afterAll(() => cleanup.run())
beforeEach(() => {
  drawn = []
})

function file(path: string, bytes: Uint8Array | string): SourceEntry {
  return { kind: 'file', path, content: inPieces(Buffer.from(bytes)) }
}

async function add(...entries: readonly SourceEntry[]): Promise<CID> {
  const options = { name: 'tree', visibility: 'public', signal: never } as const
  const source = (async function* () {
    yield* entries
  })()
  return (await node.content.addFolder(source, options)).item.cid
}

/** What a folder's page lists, and how. */
async function listed(address: string): Promise<Record<string, string>> {
  const reply = await running.get(address)
  expect(reply.status).toBe(200)
  const { entries } = given(drawn.at(-1))
  return Object.fromEntries(entries.map(({ name, kind }) => [name, kind]))
}

async function imported(name: string): Promise<Fixture> {
  const car = await fixture(name)
  const { roots, blocks } = await contentsOf(car)
  await importInto(node.content, car, { visibility: 'public' })
  return new Fixture(given(roots[0]), blocks)
}

describe('folders that were added', () => {
  it('say at each level what is a file, a folder, a link', async () => {
    const root = await add(
      { kind: 'folder', path: 'empty' },
      file('leaf.txt', 'one leaf'),
      file('nothing', ''),
      file('tree.bin', bytesOf(1, 2 * MEBIBYTE)),
      { kind: 'symlink', path: 'way', target: 'deep/er' },
      file('deep/er/tree.bin', bytesOf(2, 2 * MEBIBYTE)),
      { kind: 'folder', path: 'deep/er/empty' },
      { kind: 'symlink', path: 'deep/er/back', target: '../../leaf.txt' },
    )
    expect(await listed(`/ipfs/${root}/`)).toEqual({
      deep: 'folder',
      empty: 'folder',
      'leaf.txt': 'file',
      nothing: 'file',
      'tree.bin': 'file',
      way: 'symlink',
    })
    // Folders stand first, and lead on with a slash.
    expect(given(drawn[0]).entries.map(({ href }) => href.endsWith('/'))).toEqual([
      ...[true, true],
      ...[false, false, false, false],
    ])
    expect(await listed(`/ipfs/${root}/deep/`)).toEqual({ er: 'folder' })
    expect(await listed(`/ipfs/${root}/deep/er/`)).toEqual({
      back: 'symlink',
      empty: 'folder',
      'tree.bin': 'file',
    })
    expect(await listed(`/ipfs/${root}/empty/`)).toEqual({})
    expect(await listed(`/ipfs/${root}/deep/er/empty/`)).toEqual({})
    // Links lead where they say.
    const way = await running.get(`/ipfs/${root}/way`)
    expect([way.status, way.headers.location]).toEqual([302, `/ipfs/${root}/deep/er`])
  })

  it('say so too when they are sharded, or have shards within', async () => {
    // Longer than one node may be, so that it becomes a HAMT.
    const names = Array.from({ length: 1200 }, (_, at) => `${String(at).padStart(4, '0')}`)
    const large = names.map((name) => file(`large/${name}-${'n'.repeat(200)}`, 'x'))
    const root = await add(
      ...large,
      { kind: 'folder', path: 'large/inner' },
      file('large/inner/large.bin', bytesOf(3, 2 * MEBIBYTE)),
      { kind: 'symlink', path: 'large/link', target: 'inner' },
    )
    const found = await node.content.resolve(root, ['large'])
    expect(found).toMatchObject({ kind: 'found', node: { kind: 'shard' } })
    expect(await listed(`/ipfs/${root}/`)).toEqual({ large: 'folder' })
    const kinds = {
      ...(await listed(`/ipfs/${root}/large/`)),
      ...(await listed(`/ipfs/${root}/large/?page=2`)),
    }
    const { inner, link, ...files } = kinds
    expect([inner, link]).toEqual(['folder', 'symlink'])
    expect(Object.values(files)).toEqual(names.map(() => 'file'))
    expect(await listed(`/ipfs/${root}/large/inner/`)).toEqual({ 'large.bin': 'file' })
  })

  it('hide no entry because another cannot be told', async () => {
    const other = await imported('dir-with-dag-cbor-with-links')
    // Its folders name what is of no kind that is kept here: it is no whole item.
    expect((await running.get(`/ipfs/${other.root}/`)).status).toBe(404)
    const sharded = await imported(SHARDED)
    const kinds = await listed(`/ipfs/${sharded.root}/`)
    expect(Object.keys(kinds).length).toBeGreaterThan(100)
    expect(new Set(Object.values(kinds))).toEqual(new Set(['file']))
  })
})

describe('the headers of the Path Gateway', () => {
  let cache: Fixture
  let base: string

  beforeAll(async () => {
    cache = await imported('gateway-cache')
    base = `/ipfs/${cache.root}`
  })

  const path = ['root2', 'root3', 'root4', 'index.html']
  const cidAt = (depth: number): CID => given(cache.way(...path.slice(0, depth)).at(-1))
  const rootsTo = (depth: number): string =>
    Array.from({ length: depth + 1 }, (_, at) => String(at === 0 ? cache.root : cidAt(at))).join()

  it.each([
    ['a folder', 2, '/root2/root3/', 2],
    ['the index of a folder, which stands for it', 3, '/root2/root3/root4/', 3],
    ['a file', 4, '/root2/root3/root4/index.html', 4],
  ])('say the way to %s', async (_title, _depth, address, depth) => {
    for (const method of ['GET', 'HEAD']) {
      const { status, headers } = await running.ask(method, base + address)
      expect(status).toBe(200)
      expect(headers).toMatchObject({
        'x-ipfs-path': base + address,
        'x-ipfs-roots': rootsTo(depth),
      })
      const etag = depth === 2 ? /^"DirIndex-.*_CID-(.*)"$/ : /^"(.*)"$/
      expect(etag.exec(headers.etag ?? '')?.[1]).toBe(String(cidAt(depth)))
    }
  })

  it('say it of a sharded folder without its shards', async () => {
    const sharded = await imported(SHARDED)
    await listed(`/ipfs/${sharded.root}/`)
    const { href } = given(given(drawn.at(-1)).entries[7])
    const name = given(href.split('/').at(-1))
    const { headers } = await running.get(href)
    expect(headers['x-ipfs-roots']).toBe(
      `${sharded.root},${given(sharded.wayThroughShards(name)).at(-1)}`,
    )
  })

  it.each(['/root2/root3/', '/root2/root3/root4/', '/root2/root3/root4/index.html'])(
    'let who has %s keep it: 304',
    async (address) => {
      const { headers } = await running.get(base + address)
      const { etag = '', 'x-ipfs-roots': roots } = headers
      for (const known of [etag, `W/${etag}`, `"other", ${etag}`, `"other",W/${etag}`, '*']) {
        const reply = await running.get(base + address, { 'if-none-match': known })
        expect(reply, known).toMatchObject({ status: 304, text: '' })
        expect(reply.headers, known).toMatchObject({ etag, 'x-ipfs-roots': roots })
      }
      for (const unknown of ['"other"', etag.slice(1, -1), `"${etag.slice(1, -1)}x"`]) {
        const reply = await running.get(base + address, { 'if-none-match': unknown })
        expect(reply.status, unknown).toBe(200)
      }
    },
  )

  it('are no answer about what is not there', async () => {
    const any = { 'if-none-match': '*' }
    expect((await running.get(`${base}/root2/nothing`, any)).status).toBe(404)
    expect((await running.get(`${base}/root2/root3/?page=7`, any)).status).toBe(404)
  })
})
