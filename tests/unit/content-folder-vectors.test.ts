// SPDX-License-Identifier: AGPL-3.0-or-later
/** Folders, symlinks and attributes get the CIDs that Kubo gives them. */
import { decode } from '@ipld/dag-pb'
import { UnixFS } from 'ipfs-unixfs'
import { CID } from 'multiformats/cid'
import { describe, expect, it } from 'vitest'
import { importFolder, importOneFile, type SourceEntry } from '../../src/content/unixfs/unixfs.ts'
import vectors from '../fixtures/kubo/tree-vectors.json' with { type: 'json' }
import {
  contentOf,
  eachOf,
  fileEntry,
  keystream,
  MemoryBlocks,
  never,
  symlinkEntry,
} from './content-folder-support.ts'

const plain = { signal: never, keepsMode: false, keepsTime: false }
const ALPHABET = 'abcdefghijklmnopqrstuvwxyz01234567890-_'

/** The files of Kubo's test: names from the keystream, each with the content “x”. */
function folderOf(vector: (typeof vectors.folders)[number]): SourceEntry[] {
  const take = keystream(vector.seed)
  return Array.from({ length: vector.filesCount }, (_none, index) => {
    const isLast = index === vector.filesCount - 1
    const bytes = take(isLast ? vector.lastNameLength : vector.nameLength)
    const name = Array.from(bytes, (byte) => ALPHABET[byte % ALPHABET.length]).join('')
    return fileEntry(name, 'x')
  })
}

describe('files', () => {
  for (const vector of vectors.files) {
    it(`of ${vector.sizeBytes} bytes`, async () => {
      const blocks = new MemoryBlocks()
      const content = contentOf(keystream(vector.seed)(vector.sizeBytes))
      const root = await importOneFile(content, blocks, { signal: never })
      expect(root.cid.toString()).toBe(vector.cid)
    })
  }
})

describe('folders', () => {
  for (const vector of vectors.folders) {
    it(`of ${vector.nodeBytes} bytes: ${vector.isHamt ? 'HAMT' : 'a single node'}`, async () => {
      const blocks = new MemoryBlocks()
      const root = await importFolder(eachOf(folderOf(vector)), blocks, plain)
      expect(root.cid.toString()).toBe(vector.cid)
      const { type } = UnixFS.unmarshal(decode(blocks.get(root.cid)).Data ?? new Uint8Array())
      expect(type).toBe(vector.isHamt ? 'hamt-sharded-directory' : 'directory')
      if (!vector.isHamt) expect(blocks.get(root.cid)).toHaveLength(vector.nodeBytes)
    })
  }

  it('one entry less than the HAMT is a single node again', async () => {
    const [, hamt] = vectors.folders
    if (hamt === undefined) throw new Error('the fixture has a HAMT')
    const blocks = new MemoryBlocks()
    const root = await importFolder(eachOf(folderOf(hamt).slice(1)), blocks, plain)
    const { type } = UnixFS.unmarshal(decode(blocks.get(root.cid)).Data ?? new Uint8Array())
    expect(type).toBe('directory')
  })

  it('with symlinks in it, kept as links', async () => {
    const blocks = new MemoryBlocks()
    const entries = vectors.tree.entries.map(({ path, text, target }) =>
      target === undefined ? fileEntry(path, text ?? '') : symlinkEntry(path, target),
    )
    const root = await importFolder(eachOf(entries), blocks, plain)
    expect(root.cid.toString()).toBe(vectors.tree.cid)
    for (const cid of Object.values(vectors.tree.symlinks)) {
      expect(blocks.puts.map((put) => put.cid.toString())).toContain(
        CID.parse(cid).toV1().toString(),
      )
    }
  })
})

describe('attributes', () => {
  for (const vector of vectors.attributes) {
    const { kind, cid, ...kept } = vector
    it(`of an empty ${kind}: ${JSON.stringify(kept)}`, async () => {
      const modifiedAt =
        vector.seconds === undefined
          ? undefined
          : { seconds: vector.seconds, nanoseconds: vector.nanoseconds ?? 0 }
      const mode = vector.mode === undefined ? undefined : Number.parseInt(vector.mode, 8)
      const attributes = { mode, modifiedAt }
      const entry: SourceEntry =
        kind === 'folder'
          ? { kind, path: 'it', ...attributes }
          : kind === 'symlink'
            ? { kind, path: 'it', target: vector.target ?? '', ...attributes, mode: 0o777 }
            : { kind: 'file', path: 'it', content: contentOf(new Uint8Array()), ...attributes }
      const blocks = new MemoryBlocks()
      const options = { signal: never, keepsMode: true, keepsTime: true }
      const root = await importFolder(eachOf([entry]), blocks, options)
      const [link] = decode(blocks.get(root.cid)).Links
      expect(link?.Hash.toString()).toBe(CID.parse(cid).toV1().toString())
    })
  }
})
