// SPDX-License-Identifier: AGPL-3.0-or-later
/** What is refused is neither kept, nor brought here, nor served, nor told of. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import {
  type PeerId,
  parseCityId,
  silentLogger,
  silentMetrics,
  VirtualClock,
} from '../../src/base/base.ts'
import { machineDisk, Refusals } from '../../src/content/content.ts'
import { encodeHaveRequest, parseHaveReply } from '../../src/content/fetching/have.ts'
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
  tempFolder,
} from './content-support.ts'

let cleanup: Cleanup
let city: FakeCity
beforeEach(() => {
  cleanup = new Cleanup()
  city = new FakeCity()
})
afterEach(() => cleanup.run())

/** The signer of a node that signs nothing in these tests. */
const unsigned = {
  peerId: 'nobody' as PeerId,
  sign: () => {
    throw new Error('nothing is signed here')
  },
}

async function startRefusing(name: string, earlier?: string) {
  const folder = earlier ?? (await tempFolder(cleanup))
  const database = await openNodeDatabase(folder)
  const refusals = new Refusals(
    {
      database,
      disk: machineDisk,
      network: city.networkOf(peerIdOf(name)),
      signer: unsigned,
      clock: new VirtualClock(),
      log: silentLogger,
      metrics: silentMetrics,
    },
    { folder: join(folder, 'content'), listPaths: [], city: parseCityId('home') },
  )
  const node = await startNode({ name, city, cleanup, folder, database, deps: { refusals } })
  return { ...node, refusals }
}

const publicly = { name: 'x.bin', visibility: 'public', signal: never } as const
const bytes = bytesOf(71, 2 * MEBIBYTE + 9)

it('is not served and not told of, and the answer says why', async () => {
  const node = await startRefusing('keeper')
  const { cid } = await node.content.add(inPieces(bytes), publicly)
  expect((await fetch(`${node.url}/ipfs/${cid}?format=car`)).status).toBe(200)
  await node.refusals.block(cid, { kind: 'legal', reason: 'a letter' })
  const refused = await fetch(`${node.url}/ipfs/${cid}?format=car`)
  expect(refused.status).toBe(451)
  expect(await refused.text()).not.toContain('a letter')
  const reply = await city
    .networkOf(peerIdOf('asker'))
    .ask(node.peerId, 'have/1', encodeHaveRequest([cid]), { replyBytesMax: 9999, signal: never })
  expect(parseHaveReply(reply, 1)).toEqual({ verdict: 'accept', value: [undefined] })
  await node.refusals.unblock(cid)
  expect((await fetch(`${node.url}/ipfs/${cid}?format=car`)).status).toBe(200)
})

it('stays on the disk when a list comes to name it, and its owner can see why', async () => {
  const node = await startRefusing('keeper')
  const { cid } = await node.content.add(inPieces(bytes), publicly)
  await node.refusals.start()
  await mkdir(join(node.folder, 'content', 'denylists'), { recursive: true })
  await writeFile(join(node.folder, 'content', 'denylists', 'own.deny'), `/ipfs/${cid}\n`)
  await node.refusals.rereadLists()
  expect(node.refusals.refusalOf(cid)?.reason).toContain('deny list')
  expect(node.content.get(cid)).toMatchObject({ isWhole: true, visibility: 'public' })
  expect((await fetch(`${node.url}/ipfs/${cid}?format=raw`)).status).toBe(451)
  expect((await readAll(node.content.openBytes(cid))).equals(bytes)).toBe(true)
  await node.refusals.stop()
})

it('is not fetched and not served after the database was lost', async () => {
  const node = await startRefusing('keeper')
  const honest = await startNode({ name: 'honest', city, cleanup })
  const { cid } = await honest.content.add(inPieces(bytes), publicly)
  await node.refusals.block(cid, { kind: 'forgotten', reason: '' })
  const kept = await node.content.add(inPieces(bytesOf(5, 100)), publicly)
  await node.refusals.block(kept.cid, { kind: 'legal', reason: '' })
  await node.stop()
  await writeFile(join(node.folder, 'citynode.db'), 'garbage')
  const again = await startRefusing('keeper', node.folder)
  expect(again.content.health()).toMatchObject([{ code: 'CONTENT_INDEX_REBUILT' }])
  await expect(
    again.content.fetch(cid, { visibility: 'private', signal: never }),
  ).rejects.toMatchObject({ code: 'CONTENT_REFUSED_HERE' })
  expect(again.content.get(kept.cid)).toMatchObject({ visibility: 'public' })
  expect((await fetch(`${again.url}/ipfs/${kept.cid}?format=raw`)).status).toBe(451)
})

it('is not added and not fetched, alone or within a folder', async () => {
  const honest = await startNode({ name: 'honest', city, cleanup })
  const { cid } = await honest.content.add(inPieces(bytes), publicly)
  const small = Buffer.from('a small file')
  const folder = await honest.content.addFolder(
    (async function* () {
      yield { kind: 'file', path: 'a.txt', content: inPieces(small) } as const
      yield { kind: 'file', path: 'b.bin', content: inPieces(bytes) } as const
    })(),
    { ...publicly, name: 'folder' },
  )
  const node = await startRefusing('keeper')
  await node.refusals.block(cid, { kind: 'forgotten', reason: '' })
  const code = 'CONTENT_REFUSED_HERE'
  const get = { visibility: 'private', signal: never } as const
  await expect(node.content.add(inPieces(bytes), publicly)).rejects.toMatchObject({ code })
  await expect(node.content.fetch(cid, get)).rejects.toMatchObject({ code })
  await expect(node.content.fetch(folder.item.cid, get)).rejects.toMatchObject({ code })
  expect(node.content.list()).toEqual([])
  await node.refusals.unblock(cid)
  expect((await node.content.fetch(folder.item.cid, get)).isWhole).toBe(true)
})

it('a folder stays, and its CAR ends where the refused part would come', async () => {
  const node = await startRefusing('keeper')
  const part = await node.content.add(inPieces(bytes), { ...publicly, visibility: 'private' })
  const { item } = await node.content.addFolder(
    (async function* () {
      yield { kind: 'file', path: 'b.bin', content: inPieces(bytes) } as const
    })(),
    { ...publicly, name: 'folder' },
  )
  await node.refusals.block(part.cid, { kind: 'blocked', reason: '' })
  const whole = fetch(`${node.url}/ipfs/${item.cid}?format=car`).then((answer) =>
    answer.arrayBuffer(),
  )
  await expect(whole).rejects.toThrow()
  expect((await fetch(`${node.url}/ipfs/${item.cid}?format=raw`)).status).toBe(200)
  expect((await fetch(`${node.url}/ipfs/${item.cid}/b.bin?format=car`)).status).toBe(410)
})
