// SPDX-License-Identifier: AGPL-3.0-or-later
/** Folders of strangers are written whole or not at all, and never outside of their target. */
import { chmod, mkdir, mkdtemp, readdir, readFile, readlink, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  encodeTarHeader,
  TAR_END_BYTES,
  type TarEntry,
  tarPaddingBytes,
} from '../../src/base/base.ts'
import { writeFolder } from '../../src/cli/folder-writer.ts'

let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'citynode-writer-'))
})

afterEach(() => rm(folder, { recursive: true, force: true }))

type Sample = Partial<TarEntry> & { path: string; text?: string }

const NO_TIME = { seconds: 0, nanoseconds: 0 }

async function* archiveOf(...samples: Sample[]): AsyncGenerator<Uint8Array> {
  for (const { text, ...sample } of [{ path: '.', kind: 'folder' as const }, ...samples]) {
    const content = Buffer.from(text ?? '')
    const kind = text === undefined ? 'folder' : 'file'
    const given = { kind, mode: 0, modifiedAt: NO_TIME, target: '', ...sample } as const
    yield encodeTarHeader({ ...given, sizeBytes: content.length })
    yield Buffer.concat([content, Buffer.alloc(tarPaddingBytes(content.length))])
  }
  yield new Uint8Array(TAR_END_BYTES)
}

function write(archive: AsyncIterable<Uint8Array>, mayLeadOut = false) {
  return writeFolder(join(folder, 'out'), archive, { mayLeadOut, onProgress: () => {} })
}

const link = (path: string, target: string): Sample => ({ path, kind: 'symlink', target, text: '' })

/** Nothing is there, neither the folder nor anything beside it. */
async function expectNothing(): Promise<void> {
  expect(await readdir(folder)).toEqual([])
}

describe('what is written', () => {
  it('is the whole folder, with what was kept of permissions and times', async () => {
    const modifiedAt = { seconds: 1_600_000_000, nanoseconds: 0 }
    const written = await write(
      archiveOf(
        { path: 'a', mode: 0o750, modifiedAt },
        { path: 'a/b.txt', text: 'hello', mode: 0o4755, modifiedAt },
        { path: 'a/empty', text: '' },
        link('a/to-b', 'b.txt'),
        link('up', './a/b.txt'),
      ),
    )
    expect(written).toEqual({ filesCount: 2, foldersCount: 1, symlinksCount: 2, sizeBytes: 5 })
    expect(await readFile(join(folder, 'out/up'), 'utf8')).toBe('hello')
    expect(await readlink(join(folder, 'out/a/to-b'))).toBe('b.txt')
    const file = await stat(join(folder, 'out/a/b.txt'))
    // Nobody from elsewhere makes a file setuid here.
    expect(file.mode & 0o7777).toBe(0o755)
    expect(file.mtimeMs).toBe(1_600_000_000_000)
    const inner = await stat(join(folder, 'out/a'))
    expect([inner.mode & 0o777, inner.mtimeMs]).toEqual([0o750, 1_600_000_000_000])
    expect(await readdir(folder)).toEqual(['out'])
  })

  it('takes the place of an empty folder, and of nothing else', async () => {
    await mkdir(join(folder, 'out'))
    await write(archiveOf({ path: 'a.txt', text: 'one' }))
    const again = write(archiveOf({ path: 'b.txt', text: 'two' }))
    await expect(again).rejects.toMatchObject({ code: 'FILE_EXISTS' })
    expect(await readdir(join(folder, 'out'))).toEqual(['a.txt'])
    expect(await readdir(folder)).toEqual(['out'])
  })

  it('may forbid its owner to write', async () => {
    await write(archiveOf({ path: '.', mode: 0o555 }, { path: 'a.txt', text: 'one' }))
    expect((await stat(join(folder, 'out'))).mode & 0o777).toBe(0o555)
    await chmod(join(folder, 'out'), 0o755)
  })
})

describe('what is refused, and leaves nothing behind', () => {
  it.each(['../evil', '/etc/evil', 'a/../../evil', 'nowhere/evil', './a//b', '..'])(
    'the name %s',
    async (path) => {
      await expect(write(archiveOf({ path, text: 'x' }))).rejects.toMatchObject({
        code: 'FILE_NAME_REFUSED',
      })
      await expectNothing()
    },
  )

  it.each([
    ['l', '/etc/passwd'],
    ['l', '../up'],
    ['a/l', '../../up'],
    // Harmless by its letters; but `a/m` may lead up by itself, and then this leads out.
    ['l', 'a/m/../..'],
    ['l', 'a/..'],
  ])('the link %s to %s, unless it is wanted', async (path, target) => {
    const samples = [{ path: 'a' }, link(path, target)]
    await expect(write(archiveOf(...samples))).rejects.toMatchObject({ code: 'SYMLINK_LEADS_OUT' })
    await expectNothing()
    await write(archiveOf(...samples), true)
    expect(await readlink(join(folder, 'out', path))).toBe(target)
  })

  it('a file through a link', async () => {
    const through = archiveOf(link('l', '..'), { path: 'l/evil', text: 'x' })
    await expect(write(through, true)).rejects.toMatchObject({ code: 'FILE_NAME_REFUSED' })
    await expectNothing()
  })

  it('a name twice', async () => {
    const twice = archiveOf({ path: 'a', text: 'one' }, { path: 'a', text: 'two' })
    await expect(write(twice)).rejects.toMatchObject({ code: 'FILE_NAME_REFUSED' })
    await expectNothing()
  })

  it('an archive that breaks off', async () => {
    const pieces = (await Array.fromAsync(archiveOf({ path: 'a', text: 'one' }))).slice(0, -1)
    const broken = (async function* () {
      yield* pieces
    })()
    await expect(write(broken)).rejects.toMatchObject({ code: 'API_BROKEN_OFF' })
    await expectNothing()
  })
})
