// SPDX-License-Identifier: AGPL-3.0-or-later
/** The owner's desk on a real store: folders in and out, references, what is published. */
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { CodedError, parseCid, peerIdFromPublicKey } from '../../src/base/base.ts'
import { tarOfFolder } from '../../src/cli/folder-stream.ts'
import { writeFolder } from '../../src/cli/folder-writer.ts'
import { type DeskAddOptions, OwnerDesk } from '../../src/content/content.ts'
import {
  Cleanup,
  FakeCity,
  inPieces,
  never,
  readAll,
  startNode,
  type TestNode,
} from './content-support.ts'

const UNKNOWN_CID = parseCid('bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy')
const PUBLISHER = peerIdFromPublicKey(new Uint8Array(32).fill(7))
const cleanup = new Cleanup()
let city: FakeCity
let node: TestNode
let desk: OwnerDesk
let folder: string
let isWithdrawn: boolean

beforeEach(async () => {
  city = new FakeCity()
  node = await startNode({ name: 'a', city, cleanup })
  folder = await mkdtemp(join(tmpdir(), 'citynode-desk-'))
  cleanup.add(() => rm(folder, { recursive: true, force: true }))
  isWithdrawn = false
  desk = deskOf(node)
})

afterEach(() => cleanup.run())

/** A desk whose refusals sign nothing, but remember. */
function deskOf({ content, folder: dataFolder }: TestNode): OwnerDesk {
  const publication = Uint8Array.of(1)
  return new OwnerDesk({
    content,
    dataFolder,
    refusals: {
      publicationOf: () => ({
        publisher: PUBLISHER,
        publication,
        nextSequence: 2,
        withdrawal: isWithdrawn ? publication : undefined,
        isShared: true,
      }),
      refusalOf: () =>
        isWithdrawn
          ? {
              kind: 'withdrawn',
              status: 410,
              reason: 'It was withdrawn.',
              source: PUBLISHER,
              note: '',
            }
          : undefined,
      publish: async (root, title) => {
        isWithdrawn = false
        return { record: { root, by: PUBLISHER, sequence: 1, title }, bytes: publication }
      },
      withdraw: async (root, reason) => {
        isWithdrawn = true
        return { record: { root, by: PUBLISHER, sequence: 2, reason }, bytes: publication }
      },
    },
  })
}

const PRIVATE: DeskAddOptions = {
  name: 'tree',
  visibility: 'private',
  keepsMode: false,
  keepsTime: false,
  signal: never,
}

async function makeTree(): Promise<string> {
  const tree = join(folder, 'tree')
  await mkdir(join(tree, 'docs/deep'), { recursive: true })
  await writeFile(join(tree, 'a.txt'), 'hello city')
  await writeFile(join(tree, 'docs/large.bin'), Buffer.alloc(2_500_000, 'large '))
  await writeFile(join(tree, 'docs/deep/empty'), '')
  await symlink('docs/large.bin', join(tree, 'link'))
  return tree
}

const noSkips = { signal: never, onSkipped: () => {} }

describe('a folder', () => {
  it('comes out as it went in, and has the same CID by archive and by reference', async () => {
    const tree = await makeTree()
    const { item, counts, newBytes } = await desk.addArchive(tarOfFolder(tree, noSkips), PRIVATE)
    expect(item).toMatchObject({ shape: 'folder', sizeBytes: 2_500_010, name: 'tree' })
    expect(counts).toMatchObject({ filesCount: 3, symlinksCount: 1 })
    expect(newBytes).toBeGreaterThan(2_500_000)
    const place = await desk.place(item.cid, [], never)
    const out = join(folder, 'out')
    const archive = desk.archive(place, { absent: 'zero', signal: never })
    await writeFolder(out, archive, { mayLeadOut: false, onProgress: () => {} })
    const back = await desk.addArchive(tarOfFolder(out, noSkips), PRIVATE)
    expect(back.item.cid.toString()).toBe(item.cid.toString())
    expect(back.newBytes).toBe(0)
    const referred = await desk.addReference(tree, { ...PRIVATE, ...noSkips })
    expect(referred.item.cid.toString()).toBe(item.cid.toString())
  })

  it('is looked into by path', async () => {
    const tree = await makeTree()
    const { item } = await desk.addArchive(tarOfFolder(tree, noSkips), PRIVATE)
    const root = await desk.place(item.cid, [], never)
    const entries = await Array.fromAsync(desk.entries(root, never))
    expect(entries).toMatchObject([
      { name: 'a.txt', shape: 'file', sizeBytes: 10 },
      { name: 'docs', shape: 'folder', sizeBytes: undefined },
      { name: 'link', shape: 'symlink', target: 'docs/large.bin' },
    ])
    const file = await desk.place(item.cid, ['docs', 'large.bin'], never)
    const range = { start: 2_499_998, end: 2_500_000, signal: never }
    expect((await readAll(desk.openBytes(file, range))).toString()).toBe(
      Buffer.alloc(2_500_000, 'large ').subarray(-2).toString(),
    )
    expect(() => desk.openBytes(root, range)).toThrow(/a folder, not a file/)
    expect(() => desk.entries(file, never)).toThrow(/not a folder/)
    const missing = desk.place(item.cid, ['docs', 'none'], never)
    await expect(missing).rejects.toMatchObject({ code: 'CONTENT_NO_SUCH_PATH' })
    const through = desk.place(item.cid, ['link', 'x'], never)
    await expect(through).rejects.toMatchObject({ code: 'CONTENT_SYMLINK' })
  })

  it('that is here makes no item of a file that is asked for in it', async () => {
    const tree = await makeTree()
    const { item } = await desk.addArchive(tarOfFolder(tree, noSkips), PRIVATE)
    const options = { path: ['a.txt'], isKept: false, signal: never, onProgress: () => {} }
    const got = await desk.fetch(item.cid, { ...options, visibility: 'private' })
    expect(got.item.cid.toString()).toBe(item.cid.toString())
    expect(got).toMatchObject({ place: { shape: 'file', sizeBytes: 10 }, report: undefined })
    expect(desk.list()).toHaveLength(1)
    await desk.fetch(item.cid, { ...options, visibility: 'public' })
    expect(desk.list().map(({ visibility }) => visibility)).toEqual(['private', 'public'])
  })

  it('goes to another node, and a part of it too', async () => {
    const tree = await makeTree()
    const options = { ...PRIVATE, visibility: 'public' } as const
    const { item } = await desk.addArchive(tarOfFolder(tree, noSkips), options)
    const other = deskOf(await startNode({ name: 'b', city, cleanup }))
    const wanted = { visibility: 'private', isKept: true, signal: never } as const
    const one = await other.fetch(item.cid, { ...wanted, path: ['a.txt'], onProgress: () => {} })
    expect(one).toMatchObject({ item: { sizeBytes: 10, isKept: true }, place: { shape: 'file' } })
    const all = await other.fetch(item.cid, { ...wanted, path: [], onProgress: () => {} })
    expect(all.report?.attempts).toMatchObject([{ code: undefined, toBytes: 2_500_010 }])
    const archive = other.archive(all.place, { absent: 'zero', signal: never })
    const out = join(folder, 'out')
    await writeFolder(out, archive, { mayLeadOut: false, onProgress: () => {} })
    expect(await readFile(join(out, 'docs/large.bin'))).toEqual(
      await readFile(join(tree, 'docs/large.bin')),
    )
    const nowhere = other.fetch(UNKNOWN_CID, { ...wanted, path: [], onProgress: () => {} })
    const failure: unknown = await nowhere.catch((thrown: unknown) => thrown)
    expect(failure).toBeInstanceOf(CodedError)
    expect(other.reportOf(failure)).toMatchObject({ askedCount: 1, attempts: [] })
  })
})

describe('a file by reference', () => {
  it('stays where it is, and is refused once it was changed', async () => {
    const path = join(folder, 'film.bin')
    await writeFile(path, Buffer.alloc(1_500_000, 'film'))
    const { item, newBytes } = await desk.addReference(path, { ...PRIVATE, ...noSkips })
    expect(newBytes).toBeLessThan(1_000)
    const place = await desk.place(item.cid, [], never)
    const all = { start: 0, end: 1_500_000, signal: never }
    expect(await readAll(desk.openBytes(place, all))).toEqual(await readFile(path))
    await writeFile(path, Buffer.alloc(1_500_000, 'FILM'))
    await expect(readAll(desk.openBytes(place, all))).rejects.toMatchObject({
      code: 'CONTENT_CHANGED',
    })
    expect(desk.get(item.cid)).toMatchObject({ isWhole: false, isChanged: true })
    // No advice about the disk, which has done nothing wrong.
    const [condition] = node.content.health()
    expect(condition).toMatchObject({ code: 'CONTENT_CHANGED', severity: 'warning' })
    expect(`${condition?.text} ${condition?.advice}`).not.toMatch(/disk/)
    await writeFile(path, Buffer.alloc(1_500_000, 'film'))
    await desk.addReference(path, { ...PRIVATE, ...noSkips })
    expect(desk.get(item.cid)).toMatchObject({ isWhole: true, isChanged: false })
    expect(node.content.health()).toEqual([])
  })

  it('is told as gone, not as damaged, when it was moved', async () => {
    const path = join(folder, 'film.bin')
    await writeFile(path, Buffer.alloc(1_500_000, 'film'))
    const { item } = await desk.addReference(path, { ...PRIVATE, ...noSkips })
    await rm(path)
    const place = await desk.place(item.cid, [], never)
    const reading = readAll(desk.openBytes(place, { start: 0, end: 1, signal: never }))
    await expect(reading).rejects.toMatchObject({ code: 'CONTENT_CHANGED' })
    expect(node.content.health()).toMatchObject([{ code: 'CONTENT_CHANGED' }])
  })

  it.each([
    ['relative.txt', 'FILE_PATH_NOT_ABSOLUTE'],
    ['/nowhere/at/all', 'FILE_NOT_FOUND'],
    ['/dev/null', 'FILE_UNREADABLE'],
  ])('is refused at %s', async (path, code) => {
    await expect(desk.addReference(path, { ...PRIVATE, ...noSkips })).rejects.toMatchObject({
      code,
    })
  })

  it('is never the node’s own, nor what that is in', async () => {
    for (const path of [join(node.folder, 'citynode.db'), node.folder, join(node.folder, '..')]) {
      const adding = desk.addReference(path, { ...PRIVATE, ...noSkips })
      await expect(adding).rejects.toMatchObject({ code: 'FILE_IS_NODES_OWN' })
    }
  })
})

describe('what is said of an item', () => {
  it('changes only what was said', async () => {
    const { item } = await desk.addReference(await makeTree(), { ...PRIVATE, ...noSkips })
    await desk.change(item.cid, { title: 'A tree', licence: 'CC0-1.0' })
    const changed = await desk.change(item.cid, { language: 'de', title: undefined })
    expect(changed).toMatchObject({ title: 'A tree', language: 'de', licence: 'CC0-1.0' })
    const bad = desk.change(item.cid, { language: 'not a language' })
    await expect(bad).rejects.toMatchObject({ code: 'CONTENT_BAD_TEXT' })
    const named = desk.change(item.cid, { name: 'a/b' })
    await expect(named).rejects.toMatchObject({ code: 'CONTENT_BAD_NAME' })
  })

  it('is published with a signature, and withdrawn', async () => {
    const { item } = await desk.addReference(await makeTree(), { ...PRIVATE, ...noSkips })
    expect(item.publishedBy).toBeUndefined()
    const published = await desk.publish(item.cid)
    expect(published).toMatchObject({ visibility: 'public', publishedBy: PUBLISHER })
    expect(published.refused).toBeUndefined()
    const withdrawn = await desk.withdraw(item.cid, { reason: '', mustRemove: false })
    expect(withdrawn).toMatchObject({
      visibility: 'private',
      isWithdrawn: true,
      refused: 'It was withdrawn.',
    })
    await desk.publish(item.cid)
    expect(await desk.withdraw(item.cid, { reason: '', mustRemove: true })).toBeUndefined()
    expect(desk.list()).toEqual([])
  })

  it('is signed when it is added for all to have', async () => {
    const options = { ...PRIVATE, visibility: 'public', ...noSkips } as const
    const { item } = await desk.addReference(await makeTree(), options)
    expect(item).toMatchObject({ visibility: 'public', publishedBy: PUBLISHER })
  })
})

describe('the list in pages', () => {
  const MANY = Array.from({ length: 7 }, (_none, index) => `song ${index}`)

  async function addAll(names: readonly string[], visibility: 'private' | 'public') {
    for (const name of names) {
      await node.content.add(inPieces(Buffer.from(name)), { name, visibility, signal: never })
    }
  }

  const all = { match: '', after: undefined, limit: 100 }

  it('is newest first, and goes on behind an item', async () => {
    await addAll(MANY, 'private')
    const names: string[] = []
    let after: string | undefined
    for (;;) {
      const page = desk.page({ ...all, reader: 'owner', after, limit: 3 })
      expect(page.itemsCount).toBe(7)
      names.push(...page.items.map(({ name }) => name))
      if (!page.hasMore) break
      after = page.items.at(-1)?.cid.toString()
    }
    expect(names).toEqual(MANY.toReversed())
  })

  it('has only whole public items for others, and cannot be gone on with behind another', async () => {
    await addAll(['song 1'], 'public')
    await addAll(['diary'], 'private')
    await addAll(['song 2'], 'public')
    const page = desk.page({ ...all, reader: 'anybody' })
    expect(page.items.map(({ name }) => name)).toEqual(['song 2', 'song 1'])
    expect(page.itemsCount).toBe(2)
    const hidden = desk.page({ ...all, reader: 'owner', match: 'diary' }).items[0]?.cid.toString()
    const behind = { ...all, after: hidden }
    expect(desk.page({ ...behind, reader: 'owner' }).items.map(({ name }) => name)).toEqual([
      'song 1',
    ])
    expect(() => desk.page({ ...behind, reader: 'anybody' })).toThrow(/list has changed/)
  })

  it('is searched in names, titles and descriptions, in capitals or not', async () => {
    await addAll(['Übung.txt', 'other'], 'private')
    const other = desk.page({ ...all, reader: 'owner', match: 'other' }).items[0]
    if (other === undefined) throw new Error('it was added')
    await desk.change(other.cid, { title: 'Lieder', description: '100 % für 50_Leute' })
    const found = (match: string): string[] =>
      desk.page({ ...all, reader: 'owner', match }).items.map(({ name }) => name)
    expect(found('übung')).toEqual(['Übung.txt'])
    expect(found('ÜBUNG.TXT')).toEqual(['Übung.txt'])
    expect(found('lied')).toEqual(['other'])
    expect(found('50_l')).toEqual(['other'])
    expect(found('%')).toEqual(['other'])
    for (const nothing of ['_bung', "'", 'songs']) expect(found(nothing), nothing).toEqual([])
  })
})
