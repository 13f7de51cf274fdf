// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * What this node holds. Packs, bodies and manifests are the truth; the database is an index of them
 * that may lag behind a power cut and is then brought up to date, or may be lost and is made anew.
 *
 * What holds here: an answer is given only when what it says survives a power cut; only items whose
 * every block is here are whole; a block is read only where the index names it, and it is named only
 * after its hash was right and its bytes were safe.
 */
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import type { CID } from 'multiformats/cid'
import { asError, type Clock, errorCode, type Logger, Semaphore } from '../../base/base.ts'
import type { DagSource } from '../car/car.ts'
import { damaged, isChange, isLoss, notHere } from '../errors.ts'
import { type BlockName, isSameDigest } from '../unixfs/unixfs.ts'
import { BlockIndex, type Place, type Volume } from './block-index.ts'
import { Bodies } from './bodies.ts'
import { BodyClaims } from './body-claims.ts'
import { Catalogue, type StoredItem } from './catalogue.ts'
import { CheckedBlocks } from './checked-blocks.ts'
import { Collector } from './collecting.ts'
import type { Disk } from './disk.ts'
import { Erasing, type ErasingDeps } from './erasing.ts'
import { removedMeanwhile } from './errors.ts'
import { Intake } from './intake.ts'
import { Intakes } from './intakes.ts'
import {
  type Arrived,
  type ItemChanges,
  isSaid,
  recordFrom,
  recordOfArrival,
} from './item-records.ts'
import { OrderlyEnd } from './orderly-end.ts'
import { beginPacks, Packs } from './packs.ts'
import { type RecoveryReport, recover } from './recovery.ts'
import { Space, type SpaceOptions } from './space.ts'
import { type IndexDatabase, keepingStatements } from './statements.ts'
import type { UnfinishedFiles } from './unfinished-files.ts'
import { Volumes } from './volumes.ts'

export interface BlockStoreDeps {
  database: IndexDatabase
  disk: Disk
  clock: Clock
  log: Logger
  /** Has items removed that may go, so that more can come. */
  makeRoom?: () => Promise<unknown>
}

export interface BlockStoreOptions extends SpaceOptions {
  /** A folder of our own, whose parent exists. */
  folder: string
  /** Whole leaves between checkpoints of an addition; fewer for a test. */
  addCheckpointBytes?: number
}

/** For an intake that brings a record and no blocks. */
const NO_ITEM = 0

export class BlockStore {
  readonly items: Catalogue
  readonly space: Space
  readonly unfinished: UnfinishedFiles
  readonly erasing: Erasing
  readonly #deps: BlockStoreDeps
  readonly #index: BlockIndex
  readonly #packs: Packs
  readonly #bodies: Bodies
  readonly #volumes: Volumes
  readonly #collector: Collector
  readonly #intakes = new Intakes()
  readonly #claims = new BodyClaims()
  readonly #orderlyEnd: OrderlyEnd
  readonly #checked = new CheckedBlocks()
  /** One change of files and rows at a time: a removal must not meet an arrival halfway. */
  readonly #changes = new Semaphore({ size: 1, waitingMax: Number.MAX_SAFE_INTEGER })
  #revision = 0
  #saying: Promise<void> | undefined
  /** The last block that was checked for bit rot. */
  #lastScrubbed = 0

  constructor(deps: BlockStoreDeps, options: BlockStoreOptions) {
    const { disk, clock } = deps
    const database = keepingStatements(deps.database)
    this.#deps = deps
    this.items = new Catalogue(database, deps.log)
    this.#index = new BlockIndex(database)
    this.space = new Space({ disk, storedBytes: () => this.storedBytes }, options)
    this.#packs = new Packs({ disk, space: this.space }, { folder: join(options.folder, 'packs') })
    this.#bodies = new Bodies({ disk, clock, space: this.space }, options)
    this.unfinished = this.#bodies.unfinished
    const pathOf = (volume: Volume): string => this.#pathOf(volume)
    this.#volumes = new Volumes({ disk, index: this.#index, pathOf })
    this.#collector = new Collector({
      index: this.#index,
      items: this.items,
      packs: this.#packs,
      bodies: this.#bodies,
      volumes: this.#volumes,
      flushShares: () => this.#intakes.flushShares(),
      isWriting: (cid) => this.#claims.isClaimed(cid),
      isUnindexed: (pack) => this.#intakes.isUnindexed(pack),
      onLost: (item) => this.#intakes.lose(item),
    })
    this.#orderlyEnd = new OrderlyEnd({ disk }, options)
    const change: ErasingDeps['change'] = (work) => this.change(work)
    const letArrivalGo: ErasingDeps['letArrivalGo'] = (item) => this.#letArrivalGo(item)
    const { items } = this
    const [index, bodies, collector] = [this.#index, this.#bodies, this.#collector]
    const erasing = { disk, log: deps.log, items, index, bodies, collector, change, letArrivalGo }
    this.erasing = new Erasing(erasing, options)
  }

  /** Bytes that the store takes, less those that are being written now. */
  get storedBytes(): number {
    return this.#index.storedBytes + this.#packs.closedBytes + this.#packs.unwrittenBytes
  }

  /** Makes the index say what is on the disk. To be called once, before anything else. */
  async open(signal: AbortSignal): Promise<RecoveryReport> {
    await this.#bodies.open()
    const isOrderly = await this.#orderlyEnd.take(this.#index.position())
    await this.#packs.open()
    await this.erasing.open()
    const report = await recover(
      {
        disk: this.#deps.disk,
        log: this.#deps.log,
        clock: this.#deps.clock,
        index: this.#index,
        items: this.items,
        packs: this.#packs,
        bodies: this.#bodies,
        blocks: this,
        letGo: (item) => this.#collector.letGo(item),
        drop: (place) => void this.drop(place),
        isErased: (cid) => this.erasing.hasBody(cid),
        isOrderly,
      },
      signal,
    )
    this.#revision = report.revision
    this.#lastScrubbed = this.#index.scrubbed()
    await this.#saying
    await beginPacks(this.#packs, this.#deps.log)
    return report
  }

  async close(): Promise<void> {
    for (const intake of this.#intakes.all()) await this.end(intake)
    await this.#saying
    this.#volumes.close()
    await this.#packs.close()
    this.note()
    // What the index says reaches the disk first: only then is there nothing to look for.
    this.#index.makeSafe()
    await this.#orderlyEnd.note(this.#index.position())
  }

  /**
   * A block that anybody (or the owner) may have, in one of the items that it belongs to.
   * @returns undefined alike for what is not here and for what is nobody else's business.
   */
  find(
    digest: Uint8Array,
    who: 'anybody' | 'owner',
  ): { item: StoredItem; place: Place } | undefined {
    const found = this.#index.itemWith(digest, who)
    const item = found === undefined ? undefined : this.items.at(found.item)
    return item === undefined || found === undefined ? undefined : { item, place: found.place }
  }

  /**
   * One item and nothing else: whatever its links may name that is in other items, private ones among
   * them, is not there.
   */
  within({ sequence }: Pick<StoredItem, 'sequence'>): DagSource<Place> {
    const find = ({ digest }: BlockName): Place | undefined => {
      return this.#index.placeFor(sequence, digest)
    }
    return {
      blocks: { read: (name) => this.#readFrom(() => find(name), name.digest) },
      index: {
        find: (name) => {
          const place = find(name)
          return place === undefined ? undefined : { sizeBytes: place.sizeBytes, place }
        },
      },
    }
  }

  /** Where a block lies, whoever may have it. */
  placeOf(digest: Uint8Array): Place | undefined {
    return this.#index.placeOf(digest)
  }

  /** Whether a block is one of an item's, whole or still arriving. */
  isHeld(digest: Uint8Array): boolean {
    return this.#index.isHeld(digest)
  }

  /** A block, checked against its hash. @throws as {@link readInto} */
  async read({ digest }: Pick<BlockName, 'digest'>): Promise<Uint8Array | undefined> {
    return this.#readFrom(() => this.#index.placeOf(digest), digest)
  }

  async #readFrom(
    find: () => Place | undefined,
    digest: Uint8Array,
  ): Promise<Uint8Array | undefined> {
    for (;;) {
      const place = find()
      if (place === undefined) return undefined
      const bytes = Buffer.allocUnsafe(place.sizeBytes)
      try {
        await this.readInto(bytes, place)
      } catch (thrown) {
        // It was moved out of a pack that is gone now, or lies elsewhere too: there it is read.
        const now = isLoss(errorCode(thrown)) ? find() : undefined
        if (now === undefined || now.volume === place.volume) throw thrown
        continue
      }
      this.check(place, digest, createHash('sha256').update(bytes).digest())
      return bytes
    }
  }

  /**
   * Fills `buffer` from a place on.
   * @throws CodedError `CONTENT_DAMAGED`, `CONTENT_CHANGED`, `STORE_…`; then the items that need the
   *   block count as damaged from now on.
   */
  async readInto(buffer: Uint8Array, place: Place): Promise<void> {
    try {
      await this.#volumes.readInto(buffer, place)
    } catch (thrown) {
      // A disk that fails may work again; what is gone or another thing is so for good.
      if (isLoss(errorCode(thrown))) this.drop(place, { isChanged: isChange(thrown) })
      throw thrown
    }
  }

  /** Whether a block was compared with its hash since the start. */
  isChecked({ block }: Pick<Place, 'block'>): boolean {
    return this.#checked.has(block)
  }

  /** Says what came of comparing a block with its hash. @throws CodedError `CONTENT_DAMAGED` */
  check(place: Place, digest: Uint8Array, computed: Uint8Array): void {
    if (isSameDigest(computed, digest)) {
      this.#checked.add(place.block)
      return
    }
    this.drop(place)
    throw damaged()
  }

  /** As {@link readInto}, and nothing follows from a failure. */
  readUnchecked(buffer: Uint8Array, place: Place): Promise<void> {
    return this.#volumes.readInto(buffer, place)
  }

  /** Blocks that were not checked for the longest time, in the order in which they came. */
  nextToScrub(limit: number): (Place & { digest: Uint8Array })[] {
    const blocks = this.#index.blocksAfter(this.#lastScrubbed, limit)
    if (blocks.length === 0 && this.#lastScrubbed > 0) {
      this.#lastScrubbed = 0
      return this.#index.blocksAfter(0, limit)
    }
    return blocks
  }

  scrubbed({ block }: Pick<Place, 'block'>): void {
    this.#lastScrubbed = block
  }

  /** Where a large file lies, or would. */
  pathOfBody(cid: string): string {
    return this.#bodies.pathOf('body', cid)
  }

  /** Writes down what may be lost in a power cut: what was used, how far the checking is. */
  note(): void {
    this.items.flushUses()
    this.#index.setScrubbed(this.#lastScrubbed)
  }

  /** The block is missing or wrong: it is served no more, and its items are not whole. */
  drop(place: Place, { isChanged = false } = {}): readonly StoredItem[] {
    // Somebody may have looked it up before it was moved: where it lies now it may be right.
    if (this.#index.placeAt(place.block)?.volume !== place.volume) return []
    this.#intakes.flushShares()
    const concerned = this.#collector.drop(place, { isChanged })
    for (const item of concerned) {
      const { cid, name } = item
      this.#deps.log.error('an item is damaged', { cid: cid.toString(), name, isChanged })
    }
    this.#sayPartials()
    return concerned
  }

  /** Begins an item, or goes on with one that began to arrive earlier. */
  begin(cid: CID | undefined, origin: 'added' | 'fetched'): Intake {
    const known = cid === undefined ? undefined : this.items.get(cid)
    const wallMs = Math.round(this.#deps.clock.wallMs())
    if (known !== undefined) this.items.tried(known.sequence, wallMs)
    return this.#openIntake(known?.sequence ?? this.items.begin(cid, origin, wallMs))
  }

  /**
   * All of an item has arrived: when this returns, it survives a power cut. An item that is here
   * already stays as it is, but that it becomes public or kept when that is asked for.
   */
  async commit(intake: Intake, arrived: Arrived): Promise<StoredItem> {
    return this.change(async () => {
      if (this.items.stateOf(intake.item) === undefined) throw removedMeanwhile()
      if (intake.hasLost) throw damaged()
      const known = this.items.get(arrived.root)
      const nowMs = Math.round(this.#deps.clock.wallMs())
      const revision = this.#nextRevision()
      const record = recordOfArrival(arrived, known, { revision, nowMs })
      await this.#packs.ready()
      const isNews = known === undefined || !isSaid(record, known)
      if (isNews) intake.record(record)
      const sequence = known?.sequence ?? intake.item
      await intake.checkpoint(() => {
        // Until this very moment: what the disk takes back now makes it an item that is damaged.
        if (intake.hasLost) throw damaged()
        if (sequence !== intake.item) {
          this.#index.moveMembers(intake.item, sequence)
          this.items.remove(intake.item)
        }
        if (isNews) this.items.apply(sequence, record, 'whole')
      })
      return this.#itemAt(sequence, arrived.root)
    })
  }

  /** Ends an intake. What it had made safe is kept for another try, unless it never had a name. */
  async end(intake: Intake): Promise<void> {
    if (!this.#intakes.has(intake)) return
    await intake.close()
    this.#intakes.delete(intake)
    if (intake.item === NO_ITEM) return
    const isGone = this.items.stateOf(intake.item) === undefined
    if (!isGone && intake.claimed.size === 0) return
    await this.change(async () => {
      if (isGone) await this.#collector.letGo(intake.item)
      await this.#collector.removeUseless(intake.claimed)
    })
  }

  /** Lets go what an intake has brought, if it did not become an item. */
  async abandon(intake: Intake): Promise<void> {
    await this.end(intake)
    await this.forgetArrival(intake.item)
  }

  /**
   * What began to arrive and is nobody's work now, oldest first, with the wall-clock ms of the latest
   * try.
   */
  idleArrivals(): { sequence: number; triedAtMs: number }[] {
    const busy = this.#intakes.items()
    return this.items.arriving().filter(({ sequence }) => !busy.has(sequence))
  }

  /** Whether blocks of an item are on their way. */
  isArriving({ sequence }: Pick<StoredItem, 'sequence'>): boolean {
    return this.#intakes.items().has(sequence)
  }

  /** Lets go what is kept for another try, unless somebody tries. */
  async forgetArrival(sequence: number): Promise<void> {
    await this.compact(await this.change(() => this.#letArrivalGo(sequence)))
  }

  async #letArrivalGo(sequence: number): Promise<number[]> {
    const isArriving = this.items.stateOf(sequence) === 'arriving'
    if (!isArriving || this.isArriving({ sequence })) return []
    this.items.remove(sequence)
    return this.#collector.letGo(sequence)
  }

  /** The packs, oldest first. */
  packs(): number[] {
    return this.#packs.numbers()
  }

  /** One pack after the other, so that nobody waits for more than one. Never rejects. */
  compact(packs: readonly number[]): Promise<void> {
    return this.erasing.compact(packs)
  }

  /** Says something new about an item. @throws CodedError `CONTENT_NOT_HERE` */
  update(cid: CID, changes: ItemChanges): Promise<StoredItem> {
    return this.change(async () => {
      const item = this.items.get(cid)
      if (item === undefined || item.state === 'arriving') throw notHere(cid)
      const record = recordFrom({ ...item, ...changes }, this.#nextRevision())
      await this.#note(record, () => this.items.apply(item.sequence, record, item.state))
      return this.#itemAt(item.sequence, cid)
    })
  }

  /**
   * Removes an item for good. What other items need of it stays.
   * @param options.erases also from packs that are mostly of use, and what was said of it: nothing of
   *   it is to stay on the disk, but its CID. Of a pack to which somebody else is writing that is done
   *   later, by whoever compacts. The order stands, over power cuts too, until `erasing.end` is called.
   */
  async remove(cid: CID, { erases = false } = {}): Promise<StoredItem | undefined> {
    const [item, touched] = await this.change(async () => {
      const known = this.items.get(cid)
      if (erases) await this.erasing.begin(cid, known?.sequence)
      if (known === undefined) return [undefined, []] as const
      const record = { record: 'gone', revision: this.#nextRevision(), root: cid } as const
      await this.#note(record, () => this.items.remove(known.sequence))
      return [known, await this.#collector.letGo(known.sequence)] as const
    })
    await this.compact(touched)
    if (erases) await this.erasing.erase(cid)
    return item
  }

  /** What was deleted from the tables is gone from the disk as well. */
  makeSafe(): void {
    this.#index.makeSafe()
  }

  async change<T>(work: () => Promise<T>): Promise<T> {
    const release = await this.#changes.acquire()
    try {
      return await work()
    } finally {
      release?.()
    }
  }

  /** Once for all that was dropped in one breath. */
  #sayPartials(): void {
    this.#saying ??= this.change(() => this.#collector.sayPartials())
      .catch((thrown: unknown) => {
        this.#deps.log.warn('a damaged file was not marked', { error: asError(thrown) })
      })
      .finally(() => {
        this.#saying = undefined
      })
  }

  /** Writes one record and what it means to the index. */
  async #note(record: Parameters<Intake['record']>[0], apply: () => void): Promise<void> {
    const intake = this.#openIntake(NO_ITEM)
    try {
      await this.#packs.ready()
      intake.record(record)
      await intake.checkpoint(apply)
    } finally {
      await this.end(intake)
    }
  }

  #openIntake(item: number): Intake {
    const intake = new Intake(
      {
        index: this.#index,
        packs: this.#packs,
        bodies: this.#bodies,
        volumes: this.#volumes,
        space: this.space,
        claims: this.#claims,
        change: (work) => this.change(work),
        makeRoom: async () => void (await this.#deps.makeRoom?.()),
        positionWithout: (except) => this.#intakes.firstUnindexed(except),
        revision: () => this.#revision,
      },
      item,
    )
    this.#intakes.add(intake)
    return intake
  }

  #itemAt(sequence: number, cid: CID): StoredItem {
    const item = this.items.at(sequence)
    if (item !== undefined) return item
    throw notHere(cid)
  }

  #nextRevision(): number {
    this.#revision += 1
    return this.#revision
  }

  #pathOf({ kind, name }: Volume): string {
    if (kind === 'pack') return this.#packs.pathOf(Number(name))
    return this.#bodies.pathOf(kind === 'body' ? 'body' : 'manifest', name)
  }
}
