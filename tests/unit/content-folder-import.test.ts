// SPDX-License-Identifier: AGPL-3.0-or-later
/** Folders are imported as others import them, in little memory, and what is wrong is refused. */
import { decode, encode, prepare } from '@ipld/dag-pb'
import { UnixFS } from 'ipfs-unixfs'
import { exporter, type UnixFSEntry } from 'ipfs-unixfs-exporter'
import { importer } from 'ipfs-unixfs-importer'
import { CID } from 'multiformats/cid'
import { describe, expect, it } from 'vitest'
import { CodedError, randomBelow, SeededRandom } from '../../src/base/base.ts'
import { FolderImport } from '../../src/content/unixfs/folder-import.ts'
import { importFolder, importOneFile, type SourceEntry } from '../../src/content/unixfs/unixfs.ts'
import {
  contentOf,
  eachOf,
  fileEntry,
  folderEntry,
  MemoryBlocks,
  never,
  symlinkEntry,
} from './content-folder-support.ts'

const MEBIBYTE = 1024 * 1024
const plain = { signal: never, keepsMode: false, keepsTime: false }

interface MadeFile {
  path: string
  bytes: Uint8Array | undefined
}

const ALPHABETS = ['abcXYZ019-_ ', 'äßé', '日本語', '🌍\u{10ffff}\uffee']

function randomName(random: SeededRandom, lengthMax: number): string {
  const alphabet = [...(ALPHABETS[randomBelow(random, ALPHABETS.length)] ?? 'a')]
  const length = 1 + randomBelow(random, lengthMax)
  return Array.from({ length }, () => alphabet[randomBelow(random, alphabet.length)]).join('')
}

/** Folders and files with names of all kinds, some empty, some of several leaves. */
function randomTree(random: SeededRandom, prefix: string, depth: number): MadeFile[] {
  const made: MadeFile[] = []
  const taken = new Set<string>()
  const count = randomBelow(random, 12)
  for (let at = 0; at < count; at += 1) {
    const name = randomName(random, 20)
    if (taken.has(name)) continue
    taken.add(name)
    const path = prefix + name
    if (depth > 0 && random.unit() < 0.4) {
      const inside = randomTree(random, `${path}/`, depth - 1)
      made.push(...(inside.length > 0 ? inside : [{ path, bytes: undefined }]))
    } else {
      const sizeBytes = random.unit() < 0.04 ? 2.5 * MEBIBYTE : randomBelow(random, 300)
      const pattern = random.bytes(31)
      made.push({ path, bytes: Buffer.alloc(randomBelow(random, sizeBytes + 1), pattern) })
    }
  }
  return made
}

function entryOf({ path, bytes }: MadeFile): SourceEntry {
  return bytes === undefined ? folderEntry(path) : fileEntry(path, bytes)
}

/** The root that ipfs-unixfs-importer makes of the same tree. */
async function referenceRoot(tree: readonly MadeFile[]): Promise<string> {
  const candidates = tree.map(({ path, bytes }) =>
    bytes === undefined ? { path } : { path, content: contentOf(bytes) },
  )
  let root: CID | undefined
  const nowhere = { put: (cid: CID) => cid }
  const options = { profile: 'unixfs-v1-2025', wrapWithDirectory: true } as const
  for await (const { cid } of importer(eachOf(candidates), nowhere, options)) root = cid
  return String(root)
}

describe('the same trees as ipfs-unixfs-importer makes', () => {
  for (let seed = 1; seed <= 25; seed += 1) {
    it(`seed ${seed}`, async () => {
      const tree = randomTree(new SeededRandom(seed), '', 4)
      const blocks = new MemoryBlocks()
      const root = await importFolder(eachOf(tree.map(entryOf)), blocks, plain)
      if (tree.length > 0) expect(root.cid.toString()).toBe(await referenceRoot(tree))
      expect(root.carBodyBytes).toBe(blocks.carBodyBytes(root.cid))
      const files = tree.filter(({ bytes }) => bytes !== undefined)
      expect(root.filesCount).toBe(files.length)
      expect(root.sizeBytes).toBe(files.reduce((sum, { bytes }) => sum + (bytes?.length ?? 0), 0))
    })
  }

  it('one entry around the size at which a folder becomes a HAMT, names of all kinds', async () => {
    const random = new SeededRandom(256)
    const names = new Set<string>()
    while (names.size < 5000) names.add(randomName(random, 40))
    const cid = CID.parse('bafkreibngqhl3gaa7daob4i2vccziay2jjlp435cf66vhono7nrvww53ty')
    const sizeOf = (index: number): number => 100 + (index % 60)
    // The data of a folder takes four bytes in its node.
    let nodeBytes = 4
    let fits = 0
    for (const name of names) {
      const link = { Hash: cid, Name: name, Tsize: sizeOf(fits) }
      nodeBytes += encode(prepare({ Links: [link] })).length
      if (nodeBytes > 262_144) break
      fits += 1
    }
    const types: string[] = []
    for (const count of [fits - 1, fits, fits + 1]) {
      const made = [...names].slice(0, count).map((name, index) => ({
        path: `d/${name}`,
        bytes: Buffer.alloc(sizeOf(index)),
      }))
      const blocks = new MemoryBlocks()
      const root = await importFolder(eachOf(made.map(entryOf)), blocks, plain)
      expect(root.cid.toString(), `${count} names`).toBe(await referenceRoot(made))
      types.push(typeBelow(blocks, root.cid))
    }
    expect(types).toEqual(['directory', 'directory', 'hamt-sharded-directory'])
  })

  it('in a HAMT of several levels, with folders and symlinks in it', async () => {
    const files = Array.from({ length: 20_000 }, (_none, at) => fileEntry(`file ${at}`, `${at}`))
    const entries = [...files, folderEntry('in/side'), symlinkEntry('link', 'file 1')]
    const blocks = new MemoryBlocks()
    const root = await importFolder(eachOf(entries), blocks, plain)
    expect(root.carBodyBytes).toBe(blocks.carBodyBytes(root.cid))
    const read = await readPath(blocks, root.cid, 'file 12345')
    expect(read.toString()).toBe('12345')
    expect((await entryAt(blocks, root.cid, 'link')).unixfs?.type).toBe('symlink')
    expect((await entryAt(blocks, root.cid, 'in/side')).type).toBe('directory')
  })
})

function typeBelow(blocks: MemoryBlocks, root: CID): string {
  const [link] = decode(blocks.get(root)).Links
  if (link === undefined) throw new Error('the root has one folder')
  return UnixFS.unmarshal(decode(blocks.get(link.Hash)).Data ?? new Uint8Array()).type
}

async function entryAt(
  blocks: MemoryBlocks,
  root: CID,
  path: string,
): Promise<UnixFSEntry & { unixfs?: UnixFS }> {
  const entry = await exporter(`${root}/${path}`, blocks.store)
  // The exporter's union has no common `unixfs`; the tests look at it where there is one.
  return entry as UnixFSEntry & { unixfs?: UnixFS }
}

async function readPath(blocks: MemoryBlocks, root: CID, path: string): Promise<Buffer> {
  const entry = await entryAt(blocks, root, path)
  if (entry.type !== 'file' && entry.type !== 'raw') throw new Error(`it is a ${entry.type}`)
  const parts: Uint8Array[] = []
  for await (const part of entry.content()) parts.push(part)
  return Buffer.concat(parts)
}

describe('what was imported', () => {
  it('is read back by ipfs-unixfs-exporter, byte for byte', async () => {
    const tree = randomTree(new SeededRandom(77), '', 4)
    tree.push({ path: 'large', bytes: new SeededRandom(78).bytes(3 * MEBIBYTE + 17) })
    const blocks = new MemoryBlocks()
    const root = await importFolder(eachOf(tree.map(entryOf)), blocks, plain)
    for (const { path, bytes } of tree) {
      if (bytes === undefined) continue
      expect((await readPath(blocks, root.cid, path)).equals(bytes), path).toBe(true)
    }
  })

  it('does not depend on the order in which the things of a folder come', async () => {
    const forward = ['a', 'b/x', 'b/y', 'c'].map((path) => fileEntry(path, path))
    const backward = ['c', 'b/y', 'b/x', 'a'].map((path) => fileEntry(path, path))
    const one = await importFolder(eachOf(forward), new MemoryBlocks(), plain)
    const other = await importFolder(eachOf(backward), new MemoryBlocks(), plain)
    expect(one.cid.toString()).toBe(other.cid.toString())
  })

  it('counts a subtree that occurs twice twice', async () => {
    const twice = ['one', 'two'].flatMap((folder) => [
      fileEntry(`${folder}/same/file`, 'the same'),
      fileEntry(`${folder}/same/large`, Buffer.alloc(2 * MEBIBYTE + 1)),
    ])
    const blocks = new MemoryBlocks()
    const root = await importFolder(eachOf(twice), blocks, plain)
    expect(root.carBodyBytes).toBe(blocks.carBodyBytes(root.cid))
    expect(root.carBodyBytes).toBeGreaterThan(4 * MEBIBYTE)
    expect(root).toMatchObject({ filesCount: 4, foldersCount: 5, kind: 'folder' })
  })

  it('is the empty folder when nothing comes', async () => {
    const root = await importFolder(eachOf([]), new MemoryBlocks(), plain)
    expect(root.cid.toString()).toBe('bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354')
  })
})

describe('attributes', () => {
  const modifiedAt = { seconds: -86_400, nanoseconds: 5 }
  const asked = { signal: never, keepsMode: true, keepsTime: true }

  it('are kept when that is asked for, and change nothing when not', async () => {
    const entries = (): SourceEntry[] => [
      { ...folderEntry(''), mode: 0o700, modifiedAt },
      { ...fileEntry('small', 'x'), mode: 0o4755, modifiedAt },
      { ...fileEntry('large', Buffer.alloc(MEBIBYTE + 1)), mode: 0o600, modifiedAt },
      { ...fileEntry('empty', ''), mode: 0o644, modifiedAt },
    ]
    const blocks = new MemoryBlocks()
    const root = await importFolder(eachOf(entries()), blocks, asked)
    expect(root.carBodyBytes).toBe(blocks.carBodyBytes(root.cid))
    const found = await Promise.all(
      ['', 'small', 'large', 'empty'].map((path) => entryAt(blocks, root.cid, path)),
    )
    expect(found.map((entry) => entry.unixfs?.mode)).toEqual([0o700, 0o4755, 0o600, 0o644])
    for (const entry of found) expect(entry.unixfs?.mtime).toEqual({ secs: -86_400n, nsecs: 5 })
    expect((await readPath(blocks, root.cid, 'small')).toString()).toBe('x')

    const without = await importFolder(eachOf(entries()), new MemoryBlocks(), plain)
    // Of the empty file, the node alone: there is no leaf that anything would lead to.
    expect(blocks.puts.filter(({ bytes }) => bytes.length === 0)).toEqual([])
    const bare = [
      fileEntry('small', 'x'),
      fileEntry('large', Buffer.alloc(MEBIBYTE + 1)),
      fileEntry('empty', ''),
    ]
    const expected = await importFolder(eachOf(bare), new MemoryBlocks(), plain)
    expect(without.cid.toString()).toBe(expected.cid.toString())
  })

  it('of a folder may come after what is in it; of a HAMT they are in its root alone', async () => {
    const files = Array.from({ length: 6000 }, (_none, at) => fileEntry(`d/file ${at}`, ''))
    const late: SourceEntry = { ...folderEntry('d'), mode: 0o711 }
    const blocks = new MemoryBlocks()
    const root = await importFolder(eachOf([...files, late]), blocks, asked)
    const nodes = [...blocks.walk(root.cid)]
      .filter(({ cid }) => cid.code === 0x70)
      .map(({ bytes }) => UnixFS.unmarshal(decode(bytes).Data ?? new Uint8Array()))
    expect(nodes.filter(({ type }) => type === 'hamt-sharded-directory').length).toBeGreaterThan(9)
    expect(nodes.filter(({ mode }) => mode === 0o711)).toHaveLength(1)
  })
})

describe('the sink', () => {
  const reference = { path: '/home/x/photo', sizeBytes: 3, modifiedAtMs: 1 }

  it('is told which leaves and files are kept by reference', async () => {
    const blocks = new MemoryBlocks()
    const entries: SourceEntry[] = [
      { kind: 'file', path: 'small', content: contentOf(Buffer.from('abc')), reference },
      { kind: 'file', path: 'large', content: contentOf(Buffer.alloc(2 * MEBIBYTE)), reference },
    ]
    await importFolder(eachOf(entries), blocks, plain)
    expect(blocks.puts.map((put) => put.reference)).toEqual([reference, undefined])
    expect(blocks.openedReferences).toEqual([reference])
    expect(blocks.trees).toHaveLength(1)
  })

  it('gets a file of exactly one leaf as a block', async () => {
    const blocks = new MemoryBlocks()
    const content = contentOf(Buffer.alloc(MEBIBYTE), 100_000)
    const root = await importOneFile(content, blocks, { signal: never, reference })
    expect(blocks.puts.map(({ cid }) => cid.toString())).toEqual([root.cid.toString()])
    expect(blocks.openedReferences).toEqual([])
    expect(root).toMatchObject({ kind: 'file', filesCount: 1, foldersCount: 0 })
  })

  it('abandons a large file whose content fails, and the failure comes through', async () => {
    const blocks = new MemoryBlocks()
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield Buffer.alloc(MEBIBYTE + 1)
      throw new CodedError('FILE_CHANGED', 'changed')
    }
    const entry: SourceEntry = { kind: 'file', path: 'f', content: broken() }
    await expect(importFolder(eachOf([entry]), blocks, plain)).rejects.toMatchObject({
      code: 'FILE_CHANGED',
    })
    expect(blocks.abandonedCount).toBe(1)
  })

  it('is left alone once the signal aborts, whatever the source waits for', async () => {
    const controller = new AbortController()
    let hasEnded = false
    async function* hangs(): AsyncGenerator<Uint8Array> {
      try {
        yield Buffer.from('x')
        controller.abort(new CodedError('ABORTED', 'enough'))
        await new Promise(() => {})
      } finally {
        hasEnded = true
      }
    }
    const entry: SourceEntry = { kind: 'file', path: 'f', content: hangs() }
    const options = { ...plain, signal: controller.signal }
    const blocks = new MemoryBlocks()
    await expect(importFolder(eachOf([entry]), blocks, options)).rejects.toMatchObject({
      code: 'ABORTED',
    })
    expect(blocks.puts).toEqual([])
    // It never came to its end: nobody waited for it.
    expect(hasEnded).toBe(false)
  })
})

describe('memory', () => {
  it('holds only the entries of the folders that are open', async () => {
    const folder = new FolderImport(new MemoryBlocks(), plain)
    let heldMax = 0
    for (let outer = 0; outer < 30; outer += 1) {
      for (let inner = 0; inner < 30; inner += 1) {
        for (let file = 0; file < 10; file += 1) {
          await folder.add(fileEntry(`${outer}/${inner}/${file}`, 'x'))
          heldMax = Math.max(heldMax, folder.heldCount)
        }
      }
    }
    const root = await folder.finish()
    expect(root.filesCount).toBe(9000)
    expect(heldMax).toBeLessThanOrEqual(30 + 30 + 10)
  })
})

describe('refusals', () => {
  const refusals: readonly (readonly [string, string, readonly SourceEntry[], RegExp])[] = [
    ['an absolute path', 'CONTENT_PATH_REFUSED', [fileEntry('/etc/passwd', '')], /absolute/],
    ['a path upward', 'CONTENT_PATH_REFUSED', [fileEntry('a/../../b', '')], /“\.\.”/],
    ['a dot', 'CONTENT_PATH_REFUSED', [fileEntry('./a', '')], /“\.”/],
    ['an empty name', 'CONTENT_PATH_REFUSED', [fileEntry('a//b', '')], /empty/],
    ['a trailing slash', 'CONTENT_PATH_REFUSED', [folderEntry('a/')], /empty/],
    ['no name', 'CONTENT_PATH_REFUSED', [fileEntry('', '')], /no name/],
    ['a zero byte', 'CONTENT_PATH_REFUSED', [fileEntry('a\0b', '')], /zero byte/],
    ['no UTF-8', 'CONTENT_PATH_REFUSED', [fileEntry('a\ud800', '')], /UTF-8/],
    ['a long name', 'CONTENT_FOLDER_LIMIT', [fileEntry('ä'.repeat(128), '')], /255 bytes/],
    ['a long path', 'CONTENT_FOLDER_LIMIT', [fileEntry('a/'.repeat(2049), '')], /4096 bytes/],
    ['depth', 'CONTENT_FOLDER_LIMIT', [folderEntry('a/'.repeat(96).concat('a'))], /96 folders/],
    ['no target', 'CONTENT_PATH_REFUSED', [symlinkEntry('a', '')], /to nothing/],
    ['a zero in a target', 'CONTENT_PATH_REFUSED', [symlinkEntry('a', 'b\0')], /zero byte/],
    ['a target in no UTF-8', 'CONTENT_PATH_REFUSED', [symlinkEntry('a', '\udc00')], /UTF-8/],
    ['a long target', 'CONTENT_FOLDER_LIMIT', [symlinkEntry('a', 'b'.repeat(4096))], /4095 bytes/],
    [
      'a file twice',
      'CONTENT_ENTRY_REPEATED',
      [fileEntry('d/a', '1'), fileEntry('d/a', '2')],
      /“d\/a” comes twice/,
    ],
    [
      'a folder twice',
      'CONTENT_ENTRY_REPEATED',
      [folderEntry('d'), folderEntry('d')],
      /“d” comes twice/,
    ],
    [
      'the root twice',
      'CONTENT_ENTRY_REPEATED',
      [folderEntry(''), fileEntry('a', ''), folderEntry('')],
      /comes twice/,
    ],
    [
      'a closed folder again',
      'CONTENT_ENTRY_REPEATED',
      [fileEntry('d/a', ''), fileEntry('b', ''), fileEntry('d/c', '')],
      /“d” comes again/,
    ],
    [
      'a file where a folder is',
      'CONTENT_ENTRY_REPEATED',
      [fileEntry('d/a', ''), fileEntry('d', '')],
      /“d” is a file, and was a folder/,
    ],
    [
      'a folder where a file is',
      'CONTENT_ENTRY_REPEATED',
      [fileEntry('d', ''), fileEntry('d/a', '')],
      /“d” is a folder, and was a file/,
    ],
  ]
  for (const [what, code, entries, message] of refusals) {
    it(what, async () => {
      const importing = importFolder(eachOf(entries), new MemoryBlocks(), plain)
      const error: unknown = await importing.catch((thrown: unknown) => thrown)
      expect(error).toBeInstanceOf(CodedError)
      expect(error).toMatchObject({ code, message: expect.stringMatching(message) })
      expect(error).toMatchObject({ advice: expect.any(String) })
    })
  }

  it('more blocks in all than readers take', async () => {
    const folder = new FolderImport(new MemoryBlocks(), plain, 20)
    await folder.add(fileEntry('large', Buffer.alloc(15 * MEBIBYTE)))
    for (const name of ['a', 'b']) await folder.add(symlinkEntry(name, 'x'))
    // Sixteen of the large file, two links, and two small files.
    for (const name of ['c', 'd']) await folder.add(fileEntry(name, 'y'))
    await expect(folder.add(fileEntry('e', 'y'))).rejects.toMatchObject({
      code: 'CONTENT_FOLDER_LIMIT',
      message: expect.stringMatching(/“e” is beyond .* 20 blocks/),
    })
  })

  it('show hostile paths on one line, shortened', async () => {
    const path = `\u001b[31m\n\u202e${'xxxxxxxxx/'.repeat(30)}..`
    const importing = importFolder(eachOf([fileEntry(path, '')]), new MemoryBlocks(), plain)
    const error: unknown = await importing.catch((thrown: unknown) => thrown)
    const message = error instanceof CodedError ? error.message : ''
    expect(message).toMatch(/^The path “\ufffd\[31m\ufffd\ufffd[x/]+…[x/]+\.\.” cannot be kept/)
    expect(message.length).toBeLessThan(280)
  })

  it('names whose hashes were made to collide, as Kubo does', async () => {
    const { FolderEntries } = await import('../../src/content/unixfs/folder-entries.ts')
    const { folderNodes } = await import('../../src/content/unixfs/folder-nodes.ts')
    class Colliding extends FolderEntries {
      override slotOf(): number {
        return 7
      }
      override nodeBytes(): number {
        return Number.POSITIVE_INFINITY
      }
    }
    const { cid } = await importFolder(eachOf([]), new MemoryBlocks(), plain)
    const entries = new Colliding()
    entries.add('one', { kind: 'folder', cid, dagBytes: 4 })
    entries.add('two', { kind: 'folder', cid, dagBytes: 4 })
    expect(() => [...folderNodes(entries, {}, 'bad')]).toThrow(/“bad” is beyond .*8 levels/)
  })
})
