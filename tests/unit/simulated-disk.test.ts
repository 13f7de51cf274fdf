// SPDX-License-Identifier: AGPL-3.0-or-later
/** The simulated disk beyond what a Disk promises: power cuts, failures, rot, counting. */
import { dirname } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type DiskCall, SimulatedDisk } from '../support/simulated-disk.ts'
import { SECTOR_BYTES } from '../support/simulated-inodes.ts'

const SEEDS = Array.from({ length: 300 }, (_, index) => index + 1)

async function put(disk: SimulatedDisk, path: string, text: string): Promise<void> {
  const file = await disk.create(path)
  await file.write(Buffer.from(text), 0)
  await file.sync()
  await file.close()
  await disk.syncFolder(dirname(path))
}

/** What is left of `path` over all seeds: each different outcome once, `none` for no such file. */
async function outcomes(
  path: string,
  work: (disk: SimulatedDisk) => Promise<unknown>,
): Promise<Set<string>> {
  const seen = new Set<string>()
  for (const seed of SEEDS) {
    const disk = new SimulatedDisk({ seed })
    await work(disk)
    const left = disk.cut()
    seen.add(left.files().includes(path) ? left.bytesOf(path).toString('latin1') : 'none')
  }
  return seen
}

describe('a power cut', () => {
  it('leaves what was synced, whatever the seed', async () => {
    expect(await outcomes('/a', (disk) => put(disk, '/a', 'kept'))).toEqual(new Set(['kept']))
  })

  it('leaves a name that was not synced or not, and synced bytes below it', async () => {
    const seen = await outcomes('/a', async (disk) => {
      const file = await disk.create('/a')
      await file.write(Buffer.from('kept'), 0)
      await file.sync()
    })
    expect(seen).toEqual(new Set(['none', 'kept']))
  })

  it('leaves of bytes that were not synced all, a part, zeros, garbage or nothing', async () => {
    const bytes = Buffer.alloc(4 * SECTOR_BYTES, 'n')
    const seen = await outcomes('/a', async (disk) => {
      await put(disk, '/a', 'o'.repeat(2 * SECTOR_BYTES))
      const file = await disk.openForWriting('/a')
      await file.write(bytes, SECTOR_BYTES)
    })
    const every = [...seen]
    // What lies before the write is never harmed.
    expect(every.every((text) => text.startsWith('o'.repeat(SECTOR_BYTES)))).toBe(true)
    const rest = every.map((text) => text.slice(SECTOR_BYTES))
    expect(rest).toContain('n'.repeat(4 * SECTOR_BYTES))
    expect(rest).toContain('o'.repeat(SECTOR_BYTES))
    const has = (pattern: RegExp): boolean => rest.some((text) => pattern.test(text))
    expect(has(/^o{512}n/)).toBe(true)
    expect(has(/^n{512}o{512}|^n{512}\0/)).toBe(true)
    expect(has(/[^no\0]/)).toBe(true)
    expect(rest.some((text) => text.length % SECTOR_BYTES !== 0)).toBe(true)
    expect(has(/^(o{512})?\0{512}/)).toBe(true)
  })

  it('undoes a cut of the file that was not synced, or not', async () => {
    const seen = await outcomes('/a', async (disk) => {
      await put(disk, '/a', 'abcdef')
      const file = await disk.openForWriting('/a')
      await file.truncate(2)
    })
    expect(seen).toEqual(new Set(['abcdef', 'ab']))
  })

  it('brings a removed name back or not; for sure not once the folder is synced', async () => {
    const remove = async (disk: SimulatedDisk): Promise<void> => {
      await put(disk, '/a', 'kept')
      await disk.remove('/a')
    }
    expect(await outcomes('/a', remove)).toEqual(new Set(['none', 'kept']))
    const synced = await outcomes('/a', async (disk) => {
      await remove(disk)
      await disk.syncFolder('/')
    })
    expect(synced).toEqual(new Set(['none']))
  })

  it('never loses a file that was being renamed, and replaces whole', async () => {
    for (const seed of SEEDS) {
      const disk = new SimulatedDisk({ seed })
      await disk.makeFolder('/from')
      await disk.makeFolder('/to')
      await disk.syncFolder('/')
      await put(disk, '/from/a', 'new')
      await put(disk, '/to/a', 'old')
      await disk.rename('/from/a', '/to/a')
      if (seed % 3 === 1) await disk.syncFolder('/from')
      if (seed % 3 === 2) await disk.syncFolder('/to')
      const left = disk.cut()
      const target = left.bytesOf('/to/a').toString()
      const isBelowSource = left.files().includes('/from/a')
      expect(target === 'new' || isBelowSource).toBe(true)
      if (seed % 3 !== 0) expect(target).toBe('new')
      if (seed % 3 === 1) expect(isBelowSource).toBe(false)
    }
  })

  it('loses a folder whose name was not synced with all that is in it', async () => {
    const seen = await outcomes('/folder/a', async (disk) => {
      await disk.makeFolder('/folder')
      await put(disk, '/folder/a', 'kept')
    })
    expect(seen).toEqual(new Set(['none', 'kept']))
  })

  it('ends the disk and its handles, at the change that was named', async () => {
    const disk = new SimulatedDisk({ seed: 7 })
    let heardAt = -1
    disk.cutPowerAt(2, {
      onCut: () => {
        heardAt = disk.counts.changeCount
      },
    })
    const file = await disk.create('/a')
    await file.read(Buffer.alloc(1), 0)
    await file.write(Buffer.from('1'), 0)
    await expect(file.sync()).rejects.toThrow('the power was cut')
    expect(heardAt).toBe(3)
    for (const call of [
      () => file.read(Buffer.alloc(1), 0),
      () => file.close(),
      () => disk.list('/'),
    ]) {
      await expect(call()).rejects.toMatchObject({ code: 'EIO' })
    }
    expect(await disk.cut().list('/')).toEqual(expect.any(Array))
  })

  it('is the same again with the same seed', async () => {
    const run = async (): Promise<string> => {
      const disk = new SimulatedDisk({ seed: 42 })
      const file = await disk.create('/a')
      for (let at = 0; at < 20; at++) await file.write(Buffer.alloc(700, at), at * 700)
      await disk.syncFolder('/')
      return disk.cut().bytesOf('/a').toString('hex')
    }
    expect(await run()).toBe(await run())
  })
})

describe('failures', () => {
  it.each(['create', 'rename', 'remove', 'syncFolder', 'list'] as const)(
    'fails the second %s, once',
    async (call: DiskCall) => {
      const disk = new SimulatedDisk({ seed: 1 })
      disk.fail({ call, code: 'EIO', after: 1 })
      let number = 0
      const attempt = async (): Promise<void> => {
        number += 1
        if (call === 'create') await disk.create(`/new-${number}`)
        if (call === 'rename') await disk.rename('/x', '/y').catch(rethrowUnless('ENOENT'))
        if (call === 'remove') await disk.remove('/x')
        if (call === 'syncFolder') await disk.syncFolder('/')
        if (call === 'list') await disk.list('/')
      }
      await attempt()
      await expect(attempt()).rejects.toMatchObject({ code: 'EIO' })
      await attempt()
      expect(disk.counts.calls[call]).toBe(3)
    },
  )

  it('writes a part and then fails', async () => {
    const disk = new SimulatedDisk({ seed: 1 })
    disk.fail({ call: 'write', code: 'ENOSPC', partBytes: 3 })
    const file = await disk.create('/a')
    await expect(file.write(Buffer.from('abcdef'), 0)).rejects.toMatchObject({ code: 'ENOSPC' })
    expect(disk.bytesOf('/a').toString()).toBe('abc')
  })

  it('is full at its capacity, and has space again after a removal', async () => {
    const disk = new SimulatedDisk({ seed: 1, capacityBytes: 10 })
    const file = await disk.create('/a')
    await file.write(Buffer.alloc(8), 0)
    expect(await disk.freeBytes('/')).toBe(2)
    await expect(file.write(Buffer.alloc(8, 'x'), 4)).rejects.toMatchObject({ code: 'ENOSPC' })
    expect(disk.bytesOf('/a').toString()).toBe('\0\0\0\0xxxxxx')
    await disk.remove('/a')
    expect(await disk.freeBytes('/')).toBe(0)
    await file.close()
    expect(await disk.freeBytes('/')).toBe(10)
  })

  it('is read-only, and still reads', async () => {
    const disk = new SimulatedDisk({ seed: 1 })
    await put(disk, '/a', 'kept')
    disk.setReadOnly(true)
    for (const call of [
      () => disk.create('/b'),
      () => disk.openForWriting('/a'),
      () => disk.rename('/a', '/b'),
      () => disk.remove('/a'),
      () => disk.makeFolder('/folder'),
    ]) {
      await expect(call()).rejects.toMatchObject({ code: 'EROFS' })
    }
    await disk.makeFolder('/')
    await disk.remove('/none')
    expect(disk.bytesOf('/a').toString()).toBe('kept')
  })

  it('may lose for good what a failed sync was to save', async () => {
    const seen = await outcomes('/a', async (disk) => {
      await put(disk, '/a', 'old')
      const file = await disk.openForWriting('/a')
      await file.write(Buffer.from('new'), 0)
      disk.fail({ call: 'sync', code: 'EIO' })
      await file.sync().catch(() => {})
      await file.sync()
    })
    expect(seen.size).toBeGreaterThan(1)
    expect(seen).toContain('old')
    expect(seen).toContain('new')
  })
})

it('rots: one bit, now and after a cut', async () => {
  const disk = new SimulatedDisk({ seed: 1 })
  await put(disk, '/a', 'abc')
  disk.rot('/a', 8)
  expect(disk.bytesOf('/a').toString()).toBe('acc')
  expect(disk.cut().bytesOf('/a').toString()).toBe('acc')
})

it('counts what a card has to bear, and tells the time of the clock that it was given', async () => {
  const disk = new SimulatedDisk({ seed: 1, clock: { wallMs: () => 5 } })
  await put(disk, '/a', 'four')
  const { calls, writtenBytes, changeCount } = disk.counts
  expect(writtenBytes).toBe(4)
  expect(calls).toMatchObject({ create: 1, write: 1, sync: 1, syncFolder: 1, rename: 0 })
  expect(changeCount).toBe(4)
  expect(await disk.factsOf('/a')).toEqual({ sizeBytes: 4, modifiedAtMs: 5 })
})

function rethrowUnless(code: string): (thrown: unknown) => void {
  return (thrown) => {
    if (!(thrown instanceof Error && 'code' in thrown && thrown.code === code)) throw thrown
  }
}
