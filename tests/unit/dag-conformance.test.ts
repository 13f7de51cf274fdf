// SPDX-License-Identifier: AGPL-3.0-or-later
/** The tables of the gateway conformance suite that concern blocks, paths and ranges. */
import { readFile } from 'node:fs/promises'
import { CarReader as OracleReader } from '@ipld/car'
import { decode } from '@ipld/dag-pb'
import type { CID } from 'multiformats/cid'
import { describe, expect, it } from 'vitest'
import { errorCode } from '../../src/base/base.ts'
import type { ByteRange } from '../../src/content/car/byte-range.ts'
import type { DagSelection } from '../../src/content/car/dag-sections.ts'
import {
  blockNameOf,
  DAG_PB,
  fileSize,
  fileSpans,
  isSupported,
  listFolder,
  resolvePath,
  walkDag,
} from '../../src/content/unixfs/unixfs.ts'
import { carOfDag, MemoryBlocks, readDag } from './dag-support.ts'

/** A fixture, read by other people's code. */
interface Fixture {
  root: CID
  blocks: MemoryBlocks
  bytes: Map<string, Uint8Array>
}

async function open(name: string): Promise<Fixture> {
  const file = new URL(`../fixtures/gateway-conformance/${name}.car`, import.meta.url)
  const oracle = await OracleReader.fromBytes(await readFile(file))
  const [root] = await oracle.getRoots()
  if (root === undefined) throw new Error('the fixture has a root')
  const blocks = new MemoryBlocks()
  const bytes = new Map<string, Uint8Array>()
  for await (const block of oracle.blocks()) {
    if (isSupported(block.cid)) blocks.add(blockNameOf(block.cid), block.bytes)
    bytes.set(block.cid.toString(), block.bytes)
  }
  return { root, blocks, bytes }
}

function linksOf({ bytes }: Fixture, cid: CID): { cid: CID; name: string }[] {
  const block = bytes.get(cid.toString())
  if (cid.code !== DAG_PB || block === undefined) return []
  return decode(block).Links.map(({ Hash, Name = '' }) => ({ cid: Hash, name: Name }))
}

/** Entries of plain folders alone. */
function at(fixture: Fixture, ...path: string[]): CID {
  let cid = fixture.root
  for (const segment of path) {
    const link = linksOf(fixture, cid).find(({ name }) => name === segment)
    if (link === undefined) throw new Error(`there is no ${segment}`)
    cid = link.cid
  }
  return cid
}

function below(fixture: Fixture, cid: CID): CID[] {
  return linksOf(fixture, cid).flatMap((link) => [link.cid, ...below(fixture, link.cid)])
}

/** Shards and the entry itself, found by looking through all shards: labels of two digits. */
function wayThroughShards(fixture: Fixture, shard: CID, entry: string): CID[] | undefined {
  for (const { cid, name } of linksOf(fixture, shard)) {
    if (name.slice(2) === entry) return [cid]
    if (name.length > 2) continue
    const way = wayThroughShards(fixture, cid, entry)
    if (way !== undefined) return [cid, ...way]
  }
  return undefined
}

function shardsBelow(fixture: Fixture, shard: CID): CID[] {
  return linksOf(fixture, shard)
    .filter(({ name }) => name.length === 2)
    .flatMap(({ cid }) => [cid, ...shardsBelow(fixture, cid)])
}

async function sent(
  fixture: Fixture,
  path: readonly string[],
  selection: Partial<DagSelection>,
  root = fixture.root,
): Promise<string[]> {
  const car = await carOfDag(
    { root, blocks: fixture.blocks },
    { scope: 'all', dups: false, ...selection },
    path,
  )
  const oracle = await OracleReader.fromBytes(car)
  const cids: string[] = []
  for await (const { cid } of oracle.blocks()) cids.push(cid.toString())
  return cids
}

async function walked(blocks: MemoryBlocks, root: CID): Promise<number> {
  let count = 0
  for await (const _visit of walkDag(blocks, root, { dups: true })) count += 1
  return count
}

function texts(...cids: (CID | readonly CID[])[]): string[] {
  return cids.flat().map(String)
}

const TWO_FILES = 'subdir-with-two-single-block-files'
const MIXED = 'subdir-with-mixed-block-files'
const SHARDED = 'single-layer-hamt-with-multi-block-files'
const MULTIBLOCK = [
  'bafkreie5noke3mb7hqxukzcy73nl23k6lxszxi5w3dtmuwz62wnvkpsscm',
  'bafkreih4ephajybraj6wnxsbwjwa77fukurtpl7oj7t7pfq545duhot7cq',
  'bafkreigu7buvm3cfunb35766dn7tmqyh2um62zcio63en2btvxuybgcpue',
  'bafkreicll3huefkc3qnrzeony7zcfo7cr3nbx64hnxrqzsixpceg332fhe',
  'bafkreifst3pqztuvj57lycamoi7z34b4emf7gawxs74nwrc2c7jncmpaqm',
]

describe('paths in CARs', () => {
  it('lead through folders', async () => {
    const fixture = await open(TWO_FILES)
    const expected = texts(fixture.root, at(fixture, 'subdir'), at(fixture, 'subdir', 'ascii.txt'))
    expect(await sent(fixture, ['subdir', 'ascii.txt'], {})).toEqual(expected)
    expect(await sent(fixture, ['subdir', 'ascii.txt'], { scope: 'block' })).toEqual(expected)
    expect(await sent(fixture, ['subdir'], { scope: 'block' })).toEqual(expected.slice(0, 2))
  })

  it('lead through those shards alone that are on the way', async () => {
    const fixture = await open(SHARDED)
    for (const [entry, scope] of [
      ['685.txt', 'all'],
      ['1.txt', 'block'],
    ] as const) {
      const way = wayThroughShards(fixture, fixture.root, entry) ?? []
      const file = way.at(-1) ?? fixture.root
      const rest = scope === 'all' ? below(fixture, file) : []
      expect(way.length).toBeGreaterThan(1)
      expect(await sent(fixture, [entry], { scope })).toEqual(texts(fixture.root, way, rest))
    }
  })

  it('end where there is nothing, before anything is sent', async () => {
    const { root, blocks } = await open(TWO_FILES)
    const segment = 'i-do-not-exist'
    expect(await resolvePath(blocks, root, ['subdir', segment])).toEqual({
      kind: 'noSuchPath',
      segment,
    })
    const listing = await open('dir-listing')
    expect((await resolvePath(listing.blocks, listing.root, [segment])).kind).toBe('noSuchPath')
    const file = ['ą', 'ę', 'file-źł.txt']
    const found = await resolvePath(listing.blocks, listing.root, file)
    expect(found).toMatchObject({ kind: 'found', cid: at(listing, ...file) })
    expect((await resolvePath(listing.blocks, listing.root, [...file, 'x'])).kind).toBe(
      'noSuchPath',
    )
  })

  it('may have any character in them', async () => {
    const { root, blocks } = await open('dir-with-percent-encoded-filename')
    const name = 'Portugal%2C+España=Peninsula Ibérica.txt'
    expect((await resolvePath(blocks, root, [name])).kind).toBe('found')
  })

  it('pass as many folders as there are', async () => {
    const fixture = await open('gateway-cache')
    const path = ['root2', 'root3', 'root4', 'index.html']
    const found = await resolvePath(fixture.blocks, fixture.root, path)
    if (found.kind !== 'found') throw new Error(found.kind)
    const roots = [0, 1, 2, 3].map((length) => at(fixture, ...path.slice(0, length)).toString())
    expect(found.passed.map(({ cid }) => cid.toString())).toEqual(roots)
  })

  it('do not lead out of UnixFS', async () => {
    const { root, blocks } = await open('dir-with-dag-cbor-with-links')
    const found = await resolvePath(blocks, root, ['document'])
    expect(found.kind).toBe('foreign')
    for await (const { name, block } of listFolder(blocks, root)) {
      expect({ name, block }).toEqual({ name: 'document', block: undefined })
    }
    // It is listed, but such an item is not kept.
    expect(await walked(blocks, root).catch(errorCode)).toBe('CONTENT_UNSUPPORTED')
  })

  it('do not follow symlinks, but find them', async () => {
    const { root, blocks } = await open('symlink')
    const names = []
    for await (const { name } of listFolder(blocks, root)) names.push(name)
    expect(names).toEqual(['bar', 'foo'])
    const found = await resolvePath(blocks, root, ['bar'])
    expect(found).toMatchObject({ kind: 'found', node: { kind: 'symlink', target: 'foo' } })
    const through = { kind: 'symlink', target: 'foo', rest: ['x'] }
    expect(await resolvePath(blocks, root, ['bar', 'x'])).toEqual(through)
  })

  it.each(['inside-root', 'outside-root'])(
    'are refused where names have slashes: %s',
    async (name) => {
      const { root, blocks } = await open(name)
      expect(await walked(blocks, root).catch(errorCode)).toBe('CONTENT_UNSUPPORTED')
    },
  )
})

describe('entities', () => {
  it('of a folder are its own blocks', async () => {
    const plain = await open(TWO_FILES)
    expect(await sent(plain, [], { scope: 'entity' })).toEqual(texts(plain.root))
    const sharded = await open(SHARDED)
    const shards = shardsBelow(sharded, sharded.root)
    expect(shards.length).toBeGreaterThan(100)
    const expected = texts(sharded.root, shards)
    expect(await sent(sharded, [], { scope: 'entity' })).toEqual(expected)
    const range = { from: 0, to: undefined }
    expect(await sent(sharded, [], { scope: 'entity', range })).toEqual(expected)
  })

  it('of a file are all its blocks', async () => {
    const fixture = await open(MIXED)
    const before = [fixture.root, at(fixture, 'subdir')]
    const file = at(fixture, 'subdir', 'multiblock.txt')
    const expected = [...texts(before, file), ...MULTIBLOCK]
    for (const scope of ['entity', 'all'] as const) {
      expect(await sent(fixture, ['subdir', 'multiblock.txt'], { scope })).toEqual(expected)
      const single = at(fixture, 'subdir', 'ascii.txt')
      const path = ['subdir', 'ascii.txt']
      expect(await sent(fixture, path, { scope })).toEqual(texts(before, single))
    }
    const subdir = at(fixture, 'subdir')
    expect(await sent(fixture, ['subdir'], {})).toEqual(texts(before, below(fixture, subdir)))
  })
})

describe('entity-bytes', () => {
  const file = ['subdir', 'multiblock.txt']

  // Of 1026 bytes in four leaves of 256 and one of 2.
  it.each<[string, ByteRange, number, number]>([
    ['all', { from: 0, to: undefined }, 0, 5],
    ['from the middle to the end', { from: 512, to: undefined }, 2, 5],
    ['the middle', { from: 512, to: 1023 }, 2, 4],
    ['the middle, counted from the end', { from: 512, to: -256 }, 2, 4],
    ['the last five', { from: -5, to: undefined }, 3, 5],
    ['more than there is from the end', { from: -9999, to: undefined }, 0, 5],
    ['more than there is, but not the last', { from: -9999, to: -3 }, 0, 4],
    ['the first', { from: 0, to: 0 }, 0, 1],
    ['none: beyond the end', { from: 5000, to: 6000 }, 0, 0],
    ['none: backwards', { from: -1, to: -5 }, 0, 0],
  ])('%s', async (_title, range, first, last) => {
    const fixture = await open(MIXED)
    const root = at(fixture, ...file)
    const expected = [root.toString(), ...MULTIBLOCK.slice(first, last)]
    expect(await sent(fixture, [], { scope: 'entity', range }, root)).toEqual(expected)
    // It implies the entity.
    expect(await sent(fixture, [], { scope: 'all', range }, root)).toEqual(expected)
  })

  it('need no other block than those', async () => {
    const fixture = await open('file-3k-and-3-blocks-missing-block')
    const { root, blocks } = fixture
    const first = 'QmPKt7ptM2ZYSGPUc8PmPT2VBkLDK3iqpG9TBJY7PCE9rF'
    const last = 'QmWXY482zQdwecnfBsj78poUUuPXvyw2JAFAEMw4tzTavV'
    const range = { from: 0, to: 1000 }
    expect(await sent(fixture, [], { range })).toEqual([root.toString(), first])
    const tail = { from: 2200, to: undefined }
    expect(await sent(fixture, [], { range: tail })).toEqual([root.toString(), last])
    expect(await sent(fixture, [], {}).catch(errorCode)).toBe('CONTENT_BLOCK_MISSING')
    const read = async (start: number, end: number): Promise<number> => {
      let count = 0
      for await (const span of fileSpans(blocks, root, { start, end })) {
        count += span.kind === 'inline' ? span.bytes.length : span.to - span.from
      }
      return count
    }
    expect(await fileSize(blocks, root)).toBe(3072)
    expect(await read(997, 1001)).toBe(4)
    expect(await read(2200, 2300)).toBe(100)
    expect(await read(1000, 1100).catch(errorCode)).toBe('CONTENT_BLOCK_MISSING')
  })

  it('are the bytes of a file in one block', async () => {
    const { root, blocks, bytes } = await open('dir-with-files')
    const found = await resolvePath(blocks, root, ['ascii.txt'])
    if (found.kind !== 'found') throw new Error(found.kind)
    expect(await fileSize(blocks, found.cid)).toBe(31)
    expect(bytes.get(found.cid.toString())?.subarray(6, 17)).toEqual(Buffer.from('application'))
    const spans = []
    for await (const span of fileSpans(blocks, found.cid, { start: 6, end: 17 })) spans.push(span)
    expect(spans).toMatchObject([{ kind: 'leaf', from: 6, to: 17 }])
  })
})

describe('duplicates', () => {
  it('are sent again or left out, in depth-first order', async () => {
    const fixture = await open('dir-with-duplicate-files')
    const names = ['ascii-copy.txt', 'ascii.txt', 'hello.txt', 'multiblock.txt']
    const [copy, ...others] = names.map((name) => at(fixture, name))
    const all = [...texts(fixture.root, copy ?? [], others), ...MULTIBLOCK]
    expect(await sent(fixture, [], { dups: true })).toEqual(all)
    expect(await sent(fixture, [], { dups: false })).toEqual([...new Set(all)])
    expect(new Set(all).size).toBe(all.length - 1)
  })
})

describe('what the suite serves', () => {
  it.each([TWO_FILES, MIXED, SHARDED, 'symlink', 'dir-listing', 'gateway-cache'])(
    'is read whole: %s',
    async (name) => {
      const { root, blocks, bytes } = await open(name)
      for (const dups of [true, false]) {
        const car = await carOfDag({ root, blocks }, { scope: 'all', dups })
        const { sink, reader } = readDag(root, car, { dups, pieceLength: () => 777 })
        expect(sink.blocks.map.size).toBe(bytes.size)
        expect(reader.isWhole).toBe(true)
      }
    },
  )
})
