// SPDX-License-Identifier: AGPL-3.0-or-later
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ensureFolder, syncFolder, writeFileAtomic } from '../../src/system/system.ts'

let folder = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'citynode-files-'))
})
afterEach(() => rm(folder, { recursive: true }))

async function modeOf(path: string): Promise<number> {
  return (await stat(path)).mode & 0o777
}

describe('writeFileAtomic', () => {
  it('writes a file with exactly the mode, whatever the umask', async () => {
    const path = join(folder, 'file')
    await writeFileAtomic(path, 'one', { mode: 0o666 })
    expect(await readFile(path, 'utf8')).toBe('one')
    expect(await modeOf(path)).toBe(0o666)
  })

  it('replaces the file and its mode, and leaves nothing else behind', async () => {
    const path = join(folder, 'file')
    await writeFileAtomic(path, 'one', { mode: 0o644 })
    await writeFileAtomic(path, Uint8Array.of(1, 2), { mode: 0o600 })
    expect(await readFile(path)).toEqual(Buffer.from([1, 2]))
    expect(await modeOf(path)).toBe(0o600)
    expect(await readdir(folder)).toEqual(['file'])
  })

  it('does not overwrite when told not to', async () => {
    const path = join(folder, 'file')
    await writeFileAtomic(path, 'one', { mode: 0o600, overwrite: false })
    const again = writeFileAtomic(path, 'two', { mode: 0o600, overwrite: false })
    await expect(again).rejects.toMatchObject({ code: 'FILE_EXISTS' })
    expect(await readFile(path, 'utf8')).toBe('one')
    expect(await readdir(folder)).toEqual(['file'])
  })

  it('leaves one whole file when many write at once', async () => {
    const path = join(folder, 'file')
    const texts = Array.from({ length: 20 }, (_, index) => String(index).repeat(1000))
    await Promise.all(texts.map((text) => writeFileAtomic(path, text, { mode: 0o600 })))
    expect(texts).toContain(await readFile(path, 'utf8'))
    expect(await readdir(folder)).toEqual(['file'])
  })

  it('fails cleanly where it cannot write', async () => {
    const target = join(folder, 'folder')
    await mkdir(target)
    const onFolder = writeFileAtomic(target, 'x', { mode: 0o600 })
    await expect(onFolder).rejects.toMatchObject({ code: 'DATA_UNWRITABLE' })
    const nowhere = writeFileAtomic(join(folder, 'none', 'file'), 'x', { mode: 0o600 })
    await expect(nowhere).rejects.toMatchObject({ code: 'DATA_UNWRITABLE' })
    expect(await readdir(folder)).toEqual(['folder'])
  })
})

describe('ensureFolder', () => {
  it('makes a folder and those above it, for us alone', async () => {
    const path = join(folder, 'a', 'b')
    await ensureFolder(path)
    await ensureFolder(path)
    expect(await modeOf(path)).toBe(0o700)
    expect(await readdir(path)).toEqual([])
    await syncFolder(path)
  })

  it('keeps the mode of a folder that exists', async () => {
    await chmod(folder, 0o755)
    await ensureFolder(folder, 0o700)
    expect(await modeOf(folder)).toBe(0o755)
  })

  it('says what to do where there is a file, or a file on the way', async () => {
    const file = join(folder, 'file')
    await writeFile(file, '')
    for (const path of [file, join(file, 'below', 'deeper')]) {
      const error = await ensureFolder(path).catch((thrown: unknown) => thrown)
      expect(error).toMatchObject({ code: 'DATA_UNWRITABLE', advice: expect.any(String) })
    }
    expect(await readFile(file, 'utf8')).toBe('')
  })

  // mkdir with `recursive` would never return for the first of these.
  it.each(['/proc/citynode/data', '/proc/self', '/sys/class/citynode'])(
    'finds out that %s is not writable, also as root',
    async (path) => {
      await expect(ensureFolder(path)).rejects.toMatchObject({
        code: 'DATA_UNWRITABLE',
        message: expect.stringContaining(path),
      })
    },
  )

  it.skipIf(process.getuid?.() === 0)('believes the permission bits of others', async () => {
    await chmod(folder, 0o500)
    await expect(ensureFolder(folder)).rejects.toMatchObject({ code: 'DATA_UNWRITABLE' })
    await chmod(folder, 0o700)
  })
})
