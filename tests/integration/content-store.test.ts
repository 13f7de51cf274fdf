// SPDX-License-Identifier: AGPL-3.0-or-later
/** Items in the store: added, kept through crashes, refused when the disk is full. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { CID } from 'multiformats/cid'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { type Disk, machineDisk } from '../../src/content/content.ts'
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
  tempFolder,
  until,
} from './content-support.ts'

let cleanup: Cleanup
let city: FakeCity

beforeEach(() => {
  cleanup = new Cleanup()
  city = new FakeCity()
})
afterEach(() => cleanup.run())

const start = (more: Partial<TestNodeOptions> = {}): Promise<TestNode> =>
  startNode({ name: 'node', city, cleanup, ...more })

const own = { name: 'notes.txt', visibility: 'private', signal: never } as const

it('keeps, lists, opens and removes', async () => {
  const node = await start()
  const bytes = bytesOf(31, 2 * MEBIBYTE + 5)
  const item = await node.content.add(inPieces(bytes), own)
  expect(item).toMatchObject({
    name: 'notes.txt',
    kind: 'text/plain',
    sizeBytes: bytes.length,
    visibility: 'private',
    addedAtMs: 1_700_000_000_000,
    isWhole: true,
  })
  expect(node.content.list()).toEqual([item])
  expect(node.content.totals()).toEqual({ count: 1, publicCount: 0, sizeBytes: bytes.length })
  const part = await readAll(node.content.openBytes(item.cid, { start: 5, end: MEBIBYTE + 7 }))
  expect(part.equals(bytes.subarray(5, MEBIBYTE + 7))).toBe(true)
  expect(await node.content.remove(item.cid)).toEqual(item)
  expect(await node.content.remove(item.cid)).toBeUndefined()
  expect(await bodiesIn(node.folder)).toEqual([])
  expect(count(node, 'content_members') + count(node, 'content_items')).toBe(0)
  await expect(readAll(node.content.openBytes(item.cid))).rejects.toMatchObject({
    code: 'CONTENT_NOT_HERE',
  })
})

it('says how much it takes, also of small things that lie in a pack still open', async () => {
  const node = await start()
  await node.content.add(inPieces(bytesOf(30, 5_000)), own)
  const { storedBytes } = node.content.statistics()
  expect(storedBytes).toBeGreaterThanOrEqual(5_000)
  await node.content.add(inPieces(bytesOf(29, 2 * MEBIBYTE)), own)
  expect(node.content.statistics().storedBytes).toBeGreaterThan(storedBytes + 2 * MEBIBYTE)
})

it('takes the same bytes again as the same item, and only ever widens who may have it', async () => {
  const node = await start()
  const bytes = bytesOf(32, 100)
  const first = await node.content.add(inPieces(bytes), own)
  const again = await node.content.add(inPieces(bytes), {
    ...own,
    name: 'other',
    visibility: 'public',
  })
  expect(again).toMatchObject({ ...first, visibility: 'public', revision: expect.any(Number) })
  const third = await node.content.add(inPieces(bytes), own)
  expect(third.visibility).toBe('public')
  expect(node.content.list()).toHaveLength(1)
})

it('keeps a leaf that two items share when one of them goes', async () => {
  const node = await start()
  const shared = bytesOf(33, MEBIBYTE)
  const one = await node.content.add(inPieces(shared), { ...own, visibility: 'public' })
  const both = Buffer.concat([shared, bytesOf(34, 10)])
  const other = await node.content.add(inPieces(both), { ...own, visibility: 'public' })
  await node.content.remove(one.cid)
  const response = await fetch(`${node.url}/ipfs/${one.cid}?format=raw`)
  expect(Buffer.from(await response.arrayBuffer()).equals(shared)).toBe(true)
  expect((await readAll(node.content.openBytes(other.cid))).equals(both)).toBe(true)
})

it.each(['../etc/passwd', 'a\nb', '\u001b[31m', 'x'.repeat(256), ' '])(
  'refuses the name %j',
  async (name) => {
    const node = await start()
    await expect(
      node.content.add(inPieces(Buffer.from('x')), { ...own, name }),
    ).rejects.toMatchObject({
      code: 'CONTENT_BAD_NAME',
    })
  },
)

it('gives up when the source fails or hangs and is called off, and leaves nothing behind', async () => {
  const node = await start()
  async function* failing(): AsyncGenerator<Uint8Array> {
    yield bytesOf(35, 2 * MEBIBYTE)
    throw new Error('the cable was pulled')
  }
  await expect(node.content.add(failing(), own)).rejects.toThrow('the cable was pulled')
  const controller = new AbortController()
  let isHanging = false
  async function* hanging(): AsyncGenerator<Uint8Array> {
    yield bytesOf(35, 2 * MEBIBYTE)
    isHanging = true
    await new Promise(() => {})
  }
  const adding = node.content.add(hanging(), { ...own, signal: controller.signal })
  await until(() => isHanging)
  controller.abort(new Error('enough'))
  await expect(adding).rejects.toThrow('enough')
  expect(await bodiesIn(node.folder)).toEqual([])
  expect(node.content.list()).toEqual([])
})

/** The machine's disk, on which the n-th write, sync or rename fails. */
function failingDisk(
  code: string,
  failAt: { write?: number; sync?: number; rename?: number },
): Disk {
  const left = { ...failAt }
  const tick = (what: 'write' | 'sync' | 'rename'): void => {
    const before = left[what]
    if (before === undefined) return
    left[what] = before - 1
    if (before <= 0) throw Object.assign(new Error(code), { code })
  }
  return {
    ...machineDisk,
    create: async (path) => {
      const file = await machineDisk.create(path)
      return {
        read: (buffer, position) => file.read(buffer, position),
        write: async (bytes, position) => {
          tick('write')
          await file.write(bytes, position)
        },
        sync: async () => {
          tick('sync')
          await file.sync()
        },
        truncate: (sizeBytes) => file.truncate(sizeBytes),
        facts: () => file.facts(),
        close: () => file.close(),
      }
    },
    rename: async (from, to) => {
      tick('rename')
      await machineDisk.rename(from, to)
    },
  }
}

it.each([
  ['ENOSPC', { write: 0 }, 'STORE_FULL'],
  ['ENOSPC', { write: 1 }, 'STORE_FULL'],
  ['ENOSPC', { sync: 0 }, 'STORE_FULL'],
  ['EIO', { sync: 0 }, 'STORE_DISK_ERROR'],
  ['EROFS', { rename: 0 }, 'STORE_READ_ONLY'],
])(
  '%s at %j is %s, for additions and fetches, and nothing is left behind',
  async (errno, failAt, code) => {
    const honest = await startNode({ name: 'honest', city, cleanup })
    // Written as it comes, so that there is more than one write.
    const slowly = inPieces(bytesOf(36, 12 * MEBIBYTE), MEBIBYTE)
    const { cid } = await honest.content.add(slowly, { ...own, visibility: 'public' })
    const adding = await start({ deps: { disk: failingDisk(errno, failAt) } })
    await expect(
      adding.content.add(inPieces(bytesOf(36, 12 * MEBIBYTE)), own),
    ).rejects.toMatchObject({ code })
    const fetching = await startNode({
      name: 'fetching',
      city,
      cleanup,
      deps: { disk: failingDisk(errno, failAt) },
    })
    await expect(fetching.content.fetch(cid, own)).rejects.toMatchObject({ code })
    for (const node of [adding, fetching]) {
      expect(await bodiesIn(node.folder)).toEqual([])
      expect(node.content.list()).toEqual([])
      expect(node.content.health().map((condition) => condition.code)).toEqual(
        code === 'STORE_FULL' ? ['CONTENT_STORE_FULL'] : [],
      )
    }
    // The holder is not to blame.
    expect(fetching.content.statistics().badPeers).toEqual([])
  },
)

it('refuses what goes beyond the limits that the owner has set', async () => {
  const small = await start({ options: { storeBytesMax: 3 * MEBIBYTE } })
  await small.content.add(inPieces(bytesOf(37, 2 * MEBIBYTE)), own)
  await expect(small.content.add(inPieces(bytesOf(38, 2 * MEBIBYTE)), own)).rejects.toMatchObject({
    code: 'STORE_FULL',
  })
  expect(small.content.totals().count).toBe(1)
  const [item] = small.content.list()
  if (item !== undefined) await small.content.remove(item.cid)
  await small.content.add(inPieces(bytesOf(38, 2 * MEBIBYTE)), own)
  expect(small.content.health()).toEqual([])
  const full = await startNode({ name: 'full', city, cleanup, options: { freeBytesMin: 2 ** 52 } })
  await expect(full.content.add(inPieces(Buffer.from('x')), own)).rejects.toMatchObject({
    code: 'STORE_FULL',
  })
})

/** Of a file that is more than one leaf. */
const LARGE = 2 * MEBIBYTE + 1000

it('finds out at start what is missing, damaged or left over', async () => {
  const before = await start()
  const whole = await before.content.add(inPieces(bytesOf(41, LARGE)), {
    ...own,
    visibility: 'public',
  })
  const gone = await before.content.add(inPieces(bytesOf(42, LARGE)), {
    ...own,
    visibility: 'public',
  })
  const short = await before.content.add(inPieces(bytesOf(43, LARGE)), {
    ...own,
    visibility: 'public',
  })
  await before.stop()
  const files = join(before.folder, 'content', 'files')
  const pathOf = (cid: CID): string => join(files, cid.toString().slice(-2), cid.toString())
  // As after a crash; after an orderly end nobody looks for what is left over.
  await rm(join(before.folder, 'content', 'ended-in-order'))
  await rm(pathOf(gone.cid))
  await truncate(pathOf(short.cid), LARGE - 1)
  await mkdir(join(files, 'zz'), { recursive: true })
  await writeFile(join(files, 'zz', 'bafybeizz'), 'nobody’s')
  await writeFile(join(before.folder, 'content', 'incoming', '1'), 'half')

  const node = await start({ folder: before.folder })
  expect(node.content.list().map(({ isWhole }) => isWhole)).toEqual([true, false, false])
  expect(node.content.health()).toMatchObject([{ code: 'CONTENT_DAMAGED', severity: 'error' }])
  const bodies = (await bodiesIn(node.folder)).filter((name) => !name.endsWith('.have'))
  expect(bodies).toEqual([whole.cid.toString(), short.cid.toString()].sort())
  for (const { cid } of [gone, short]) {
    expect((await fetch(`${node.url}/ipfs/${cid}?format=raw`)).status).toBe(404)
    await expect(readAll(node.content.openBytes(cid))).rejects.toMatchObject({
      code: 'CONTENT_NOT_HERE',
    })
  }
  // Adding the bytes again mends the item.
  await node.content.add(inPieces(bytesOf(42, LARGE)), own)
  await node.content.add(inPieces(bytesOf(43, LARGE)), own)
  expect(node.content.health()).toEqual([])
  expect((await readAll(node.content.openBytes(short.cid))).equals(bytesOf(43, LARGE))).toBe(true)
})

it('reads a file of the owner’s again when it was touched and added again', async () => {
  const node = await start()
  const path = join(node.folder, 'film.bin')
  const bytes = bytesOf(44, LARGE)
  await writeFile(path, bytes)
  const add = async (): Promise<CID> => {
    const { size, mtimeMs } = await stat(path)
    const reference = { path, sizeBytes: size, modifiedAtMs: Math.floor(mtimeMs) }
    return (await node.content.add(inPieces(bytes), { ...own, reference })).cid
  }
  const cid = await add()
  await utimes(path, 1_000, 1_000)
  const reading = readAll(node.content.openBytes(cid))
  await expect(reading).rejects.toMatchObject({ code: 'CONTENT_CHANGED' })
  await add()
  expect((await readAll(node.content.openBytes(cid))).equals(bytes)).toBe(true)
})

/** Runs a node in a process of its own, which says on stdout what it has acknowledged. */
async function runChild(arguments_: readonly string[], untilLine: (line: string) => boolean) {
  const script = fileURLToPath(new URL('./content-child.ts', import.meta.url))
  const child = spawn(process.execPath, [script, ...arguments_], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const lines: string[] = []
  let text = ''
  for await (const chunk of child.stdout) {
    text += String(chunk)
    const parts = text.split('\n')
    text = parts.pop() ?? ''
    lines.push(...parts)
    if (parts.some(untilLine)) child.kill('SIGKILL')
  }
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  return { lines, signal: child.signalCode }
}

it.each([0, 1, 2, 5, 9])(
  'kill -9 while adding, %i items in: those are whole, nothing else is there',
  async (n) => {
    const folder = await tempFolder(cleanup)
    const { lines, signal } = await runChild(
      ['add', folder],
      // In the middle of the next one.
      (line) => line === `adding ${n} ${3 * MEBIBYTE}`,
    )
    expect(signal).toBe('SIGKILL')
    const acknowledged = lines
      .filter((line) => line.startsWith('added '))
      .map((line) => line.slice(6))
    expect(acknowledged.length).toBeGreaterThanOrEqual(n)
    const node = await start({ folder })
    await expectWhole(node, acknowledged)
  },
)

it('kill -9 while fetching: nothing of the item is there', async () => {
  const honest = await startNode({ name: 'honest', city, cleanup })
  const { cid } = await honest.content.add(inPieces(bytesOf(0, 8 * MEBIBYTE)), {
    ...own,
    visibility: 'public',
  })
  const folder = await tempFolder(cleanup)
  const port = new URL(honest.url).port
  const { lines, signal } = await runChild(['fetch', folder, port, cid.toString()], (line) => {
    const received = /^received (\d+)$/.exec(line)?.[1]
    return Number(received) > 2 * MEBIBYTE
  })
  expect(signal).toBe('SIGKILL')
  const node = await start({ folder })
  await expectWhole(
    node,
    lines.filter((line) => line.startsWith('fetched ')).map((line) => line.slice(8)),
  )
  await node.content.fetch(cid, own)
  expect((await readAll(node.content.openBytes(cid))).equals(bytesOf(0, 8 * MEBIBYTE))).toBe(true)
})

/** Every acknowledged item is whole. Another may be, when only its acknowledgement was lost. */
async function expectWhole(node: TestNode, acknowledged: readonly string[]): Promise<void> {
  const items = node.content.list()
  const cids = items.map(({ cid }) => cid.toString())
  expect(cids).toEqual(expect.arrayContaining([...acknowledged]))
  expect(items.length - acknowledged.length).toBeLessThanOrEqual(1)
  expect((await bodiesIn(node.folder)).sort()).toEqual(cids.toSorted())
  expect(node.content.health()).toEqual([])
  for (const item of items) {
    const bytes = await readAll(node.content.openBytes(item.cid))
    const again = await node.content.add(inPieces(bytes), own)
    expect(again.cid.toString()).toBe(item.cid.toString())
  }
}

function count(node: TestNode, table: string): number {
  const row = node.database.prepare<{ count: number }>(`SELECT count(*) AS count FROM ${table}`)
  return row.get()?.count ?? 0
}
