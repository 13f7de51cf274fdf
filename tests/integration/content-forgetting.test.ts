// SPDX-License-Identifier: AGPL-3.0-or-later
/** What a person wants forgotten is not on the disk any more, wherever its names had come to lie. */
import { generateKeyPairSync } from 'node:crypto'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { CID } from 'multiformats/cid'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { parseCityId, silentLogger, silentMetrics, VirtualClock } from '../../src/base/base.ts'
import { machineDisk, OwnerDesk, Refusals, type SourceEntry } from '../../src/content/content.ts'
import { createIdentity } from '../../src/identity/identity.ts'
import {
  bytesOf,
  Cleanup,
  FakeCity,
  inPieces,
  MEBIBYTE,
  never,
  openNodeDatabase,
  peerIdOf,
  readAll,
  startNode,
  type TestNode,
  tempFolder,
} from './content-support.ts'

let cleanup: Cleanup
let folder: string
/** Lies beside the node's folder: what its owner adds from there is the owner's. */
let outside: string
beforeEach(async () => {
  cleanup = new Cleanup()
  folder = await tempFolder(cleanup)
  outside = await tempFolder(cleanup)
})
afterEach(() => cleanup.run())

interface Owned extends TestNode {
  desk: OwnerDesk
  refusals: Refusals
}

async function start(): Promise<Owned> {
  const database = await openNodeDatabase(folder)
  const clock = new VirtualClock(1_700_000_000_000)
  const city = new FakeCity()
  const network = city.networkOf(peerIdOf('node'))
  const refusals = new Refusals(
    {
      database,
      disk: machineDisk,
      network,
      signer: createIdentity(generateKeyPairSync('ed25519').privateKey),
      clock,
      log: silentLogger,
      metrics: silentMetrics,
    },
    { folder: join(folder, 'content'), listPaths: [], city: parseCityId('home') },
  )
  const deps = { refusals, clock }
  const node = await startNode({ name: 'node', city, cleanup, folder, database, deps })
  await refusals.start()
  const stop = async (): Promise<void> => {
    await refusals.stop()
    await node.stop()
  }
  cleanup.add(stop)
  const desk = new OwnerDesk({ content: node.content, refusals, dataFolder: folder })
  return { ...node, refusals, desk, stop }
}

const kept = { visibility: 'private', keepsMode: false, keepsTime: false, signal: never } as const

/** Which of these words stand anywhere in the files of the node. */
async function found(words: readonly string[]): Promise<string[]> {
  const names = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = names.filter((entry) => entry.isFile())
  const hits: string[] = []
  for (const { parentPath, name } of files) {
    const bytes = await readFile(join(parentPath, name))
    hits.push(...words.filter((word) => bytes.includes(word) || name.includes(word)))
  }
  return [...new Set(hits)].sort()
}

/** Items that stay, so that packs are worth keeping as they are. */
async function addOthers({ desk }: Owned, seed: number): Promise<CID[]> {
  const cids: CID[] = []
  for (let at = 0; at < 12; at++) {
    const bytes = inPieces(bytesOf(seed + at, 40_000))
    const options = { ...kept, name: `other-${seed + at}`, mode: undefined, modifiedAt: undefined }
    cids.push((await desk.addFile(bytes, options)).item.cid)
  }
  return cids
}

async function expectAll({ content }: Owned, cids: readonly CID[]): Promise<void> {
  expect(content.list().map(({ cid }) => String(cid))).toEqual(cids.map(String))
  for (const { cid, isWhole } of content.list()) {
    expect(isWhole).toBe(true)
    expect(await readAll(content.openBytes(cid))).toHaveLength(40_000)
  }
}

async function* tree(): AsyncGenerator<SourceEntry> {
  yield { kind: 'file', path: 'Quince/Medlar.txt', content: inPieces(Buffer.from('Sorb-apple')) }
  yield { kind: 'symlink', path: 'Loquat', target: 'Whitebeam' }
}

it('takes names, titles, paths and links along, from wherever they lie', async () => {
  let node = await start()
  const first = await addOthers(node, 100)
  const passing = (await addOthers(node, 300)).slice(0, 1)
  const options = { ...kept, name: 'Damson' }
  const { item } = await node.content.addFolder(tree(), options)
  await node.desk.change(item.cid, { title: 'Mirabelle', description: 'a Bullace' })
  await node.desk.publish(item.cid)
  // Another pack begins, and what is said from now on stands in that one.
  for (const cid of passing) await node.desk.remove(cid, { erases: true })
  await node.desk.change(item.cid, { name: 'Cherry-plum', licence: 'Blackthorn' })
  const stays = [
    ...first,
    ...node.content
      .list()
      .slice(12, -1)
      .map(({ cid }) => cid),
  ]
  const last = await addOthers(node, 500)
  const words = ['Quince', 'Medlar', 'Sorb-apple', 'Loquat', 'Whitebeam', 'Damson']
  words.push('Mirabelle', 'Bullace', 'Cherry-plum', 'Blackthorn')
  expect(await found(words)).toEqual(words.toSorted())

  await node.refusals.block(item.cid, { kind: 'forgotten', reason: '' })
  expect((await node.desk.remove(item.cid, { erases: true }))?.name).toBe('Cherry-plum')
  expect(await found(words)).toEqual([])
  await expectAll(node, [...stays, ...last])
  await node.stop()
  expect(await found(words)).toEqual([])
  node = await start()
  await expectAll(node, [...stays, ...last])
  await node.stop()
  // Nor was anything lost of the others: all of it is told by the packs alone.
  for (const ending of ['', '-wal', '-shm']) {
    await rm(join(folder, `citynode.db${ending}`), { force: true })
  }
  node = await start()
  await expectAll(
    node,
    [...stays, ...last].toSorted((one, other) => orderIn(node, one, other)),
  )
  expect(node.content.get(item.cid)).toBeUndefined()
})

function orderIn({ content }: Owned, one: CID, other: CID): number {
  const place = (wanted: CID): number =>
    content.list().findIndex(({ cid }) => String(cid) === String(wanted))
  return place(one) - place(other)
}

it('takes along where files lie that stay with their owner', async () => {
  const node = await start()
  const others = await addOthers(node, 100)
  const shelf = join(outside, 'Elderberry')
  await mkdir(shelf)
  await writeFile(join(shelf, 'Rowan.bin'), bytesOf(7, 3_000_000))
  await writeFile(join(shelf, 'Hawthorn.txt'), 'one leaf')
  const { item } = await node.desk.addReference(shelf, {
    ...kept,
    name: 'Elderberry',
    onSkipped: () => {},
  })
  const words = ['Elderberry', 'Hawthorn', 'Rowan']
  expect(await found(words)).toEqual(words)
  await node.desk.remove(item.cid, { erases: true })
  expect(await found(words)).toEqual([])
  expect(await readdir(shelf)).toHaveLength(2)
  await expectAll(node, others)
})

it('finds what an earlier removal has left', async () => {
  const node = await start()
  const others = await addOthers(node, 100)
  const { item } = await node.content.addFolder(tree(), { ...kept, name: 'Damson' })
  await node.desk.remove(item.cid)
  expect(await found(['Damson'])).toEqual(['Damson'])
  expect(await node.desk.remove(item.cid, { erases: true })).toBeUndefined()
  expect(await found(['Damson', 'Quince'])).toEqual([])
  await expectAll(node, others)
})

it('takes along an addition of the same that was called off', async () => {
  const node = await start()
  const others = await addOthers(node, 100)
  const leaving = new AbortController()
  async function* calledOff(): AsyncGenerator<SourceEntry> {
    yield* tree()
    // More than lies in memory, so that what came before is safe, and known to the index.
    for (let at = 0; at < 70; at++) {
      const content = inPieces(Buffer.alloc(MEBIBYTE, at))
      yield { kind: 'file', path: `large/${at}`, content }
    }
    leaving.abort(new Error('called off'))
  }
  const options = { ...kept, name: 'Damson', signal: leaving.signal }
  await expect(node.content.addFolder(calledOff(), options)).rejects.toThrow('called off')
  const { item } = await node.content.addFolder(tree(), { ...kept, name: 'Damson' })
  await node.desk.remove(item.cid, { erases: true })
  expect(await found(['Damson', 'Quince', 'Medlar', 'Sorb-apple', 'Whitebeam'])).toEqual([])
  await expectAll(node, others)
})
