// SPDX-License-Identifier: AGPL-3.0-or-later
/** Items and CARs made to do harm: all are refused, and by whom is to blame. */
import { UnixFS } from 'ipfs-unixfs'
import { CID } from 'multiformats/cid'
import { describe, expect, it } from 'vitest'
import { errorCode } from '../../src/base/base.ts'
import { DagReader } from '../../src/content/car/dag-reader.ts'
import { encodeCarHeader, encodeSectionHead, encodeVarint } from '../../src/content/car-format.ts'
import { DAG_DEPTH_MAX } from '../../src/content/limits.ts'
import {
  fileSpans,
  listFolder,
  missingBlocks,
  resolvePath,
  walkDag,
} from '../../src/content/unixfs/unixfs.ts'
import { type Block, MEBIBYTE, rawBlock } from './content-support.ts'
import {
  asVersion0,
  blocksIn,
  carOfDag,
  dagNode,
  fileOf,
  folderOf,
  KeepingSink,
  type MemoryBlocks,
  readDag,
} from './dag-support.ts'

const hello = rawBlock(Buffer.from('hello'))
const world = rawBlock(Buffer.from('world'))
const pair = fileOf([hello, world].map(({ cid }) => ({ cid, sizeBytes: 5 })))
const shortFile = fileOf([{ cid: hello.cid, sizeBytes: 4 }])
const folder = folderOf([
  { cid: pair.cid, name: 'pair' },
  { cid: hello.cid, name: 'hello' },
])

function carOf(root: CID, blocks: readonly Block[]): Buffer {
  const sections = blocks.map(({ cid, bytes }) =>
    Buffer.concat([encodeSectionHead(cid, bytes.length), bytes]),
  )
  return Buffer.concat([encodeCarHeader(root), ...sections])
}

/** What a reader says to blocks, with both kinds of senders; in odd pieces unless they are many. */
function verdictOn(root: Block, blocks: readonly Block[], pieceBytes = 13): string | undefined {
  const verdicts = [true, false].map((dups) => {
    try {
      readDag(root.cid, carOf(root.cid, blocks), { dups, pieceLength: () => pieceBytes })
      return 'accepted'
    } catch (thrown) {
      return errorCode(thrown)
    }
  })
  return verdicts[0] === verdicts[1] ? verdicts[0] : verdicts.join(' and ')
}

describe('a sender', () => {
  it('is believed when it is honest', () => {
    expect(verdictOn(folder, [folder, hello, pair, hello, world])).toBe('accepted')
  })

  it.each<[string, Block, Block[], string]>([
    ['nothing at all', pair, [], 'CONTENT_TRUNCATED'],
    ['a block too few', pair, [pair, hello], 'CONTENT_TRUNCATED'],
    ['a block too many', pair, [pair, hello, world, world], 'CONTENT_WRONG_BYTES'],
    ['another order', pair, [pair, world, hello], 'CONTENT_WRONG_BYTES'],
    ['another item', pair, [hello], 'CONTENT_WRONG_BYTES'],
    ['a leaf before its node', pair, [hello, pair, world], 'CONTENT_WRONG_BYTES'],
    ['other bytes', pair, [pair, { cid: hello.cid, bytes: world.bytes }], 'CONTENT_WRONG_BYTES'],
    [
      'another node under its id',
      folder,
      [{ cid: folder.cid, bytes: pair.bytes }, hello, world],
      'CONTENT_WRONG_BYTES',
    ],
    [
      'a leaf longer than its file says',
      pair,
      [pair, { cid: hello.cid, bytes: Buffer.from('hello, hello') }, world],
      'CONTENT_WRONG_BYTES',
    ],
    // The tree may be the liar; but whoever has such an item did not check it.
    [
      'a leaf of another size than its file says',
      shortFile,
      [shortFile, hello],
      'CONTENT_WRONG_BYTES',
    ],
    [
      'the rest of a block later',
      pair,
      [pair, { cid: hello.cid, bytes: Buffer.from('hel') }, world],
      'CONTENT_WRONG_BYTES',
    ],
    [
      'a leaf beyond the largest',
      hello,
      [{ cid: hello.cid, bytes: new Uint8Array(2 * MEBIBYTE + 1) }],
      'CONTENT_WRONG_BYTES',
    ],
  ])('that sends %s is not', (_title, root, blocks, verdict) => {
    expect(verdictOn(root, blocks)).toBe(verdict)
  })

  it.each<[string, Uint8Array]>([
    ['a CAR of version 2', Buffer.from('0aa16776657273696f6e02', 'hex')],
    ['a header that is no CBOR', Buffer.from('04ffffffff', 'hex')],
    ['an endless header', encodeVarint(2 ** 40)],
    ['an endless number', Buffer.alloc(20, 0xff)],
    ['an empty header', Buffer.from([0])],
    ['an endless block', Buffer.concat([encodeCarHeader(pair.cid), encodeVarint(2 ** 45)])],
    ['a block without an id', Buffer.concat([encodeCarHeader(pair.cid), encodeVarint(33)])],
    [
      'a number in two spellings',
      Buffer.concat([encodeCarHeader(pair.cid), Buffer.from([0xa4, 0])]),
    ],
  ])('that sends %s is not', (_title, bytes) => {
    const reader = new DagReader(pair.cid, new KeepingSink(), { dups: true })
    expect(codeOf(() => reader.push(bytes))).toBe('CONTENT_WRONG_BYTES')
  })

  it('may not leave out what it was to send again', () => {
    const again = folderOf(['a', 'b'].map((name) => ({ cid: pair.cid, name })))
    const car = carOf(again.cid, [again, pair, hello, world])
    expect(readDag(again.cid, car, { dups: false }).reader.isWhole).toBe(true)
    expect(codeOf(() => readDag(again.cid, car, { dups: true }))).toBe('CONTENT_TRUNCATED')
  })

  it('may send files whose bytes lie in leaves, in nodes, and nowhere', () => {
    const inline = fileOf([], Buffer.from(' you'))
    const parts = [hello, inline, world].map(({ cid }, index) => ({
      cid,
      sizeBytes: 5 - (index % 2),
    }))
    const mixed = fileOf(parts)
    const { sink } = readDag(mixed.cid, carOf(mixed.cid, [mixed, hello, inline, world]), {
      dups: true,
    })
    expect(sink.files.get(mixed.cid.toString())).toEqual(Buffer.from('hello youworld'))
    const nothing = fileOf([{ cid: fileOf([]).cid, sizeBytes: 0 }])
    const empty = readDag(nothing.cid, carOf(nothing.cid, [nothing, fileOf([])]), { dups: true })
    expect(empty.sink.calls).toEqual(['block', 'block'])
    const before = fileOf(parts.slice(0, 1), Buffer.from('oh '))
    const older = readDag(before.cid, carOf(before.cid, [before, hello]), { dups: true })
    expect(older.sink.calls).toEqual(['block', 'block'])
  })

  it('may name a node by the other version of its id', () => {
    const older = { cid: asVersion0(pair.cid), bytes: pair.bytes }
    const { reader } = readDag(older.cid, carOf(older.cid, [older, hello, world]), { dups: true })
    expect(reader.totalBytes).toBe(10)
    expect(verdictOn(pair, [older, hello, world])).toBe('accepted')
  })
})

describe('what came before', () => {
  const verdict = (root: Block, ...blocks: Block[]): string | undefined =>
    codeOf(() => readDag(root.cid, carOf(root.cid, [root, ...blocks]), { dups: false }))

  it('is not taken where its size is another', () => {
    const entries = [10, 11].map((sizeBytes) => fileOf([{ cid: pair.cid, sizeBytes }]))
    const [right = pair, wrong = pair] = entries
    const folderWith = (second: Block): Block =>
      folderOf([right, second].map(({ cid }, index) => ({ cid, name: `${index}` })))
    const same = fileOf([hello, pair].map(({ cid }, index) => ({ cid, sizeBytes: 5 + 5 * index })))
    expect(verdict(folderWith(same), right, pair, hello, world, same)).toBe(undefined)
    expect(verdict(folderWith(wrong), right, pair, hello, world, wrong)).toBe('CONTENT_UNSUPPORTED')
  })

  it('is not taken for a part of a file when it is a folder', () => {
    const inner = folderOf([{ cid: hello.cid, name: 'x' }])
    const file = fileOf([{ cid: inner.cid, sizeBytes: 5 }])
    const root = folderOf([inner, file].map(({ cid }, index) => ({ cid, name: `${index}` })))
    expect(verdict(root, inner, hello, file)).toBe('CONTENT_UNSUPPORTED')
  })

  it('is not taken for a shard in another place', () => {
    const empty = emptyShard()
    const tops = [1, 1, 2].map((bucket) => shardAbove(empty, bucket))
    const folderWith = (...shards: (Block | undefined)[]): Block =>
      folderOf(shards.map((shard, index) => ({ cid: shard?.cid ?? hello.cid, name: `${index}` })))
    const [first = pair, again = pair, other = pair] = tops
    expect(verdict(folderWith(first, again), first, empty)).toBe(undefined)
    expect(verdict(folderWith(first, other), first, empty, other)).toBe('CONTENT_UNSUPPORTED')
    expect(verdict(folderWith(first, empty), first, empty)).toBe('CONTENT_UNSUPPORTED')
  })
})

describe('a path in front of a CAR', () => {
  it('is verified like everything else', async () => {
    const above = folderOf([{ cid: folder.cid, name: 'folder' }])
    const blocks = blocksIn(above, folder, pair, hello, world)
    const path = ['folder', 'pair']
    const car = await carOfDag({ root: above.cid, blocks }, { scope: 'all', dups: true }, path)
    const { reader, sink } = readDag(above.cid, car, { dups: true, path, pieceLength: () => 1 })
    expect(reader.totalBytes).toBe(10)
    expect(sink.files.get(pair.cid.toString())).toEqual(Buffer.from('helloworld'))
    expect(sink.calls.slice(0, 3)).toEqual(['block', 'block', 'fileStarted'])
    const other = carOf(above.cid, [above, folder, hello])
    expect(codeOf(() => readDag(above.cid, other, { dups: true, path }))).toBe(
      'CONTENT_WRONG_BYTES',
    )
    const leaf = readDag(above.cid, other, { dups: true, path: ['folder', 'hello'] })
    expect(leaf.reader.totalBytes).toBe(5)
  })

  it.each([[['nothing']], [['pair', 'x']], [['hello', 'x']]])('ends where it leads: %s', (path) => {
    const car = carOf(folder.cid, [folder, pair, hello, world])
    expect(codeOf(() => readDag(folder.cid, car, { dups: true, path }))).toBe(
      'CONTENT_NO_SUCH_PATH',
    )
  })

  it('cannot begin in a leaf', () => {
    const make = (): unknown =>
      new DagReader(hello.cid, new KeepingSink(), { dups: true, path: ['x'] })
    expect(codeOf(make)).toBe('CONTENT_NO_SUCH_PATH')
  })
})

describe('an item', () => {
  it.each<[string, Block, Block[]]>([
    ['of another size than its parent says', fileOf([{ cid: pair.cid, sizeBytes: 11 }]), [pair]],
    [
      'of a leaf that is larger than its file says',
      fileOf([{ cid: pair.cid, sizeBytes: 9 }]),
      [pair],
    ],
    ['with a folder for a part', fileOf([{ cid: folder.cid, sizeBytes: 5 }]), [folder]],
    ['with a folder in place of a shard', shardAbove(folder), [folder]],
    ['with an entry of another kind', folderOf([{ cid: foreign(), name: 'x' }]), []],
  ])('%s is refused, as no other peer could give better', (_title, root, blocks) => {
    expect(verdictOn(root, [root, ...blocks, hello, world])).toBe('CONTENT_UNSUPPORTED')
  })

  it('of 61 folders that stand for 2^60 files is refused at once', async () => {
    const { top, all } = doubled(60, hello, (cid) =>
      folderOf(['a', 'b'].map((name) => ({ cid, name }))),
    )
    expect(verdictOn(top, [...all, hello])).toBe('CONTENT_TRUNCATED and CONTENT_UNSUPPORTED')
    const blocks = blocksIn(...all, hello)
    expect(await countOf(walkDag(blocks, top.cid, { dups: false }))).toBe(61)
    expect(await missingBlocks(blocks.source, top.cid, { limit: 5 })).toEqual([])
    const car = await carOfDag({ root: top.cid, blocks }, { scope: 'all', dups: false })
    expect(car.length).toBeLessThan(20_000)
  })

  it('of 61 nodes that stand for 2^60 empty parts is refused at once', () => {
    const empty = rawBlock(new Uint8Array())
    const { top, all } = doubled(60, empty, (cid) =>
      fileOf([cid, cid].map((part) => ({ cid: part, sizeBytes: 0 }))),
    )
    expect(verdictOn(top, [...all, empty])).toBe('CONTENT_TRUNCATED and CONTENT_UNSUPPORTED')
  })

  it('that claims 2^60 bytes is refused before any of them came', () => {
    const parts = [pair.cid, pair.cid].map((cid) => ({ cid, sizeBytes: 2 ** 59 }))
    const top = fileOf(parts)
    expect(verdictOn(top, [top])).toBe('CONTENT_TOO_LARGE')
  })

  it('of small files that are too much together is refused', () => {
    const leaf = rawBlock(new Uint8Array(2 * MEBIBYTE))
    const { top, all } = doubled(18, leaf, (cid) =>
      folderOf(['a', 'b'].map((name) => ({ cid, name }))),
    )
    expect(verdictOn(top, [...all, leaf])).toBe('CONTENT_TRUNCATED and CONTENT_TOO_LARGE')
    // Half of what fits, and a file that would fit alone: refused before a byte of it came.
    const half = all[1] ?? top
    const large = fileOf([{ cid: pair.cid, sizeBytes: 2 ** 38 }])
    const both = folderOf([half, large].map(({ cid }, index) => ({ cid, name: `${index}` })))
    const car = carOf(both.cid, [both, ...all.slice(1), leaf, large])
    expect(codeOf(() => readDag(both.cid, car, { dups: false }))).toBe('CONTENT_TOO_LARGE')
  })

  it('of 10,000 levels is refused by everybody who would go down', async () => {
    const chain = chainOf(10_000)
    const top = chain[0] ?? folder
    const blocks = blocksIn(...chain, hello)
    expect(verdictOn(top, [...chain, hello])).toBe('CONTENT_UNSUPPORTED')
    expect(await countOf(walkDag(blocks, top.cid, { dups: true })).catch(errorCode)).toBe(
      'CONTENT_UNSUPPORTED',
    )
    const deep = carOfDag({ root: top.cid, blocks }, { scope: 'all', dups: true })
    expect(await deep.catch(errorCode)).toBe('CONTENT_UNSUPPORTED')
    const path = Array.from({ length: 9999 }, () => 'x')
    expect(await resolvePath(blocks, top.cid, path).catch(errorCode)).toBe('CONTENT_UNSUPPORTED')
    const short = chainOf(DAG_DEPTH_MAX)
    expect(verdictOn(short[0] ?? folder, [...short, hello])).toBe('accepted')
  })

  it('of deep files is refused by whoever reads them', async () => {
    const nodes = [fileOf([{ cid: hello.cid, sizeBytes: 5 }])]
    while (nodes.length < 200) nodes.unshift(fileOf([{ cid: cidOfFirst(nodes), sizeBytes: 5 }]))
    const liar = fileOf([{ cid: pair.cid, sizeBytes: 11 }])
    const lies = fileSpans(blocksIn(liar, pair), liar.cid, { start: 0, end: 9 })
    expect(await countOf(lies).catch(errorCode)).toBe('CONTENT_UNSUPPORTED')
    const spans = fileSpans(blocksIn(...nodes, hello), cidOfFirst(nodes), { start: 0, end: 9 })
    expect(await countOf(spans).catch(errorCode)).toBe('CONTENT_UNSUPPORTED')
  })

  it('of folders that are each as large as can be does not fill the memory', () => {
    const bulky = (cid: CID): Block =>
      folderOf([
        { cid, name: 'next' },
        ...Array.from({ length: 30_000 }, (_, index) => ({ cid: hello.cid, name: `x${index}` })),
      ])
    const chain = [bulky(hello.cid)]
    while (chain.length < 7) chain.unshift(bulky(cidOfFirst(chain)))
    const top = chain[0] ?? folder
    expect(verdictOn(top, [...chain, hello], 65_536)).toBe('CONTENT_UNSUPPORTED')
  })

  it('that is no folder cannot be listed', async () => {
    const blocks = blocksIn(pair, hello, shardAbove(folder), folder)
    for (const { cid } of [pair, hello, shardAbove(folder)]) {
      expect(await countOf(listFolder(blocks, cid)).catch(errorCode)).toBe('CONTENT_UNSUPPORTED')
    }
    expect(
      await countOf(fileSpans(blocks, folder.cid, { start: 0, end: 1 })).catch(errorCode),
    ).toBe('CONTENT_UNSUPPORTED')
  })
})

describe('a store with an item that contradicts itself', () => {
  it('sends none of what does not fit, and goes on with none of it', async () => {
    const blocks = blocksIn(shortFile, hello)
    const sent = carOfDag({ root: shortFile.cid, blocks }, { scope: 'all', dups: true })
    expect(await sent.catch(errorCode)).toBe('CONTENT_UNSUPPORTED')
    const reader = new DagReader(shortFile.cid, new KeepingSink(), { dups: true })
    expect(await reader.replay(blocks.source).catch(errorCode)).toBe('CONTENT_UNSUPPORTED')
  })
})

describe('whoever waits', () => {
  it('can be told to stop', async () => {
    const blocks: MemoryBlocks = blocksIn(folder, pair, hello, world)
    const signal = AbortSignal.abort(new Error('enough'))
    const waits = [
      countOf(walkDag(blocks, folder.cid, { dups: true, signal })),
      countOf(listFolder(blocks, folder.cid, { signal })),
      countOf(fileSpans(blocks, pair.cid, { start: 0, end: 9, signal })),
      resolvePath(blocks, folder.cid, ['pair'], { signal }),
      carOfDag({ root: folder.cid, blocks }, { scope: 'all', dups: true, signal }),
      new DagReader(folder.cid, new KeepingSink(), { dups: true }).replay(blocks.source, {
        signal,
      }),
    ]
    for (const wait of waits) await expect(wait).rejects.toThrow('enough')
  })
})

function codeOf(act: () => unknown): string | undefined {
  try {
    act()
  } catch (thrown) {
    return errorCode(thrown)
  }
  return undefined
}

async function countOf(items: AsyncIterable<unknown>): Promise<number> {
  let count = 0
  for await (const _item of items) count += 1
  return count
}

/** `levels` blocks, each made of the next one twice; the one at the top first. */
function doubled(
  levels: number,
  bottom: Block,
  make: (cid: CID) => Block,
): { top: Block; all: Block[] } {
  const all: Block[] = []
  let top = bottom
  for (let level = 0; level < levels; level++) {
    top = make(top.cid)
    all.unshift(top)
  }
  return { top, all }
}

/** Folders in folders, the outermost first. */
function chainOf(length: number): Block[] {
  const chain = [folderOf([{ cid: hello.cid, name: 'x' }])]
  for (let count = 1; count < length; count++) {
    chain.push(folderOf([{ cid: chain.at(-1)?.cid ?? hello.cid, name: 'x' }]))
  }
  return chain.reverse()
}

function cidOfFirst(blocks: readonly Block[]): CID {
  return blocks[0]?.cid ?? hello.cid
}

/** The data of a shard whose children are these. */
function shardData(...buckets: number[]): Uint8Array {
  const bits = buckets.reduce((sum, bucket) => sum | (1 << bucket), 0)
  const unixfs = new UnixFS({
    type: 'hamt-sharded-directory',
    data: Uint8Array.of(bits),
    fanout: 256n,
    hashType: 0x22n,
  })
  return unixfs.marshal()
}

function emptyShard(): Block {
  return dagNode(shardData())
}

function shardAbove({ cid }: Block, bucket = 1): Block {
  return dagNode(shardData(bucket), [{ cid, name: `0${bucket}` }])
}

/** An id of DAG-CBOR. */
function foreign(): CID {
  return CID.createV1(0x71, hello.cid.multihash)
}
