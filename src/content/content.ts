// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * What a node keeps: items, private or public, added by the owner or fetched from other nodes, each
 * named by the hash of its bytes and served as the IPFS Trustless Gateway does.
 *
 * What holds here: an item is acknowledged only when all of it survives a power cut; only whole items
 * are ever opened or served; what a peer sends counts only after its hash was checked; private items
 * look to everybody else exactly like items that are not here.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { CID } from 'multiformats/cid'
import {
  type Clock,
  CodedError,
  type EventSource,
  errorCode,
  type HealthCondition,
  type Logger,
  type Metrics,
  repeat,
  Semaphore,
  type Service,
  type Timer,
} from '../base/base.ts'
import type { Caller, QuestionHandler } from '../net/net.ts'
import {
  type Added,
  type AddFileOptions,
  type AddFolderOptions,
  type AddingDeps,
  addFile,
  addFolder,
} from './adding.ts'
import { adoptFound } from './adopting.ts'
import {
  BlockStore,
  type Disk,
  type IndexDatabase,
  type ItemChanges,
  machineDisk,
  type PageOf,
  type PageQuestion,
  type StoredItem,
} from './blocks/blocks.ts'
import type { DagSource } from './car/car.ts'
import { type CarReport, exportCar, type ImportOptions, importCar } from './carrying/carrying.ts'
import { notHere } from './errors.ts'
import { type EvictionPolicy, longestUnusedFirst, RoomMaker } from './evicting.ts'
import type { FetchedPart, ItemFetchOptions, PartFetchOptions } from './fetch-options.ts'
import {
  BadPeers,
  type ContentNetwork,
  emptyReport,
  type FetchDeps,
  Fetcher,
  type FetchReport,
  fetchPath,
  HAVE_TOPIC,
  type PeerRequests,
} from './fetching/fetching.ts'
import { endErasing, finishErasing } from './forgetting.ts'
import { Gateway } from './gateway/gateway.ts'
import { answerHave } from './having.ts'
import { conditionsOf } from './health.ts'
import { checkTexts, type Item, type ItemEvents, type ItemTotals } from './item.ts'
import { openFile, type ReadRange, sourceOf } from './library.ts'
import {
  ADDS_MAX,
  HAVE_REPLY_BYTES_MAX,
  HAVE_REQUEST_BYTES_MAX,
  IMPORTS_MAX,
  NOTE_MS,
  WAITING_MAX,
} from './limits.ts'
import { type ContentMetrics, createContentMetrics } from './metrics.ts'
import { noteShared, type RefusalDesk, refusesNothing } from './refusing.ts'
import { Repairs } from './repairs.ts'
import { Scrubber } from './scrubbing.ts'
import { type Reader, type Shown, show } from './showing.ts'
import type { ContentStatistics } from './statistics.ts'
import { Tender } from './tending.ts'
import {
  canonicalCid,
  isSupported,
  type Resolution,
  resolvePath,
  type SourceEntry,
} from './unixfs/unixfs.ts'
import { abortable, enter, Running } from './waiting.ts'

export type { Added, AddFileOptions, AddFolderOptions, ProgressListener } from './adding.ts'
export type { Disk, DiskFile, ItemChanges, PageOf, PageQuestion } from './blocks/blocks.ts'
export { machineDisk } from './blocks/blocks.ts'
export type { CarReport, Landing } from './carrying/carrying.ts'
export * from './config.ts'
export * from './desk/desk.ts'
export type { ContentNetwork, FetchReport, PeerRequests } from './fetching/fetching.ts'
export type { Item, ItemEvents, ItemTexts, ItemTotals, Shape, Visibility } from './item.ts'
export { kindOf, UNKNOWN_KIND } from './kinds.ts'
export { contentMigrations } from './migrations.ts'
export * from './refusals/refusals.ts'
export type { Shown } from './showing.ts'
export type { Resolution, SourceEntry } from './unixfs/unixfs.ts'
export { WithdrawalWatch } from './withdrawal-watch.ts'

export interface ContentDeps {
  database: IndexDatabase
  network: ContentNetwork
  requests: PeerRequests
  clock: Clock
  log: Logger
  metrics: Metrics
  /** The machine's own unless a test breaks one. */
  disk?: Disk
  policy?: EvictionPolicy
  /** What must not be kept, served or told of; nothing unless given. */
  refusals?: RefusalDesk
}

export interface ContentOptions {
  /** Where the files lie: a folder of our own, whose parent exists. */
  folder: string
  /** How many bytes all items may take; 0: no limit of our own. */
  storeBytesMax: number
  /** How many bytes of the disk stay free. */
  freeBytesMin: number
  /** In how many days everything is checked for bit rot; 0: never. */
  scrubDays?: number
  /** Whole leaves between checkpoints of an addition; fewer for a test. */
  addCheckpointBytes?: number
}

/** A repair changes nothing that was said about an item. */
const NO_WISHES = { isPublic: false, isKept: false }

export class Content implements Service {
  readonly name = 'content'
  readonly events: EventSource<ItemEvents>
  readonly #deps: ContentDeps
  readonly #disk: Disk
  readonly #metrics: ContentMetrics
  readonly #store: BlockStore
  readonly #gateway: Gateway
  readonly #fetchDeps: FetchDeps
  readonly #fetcher: Fetcher
  readonly #scrubber: Scrubber
  readonly #room: RoomMaker
  readonly #tender: Tender
  readonly #badPeers: BadPeers
  readonly #refusals: RefusalDesk
  readonly #addPlaces = new Semaphore({ size: ADDS_MAX, waitingMax: WAITING_MAX })
  readonly #importPlaces = new Semaphore({ size: IMPORTS_MAX, waitingMax: WAITING_MAX })
  readonly #stopping = new AbortController()
  /** Work that must end before the node may stop. */
  readonly #running = new Running()
  readonly #repairs: Repairs
  #notes: Timer | undefined
  #addingCount = 0
  #isFull = false
  #isRebuilt = false

  constructor(deps: ContentDeps, options: ContentOptions) {
    const { database, clock, log } = deps
    const disk = deps.disk ?? machineDisk
    this.#deps = deps
    this.#disk = disk
    const makeRoom = (): Promise<unknown> => this.#makeRoom()
    const store = new BlockStore({ database, disk, clock, log, makeRoom }, options)
    this.#store = store
    this.#tender = new Tender({ store, clock, log })
    this.events = store.items.events
    this.#room = new RoomMaker({ store, policy: deps.policy ?? longestUnusedFirst, log })
    this.#metrics = createContentMetrics(deps.metrics, () => store.items.totals())
    this.#badPeers = new BadPeers(clock)
    const { refusals = refusesNothing, network, requests } = deps
    this.#refusals = refusals
    const common = { store, metrics: this.#metrics, clock, log, refusals }
    this.#gateway = new Gateway(common)
    this.#fetchDeps = {
      ...common,
      network,
      requests,
      badPeers: this.#badPeers,
      makeRoom: (neededBytes) => this.#makeRoom(neededBytes),
    }
    this.#fetcher = new Fetcher({
      ...this.#fetchDeps,
      onFailure: (thrown) => this.#noteFull(thrown),
    })
    this.#repairs = new Repairs({ clock, log, fetch: (cid) => this.#run(this.#refetch(cid)) })
    const onDamage = (items: readonly StoredItem[]): void => this.#repairs.repairSoon(items)
    this.#scrubber = new Scrubber({ store, clock, log, onDamage }, { days: options.scrubDays ?? 0 })
  }

  async start(signal: AbortSignal): Promise<void> {
    const { log, network, clock } = this.#deps
    const report = await this.#store.open(signal)
    await this.#refusals.open(signal)
    this.#isRebuilt = report.isRebuilt
    for (const { cid, name, missingCount } of report.lost) {
      log.error('an item is damaged', { cid: cid.toString(), name, missingCount })
    }
    await adoptFound({ ...this.#addingDeps, disk: this.#disk, log }, report, signal)
    void this.#run(finishErasing({ ...this.#addingDeps, log, signal: this.#stopping.signal }))
    network.answer(
      HAVE_TOPIC,
      {
        needs: 'public',
        requestBytesMax: HAVE_REQUEST_BYTES_MAX,
        replyBytesMax: HAVE_REPLY_BYTES_MAX,
      },
      this.#answerHave,
    )
    this.#notes = repeat(
      clock,
      () => NOTE_MS,
      () => void this.#run(this.#tender.tick()),
    )
    this.#scrubber.start()
  }

  /** Calls off what is under way, and waits until nothing touches the store any more. */
  async stop(): Promise<void> {
    this.#stopping.abort(new CodedError('NODE_STOPPING', 'The node is stopping.'))
    this.#notes?.cancel()
    this.#gateway.close()
    await this.#scrubber.stop()
    await this.#running.ended()
    await this.#store.close()
  }

  health(): readonly HealthCondition[] {
    const damaged = this.#store.items.damaged().map(({ name, visibility, isChanged }) => {
      return { name, isChanged, isPublic: visibility === 'public' }
    })
    return conditionsOf({ damaged, isFull: this.#isFull, isRebuilt: this.#isRebuilt })
  }

  statistics(): ContentStatistics {
    return {
      ...this.#store.items.totals(),
      addingCount: this.#addingCount,
      fetchingCount: this.#fetcher.count,
      servingCount: this.#gateway.servingCount,
      brokenCount: this.#store.items.damaged().length,
      storedBytes: this.#store.space.takenBytes,
      checkedBytes: this.#scrubber.checkedBytes,
      badPeers: this.#badPeers.list(),
    }
  }

  /** Oldest first. */
  list(): readonly Item[] {
    return this.#store.items.list()
  }

  /** Some of them, newest first. @throws CodedError `CONTENT_LIST_CHANGED` */
  page(question: PageQuestion): PageOf<Item> {
    return this.#store.items.page(question)
  }

  totals(): ItemTotals {
    return this.#store.items.totals()
  }

  get(cid: CID): Item | undefined {
    return this.#find(cid)
  }

  /**
   * Keeps the bytes of a file. The same bytes again are the same item: its name stays, and it becomes
   * public when that is asked for.
   * @throws CodedError `CONTENT_BAD_NAME`, `CONTENT_TOO_LARGE`, `CONTENT_BUSY`, `STORE_FULL`,
   *   `STORE_READ_ONLY`, `STORE_DISK_ERROR`; the source's failure; the signal's reason.
   */
  async add(source: AsyncIterable<Uint8Array>, options: AddFileOptions): Promise<Item> {
    return (await this.addFile(source, options)).item
  }

  /** As {@link add}, and says how much of it was new here. */
  addFile(source: AsyncIterable<Uint8Array>, options: AddFileOptions): Promise<Added> {
    return this.#adding(options, (signal) =>
      addFile(this.#addingDeps, abortable(source, signal), { ...options, signal }),
    )
  }

  /** Keeps a folder with all that is in it. @throws as {@link add}, and for what no folder may have */
  addFolder(entries: AsyncIterable<SourceEntry>, options: AddFolderOptions): Promise<Added> {
    return this.#adding(options, (signal) =>
      addFolder(this.#addingDeps, abortable(entries, signal), { ...options, signal }),
    )
  }

  /**
   * What was removed, or undefined when it was not here.
   * @param options.erases nothing of it is to stay on the disk, but its CID.
   */
  async remove(cid: CID, options = { erases: false }): Promise<Item | undefined> {
    const item = this.#find(cid)
    // To be erased is also what is left of it, and what never arrived whole.
    if (!isSupported(cid) || (item === undefined && !options.erases)) return undefined
    const root = cid.toV1()
    await this.#run(this.#store.remove(root, options))
    await this.#refusals.itemRemoved(root, options)
    if (options.erases) await this.#run(endErasing(this.#store, root))
    this.#isFull = false
    return item
  }

  /** Says something new about an item. @throws CodedError `CONTENT_NOT_HERE`, `CONTENT_BAD_TEXT` */
  async update(cid: CID, changes: ItemChanges): Promise<Item> {
    const item = this.#find(cid)
    if (item === undefined) throw notHere(cid)
    return await this.#run(this.#update(item.cid, checkTexts(changes)))
  }

  /** All blocks that are here, whosever: for whoever reads as the owner does. */
  get source(): DagSource<unknown> {
    return sourceOf(this.#store)
  }

  /**
   * Items as one CAR, private ones too: for the owner alone.
   * @throws CodedError `CONTENT_NOT_HERE`, `CONTENT_NOT_WHOLE`, `CONTENT_TOO_MANY_ITEMS`; when it is
   *   read, `STORE_…` and the signal's reason.
   */
  exportCar(cids: readonly CID[], signal: AbortSignal): AsyncGenerator<Uint8Array> {
    return exportCar(this.#store, cids, AbortSignal.any([signal, this.#stopping.signal]))
  }

  /**
   * Takes what is in a CAR file; its whole roots become items.
   * @throws CodedError `CONTENT_BAD_CAR`, `CONTENT_BUSY`, `STORE_…`; the signal's reason.
   */
  importCar(source: AsyncIterable<Uint8Array>, options: ImportOptions): Promise<CarReport> {
    const deps = { ...this.#addingDeps, log: this.#deps.log }
    return this.#takeIn(this.#importPlaces, options.signal, (signal) =>
      importCar(deps, abortable(source, signal), { ...options, signal }),
    )
  }

  /** What is at a path, as far as it is here. */
  async resolve(cid: CID, path: readonly string[], signal?: AbortSignal): Promise<Resolution> {
    return await resolvePath(this.#store, canonicalCid(cid), path, { signal })
  }

  /**
   * The bytes of a file here, from `start` to before `end`: of an item, of a file within one, or a
   * part that was fetched.
   * @throws CodedError, when it is read, `CONTENT_NOT_HERE`, `CONTENT_BAD_RANGE`, `CONTENT_DAMAGED`,
   *   `CONTENT_CHANGED`, `CONTENT_UNSUPPORTED`.
   */
  openBytes(cid: CID, options: ReadRange = {}): AsyncGenerator<Uint8Array> {
    return openFile(this.#store, cid, options)
  }

  /**
   * Brings an item here from whoever has it; at once when it is here. Whoever asks for the same CID
   * meanwhile shares the transfer.
   * @throws CodedError as `fetching.ts` says; `CONTENT_CID_UNSUPPORTED`, `CONTENT_BUSY`; the
   *   signal's reason.
   */
  fetch(cid: CID, options: ItemFetchOptions): Promise<Item> {
    return this.#run(this.#fetch(canonicalCid(cid), options))
  }

  /**
   * Brings here what a range of a file needs, for `openBytes`, and nothing else of it. It becomes no
   * item. @throws CodedError as {@link fetch}; `CONTENT_BAD_RANGE`
   */
  fetchPart(cid: CID, options: PartFetchOptions): Promise<FetchedPart> {
    return this.#run(this.#fetchPart(canonicalCid(cid), options))
  }

  /** What anybody may look at, at a path below a CID. @throws the signal's reason */
  show(cid: CID, path: readonly string[], signal: AbortSignal, reader: Reader): Promise<Shown> {
    const deps = { store: this.#store, refusals: this.#refusals }
    return show(deps, { cid, path, reader }, { signal })
  }

  /** Answers a request to the Trustless Gateway. Never rejects. */
  readonly handleGateway = (
    request: IncomingMessage,
    response: ServerResponse,
    caller: Caller,
  ): Promise<void> => this.#gateway.handle(request, response, caller)

  readonly #answerHave: QuestionHandler = async (request) =>
    answerHave({ store: this.#store, refusals: this.#refusals }, request)

  get #addingDeps(): AddingDeps {
    return { store: this.#store, refusals: this.#refusals }
  }

  async #adding(
    options: AddFileOptions | AddFolderOptions,
    work: (signal: AbortSignal) => Promise<Added>,
  ): Promise<Added> {
    checkTexts(options)
    const added = await this.#takeIn(this.#addPlaces, options.signal, async (signal) => {
      this.#addingCount += 1
      return await work(signal).finally(() => {
        this.#addingCount -= 1
      })
    })
    this.#metrics.addedItems.add()
    return added
  }

  /** Waits for a place, makes room, and notes how it went. */
  async #takeIn<T>(
    places: Semaphore,
    outer: AbortSignal,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const signal = AbortSignal.any([outer, this.#stopping.signal])
    const leave = await enter(places, 'additions', signal)
    try {
      await this.#makeRoom()
      const result = await this.#run(work(signal))
      this.#isFull = false
      return result
    } catch (thrown) {
      this.#noteFull(thrown)
      throw thrown
    } finally {
      leave()
    }
  }

  async #fetch(root: CID, options: ItemFetchOptions): Promise<Item> {
    const signal = AbortSignal.any([options.signal, this.#stopping.signal])
    const passenger = { signal, onProgress: options.onProgress ?? (() => {}) }
    const cid = await this.#endOf(root, options.path ?? [], { signal })
    const { isKept = false, visibility } = options
    const held = this.#find(cid)
    let item = held
    if (held?.isWhole !== true) {
      await this.#makeRoom()
      const wishes = { isPublic: visibility === 'public', isKept }
      const landed = await this.#fetcher.fetch(cid, passenger, wishes)
      this.#isFull = false
      options.onReport?.(landed.report)
      item = landed.item
    }
    if (item === undefined) throw notHere(cid)
    const changes: ItemChanges = {}
    if (visibility === 'public' && item.visibility !== 'public') changes.visibility = 'public'
    if (isKept && !item.isKept) changes.isKept = true
    if (Object.keys(changes).length > 0) return this.#update(item.cid, changes)
    return noteShared(this.#refusals, item)
  }

  async #update(cid: CID, changes: ItemChanges): Promise<StoredItem> {
    return noteShared(this.#refusals, await this.#store.update(cid, changes))
  }

  async #fetchPart(root: CID, options: PartFetchOptions): Promise<FetchedPart> {
    const { path = [], onProgress = () => {}, ...range } = options
    const signal = AbortSignal.any([options.signal, this.#stopping.signal])
    const report = emptyReport()
    const cid = await this.#endOf(root, path, { signal, report })
    await this.#makeRoom()
    const request = { ...range, cid, signal, onProgress }
    return { cid, report: await this.#fetcher.fetchPart(request, report) }
  }

  #endOf(
    root: CID,
    path: readonly string[],
    options: { signal: AbortSignal; report?: FetchReport },
  ): Promise<CID> {
    if (path.length === 0) return Promise.resolve(root)
    return fetchPath(this.#fetchDeps, root, path, options)
  }

  /** What a damaged item lacks, from whoever has it. */
  async #refetch(cid: CID): Promise<void> {
    const passenger = { signal: this.#stopping.signal, onProgress: () => {} }
    await this.#fetcher.fetch(cid, passenger, NO_WISHES)
  }

  /** Removes what may go when space is short. */
  #makeRoom(neededBytes = this.#store.space.headroomBytes): Promise<boolean> {
    return this.#run(this.#room.makeRoom(neededBytes))
  }

  #noteFull(thrown: unknown): void {
    if (errorCode(thrown) === 'STORE_FULL') this.#isFull = true
  }

  #find(cid: CID): StoredItem | undefined {
    const item = isSupported(cid) ? this.#store.items.get(cid.toV1()) : undefined
    return item?.state === 'arriving' ? undefined : item
  }

  #run<T>(work: Promise<T>): Promise<T> {
    return this.#running.add(work)
  }
}
