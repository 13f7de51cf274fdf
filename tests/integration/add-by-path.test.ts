// SPDX-License-Identifier: AGPL-3.0-or-later
/** What the node reads by itself: the right file, no more of it than is missing, and nobody else's. */
import { appendFile, mkdir, mkdtemp, rename, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type DeskPathOptions, OwnerDesk } from '../../src/content/content.ts'
import { openSourceFile, type SeenFile } from '../../src/content/sources/file-source.ts'
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
} from './content-support.ts'

const cleanup = new Cleanup()
const city = new FakeCity()
const FILM_BYTES = 6 * MEBIBYTE + 9
/** Checkpoints fall on every second leaf. */
const CHECKPOINT_BYTES = 2 * MEBIBYTE
let node: TestNode
let folder: string
let film: string
let desk: OwnerDesk
/** Of the owner's files, since it was last set to 0. */
let readBytes: number
/** Runs before the owner's file is opened, and before each read of it. */
let beforeOpen: () => Promise<unknown>
let beforeRead: () => void

beforeEach(async () => {
  node = await startNode({ name: 'a', city, cleanup, options: small })
  folder = await mkdtemp(join(tmpdir(), 'citynode-by-path-'))
  cleanup.add(() => rm(folder, { recursive: true, force: true }))
  film = join(folder, 'film.bin')
  await writeFile(film, bytesOf(1, FILM_BYTES))
  readBytes = 0
  beforeOpen = () => Promise.resolve()
  beforeRead = () => {}
  desk = deskOf(node)
})
afterEach(() => cleanup.run())

const small = { addCheckpointBytes: CHECKPOINT_BYTES }

/** A desk whose files are counted as they are read. */
function deskOf({ content, folder: dataFolder }: TestNode): OwnerDesk {
  const unused = (): never => {
    throw new Error('nothing is published here')
  }
  return new OwnerDesk({
    content,
    dataFolder,
    refusals: {
      publicationOf: unused,
      refusalOf: () => undefined,
      publish: unused,
      withdraw: unused,
    },
    openFile: async (path) => {
      await beforeOpen()
      const file = await openSourceFile(path)
      return {
        stat: (options) => file.stat(options),
        close: () => file.close(),
        read: async (buffer, offset, length, position) => {
          beforeRead()
          const read = await file.read(buffer, offset, length, position)
          readBytes += read.bytesRead
          return read
        },
      }
    },
  })
}

async function seenAt(path: string): Promise<SeenFile> {
  const { dev, ino, size } = await stat(path, { bigint: true })
  return { device: String(dev), inode: String(ino), sizeBytes: String(size) }
}

function options(more: Partial<DeskPathOptions> = {}): DeskPathOptions {
  const said = { name: 'film', visibility: 'private', keepsMode: false, keepsTime: false } as const
  return { ...said, signal: never, onSkipped: () => {}, ...more }
}

describe('a copy by path', () => {
  it('is what streaming makes of it, and stays when the file goes', async () => {
    const streamed = await desk.addFile(inPieces(bytesOf(1, FILM_BYTES)), {
      ...options(),
      mode: undefined,
    })
    await desk.remove(streamed.item.cid)
    const { item, newBytes } = await desk.addCopy(film, options({ seen: await seenAt(film) }))
    expect(item.cid.toString()).toBe(streamed.item.cid.toString())
    expect(newBytes).toBeGreaterThan(FILM_BYTES - 1)
    expect(readBytes).toBe(FILM_BYTES)
    await rm(film)
    expect((await readAll(node.content.openBytes(item.cid))).length).toBe(FILM_BYTES)
  })

  it('of a folder is that of its archive, its links included', async () => {
    await mkdir(join(folder, 'tree'))
    await writeFile(join(folder, 'tree', 'a.txt'), 'hello city')
    await rename(film, join(folder, 'tree', 'film.bin'))
    await symlink('a.txt', join(folder, 'tree', 'link'))
    const tree = join(folder, 'tree')
    const { dev, ino } = await stat(tree, { bigint: true })
    const seen = { device: String(dev), inode: String(ino) }
    const copied = await desk.addCopy(tree, options({ seen }))
    expect(copied.counts).toMatchObject({ filesCount: 2, symlinksCount: 1 })
    const referred = await desk.addReference(tree, options({ seen }))
    expect(referred.item.cid.toString()).toBe(copied.item.cid.toString())
    const elsewhere = desk.addCopy(tree, options({ seen: { ...seen, inode: '1' } }))
    await expect(elsewhere).rejects.toMatchObject({ code: 'FILE_NOT_SAME' })
  })

  it.each(['device', 'inode', 'sizeBytes'] as const)(
    'is refused where the node sees another %s than its owner, and nothing is read',
    async (field) => {
      const seen = { ...(await seenAt(film)), [field]: '12345' }
      for (const adding of [
        desk.addCopy(film, options({ seen })),
        desk.addReference(film, options({ seen })),
      ]) {
        await expect(adding).rejects.toMatchObject({ code: 'FILE_NOT_SAME' })
      }
      expect(readBytes).toBe(0)
    },
  )

  it('is refused when another file was put in its place before it was opened', async () => {
    const seen = await seenAt(film)
    beforeOpen = async () => {
      await writeFile(join(folder, 'other'), bytesOf(2, FILM_BYTES))
      await rename(join(folder, 'other'), film)
    }
    const adding = desk.addCopy(film, options({ seen }))
    await expect(adding).rejects.toMatchObject({ code: 'FILE_NOT_SAME' })
    expect(desk.list()).toEqual([])
  })
})

describe('an addition that was called off', () => {
  /** Calls it off when so many leaves are read. */
  async function callOffAfter(
    leavesCount: number,
    add: 'addCopy' | 'addReference' = 'addCopy',
  ): Promise<void> {
    const calling = new AbortController()
    let readsCount = 0
    beforeRead = () => {
      if (readsCount >= leavesCount) calling.abort(new Error('called off'))
      readsCount += 1
    }
    const adding = desk[add](film, options({ signal: calling.signal }))
    await expect(adding).rejects.toThrow('called off')
    beforeRead = () => {}
    readBytes = 0
    expect(desk.list()).toEqual([])
  }

  it.each(['addCopy', 'addReference'] as const)('goes on where it was: %s', async (add) => {
    await callOffAfter(5, add)
    const { item } = await desk[add](film, options())
    expect(readBytes).toBe(FILM_BYTES - 4 * MEBIBYTE)
    expect((await readAll(node.content.openBytes(item.cid))).equals(bytesOf(1, FILM_BYTES))).toBe(
      true,
    )
    expect(await bodiesIn(node.folder)).toEqual(add === 'addCopy' ? [item.cid.toString()] : [])
  })

  it('goes on after another start, too', async () => {
    await callOffAfter(5)
    await node.stop()
    node = await startNode({ name: 'a', city, cleanup, folder: node.folder, options: small })
    desk = deskOf(node)
    await desk.addCopy(film, options())
    expect(readBytes).toBe(FILM_BYTES - 4 * MEBIBYTE)
  })

  it('starts over when the file has changed since', async () => {
    await callOffAfter(5)
    await appendFile(film, 'and more')
    const { item } = await desk.addCopy(film, options())
    expect(readBytes).toBe(FILM_BYTES + 8)
    expect(item.sizeBytes).toBe(FILM_BYTES + 8)
  })

  it('leaves nothing when there was no checkpoint yet', async () => {
    await callOffAfter(1)
    expect(await bodiesIn(node.folder)).toEqual([])
    await desk.addCopy(film, options())
    expect(readBytes).toBe(FILM_BYTES)
  })

  it('is let go when others need its room', async () => {
    await node.stop()
    const storeBytesMax = 64 * MEBIBYTE
    const limited = { ...small, storeBytesMax }
    node = await startNode({ name: 'a', city, cleanup, folder: node.folder, options: limited })
    desk = deskOf(node)
    await callOffAfter(5)
    const others = Buffer.alloc(60 * MEBIBYTE, 'of others')
    await desk.addFile(inPieces(others), options())
    expect(await bodiesIn(node.folder)).toHaveLength(1)
  })

  it('does not meet another one of the same file', async () => {
    await callOffAfter(5)
    const both = await Promise.all([
      desk.addCopy(film, options()),
      desk.addCopy(film, options({ name: 'again' })),
    ])
    // One goes on, the other reads all of it.
    expect(readBytes).toBe(2 * FILM_BYTES - 4 * MEBIBYTE)
    expect(new Set(both.map(({ item }) => item.cid.toString())).size).toBe(1)
    expect(await bodiesIn(node.folder)).toHaveLength(1)
  })
})
