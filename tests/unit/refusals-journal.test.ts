// SPDX-License-Identifier: AGPL-3.0-or-later
/** What was refused stays refused: through power cuts, lost databases, rotten and missing files. */
import { describe, expect, it } from 'vitest'
import { SeededRandom, silentLogger } from '../../src/base/base.ts'
import { Journal, type JournalTables } from '../../src/content/refusals/journal.ts'
import type { TableEntry } from '../../src/content/refusals/journal-entries.ts'
import { signPublication, signWithdrawal } from '../../src/content/refusals/records.ts'
import type { Database } from '../../src/store/store.ts'
import { SimulatedDisk } from '../support/simulated-disk.ts'
import {
  CITY,
  cidNamed,
  keyNamed,
  openRefusalsDatabase,
  startRefusals,
  type TestRefusals,
} from './refusals-support.ts'

const FOLDER = '/content'
const PATH = `${FOLDER}/refusals.journal`
const ALICE = keyNamed('alice')

async function newDisk(seed = 1): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk({ seed })
  await disk.makeFolder(FOLDER)
  await disk.syncFolder('/')
  return disk
}

/** A node; without `database` one whose database was lost. */
function start(disk: SimulatedDisk, database?: Database): Promise<TestRefusals> {
  return startRefusals({ folder: FOLDER, disk, ...(database === undefined ? {} : { database }) })
}

const blocked = { kind: 'blocked', reason: 'no' } as const
const codesOf = ({ refusals }: TestRefusals): string[] => refusals.health().map((one) => one.code)

describe('refusals without their database', () => {
  it('are as they were: blocks, what was unblocked, withdrawals and publications', async () => {
    const disk = await newDisk()
    const node = await start(disk)
    await node.refusals.block(cidNamed('one'), blocked)
    await node.refusals.block(cidNamed('two'), { kind: 'legal', reason: 'a letter' })
    await node.refusals.unblock(cidNamed('one'))
    await node.refusals.publish(cidNamed('three'), 'A song')
    await node.refusals.withdraw(cidNamed('three'), 'a mistake')
    await node.refusals.publish(cidNamed('four'), 'Another')
    await node.refusals.publish(cidNamed('five'), 'Gone')
    await node.refusals.itemRemoved(cidNamed('five'))
    const blocks = node.refusals.blocks()
    await node.stop()

    const again = await start(disk)
    expect(again.refusals.blocks()).toEqual(blocks)
    expect(again.refusals.check({ cid: cidNamed('two') })).toMatchObject({ status: 451 })
    expect(again.refusals.check({ cid: cidNamed('three') })).toMatchObject({ kind: 'withdrawn' })
    expect(again.refusals.check({ cid: cidNamed('four') })).toBeUndefined()
    expect(again.refusals.publicationOf(cidNamed('five'))).toBeUndefined()
    // A number that was used is never used again.
    expect((await again.refusals.publish(cidNamed('three'), '')).record.sequence).toBe(3)
    expect(codesOf(again)).toEqual([])
  })

  it('have the lists in force again before anything may be used', async () => {
    const first = await startRefusals()
    await first.write('own.deny', `/ipfs/${cidNamed('one')}\n`)
    await first.refusals.rereadLists()
    await first.stop()
    const again = await startRefusals({ folder: first.folder })
    expect(again.refusals.check({ cid: cidNamed('one') })).toMatchObject({ kind: 'listed' })
  })
})

describe('a power cut', () => {
  it('takes nothing that was answered, with the database or without it', async () => {
    let cutCount = 0
    for (let seed = 1; seed <= 60; seed++) {
      const random = new SeededRandom(seed)
      const disk = await newDisk(seed)
      const database = await openRefusalsDatabase()
      const node = await start(disk, database)
      disk.cutPowerAt(Math.floor(random.unit() * 12))
      const answered = new Set<string>()
      const open = new Set<string>()
      for (let step = 0; step < 12 && !disk.isCut; step++) {
        const name = `${Math.floor(random.unit() * 4)}`
        const cid = cidNamed(name)
        const isHeld = answered.has(name)
        open.add(name)
        const work = isHeld ? node.refusals.unblock(cid) : node.refusals.block(cid, blocked)
        const isDone = await work.then(
          () => true,
          () => false,
        )
        if (!isDone) break
        open.delete(name)
        if (isHeld) answered.delete(name)
        else answered.add(name)
      }
      if (disk.isCut) cutCount += 1
      const left = disk.cut()
      const isLost = seed % 2 === 0
      const again = await start(left, isLost ? undefined : database)
      for (const name of ['0', '1', '2', '3']) {
        if (open.has(name)) continue
        const isRefused = again.refusals.check({ cid: cidNamed(name) }) !== undefined
        expect(isRefused, `seed ${seed}, item ${name}`).toBe(answered.has(name))
      }
      // And it goes on: what is said now holds at the next start.
      await again.refusals.block(cidNamed('more'), blocked)
      const third = await start(left.cut())
      expect(third.refusals.check({ cid: cidNamed('more') }), `seed ${seed}`).toBeDefined()
    }
    expect(cutCount).toBeGreaterThan(30)
  })

  it('between the file and the tables is made up for at the next start', async () => {
    const disk = await newDisk()
    const database = await openRefusalsDatabase()
    const node = await start(disk, database)
    const before = database
      .prepare<{ offset_bytes: number }>('SELECT offset_bytes FROM content_refusals_position')
      .get()
    await node.refusals.block(cidNamed('one'), blocked)
    // A commit that did not reach the disk: the tables are as before.
    database.exec(`DELETE FROM content_refused;
                   UPDATE content_refusals_position SET offset_bytes = ${before?.offset_bytes}`)
    const again = await start(disk, database)
    expect(again.refusals.check({ cid: cidNamed('one') })).toBeDefined()
  })
})

describe('a damaged journal', () => {
  async function writeThree(disk: SimulatedDisk): Promise<void> {
    const node = await start(disk)
    for (const name of ['one', 'two', 'three']) await node.refusals.block(cidNamed(name), blocked)
    await node.stop()
  }
  async function damaged(bitAt: (sizeBytes: number) => number): Promise<SimulatedDisk> {
    const disk = await newDisk()
    await writeThree(disk)
    disk.rot(PATH, bitAt(disk.bytesOf(PATH).length))
    return disk
  }
  const held = ({ refusals }: TestRefusals): boolean[] =>
    ['one', 'two', 'three'].map((name) => refusals.check({ cid: cidNamed(name) }) !== undefined)

  it('is kept aside and said; a rotten entry costs no other', async () => {
    const disk = await damaged((sizeBytes) => (sizeBytes >> 1) * 8)
    const bytes = disk.bytesOf(PATH)
    const again = await start(disk)
    expect(held(again).filter(Boolean)).toHaveLength(2)
    expect(codesOf(again)).toEqual(['REFUSALS_DAMAGED'])
    expect(disk.bytesOf(`${PATH}.damaged-1`).equals(bytes)).toBe(true)
    // It is said until the owner has seen to it, and the file is whole from now on.
    await again.refusals.block(cidNamed('four'), blocked)
    const third = await start(disk)
    expect(codesOf(third)).toEqual(['REFUSALS_DAMAGED'])
    expect(third.refusals.blocks()).toHaveLength(3)
    await disk.remove(`${PATH}.damaged-1`)
    expect(codesOf(await start(disk))).toEqual([])
  })

  it('is said also where it cannot be kept aside, and then nothing stays open', async () => {
    const disk = await damaged((sizeBytes) => (sizeBytes >> 1) * 8)
    const before = disk.counts.calls
    disk.fail({ call: 'create', code: 'ENOSPC' })
    expect(codesOf(await start(disk))).toEqual(['REFUSALS_DAMAGED'])
    const { calls } = disk.counts
    const opening = ['open', 'openForWriting', 'create'] as const
    const opened = opening.reduce((sum, call) => sum + calls[call] - before[call], 0)
    // All but the one that failed.
    expect(calls.close - before.close).toBe(opened - 1)
  })

  it('at any bit takes at most what stood there, and never goes unsaid', async () => {
    const written = await newDisk()
    await writeThree(written)
    const bytes = written.bytesOf(PATH)
    for (let bit = 0; bit < bytes.length * 8; bit += 37) {
      const disk = await newDisk()
      const file = await disk.create(PATH)
      await file.write(bytes, 0)
      disk.rot(PATH, bit)
      const again = await start(disk)
      expect(held(again).filter(Boolean).length, `bit ${bit}`).toBeGreaterThanOrEqual(2)
      expect(codesOf(again), `bit ${bit}`).toEqual(['REFUSALS_DAMAGED'])
      await again.stop()
    }
  })

  it('costs nothing while the database is there', async () => {
    const disk = await newDisk()
    const database = await openRefusalsDatabase()
    const node = await start(disk, database)
    for (const name of ['one', 'two', 'three']) await node.refusals.block(cidNamed(name), blocked)
    disk.rot(PATH, 8 * (disk.bytesOf(PATH).length - 5))
    expect(held(await start(disk, database))).toEqual([true, true, true])
    // And is in the new file, too.
    expect(held(await start(disk))).toEqual([true, true, true])
  })

  it('that is gone is made anew from the database, and that is said', async () => {
    const disk = await newDisk()
    const database = await openRefusalsDatabase()
    const node = await start(disk, database)
    await node.refusals.block(cidNamed('one'), blocked)
    await disk.remove(PATH)
    const again = await start(disk, database)
    expect(codesOf(again)).toEqual(['REFUSALS_LOST'])
    expect((await start(disk)).refusals.check({ cid: cidNamed('one') })).toBeDefined()
  })
})

describe('a disk that fails', () => {
  it('is told to whoever wanted something refused, and changes nothing', async () => {
    for (const [call, code, expected] of [
      ['write', 'ENOSPC', 'STORE_FULL'],
      ['sync', 'EIO', 'STORE_DISK_ERROR'],
    ] as const) {
      const disk = await newDisk()
      const node = await start(disk)
      await node.refusals.block(cidNamed('one'), blocked)
      disk.fail({ call, code })
      await expect(node.refusals.block(cidNamed('two'), blocked)).rejects.toMatchObject({
        code: expected,
      })
      expect(node.refusals.blocks()).toHaveLength(1)
      await node.refusals.block(cidNamed('three'), blocked)
      const again = await start(disk)
      expect(again.refusals.blocks()).toHaveLength(2)
      expect(codesOf(again)).toEqual([])
    }
  })

  it('still has everything refused when it can only be read', async () => {
    const disk = await newDisk()
    const node = await start(disk)
    await node.refusals.block(cidNamed('one'), blocked)
    const database = await openRefusalsDatabase()
    await disk.makeFolder(`${FOLDER}/incoming`)
    disk.setReadOnly(true)
    const again = await start(disk, database)
    expect(again.refusals.check({ cid: cidNamed('one') })).toBeDefined()
    await expect(again.refusals.block(cidNamed('two'), blocked)).rejects.toMatchObject({
      code: 'STORE_READ_ONLY',
    })
  })
})

describe('the file', () => {
  it('stays small however often minds are changed', async () => {
    const disk = await newDisk()
    const database = await openRefusalsDatabase()
    const held = new Set<string>()
    const tables: JournalTables = {
      apply: (entry) => {
        if (entry.entry === 'block') held.add(entry.cid)
        if (entry.entry === 'unblock') held.clear()
      },
      clear: () => held.clear(),
      pages: () => [[...held].map((cid) => blockOf(cid))],
      count: () => held.size,
    }
    const journal = new Journal({ database, disk, log: silentLogger, tables }, { folder: FOLDER })
    await journal.open()
    const { multihash } = cidNamed('one')
    for (let round = 0; round < 120; round++) {
      await journal.change(() =>
        Array.from({ length: 50 }, () => [
          blockOf('one'),
          { entry: 'unblock', multihash: multihash.bytes } as const,
        ]).flat(),
      )
    }
    // 12,000 entries were written, of some 150 bytes.
    expect(disk.bytesOf(PATH).length).toBeLessThan(4_300 * 160)
    await journal.change(() => [blockOf('one')])
    const second = new Journal(
      { database: await openRefusalsDatabase(), disk, log: silentLogger, tables },
      { folder: FOLDER },
    )
    held.clear()
    await second.open()
    expect([...held]).toEqual(['one'])
  })

  const blockOf = (cid: string): TableEntry => ({
    entry: 'block',
    multihash: cidNamed(cid).multihash.bytes,
    cid,
    kind: 'blocked',
    reason: '',
    sinceMs: 0,
  })

  it('holds what came from others as they signed it', async () => {
    const disk = await newDisk()
    const node = await start(disk)
    const root = cidNamed('one')
    const publication = signPublication({ root, sequence: 1, title: 'A song' }, CITY, ALICE)
    const withdrawal = signWithdrawal({ root, sequence: 2, reason: 'no' }, CITY, ALICE)
    await node.refusals.notePublication(publication, { isShared: true })
    await node.refusals.learnWithdrawals([withdrawal])
    const again = await start(disk)
    const stored = again.refusals.publicationOf(root)
    expect(Buffer.compare(stored?.publication ?? Buffer.of(), publication.bytes)).toBe(0)
    expect(Buffer.compare(stored?.withdrawal ?? Buffer.of(), withdrawal.bytes)).toBe(0)
    expect(stored).toMatchObject({ isShared: true, publisher: ALICE.peerId, nextSequence: 3 })
  })
})
