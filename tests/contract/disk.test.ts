// SPDX-License-Identifier: AGPL-3.0-or-later
/** What every Disk promises, tried on the machine's own and on the simulated one. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Disk, type DiskFile, machineDisk } from '../../src/content/content.ts'
import { SimulatedDisk } from '../support/simulated-disk.ts'

interface Subject {
  disk: Disk
  /** An empty folder. */
  folder: string
  close(): Promise<void>
}

const subjects: Readonly<Record<string, () => Promise<Subject>>> = {
  machineDisk: async () => {
    const folder = await mkdtemp(join(tmpdir(), 'citynode-disk-'))
    return { disk: machineDisk, folder, close: () => rm(folder, { recursive: true }) }
  },
  SimulatedDisk: async () => {
    const disk = new SimulatedDisk({ seed: 1 })
    await disk.makeFolder('/data')
    return { disk, folder: '/data', close: async () => {} }
  },
}

describe.each(Object.entries(subjects))('%s', (_name, open) => {
  let disk: Disk
  let subject: Subject
  const at = (...names: string[]): string => join(subject.folder, ...names)

  beforeEach(async () => {
    subject = await open()
    disk = subject.disk
  })
  afterEach(() => subject.close())

  async function put(path: string, text: string): Promise<void> {
    const file = await disk.create(path)
    await file.write(Buffer.from(text), 0)
    await file.close()
  }

  async function textOf(path: string): Promise<string> {
    const file = await disk.open(path)
    const text = await textIn(file)
    await file.close()
    return text
  }

  it('reads what was written, zeros in gaps, and nothing beyond the end', async () => {
    const file = await disk.create(at('a'))
    await file.write(Buffer.from('tail'), 6)
    await file.write(Buffer.from('he'), 0)
    expect(await textIn(file)).toBe('he\0\0\0\0tail')
    const buffer = Buffer.alloc(8, '-')
    expect(await file.read(buffer, 8)).toBe(2)
    expect(buffer.toString()).toBe('il------')
    expect(await file.read(buffer, 10)).toBe(0)
    expect(await file.read(buffer, 1_000)).toBe(0)
    expect(await file.read(Buffer.alloc(0), 0)).toBe(0)
    await file.write(Buffer.alloc(0), 100)
    expect((await file.facts()).sizeBytes).toBe(10)
    await file.sync()
    await file.close()
    expect(await textOf(at('a'))).toBe('he\0\0\0\0tail')
  })

  it('keeps no hold of the bytes that it was given', async () => {
    const file = await disk.create(at('a'))
    const bytes = Buffer.from('mine')
    await file.write(bytes, 0)
    bytes.fill('x')
    expect(await textIn(file)).toBe('mine')
    await file.close()
  })

  it('cuts and lengthens; what was cut off does not come back', async () => {
    const file = await disk.create(at('a'))
    await file.write(Buffer.from('abcdef'), 0)
    await file.truncate(2)
    expect(await textIn(file)).toBe('ab')
    await file.truncate(5)
    expect(await textIn(file)).toBe('ab\0\0\0')
    await file.close()
  })

  it('lets several hold a file, and those go on who hold it when its name is gone', async () => {
    await put(at('a'), 'first')
    const reader = await disk.open(at('a'))
    const writer = await disk.openForWriting(at('a'))
    await writer.write(Buffer.from('F'), 0)
    expect(await textIn(reader)).toBe('First')
    await disk.remove(at('a'))
    await put(at('a'), 'second')
    await writer.write(Buffer.from('!'), 5)
    expect(await textIn(reader)).toBe('First!')
    expect(await textOf(at('a'))).toBe('second')
    await Promise.all([reader.close(), writer.close()])
  })

  it('renames over a file; its holders keep the old one', async () => {
    await put(at('old'), 'old')
    await put(at('new'), 'new')
    const reader = await disk.open(at('old'))
    await disk.rename(at('new'), at('old'))
    expect(await textOf(at('old'))).toBe('new')
    expect(await textIn(reader)).toBe('old')
    expect(await disk.list(subject.folder)).toEqual(['old'])
    await disk.rename(at('old'), at('old'))
    expect(await textOf(at('old'))).toBe('new')
    await reader.close()
  })

  it('renames folders with what is in them, also over an empty one', async () => {
    await disk.makeFolder(at('from'))
    await put(at('from', 'a'), 'a')
    await disk.makeFolder(at('to'))
    await disk.rename(at('from'), at('to'))
    expect(await textOf(at('to', 'a'))).toBe('a')
    expect(await disk.list(subject.folder)).toEqual(['to'])
  })

  it('removes files and whole folders, and what is not there', async () => {
    await disk.makeFolder(at('folder'))
    await disk.makeFolder(at('folder', 'deep'))
    await put(at('folder', 'deep', 'a'), 'a')
    await put(at('folder', 'b'), 'b')
    await put(at('c'), 'c')
    await disk.remove(at('folder'))
    await disk.remove(at('c'))
    await disk.remove(at('c'))
    await disk.remove(at('nowhere', 'c'))
    expect(await disk.list(subject.folder)).toEqual([])
  })

  it('makes a folder that is there already, and leaves it as it is', async () => {
    await disk.makeFolder(at('folder'))
    await put(at('folder', 'a'), 'a')
    await disk.makeFolder(at('folder'))
    expect(await disk.list(at('folder'))).toEqual(['a'])
    await disk.syncFolder(at('folder'))
    await disk.syncFolder(subject.folder)
  })

  it('tells the facts of a regular file, and of nothing else', async () => {
    await put(at('a'), 'four')
    await disk.makeFolder(at('folder'))
    const facts = await disk.factsOf(at('a'))
    expect(facts?.sizeBytes).toBe(4)
    expect(facts?.modifiedAtMs).toBeGreaterThan(1_600_000_000_000)
    expect(await disk.factsOf(at('folder'))).toBeUndefined()
    expect(await disk.factsOf(at('none'))).toBeUndefined()
    expect(await disk.factsOf(at('a', 'below'))).toBeUndefined()
    const file = await disk.open(at('a'))
    expect(await file.facts()).toEqual(facts)
    await file.close()
  })

  it('knows how much is free', async () => {
    expect(await disk.freeBytes(subject.folder)).toBeGreaterThan(0)
  })

  const refusals: readonly [what: string, code: string, attempt: () => Promise<unknown>][] = [
    ['create: it exists', 'EEXIST', () => disk.create(at('a'))],
    ['create: it is a folder', 'EEXIST', () => disk.create(at('folder'))],
    ['create: no such folder', 'ENOENT', () => disk.create(at('none', 'a'))],
    ['create: below a file', 'ENOTDIR', () => disk.create(at('a', 'b'))],
    ['open: none', 'ENOENT', () => disk.open(at('none'))],
    ['open: below a file', 'ENOTDIR', () => disk.open(at('a', 'b'))],
    ['open and read: a folder', 'EISDIR', () => textOf(at('folder'))],
    ['openForWriting: none', 'ENOENT', () => disk.openForWriting(at('none'))],
    ['openForWriting: a folder', 'EISDIR', () => disk.openForWriting(at('folder'))],
    ['rename: none', 'ENOENT', () => disk.rename(at('none'), at('b'))],
    ['rename: to no such folder', 'ENOENT', () => disk.rename(at('a'), at('none', 'b'))],
    ['rename: to below a file', 'ENOTDIR', () => disk.rename(at('folder'), at('a', 'b'))],
    ['rename: a file over a folder', 'EISDIR', () => disk.rename(at('a'), at('folder'))],
    ['rename: a folder over a file', 'ENOTDIR', () => disk.rename(at('folder'), at('a'))],
    ['rename: over a full folder', 'ENOTEMPTY', () => disk.rename(at('folder'), at('full'))],
    ['rename: into itself', 'EINVAL', () => disk.rename(at('folder'), at('folder', 'b'))],
    ['remove: below a file', 'ENOTDIR', () => disk.remove(at('a', 'b'))],
    ['makeFolder: no such parent', 'ENOENT', () => disk.makeFolder(at('none', 'b'))],
    ['makeFolder: below a file', 'ENOTDIR', () => disk.makeFolder(at('a', 'b'))],
    ['syncFolder: none', 'ENOENT', () => disk.syncFolder(at('none'))],
    ['list: none', 'ENOENT', () => disk.list(at('none'))],
    ['list: a file', 'ENOTDIR', () => disk.list(at('a'))],
    ['freeBytes: none', 'ENOENT', () => disk.freeBytes(at('none'))],
  ]
  it.each(refusals)('refuses %s, with %s', async (_what, code, attempt) => {
    await put(at('a'), 'a')
    await disk.makeFolder(at('folder'))
    await disk.makeFolder(at('full'))
    await put(at('full', 'x'), 'x')
    await expect(attempt()).rejects.toMatchObject({ code })
    expect((await disk.list(subject.folder)).toSorted()).toEqual(['a', 'folder', 'full'])
    expect(await textOf(at('a'))).toBe('a')
  })

  it('refuses to write by a handle for reading', async () => {
    await put(at('a'), 'a')
    const file = await disk.open(at('a'))
    await expect(file.write(Buffer.from('x'), 0)).rejects.toMatchObject({ code: 'EBADF' })
    await expect(file.truncate(0)).rejects.toMatchObject({ code: 'EINVAL' })
    await file.sync()
    await file.close()
    expect(await textOf(at('a'))).toBe('a')
  })

  it('refuses everything by a closed handle but to close it', async () => {
    const file = await disk.create(at('a'))
    await file.close()
    const attempts = [
      () => file.read(Buffer.alloc(1), 0),
      () => file.write(Buffer.alloc(1), 0),
      () => file.truncate(0),
      () => file.facts(),
      () => file.sync(),
    ]
    for (const attempt of attempts) await expect(attempt()).rejects.toMatchObject({ code: 'EBADF' })
    await file.close()
  })
})

async function textIn(file: DiskFile): Promise<string> {
  const buffer = Buffer.alloc(100)
  return buffer.toString('utf8', 0, await file.read(buffer, 0))
}
