// SPDX-License-Identifier: AGPL-3.0-or-later
/** What the block store promises when two meet, a peer lies, or the power goes at a bad moment. */
import { createHash } from 'node:crypto'
import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { CodedError, SeededRandom, silentLogger, VirtualClock } from '../../src/base/base.ts'
import {
  type Arrived,
  BlockStore,
  type IndexDatabase,
  type Place,
} from '../../src/content/blocks/blocks.ts'
import { BufferedFile } from '../../src/content/blocks/buffered-file.ts'
import { Space } from '../../src/content/blocks/space.ts'
import { Scrubber } from '../../src/content/scrubbing.ts'
import {
  bytesOf,
  Cleanup,
  FakeCity,
  inPieces,
  MEBIBYTE,
  never,
  readAll,
  startNode,
  tempFolder,
} from '../integration/content-support.ts'
import { SimulatedDisk } from '../support/simulated-disk.ts'
import { type Remains, Run } from './crash-support.ts'
import { VolatileDatabase } from './volatile-database.ts'

const RAW = 0x55
const LIMITS = { folder: '/content', storeBytesMax: 0, freeBytesMin: 0 }
const own = { name: 'notes', visibility: 'public', signal: never } as const

let cleanup: Cleanup
let city: FakeCity

beforeEach(() => {
  cleanup = new Cleanup()
  city = new FakeCity()
})
afterEach(() => cleanup.run())

async function start(remains: Partial<Remains> = {}, seed = 1): Promise<Run> {
  const disk = remains.disk ?? new SimulatedDisk({ seed })
  const folder = await tempFolder(cleanup)
  const options = { city, name: 'node', random: new SeededRandom(seed), folder }
  const run = await Run.create({ disk, databaseFile: remains.databaseFile }, options)
  await run.start()
  return run
}

const bytesIn = (run: Run, cid: CID): Promise<Buffer> => readAll(run.content.openBytes(cid))

interface Opened {
  store: BlockStore
  disk: SimulatedDisk
  database: IndexDatabase
}

async function openStore(disk = new SimulatedDisk({ seed: 1 })): Promise<Opened> {
  const folder = await tempFolder(cleanup)
  const database = await VolatileDatabase.open({ folder, random: new SeededRandom(1) })
  cleanup.add(() => database.close())
  const clock = new VirtualClock(0)
  const store = new BlockStore({ database, disk, clock, log: silentLogger }, LIMITS)
  await store.open(never)
  return { store, disk, database }
}

function named(bytes: Uint8Array): { cid: CID; codec: typeof RAW; digest: Uint8Array } {
  const digest = createHash('sha256').update(bytes).digest()
  return { cid: CID.createV1(RAW, Digest.create(0x12, digest)), codec: RAW, digest }
}

function arrivedAs(root: CID, sizeBytes: number): Arrived {
  const said = { shape: 'file', name: 'a', kind: '', visibility: 'public' } as const
  return { root, origin: 'fetched', ...said, sizeBytes, carBodyBytes: sizeBytes }
}

/** An item that is one small block. */
async function put(store: BlockStore, bytes: Uint8Array): Promise<CID> {
  const { cid, ...name } = named(bytes)
  const intake = store.begin(cid, 'fetched')
  await intake.ready()
  intake.put(name, bytes)
  await store.commit(intake, arrivedAs(cid, bytes.length))
  await store.end(intake)
  return cid
}

it('does not let a liar write over bytes that were right', async () => {
  const { store } = await openStore()
  const leaf = bytesOf(1, MEBIBYTE)
  const { cid: root, digest } = named(leaf)
  const intake = store.begin(root, 'fetched')
  const body = await intake.openPartial(root, 2 * MEBIBYTE, never)
  body.seek(0)
  body.write(leaf)
  body.leaf(digest, 0, leaf.length)
  await intake.checkpoint()
  body.seek(0)
  body.write(Buffer.alloc(2 * MEBIBYTE, 7))
  await intake.checkpoint()
  expect(Buffer.from((await store.read({ digest })) ?? []).equals(leaf)).toBe(true)
  await store.end(intake)
  // And what comes after a restart of the transfer does not either.
  const again = store.begin(root, 'fetched')
  const reopened = await again.openPartial(root, 2 * MEBIBYTE, never)
  reopened.seek(0)
  reopened.write(Buffer.alloc(MEBIBYTE, 9))
  await again.checkpoint()
  expect(Buffer.from((await store.read({ digest })) ?? []).equals(leaf)).toBe(true)
  await store.end(again)
  await store.close()
})

it('leaves no file open that arrives in pieces when the index fails', async () => {
  const { database, disk } = await openStore()
  let isFailing = false
  const failing: IndexDatabase = {
    transaction: (work) => database.transaction(work),
    checkpoint: () => database.checkpoint(),
    prepare: (sql) => {
      if (isFailing) throw new CodedError('STORE_FAILED', 'The database failed.')
      return database.prepare(sql)
    },
  }
  const clock = new VirtualClock(0)
  const store = new BlockStore({ database: failing, disk, clock, log: silentLogger }, LIMITS)
  await store.open(never)
  const leaf = bytesOf(1, MEBIBYTE)
  const { cid: root, digest } = named(leaf)
  const intake = store.begin(root, 'fetched')
  const body = await intake.openPartial(root, 2 * MEBIBYTE, never)
  body.write(leaf)
  body.leaf(digest, 0, leaf.length)
  await intake.checkpoint()
  await store.end(intake)

  const again = store.begin(root, 'fetched')
  const before = disk.counts.calls
  isFailing = true
  // Which ranges are there is asked for the first time, so that the statement is a new one.
  await expect(again.openPartial(root, 2 * MEBIBYTE, never)).rejects.toThrow('database failed')
  isFailing = false
  const { calls } = disk.counts
  // The body, and the manifest, in which there was nothing yet.
  expect(calls.openForWriting - before.openForWriting).toBe(1)
  expect(calls.create - before.create).toBe(1)
  expect(calls.close - before.close).toBe(2)
  await store.end(again)
  await store.close()
})

it('has one writer to a file at a time, and the second can be called off', async () => {
  const { store } = await openStore()
  const root = named(bytesOf(2, 10)).cid
  const first = store.begin(named(bytesOf(3, 10)).cid, 'fetched')
  const second = store.begin(named(bytesOf(4, 10)).cid, 'fetched')
  await first.openPartial(root, 2 * MEBIBYTE, never)
  const calledOff = AbortSignal.abort(new Error('called off'))
  await expect(second.openPartial(root, 2 * MEBIBYTE, calledOff)).rejects.toThrow('called off')
  let isOpen = false
  const opening = second.openPartial(root, 2 * MEBIBYTE, never).then(() => {
    isOpen = true
  })
  await store.update(await put(store, Buffer.from('x')), { name: 'y' })
  expect(isOpen).toBe(false)
  await store.end(first)
  await opening
  await store.end(second)
  await store.close()
})

it('holds few files open, however many an item has, and closes all', async () => {
  const { store, disk } = await openStore()
  const intake = store.begin(named(bytesOf(5, 10)).cid, 'fetched')
  for (let count = 0; count < 20; count++) {
    const leaf = bytesOf(100 + count, 1_000)
    const { cid, digest } = named(leaf)
    const body = await intake.openPartial(cid, leaf.length, never)
    body.seek(0)
    body.write(leaf)
    body.leaf(digest, 0, leaf.length)
    if (intake.isFull) await intake.ready()
    expect(openCount(disk)).toBeLessThan(16)
  }
  await store.end(intake)
  await store.close()
  expect(openCount(disk)).toBe(0)
})

function openCount({ counts: { calls } }: SimulatedDisk): number {
  return calls.open + calls.create + calls.openForWriting - calls.close
}

it('lets nothing be lost by who looked up a block before it was moved', async () => {
  const { store } = await openStore()
  const kept = Buffer.from('this stays')
  const cid = await put(store, kept)
  const gone = await put(store, Buffer.from('this goes'))
  const place = store.placeOf(named(kept).digest)
  if (place === undefined) throw new Error('it was put there')
  await store.remove(gone, { erases: true })
  await expect(store.readInto(Buffer.alloc(kept.length), place)).rejects.toThrow()
  expect(store.items.get(cid)?.state).toBe('whole')
  expect(Buffer.from((await store.read(named(kept))) ?? []).equals(kept)).toBe(true)
  await store.close()
})

it('does not call an item whole of which a part was lost while it came', async () => {
  const { store } = await openStore()
  const shared = Buffer.from('a part that is here')
  await put(store, shared)
  const root = Buffer.from('the rest')
  const { cid, ...name } = named(root)
  const intake = store.begin(cid, 'fetched')
  await intake.ready()
  intake.put(name, root)
  expect(intake.has(named(shared).digest)).toBe(true)
  const place = store.placeOf(named(shared).digest)
  if (place !== undefined) store.drop(place)
  const committing = store.commit(intake, arrivedAs(cid, 1))
  await expect(committing).rejects.toMatchObject({ code: 'CONTENT_DAMAGED' })
  await store.end(intake)
  await store.close()
})

it('is not brought back by a transfer that was under way when it was removed', async () => {
  const { store, disk } = await openStore()
  const bytes = Buffer.from('unwanted')
  const cid = await put(store, bytes)
  const intake = store.begin(cid, 'fetched')
  await store.remove(cid)
  const committing = store.commit(intake, arrivedAs(cid, 1))
  await expect(committing).rejects.toMatchObject({ code: 'ABORTED' })
  await store.end(intake)
  await store.close()
  const { store: again } = await openStore(disk)
  expect(again.items.list()).toEqual([])
  await again.close()
})

it('keeps what a new transfer brings when the old one of the same item is given up', async () => {
  const { store } = await openStore()
  const bytes = Buffer.from('wanted twice')
  const { cid, ...name } = named(bytes)
  const old = store.begin(cid, 'fetched')
  const young = store.begin(cid, 'fetched')
  await store.abandon(old)
  await young.ready()
  young.put(name, bytes)
  await store.commit(young, arrivedAs(cid, 1))
  await store.end(young)
  expect(store.items.list()).toHaveLength(1)
  await store.close()
})

it('leaves nothing of an addition that failed', async () => {
  const run = await start()
  run.disk.fail({ call: 'sync', code: 'EIO' })
  await expect(run.content.add(inPieces(bytesOf(6, 3_000)), own)).rejects.toThrow()
  const rows = run.database
    .prepare<{ count: number }>('SELECT count(*) AS count FROM content_items')
    .get()
  expect(rows?.count).toBe(0)
  await run.stop()
})

it.each([1, 2, 3, 4, 5, 6, 7, 8])(
  'loses nothing when the power goes after a pack was compacted: seed %i',
  async (seed) => {
    const run = await start({}, seed)
    const secret = Buffer.from('a secret that is to be forgotten')
    const kept = await run.content.add(inPieces(Buffer.from('kept')), own)
    const gone = await run.content.add(inPieces(secret), own)
    await Promise.all([
      run.content.remove(gone.cid, { erases: true }),
      run.content.add(inPieces(Buffer.from('comes meanwhile')), own),
    ])
    const again = await start(await run.cut({ isDatabaseBroken: false }), seed)
    expect(again.content.list().every(({ isWhole }) => isWhole)).toBe(true)
    expect((await bytesIn(again, kept.cid)).toString()).toBe('kept')
    const packs = again.disk.files().filter((path) => path.endsWith('.car'))
    const isThere = packs.some((path) => again.disk.bytesOf(path).includes(secret))
    expect(isThere, 'forgotten bytes are on the disk').toBe(false)
    await again.stop()
  },
)

it('copies no pack of which most is records, and one of which most is waste', async () => {
  const { store, disk } = await openStore()
  for (let count = 0; count < 5; count++) await put(store, Buffer.from(`small ${count}`))
  const waste = named(bytesOf(11, 200_000))
  const failed = store.begin(waste.cid, 'fetched')
  await failed.ready()
  // A new pack begins, and all that is in it is given up.
  const gone = await put(store, Buffer.from('gone'))
  await store.remove(gone, { erases: true })
  const before = disk.counts.writtenBytes
  failed.put(waste, bytesOf(11, 200_000))
  await store.end(failed)
  const last = await put(store, Buffer.from('closes it'))
  await store.compact(store.packs())
  expect(disk.counts.writtenBytes - before).toBeLessThan(220_000)
  await store.remove(last, { erases: true })
  const sizes = disk.files().filter((path) => path.endsWith('.car'))
  const sumBytes = sizes.reduce((sum, path) => sum + disk.bytesOf(path).length, 0)
  expect(sumBytes).toBeLessThan(50_000)
  expect(store.items.list()).toHaveLength(5)
  await store.close()
})

it('appends nothing to a pack whose beginning was torn', async () => {
  const disk = new SimulatedDisk({ seed: 1 })
  for (const folder of ['/content', '/content/packs']) await disk.makeFolder(folder)
  const torn = await disk.create('/content/packs/00000001.car')
  await torn.write(Buffer.alloc(30, 1), 0)
  await torn.sync()
  await torn.close()
  const run = await start({ disk })
  const { cid } = await run.content.add(inPieces(Buffer.from('kept')), own)
  const again = await start(await run.cut({ isDatabaseBroken: true }))
  expect((await bytesIn(again, cid)).toString()).toBe('kept')
  await again.stop()
})

it('appends nothing to a pack with a torn end, at the second start after that either', async () => {
  const first = await start()
  await first.content.add(inPieces(Buffer.from('before')), own)
  const { disk } = await first.stop()
  const pack = await disk.openForWriting('/content/packs/00000001.car')
  await pack.write(Buffer.alloc(30, 255), disk.bytesOf('/content/packs/00000001.car').length)
  await pack.sync()
  await pack.close()
  // Without its database: what is torn may be rot, and stays for whoever can read it.
  const second = await start({ disk })
  const third = await start(await second.stop())
  const { cid } = await third.content.add(inPieces(Buffer.from('behind')), own)
  const fourth = await start(await third.cut({ isDatabaseBroken: true }))
  expect((await bytesIn(fourth, cid)).toString()).toBe('behind')
  await fourth.stop()
})

it('finds what lies behind a rotten block when the index is made anew', async () => {
  const run = await start()
  const rotten = await run.content.add(inPieces(Buffer.from('this rots')), own)
  const kept = await run.content.add(inPieces(Buffer.from('this does not')), own)
  // Has the next section go to another pack.
  const gone = await run.content.add(inPieces(Buffer.from('erased')), own)
  await run.content.remove(gone.cid, { erases: true })
  const last = await run.content.add(inPieces(Buffer.from('the last')), own)
  await run.content.remove(last.cid, { erases: true })
  const remains = await run.stop()
  const pack = remains.disk.files().find((path) => {
    return path.endsWith('.car') && remains.disk.bytesOf(path).includes('this rots')
  })
  if (pack === undefined) throw new Error('it lies in a pack')
  const bytes = remains.disk.bytesOf(pack)
  remains.disk.rot(pack, bytes.indexOf('this rots') * 8)
  const behind = await remains.disk.create('/content/packs/00000099.car')
  await behind.close()
  const again = await start({ disk: remains.disk })
  expect((await bytesIn(again, kept.cid)).toString()).toBe('this does not')
  expect(again.content.get(rotten.cid)?.isWhole).toBe(false)
  await again.stop()
})

it('goes on checking for bit rot behind a block that the disk cannot read, and names that', async () => {
  const { store, disk } = await openStore()
  const cids: CID[] = []
  for (let count = 0; count < 3; count++) cids.push(await put(store, Buffer.from(`block ${count}`)))
  const scrubber = new Scrubber(
    { store, clock: new VirtualClock(0), log: silentLogger, onDamage: () => {} },
    { days: 1 },
  )
  disk.fail({ call: 'read', code: 'EIO' })
  await scrubber.tick(1_000)
  // Once is not enough: a disk that failed for a moment has lost nothing.
  await scrubber.tick(1_000)
  expect(store.items.damaged()).toEqual([])
  const [, place] = store.nextToScrub(2)
  const unreadable = failingAt(store, place?.block ?? 0)
  const again = new Scrubber(
    { store: unreadable, clock: new VirtualClock(0), log: silentLogger, onDamage: () => {} },
    { days: 1 },
  )
  for (let count = 0; count < 4; count++) await again.tick(1_000)
  expect(store.items.damaged()).toHaveLength(1)
  await store.close()
})

/** One place of the disk is broken. */
function failingAt(store: BlockStore, block: number): BlockStore {
  return new Proxy(store, {
    get: (_target, name) => {
      if (name === 'readUnchecked') {
        return async (buffer: Uint8Array, place: Place): Promise<void> => {
          if (place.block === block) throw new CodedError('STORE_DISK_ERROR', 'broken here')
          await store.readUnchecked(buffer, place)
        }
      }
      // What the store has under that name; its own methods want it as `this`.
      const value: unknown = Reflect.get(store, name)
      return typeof value === 'function' ? value.bind(store) : value
    },
  })
}

it('syncs what was appended before, while others go on appending', async () => {
  const disk = new SimulatedDisk({ seed: 1 })
  const file = await disk.create('/file')
  const space = new Space({ disk, storedBytes: () => 0 }, { ...LIMITS, folder: '/' })
  const buffered = new BufferedFile({ path: '/file', file, space: space.claim() })
  buffered.write(Buffer.from('mine'))
  let isSynced = false
  const syncing = buffered.sync().then(() => {
    isSynced = true
  })
  for (let turn = 0; turn < 1_000 && !isSynced; turn++) {
    buffered.write(Buffer.from('another’s'))
    await Promise.resolve()
  }
  expect(isSynced).toBe(true)
  await syncing
  await buffered.abandon()
})

it('removes also where the owner’s limit is below what is there', async () => {
  const before = await startNode({ name: 'before', city, cleanup })
  const { cid } = await before.content.add(inPieces(bytesOf(8, 3 * MEBIBYTE)), own)
  await before.stop()
  const options = { storeBytesMax: MEBIBYTE }
  const node = await startNode({ name: 'after', city, cleanup, folder: before.folder, options })
  await node.content.remove(cid)
  await node.content.add(inPieces(Buffer.from('there is room')), own)
})

it('keeps what was fetched in a small store until there is need', async () => {
  const peer = await startNode({ name: 'peer', city, cleanup })
  const first = await peer.content.add(inPieces(bytesOf(9, 2 * MEBIBYTE)), own)
  const large = await peer.content.add(inPieces(bytesOf(10, 7 * MEBIBYTE)), own)
  const options = { storeBytesMax: 8 * MEBIBYTE }
  const node = await startNode({ name: 'small', city, cleanup, options })
  await node.content.fetch(first.cid, own)
  await node.content.add(inPieces(Buffer.from('a little')), own)
  expect(node.content.get(first.cid)).toBeDefined()
  await node.content.fetch(large.cid, own)
  expect(node.content.list().map(({ cid }) => cid.toString())).toContain(large.cid.toString())
  expect(node.content.get(first.cid)).toBeUndefined()
})
