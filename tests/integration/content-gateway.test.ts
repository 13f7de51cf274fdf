// SPDX-License-Identifier: AGPL-3.0-or-later
/** The Trustless Gateway as others see it. */
import { CarReader } from '@ipld/car'
import { encode } from '@ipld/dag-pb'
import { UnixFS } from 'ipfs-unixfs'
import { exporter } from 'ipfs-unixfs-exporter'
import { CID } from 'multiformats/cid'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { cidOf, RAW } from '../../src/content/unixfs/cids.ts'
import {
  bytesOf,
  Cleanup,
  FakeCity,
  inPieces,
  MEBIBYTE,
  never,
  serve,
  startNode,
  type TestNode,
} from './content-support.ts'

const cleanup = new Cleanup()
const bytes = bytesOf(21, 4 * MEBIBYTE + 99)
let node: TestNode
let cid: CID

beforeAll(async () => {
  node = await startNode({ name: 'node', city: new FakeCity(), cleanup })
  const options = { name: 'a.bin', visibility: 'public', signal: never } as const
  cid = (await node.content.add(inPieces(bytes), options)).cid
})
afterAll(() => cleanup.run())

const ask = (path: string, init?: RequestInit): Promise<Response> => fetch(node.url + path, init)

/** What a CAR holds, hashes checked. */
async function blocksOf(response: Response): Promise<{ cid: CID; bytes: Uint8Array }[]> {
  const reader = await CarReader.fromBytes(new Uint8Array(await response.arrayBuffer()))
  const blocks: { cid: CID; bytes: Uint8Array }[] = []
  for await (const block of reader.blocks()) blocks.push(block)
  return blocks
}

it('shows nothing private through a public item whose bytes are a folder that links to it', async () => {
  const secret = await node.content.add(inPieces(bytesOf(22, MEBIBYTE + 5)), {
    name: 'diary.txt',
    visibility: 'private',
    signal: never,
  })
  const forged = encode({
    Data: new UnixFS({ type: 'directory' }).marshal(),
    Links: [{ Name: 'diary', Hash: secret.cid, Tsize: 1 }],
  })
  const options = { name: 'harmless.bin', visibility: 'public', signal: never } as const
  const file = await node.content.add(inPieces(forged), options)
  // The very same block, called a folder.
  const folder = CID.createV1(0x70, file.cid.multihash)
  expect((await ask(`/ipfs/${folder}/diary?format=raw`)).status).toBe(404)
  expect((await ask(`/ipfs/${folder}/diary?format=car`)).status).toBe(404)
  const car = await ask(`/ipfs/${folder}?format=car&dag-scope=all`)
    .then((answer) => answer.arrayBuffer())
    .catch(() => new ArrayBuffer())
  expect(car.byteLength).toBeLessThan(1_000)
})

describe('blocks', () => {
  it('come raw, by their own CID, with headers that keep browsers and caches in line', async () => {
    const response = await ask(`/ipfs/${cid}?format=raw`)
    expect(response.status).toBe(200)
    const block = new Uint8Array(await response.arrayBuffer())
    expect(cid.toString()).toBe(
      (await ask(`/ipfs/${cid}?format=raw`)).headers.get('etag')?.slice(1, -5),
    )
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'application/vnd.ipld.raw',
      'content-length': String(block.length),
      'content-disposition': `attachment; filename="${cid}.bin"`,
      'cache-control': 'public, max-age=29030400, immutable',
      'x-content-type-options': 'nosniff',
      'x-ipfs-path': `/ipfs/${cid}`,
    })
    const [, leaf] = await blocksOf(await ask(`/ipfs/${cid}?format=car`))
    const alone = await ask(`/ipfs/${leaf?.cid}`, {
      headers: { accept: 'application/vnd.ipld.raw' },
    })
    expect(Buffer.from(await alone.arrayBuffer()).equals(leaf?.bytes ?? Buffer.alloc(0))).toBe(true)
  })

  it('are not sent again to who has them, nor with HEAD', async () => {
    const etag = (await ask(`/ipfs/${cid}?format=raw`)).headers.get('etag') ?? ''
    const known = await ask(`/ipfs/${cid}?format=raw`, { headers: { 'if-none-match': etag } })
    expect(known.status).toBe(304)
    const head = await ask(`/ipfs/${cid}?format=car&dups=y`, { method: 'HEAD' })
    expect(head.status).toBe(200)
    expect(Number(head.headers.get('content-length'))).toBeGreaterThan(bytes.length)
    expect((await head.arrayBuffer()).byteLength).toBe(0)
  })
})

describe('CARs', () => {
  it('hold a file that ipfs-unixfs-exporter reads', async () => {
    const response = await ask(`/ipfs/${cid}`, {
      headers: { accept: 'text/html, application/vnd.ipld.car; version=1; order=dfs; dups=y' },
    })
    expect(response.headers.get('content-type')).toBe(
      'application/vnd.ipld.car; version=1; order=dfs; dups=y',
    )
    const blocks = new Map<string, Uint8Array>()
    for (const block of await blocksOf(response)) blocks.set(block.cid.toString(), block.bytes)
    const entry = await exporter(cid, {
      async *get(wanted: CID) {
        yield blocks.get(wanted.toString()) ?? new Uint8Array()
      },
    })
    if (entry.type !== 'file') throw new Error(`it is a ${entry.type}`)
    const read: Uint8Array[] = []
    for await (const part of entry.content()) read.push(part)
    expect(Buffer.concat(read).equals(bytes)).toBe(true)
  })

  it.each([
    ['dag-scope=block', 1],
    ['dag-scope=entity', 6],
    ['dag-scope=all', 6],
    ['dag-scope=entity&entity-bytes=0:0', 2],
    ['dag-scope=entity&entity-bytes=1048575:1048576', 3],
    ['dag-scope=entity&entity-bytes=-1:*', 2],
    ['entity-bytes=-100:-99', 3],
    ['entity-bytes=-99999999:0', 2],
  ])('cover %s with %i blocks', async (query, count) => {
    expect(await blocksOf(await ask(`/ipfs/${cid}?format=car&${query}`))).toHaveLength(count)
  })
})

describe('refusals', () => {
  const other = cidOf(RAW, new Uint8Array(32))
  it.each([
    ['a CID that is not here', `/ipfs/${other}?format=raw`, 404],
    ['no CID', '/ipfs/hello?format=raw', 400],
    ['another hash', '/ipfs/bafyaabaaakehpfbckt5pu?format=raw', 400],
    ['another path', '/ipns/example?format=raw', 404],
    ['something below a file', () => `/ipfs/${cid}/index.html?format=raw`, 404],
    ['no format', () => `/ipfs/${cid}`, 406],
    ['an unknown format', () => `/ipfs/${cid}?format=tar`, 406],
    ['an unknown CAR version', () => `/ipfs/${cid}?format=car&car-version=2`, 406],
    ['an unknown scope', () => `/ipfs/${cid}?format=car&dag-scope=most`, 400],
    ['a range backwards', () => `/ipfs/${cid}?format=car&entity-bytes=9:3`, 400],
    ['a range behind the end', () => `/ipfs/${cid}?format=car&entity-bytes=99999999:*`, 400],
    ['a range before the beginning', () => `/ipfs/${cid}?format=car&entity-bytes=0:-99999999`, 400],
    ['an endless address', `/ipfs/${'a'.repeat(4000)}`, 400],
    ['an odd address', '//ipfs', 404],
  ])('%s', async (_title, path, status) => {
    const response = await ask(typeof path === 'string' ? path : path())
    expect(response.status).toBe(status)
    expect(response.headers.get('content-type')).toBe('text/plain; charset=utf-8')
    expect(response.headers.get('x-content-type-options')).toBe('nosniff')
    expect(response.headers.get('cache-control')).toBe('no-store')
  })

  it('other methods', async () => {
    const response = await ask(`/ipfs/${cid}?format=raw`, { method: 'POST', body: 'x' })
    expect(response.status).toBe(405)
    expect(response.headers.get('allow')).toBe('GET, HEAD')
  })
})

it('lets the owner have what is private, and no cache keep it', async () => {
  const options = { name: '', visibility: 'private', signal: never } as const
  const own = await node.content.add(inPieces(Buffer.from('mine')), options)
  expect((await ask(`/ipfs/${own.cid}?format=raw`)).status).toBe(404)
  const { port } = await serve((request, response) => {
    void node.content.handleGateway(request, response, { kind: 'owner' })
  }, cleanup)
  const response = await fetch(`http://127.0.0.1:${port}/ipfs/${own.cid}?format=raw`)
  expect(await response.text()).toBe('mine')
  expect(response.headers.get('cache-control')).toBe('private, no-store')
})
