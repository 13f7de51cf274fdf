// SPDX-License-Identifier: AGPL-3.0-or-later
/** Real folders and archives of GNU tar become the same trees, whichever way they come. */
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import {
  appendFileSync,
  chmodSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { CodedError } from '../../src/base/base.ts'
import { tarOfFolder } from '../../src/cli/folder-stream.ts'
import {
  entriesOfTar,
  type SkippedEntry,
  type WalkOptions,
  walkFolder,
} from '../../src/content/sources/sources.ts'
import { importFolder, type SourceEntry } from '../../src/content/unixfs/unixfs.ts'
import { contentOf, MemoryBlocks, never } from '../unit/content-folder-support.ts'

const everything = { signal: never, keepsMode: true, keepsTime: true }
let root: string
let folder: string

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'citynode-sources-'))
  folder = join(root, 'folder')
  mkdirSync(folder)
})

afterEach(() => {
  rmSync(root, { recursive: true })
})

function fill(): void {
  mkdirSync(join(folder, 'sub/deeper/empty'), { recursive: true })
  writeFileSync(join(folder, 'a'), 'hello')
  writeFileSync(join(folder, 'empty file'), '')
  writeFileSync(join(folder, 'sub/größe 日本'), Buffer.alloc(3_000_000, 'abc'))
  writeFileSync(join(folder, 'sub', 'n'.repeat(200)), 'long name')
  writeFileSync(join(folder, 'sub/block'), Buffer.alloc(1024, 1))
  writeFileSync(join(folder, 'sub/deeper/piece'), Buffer.alloc(256 * 1024, 2))
  symlinkSync('/etc/passwd', join(folder, 'sub/absolute'))
  symlinkSync('../nowhere/'.repeat(12), join(folder, 'sub/deeper/dangling'))
  symlinkSync('.', join(folder, 'circle'))
  chmodSync(join(folder, 'a'), 0o4751)
  chmodSync(join(folder, 'sub'), 0o700)
  utimesSync(join(folder, 'a'), 1.5, 123_456_789.123_456)
  utimesSync(join(folder, 'empty file'), 1, -86_400.25)
  lutimesSync(join(folder, 'circle'), 5, 5)
}

function walk(options: Partial<WalkOptions> = {}): AsyncGenerator<SourceEntry> {
  return walkFolder(folder, {
    signal: never,
    asReference: false,
    unreadable: 'fail',
    onSkipped: ({ path }) => {
      throw new Error(`skipped ${path}`)
    },
    ...options,
  })
}

async function rootOf(entries: AsyncIterable<SourceEntry>, options = everything): Promise<string> {
  const blocks = new MemoryBlocks()
  const { cid, carBodyBytes } = await importFolder(entries, blocks, options)
  expect(carBodyBytes).toBe(blocks.carBodyBytes(cid))
  return cid.toString()
}

function ourTar(onSkipped: (path: string) => void = () => {}): AsyncGenerator<Uint8Array> {
  return tarOfFolder(folder, { signal: never, onSkipped })
}

function gnuTar(...args: readonly string[]): Buffer {
  return execFileSync('tar', ['-C', folder, ...args, '-c', '.'], { maxBuffer: 64 * 1024 * 1024 })
}

describe('the same folder', () => {
  it('is the same tree by walking, by our archive and by GNU tar’s', async () => {
    fill()
    const walked = await rootOf(walk())
    expect(await rootOf(entriesOfTar(ourTar()))).toBe(walked)
    expect(await rootOf(entriesOfTar(contentOf(gnuTar('--format=pax'))))).toBe(walked)

    const noTimes = { ...everything, keepsTime: false }
    const withoutTimes = await rootOf(walk(), noTimes)
    expect(withoutTimes).not.toBe(walked)
    const gnu = contentOf(gnuTar('--format=gnu'), 1000)
    expect(await rootOf(entriesOfTar(gnu), noTimes)).toBe(withoutTimes)
    rmSync(join(folder, 'sub', 'n'.repeat(200)))
    rmSync(join(folder, 'sub/deeper/dangling'))
    rmSync(join(folder, 'empty file'))
    const ustar = contentOf(gnuTar('--format=ustar'), 777)
    expect(await rootOf(entriesOfTar(ustar), noTimes)).toBe(await rootOf(walk(), noTimes))
  })

  it('is what GNU tar makes of our archive', async () => {
    fill()
    const walked = await rootOf(walk())
    const pieces: Uint8Array[] = []
    for await (const piece of ourTar()) pieces.push(piece)
    expect(pieces.length).toBeLessThan(20)
    rmSync(folder, { recursive: true })
    mkdirSync(folder)
    execFileSync('tar', ['-C', folder, '-xp'], { input: Buffer.concat(pieces) })
    expect(await rootOf(walk())).toBe(walked)
  })

  it('packed by others with its own name in front has it as its only entry', async () => {
    fill()
    const archive = execFileSync('tar', ['-C', root, '-c', 'folder'], { maxBuffer: 2 ** 26 })
    const paths: string[] = []
    for await (const { path } of entriesOfTar(contentOf(archive))) paths.push(path)
    expect(paths[0]).toBe('folder')
    expect(paths).toContain('folder/sub/größe 日本')
  })

  it('with hard links is refused as GNU tar packs it, and taken with --hard-dereference', async () => {
    writeFileSync(join(folder, 'a'), 'hello')
    execFileSync('ln', [join(folder, 'a'), join(folder, 'b')])
    await expect(rootOf(entriesOfTar(contentOf(gnuTar())))).rejects.toMatchObject({
      code: 'CONTENT_ARCHIVE_UNSUPPORTED',
      advice: expect.stringMatching(/--hard-dereference/),
    })
    const whole = contentOf(gnuTar('--hard-dereference', '--format=pax'))
    expect(await rootOf(entriesOfTar(whole))).toBe(await rootOf(walk()))
  })

  it('with holes is refused as a sparse archive of either kind', async () => {
    execFileSync('truncate', ['-s', '1M', join(folder, 'holes')])
    for (const format of ['--format=gnu', '--format=pax']) {
      const archive = contentOf(gnuTar('--sparse', format))
      await expect(rootOf(entriesOfTar(archive))).rejects.toMatchObject({
        code: 'CONTENT_ARCHIVE_UNSUPPORTED',
      })
    }
  })
})

describe('a walk', () => {
  it('says where files lie when they are kept there', async () => {
    fill()
    const found = new Map<string, unknown>()
    for await (const entry of walk({ asReference: true })) {
      if (entry.kind === 'file') found.set(entry.path, entry.reference)
    }
    expect(found.get('a')).toEqual({
      path: join(folder, 'a'),
      sizeBytes: 5,
      modifiedAtMs: 123_456_789_123,
    })
  })

  it('leaves out what has no content, and says so; our archive as well', async () => {
    writeFileSync(join(folder, 'a'), 'hello')
    execFileSync('mkfifo', [join(folder, 'pipe')])
    const server = createServer().listen(join(folder, 'socket'))
    await once(server, 'listening')
    try {
      const skipped: SkippedEntry[] = []
      const walked = await rootOf(walk({ onSkipped: (entry) => skipped.push(entry) }))
      skipped.sort((one, other) => one.path.localeCompare(other.path))
      expect(skipped).toEqual([
        { path: 'pipe', reason: 'it is a pipe' },
        { path: 'socket', reason: 'it is a socket' },
      ])
      const left: string[] = []
      expect(await rootOf(entriesOfTar(ourTar((path) => left.push(path))))).toBe(walked)
      expect(left.sort()).toEqual(['pipe', 'socket'])
    } finally {
      server.close()
    }
  })

  it('fails, or skips, when something is gone by the time it is its turn', async () => {
    for (const name of ['a', 'b', 'c']) writeFileSync(join(folder, name), name)
    async function* removing(entries: AsyncIterable<SourceEntry>): AsyncGenerator<SourceEntry> {
      let seen = 0
      for await (const entry of entries) {
        yield entry
        if (entry.kind !== 'file') continue
        seen += 1
        const others = ['a', 'b', 'c'].filter((name) => name !== entry.path)
        if (seen === 1) for (const name of others) rmSync(join(folder, name))
      }
    }
    await expect(rootOf(removing(walk()))).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' })
    for (const name of ['a', 'b', 'c']) writeFileSync(join(folder, name), name)
    const skipped: string[] = []
    const skipping = walk({ unreadable: 'skip', onSkipped: ({ path }) => skipped.push(path) })
    await rootOf(removing(skipping))
    expect(skipped).toHaveLength(2)
  })

  it('notices a file that changes while it is read', async () => {
    const path = join(folder, 'log')
    writeFileSync(path, Buffer.alloc(1_000_000))
    async function* growing(entries: AsyncIterable<SourceEntry>): AsyncGenerator<SourceEntry> {
      for await (const entry of entries) {
        yield entry.kind === 'file' ? { ...entry, content: appending(entry.content) } : entry
      }
    }
    async function* appending(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
      let isFirst = true
      for await (const part of content) {
        yield part
        if (isFirst) appendFileSync(path, 'more')
        isFirst = false
      }
    }
    await expect(rootOf(growing(walk()))).rejects.toMatchObject({
      code: 'FILE_CHANGED',
      message: expect.stringContaining(path),
    })
    const sending = (async () => {
      for await (const _piece of ourTar()) appendFileSync(path, 'more')
    })()
    await expect(sending).rejects.toMatchObject({ code: 'FILE_CHANGED' })
  })

  it('does not follow a link that takes the place of a folder', async () => {
    mkdirSync(join(folder, 'b'))
    writeFileSync(join(folder, 'a'), 'a')
    const outside = join(root, 'outside')
    mkdirSync(outside)
    writeFileSync(join(outside, 'secret'), 'secret')
    const paths: string[] = []
    for await (const entry of walk()) {
      paths.push(`${entry.kind} ${entry.path}`)
      if (entry.path !== '') continue
      // Its name was read already or will be; either way it is looked at anew.
      rmSync(join(folder, 'b'), { recursive: true })
      symlinkSync(outside, join(folder, 'b'))
    }
    expect(paths.sort()).toEqual(['file a', 'folder ', 'symlink b'])
  })

  it('refuses names that are not UTF-8 by name, with advice', async () => {
    const name = Buffer.concat([Buffer.from(`${folder}/caf`), Buffer.from([0xe9])])
    writeFileSync(name, 'x')
    const codes = []
    for (const entries of [walk(), entriesOfTar(contentOf(gnuTar()))]) {
      const error: unknown = await rootOf(entries).catch((thrown: unknown) => thrown)
      if (!(error instanceof CodedError)) throw error
      expect(error.message).toMatch(/caf\ufffd” cannot be kept: it is not valid UTF-8/)
      codes.push(error.code)
    }
    expect(codes).toEqual(['CONTENT_PATH_REFUSED', 'CONTENT_PATH_REFUSED'])
    await expect(rootOf(entriesOfTar(ourTar()))).rejects.toMatchObject({
      code: 'FILE_NAME_REFUSED',
    })
  })

  it('of what is no folder, or not there, says so', async () => {
    const file = join(folder, 'a')
    writeFileSync(file, '')
    folder = file
    await expect(rootOf(walk())).rejects.toMatchObject({ code: 'FILE_NOT_FOLDER' })
    folder = join(root, 'nothing')
    await expect(rootOf(walk())).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' })
    await expect(rootOf(entriesOfTar(ourTar()))).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' })
    folder = join(root, 'folder')
  })

  it('ends with the signal, and closes what it opened', async () => {
    fill()
    const before = openFiles()
    const controller = new AbortController()
    const seen: string[] = []
    const walking = (async () => {
      for await (const { path } of walk({ signal: controller.signal })) {
        seen.push(path)
        if (path.startsWith('sub/')) controller.abort(new CodedError('ABORTED', 'enough'))
      }
    })()
    await expect(walking).rejects.toMatchObject({ code: 'ABORTED' })
    expect(openFiles()).toBe(before)
  })
})

function openFiles(): number {
  return readdirSync('/proc/self/fd').length
}
