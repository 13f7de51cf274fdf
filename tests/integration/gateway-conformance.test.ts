// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * The tables of the gateway conformance suite for trustless responses, over HTTP, on its own CARs.
 * Left out is what this node never serves: DAG-CBOR, and items of which blocks are missing.
 */
import { CarReader } from '@ipld/car'
import { CID } from 'multiformats/cid'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { contentsOf, Fixture, fixture, given, importInto, sectionOf } from './carry-support.ts'
import { Cleanup, FakeCity, inPieces, never, startNode, type TestNode } from './content-support.ts'

const TWO_FILES = 'subdir-with-two-single-block-files'
const MIXED = 'subdir-with-mixed-block-files'
const SHARDED = 'single-layer-hamt-with-multi-block-files'
const DUPLICATES = 'dir-with-duplicate-files'
const RAW_BLOCK = 'gateway-raw-block'
const NAMES = [TWO_FILES, MIXED, SHARDED, DUPLICATES, RAW_BLOCK, 'symlink'] as const

const CAR = 'application/vnd.ipld.car'
const RAW = 'application/vnd.ipld.raw'

const cleanup = new Cleanup()
const fixtures = new Map<string, Fixture>()
let node: TestNode

beforeAll(async () => {
  node = await startNode({ name: 'gateway', city: new FakeCity(), cleanup })
  for (const name of NAMES) {
    const car = await fixture(name)
    const { roots, blocks } = await contentsOf(car)
    const [root] = roots
    if (root === undefined) throw new Error(`${name} has a root`)
    fixtures.set(name, new Fixture(root, blocks))
    const report = await importInto(node.content, car, { visibility: 'public' })
    expect(report.roots.map(({ kind }) => kind)).toEqual(roots.map(() => 'item'))
  }
})
afterAll(() => cleanup.run())

function the(name: string): Fixture {
  const found = fixtures.get(name)
  if (found === undefined) throw new Error(`no fixture ${name}`)
  return found
}

const ask = (path: string, init?: RequestInit): Promise<Response> => fetch(node.url + path, init)
const askFor = (path: string, accept: string): Promise<Response> =>
  ask(path, { headers: { accept } })

async function cidsIn(response: Response): Promise<string[]> {
  const reader = await CarReader.fromBytes(new Uint8Array(await response.arrayBuffer()))
  const cids: string[] = []
  for await (const { cid } of reader.blocks()) cids.push(cid.toString())
  return cids
}

const texts = (...cids: (CID | CID[] | undefined)[]): string[] =>
  cids.flat().map((cid) => String(cid))
const unique = (cids: string[]): string[] => [...new Set(cids)]

/** Every table of CARs is asked by the address, and by the header. */
async function expectCar(path: string, query: string, expected: string[]): Promise<void> {
  const byAddress = await ask(`${path}?format=car${query === '' ? '' : `&${query}`}`)
  const byHeader = await askFor(`${path}${query === '' ? '' : `?${query}`}`, CAR)
  for (const response of [byAddress, byHeader]) {
    expect(response.status).toBe(200)
    expect(response.headers.get('x-content-type-options')).toBe('nosniff')
    expect(response.headers.get('accept-ranges')).toBe('none')
    expect(response.headers.get('content-type')).toBe(`${CAR}; version=1; order=dfs; dups=n`)
    expect(response.headers.get('content-disposition')).toMatch(/^attachment; filename=".*\.car"$/)
    expect(response.headers.get('etag')).toMatch(/^".+"$/)
    expect(await cidsIn(response)).toEqual(expected)
  }
}

describe('CARs on a path', () => {
  it('have the blocks on the way, and all at its end', async () => {
    const two = the(TWO_FILES)
    const way = two.way('subdir', 'ascii.txt')
    await expectCar(`/ipfs/${two.root}/subdir/ascii.txt`, '', texts(way))
    const sharded = the(SHARDED)
    const entry = sharded.wayThroughShards('685.txt') ?? []
    await expectCar(
      `/ipfs/${sharded.root}/685.txt`,
      '',
      texts(sharded.root, entry, sharded.below(given(entry.at(-1)))),
    )
  })

  it('are refused where nothing is', async () => {
    for (const accept of [CAR, RAW]) {
      const { root } = the(TWO_FILES)
      expect((await askFor(`/ipfs/${root}/subdir/i-do-not-exist`, accept)).status).toBe(404)
      expect((await askFor(`/ipfs/${root}/subdir/ascii.txt/x`, accept)).status).toBe(404)
    }
    const { root } = the('symlink')
    expect((await ask(`/ipfs/${root}/bar/x?format=car`)).status).toBe(404)
  })

  it('end at a symlink that is the end of the path', async () => {
    const symlink = the('symlink')
    await expectCar(`/ipfs/${symlink.root}/bar`, '', texts(symlink.way('bar')))
  })
})

describe('dag-scope', () => {
  it('block', async () => {
    const two = the(TWO_FILES)
    await expectCar(`/ipfs/${two.root}/subdir`, 'dag-scope=block', texts(two.way('subdir')))
    await expectCar(
      `/ipfs/${two.root}/subdir/ascii.txt`,
      'dag-scope=block',
      texts(two.way('subdir', 'ascii.txt')),
    )
    const sharded = the(SHARDED)
    const way = sharded.wayThroughShards('1.txt') ?? []
    await expectCar(`/ipfs/${sharded.root}/1.txt`, 'dag-scope=block', texts(sharded.root, way))
  })

  it('entity', async () => {
    const [two, sharded, mixed] = [the(TWO_FILES), the(SHARDED), the(MIXED)]
    await expectCar(`/ipfs/${two.root}`, 'dag-scope=entity', texts(two.root))
    const shards = texts(sharded.root, sharded.shards())
    expect(shards.length).toBeGreaterThan(100)
    await expectCar(`/ipfs/${sharded.root}`, 'dag-scope=entity', shards)
    await expectCar(
      `/ipfs/${two.root}/subdir/ascii.txt`,
      'dag-scope=entity',
      texts(two.way('subdir', 'ascii.txt')),
    )
    const way = mixed.way('subdir', 'multiblock.txt')
    const file = given(way.at(-1))
    await expectCar(
      `/ipfs/${mixed.root}/subdir/multiblock.txt`,
      'dag-scope=entity',
      texts(way, mixed.below(file)),
    )
  })

  it('all', async () => {
    const mixed = the(MIXED)
    const [root, subdir] = [mixed.root, given(mixed.way('subdir').at(-1))]
    await expectCar(
      `/ipfs/${root}/subdir`,
      'dag-scope=all',
      unique(texts(root, subdir, mixed.below(subdir))),
    )
  })
})

describe('entity-bytes', () => {
  it.each<[string, number, number | undefined]>([
    ['0:*', 0, 5],
    ['512:*', 2, 5],
    ['512:1023', 2, 4],
    ['512:-256', 2, 4],
    ['-5:*', 3, 5],
    ['-9999:*', 0, 5],
    ['-9999:-3', 0, 4],
    ['0:0', 0, 1],
    ['0:99999', 0, 5],
    ['1025:1025', 4, 5],
    // Of no length: the root alone tells why.
    ['5:-1023', 0, 0],
  ])('%s brings the leaves from %i to %i', async (range, from, to) => {
    const mixed = the(MIXED)
    const file = given(mixed.way('subdir', 'multiblock.txt').at(-1))
    const leaves = mixed.below(file).slice(from, to)
    for (const scope of ['&dag-scope=entity', '']) {
      await expectCar(`/ipfs/${file}`, `entity-bytes=${range}${scope}`, texts(file, leaves))
    }
  })

  it.each([
    ['1026:*', 'multiblock.txt'],
    ['5000:6000', 'multiblock.txt'],
    ['-6000:-5000', 'multiblock.txt'],
    ['0:-1027', 'multiblock.txt'],
    // A single leaf: its size is what it is.
    ['31:*', 'ascii.txt'],
  ])('%s of %s is all outside: 400', async (range, name) => {
    const mixed = the(MIXED)
    const file = given(mixed.way('subdir', name).at(-1))
    for (const address of [`/ipfs/${file}`, `/ipfs/${mixed.root}/subdir/${name}`]) {
      const response = await ask(`${address}?format=car&entity-bytes=${range}`)
      expect(response.status).toBe(400)
      expect(await response.text()).toContain('outside of the file’s')
    }
  })

  it('of an empty file is all of it', async () => {
    const { item } = await node.content.addFile(inPieces(new Uint8Array()), {
      name: 'empty',
      visibility: 'public',
      signal: never,
    })
    await expectCar(`/ipfs/${item.cid}`, 'entity-bytes=0:*', texts(item.cid))
    expect((await ask(`/ipfs/${item.cid}?format=car&entity-bytes=1:*`)).status).toBe(400)
  })

  it('means nothing for folders', async () => {
    const sharded = the(SHARDED)
    const shards = texts(sharded.root, sharded.shards())
    await expectCar(`/ipfs/${sharded.root}`, 'dag-scope=entity&entity-bytes=0:*', shards)
  })

  it('makes another ETag of everything', async () => {
    const { root } = the(MIXED)
    const queries = ['', '&dag-scope=entity', '&dag-scope=block', '&car-dups=y']
    const ranges = ['0:*', '0:5', '1:5', '-5:*'].map((range) => `&entity-bytes=${range}`)
    const paths = [...queries, ...ranges].map((query) => `?format=car${query}`)
    const etags = await Promise.all(
      [...paths, '?format=raw'].map(async (query) => {
        const { headers } = await ask(`/ipfs/${root}${query}`, { method: 'HEAD' })
        return headers.get('etag')
      }),
    )
    expect(new Set(etags).size).toBe(paths.length + 1)
  })
})

describe('order and dups', () => {
  const expected = (dups: 'y' | 'n'): string[] => {
    const duplicates = the(DUPLICATES)
    const all = texts(duplicates.root, duplicates.below(duplicates.root))
    return dups === 'y' ? all : unique(all)
  }

  it.each([
    ['', `${CAR}; version=1; order=dfs; dups=y`, 'y'],
    ['', `${CAR}; version=1; order=dfs; dups=n`, 'n'],
    ['', `${CAR}; version=1; order=unk`, 'n'],
    ['', `${CAR};VERSION=1;Order=DFS;dups="y"`, 'y'],
    ['?format=car', `${CAR}; version=1; order=dfs; dups=y`, 'y'],
    ['?format=car&car-order=dfs', `${CAR}; order=unk`, 'n'],
    ['?format=car&car-dups=y', `${CAR}; dups=n`, 'y'],
    ['?format=car&car-dups=n', `${CAR}; dups=y`, 'n'],
    // The second choice, since the first is none of ours.
    ['', `${CAR};order=foo, ${CAR};order=dfs;dups=y;q=0.5`, 'y'],
    ['', `${CAR};dups=y;q=0.2, ${CAR};dups=n;q=0.9, ${RAW};q=0.1`, 'n'],
  ] as const)('%s with Accept: %s', async (query, accept, dups) => {
    const response = await askFor(`/ipfs/${the(DUPLICATES).root}${query}`, accept)
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toBe(`${CAR}; version=1; order=dfs; dups=${dups}`)
    expect(await cidsIn(response)).toEqual(expected(dups))
  })

  it.each([
    [`${CAR};order=foo`, 406],
    [`${CAR};version=2`, 406],
    [`${CAR};dups=maybe`, 400],
    [`${CAR};q=0`, 406],
    ['text/html', 406],
    ['*/*', 406],
  ])('is refused with Accept: %s', async (accept, status) => {
    expect((await askFor(`/ipfs/${the(DUPLICATES).root}`, accept)).status).toBe(status)
  })
})

describe('blocks', () => {
  it('come with what browsers and caches need to know', async () => {
    const raw = the(RAW_BLOCK)
    for (const cid of raw.way('dir', 'ascii.txt').slice(1)) {
      for (const response of [
        await ask(`/ipfs/${cid}?format=raw`),
        await askFor(`/ipfs/${cid}`, RAW),
        await askFor(`/ipfs/${cid}?format=raw`, CAR),
      ]) {
        expect(response.status).toBe(200)
        const bytes = Buffer.from(await response.arrayBuffer())
        expect(bytes.equals(raw.bytes(cid))).toBe(true)
        expect(Object.fromEntries(response.headers)).toMatchObject({
          'content-type': RAW,
          'content-length': String(bytes.length),
          'content-disposition': `attachment; filename="${cid}.bin"`,
          'x-content-type-options': 'nosniff',
          'x-ipfs-path': `/ipfs/${cid}`,
          'x-ipfs-roots': String(cid),
          'cache-control': 'public, max-age=29030400, immutable',
          etag: `"${cid}.raw"`,
        })
      }
    }
  })

  it('may be empty', async () => {
    const options = { name: 'empty', visibility: 'public', signal: never } as const
    const { cid } = await node.content.add(inPieces(Buffer.alloc(0)), options)
    const response = await ask(`/ipfs/${cid}?format=raw`)
    expect([response.status, await response.text()]).toEqual([200, ''])
    expect(await cidsIn(await ask(`/ipfs/${cid}?format=car`))).toEqual([cid.toString()])
  })

  it('are called as the caller likes, if that is a name', async () => {
    const { root } = the(RAW_BLOCK)
    const named = async (filename: string): Promise<string | null> => {
      const query = new URLSearchParams({ filename, format: 'raw' })
      return (await ask(`/ipfs/${root}?${query}`)).headers.get('content-disposition')
    }
    expect(await named('foobar.bin')).toBe('attachment; filename="foobar.bin"')
    expect(await named('a"b\\c')).toBe(`attachment; filename="a_bc"; filename*=UTF-8''a%22bc`)
    expect(await named('größe (1).txt')).toBe(
      `attachment; filename="gr__e (1).txt"; filename*=UTF-8''gr%C3%B6%C3%9Fe%20%281%29.txt`,
    )
    expect(await named('..\r\nset-cookie: x')).toBe('attachment; filename="..set-cookie: x"')
    expect(await named('/')).toBe(`attachment; filename="${root}.bin"`)
  })

  it('come whole, or right, to who asks for a part', async () => {
    const raw = the(RAW_BLOCK)
    const file = given(raw.way('dir', 'ascii.txt').at(-1))
    for (const range of ['bytes=6-16', 'bytes=0-2,6-16', 'bytes=-5', 'bytes=6-']) {
      const headers = { accept: RAW, range }
      const response = await ask(`/ipfs/${file}`, { headers })
      expect(response.status).toBe(200)
      expect(Buffer.from(await response.arrayBuffer()).equals(raw.bytes(file))).toBe(true)
    }
  })
})

describe('addresses', () => {
  it('say what was found on the way', async () => {
    const two = the(TWO_FILES)
    const way = two.way('subdir', 'ascii.txt')
    const response = await askFor(`/ipfs/${two.root}/subdir/ascii.txt/`, `${CAR};dups=y`)
    expect(response.headers.get('x-ipfs-path')).toBe(`/ipfs/${two.root}/subdir/ascii.txt/`)
    expect(response.headers.get('x-ipfs-roots')).toBe(texts(way).join(','))
    const sharded = the(SHARDED)
    const throughShards = await ask(`/ipfs/${sharded.root}/1.txt?format=raw`)
    const entry = sharded.wayThroughShards('1.txt')?.at(-1)
    expect(throughShards.headers.get('x-ipfs-roots')).toBe(`${sharded.root},${entry}`)
  })

  it('that say the format have the same bytes in every cache', async () => {
    const { root } = the(DUPLICATES)
    const location = async (query: string, accept: string): Promise<string | null> =>
      (await askFor(`/ipfs/${root}${query}`, accept)).headers.get('content-location')
    expect(await location('', RAW)).toBe(`/ipfs/${root}?format=raw`)
    expect(await location('?dag-scope=block', `${CAR};dups=y`)).toBe(
      `/ipfs/${root}?dag-scope=block&format=car&car-dups=y`,
    )
    expect(await location('?format=car&car-dups=n', `${CAR};dups=y`)).toBeNull()
    expect(await location('?format=raw', '*/*')).toBeNull()
  })

  it('may have a CIDv0, and CIDs in other bases', async () => {
    const { root } = the(RAW_BLOCK)
    const other = root.toV1().toString((await import('multiformats/bases/base36')).base36)
    for (const text of [root.toV1().toString(), root.toV0().toString(), other]) {
      expect((await ask(`/ipfs/${text}?format=raw`)).status, text).toBe(200)
    }
  })

  it.each([
    ['/ipfs/QmInvalid?format=raw', 400],
    ['/ipfs/bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi?format=raw', 404],
    ['/ipfs/bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi?format=car', 404],
    ['/ipfs/?format=raw', 404],
    ['/ipns/example.org?format=car', 404],
  ])('%s is answered with %i', async (path, status) => {
    for (const method of ['GET', 'HEAD']) {
      expect((await ask(path, { method })).status).toBe(status)
    }
  })

  it('are refused when nothing says what is wanted', async () => {
    const { request } = await import('node:http')
    const status = await new Promise((resolve, reject) => {
      const sent = request(`${node.url}/ipfs/${the(RAW_BLOCK).root}`, (response) => {
        response.resume().on('end', () => resolve(response.statusCode))
      })
      sent.on('error', reject).end()
    })
    expect(status).toBe(400)
  })

  it('of what is not here are 412 for who wants only what is cached', async () => {
    const headers = { 'cache-control': 'max-age=0, only-if-cached' }
    const path = '/ipfs/bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi?format=raw'
    expect((await ask(path, { headers })).status).toBe(412)
    expect((await ask(`/ipfs/${the(RAW_BLOCK).root}?format=raw`, { headers })).status).toBe(200)
  })
})

describe('blocks that lie in their ids', () => {
  it.each([
    // Nothing at all: with this, clients find out what a gateway is.
    'bafkqaaa',
    'bafkqaf3imvwgy3zaneqgc3janfxgy2lomvscay3jmqfa',
  ])('%s', async (text) => {
    const { digest } = CID.parse(text).multihash
    const raw = await ask(`/ipfs/${text}?format=raw`)
    expect(raw.status).toBe(200)
    expect(Buffer.from(await raw.arrayBuffer()).equals(digest)).toBe(true)
    const car = await askFor(`/ipfs/${text}`, `${CAR}; dups=y`)
    expect(car.status).toBe(200)
    expect(car.headers.get('content-type')).toMatch('dups=y')
    const reader = await CarReader.fromBytes(new Uint8Array(await car.arrayBuffer()))
    expect((await reader.getRoots()).map(String)).toEqual([text])
    expect(await Array.fromAsync(reader.blocks())).toEqual([])
    const head = await ask(`/ipfs/${text}?format=raw`, { method: 'HEAD' })
    expect([head.status, (await head.arrayBuffer()).byteLength]).toEqual([200, 0])
  })
})

describe('what callers have already', () => {
  it('is not sent again', async () => {
    const { root } = the(MIXED)
    for (const query of ['format=raw', 'format=car', 'format=car&car-dups=y']) {
      const etag = (await ask(`/ipfs/${root}?${query}`)).headers.get('etag') ?? ''
      for (const known of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
        const headers = { 'if-none-match': known }
        const response = await ask(`/ipfs/${root}?${query}`, { headers })
        expect([response.status, await response.text()]).toEqual([304, ''])
        expect(response.headers.get('etag')).toBe(etag)
      }
      const headers = { 'if-none-match': '"other"' }
      expect((await ask(`/ipfs/${root}?${query}`, { headers })).status).toBe(200)
    }
  })
})

describe('CARs that go on where they were cut', () => {
  const FROM_HERE = '?format=car&car-dups=y'

  it('do so at every byte', async () => {
    // The path has no length that is known beforehand; the item has.
    for (const path of [`/ipfs/${the(DUPLICATES).root}`, `/ipfs/${the(MIXED).root}/subdir`]) {
      const whole = await ask(path + FROM_HERE)
      expect(whole.headers.get('accept-ranges')).toBe('bytes')
      const bytes = Buffer.from(await whole.arrayBuffer())
      const { blocks, roots } = await contentsOf(bytes)
      const boundaries = new Set([bytes.length - 1])
      let at = bytes.length - blocks.reduce((sum, block) => sum + sectionOf(block).length, 0)
      for (const block of blocks) {
        for (const near of [at - 1, at, at + 1, at + 20, at + 40]) boundaries.add(near)
        at += sectionOf(block).length
      }
      expect([at, roots.length]).toEqual([bytes.length, 1])
      for (const start of [...boundaries].filter((byte) => byte < bytes.length)) {
        const part = await ask(path + FROM_HERE, { headers: { range: `bytes=${start}-` } })
        expect(part.status, `from ${start}`).toBe(206)
        expect(part.headers.get('content-range')).toBe(
          `bytes ${start}-${bytes.length - 1}/${bytes.length}`,
        )
        expect(part.headers.get('content-length')).toBe(String(bytes.length - start))
        expect(part.headers.get('etag')).toBe(whole.headers.get('etag'))
        const rest = Buffer.from(await part.arrayBuffer())
        expect(rest.equals(bytes.subarray(start)), `from ${start}`).toBe(true)
      }
      for (const start of [bytes.length, bytes.length + 1, 2 ** 45]) {
        const beyond = await ask(path + FROM_HERE, { headers: { range: `bytes=${start}-` } })
        expect([beyond.status, await beyond.text()]).toEqual([416, ''])
        expect(beyond.headers.get('content-range')).toBe(`bytes */${bytes.length}`)
      }
    }
  })

  it('only where that means something, and for who asks for nothing else', async () => {
    const path = `/ipfs/${the(DUPLICATES).root}`
    const whole = await ask(path + FROM_HERE)
    const etag = whole.headers.get('etag') ?? ''
    const { length } = Buffer.from(await whole.arrayBuffer())
    const status = async (query: string, headers: Record<string, string>, method = 'GET') =>
      (await ask(path + query, { headers, method })).status
    const range = 'bytes=100-'
    expect(await status(FROM_HERE, {})).toBe(200)
    expect(await status(FROM_HERE, { range })).toBe(206)
    expect(await status(FROM_HERE, { range, 'if-range': etag })).toBe(206)
    expect(await status(FROM_HERE, { range, 'if-range': '"other"' })).toBe(200)
    expect(await status(FROM_HERE, { range, 'if-range': `W/${etag}` })).toBe(200)
    expect(await status(FROM_HERE, { range, 'if-range': new Date(0).toUTCString() })).toBe(200)
    expect(await status(FROM_HERE, { range, 'if-none-match': etag })).toBe(304)
    expect(await status(FROM_HERE, { range }, 'HEAD')).toBe(200)
    for (const other of ['bytes=100-200', 'bytes=-100', 'bytes=0-1,5-', 'items=1-', 'bytes=x-']) {
      expect(await status(FROM_HERE, { range: other }), other).toBe(200)
    }
    for (const query of ['', '&car-dups=n', '&car-dups=y&dag-scope=entity']) {
      expect(await status(`?format=car${query}`, { range }), query).toBe(200)
    }
    const outOfReach = { range: `bytes=${length}-`, 'if-range': '"other"' }
    expect(await status(FROM_HERE, outOfReach)).toBe(200)
  })
})
