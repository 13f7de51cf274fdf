// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * What a node keeps: items, private or public, added by the owner or fetched from other nodes, each
 * named by the hash of its bytes and served as the IPFS Trustless Gateway does.
 *
 * What holds here: an item is acknowledged only when its bytes and its row survive a power cut; only
 * whole items are ever listed, opened or served; what a peer sends counts only after its hash was
 * checked; private items look to everybody else exactly like items that are not here.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { CID } from 'multiformats/cid'
import {
  type Clock,
  CodedError,
  errorCode,
  type HealthCondition,
  type Logger,
  type Metrics,
  Semaphore,
  type Service,
} from '../base/base.ts'
import type { Caller, QuestionHandler } from '../net/net.ts'
import { type MigrationFolder, migrationsFrom } from '../store/store.ts'
import type { IncomingFile } from './blocks/blocks.ts'
import {
  Catalogue,
  type CatalogueDatabase,
  type Disk,
  Files,
  machineDisk,
  Space,
  type StoredItem,
} from './blocks/blocks.ts'
import { damaged, notHere } from './errors.ts'
import type { PeerRequests } from './fetching/fetching.ts'
import {
  BadPeers,
  type ContentNetwork,
  encodeHaveReply,
  fetchItem,
  HAVE_TOPIC,
  parseHaveRequest,
} from './fetching/fetching.ts'
import { Gateway } from './gateway/gateway.ts'
import { checkName, type Item, type ItemTotals, type Visibility } from './item.ts'
import { kindOf } from './kinds.ts'
import {
  ADDS_MAX,
  FETCHES_MAX,
  HAVE_REPLY_BYTES_MAX,
  HAVE_REQUEST_BYTES_MAX,
  READ_BYTES,
  UNWRITTEN_BYTES_MAX,
  WAITING_MAX,
} from './limits.ts'
import { type ContentMetrics, createContentMetrics } from './metrics.ts'
import { canonicalCid, importBytes, isSupported, type Tree } from './unixfs/unixfs.ts'
import { abortable, enter, SingleFlight } from './waiting.ts'

export type { Disk, DiskFile } from './blocks/blocks.ts'
export { machineDisk } from './blocks/blocks.ts'
export * from './config.ts'
export type { ContentNetwork, PeerRequests } from './fetching/fetching.ts'
export type { Item, ItemTotals, Visibility } from './item.ts'
export * from './refusals/refusals.ts'

/** The tables of this room, for {@link openDatabase}. */
export function contentMigrations(): MigrationFolder {
  return migrationsFrom(new URL('./sql/', import.meta.url), 'content')
}

export interface ContentDeps {
  database: CatalogueDatabase
  network: ContentNetwork
  requests: PeerRequests
  clock: Clock
  log: Logger
  metrics: Metrics
  /** The machine's own unless a test breaks one. */
  disk?: Disk
}

export interface ContentOptions {
  /** Where the files lie: a folder of our own, whose parent exists. */
  folder: string
  /** How many bytes all items may take; 0: no limit of our own. */
  storeBytesMax: number
  /** How many bytes of the disk stay free. */
  freeBytesMin: number
}

export type ProgressListener = (receivedBytes: number, totalBytes: number | undefined) => void

export interface AddOptions {
  /** For people; empty for none. */
  name: string
  visibility: Visibility
  signal: AbortSignal
  onProgress?: ProgressListener | undefined
}

export interface ItemFetchOptions {
  visibility: Visibility
  signal: AbortSignal
  onProgress?: ProgressListener | undefined
}

export interface OpenOptions {
  signal?: AbortSignal | undefined
  /** First byte; default 0. */
  start?: number | undefined
  /** The byte after the last; default the size of the item. */
  end?: number | undefined
}

export interface ContentStatistics extends ItemTotals {
  addingCount: number
  fetchingCount: number
  servingCount: number
  /** Items that cannot be served because their file is missing or damaged. */
  brokenCount: number
  badPeers: ReturnType<BadPeers['list']>
}

export class Content implements Service {
  readonly name = 'content'
  readonly #deps: ContentDeps
  readonly #metrics: ContentMetrics
  readonly #catalogue: Catalogue
  readonly #space: Space
  readonly #files: Files
  readonly #gateway: Gateway
  readonly #badPeers: BadPeers
  readonly #flights = new SingleFlight<StoredItem>()
  readonly #addPlaces = new Semaphore({ size: ADDS_MAX, waitingMax: WAITING_MAX })
  readonly #fetchPlaces = new Semaphore({ size: FETCHES_MAX, waitingMax: WAITING_MAX })
  /** One change of files and rows at a time: a removal must not meet an arrival halfway. */
  readonly #changes = new Semaphore({ size: 1, waitingMax: Number.MAX_SAFE_INTEGER })
  readonly #stopping = new AbortController()
  /** Work that must end before the node may stop. */
  readonly #running = new Set<Promise<unknown>>()
  #addingCount = 0
  #isFull = false

  constructor(deps: ContentDeps, options: ContentOptions) {
    const disk = deps.disk ?? machineDisk
    this.#deps = deps
    this.#catalogue = new Catalogue(deps.database)
    this.#metrics = createContentMetrics(deps.metrics, () => this.#catalogue.totals())
    const storedBytes = (): number => this.#catalogue.totals().sizeBytes
    this.#space = new Space({ disk, storedBytes }, options)
    this.#files = new Files({ disk, space: this.#space }, options)
    this.#badPeers = new BadPeers(deps.clock)
    this.#gateway = new Gateway({
      catalogue: this.#catalogue,
      files: this.#files,
      metrics: this.#metrics,
      clock: deps.clock,
      log: deps.log,
    })
  }

  async start(signal: AbortSignal): Promise<void> {
    const { log, network } = this.#deps
    await this.#files.open()
    const items = this.#catalogue.list()
    const sizes = new Map(items.map((item) => [item.cid.toString(), item.sizeBytes]))
    const broken = await this.#files.sweep(sizes, signal)
    for (const item of items.filter(({ cid }) => broken.has(cid.toString()))) {
      this.#catalogue.setWhole(item, false)
      log.error('the file of an item is missing or damaged', { cid: item.cid.toString() })
    }
    network.answer(
      HAVE_TOPIC,
      {
        needs: 'public',
        requestBytesMax: HAVE_REQUEST_BYTES_MAX,
        replyBytesMax: HAVE_REPLY_BYTES_MAX,
      },
      this.#answerHave,
    )
  }

  /** Calls off what is under way, and waits until nothing touches the store any more. */
  async stop(): Promise<void> {
    this.#stopping.abort(new CodedError('NODE_STOPPING', 'The node is stopping.'))
    this.#gateway.close()
    await Promise.allSettled(this.#running)
  }

  health(): readonly HealthCondition[] {
    const conditions: HealthCondition[] = []
    const { brokenCount } = this.#catalogue
    if (brokenCount > 0) {
      conditions.push({
        code: 'CONTENT_FILES_MISSING',
        severity: 'error',
        text: `The files of ${brokenCount} items are missing or damaged; they are not served.`,
        advice: 'Fetch or add them again (citynode ls shows which), and check the disk or SD card.',
      })
    }
    if (this.#isFull) {
      conditions.push({
        code: 'CONTENT_STORE_FULL',
        severity: 'warning',
        text: 'There is no space for more items; the last one was refused.',
        advice: 'Remove items that nobody needs (citynode rm), or give the node a larger disk.',
      })
    }
    return conditions
  }

  statistics(): ContentStatistics {
    return {
      ...this.#catalogue.totals(),
      addingCount: this.#addingCount,
      fetchingCount: this.#flights.size,
      servingCount: this.#gateway.servingCount,
      brokenCount: this.#catalogue.brokenCount,
      badPeers: this.#badPeers.list(),
    }
  }

  /** Oldest first. */
  list(): readonly Item[] {
    return this.#catalogue.list()
  }

  totals(): ItemTotals {
    return this.#catalogue.totals()
  }

  get(cid: CID): Item | undefined {
    return this.#find(cid)
  }

  /**
   * Keeps the bytes of `source`. The same bytes again are the same item: its name stays, and it
   * becomes public when that is asked for.
   * @throws CodedError `CONTENT_BAD_NAME`, `CONTENT_TOO_LARGE`, `CONTENT_BUSY`, `STORE_FULL`,
   *   `STORE_READ_ONLY`, `STORE_DISK_ERROR`; the source's failure; the signal's reason.
   */
  add(source: AsyncIterable<Uint8Array>, options: AddOptions): Promise<Item> {
    return this.#run(this.#add(source, options))
  }

  /** What was removed, or undefined when it was not here. Transfers under way still end well. */
  remove(cid: CID): Promise<Item | undefined> {
    return this.#run(
      this.#change(async () => {
        const item = this.#find(cid)
        if (item === undefined) return undefined
        // The row first: a file without a row is removed at the next start, should we die here.
        this.#catalogue.remove(item)
        await this.#files.remove(item.cid)
        this.#isFull = false
        return item
      }),
    )
  }

  /** The item with its new visibility, or undefined when it is not here. */
  setVisibility(cid: CID, visibility: Visibility): Item | undefined {
    const item = this.#find(cid)
    return item === undefined ? undefined : this.#catalogue.setVisibility(item, visibility)
  }

  /**
   * The bytes of an item, from `start` to before `end`.
   * @throws CodedError, when it is read, `CONTENT_NOT_HERE`, `CONTENT_BAD_RANGE`, `CONTENT_DAMAGED`.
   */
  async *openBytes(cid: CID, options: OpenOptions = {}): AsyncGenerator<Uint8Array> {
    const item = this.#find(cid)
    if (item === undefined || !item.isWhole) throw notHere(cid)
    const { start = 0, end = item.sizeBytes } = options
    if (!(start >= 0 && start <= end && end <= item.sizeBytes)) {
      throw new CodedError('CONTENT_BAD_RANGE', `The item has ${item.sizeBytes} bytes.`)
    }
    const file = await this.#files.read(item.cid)
    try {
      for (let at = start; at < end; at += READ_BYTES) {
        options.signal?.throwIfAborted()
        const buffer = new Uint8Array(Math.min(READ_BYTES, end - at))
        if ((await file.read(buffer, at)) < buffer.length) {
          this.#catalogue.setWhole(item, false)
          throw damaged()
        }
        yield buffer
      }
    } finally {
      await file.close()
    }
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

  /** Answers a request to the Trustless Gateway. Never rejects. */
  readonly handleGateway = (
    request: IncomingMessage,
    response: ServerResponse,
    caller: Caller,
  ): Promise<void> => this.#gateway.handle(request, response, caller)

  readonly #answerHave: QuestionHandler = (request) => {
    const parsed = parseHaveRequest(request)
    if (parsed.verdict !== 'accept') {
      return Promise.reject(new CodedError('CONTENT_BAD_QUESTION', parsed.reason))
    }
    const answers = parsed.value.map((cid) => {
      const item = this.#find(cid)
      if (item === undefined || !item.isWhole || item.visibility !== 'public') return undefined
      return { name: item.name, sizeBytes: item.sizeBytes }
    })
    return Promise.resolve(encodeHaveReply(answers))
  }

  async #add(source: AsyncIterable<Uint8Array>, options: AddOptions): Promise<Item> {
    const name = checkName(options.name)
    const signal = AbortSignal.any([options.signal, this.#stopping.signal])
    const leave = await enter(this.#addPlaces, 'additions', signal)
    this.#addingCount += 1
    try {
      const file = await this.#files.create()
      return await this.#settle(file, async () => {
        const sink = {
          write: (piece: Uint8Array) => file.write(piece),
          ready: () => file.drained(UNWRITTEN_BYTES_MAX),
        }
        const onProgress = (receivedBytes: number): void =>
          options.onProgress?.(receivedBytes, undefined)
        const tree = await importBytes(abortable(source, signal), sink, { signal, onProgress })
        await file.finish()
        const item = await this.#keep({ tree, file, name, visibility: options.visibility })
        this.#metrics.addedItems.add()
        return item
      })
    } finally {
      this.#addingCount -= 1
      leave()
    }
  }

  async #fetch(cid: CID, options: ItemFetchOptions): Promise<Item> {
    const signal = AbortSignal.any([options.signal, this.#stopping.signal])
    const passenger = { signal, onProgress: options.onProgress ?? (() => {}) }
    const held = this.#find(cid)
    const item = held?.isWhole
      ? held
      : await this.#flights.join(cid.toString(), passenger, (flightSignal, onProgress) =>
          this.#run(this.#fly({ cid, signal: flightSignal, onProgress })),
        )
    return options.visibility === 'public' ? this.#publish(item) : item
  }

  /** One transfer, on behalf of all who wait for it. It arrives private. */
  async #fly(request: Parameters<typeof fetchItem>[1]): Promise<StoredItem> {
    const leave = await enter(this.#fetchPlaces, 'fetches', request.signal)
    try {
      const fetched = await fetchItem(
        {
          ...this.#deps,
          badPeers: this.#badPeers,
          files: this.#files,
          space: this.#space,
          metrics: this.#metrics,
        },
        request,
      )
      const { file, tree, name } = fetched
      const item = await this.#settle(file, () =>
        this.#keep({ tree, file, name, visibility: 'private' }),
      )
      this.#metrics.fetches.add(1, { result: 'ok' })
      return item
    } catch (thrown) {
      this.#noteFull(thrown)
      this.#metrics.fetches.add(1, { result: errorCode(thrown) ?? 'unknown' })
      throw thrown
    } finally {
      leave()
    }
  }

  /** Runs `work` on a file that came in; whatever fails, nothing of it is left behind. */
  async #settle<T>(file: IncomingFile, work: () => Promise<T>): Promise<T> {
    try {
      const result = await work()
      this.#isFull = false
      return result
    } catch (thrown) {
      this.#noteFull(thrown)
      throw thrown
    } finally {
      await this.#files.discard(file)
    }
  }

  #noteFull(thrown: unknown): void {
    if (errorCode(thrown) === 'STORE_FULL') this.#isFull = true
  }

  /** From a finished file to an acknowledged item. */
  #keep(arrival: {
    tree: Tree
    file: IncomingFile
    name: string
    visibility: Visibility
  }): Promise<StoredItem> {
    const { tree, file, visibility } = arrival
    return this.#change(async () => {
      const existing = this.#catalogue.get(tree.root)
      if (existing?.isWhole !== true) await this.#files.keep(file, tree.root)
      if (existing !== undefined) {
        this.#catalogue.setWhole(existing, true)
        const item = { ...existing, isWhole: true }
        return visibility === 'public' ? this.#publish(item) : item
      }
      const name = arrival.name === '' ? tree.root.toString() : arrival.name
      const addedAtMs = this.#deps.clock.wallMs()
      try {
        return this.#catalogue.insert({ tree, name, kind: kindOf(name), visibility, addedAtMs })
      } catch (thrown) {
        await this.#files.remove(tree.root)
        throw thrown
      }
    })
  }

  #publish(item: StoredItem): StoredItem {
    if (item.visibility === 'public') return item
    return this.#catalogue.setVisibility(item, 'public')
  }

  #find(cid: CID): StoredItem | undefined {
    return isSupported(cid) ? this.#catalogue.get(cid.toV1()) : undefined
  }

  async #change<T>(work: () => Promise<T>): Promise<T> {
    const release = await this.#changes.acquire()
    try {
      return await work()
    } finally {
      release?.()
    }
  }

  /** Remembers work until it has ended, so that stopping can wait for it. */
  #run<T>(work: Promise<T>): Promise<T> {
    const ended = work.then(
      () => {},
      // Whoever asked for the work hears of its failure; this is only about its end.
      () => {},
    )
    this.#running.add(ended)
    void ended.then(() => this.#running.delete(ended))
    return work
  }
}
