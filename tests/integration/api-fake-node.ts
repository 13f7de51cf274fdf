// SPDX-License-Identifier: AGPL-3.0-or-later
/** A node in memory behind a real ApiServer on a real Unix socket and a real port. */
import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { request as httpRequest } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'
import {
  type ApiCarReport,
  type ApiCarrying,
  type ApiDeps,
  type ApiEntry,
  type ApiFetched,
  type ApiFetchReport,
  type ApiItem,
  type ApiItems,
  type ApiPageQuestion,
  type ApiPlace,
  ApiServer,
  type Opened,
  type PeoplesLibrary,
  Views,
} from '../../src/api/api.ts'
import {
  abortReason,
  CodedError,
  type HealthCondition,
  peerIdFromPublicKey,
  silentLogger,
} from '../../src/base/base.ts'
import type { ConnectedPeer, Neighbour } from '../../src/net/net.ts'
import { type NetworkInterface, SystemClock, SystemRandom } from '../../src/system/system.ts'
import { renderStatusPage } from '../../src/web/web.ts'
import { FakeLive } from '../support/live.ts'
import { LocalGuard } from '../support/local-guard.ts'
import { ADDED_AT_MS, FakeRefusals } from './api-fake-refusals.ts'
import { carriesNothing, givesNothing, PEER_ID } from './api-fakes.ts'

export { ADDED_AT_MS, PEER_ID }

export const NEIGHBOUR_ID = peerIdFromPublicKey(new Uint8Array(32).fill(2))
export const FAR_ID = peerIdFromPublicKey(new Uint8Array(32).fill(3))

export function cidOf(bytes: Uint8Array): CID {
  const hash = createHash('sha256').update(bytes).digest()
  return CID.createV1(0x55, Digest.create(0x12, hash))
}

const COUNTS_OF_FILE = { filesCount: 1, foldersCount: 0, symlinksCount: 0 }

/** Keeps items in memory; `elsewhere` is what a fetch can find. */
export class FakeItems implements ApiItems, ApiCarrying, PeoplesLibrary {
  readonly held = new Map<string, { item: ApiItem; bytes: Uint8Array }>()
  readonly elsewhere = new Map<string, Uint8Array>()
  /** Called between two halves of a fetch. */
  duringFetch: (signal: AbortSignal) => Promise<void> = async () => {}
  /** Called for every chunk of an add. */
  duringAdd: (receivedBytes: number) => void = () => {}
  addsAborted = 0
  /** What the node was asked to read by itself, and how that fails. */
  readonly copiesAsked: { path: string; seen: unknown }[] = []
  copyFailure: Error | undefined = new CodedError('FILE_NOT_SAME', 'It sees something else there.')
  /** What every folder has in it, and is as an archive. */
  listed: ApiEntry[] = []
  archived: Uint8Array[] = []
  /** How every fetch goes. */
  report: ApiFetchReport = {
    connectedCount: 2,
    askedCount: 2,
    badCount: 0,
    silentCount: 1,
    knownBytes: 0,
    attempts: [
      {
        peerId: NEIGHBOUR_ID,
        interfaceName: 'wlan0',
        rttMs: 2.5,
        answeredMs: 12,
        fromBytes: 0,
        toBytes: 1_048_576,
        durationMs: 500,
        code: undefined,
        message: undefined,
      },
    ],
  }
  /** With which status an item is refused to others. */
  readonly refusedAs = new Map<string, 410 | 451>()
  breakAfterBytes = Number.POSITIVE_INFINITY

  put(name: string, bytes: Uint8Array, visibility: 'private' | 'public'): ApiItem {
    const cid = cidOf(bytes)
    const item: ApiItem = {
      cid,
      name,
      sizeBytes: bytes.length,
      kind: 'application/octet-stream',
      visibility,
      isWhole: true,
      isChanged: false,
      addedAtMs: ADDED_AT_MS,
      shape: 'file',
      title: '',
      language: '',
      description: '',
      licence: '',
      origin: 'added',
      isKept: false,
      publishedBy: undefined,
      isWithdrawn: false,
      refused: undefined,
    }
    this.held.set(cid.toString(), { item, bytes })
    return item
  }

  exportCar(): AsyncIterable<Uint8Array> {
    throw new CodedError('CONTENT_NOT_HERE', 'Nothing is carried by this node.')
  }

  async importCar(): Promise<ApiCarReport> {
    throw new CodedError('CONTENT_BAD_CAR', 'Nothing is carried by this node.')
  }

  list(): readonly ApiItem[] {
    return [...this.held.values()].map(({ item }) => item)
  }

  page({ match, reader, after, limit }: ApiPageQuestion) {
    const newestFirst = this.list()
      .filter(({ visibility }) => reader === 'owner' || visibility === 'public')
      .filter(({ name, title }) => `${name} ${title}`.includes(match))
      .reverse()
    const first = newestFirst.findIndex(({ cid }) => cid.toString() === after) + 1
    if (after !== undefined && first === 0) throw new CodedError('CONTENT_LIST_CHANGED', 'Changed.')
    const items = newestFirst.slice(first, first + limit)
    const hasMore = newestFirst.length > first + limit
    return { items, itemsCount: newestFirst.length, hasMore }
  }

  /** As anybody may look at it. */
  async open(cid: CID, path: readonly string[], reader?: unknown): Promise<Opened> {
    const held = this.held.get(cid.toString())
    const refused = this.refusedAs.get(cid.toString())
    const isOwner = reader === 'owner'
    if (refused !== undefined && !isOwner) {
      return { what: 'refused', status: refused, text: 'It is refused.' }
    }
    if (held === undefined || path.length > 0) return { what: 'absent' }
    if (held.item.visibility === 'private' && !isOwner) return { what: 'absent' }
    const { name, kind, shape, sizeBytes } = held.item
    if (shape === 'folder') {
      const entries = async function* () {}
      return { what: 'folder', cid, roots: [cid], name, entries, has: async () => false }
    }
    const bytes = (span: { start: number; end: number }) => this.openBytes({ cid }, span)
    return { what: 'file', cid, roots: [cid], name, sizeBytes, mediaType: kind, bytes }
  }

  publicItems() {
    return this.list().filter(({ visibility }) => visibility === 'public')
  }

  totals() {
    const items = this.list()
    return {
      count: items.length,
      publicCount: items.filter((item) => item.visibility === 'public').length,
      sizeBytes: items.reduce((sum, item) => sum + item.sizeBytes, 0),
    }
  }

  get(cid: CID): ApiItem | undefined {
    return this.held.get(cid.toString())?.item
  }

  async addFile(bytes: AsyncIterable<Uint8Array>, options: Parameters<ApiItems['addFile']>[1]) {
    const chunks: Uint8Array[] = []
    let receivedBytes = 0
    try {
      for await (const chunk of bytes) {
        options.signal.throwIfAborted()
        chunks.push(chunk)
        receivedBytes += chunk.length
        this.duringAdd(receivedBytes)
      }
    } catch (thrown) {
      this.addsAborted += 1
      throw thrown
    }
    const item = this.put(options.name, Buffer.concat(chunks), options.visibility)
    return { item, counts: COUNTS_OF_FILE, newBytes: item.sizeBytes }
  }

  /** What is in folders is for the tests of the real desk. */
  addArchive(): Promise<never> {
    return Promise.reject(new CodedError('CONTENT_ARCHIVE_DAMAGED', 'There are no folders here.'))
  }

  async addReference(path: string, options: Parameters<ApiItems['addReference']>[1]) {
    options.onSkipped({ path: 'a socket', reason: 'it is a socket' })
    const item = this.put(options.name, Buffer.from(path), options.visibility)
    return { item, counts: COUNTS_OF_FILE, newBytes: 0 }
  }

  /** As the node of another mount namespace, unless it is told to see what the caller does. */
  async addCopy(path: string, options: Parameters<ApiItems['addCopy']>[1]) {
    this.copiesAsked.push({ path, seen: options.seen })
    if (this.copyFailure !== undefined) throw this.copyFailure
    const bytes = await readFile(path)
    const item = this.put(options.name, bytes, options.visibility)
    return { item, counts: COUNTS_OF_FILE, newBytes: bytes.length }
  }

  async change(cid: CID, changes: Parameters<ApiItems['change']>[1]): Promise<ApiItem> {
    const held = this.held.get(cid.toString())
    if (held === undefined) throw new CodedError('CONTENT_NOT_HERE', 'Not here.')
    // Only what was said: the fake is not asked to unsay anything.
    held.item = { ...held.item, ...changes } as ApiItem
    return held.item
  }

  publish(cid: CID): Promise<ApiItem> {
    return this.#say(cid, { visibility: 'public', publishedBy: PEER_ID, isWithdrawn: false })
  }

  async withdraw(cid: CID, options: Parameters<ApiItems['withdraw']>[1]) {
    const item = await this.#say(cid, { visibility: 'private', isWithdrawn: true })
    if (!options.mustRemove) return item
    this.held.delete(cid.toString())
    return undefined
  }

  async #say(cid: CID, news: Partial<ApiItem>): Promise<ApiItem> {
    const held = this.held.get(cid.toString())
    if (held === undefined) throw new CodedError('CONTENT_NOT_HERE', 'Not here.')
    held.item = { ...held.item, ...news }
    return held.item
  }

  async remove(cid: CID): Promise<ApiItem | undefined> {
    const item = this.get(cid)
    this.held.delete(cid.toString())
    return item
  }

  async place(cid: CID): Promise<ApiPlace> {
    const held = this.held.get(cid.toString())
    if (held === undefined) throw new CodedError('CONTENT_NOT_HERE', 'Not here.')
    const { shape, sizeBytes } = held.item
    return { cid, shape, sizeBytes, target: undefined, mode: undefined, modifiedAt: undefined }
  }

  async *entries(): AsyncGenerator<ApiEntry> {
    yield* this.listed
  }

  async *archive(): AsyncGenerator<Uint8Array> {
    yield* this.archived
  }

  async *openBytes(
    { cid }: Pick<ApiPlace, 'cid'>,
    { start, end }: { start: number; end: number },
  ): AsyncGenerator<Uint8Array> {
    const { bytes } = this.held.get(cid.toString()) ?? { bytes: new Uint8Array() }
    for (let offset = start; offset < end; offset += 65_536) {
      if (offset >= this.breakAfterBytes)
        throw new CodedError('STORE_DISK_ERROR', 'The disk broke.')
      yield bytes.subarray(offset, Math.min(end, offset + 65_536))
    }
  }

  async fetch(cid: CID, options: Parameters<ApiItems['fetch']>[1]): Promise<ApiFetched> {
    const { visibility, signal, onProgress } = options
    const here = this.get(cid)
    if (here !== undefined) {
      return { item: here, place: await this.place(cid), report: undefined }
    }
    const bytes = this.elsewhere.get(cid.toString())
    if (bytes === undefined) {
      throw new CodedError('CONTENT_NOT_FOUND', 'No connected node has that item.', {
        advice: 'Wait until its holder is near, then try again.',
      })
    }
    onProgress(Math.floor(bytes.length / 2), bytes.length)
    await this.duringFetch(signal)
    if (signal.aborted) throw abortReason(signal)
    onProgress(bytes.length, bytes.length)
    const item = this.put('', bytes, visibility)
    return { item, place: await this.place(cid), report: this.report }
  }

  async fetchPart(
    cid: CID,
    { start, signal, onProgress }: Parameters<ApiItems['fetchPart']>[1],
  ): Promise<Pick<ApiFetched, 'place' | 'report'>> {
    const whole = { path: [], visibility: 'private', isKept: false, signal, onProgress } as const
    const { place, report } = await this.fetch(cid, whole)
    if (start > (place.sizeBytes ?? 0)) throw new CodedError('CONTENT_BAD_RANGE', 'Too far.')
    return { place, report }
  }

  reportOf(): ApiFetchReport {
    return { ...this.report, attempts: [] }
  }
}

export class FakeNode {
  readonly items = new FakeItems()
  readonly refusals = new FakeRefusals()
  readonly live = new FakeLive()
  conditions: HealthCondition[] = []
  neighbours: Neighbour[] = []
  peers: ConnectedPeer[] = []
  interfaces: NetworkInterface[] = []
  readonly folder: string
  readonly server: ApiServer
  readonly clock = new SystemClock()
  readonly views: Views

  constructor(
    folder: string,
    changes: Partial<ApiDeps> = {},
    port = 0,
    ownerTokenPath = join(folder, 'owner.token'),
  ) {
    this.folder = folder
    const library = {
      open: (cid: CID, path: readonly string[]) => this.items.open(cid, path, 'owner'),
    }
    this.views = new Views({ library, clock: this.clock, random: new SystemRandom() })
    const startedAtMs = this.clock.monotonicMs()
    const deps: ApiDeps = {
      status: () => ({
        peerId: PEER_ID,
        name: 'Test box',
        version: '0.1.0',
        city: 'test-city',
        startedAtMs,
        dataFolder: folder,
        listenAddresses: ['/ip4/127.0.0.1/tcp/7440'],
      }),
      neighbours: () => this.neighbours,
      peers: () => this.peers,
      gatewayPort: () => 7481,
      items: this.items,
      library: this.items,
      views: this.views,
      carrying: carriesNothing,
      refusals: this.refusals,
      live: this.live,
      config: () => ({ network: { port: 7440 }, city: { id: 'test-city' } }),
      metrics: { render: async () => 'citynode_up 1\n', contentType: 'text/plain; version=0.0.4' },
      health: () => this.conditions,
      guard: new LocalGuard(),
      access: givesNothing,
      renderStatusPage: (status) => renderStatusPage(status),
      ownNames: { hostName: 'testbox', configured: ['node.example'] },
      listInterfaces: () => this.interfaces,
      clock: this.clock,
      random: new SystemRandom(),
      log: silentLogger,
      ...changes,
    }
    this.server = new ApiServer(deps, {
      controlSocketPath: this.socketPath,
      ownerTokenPath,
      pageFolder: join(folder, 'page'),
      lan: { address: '127.0.0.1', port },
    })
  }

  get socketPath(): string {
    return join(this.folder, 'control.sock')
  }

  /** The owner's, as its links have it. */
  get token(): string {
    return this.server.ownerLinks()[0]?.split('#token=')[1] ?? ''
  }

  /** A neighbour on wlan0 that is connected, and a farther peer. */
  meetOthers(): void {
    const nowMs = this.clock.monotonicMs()
    this.neighbours = [
      {
        peerId: NEIGHBOUR_ID,
        name: 'Next door',
        interfaceName: 'wlan0',
        address: 'fe80::1%wlan0',
        rttMs: 2.5,
        lossIn: 0,
        lossOut: 0.25,
        sinceMs: nowMs,
        heardAtMs: nowMs,
      },
    ]
    this.peers = [NEIGHBOUR_ID, FAR_ID].map((peerId) => ({
      peerId,
      name: peerId === NEIGHBOUR_ID ? 'Next door' : '',
      address: '/ip4/10.0.0.2/tcp/7440',
      direction: 'inbound' as const,
      connectedAtMs: nowMs,
      https: undefined,
      version: '0.1.0',
      interfaceName: peerId === NEIGHBOUR_ID ? 'wlan0' : undefined,
    }))
  }
}

/** A fresh folder, taken away by the returned function. */
export async function makeFolder(): Promise<{ folder: string; remove(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'citynode-api-'))
  return { folder, remove: () => rm(folder, { recursive: true, force: true }) }
}

/** A fake node that serves, in the folder `data` of a folder of its own. */
export async function startFakeNode() {
  const { folder, remove } = await makeFolder()
  const dataFolder = join(folder, 'data')
  await mkdir(dataFolder)
  const node = new FakeNode(dataFolder)
  await node.server.start(new AbortController().signal)
  const close = async (): Promise<void> => {
    await node.server.stop()
    await remove()
  }
  return { folder, node, close }
}

export interface RawReply {
  status: number
  headers: NodeJS.Dict<string | string[]>
  text: string
}

/** One plain HTTP request, to the socket or to the port. */
export function ask(
  where: { socketPath: string } | { port: number },
  method: string,
  path: string,
  options: { body?: string; headers?: Record<string, string> } = {},
): Promise<RawReply> {
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest(
      { ...where, host: '127.0.0.1', agent: false, method, path, headers: options.headers ?? {} },
      (incoming) => {
        let text = ''
        incoming.setEncoding('utf8')
        incoming.on('data', (chunk: string) => {
          text += chunk
        })
        incoming.on('error', reject)
        incoming.on('end', () =>
          resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, text }),
        )
      },
    )
    outgoing.on('error', reject)
    outgoing.end(options.body)
  })
}
