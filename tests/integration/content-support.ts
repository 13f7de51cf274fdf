// SPDX-License-Identifier: AGPL-3.0-or-later
/** Nodes' content rooms on real folders, databases and HTTP, joined by a network that tests steer. */
import { createHash } from 'node:crypto'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type RequestListener,
  type Server,
} from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  abortReason,
  asError,
  CodedError,
  type PeerId,
  peerIdFromPublicKey,
  SeededRandom,
  silentLogger,
  silentMetrics,
  VirtualClock,
} from '../../src/base/base.ts'
import {
  Content,
  type ContentDeps,
  type ContentNetwork,
  type ContentOptions,
  contentMigrations,
} from '../../src/content/content.ts'
import type {
  ConnectedPeer,
  PeerBody,
  PeerRequest,
  PeerTarget,
  QuestionHandler,
} from '../../src/net/net.ts'
import { type Database, openDatabase } from '../../src/store/store.ts'

export const MEBIBYTE = 1024 * 1024
export const never = new AbortController().signal

/** Waits until something is true; the test's own timeout is the limit. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setImmediate(resolve))
}

export function bytesOf(seed: number, sizeBytes: number): Buffer {
  const random = new SeededRandom(seed)
  const bytes = Buffer.alloc(sizeBytes)
  for (let at = 0; at + 4 <= sizeBytes; at += 4) bytes.writeUInt32LE(random.unit() * 2 ** 32, at)
  return bytes
}

export async function* inPieces(bytes: Uint8Array, length = 65_536): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length)
}

export async function readAll(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = []
  for await (const part of source) parts.push(part)
  return Buffer.concat(parts)
}

/** What lies in a store, relative to its folder. */
export async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.isFile()).map(({ name }) => name)
}

/** Large files in a node's store, and what is left of additions that did not end. */
export async function bodiesIn(nodeFolder: string): Promise<string[]> {
  const content = join(nodeFolder, 'content')
  const names = [
    ...(await filesIn(join(content, 'files'))),
    ...(await filesIn(join(content, 'incoming'))),
  ]
  return names.filter((name) => !name.endsWith('.manifest')).sort()
}

export function peerIdOf(name: string): PeerId {
  return peerIdFromPublicKey(createHash('sha256').update(name).digest())
}

/** Things to be undone at the end of a test, last first. */
export class Cleanup {
  readonly #steps: (() => unknown)[] = []

  add(step: () => unknown): void {
    this.#steps.push(step)
  }

  async run(): Promise<void> {
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) await step()
  }
}

/** The network of a test: who is connected to whom is what the test says. */
export class FakeCity {
  /** By peer and topic. */
  readonly #handlers = new Map<string, QuestionHandler>()
  readonly #ports = new Map<PeerId, number>()
  /** Who never answers a question. */
  readonly silent = new Set<PeerId>()
  questionsCount = 0
  /** Every question, in order. */
  readonly questions: { from: PeerId; to: PeerId; topic: string; request: Uint8Array }[] = []

  serves(peerId: PeerId, port: number): void {
    this.#ports.set(peerId, port)
  }

  answers(peerId: PeerId, handler: QuestionHandler, topic = 'have/1'): void {
    this.#handlers.set(`${peerId} ${topic}`, handler)
  }

  leave(peerId: PeerId): void {
    this.#ports.delete(peerId)
  }

  networkOf(own: PeerId): ContentNetwork {
    return {
      neighbours: () => [],
      connectedPeers: () =>
        [...this.#ports].filter(([peerId]) => peerId !== own).map(([id, port]) => peer(id, port)),
      answer: (topic, _options, handler) => this.answers(own, handler, topic),
      ask: async (peerId, topic, request, { signal }) => {
        this.questionsCount += 1
        this.questions.push({ from: own, to: peerId, topic, request })
        const handler = this.#handlers.get(`${peerId} ${topic}`)
        if (handler === undefined || this.silent.has(peerId)) {
          return new Promise<never>((_resolve, reject) => {
            signal.addEventListener('abort', () => reject(abortReason(signal)), { once: true })
          })
        }
        return handler(request, { caller: { kind: 'peer', peerId: own }, signal })
      },
    }
  }
}

function peer(peerId: PeerId, port: number): ConnectedPeer {
  return {
    peerId,
    address: '/ip4/127.0.0.1',
    direction: 'outbound',
    connectedAtMs: 0,
    https: { host: '127.0.0.1', port },
    version: 'test',
    name: '',
    interfaceName: undefined,
  }
}

/** Plain HTTP in the place of the authenticated HTTPS. */
export const plainRequests: ContentDeps['requests'] = {
  request: (target: PeerTarget, { path, headers, signal }: PeerRequest) =>
    new Promise((resolve, reject) => {
      const sent = httpRequest({ ...target, path, headers: headers ?? {}, signal, agent: false })
      const fail = (cause: Error): void =>
        reject(signal.aborted ? cause : new CodedError('PEER_UNREACHABLE', 'no answer', { cause }))
      sent.on('error', fail)
      sent.on('response', (incoming: IncomingMessage) => {
        resolve({ status: incoming.statusCode ?? 0, headers: new Map(), body: bodyOf(incoming) })
      })
      sent.end()
    }),
}

/** A stream of Node's as a body of ours. */
function bodyOf(incoming: IncomingMessage): PeerBody {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const fail = (failure: Error): void => {
    reject(failure)
    incoming.removeAllListeners('data').destroy()
  }
  const closed = (): void => reject(new CodedError('PEER_CLOSED', 'closed in the middle'))
  promise.catch(() => {})
  incoming.on('end', resolve).on('error', closed).on('close', closed)
  return {
    read: (take) => {
      incoming.on('data', (piece: Uint8Array) => {
        try {
          // Lent, as the real client lends it: another piece lies in its place right after.
          const lent = Buffer.from(piece)
          const busy = take(lent)
          lent.fill(0)
          if (busy === undefined) return
          incoming.pause()
          busy.then(() => incoming.resume(), fail)
        } catch (thrown) {
          fail(asError(thrown))
        }
      })
      return promise
    },
    discard: (reason = new CodedError('PEER_BODY_DISCARDED', 'not wanted')) => fail(reason),
  }
}

export interface TestNode {
  peerId: PeerId
  content: Content
  folder: string
  clock: VirtualClock
  database: Database
  server: Server
  url: string
  stop(): Promise<void>
}

export interface TestNodeOptions {
  name: string
  city: FakeCity
  cleanup: Cleanup
  /** A folder of an earlier node; otherwise a new one. */
  folder?: string
  /** Of that folder, when others of its rooms need it, too; closed when the node stops. */
  database?: Database
  deps?: Partial<ContentDeps>
  options?: Partial<ContentOptions>
}

export async function startNode(wanted: TestNodeOptions): Promise<TestNode> {
  const { name, city, cleanup } = wanted
  const peerId = peerIdOf(name)
  const folder = wanted.folder ?? (await tempFolder(cleanup))
  const clock = new VirtualClock(1_700_000_000_000)
  const database = wanted.database ?? (await openNodeDatabase(folder))
  const content = new Content(
    {
      database,
      network: city.networkOf(peerId),
      requests: plainRequests,
      clock,
      log: silentLogger,
      metrics: silentMetrics,
      ...wanted.deps,
    },
    { folder: join(folder, 'content'), storeBytesMax: 0, freeBytesMin: 0, ...wanted.options },
  )
  await content.start(never)
  const caller = { kind: 'anonymous', address: '127.0.0.1' } as const
  const { server, port } = await serve((request, response) => {
    void content.handleGateway(request, response, caller)
  }, cleanup)
  city.serves(peerId, port)
  let isStopped = false
  const stop = async (): Promise<void> => {
    if (isStopped) return
    isStopped = true
    city.leave(peerId)
    await content.stop()
    database.close()
  }
  cleanup.add(stop)
  const url = `http://127.0.0.1:${port}`
  return { peerId, content, folder, clock, database, server, url, stop }
}

export function openNodeDatabase(folder: string): Promise<Database> {
  return openDatabase({
    path: join(folder, 'citynode.db'),
    migrations: [contentMigrations()],
    log: silentLogger,
    // As the node does.
    setsAsideDamaged: true,
  })
}

export async function tempFolder(cleanup: Cleanup): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'citynode-content-'))
  cleanup.add(() => rm(folder, { recursive: true, force: true }))
  return folder
}

export async function serve(
  listener: RequestListener,
  cleanup: Cleanup,
): Promise<{ server: Server; port: number }> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  cleanup.add(() => {
    server.closeAllConnections()
    server.close()
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server has a port')
  return { server, port: address.port }
}
