// SPDX-License-Identifier: AGPL-3.0-or-later
/** CARs, written and read: against @ipld/car in both directions, and against everything hostile. */
import { CarReader as OracleReader, CarWriter as OracleWriter } from '@ipld/car'
import { UnixFS } from 'ipfs-unixfs'
import { CID } from 'multiformats/cid'
import { describe, expect, it } from 'vitest'
import { CodedError, errorCode, type Random, SeededRandom } from '../../src/base/base.ts'
import type { CarSelection } from '../../src/content/car/car-sections.ts'
import { encodeCarHeader, encodeSectionHead, encodeVarint } from '../../src/content/car-format.ts'
import { cidOf, RAW } from '../../src/content/unixfs/cids.ts'
import type { Tree } from '../../src/content/unixfs/importing.ts'
import {
  type Block,
  carOf,
  fileNode,
  MEBIBYTE,
  nodeBlock,
  rawBlock,
  readCar,
  type Sample,
  sampleOf,
  sha256,
  WHOLE,
} from './content-support.ts'

const SEED = 20_261_123

/** Files of the shapes that matter, small chunks excepted: those are the profile's. */
async function samples(random: Random): Promise<Sample[]> {
  const leaf = random.bytes(MEBIBYTE)
  const tail = random.bytes(1234)
  return [
    await sampleOf(new Uint8Array()),
    await sampleOf(random.bytes(1)),
    await sampleOf(random.bytes(MEBIBYTE)),
    await sampleOf(random.bytes(2 * MEBIBYTE + 17)),
    // Equal leaves, equal subtrees, and a tree of three levels.
    await sampleOf(Buffer.concat([leaf, leaf, leaf, leaf, leaf, tail]), 2),
  ]
}

describe('what we write', () => {
  it('is what @ipld/car reads', async () => {
    for (const sample of await samples(new SeededRandom(SEED))) {
      const oracle = await OracleReader.fromBytes(carOf(sample))
      expect((await oracle.getRoots()).map(String)).toEqual([sample.tree.root.toString()])
      for await (const { cid, bytes } of oracle.blocks()) {
        expect(Buffer.from(cid.multihash.digest).equals(sha256(bytes))).toBe(true)
      }
    }
  })

  it('has the length that is announced', async () => {
    for (const sample of await samples(new SeededRandom(SEED))) {
      const headerBytes = encodeCarHeader(sample.tree.root).length
      expect(carOf(sample).length).toBe(headerBytes + sample.tree.carBodyBytes)
    }
  })

  it('leaves duplicates out when asked to', async () => {
    const sample = (await samples(new SeededRandom(SEED)))[4]
    if (sample === undefined) throw new Error('there is a fifth sample')
    const oracle = await OracleReader.fromBytes(carOf(sample, { ...WHOLE, dups: false }))
    const seen = new Set<string>()
    for await (const { cid } of oracle.blocks()) {
      expect(seen.has(cid.toString())).toBe(false)
      seen.add(cid.toString())
    }
    expect(seen.size).toBe(sample.tree.nodes.length + sample.tree.leaves.length)
  })

  it('covers a range of bytes with the blocks that hold it, and no more', async () => {
    const sample = await sampleOf(new SeededRandom(SEED).bytes(5 * MEBIBYTE), 2)
    const countLeaves = async (range: CarSelection['range']): Promise<number> => {
      const oracle = await OracleReader.fromBytes(carOf(sample, { ...WHOLE, range }))
      let count = 0
      for await (const { cid } of oracle.blocks()) count += cid.code === RAW ? 1 : 0
      return count
    }
    expect(await countLeaves({ start: MEBIBYTE - 1, end: MEBIBYTE + 1 })).toBe(2)
    expect(await countLeaves({ start: 0, end: 1 })).toBe(1)
    expect(await countLeaves({ start: 9 * MEBIBYTE, end: 10 * MEBIBYTE })).toBe(0)
    const oracle = await OracleReader.fromBytes(carOf(sample, { ...WHOLE, scope: 'block' }))
    const blocks: unknown[] = []
    for await (const block of oracle.blocks()) blocks.push(block)
    expect(blocks).toHaveLength(1)
  })
})

describe('what we read', () => {
  it('is what we and @ipld/car write, however it is split', async () => {
    const random = new SeededRandom(SEED)
    for (const sample of await samples(random)) {
      for (const dups of [true, false]) {
        const ours = carOf(sample, { ...WHOLE, dups })
        for (const car of [ours, await rewrite(ours)]) {
          const mostBytes = 1 + Math.floor(random.unit() ** 4 * 100_000)
          const length = (): number => 1 + Math.floor(random.unit() * mostBytes)
          const { tree, sink } = readCar(sample.tree.root, car, length)
          expect(sink.bytes().equals(sample.bytes), `seed ${SEED}`).toBe(true)
          expect(sink.knownBytes).toBe(sample.bytes.length)
          expect(factsOf(tree)).toEqual(factsOf(sample.tree))
        }
      }
    }
  })

  it('may have a CIDv0 as its root', async () => {
    const sample = await sampleOf(new SeededRandom(SEED).bytes(MEBIBYTE + 1))
    const root = sample.tree.root.toV0()
    const { tree, sink } = readCar(root, carOf(sample, WHOLE, root), () => 7)
    expect(sink.bytes().equals(sample.bytes)).toBe(true)
    expect(tree.root.version).toBe(1)
  })

  it('is right or refused, wherever a bit is flipped or bytes are cut, doubled or moved', async () => {
    for (let seed = 1; seed <= 300; seed++) {
      const random = new SeededRandom(seed)
      const leaf = random.bytes(300)
      const blocks = [rawBlock(leaf), rawBlock(random.bytes(200)), rawBlock(leaf)]
      const root = fileNode(blocks.map((block) => ({ ...block, sizeBytes: block.bytes.length })))
      const car = Buffer.concat([encodeCarHeader(root.cid), ...[root, ...blocks].map(section)])
      const truth = Buffer.concat(blocks.map(({ bytes }) => bytes))
      expect(readCar(root.cid, car).sink.bytes().equals(truth)).toBe(true)
      const mutated = mutate(car, random)
      try {
        const { sink } = readCar(root.cid, mutated, () => 1 + Math.floor(random.unit() * 99))
        // Some changes are harmless: of roots in the header, which nobody believes.
        expect(sink.bytes().equals(truth), `seed ${seed}`).toBe(true)
      } catch (thrown) {
        expect(thrown, `seed ${seed}`).toBeInstanceOf(CodedError)
        expect(errorCode(thrown), `seed ${seed}`).toMatch(/^CONTENT_(WRONG_BYTES|TRUNCATED)$/)
      }
    }
  })
})

describe('what we refuse', () => {
  const hello = rawBlock(Buffer.from('hello'))
  const world = rawBlock(Buffer.from('world'))
  const pair = fileNode([
    { cid: hello.cid, sizeBytes: 5 },
    { cid: world.cid, sizeBytes: 5 },
  ])

  const refused = (root: Block, blocks: readonly Block[], before = encodeCarHeader(root.cid)) => {
    try {
      readCar(root.cid, Buffer.concat([before, ...blocks.map(section)]))
    } catch (thrown) {
      return errorCode(thrown)
    }
    return 'accepted'
  }

  it('takes the honest pair', () => {
    expect(refused(pair, [pair, hello, world])).toBe('accepted')
  })

  it.each([
    ['blocks in another order', pair, [pair, world, hello], 'CONTENT_WRONG_BYTES'],
    ['a block too few', pair, [pair, hello], 'CONTENT_TRUNCATED'],
    ['a block too many', pair, [pair, hello, world, world], 'CONTENT_WRONG_BYTES'],
    ['another root', pair, [hello], 'CONTENT_WRONG_BYTES'],
    ['nothing at all', pair, [], 'CONTENT_TRUNCATED'],
    [
      'other bytes under the right CID',
      pair,
      [pair, { cid: hello.cid, bytes: Buffer.from('jello') }, world],
      'CONTENT_WRONG_BYTES',
    ],
    [
      'more bytes than the tree says',
      pair,
      [pair, { cid: hello.cid, bytes: Buffer.from('hello, hello') }, world],
      'CONTENT_WRONG_BYTES',
    ],
  ])('%s', (_title, root, blocks, code) => {
    expect(refused(root, blocks)).toBe(code)
  })

  it.each([
    ['a version 2 CAR', Buffer.from('0aa16776657273696f6e02', 'hex')],
    ['a header that is no CBOR', Buffer.from('04ffffffff', 'hex')],
    ['an endless header', encodeVarint(2 ** 40)],
    ['an endless varint', Buffer.alloc(20, 0xff)],
    ['an empty header', Buffer.from([0])],
  ])('%s', (_title, header) => {
    expect(refused(pair, [pair, hello, world], Uint8Array.from(header))).toBe('CONTENT_WRONG_BYTES')
  })

  it('a section of endless length, before a byte of it came', () => {
    const car = Buffer.concat([encodeCarHeader(hello.cid), encodeVarint(2 ** 45)])
    expect(() => readCar(hello.cid, car)).toThrow('too large')
  })

  it.each([
    ['a folder', fileNode([], 'directory')],
    ['a node without links', fileNode([])],
    ['a link to an empty part', fileNode([{ cid: hello.cid, sizeBytes: 0 }])],
    ['a leaf beyond the largest', fileNode([{ cid: hello.cid, sizeBytes: 3 * MEBIBYTE }])],
    ['a link by another hash', fileNode([{ cid: identityCid(), sizeBytes: 5 }])],
    ['a node that is no UnixFS', nodeBlock(Buffer.from('nonsense'), [])],
    ['no size for a link', nodeBlock(new UnixFS({ type: 'file' }).marshal(), [link(hello)])],
    [
      'bytes inside the node',
      nodeBlock(new UnixFS({ type: 'file', data: Buffer.from('hello') }).marshal(), []),
    ],
  ])('%s, as no other peer could give better', (_title, root) => {
    expect(refused(root, [root, hello])).toBe('CONTENT_UNSUPPORTED')
  })

  it('more bytes in all than a node takes, before any of them came', () => {
    const big = fileNode(Array.from({ length: 3 }, () => ({ cid: pair.cid, sizeBytes: 2 ** 37 })))
    expect(refused(big, [big])).toBe('CONTENT_TOO_LARGE')
  })

  it('a child of another size than its parent says', () => {
    const liar = fileNode([{ cid: pair.cid, sizeBytes: 11 }])
    expect(refused(liar, [liar, pair])).toBe('CONTENT_UNSUPPORTED')
  })

  it('a tree that is too deep', () => {
    const nodes = [fileNode([link(hello)])]
    while (nodes.length < 10)
      nodes.unshift(fileNode([{ cid: nodes[0]?.cid ?? hello.cid, sizeBytes: 5 }]))
    const root = nodes[0] ?? pair
    expect(refused(root, [...nodes, hello])).toBe('CONTENT_UNSUPPORTED')
  })
})

/** A tree for comparison: bytes as text, nodes in no particular order. */
function factsOf(tree: Tree): unknown {
  const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
  return {
    ...tree,
    root: tree.root.toString(),
    leaves: tree.leaves.map((leaf) => ({ ...leaf, digest: text(leaf.digest) })),
    nodes: tree.nodes.map((node) => `${text(node.digest)} ${text(node.bytes)}`).sort(),
  }
}

function link({ cid, bytes }: Block): { cid: CID; sizeBytes: number } {
  return { cid, sizeBytes: bytes.length }
}

function identityCid(): CID {
  return CID.decode(Uint8Array.from([1, RAW, 0, 5, ...Buffer.from('hello')]))
}

function section({ cid, bytes }: Block): Uint8Array {
  return Buffer.concat([encodeSectionHead(cid, bytes.length), bytes])
}

/** The same blocks, written by @ipld/car. */
async function rewrite(car: Uint8Array): Promise<Buffer> {
  const reader = await OracleReader.fromBytes(car)
  const { writer, out } = OracleWriter.create(await reader.getRoots())
  const write = async (): Promise<void> => {
    for await (const block of reader.blocks()) await writer.put(block)
    await writer.close()
  }
  const parts: Uint8Array[] = []
  const read = async (): Promise<void> => {
    for await (const part of out) parts.push(part)
  }
  await Promise.all([write(), read()])
  return Buffer.concat(parts)
}

function mutate(car: Buffer, random: Random): Buffer {
  const at = Math.floor(random.unit() * car.length)
  const length = 1 + Math.floor(random.unit() * 100)
  switch (Math.floor(random.unit() * 5)) {
    case 0: {
      const flipped = Buffer.from(car)
      flipped[at] = (flipped[at] ?? 0) ^ (1 << Math.floor(random.unit() * 8))
      return flipped
    }
    case 1:
      return car.subarray(0, at)
    case 2:
      return Buffer.concat([car.subarray(0, at), car.subarray(at + length)])
    case 3:
      return Buffer.concat([car.subarray(0, at), random.bytes(length), car.subarray(at)])
    default:
      return Buffer.concat([car.subarray(0, at + length), car.subarray(at)])
  }
}

// Kept honest: a CID that names nothing we hold is not accepted as a root either.
it('does not accept an empty CAR for the empty file', () => {
  const empty = cidOf(RAW, sha256(new Uint8Array()))
  expect(() => readCar(empty, encodeCarHeader(empty))).toThrow(CodedError)
})
