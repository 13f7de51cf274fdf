// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * A content room on a disk and a database whose power can be cut, in a city with one honest peer,
 * and the ledger of what it has acknowledged: what must be true of it ever after.
 */
import { createHash } from 'node:crypto'
import { CarBlockIterator } from '@ipld/car/iterator'
import type { CID } from 'multiformats/cid'
import { expect } from 'vitest'
import {
  asError,
  errorCode,
  type Random,
  SeededRandom,
  silentLogger,
  silentMetrics,
  VirtualClock,
} from '../../src/base/base.ts'
import { Content, type ContentDeps, type Visibility } from '../../src/content/content.ts'
import { encodeHaveRequest, HAVE_TOPIC, parseHaveReply } from '../../src/content/fetching/have.ts'
import { HAVE_REPLY_BYTES_MAX } from '../../src/content/limits.ts'
import {
  Cleanup,
  type FakeCity,
  inPieces,
  never,
  peerIdOf,
  plainRequests,
  readAll,
  serve,
} from '../integration/content-support.ts'
import type { SimulatedDisk } from '../support/simulated-disk.ts'
import { VolatileDatabase } from './volatile-database.ts'

const RAW_CODEC = 0x55

/** What the power leaves, and what the next start begins with. */
export interface Remains {
  disk: SimulatedDisk
  /** The file of the database; none for a first start. */
  databaseFile: string | undefined
}

export interface StartOptions {
  city: FakeCity
  name: string
  random: Random
  /** A temporary folder for databases. */
  folder: string
  clock?: VirtualClock
  deps?: Partial<ContentDeps>
  /** Between checkpoints of an addition; default the program's own. */
  addCheckpointBytes?: number
}

/** One start of a node, until it is stopped or its power is cut. */
export class Run {
  readonly content: Content
  readonly disk: SimulatedDisk
  readonly database: VolatileDatabase
  readonly url: string
  readonly #options: StartOptions
  readonly #cleanup: Cleanup

  private constructor(
    parts: { content: Content; disk: SimulatedDisk; database: VolatileDatabase; url: string },
    options: StartOptions,
    cleanup: Cleanup,
  ) {
    this.content = parts.content
    this.disk = parts.disk
    this.database = parts.database
    this.url = parts.url
    this.#options = options
    this.#cleanup = cleanup
  }

  /**
   * @param beforeStart runs when everything stands but the room has not started: cuts planned here
   *   fall into its start.
   * @throws what the start throws; then `remains` of the error's run are in `failedStart`.
   */
  static async create({ disk, databaseFile }: Remains, options: StartOptions): Promise<Run> {
    const { city, name, random, folder } = options
    const peerId = peerIdOf(name)
    const database = await VolatileDatabase.open({ folder, random, from: databaseFile })
    const content = new Content(
      {
        database,
        network: city.networkOf(peerId),
        requests: plainRequests,
        clock: options.clock ?? new VirtualClock(1_700_000_000_000),
        log: silentLogger,
        metrics: silentMetrics,
        disk,
        ...options.deps,
      },
      {
        folder: '/content',
        storeBytesMax: 0,
        freeBytesMin: 0,
        ...(options.addCheckpointBytes === undefined
          ? {}
          : { addCheckpointBytes: options.addCheckpointBytes }),
      },
    )
    const cleanup = new Cleanup()
    const caller = { kind: 'anonymous', address: '127.0.0.1' } as const
    const { port } = await serve((request, response) => {
      void content.handleGateway(request, response, caller)
    }, cleanup)
    city.serves(peerId, port)
    const url = `http://127.0.0.1:${port}`
    return new Run({ content, disk, database, url }, options, cleanup)
  }

  start(): Promise<void> {
    return this.content.start(never)
  }

  /** Stops in order; nothing is lost then. */
  async stop(): Promise<Remains> {
    await this.#end()
    return { disk: this.disk, databaseFile: await this.database.survivor({ isBroken: false }) }
  }

  /** Cuts the power, if that has not happened, and says what is left. */
  async cut(options: { isDatabaseBroken: boolean }): Promise<Remains> {
    if (!this.disk.isCut) this.database.cut()
    const disk = this.disk.cut()
    await this.#end()
    const isBroken = options.isDatabaseBroken
    return { disk, databaseFile: await this.database.survivor({ isBroken }) }
  }

  /** What a stranger is told of these. */
  async have(cids: readonly CID[]): Promise<boolean[]> {
    const { city, name } = this.#options
    const asked = await city
      .networkOf(peerIdOf('stranger'))
      .ask(peerIdOf(name), HAVE_TOPIC, encodeHaveRequest(cids), {
        replyBytesMax: HAVE_REPLY_BYTES_MAX,
        signal: never,
      })
    const reply = parseHaveReply(asked, cids.length)
    if (reply.verdict !== 'accept') throw new Error(reply.reason)
    return reply.value.map((had) => had !== undefined)
  }

  /** What a stranger gets: the bytes of the leaves, every block checked; undefined for a refusal. */
  async gatewayBytes(cid: CID): Promise<Buffer | undefined> {
    const response = await fetch(`${this.url}/ipfs/${cid}?format=car&dag-scope=all&car-dups=y`)
    const body = Buffer.from(await response.arrayBuffer())
    if (response.status !== 200) return undefined
    const leaves: Uint8Array[] = []
    for await (const { cid: block, bytes } of await CarBlockIterator.fromBytes(body)) {
      expect(createHash('sha256').update(bytes).digest()).toEqual(
        Buffer.from(block.multihash.digest),
      )
      if (block.code === RAW_CODEC) leaves.push(bytes)
    }
    return Buffer.concat(leaves)
  }

  async #end(): Promise<void> {
    this.#options.city.leave(peerIdOf(this.#options.name))
    await this.content.stop()
    await this.#cleanup.run()
  }
}

/** What is known of an item: here under a name, or undefined: not here. */
export type ItemState = { name: string; visibility: Visibility } | undefined

interface Entry {
  cid: CID
  bytes: Buffer
  acknowledged: ItemState
  /** What changes that were not acknowledged may have made of it. */
  possible: ItemState[]
  /** It was on its way when the power went: its owner may find bytes of it, that are no item. */
  mayBePart: boolean
}

/** What was acknowledged, and what may be. */
export class Ledger {
  readonly #entries = new Map<string, Entry>()

  /** Enters content, not here yet. Its id is known beforehand, so that a lost add is recognized. */
  know(cid: CID, bytes: Buffer): void {
    const key = cid.toString()
    if (!this.#entries.has(key)) {
      const nothing = { acknowledged: undefined, possible: [], mayBePart: false }
      this.#entries.set(key, { cid, bytes, ...nothing })
    }
  }

  stateOf(cid: CID): ItemState {
    return this.#entryOf(cid).acknowledged
  }

  /** Runs a change that leads to `state`; it counts as acknowledged unless the power went before. */
  async change(
    disk: SimulatedDisk,
    cid: CID,
    state: ItemState,
    work: () => unknown,
  ): Promise<void> {
    const entry = this.#entryOf(cid)
    entry.possible.push(state)
    entry.mayBePart ||= entry.acknowledged === undefined && state !== undefined
    try {
      await work()
    } catch (thrown) {
      if (disk.isCut) return
      throw asError(thrown)
    }
    if (disk.isCut) return
    entry.acknowledged = state
    entry.possible = []
    entry.mayBePart = false
  }

  /** Everything that must hold after a start, whatever came before it. */
  async check(run: Run, random: Random): Promise<void> {
    const listed = run.content.list()
    const strange = listed.filter(({ cid }) => !this.#entries.has(cid.toString()))
    expect(strange, 'nothing is listed that nobody added').toEqual([])
    const entries = [...this.#entries.values()]
    for (const entry of entries) await this.#checkEntry(run, entry)
    // That the index was made anew is said, and is no loss.
    const told = run.content.health().map(({ code }) => code)
    const losses = told.filter((code) => code !== 'CONTENT_INDEX_REBUILT')
    expect(losses, 'nothing is reported missing').toEqual([])
    const isPublic = entries.map(({ acknowledged }) => acknowledged?.visibility === 'public')
    expect(await run.have(entries.map(({ cid }) => cid)), 'have/1').toEqual(isPublic)
    for (let count = 0; count < 3; count++) {
      const entry = entries[Math.floor(random.unit() * entries.length)]
      if (entry === undefined) continue
      const served = await run.gatewayBytes(entry.cid)
      const isServed = entry.acknowledged?.visibility === 'public'
      expect(served?.equals(entry.bytes) ?? false, 'the gateway').toBe(isServed)
    }
  }

  async #checkEntry(run: Run, entry: Entry): Promise<void> {
    const item = run.content.get(entry.cid)
    const state: ItemState =
      item === undefined ? undefined : { name: item.name, visibility: item.visibility }
    expect([entry.acknowledged, ...entry.possible], `the state of ${entry.cid}`).toContainEqual(
      state,
    )
    if (item !== undefined) expect(item.isWhole, `${entry.cid} is whole`).toBe(true)
    const isRead = await this.#canRead(run, entry)
    if (item !== undefined || !entry.mayBePart) {
      expect(isRead, `${entry.cid} can be read`).toBe(item !== undefined)
    }
    // What a start has shown once is no longer open, and what is gone does not come back.
    entry.mayBePart = isRead && item === undefined
    entry.acknowledged = state
    entry.possible = []
  }

  /** Whether its owner gets bytes; then they are the right ones. */
  async #canRead(run: Run, { cid, bytes }: Entry): Promise<boolean> {
    try {
      expect((await readAll(run.content.openBytes(cid))).equals(bytes), `${cid}`).toBe(true)
      return true
    } catch (thrown) {
      if (errorCode(thrown) !== 'CONTENT_NOT_HERE') throw thrown
      return false
    }
  }

  #entryOf(cid: CID): Entry {
    const entry = this.#entries.get(cid.toString())
    if (entry === undefined) throw new Error(`the ledger does not know ${cid}`)
    return entry
  }
}

/** A new add after all that has happened: the store is not only right but alive. */
export async function checkTakesMore(run: Run, ledger: Ledger, seed: number): Promise<void> {
  const bytes = Buffer.from(new SeededRandom(seed).bytes(1_000))
  const options = { name: 'more', visibility: 'private', signal: never } as const
  const { cid } = await run.content.add(inPieces(bytes), options)
  ledger.know(cid, bytes)
  await ledger.change(run.disk, cid, { name: 'more', visibility: 'private' }, () => {})
  expect((await readAll(run.content.openBytes(cid))).equals(bytes)).toBe(true)
}
