// SPDX-License-Identifier: AGPL-3.0-or-later
/** Nodes, shards, paths and listings: against ipfs-unixfs and the importer, and against nonsense. */
import { decode, encode } from '@ipld/dag-pb'
import { UnixFS } from 'ipfs-unixfs'
import { CID } from 'multiformats/cid'
import { describe, expect, it } from 'vitest'
import { CodedError, errorCode, SeededRandom } from '../../src/base/base.ts'
import { wayTo } from '../../src/content/unixfs/shards.ts'
import {
  type DagNode,
  listFolder,
  listSorted,
  missingBlocks,
  parseNode,
  RAW,
  resolvePath,
  walkDag,
} from '../../src/content/unixfs/unixfs.ts'
import { type Block, MEBIBYTE, rawBlock } from './content-support.ts'
import {
  asVersion0,
  blocksIn,
  dagNode,
  fileOf,
  folderOf,
  importDag,
  type LinkTo,
  symlinkTo,
} from './dag-support.ts'

const hello = rawBlock(Buffer.from('hello'))
const world = rawBlock(Buffer.from('world'))

function problemOf(block: Block): string | undefined {
  try {
    parseNode(block.bytes)
  } catch (thrown) {
    return errorCode(thrown)
  }
  return undefined
}

/** A shard by hand: labels as they are, and the bits that the test says. */
function shardOf(
  links: readonly LinkTo[],
  { bits, fanout = 256, hashType = 0x22 }: ShardOptions,
): Block {
  const data = Buffer.alloc(fanout / 8)
  for (const bit of bits) {
    const at = data.length - 1 - Math.floor(bit / 8)
    data[at] = (data[at] ?? 0) | (1 << (bit % 8))
  }
  const unixfs = new UnixFS({
    type: 'hamt-sharded-directory',
    data,
    fanout: BigInt(fanout),
    hashType: BigInt(hashType),
  })
  return dagNode(unixfs.marshal(), links)
}

interface ShardOptions {
  bits: readonly number[]
  fanout?: number
  hashType?: number
}

describe('a node', () => {
  it('of a file has links, bytes, or both', () => {
    const bytes = Buffer.from('before ')
    const both = parseNode(fileOf([{ cid: hello.cid, sizeBytes: 5 }], bytes).bytes)
    expect(both).toMatchObject({ kind: 'file', sizeBytes: 12, links: [{ sizeBytes: 5 }] })
    expect(both.kind === 'file' && Buffer.from(both.inline).equals(bytes)).toBe(true)
    expect(parseNode(fileOf([]).bytes)).toMatchObject({ kind: 'file', sizeBytes: 0, links: [] })
    const older = parseNode(dagNode(new UnixFS({ type: 'raw', data: bytes }).marshal()).bytes)
    expect(older).toMatchObject({ kind: 'file', sizeBytes: 7 })
  })

  it('may have parts of no bytes', () => {
    const empty = rawBlock(new Uint8Array())
    const node = parseNode(fileOf([{ cid: empty.cid, sizeBytes: 0 }]).bytes)
    expect(node).toMatchObject({ kind: 'file', sizeBytes: 0, links: [{ sizeBytes: 0 }] })
  })

  it('keeps links as they were written', () => {
    const older = asVersion0(fileOf([]).cid)
    const node = parseNode(folderOf([{ cid: older, name: 'older', totalBytes: 4 }]).bytes)
    expect(node).toMatchObject({ kind: 'folder', links: [{ name: 'older', totalBytes: 4 }] })
    expect(node.kind === 'folder' && node.links[0]?.cid.equals(older)).toBe(true)
  })

  it.each([
    [1_700_000_000, 5],
    [-1, 999_999_999],
    [-62_135_596_800, undefined],
    [2 ** 40, 1],
    [0, undefined],
  ])('says when it was changed: %d s and %s ns', (secs, nsecs) => {
    const mtime = nsecs === undefined ? { secs: BigInt(secs) } : { secs: BigInt(secs), nsecs }
    const unixfs = new UnixFS({ type: 'directory', mode: 0o1750, mtime })
    expect(parseNode(dagNode(unixfs.marshal()).bytes)).toMatchObject({
      mode: 0o1750,
      modifiedAt: { seconds: secs, nanoseconds: nsecs ?? 0 },
    })
  })

  it.each<[string, Block]>([
    ['no dag-pb', { cid: hello.cid, bytes: Buffer.from('nonsense') }],
    ['no bytes', { cid: hello.cid, bytes: new Uint8Array() }],
    ['dag-pb without data', { cid: hello.cid, bytes: encode({ Links: [] }) }],
    ['no UnixFS', dagNode(Buffer.from('nonsense'))],
    ['data without a type', dagNode(Uint8Array.of(0x18, 5))],
    ['an unknown type', dagNode(Uint8Array.of(0x08, 9))],
    ['metadata', dagNode(Uint8Array.of(0x08, 3))],
    ['a time without seconds', dagNode(Uint8Array.of(0x08, 1, 0x42, 0))],
    [
      'a time with no nanoseconds',
      dagNode(Uint8Array.of(0x08, 1, 0x42, 7, 8, 1, 0x15, 0, 0, 0, 0)),
    ],
    ['a number cut short', dagNode(Uint8Array.of(0x08, 2, 0x18, 0x80))],
    ['a field cut short', dagNode(Uint8Array.of(0x08, 2, 0x12, 9, 1))],
    [
      'a number of more than 64 bits',
      dagNode(Uint8Array.of(0x08, 2, 0x48, ...new Uint8Array(9).fill(0xff), 2)),
    ],
    ['a wrong size', dagNode(Uint8Array.of(0x08, 2, 0x12, 1, 65, 0x18, 2))],
    ['a link without a size', dagNode(Uint8Array.of(0x08, 2), [{ cid: hello.cid }])],
    ['a part with a name', fileOf([{ cid: hello.cid, name: 'x', sizeBytes: 5 }])],
    ['a part by another hash', fileOf([{ cid: identityCid(), sizeBytes: 5 }])],
    ['a leaf beyond the largest', fileOf([{ cid: hello.cid, sizeBytes: 3 * MEBIBYTE }])],
    ['more bytes than a block has', fileOf([], new Uint8Array(2 * MEBIBYTE))],
    ['a name twice', folderOf([hello, world].map(({ cid }) => ({ cid, name: 'same' })))],
    ['no name', folderOf([{ cid: hello.cid, name: '' }])],
    ['a name with a slash', folderOf([{ cid: hello.cid, name: 'a/b' }])],
    ['a name that leads out', folderOf([{ cid: hello.cid, name: '..' }])],
    ['a name that leads nowhere', folderOf([{ cid: hello.cid, name: '.' }])],
    ['a name with a zero', folderOf([{ cid: hello.cid, name: 'a\0' }])],
    ['a symlink with parts', dagNode(Uint8Array.of(0x08, 4, 0x12, 1, 65), [{ cid: hello.cid }])],
    ['a symlink to nothing', symlinkTo('')],
    ['a symlink that is no text', dagNode(Uint8Array.of(0x08, 4, 0x12, 1, 0xff))],
    ['a shard by another hash', shardOf([], { bits: [], hashType: 0x12 })],
    ['a shard of 4', shardOf([], { bits: [], fanout: 4 })],
    ['a shard of 100', shardOf([], { bits: [], fanout: 100 })],
    ['a shard of 2048', shardOf([], { bits: [], fanout: 2048 })],
    ['a shard without a fanout', dagNode(Uint8Array.of(0x08, 5, 0x28, 0x22))],
    ['a bit without a link', shardOf([], { bits: [3] })],
    ['a link without a bit', shardOf([{ cid: hello.cid, name: '03a' }], { bits: [4] })],
    ['no label', shardOf([{ cid: hello.cid, name: 'x' }], { bits: [3] })],
    ['a label in small letters', shardOf([{ cid: hello.cid, name: '0aa' }], { bits: [10] })],
    [
      'a label beyond the fanout',
      shardOf([{ cid: hello.cid, name: 'Fa' }], { bits: [7], fanout: 8 }),
    ],
    [
      'a bucket twice',
      shardOf(
        [hello, world].map(({ cid }, index) => ({ cid, name: `03${index}` })),
        { bits: [3, 4] },
      ),
    ],
    ['an entry with a slash', shardOf([{ cid: hello.cid, name: '03a/b' }], { bits: [3] })],
  ])('is refused with %s', (_title, block) => {
    expect(problemOf(block)).toBe('CONTENT_UNSUPPORTED')
  })

  it('of more bytes than a node takes is refused as too large', () => {
    const parts = Array.from({ length: 3 }, () => ({ cid: fileOf([]).cid, sizeBytes: 2 ** 37 }))
    expect(problemOf(fileOf(parts))).toBe('CONTENT_TOO_LARGE')
    expect(problemOf(fileOf([{ cid: fileOf([]).cid, sizeBytes: 2 ** 60 }]))).toBe(
      'CONTENT_TOO_LARGE',
    )
  })

  it('is parsed or refused, whatever its bytes', () => {
    const shard = shardOf([{ cid: hello.cid, name: '03a' }], { bits: [3] })
    const nodes = [
      fileOf([{ cid: hello.cid, sizeBytes: 5 }]),
      folderOf([{ cid: hello.cid, name: 'a' }]),
    ]
    const random = new SeededRandom(11)
    let refusedCount = 0
    for (const { bytes } of [...nodes, shard, symlinkTo('a/b')]) {
      expect(() => parseNode(bytes)).not.toThrow()
      for (let round = 0; round < 3000; round++) {
        const changed = Buffer.from(bytes).subarray(0, 1 + Math.floor(random.unit() * bytes.length))
        const at = Math.floor(random.unit() * changed.length)
        changed[at] = Math.floor(random.unit() * 256)
        try {
          parseNode(random.unit() < 0.5 ? changed : Buffer.concat([changed, bytes.subarray(at)]))
        } catch (thrown) {
          refusedCount += 1
          expect(thrown).toBeInstanceOf(CodedError)
        }
      }
    }
    expect(refusedCount).toBeGreaterThan(1000)
  })
})

describe('sharded folders', () => {
  it('hash names as the specification’s example does', () => {
    expect(wayTo('470.txt', 256).slice(0, 2)).toEqual([0x00, 0x6e])
    expect(wayTo('742.txt', 256).slice(0, 2)).toEqual([0x00, 0xff])
    expect(wayTo('x', 8)).toHaveLength(21)
    expect(wayTo('x', 1024)).toHaveLength(6)
  })

  it.each([3, 4, 5, 6, 7, 8, 9, 10])('of 2^%d children a shard find every name', async (bits) => {
    const random = new SeededRandom(bits)
    const names = Array.from({ length: 500 }, (_, index) => {
      const length = Math.floor(random.unit() * 40)
      return `${index}${'äx-€'.repeat(10).slice(0, length)}`
    })
    const { root, blocks } = await importDag(
      new Map(names.map((name) => [name, Buffer.from(name)])),
      { shardSplitThresholdBytes: 0, shardFanoutBits: bits, wrapWithDirectory: true },
    )
    for (const name of names) {
      blocks.reads.length = 0
      const found = await resolvePath(blocks, root, [name])
      expect(found).toMatchObject({ kind: 'found', node: undefined })
      expect(blocks.reads.length).toBeLessThan(8)
    }
    expect((await resolvePath(blocks, root, ['no such name'])).kind).toBe('noSuchPath')
    const listed: string[] = []
    for await (const { name, kind } of listFolder(blocks, root)) {
      expect(kind).toBe('file')
      listed.push(name)
    }
    expect(listed.sort()).toEqual(names.sort())
    expect((await listSorted(blocks, root))?.map(({ name }) => name)).toEqual(names)
  })

  it('are refused with an entry in the wrong place', async () => {
    const [bucket = 0] = wayTo('a', 256)
    const label = (at: number): string => at.toString(16).toUpperCase().padStart(2, '0')
    const right = shardOf([{ cid: hello.cid, name: `${label(bucket)}a` }], { bits: [bucket] })
    const wrong = shardOf([{ cid: hello.cid, name: `${label(bucket ^ 1)}a` }], {
      bits: [bucket ^ 1],
    })
    const list = async (folder: Block): Promise<unknown> => {
      const blocks = blocksIn(folder, right, wrong, hello)
      for await (const { name } of listFolder(blocks, folder.cid)) return name
      return undefined
    }
    expect(await list(right)).toBe('a')
    expect(await list(wrong).catch(errorCode)).toBe('CONTENT_UNSUPPORTED')
    // In its place as the first shard, but not below another.
    const above = shardOf([{ cid: right.cid, name: label(1) }], { bits: [1] })
    expect(await list(above).catch(errorCode)).toBe('CONTENT_UNSUPPORTED')
    const walk = async (folder: Block): Promise<void> => {
      const blocks = blocksIn(folder, right, wrong, hello)
      for await (const _visit of walkDag(blocks, folder.cid, { dups: true }));
    }
    await walk(right)
    expect(await walk(above).catch(errorCode)).toBe('CONTENT_UNSUPPORTED')
    const blocks = blocksIn(above, right, wrong)
    expect(await resolvePath(blocks, wrong.cid, ['a']).catch(errorCode)).toBe('CONTENT_UNSUPPORTED')
    // Right by the second bucket, wrong by the first.
    const [, second = 0] = wayTo('a', 256)
    const child = shardOf([{ cid: hello.cid, name: `${label(second)}a` }], { bits: [second] })
    const over = (at: number): Block =>
      shardOf([{ cid: child.cid, name: label(at) }], { bits: [at] })
    const listBelow = async (folder: Block): Promise<unknown> => {
      for await (const { name } of listFolder(blocksIn(folder, child), folder.cid)) return name
      return undefined
    }
    expect(await listBelow(over(bucket))).toBe('a')
    expect(await listBelow(over(bucket ^ 1)).catch(errorCode)).toBe('CONTENT_UNSUPPORTED')
    const missing = await resolvePath(blocksIn(above), above.cid, ['a'])
    expect(missing.kind).toBe('noSuchPath')
  })
})

describe('shards of shards', () => {
  const above = (child: Block): Block => shardOf([{ cid: child.cid, name: '01' }], { bits: [1] })
  const countShards = async (levels: number, bottom: Block): Promise<number> => {
    const shards = [bottom]
    while (shards.length < levels) shards.push(above(shards.at(-1) ?? bottom))
    const top = shards.at(-1) ?? bottom
    let count = 0
    for await (const _visit of walkDag(blocksIn(...shards), top.cid, { dups: true })) count += 1
    return count
  }

  it('end where the bits of a hash do', async () => {
    const empty = shardOf([], { bits: [] })
    expect(await countShards(8, empty)).toBe(8)
    expect(await countShards(9, empty).catch(errorCode)).toBe('CONTENT_UNSUPPORTED')
  })

  it('all have as many children as the first', async () => {
    const other = shardOf([], { bits: [], fanout: 512 })
    expect(await countShards(2, other).catch(errorCode)).toBe('CONTENT_UNSUPPORTED')
  })
})

describe('what is not here', () => {
  it('is told from what does not exist', async () => {
    const folder = folderOf([{ cid: fileOf([]).cid, name: 'file' }])
    const blocks = blocksIn(folder)
    expect((await resolvePath(blocks, folder.cid, ['file'])).kind).toBe('missing')
    expect((await resolvePath(blocks, folder.cid, ['other'])).kind).toBe('noSuchPath')
    expect((await resolvePath(blocks, fileOf([]).cid, [])).kind).toBe('missing')
    const leaf = await resolvePath(blocks, hello.cid, [])
    expect(leaf).toMatchObject({ kind: 'found', node: undefined })
  })

  it('is found by a walk, up to a limit, each once', async () => {
    const file = fileOf([hello, world, hello].map(({ cid }) => ({ cid, sizeBytes: 5 })))
    const names = ['a', 'b']
    const folder = folderOf(names.map((name) => ({ cid: file.cid, name })))
    const missing = async (limit: number, ...here: Block[]): Promise<string[]> => {
      const blocks = blocksIn(...here)
      const cids = await missingBlocks(blocks.source, folder.cid, { limit })
      return cids.map(String)
    }
    expect(await missing(9, folder, file, hello, world)).toEqual([])
    expect(await missing(9, folder, file)).toEqual([hello, world].map(({ cid }) => cid.toString()))
    expect(await missing(1, folder, file)).toEqual([hello.cid.toString()])
    expect(await missing(9, folder)).toEqual([file.cid.toString()])
    expect(await missing(9)).toEqual([folder.cid.toString()])
  })
})

it('reads what ipfs-unixfs writes, whatever the type', () => {
  const kinds: Record<string, DagNode['kind']> = { file: 'file', raw: 'file', directory: 'folder' }
  for (const [type, kind] of Object.entries(kinds)) {
    // The names above are those of the library.
    const unixfs = new UnixFS({ type: type as 'file' })
    const { bytes } = dagNode(unixfs.marshal())
    expect(parseNode(bytes).kind).toBe(kind)
    expect(decode(bytes).Data).toEqual(unixfs.marshal())
  }
})

function identityCid(): CID {
  return CID.decode(Uint8Array.from([1, RAW, 0, 5, ...Buffer.from('hello')]))
}
