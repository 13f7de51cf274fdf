// SPDX-License-Identifier: AGPL-3.0-or-later
/** Cities of real nodes on loopback, and raw libp2p peers that mean no good. */
import { generateKeyPairSync } from 'node:crypto'
import { connect as connectTcp, type Socket } from 'node:net'
import { circuitRelayTransport } from '@libp2p/circuit-relay-v2'
import { identify } from '@libp2p/identify'
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { type Logger, parseCityId, silentMetrics } from '../../src/base/base.ts'
import { createIdentity } from '../../src/identity/identity.ts'
import { encodeGreeting, GREETING_TOPIC } from '../../src/net/greeting.ts'
import {
  CityNetwork,
  networkConfigSchema,
  type QuestionHandler,
  type QuestionOptions,
  UdpDatagrams,
} from '../../src/net/net.ts'
import { receiveMessage, sendMessage } from '../../src/net/questions.ts'
import { listInterfaces, SystemClock, SystemRandom } from '../../src/system/system.ts'
import { LocalGuard } from '../support/local-guard.ts'

export const HOST = '127.0.0.1'
const WAIT_MS_MAX = 15_000

export interface Answer {
  topic: string
  options?: Partial<QuestionOptions>
  handler: QuestionHandler
}

export interface NodeOptions {
  name?: string
  city?: string
  config?: object
  httpsPort?: number
  answers?: readonly Answer[]
  identity?: ReturnType<typeof newIdentity>
}

export interface TestNode {
  network: CityNetwork
  /** What it wrote to its log, message by message. */
  logged: string[]
  /** Where others reach it, with its name. */
  address(): string
}

export function newIdentity() {
  return createIdentity(generateKeyPairSync('ed25519').privateKey)
}

/** A node that is built but not started; loopback is all it knows. */
export function createNode(options: NodeOptions = {}): TestNode {
  const logged: string[] = []
  const network = new CityNetwork(
    {
      clock: new SystemClock(),
      random: new SystemRandom(),
      log: collecting(logged),
      metrics: silentMetrics,
      guard: new LocalGuard(),
      datagrams: new UdpDatagrams(),
      listInterfaces: () => listInterfaces().filter((one) => one.segment === 'loopback'),
      identity: options.identity ?? newIdentity(),
      httpsPort: () => options.httpsPort ?? 0,
    },
    {
      city: parseCityId(options.city ?? 'home'),
      version: '0.1.0',
      name: options.name ?? '',
      config: networkConfigSchema.parse({
        port: 0,
        hello_port: 0,
        mdns: false,
        beacon: false,
        allow_loopback: true,
        ...options.config,
      }),
    },
  )
  network.answer('echo/1', echo.options, echo.handler)
  for (const { topic, handler, options: more } of options.answers ?? []) {
    network.answer(topic, { ...echo.options, ...more }, handler)
  }
  return { network, logged, address: () => addressOf(network) }
}

const echo = {
  options: { needs: 'public', requestBytesMax: 100, replyBytesMax: 100 },
  handler: async (request: Uint8Array) => request,
} as const

function addressOf(network: CityNetwork): string {
  const address = network.listenAddresses().find((one) => one.startsWith(`/ip4/${HOST}/`))
  if (address === undefined) throw new Error(`not listening: ${network.listenAddresses()}`)
  return address
}

export function portOf(node: TestNode): number {
  return Number(/\/tcp\/(\d+)/.exec(node.address())?.[1])
}

function collecting(logged: string[]): Logger {
  const write = (message: string): void => void logged.push(message)
  const log: Logger = { debug: write, info: write, warn: write, error: write, child: () => log }
  return log
}

/** What was started is stopped again at the end of the test, whatever happened. */
export class Cleanup {
  readonly #steps: (() => unknown)[] = []

  add(step: () => unknown): void {
    this.#steps.push(step)
  }

  async start(options: NodeOptions = {}): Promise<TestNode> {
    const node = createNode(options)
    this.add(() => node.network.stop())
    await node.network.start(new AbortController().signal)
    return node
  }

  async run(): Promise<void> {
    const steps = this.#steps.splice(0).reverse()
    const outcomes = await Promise.allSettled(steps.map(async (step) => step()))
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
  }
}

/** Waits until `isDone`; fails saying `what` when it takes too long. */
export async function until(what: string, isDone: () => boolean): Promise<void> {
  const endMs = performance.now() + WAIT_MS_MAX
  while (!isDone()) {
    if (performance.now() > endMs) throw new Error(`waited in vain for: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

export function sees(one: TestNode, other: TestNode): boolean {
  return one.network.connectedPeers().some((peer) => peer.peerId === other.network.peerId)
}

/** Both list each other: the greeting is over at both ends. */
export async function untilMet(one: TestNode, other: TestNode): Promise<void> {
  await until('two nodes that see each other', () => sees(one, other) && sees(other, one))
}

export interface AskOptions {
  replyBytesMax?: number
  timeoutMs?: number
}

export async function ask(
  [from, to]: readonly [from: TestNode, to: TestNode],
  topic: string,
  request: string | Uint8Array,
  options: AskOptions = {},
): Promise<string> {
  const bytes = typeof request === 'string' ? Buffer.from(request) : request
  const reply = await from.network.ask(to.network.peerId, topic, bytes, {
    replyBytesMax: options.replyBytesMax ?? 100,
    signal: AbortSignal.timeout(options.timeoutMs ?? WAIT_MS_MAX),
  })
  return Buffer.from(reply).toString()
}

/** A libp2p peer without manners: it speaks what the test makes it speak, without limits. */
export async function startRawPeer(cleanup: Cleanup, { usesRelays = false } = {}) {
  const streams = 5_000
  const peer = await createLibp2p({
    addresses: { listen: [`/ip4/${HOST}/tcp/0`] },
    transports: usesRelays ? [tcp(), circuitRelayTransport()] : [tcp()],
    // The relay's module wants it.
    ...(usesRelays ? { services: { identify: identify() } } : {}),
    connectionEncrypters: [noise()],
    streamMuxers: [yamux({ maxInboundStreams: streams, maxOutboundStreams: streams })],
    connectionMonitor: { enabled: false },
  })
  cleanup.add(() => peer.stop())
  const dial = (node: TestNode, address = node.address()) =>
    peer.dial(multiaddr(address), { signal: soon(), force: true })
  const open = (connection: Awaited<ReturnType<typeof dial>>, topic: string) =>
    connection.newStream(`/citynode/home/${topic}`, {
      maxOutboundStreams: streams,
      runOnLimitedConnection: true,
      signal: soon(),
    })
  return {
    peer,
    dial,
    open,
    /** Dials and says its greeting as a node of the city would. */
    join: async (node: TestNode, address?: string) => {
      const connection = await dial(node, address)
      const stream = await open(connection, GREETING_TOPIC)
      const reply = receiveMessage(stream, 1_024, soon())
      await sendMessage(stream, rawGreeting(), soon())
      await reply
      return connection
    },
  }
}

export function rawGreeting(): Uint8Array {
  return encodeGreeting({
    version: '0.1.0',
    name: '',
    httpsPort: 0,
    helloPort: 0,
    share: new Uint8Array(32),
  })
}

export function soon(): AbortSignal {
  return AbortSignal.timeout(WAIT_MS_MAX)
}

/** A TCP connection from `localAddress` that says `bytes`, or nothing at all. */
export function rawSocket(
  port: number,
  { localAddress, bytes }: { localAddress: string; bytes: Uint8Array | undefined },
): Promise<Socket> {
  return new Promise((resolve) => {
    const socket = connectTcp({ host: HOST, port, localAddress })
    // Whatever becomes of it is for the test to see, not a crash.
    socket.on('error', () => resolve(socket))
    socket.once('connect', () => {
      if (bytes !== undefined) socket.write(bytes)
      resolve(socket)
    })
  })
}
