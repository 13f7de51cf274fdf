// SPDX-License-Identifier: AGPL-3.0-or-later
/** CARs of whole items: written, read back however they are cut, and gone on with at any byte. */
import { CarReader as OracleReader } from '@ipld/car'
import type { ImporterOptions } from 'ipfs-unixfs-importer'
import { fixedSize } from 'ipfs-unixfs-importer/chunker'
import { balanced } from 'ipfs-unixfs-importer/layout'
import { describe, expect, it } from 'vitest'
import { CodedError, errorCode, SeededRandom } from '../../src/base/base.ts'
import { DagReader } from '../../src/content/car/dag-reader.ts'
import { fileSpans, keyOf, resolvePath, walkDag } from '../../src/content/unixfs/unixfs.ts'
import { sha256 } from './content-support.ts'
import {
  blocksIn,
  bytesOf,
  carOfDag,
  contentOf,
  EVERYTHING,
  folderOf,
  importDag,
  KeepingSink,
  type MemoryBlocks,
  pushAll,
  randomDag,
  readDag,
  type SampleDag,
  sectionsOf,
  symlinkTo,
} from './dag-support.ts'

/** What goes through every byte of a CAR takes a while on a busy machine. */
const SLOW_MS = 90_000

const SEEDS = Array.from({ length: 40 }, (_, index) => 1 + index)

/** As one text: thousands of comparisons are quick then. */
function keysOf(blocks: MemoryBlocks): string {
  return textOf([...blocks.map.keys()])
}

function textOf(keys: readonly string[]): string {
  return keys
    .map((key) => Buffer.from(key, 'latin1').toString('hex'))
    .sort()
    .join()
}

/** The blocks of an item, without what the importer put besides it. */
async function reachable(sample: SampleDag): Promise<string> {
  const keys: string[] = []
  for await (const { block } of walkDag(sample.blocks, sample.root, { dups: false })) {
    keys.push(keyOf(block))
  }
  return textOf(keys)
}

async function expectFiles(sample: SampleDag, blocks: MemoryBlocks): Promise<void> {
  for (const [path, bytes] of sample.files) {
    const found = await resolvePath(blocks, sample.root, path.split('/'))
    if (found.kind !== 'found') throw new Error(`${path} is ${found.kind}`)
    expect(Buffer.compare(contentOf(blocks, found.cid), bytes), path).toBe(0)
  }
}

describe('an item of any shape', () => {
  it.each(SEEDS)('comes back from its CAR, with seed %i', async (seed) => {
    const random = new SeededRandom(seed)
    const sample = await randomDag(random)
    const truth = await reachable(sample)
    for (const dups of [true, false]) {
      const car = await carOfDag(sample, { ...EVERYTHING, dups })
      const mostBytes = 1 + Math.floor(random.unit() ** 3 * 3000)
      const pieceLength = (): number => 1 + Math.floor(random.unit() * mostBytes)
      for (const remembers of dups ? [true, false] : [true]) {
        const { reader, sink } = readDag(sample.root, car, { dups: !remembers, pieceLength })
        expect(keysOf(sink.blocks), sample.title).toBe(truth)
        await expectFiles(sample, sink.blocks)
        for (const [root, bytes] of sink.files) {
          expect(
            [...sample.files.values()].some((file) => Buffer.compare(file, bytes) === 0),
            root,
          ).toBe(true)
        }
        const { length: fullBytes } = await carOfDag(sample)
        const headerBytes = bytesOf((await sectionsOf(sample, EVERYTHING))[0] ?? NO_SECTION).length
        expect(reader.carBodyBytes, sample.title).toBe(fullBytes - headerBytes)
        const totalBytes = [...sample.files.values()].reduce((sum, { length }) => sum + length, 0)
        expect(reader.verifiedBytes, sample.title).toBe(totalBytes)
      }
    }
  })

  it.each(SEEDS.slice(0, 8))('is written as @ipld/car reads it, with seed %i', async (seed) => {
    const sample = await randomDag(new SeededRandom(seed))
    const oracle = await OracleReader.fromBytes(
      await carOfDag(sample, { ...EVERYTHING, dups: false }),
    )
    expect((await oracle.getRoots()).map(String)).toEqual([sample.root.toString()])
    const seen = new Set<string>()
    for await (const { cid, bytes } of oracle.blocks()) {
      expect(Buffer.from(cid.multihash.digest).equals(sha256(bytes))).toBe(true)
      expect(seen.has(cid.toV1().toString())).toBe(false)
      seen.add(cid.toV1().toString())
    }
    expect(seen.size).toBe((await reachable(sample)).split(',').length)
  })

  it(
    'is refused or unharmed, whichever byte of its CAR is changed',
    async () => {
      const sample = await smallSample()
      const car = await carOfDag(sample)
      const truth = keysOf(readDag(sample.root, car, { dups: true }).sink.blocks)
      let harmless = 0
      for (let at = 0; at < car.length; at++) {
        for (const change of [0x01, 0x80, 0xff]) {
          const changed = Buffer.from(car)
          changed[at] = (changed[at] ?? 0) ^ change
          for (const dups of change === 0x01 ? [true, false] : [true]) {
            try {
              const { sink } = readDag(sample.root, changed, { dups })
              expect(keysOf(sink.blocks), `byte ${at}`).toBe(truth)
              harmless += 1
            } catch (thrown) {
              const isPeers = /^CONTENT_(WRONG_BYTES|TRUNCATED)$/.test(errorCode(thrown) ?? '')
              if (!isPeers) throw thrown
            }
          }
        }
      }
      // The digest of the root in the header, which nobody believes; and no more than the header has.
      expect(harmless).toBeGreaterThan(0)
      expect(harmless).toBeLessThanOrEqual(HEADER_BYTES * 4)
    },
    SLOW_MS,
  )

  it(
    'is the same, cut at any two bytes',
    async () => {
      const sample = await smallSample()
      const car = await carOfDag(sample)
      const truth = keysOf(readDag(sample.root, car, { dups: true }).sink.blocks)
      for (let first = 0; first <= car.length; first++) {
        const sink = new KeepingSink()
        const reader = new DagReader(sample.root, sink, { dups: true })
        const second = Math.min(car.length, first + 1 + (first % 7))
        for (const piece of [
          car.subarray(0, first),
          car.subarray(first, second),
          car.subarray(second),
        ])
          reader.push(piece)
        reader.finish()
        expect(keysOf(sink.blocks)).toBe(truth)
      }
    },
    SLOW_MS,
  )
})

describe('a transfer that was cut off', () => {
  it(
    'goes on at any byte with the reader that it had',
    async () => {
      const sample = await smallSample()
      const car = await carOfDag(sample)
      const truth = await reachable(sample)
      for (let cut = 0; cut < car.length; cut++) {
        const sink = new KeepingSink()
        const reader = new DagReader(sample.root, sink, { dups: true })
        reader.push(car.subarray(0, cut))
        expect(() => reader.finish()).toThrow(CodedError)
        expect(reader.position).toBe(cut)
        const rest = await carOfDag(sample, { ...EVERYTHING, skipBytes: reader.position })
        reader.push(rest)
        reader.finish()
        expect(keysOf(sink.blocks)).toBe(truth)
      }
    },
    SLOW_MS,
  )

  it(
    'goes on after any byte with what was kept',
    async () => {
      const sample = await smallSample()
      const car = await carOfDag(sample)
      const truth = await reachable(sample)
      const resumedInFile = new Set<boolean>()
      // Blocks are what counts here; three bytes are less than any of them.
      for (let cut = 0; cut <= car.length; cut += 3) {
        const kept = new KeepingSink()
        new DagReader(sample.root, kept, { dups: true }).push(car.subarray(0, cut))
        const sink = new KeepingSink(kept.blocks)
        const reader = new DagReader(sample.root, sink, { dups: true })
        const position = await reader.replay(kept.blocks.source)
        expect(position).toBe(reader.position)
        // Never behind what came, but for a block that was cut and for the header alone.
        if (position > 0) expect(position).toBeGreaterThanOrEqual(cut - LARGEST_SECTION_BYTES)
        pushAll(reader, car.subarray(position), () => 11)
        reader.finish()
        resumedInFile.add(sink.calls.includes('fileResumed'))
        expect(keysOf(sink.blocks)).toBe(truth)
        await expectFiles(sample, sink.blocks)
        expect(reader.carBodyBytes).toBe(car.length - HEADER_BYTES)
      }
      expect(resumedInFile).toEqual(new Set([true, false]))
    },
    SLOW_MS,
  )

  it.each(SEEDS.slice(0, 20))('goes on in items of all shapes, with seed %i', async (seed) => {
    const random = new SeededRandom(seed)
    const sample = await randomDag(random)
    const car = await carOfDag(sample)
    const truth = await reachable(sample)
    for (let round = 0; round < 10; round++) {
      const kept = new KeepingSink()
      const cut = Math.floor(random.unit() * car.length)
      new DagReader(sample.root, kept, { dups: true }).push(car.subarray(0, cut))
      const sink = new KeepingSink(kept.blocks)
      const reader = new DagReader(sample.root, sink, { dups: true })
      const skipBytes = await reader.replay(kept.blocks.source)
      reader.push(await carOfDag(sample, { ...EVERYTHING, skipBytes }))
      reader.finish()
      expect(keysOf(sink.blocks), `${sample.title} cut ${cut}`).toBe(truth)
    }
  })

  it('needs nothing when all is here', async () => {
    const sample = await smallSample()
    const sink = new KeepingSink()
    const reader = new DagReader(sample.root, sink, { dups: true })
    expect(await reader.replay(sample.blocks.source)).toBe((await carOfDag(sample)).length)
    expect(reader.isWhole).toBe(true)
    expect(sink.calls).toEqual([])
    reader.finish()
  })
})

describe('a CAR from its middle', () => {
  it(
    'is the tail of the whole, from every byte',
    async () => {
      const sample = await smallSample()
      const whole = await carOfDag(sample)
      for (let skipBytes = 0; skipBytes <= whole.length; skipBytes++) {
        const tail = await carOfDag(sample, { ...EVERYTHING, skipBytes })
        expect(tail.equals(whole.subarray(skipBytes)), `at ${skipBytes}`).toBe(true)
      }
    },
    SLOW_MS,
  )

  it.each(SEEDS.slice(0, 20))('is the tail of the whole, with seed %i', async (seed) => {
    const random = new SeededRandom(seed)
    const sample = await randomDag(random)
    const sections = (await sectionsOf(sample, EVERYTHING)).map(bytesOf)
    const whole = Buffer.concat(sections)
    const offsets = [0, whole.length, whole.length + 10]
    let at = 0
    const everyNth = Math.ceil(sections.length / 30)
    for (const [index, { length }] of sections.entries()) {
      if (index % everyNth === 0) offsets.push(at, at + Math.floor(random.unit() * length))
      at += length
    }
    for (const skipBytes of offsets) {
      const tail = await carOfDag(sample, { ...EVERYTHING, skipBytes })
      expect(tail.equals(whole.subarray(skipBytes)), `${sample.title} at ${skipBytes}`).toBe(true)
    }
  })

  it('is the tail of a range as well, where subtrees are not the same everywhere', async () => {
    const same = Buffer.concat(Array.from({ length: 4 }, () => Buffer.alloc(4, 'abcd')))
    const { root, blocks } = await importDag(new Map([['x', Buffer.concat([same, same, same])]]), {
      chunker: fixedSize({ chunkSize: 4 }),
      layout: balanced({ maxChildrenPerNode: 2 }),
      wrapWithDirectory: true,
    })
    for (const from of [1, 5, 13]) {
      const selection = { ...EVERYTHING, range: { from, to: undefined } }
      const whole = await carOfDag({ root, blocks }, selection, ['x'])
      for (let skipBytes = 0; skipBytes <= whole.length; skipBytes += 5) {
        const tail = await carOfDag({ root, blocks }, { ...selection, skipBytes }, ['x'])
        expect(tail.equals(whole.subarray(skipBytes)), `${from} at ${skipBytes}`).toBe(true)
      }
    }
  })

  it('looks at no leaf before it, and reads no repeated subtree twice', async () => {
    const leaf = new SeededRandom(7).bytes(64)
    const same = Buffer.concat(Array.from({ length: 16 }, () => leaf))
    const files = new Map([...'abcdefgh'].map((name) => [name, same]))
    const sample = await importDag(files, {
      chunker: fixedSize({ chunkSize: 64 }),
      layout: balanced({ maxChildrenPerNode: 4 }),
      wrapWithDirectory: true,
    })
    const whole = await carOfDag(sample)
    sample.blocks.reads.length = 0
    const looked: string[] = []
    const find = sample.blocks.find.bind(sample.blocks)
    sample.blocks.find = (name) => {
      looked.push(keyOf(name))
      return find(name)
    }
    const tail = await carOfDag(sample, { ...EVERYTHING, skipBytes: whole.length - 10 })
    expect(tail.equals(whole.subarray(whole.length - 10))).toBe(true)
    expect(looked).toHaveLength(1)
    // Twice the folder (for the path and for the CAR); file and node where they occur first and last.
    expect(sample.blocks.reads).toHaveLength(2 + 2 * 2)
  })
})

describe('ranges of a file', () => {
  it.each(SEEDS.slice(0, 20))('are the bytes of the file, with seed %i', async (seed) => {
    const random = new SeededRandom(seed)
    const sample = await randomDag(random)
    for (const [path, bytes] of sample.files) {
      const found = await resolvePath(sample.blocks, sample.root, path.split('/'))
      if (found.kind !== 'found') throw new Error(found.kind)
      const start = Math.floor(random.unit() * (bytes.length + 2))
      const end = start + Math.floor(random.unit() * (bytes.length + 2))
      const parts: Uint8Array[] = []
      for await (const span of fileSpans(sample.blocks, found.cid, { start, end })) {
        if (span.kind === 'inline') parts.push(span.bytes)
        else {
          const leaf = sample.blocks.find(span.block)?.place
          expect(span.from).toBeLessThan(span.to)
          parts.push(leaf?.subarray(span.from, span.to) ?? NO_SECTION.bytes)
        }
      }
      const expected = bytes.subarray(start, end)
      expect(Buffer.concat(parts).equals(expected), `${sample.title} ${path}`).toBe(true)
    }
  })
})

const NO_SECTION = { head: new Uint8Array(), bytes: new Uint8Array() }
const HEADER_BYTES = 59
const LARGEST_SECTION_BYTES = 700

/**
 * All kinds of blocks in about 2 KiB: a tree of two levels twice, a file that repeats its leaves, one
 * of an older layout, one with an id of version 0, a shard, a symlink, nothing.
 */
async function smallSample(): Promise<SampleDag> {
  const random = new SeededRandom(20_261_124)
  const leaf = random.bytes(16)
  const tree = random.bytes(70)
  const options: ImporterOptions = {
    chunker: fixedSize({ chunkSize: 16 }),
    layout: balanced({ maxChildrenPerNode: 2 }),
    wrapWithDirectory: true,
  }
  const plain = new Map<string, Uint8Array>([
    ['a', new Uint8Array()],
    ['tree', tree],
    ['tree again', tree],
    ['same leaves', Buffer.concat([leaf, leaf, random.bytes(16), leaf])],
  ])
  const older = new Map([['older', random.bytes(40)]])
  const sharded = new Map([...'xyz'].map((name) => [name, random.bytes(9)]))
  const parts = {
    plain: await importDag(plain, options),
    older: await importDag(older, { ...options, rawLeaves: false, cidVersion: 0 }),
    sharded: await importDag(sharded, { ...options, shardSplitThresholdBytes: 0 }),
  }
  const link = symlinkTo('plain/a')
  const entries = Object.entries(parts).map(([name, { root }]) => ({ name, cid: root }))
  const root = folderOf([...entries, { name: 'link', cid: link.cid }])
  const blocks = blocksIn(root, link)
  for (const part of Object.values(parts)) {
    for (const [key, bytes] of part.blocks.map) blocks.map.set(key, bytes)
  }
  const files = new Map<string, Uint8Array>()
  for (const [name, part] of Object.entries(parts)) {
    for (const [path, bytes] of part.files) files.set(`${name}/${path}`, bytes)
  }
  return { title: 'small', root: root.cid, blocks, files }
}
