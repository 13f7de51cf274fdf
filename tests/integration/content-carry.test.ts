// SPDX-License-Identifier: AGPL-3.0-or-later
/** Items go out in CAR files and come in again, from here and from other software. */
import { createHash } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { encode } from '@ipld/dag-cbor'
import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'
import { afterEach, describe, expect, it } from 'vitest'
import { SeededRandom } from '../../src/base/base.ts'
import { decodeNotes } from '../../src/content/carrying/notes.ts'
import type { Content, Refused } from '../../src/content/content.ts'
import { type RefusalDesk, refusesNothing } from '../../src/content/refusing.ts'
import { cidOf, RAW } from '../../src/content/unixfs/unixfs.ts'
import { eachOf, fileEntry, folderEntry, symlinkEntry } from '../unit/content-folder-support.ts'
import { sha256 } from '../unit/content-support.ts'
import { fileOf, folderOf, randomDag } from '../unit/dag-support.ts'
import {
  carOf,
  contentsOf,
  exportFrom,
  fates,
  fixture,
  given,
  headerOf,
  importInto,
  version2Of,
} from './carry-support.ts'
import {
  bodiesIn,
  bytesOf,
  Cleanup,
  FakeCity,
  inPieces,
  MEBIBYTE,
  never,
  readAll,
  startNode,
  type TestNode,
  type TestNodeOptions,
} from './content-support.ts'

let cleanup = new Cleanup()
afterEach(async () => {
  await cleanup.run()
  cleanup = new Cleanup()
})

let nodesCount = 0
function node(more: Partial<TestNodeOptions> = {}): Promise<TestNode> {
  nodesCount += 1
  return startNode({ name: `node ${nodesCount}`, city: new FakeCity(), cleanup, ...more })
}

async function add(content: Content, name: string, bytes: Uint8Array): Promise<CID> {
  const options = { name, visibility: 'private', signal: never } as const
  return (await content.add(inPieces(bytes), options)).cid
}

const LARGE = bytesOf(31, 3 * MEBIBYTE + 7)

async function addFolder(content: Content): Promise<CID> {
  const entries = [
    folderEntry('photos'),
    fileEntry('photos/large.bin', LARGE),
    fileEntry('photos/größe 日本', 'hello'),
    fileEntry('photos/empty', ''),
    symlinkEntry('photos/link', 'large.bin'),
    ...Array.from({ length: 3000 }, (_, index) =>
      fileEntry(`many/file number ${index}`, `${index}`),
    ),
  ]
  const options = { name: 'photos', visibility: 'private', signal: never, title: 'Summer' } as const
  const { item } = await content.addFolder(eachOf(entries), { ...options, licence: 'CC0-1.0' })
  return item.cid
}

/** What an item is, without where and when. */
function factsOf(content: Content, cid: CID): unknown {
  const item = content.get(cid)
  if (item === undefined) return undefined
  return { ...item, sequence: 0, addedAtMs: 0, revision: 0 }
}

describe('a round trip', () => {
  it('keeps folders, files and what is said about them', async () => {
    const [from, to] = [await node(), await node()]
    const cids = [await add(from.content, 'film.bin', LARGE), await addFolder(from.content)]
    const report = await importInto(to.content, await exportFrom(from.content, ...cids))
    expect(fates(report)).toEqual(cids.map((cid) => `item ${cid}`))
    expect(report).toMatchObject({ wrongCount: 0, foreignCount: 0, problem: undefined })
    for (const cid of cids) {
      expect(factsOf(to.content, cid)).toEqual(factsOf(from.content, cid))
    }
    expect((await readAll(to.content.openBytes(given(cids[0])))).equals(LARGE)).toBe(true)
    const found = await to.content.resolve(given(cids[1]), ['photos', 'large.bin'])
    if (found.kind !== 'found') throw new Error(found.kind)
    expect((await readAll(to.content.openBytes(found.cid))).equals(LARGE)).toBe(true)
    // The large file lies by itself, once; not in a pack.
    expect(await bodiesIn(to.folder)).toEqual([cids[0]?.toString()])
    // And out again, the same bytes.
    const again = await exportFrom(to.content, ...cids)
    expect(again.equals(await exportFrom(from.content, ...cids))).toBe(true)
  })

  it('survives a restart, also when the index has to be made anew', async () => {
    const [from, to] = [await node(), await node()]
    const cid = await addFolder(from.content)
    await importInto(to.content, await exportFrom(from.content, cid))
    await to.stop()
    for (const file of await readdir(to.folder)) {
      if (file.startsWith('citynode.db')) {
        const { rm } = await import('node:fs/promises')
        await rm(join(to.folder, file))
      }
    }
    const again = await node({ folder: to.folder })
    expect(factsOf(again.content, cid)).toEqual(factsOf(from.content, cid))
    expect((await exportFrom(again.content, cid)).length).toBeGreaterThan(LARGE.length)
  })

  it('has what other software reads: items first, each block once, all of them right', async () => {
    const { content } = await node()
    const one = await add(content, 'one', bytesOf(1, 2 * MEBIBYTE))
    const two = await add(content, 'two', Buffer.concat([bytesOf(1, 2 * MEBIBYTE), bytesOf(2, 9)]))
    const { roots, blocks } = await contentsOf(await exportFrom(content, one, two))
    expect(roots.slice(0, 2).map(String)).toEqual([one, two].map(String))
    const [notes] = blocks
    expect(roots[2]?.equals(notes?.cid)).toBe(true)
    expect(
      [...decodeNotes(notes?.bytes ?? new Uint8Array()).values()].map(({ name }) => name),
    ).toEqual(['one', 'two'])
    for (const { cid, bytes } of blocks) {
      expect(Buffer.from(sha256(bytes)).equals(cid.multihash.digest)).toBe(true)
    }
    // Two leaves are in both.
    expect(blocks).toHaveLength(1 + 3 + 2)
    expect(new Set(blocks.map(({ cid }) => cid.toString())).size).toBe(blocks.length)
  })

  it('says before the first byte what cannot be exported', async () => {
    const { content, folder } = await node()
    const cid = await add(content, 'a', LARGE)
    const stranger = cidOf(RAW, sha256(Buffer.from('not here')))
    expect(() => content.exportCar([stranger], never)).toThrow(/does not have that item/)
    const { truncate } = await import('node:fs/promises')
    const [body] = await bodiesIn(folder)
    const path = join(folder, 'content', 'files')
    const file = (await readdir(path, { recursive: true })).find((name) =>
      name.endsWith(body ?? '-'),
    )
    await truncate(join(path, file ?? ''), 1000)
    await expect(exportFrom(content, cid)).rejects.toMatchObject({ code: 'CONTENT_DAMAGED' })
    expect(() => content.exportCar([cid], never)).toThrow(/Parts of the item are missing/)
  })
})

describe('from other software', () => {
  it.each([
    ['dir-listing', 'item'],
    ['dir-with-duplicate-files', 'item'],
    ['dir-with-files', 'item'],
    ['dir-with-percent-encoded-filename', 'item'],
    // Folders with slashes in their names: nobody keeps those.
    ['inside-root', 'unsupported'],
    ['outside-root', 'unsupported'],
    ['single-layer-hamt-with-multi-block-files', 'item'],
    ['subdir-with-mixed-block-files', 'item'],
    ['subdir-with-two-single-block-files', 'item'],
    ['symlink', 'item'],
    ['gateway-cache', 'item'],
    ['file-3k-and-3-blocks-missing-block', 'incomplete'],
    ['dir-with-dag-cbor-with-links', 'unsupported'],
  ])('takes %s of the conformance suite: %s', async (name, kind) => {
    const { content } = await node()
    const car = await fixture(name)
    const { roots, blocks } = await contentsOf(car)
    const report = await importInto(content, car, { pieceLength: 7 })
    expect(report.roots.map((root) => root.kind)).toEqual(roots.map(() => kind))
    expect(report).toMatchObject({ wrongCount: 0, refusedCount: 0, problem: undefined })
    expect(report.blocksCount + report.foreignCount).toBe(blocks.length)
    expect(content.list().length).toBe(kind === 'item' ? roots.length : 0)
    expect(fates(await importInto(content, version2Of(car)))).toEqual(fates(report))
  })

  it('takes folders and files of all layouts, their blocks in any order', async () => {
    for (let seed = 1; seed <= 40; seed++) {
      const random = new SeededRandom(seed)
      const dag = await randomDag(random)
      const blocks = [...dag.blocks.map].map(([key, bytes]) => {
        const codec = key.startsWith(`${RAW}:`) ? RAW : 0x70
        return { cid: cidOf(codec, sha256(bytes)), bytes }
      })
      for (let at = blocks.length - 1; at > 0; at--) {
        const other = Math.floor(random.unit() * (at + 1))
        ;[blocks[at], blocks[other]] = [given(blocks[other]), given(blocks[at])]
      }
      const { content, stop } = await node()
      const report = await importInto(content, carOf({ roots: [dag.root], blocks }))
      expect(fates(report), dag.title).toEqual([`item ${dag.root.toV1()}`])
      for (const [path, bytes] of dag.files) {
        const found = await content.resolve(dag.root, path.split('/').filter(Boolean))
        if (found.kind !== 'found') throw new Error(`${path} is ${found.kind}: ${dag.title}`)
        const read = await readAll(content.openBytes(found.cid))
        expect(read.equals(bytes), `${path} of ${dag.title}`).toBe(true)
      }
      await stop()
    }
  })

  it('keeps large files by themselves when their nodes come first, whatever comes between', async () => {
    const [from, depthFirst, breadthFirst, leavesFirst] = await Promise.all([
      node(),
      node(),
      node(),
      node(),
    ])
    const cid = await add(from.content, 'a', bytesOf(7, 2100 * 1024 + 1))
    const other = await add(from.content, 'b', bytesOf(8, 5 * MEBIBYTE))
    const { roots, blocks } = await contentsOf(await exportFrom(from.content, cid, other))
    await importInto(depthFirst.content, carOf({ roots, blocks }))
    expect(await bodiesIn(depthFirst.folder)).toEqual([cid.toString(), other.toString()].sort())
    const nodes = blocks.filter((block) => block.cid.code !== RAW)
    const leaves = blocks.filter((block) => block.cid.code === RAW)
    // Leaves of both files in turn, last ones first.
    await importInto(
      breadthFirst.content,
      carOf({ roots, blocks: [...nodes, ...leaves.reverse()] }),
    )
    expect(await bodiesIn(breadthFirst.folder)).toEqual([cid.toString(), other.toString()].sort())
    await importInto(leavesFirst.content, carOf({ roots, blocks: [...leaves, ...nodes] }))
    expect(await bodiesIn(leavesFirst.folder)).toEqual([])
    for (const { content } of [depthFirst, breadthFirst, leavesFirst]) {
      expect((await readAll(content.openBytes(cid))).equals(bytesOf(7, 2100 * 1024 + 1))).toBe(true)
      expect((await readAll(content.openBytes(other))).equals(bytesOf(8, 5 * MEBIBYTE))).toBe(true)
    }
  })
})

describe('parts', () => {
  it('come together in any order, over a restart', async () => {
    const from = await node()
    const cid = await addFolder(from.content)
    const { roots, blocks } = await contentsOf(await exportFrom(from.content, cid))
    const third = Math.ceil(blocks.length / 3)
    const parts = [2, 0, 1].map((part) =>
      carOf({
        roots,
        blocks: [...blocks.slice(0, 1), ...blocks.slice(part * third, (part + 1) * third)],
      }),
    )
    let to = await node()
    for (const part of parts.slice(0, 2)) {
      const [root] = (await importInto(to.content, part)).roots
      expect(root).toMatchObject({ kind: 'incomplete', isMore: false })
      expect(to.content.list()).toEqual([])
    }
    await to.stop()
    to = await node({ folder: to.folder })
    expect(to.content.list()).toEqual([])
    expect(fates(await importInto(to.content, given(parts[2])))).toEqual([`item ${cid}`])
    expect(factsOf(to.content, cid)).toEqual(factsOf(from.content, cid))
  })

  it('can be completed by getting the rest', async () => {
    const city = new FakeCity()
    const from = await node({ city })
    const cid = await add(from.content, 'a', LARGE)
    await from.content.update(cid, { visibility: 'public' })
    const { roots, blocks } = await contentsOf(await exportFrom(from.content, cid))
    const to = await node({ city })
    const report = await importInto(to.content, carOf({ roots, blocks: blocks.slice(0, -1) }))
    expect(fates(report)).toEqual([`incomplete ${cid}: 1`])
    let knownBytes = 0
    await to.content.fetch(cid, {
      visibility: 'private',
      signal: never,
      onReport: (fetched) => {
        knownBytes = fetched.knownBytes
      },
    })
    // The one leaf that was missing came by itself; the rest was here.
    expect(knownBytes).toBe(LARGE.length)
    expect((await readAll(to.content.openBytes(cid))).equals(LARGE)).toBe(true)
  })
})

describe('a hostile or broken file', () => {
  const small = folderOf([
    { name: 'a', cid: cidOf(RAW, sha256(Buffer.from('hello'))), totalBytes: 5 },
  ])
  const leaf = { cid: cidOf(RAW, sha256(Buffer.from('hello'))), bytes: Buffer.from('hello') }
  const car = carOf({ roots: [small.cid], blocks: [small, leaf] })

  async function outcome(content: Content, bytes: Uint8Array): Promise<string> {
    try {
      return fates(await importInto(content, bytes)).join()
    } catch (thrown) {
      expect(thrown).toMatchObject({ code: 'CONTENT_BAD_CAR' })
      return 'bad'
    }
  }

  it('brings an item or none, at whatever byte it is cut or wrong', async () => {
    const whole = `item ${small.cid}`
    for (let at = 0; at < car.length; at++) {
      const { content, stop } = await node()
      expect(await outcome(content, car.subarray(0, at)), `cut at ${at}`).not.toBe(whole)
      expect(content.list(), `cut at ${at}`).toEqual([])
      const damaged = Buffer.from(car)
      damaged[at] = (damaged[at] ?? 0) ^ (1 << (at % 8))
      await outcome(content, damaged)
      for (const { cid } of content.list()) {
        // A flipped bit of the header can name another root that is here: the leaf.
        const isReal = cid.equals(small.cid) || cid.equals(leaf.cid)
        expect(isReal, `wrong at ${at}`).toBe(true)
      }
      expect(await outcome(content, car), `after byte ${at}`).toBe(whole)
      await stop()
    }
  }, 60_000)

  it('has its wrong blocks counted, and the rest is kept', async () => {
    const { content } = await node()
    const wrong = { cid: leaf.cid, bytes: Buffer.from('jello') }
    const report = await importInto(content, carOf({ roots: [small.cid], blocks: [wrong, small] }))
    expect(report).toMatchObject({ wrongCount: 1, blocksCount: 1 })
    expect(fates(report)).toEqual([`incomplete ${small.cid}: 1`])
  })

  const withHeader = (header: unknown): Buffer => {
    const bytes = encode(header)
    return Buffer.concat([Buffer.from([bytes.length]), bytes])
  }

  it.each<[string, () => Uint8Array]>([
    ['nothing', () => new Uint8Array()],
    ['text', () => Buffer.from('hello, this is no archive of any kind')],
    ['zeros', () => Buffer.alloc(1000)],
    ['an endless header', () => Buffer.from('ffffffffffffff7f', 'hex')],
    ['a length without end', () => Buffer.alloc(100, 0xff)],
    ['too many roots', () => headerOf(Array.from({ length: 17_000 }, () => leaf.cid))],
    ['a version of the future', () => headerOf([leaf.cid], 3)],
    ['a CARv2 in a CARv2', () => version2Of(version2Of(car))],
    ['a CARv2 that begins before itself', () => version2Of(car).fill(0, 27, 35)],
    ['roots that are none', () => withHeader({ version: 1, roots: ['hello'] })],
    ['no roots', () => withHeader({ version: 1 })],
    ['nesting', () => Buffer.concat([Buffer.from('9060', 'hex'), Buffer.alloc(12_304, 0x81)])],
  ])('is refused: %s', async (_title, make) => {
    const { content } = await node()
    await expect(importInto(content, make())).rejects.toMatchObject({ code: 'CONTENT_BAD_CAR' })
    expect(content.list()).toEqual([])
  })

  it('cannot make a few blocks stand for endless work', async () => {
    const { content } = await node()
    let last: { cid: CID; bytes: Uint8Array } = leaf
    const blocks = [last]
    for (let level = 0; level < 40; level++) {
      last = folderOf([
        { name: 'a', cid: last.cid },
        { name: 'b', cid: last.cid },
      ])
      blocks.push(last)
    }
    const roots = blocks.slice(-20).map(({ cid }) => cid)
    const report = await importInto(content, carOf({ roots, blocks }))
    expect(new Set(report.roots.map(({ kind }) => kind))).toEqual(new Set(['unsupported']))
    expect(content.list()).toEqual([])
  }, 120_000)

  it('cannot make the store look full by what a node says of its size', async () => {
    const { content } = await node({ options: { storeBytesMax: 100 * MEBIBYTE } })
    const claim = 200 * 1024 * MEBIBYTE
    const bytes = Buffer.alloc(MEBIBYTE, 1)
    const part = { cid: cidOf(RAW, sha256(bytes)), bytes }
    const rest = fileOf([{ cid: leaf.cid, sizeBytes: claim - MEBIBYTE }])
    const file = fileOf([
      { cid: part.cid, sizeBytes: MEBIBYTE },
      { cid: rest.cid, sizeBytes: claim - MEBIBYTE },
    ])
    await importInto(content, carOf({ roots: [file.cid], blocks: [file, part] }))
    expect(content.statistics().storedBytes).toBeLessThan(10 * MEBIBYTE)
    await add(content, 'mine', LARGE)
  })

  it('leaves nothing behind of what belongs to no root', async () => {
    const { content } = await node()
    const stray = bytesOf(5, 500_000)
    const block = { cid: cidOf(RAW, sha256(stray)), bytes: stray }
    await importInto(content, carOf({ roots: [small.cid], blocks: [block, small, leaf] }))
    expect(() => content.exportCar([block.cid], never)).toThrow(/does not have/)
    await expect(readAll(content.openBytes(block.cid))).rejects.toMatchObject({
      code: 'CONTENT_NOT_HERE',
    })
  })

  it('does not become an item when it is called off', async () => {
    const { content } = await node()
    const aborter = new AbortController()
    async function* halting(): AsyncGenerator<Uint8Array> {
      yield car.subarray(0, -3)
      aborter.abort(new Error('enough'))
      await new Promise(() => {})
    }
    const { signal } = aborter
    await expect(content.importCar(halting(), { visibility: 'public', signal })).rejects.toThrow(
      'enough',
    )
    expect(content.list()).toEqual([])
  })
})

it('does not make one item’s blocks another’s: what is private stays so', async () => {
  const [from, to] = [await node(), await node()]
  const secret = await add(from.content, 'secret', Buffer.from('secret'))
  const open = await add(from.content, 'open', Buffer.from('open'))
  await importInto(to.content, await exportFrom(from.content, secret, open))
  await to.content.update(open, { visibility: 'public' })
  expect((await fetch(`${to.url}/ipfs/${open}?format=raw`)).status).toBe(200)
  expect((await fetch(`${to.url}/ipfs/${secret}?format=raw`)).status).toBe(404)
  await importInto(to.content, await exportFrom(from.content, secret), { visibility: 'public' })
  expect((await fetch(`${to.url}/ipfs/${secret}?format=raw`)).status).toBe(200)
})

it('does not take what is refused here', async () => {
  const from = await node()
  const one = await add(from.content, 'one', Buffer.from('one'))
  const folder = await addFolder(from.content)
  const hello = createHash('sha256').update('hello').digest()
  const refused = [one.multihash.digest, hello]
  const refusal = (digest: Uint8Array): Refused | undefined =>
    refused.some((other) => Buffer.compare(digest, other) === 0)
      ? { kind: 'listed', status: 451, reason: '', source: '', note: '' }
      : undefined
  const refusals: RefusalDesk = {
    ...refusesNothing,
    isEmpty: false,
    check: ({ cid }) => refusal(cid.multihash.digest),
    checkDigest: refusal,
  }
  const to = await node({ deps: { refusals } })
  const report = await importInto(to.content, await exportFrom(from.content, one, folder))
  expect(fates(report)).toEqual([`refused ${one}`, `incomplete ${folder}: 1`])
  expect(report.refusedCount).toBe(2)
  expect(to.content.list()).toEqual([])
})

it('believes nothing of notes but their words', async () => {
  const { content } = await node()
  const leaf = { cid: cidOf(RAW, sha256(Buffer.from('x'))), bytes: Buffer.from('x') }
  const bytes = encode({
    citynode: 'items',
    version: 1,
    items: [
      {
        root: leaf.cid,
        name: '../../etc/\u001b[31mpasswd',
        title: 'a\u0000b',
        kind: 'no kind',
        language: 7,
        description: 'd'.repeat(10_000),
        licence: null,
        publication: new Uint8Array(100_000),
        visibility: 'public',
      },
    ],
  })
  const notes = { cid: CID.createV1(0x71, Digest.create(0x12, sha256(bytes))), bytes }
  await importInto(content, carOf({ roots: [leaf.cid, notes.cid], blocks: [leaf, notes] }))
  expect(content.get(leaf.cid)).toMatchObject({
    name: '....etc[31mpasswd',
    title: 'ab',
    kind: 'application/octet-stream',
    language: '',
    licence: '',
    visibility: 'private',
    publication: undefined,
  })
  expect(content.get(leaf.cid)?.description.length).toBe(4096)
})
