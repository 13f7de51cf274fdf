// SPDX-License-Identifier: AGPL-3.0-or-later
/** What the tests of refusing stand on: a database with its tables alone, keys, lists in a folder. */
import { createHash, createPrivateKey } from 'node:crypto'
import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'
import { onTestFinished } from 'vitest'
import { parseCityId, silentLogger, silentMetrics, VirtualClock } from '../../src/base/base.ts'
import { type Disk, machineDisk } from '../../src/content/blocks/blocks.ts'
import type { Rule } from '../../src/content/refusals/denylist-line.ts'
import { DenyListReader } from '../../src/content/refusals/denylist-reader.ts'
import { Refusals, type RefusalsOptions } from '../../src/content/refusals/refusals.ts'
import { createIdentity, type NodeIdentity } from '../../src/identity/identity.ts'
import type { QuestionHandler } from '../../src/net/net.ts'
import { type Database, migrationsFrom, openDatabase } from '../../src/store/store.ts'

export const CITY = parseCityId('test')
export const never = new AbortController().signal

const SQL = new URL('../../src/content/sql/', import.meta.url)

/** Only the tables of refusing: they need none of the others. */
export async function openRefusalsDatabase(path = ':memory:'): Promise<Database> {
  const { migrations } = migrationsFrom(SQL, 'content')
  const own = migrations.filter(({ name }) => name.startsWith('refusals'))
  const database = await openDatabase({
    path,
    migrations: [
      { room: 'content', migrations: own.map((one, index) => ({ ...one, number: index + 1 })) },
    ],
    log: silentLogger,
  })
  onTestFinished(() => database.close())
  return database
}

export function keyNamed(name: string): NodeIdentity {
  const seed = createHash('sha256').update(name).digest()
  const prefix = Buffer.from('302e020100300506032b657004220420', 'hex')
  const der = Buffer.concat([prefix, seed])
  return createIdentity(createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }))
}

export function cidNamed(name: string, codec = 0x55): CID {
  const digest = createHash('sha256').update(name).digest()
  return CID.createV1(codec, Digest.create(0x12, digest))
}

export async function tempFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'citynode-refusals-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

export interface TestRefusals {
  refusals: Refusals
  database: Database
  clock: VirtualClock
  folder: string
  /** Answers `withdrawn/1`. */
  ask(request: Uint8Array): Promise<Uint8Array>
  /** Writes a list into the folder of lists, with a time of change that is surely another one. */
  write(name: string, text: string | Uint8Array): Promise<string>
  stop(): Promise<void>
}

export async function startRefusals(
  wanted: {
    folder?: string
    database?: Database
    disk?: Disk
    signer?: NodeIdentity
    options?: Partial<RefusalsOptions>
  } = {},
): Promise<TestRefusals> {
  const folder = wanted.folder ?? (await tempFolder())
  const database = wanted.database ?? (await openRefusalsDatabase())
  const clock = new VirtualClock(1_700_000_000_000)
  const disk = wanted.disk ?? machineDisk
  await disk.makeFolder(join(folder, 'incoming'))
  await disk.makeFolder(join(folder, 'denylists'))
  let handler: QuestionHandler | undefined
  const refusals = new Refusals(
    {
      database,
      disk,
      clock,
      network: {
        answer: (_topic, _options, answer) => {
          handler = answer
        },
        connectedPeers: () => [],
        ask: () => Promise.reject(new Error('nobody is connected')),
      },
      signer: wanted.signer ?? keyNamed('node'),
      log: silentLogger,
      metrics: silentMetrics,
    },
    { folder, listPaths: [], city: CITY, ...wanted.options },
  )
  await refusals.start()
  let isStopped = false
  const stop = async (): Promise<void> => {
    if (!isStopped) await refusals.stop()
    isStopped = true
  }
  onTestFinished(stop)
  let changes = 0
  return {
    refusals,
    database,
    clock,
    folder,
    stop,
    ask: async (request) => {
      if (handler === undefined) throw new Error('nobody answers')
      return handler(request, { caller: { kind: 'anonymous', address: '' }, signal: never })
    },
    write: async (name, text) => {
      const path = join(folder, 'denylists', name)
      await writeFile(path, text)
      changes += 1
      await utimes(path, changes, changes)
      return path
    },
  }
}

export interface ReadList {
  rules: (Rule & { line: number })[]
  problems: { line: number; message: string }[]
  name: string
  fault: string | undefined
}

/** Reads a list from bytes that come in pieces of the given lengths. */
export function readList(
  list: string | Uint8Array,
  pieceLength: () => number = () => list.length,
): ReadList {
  const rules: ReadList['rules'] = []
  const problems: ReadList['problems'] = []
  const reader = new DenyListReader({
    rule: (line, rule) => void rules.push({ ...rule, line }),
    problem: (line, message) => void problems.push({ line, message }),
  })
  const bytes = Buffer.from(list)
  for (let at = 0; at < bytes.length; ) {
    const end = Math.min(bytes.length, at + Math.max(1, pieceLength()))
    // A copy that is spoilt afterwards: the reader must not hold on to what it was lent.
    const piece = Buffer.from(bytes.subarray(at, end))
    reader.push(piece)
    piece.fill(0x21)
    at = end
  }
  reader.finish()
  return { rules, problems, name: reader.header.name, fault: reader.fault }
}
