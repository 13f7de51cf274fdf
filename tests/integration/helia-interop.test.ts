// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Helia, another implementation of IPFS, reads what we make, makes what we read, and fetches from us.
 * It is a dependency of the benchmarks alone: `npm ci` in tests/bench/helia installs it.
 */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { CID } from 'multiformats/cid'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { SourceEntry } from '../../src/content/content.ts'
import { contentOf, eachOf, folderEntry, symlinkEntry } from '../unit/content-folder-support.ts'
import { contentsOf, exportFrom, fates, importInto } from './carry-support.ts'
import {
  Cleanup,
  FakeCity,
  MEBIBYTE,
  never,
  readAll,
  startNode,
  type TestNode,
  tempFolder,
} from './content-support.ts'

const HELIA = new URL('../bench/helia/', import.meta.url)
const isInstalled = existsSync(new URL('node_modules/@helia/unixfs', HELIA))

interface HeliaEntry {
  path: string
  cid: string
  type: 'file' | 'folder' | 'symlink'
  target?: string
  sizeBytes?: number
  sha256?: string
  mode?: number
  mtime?: [number, number]
}

const MODIFIED_AT = { seconds: 1_000_000_000, nanoseconds: 5 }

/** The same as in tests/bench/helia/unixfs.mjs. */
function sample(): SourceEntry[] {
  const file = (path: string, bytes: Uint8Array): SourceEntry => {
    return { kind: 'file', path, content: contentOf(bytes) }
  }
  return [
    file('empty', new Uint8Array()),
    file('large.bin', LARGE),
    folderEntry('sub'),
    file('sub/größe 日本', Buffer.from('hello')),
    { ...file('dated', Buffer.from('old')), mode: 0o640, modifiedAt: MODIFIED_AT },
    folderEntry('many'),
    ...Array.from({ length: 5000 }, (_, index) =>
      file(`many/file number ${index}`, Buffer.from(String(index))),
    ),
  ]
}

function pattern(sizeBytes: number): Buffer {
  const bytes = Buffer.alloc(sizeBytes)
  for (let at = 0; at + 4 <= sizeBytes; at += 4) bytes.writeUInt32LE((at * 2654435761) >>> 0, at)
  return bytes
}
const LARGE = pattern(3 * MEBIBYTE + 7)

const cleanup = new Cleanup()
let folder: string
let node: TestNode
let root: CID

async function helia<Result>(...argv: string[]): Promise<Result> {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [new URL('unixfs.mjs', HELIA).pathname, ...argv],
    { maxBuffer: 64 * MEBIBYTE },
  )
  // What it prints is our own script's; the tests look at every field.
  return JSON.parse(stdout) as Result
}

async function addSample(entries: SourceEntry[], visibility: 'public' | 'private' = 'public') {
  const options = { name: 'sample', visibility, signal: never, keepsMode: true, keepsTime: true }
  return (await node.content.addFolder(eachOf(entries), options)).item.cid
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** What Helia must find of the sample. */
function expectSample(found: readonly HeliaEntry[]): void {
  const files = new Map(found.filter(({ type }) => type === 'file').map((one) => [one.path, one]))
  expect(files.size).toBe(5004)
  expect(files.get('empty')).toMatchObject({ sizeBytes: 0, sha256: sha256(new Uint8Array()) })
  expect(files.get('large.bin')).toMatchObject({ sha256: sha256(LARGE) })
  expect(files.get('sub/größe 日本')).toMatchObject({ sha256: sha256(Buffer.from('hello')) })
  const { seconds, nanoseconds } = MODIFIED_AT
  expect(files.get('dated')).toMatchObject({ mode: 0o640, mtime: [seconds, nanoseconds] })
  for (let index = 0; index < 5000; index++) {
    const expected = sha256(Buffer.from(String(index)))
    expect(files.get(`many/file number ${index}`)?.sha256).toBe(expected)
  }
}

if (!isInstalled) {
  it('NOT LOOKED AT, since Helia is not installed: cd tests/bench/helia && npm ci', () => {
    process.stderr.write('Helia is not installed: nothing was compared with it.\n')
  })
}

/** Registers the suite where it can run; elsewhere the test above says loudly that it did not. */
const describeInstalled = isInstalled ? describe : () => {}

describeInstalled('Helia', { timeout: 120_000 }, () => {
  beforeAll(async () => {
    folder = await tempFolder(cleanup)
    node = await startNode({ name: 'ours', city: new FakeCity(), cleanup })
    root = await addSample(sample())
  })
  afterAll(() => cleanup.run())

  it('reads what we export: the same names, bytes, modes and times', async () => {
    const car = join(folder, 'ours.car')
    await writeFile(car, await exportFrom(node.content, root))
    expectSample(await helia<HeliaEntry[]>('read', car))
  })

  it('reads our symlinks', async () => {
    const entries: SourceEntry[] = [folderEntry('sub'), symlinkEntry('sub/link', '../größe')]
    const car = join(folder, 'symlink.car')
    await writeFile(car, await exportFrom(node.content, await addSample(entries)))
    const found = await helia<HeliaEntry[]>('read', car)
    expect(found.at(-1)).toMatchObject({ path: 'sub/link', type: 'symlink', target: '../größe' })
  })

  it('makes the same CIDs as we with the profile unixfs-v1-2025', async () => {
    const theirs = join(folder, 'theirs.car')
    await helia('make', theirs, 'unixfs-v1-2025')
    const ours = join(folder, 'ours.car')
    await writeFile(ours, await exportFrom(node.content, root))
    const [one, other] = [
      await helia<HeliaEntry[]>('read', ours),
      await helia<HeliaEntry[]>('read', theirs),
    ]
    // A small file with a time: the importer keeps its bytes in the node, we and Kubo in a leaf.
    const differs = ['', 'dated']
    const cids = (found: HeliaEntry[]) =>
      found.filter(({ path }) => !differs.includes(path)).map(({ path, cid }) => `${cid} ${path}`)
    expect(cids(one).length).toBeGreaterThan(5000)
    expect(cids(one).sort()).toEqual(cids(other).sort())
  })

  it.each([[[]], [['unixfs-v1-2025']], [['unixfs-v0-2015']]])(
    'makes what we import, with options %j',
    async (options) => {
      const path = join(folder, 'helias.car')
      const made = await helia<{ root: string }>('make', path, ...options)
      const other = await startNode({ name: `other ${options}`, city: new FakeCity(), cleanup })
      const report = await importInto(other.content, await readFile(path))
      expect(fates(report)).toEqual([`item ${CID.parse(made.root).toV1()}`])
      const car = await exportFrom(other.content, CID.parse(made.root))
      expect((await contentsOf(car)).roots[0]?.toString()).toBe(
        CID.parse(made.root).toV1().toString(),
      )
      for (const [name, bytes] of [
        ['large.bin', LARGE],
        ['empty', Buffer.alloc(0)],
        ['sub/größe 日本', Buffer.from('hello')],
        ['many/file number 4999', Buffer.from('4999')],
      ] as const) {
        const found = await other.content.resolve(CID.parse(made.root), name.split('/'))
        if (found.kind !== 'found') throw new Error(`${name} is ${found.kind}`)
        expect((await readAll(other.content.openBytes(found.cid))).equals(bytes)).toBe(true)
      }
      // And back again.
      const back = join(folder, 'back.car')
      await writeFile(back, car)
      expectSample(await helia<HeliaEntry[]>('read', back))
    },
  )

  it('fetches from our gateway', async () => {
    expectSample(await helia<HeliaEntry[]>('get', node.url, root.toString()))
  })
})
