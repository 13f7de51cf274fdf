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
import { damaged, notHere } from '../errors.ts'
import type { Item, ItemTexts, Shape, Visibility } from '../item.ts'
import { type BlockName, isSameDigest } from '../unixfs/unixfs.ts'
import { BlockIndex, type IndexDatabase, type Place, type Volume } from './block-index.ts'
import { Bodies } from './bodies.ts'
import { Catalogue, type StoredItem, textsOf } from './catalogue.ts'
import { CheckedBlocks } from './checked-blocks.ts'
import { Collector } from './collecting.ts'
import type { Disk } from './disk.ts'
import { Intake } from './intake.ts'
import { type PackPosition, Packs } from './packs.ts'
import type { ItemRecord } from './records.ts'
import { type RecoveryReport, recover } from './recovery.ts'
import { Space } from './space.ts'
import { Volumes } from './volumes.ts'

export interface BlockStoreDeps {
  database: IndexDatabase
  disk: Disk
  clock: Clock
  log: Logger
}

export interface BlockStoreOptions {
  /** A folder of our own, whose parent exists. */
  folder: string
  /** How many bytes the store may take; 0: no limit of our own. */
  storeBytesMax: number
  /** How many bytes of the disk stay free. */
  freeBytesMin: number
}

/** What is known of an item when all of it has arrived. */
export interface Arrived extends Partial<ItemTexts> {
  root: CID
  shape: Shape
  /** Empty for none. */
  name: string
  kind: string
  visibility: Visibility
  origin: 'added' | 'fetched'
  isKept?: boolean
  sizeBytes: number
  carBodyBytes: number
  publication?: Uint8Array | undefined
}

/** What may be said anew about an item that is here. */
export type ItemChanges = Partial<
  ItemTexts & Pick<Item, 'visibility' | 'isKept' | 'publication' | 'name' | 'origin'>
>

/** For an intake that brings a record and no blocks. */
const NO_ITEM = 0

export class BlockStore {
  readonly items: Catalogue
  readonly space: Space
  readonly #deps: BlockStoreDeps
  readonly #index: BlockIndex
  readonly #packs: Packs
  readonly #bodies: Bodies
  readonly #volumes: Volumes
  readonly #collector: Collector
  readonly #intakes = new Set<Intake>()
  readonly #checked = new CheckedBlocks()
  /** One change of files and rows at a time: a removal must not meet an arrival halfway. */
  readonly #changes = new Semaphore({ size: 1, waitingMax: Number.MAX_SAFE_INTEGER })
  #revision = 0
  #saying: Promise<void> | undefined
  /** The last block that was checked for bit rot. */
  #lastScrubbed = 0

  constructor(deps: BlockStoreDeps, options: BlockStoreOptions) {
    const { disk, database } = deps
    const { folder } = options
    this.#deps = deps
    this.items = new Catalogue(database)
    this.#index = new BlockIndex(database)
    const storedBytes = (): number => this.storedBytes
    this.space = new Space({ disk, storedBytes }, options)
    this.#packs = new Packs({ disk, space: this.space }, { folder: join(folder, 'packs') })
    this.#bodies = new Bodies({ disk, space: this.space }, { folder })
    this.#volumes = new Volumes({
      disk,
      index: this.#index,
      pathOf: (volume) => this.#pathOf(volume),
    })
    this.#collector = new Collector({
      index: this.#index,
      items: this.items,
      packs: this.#packs,
      bodies: this.#bodies,
      volumes: this.#volumes,
      flushShares: () => this.#flushShares(),
      isWriting: (cid) => this.#isWriting(cid),
      isUnindexed: (pack) => this.#isUnindexed(pack),
    })
  }

  /** Bytes that the store takes, less those that are being written now. */
  get storedBytes(): number {
    return this.#index.storedBytes + this.#packs.closedBytes
  }

  /** Makes the index say what is on the disk. To be called once, before anything else. */
  async open(signal: AbortSignal): Promise<RecoveryReport> {
    await this.#bodies.open()
    await this.#packs.open()
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
      },
      signal,
    )
    this.#revision = report.revision
    this.#lastScrubbed = this.#index.scrubbed()
    await this.#saying
    await this.#beginPacks()
    return report
  }

  /** Before anything else can come, so that a store without a pack is one that has lost them. */
  async #beginPacks(): Promise<void> {
    if (this.#packs.numbers().length > 0) return
    try {
      await this.#packs.ready()
      await this.#packs.sync()
    } catch (thrown) {
      // Nothing can be added then, and whoever tries is told; what is here can be read.
      this.#deps.log.warn('the store cannot be written', { error: asError(thrown) })
    }
  }

  async close(): Promise<void> {
    for (const intake of [...this.#intakes]) await this.end(intake)
    await this.#saying
    this.note()
    this.#volumes.close()
    await this.#packs.close()
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

  /** Where a block lies, whoever may have it. */
  placeOf(digest: Uint8Array): Place | undefined {
    return this.#index.placeOf(digest)
  }

  /** A block, checked against its hash. @throws as {@link readInto} */
  async read({ digest }: Pick<BlockName, 'digest'>): Promise<Uint8Array | undefined> {
    const place = this.#index.placeOf(digest)
    if (place === undefined) return undefined
    const bytes = Buffer.allocUnsafe(place.sizeBytes)
    await this.readInto(bytes, place)
    this.check(place, digest, createHash('sha256').update(bytes).digest())
    return bytes
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
      if (isLoss(errorCode(thrown))) this.drop(place)
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

  /** Where the bytes of a large file lie, or would. */
  pathOfBody(cid: string): string {
    return this.#bodies.pathOf('body', cid)
  }

  /** Writes down what may be lost in a power cut: what was used, how far the checking is. */
  note(): void {
    this.items.flushUses()
    this.#index.setScrubbed(this.#lastScrubbed)
  }

  /** The block is missing or wrong: it is served no more, and its items are not whole. */
  drop(place: Place): readonly StoredItem[] {
    this.#flushShares()
    const concerned = this.#collector.drop(place)
    for (const item of concerned) {
      this.#deps.log.error('an item is damaged', { cid: item.cid.toString(), name: item.name })
    }
    this.#sayPartials()
    return concerned
  }

  /** Begins an item, or goes on with one that began to arrive earlier. */
  begin(cid: CID | undefined, origin: 'added' | 'fetched'): Intake {
    const known = cid === undefined ? undefined : this.items.get(cid)
    const wallMs = Math.round(this.#deps.clock.wallMs())
    return this.#openIntake(known?.sequence ?? this.items.begin(cid, origin, wallMs))
  }

  /**
   * All of an item has arrived: when this returns, it survives a power cut. An item that is here
   * already stays as it is, but that it becomes public or kept when that is asked for.
   */
  async commit(intake: Intake, arrived: Arrived): Promise<StoredItem> {
    return this.change(async () => {
      const known = this.items.get(arrived.root)
      const record = this.#recordOf(arrived, known)
      await this.#packs.ready()
      const isNews = known === undefined || !isSaid(record, known)
      if (isNews) intake.record(record)
      const sequence = known?.sequence ?? intake.item
      await intake.checkpoint(() => {
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
  }

  /** Lets go what an intake has brought, if it did not become an item. */
  async abandon(intake: Intake): Promise<void> {
    await this.end(intake)
    if (this.items.at(intake.item)?.state !== 'arriving') return
    await this.change(async () => {
      this.items.remove(intake.item)
      await this.#collector.letGo(intake.item)
    })
  }

  /** Says something new about an item. @throws CodedError `CONTENT_NOT_HERE` */
  update(cid: CID, changes: ItemChanges): Promise<StoredItem> {
    return this.change(async () => {
      const item = this.items.get(cid)
      if (item === undefined || item.state === 'arriving') throw notHere(cid)
      const record = this.#recordFrom({ ...item, ...changes })
      await this.#note(record, () => this.items.apply(item.sequence, record, item.state))
      return this.#itemAt(item.sequence, cid)
    })
  }

  /** Removes an item for good. What other items need of it stays. */
  remove(cid: CID): Promise<StoredItem | undefined> {
    return this.change(async () => {
      const item = this.items.get(cid)
      if (item === undefined) return undefined
      const record = { record: 'gone', revision: this.#nextRevision(), root: cid } as const
      await this.#note(record, () => this.items.remove(item.sequence))
      await this.#collector.letGo(item.sequence)
      return item
    })
  }

  async change<T>(work: () => Promise<T>): Promise<T> {
    const release = await this.#changes.acquire()
    try {
      return await work()
    } finally {
      release?.()
    }
  }

  /** Once for all that was dropped in one breath. A disk that refuses it is found out soon enough. */
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
        change: (work) => this.change(work),
        positionWithout: (except) => this.#firstUnindexed(except),
        revision: () => this.#revision,
      },
      item,
    )
    this.#intakes.add(intake)
    return intake
  }

  #itemAt(sequence: number, cid: CID): StoredItem {
    const item = this.items.at(sequence)
    if (item === undefined) throw notHere(cid)
    return item
  }

  #recordOf(arrived: Arrived, known: StoredItem | undefined): ItemRecord {
    const isNew = known === undefined || known.state === 'arriving'
    const texts = { title: '', language: '', description: '', licence: '', ...arrived }
    const name = arrived.name === '' ? arrived.root.toString() : arrived.name
    const fresh = {
      ...texts,
      name,
      cid: arrived.root,
      isKept: arrived.isKept ?? false,
      addedAtMs: Math.round(this.#deps.clock.wallMs()),
      publication: arrived.publication,
    }
    if (isNew) return this.#recordFrom(fresh)
    return this.#recordFrom({
      ...fresh,
      ...textsOf(known),
      name: known.name,
      addedAtMs: known.addedAtMs,
      // What was said once is not unsaid by adding it again.
      visibility: known.visibility === 'public' ? 'public' : arrived.visibility,
      isKept: known.isKept || fresh.isKept,
      origin: known.origin === 'added' ? 'added' : arrived.origin,
      publication: known.publication ?? arrived.publication,
    })
  }

  #recordFrom(item: Omit<Item, 'sequence' | 'isWhole'> & { carBodyBytes: number }): ItemRecord {
    return {
      record: 'item',
      revision: this.#nextRevision(),
      root: item.cid,
      shape: item.shape,
      name: item.name,
      ...textsOf(item),
      visibility: item.visibility,
      origin: item.origin,
      isKept: item.isKept,
      addedAtMs: item.addedAtMs,
      sizeBytes: item.sizeBytes,
      carBodyBytes: item.carBodyBytes,
      publication: item.publication ?? null,
    }
  }

  #nextRevision(): number {
    this.#revision += 1
    return this.#revision
  }

  #flushShares(): void {
    for (const intake of this.#intakes) intake.flushShares()
  }

  #isWriting(cid: string): boolean {
    return [...this.#intakes].some((intake) => intake.isWriting(cid))
  }

  #isUnindexed(pack: number): boolean {
    return [...this.#intakes].some(({ firstUnindexed }) => {
      return firstUnindexed !== undefined && firstUnindexed.pack <= pack
    })
  }

  #firstUnindexed(except: Intake): PackPosition | undefined {
    let first: PackPosition | undefined
    for (const intake of this.#intakes) {
      const position = intake === except ? undefined : intake.firstUnindexed
      if (position === undefined) continue
      const isEarlier =
        first === undefined ||
        position.pack < first.pack ||
        (position.pack === first.pack && position.offset < first.offset)
      if (isEarlier) first = position
    }
    return first
  }

  #pathOf({ kind, name }: Volume): string {
    if (kind === 'pack') return this.#packs.pathOf(Number(name))
    return this.#bodies.pathOf(kind === 'body' ? 'body' : 'manifest', name)
  }
}

/** Whether bytes could not be read because they are not there any more, or not the same. */
function isLoss(code: string | undefined): boolean {
  return code === 'CONTENT_DAMAGED' || code === 'CONTENT_CHANGED'
}

/** Whether an item that is whole here is just what a record says. */
function isSaid(record: ItemRecord, known: StoredItem): boolean {
  return (
    known.state === 'whole' &&
    record.visibility === known.visibility &&
    record.isKept === known.isKept &&
    record.origin === known.origin &&
    (record.publication ?? undefined) === known.publication
  )
}
