// SPDX-License-Identifier: AGPL-3.0-or-later
/** Servers, clients and misbehaving strangers for the tests of authenticated HTTPS. */
import { once } from 'node:events'
import { type AddressInfo, connect as connectTcp, type Socket } from 'node:net'
import {
  type ConnectionOptions,
  connect as connectTls,
  createServer as createTlsServer,
  type TLSSocket,
  type TlsOptions,
} from 'node:tls'
import {
  type Clock,
  type Metrics,
  type PeerId,
  silentLogger,
  silentMetrics,
} from '../../src/base/base.ts'
import {
  createCertificate,
  type PeerBody,
  PeerHttpsClient,
  type PeerHttpsClientLimits,
  PeerHttpsServer,
  type PeerHttpsServerLimits,
  type PeerTarget,
  type RequestHandler,
  type Signer,
} from '../../src/net/https/https.ts'
import type { Traffic } from '../../src/net/net.ts'
import { LocalGuard } from '../support/local-guard.ts'
import { createSigner } from '../unit/certificate-support.ts'

export const HOST = '127.0.0.1'
const WAIT_MS_MAX = 15_000

export const realClock: Clock = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
  after: (delayMs, callback) => {
    const timer = setTimeout(callback, delayMs).unref()
    return { cancel: () => clearTimeout(timer) }
  },
}

/** Counts what was refused, by reason. */
export class CountingMetrics implements Metrics {
  readonly refused = new Map<string, number>()
  readonly observedGauge = silentMetrics.observedGauge
  readonly gauge = silentMetrics.gauge

  counter(): { add(amount?: number, labels?: Readonly<Record<string, string>>): void } {
    return {
      add: (amount = 1, labels = {}) => {
        const reason = labels['reason']
        if (reason !== undefined) this.refused.set(reason, (this.refused.get(reason) ?? 0) + amount)
      },
    }
  }
}

export interface ServerSetup {
  address?: string
  port?: number
  handler?: RequestHandler
  limits?: Partial<PeerHttpsServerLimits>
  clock?: Clock
  needs?: 'public' | `/${string}`
  traffic?: Traffic
  peerAt?: (address: string) => PeerId | undefined
}

/** Says who asked. */
export const sayCaller: RequestHandler = (_request, response, { caller }) => {
  response.end(caller.kind === 'peer' ? caller.peerId : caller.kind)
}

/** What a test started, to be released in reverse when it ends. */
export class Bench {
  readonly signer: Signer = createSigner()
  readonly metrics = new CountingMetrics()
  readonly #undo: (() => unknown)[] = []

  async server(setup: ServerSetup = {}): Promise<PeerHttpsServer> {
    const server = this.serverUnstarted(setup)
    await server.start(new AbortController().signal)
    this.later(() => server.stop())
    return server
  }

  serverUnstarted(setup: ServerSetup = {}): PeerHttpsServer {
    return new PeerHttpsServer(
      {
        signer: this.signer,
        log: silentLogger,
        metrics: this.metrics,
        clock: setup.clock ?? realClock,
        guard: new LocalGuard(),
        ...(setup.traffic === undefined ? {} : { traffic: setup.traffic }),
        ...(setup.peerAt === undefined ? {} : { peerAt: setup.peerAt }),
      },
      {
        address: setup.address ?? HOST,
        port: setup.port ?? 0,
        needs: setup.needs ?? 'public',
        hasAes: true,
        handler: setup.handler ?? sayCaller,
        limits: { stopMs: 200, ...setup.limits },
      },
    )
  }

  client(
    signer: Signer = createSigner(),
    limits: Partial<PeerHttpsClientLimits> = {},
    more: { clock?: Clock; traffic?: Traffic } = {},
  ) {
    const client = new PeerHttpsClient(
      { signer, log: silentLogger, metrics: silentMetrics, clock: realClock, ...more },
      { hasAes: true, limits },
    )
    this.later(() => client.close())
    return client
  }

  target(server: PeerHttpsServer, peerId: PeerId = this.signer.peerId, host = HOST): PeerTarget {
    return { peerId, host, port: server.actualPort }
  }

  tcp(port: number, host = HOST): Socket {
    const socket = connectTcp({ host, port })
    socket.on('error', () => {})
    this.later(() => socket.destroy())
    return socket
  }

  /** A TLS client of its own making; with no certificate unless `options` has one. */
  tls(port: number, options: ConnectionOptions = {}): TLSSocket {
    const socket = connectTls({ host: HOST, port, rejectUnauthorized: false, ...options })
    socket.on('error', () => {})
    this.later(() => socket.destroy())
    return socket
  }

  /** A TLS server that records what comes in and says nothing. */
  async recorder(
    options: TlsOptions,
  ): Promise<{ port: number; received: Buffer[]; hellos: () => number }> {
    const received: Buffer[] = []
    let connections = 0
    const server = createTlsServer({ minVersion: 'TLSv1.3', ...options }, (socket) => {
      socket.on('data', (chunk) => received.push(chunk)).on('error', () => {})
      this.later(() => socket.destroy())
    })
    server.on('connection', () => {
      connections += 1
    })
    server.listen(0, HOST)
    await once(server, 'listening')
    this.later(() => server.close())
    return { port: portOf(server.address()), received, hellos: () => connections }
  }

  later(undo: () => unknown): void {
    this.#undo.push(undo)
  }

  async close(): Promise<void> {
    for (let undo = this.#undo.pop(); undo !== undefined; undo = this.#undo.pop()) await undo()
  }
}

export function credentials(signer: Signer): { cert: string; key: string } {
  const { certificatePem, privateKeyPem } = createCertificate(signer)
  return { cert: certificatePem, key: privateKeyPem }
}

/** A body of ours, or a stream of Node's. */
export async function readText(body: PeerBody | AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = []
  if ('read' in body && 'discard' in body) {
    await body.read((piece) => void chunks.push(Buffer.from(piece)))
  } else {
    for await (const chunk of body) chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

/** Everything that a socket sends until it ends, however it ends. */
export async function drain(socket: Socket): Promise<string> {
  const chunks: Buffer[] = []
  socket.on('data', (chunk) => chunks.push(chunk))
  // Not events.once, which takes an error for the end of the world.
  await new Promise<void>((resolve) => {
    if (socket.closed) resolve()
    else socket.once('close', () => resolve())
  })
  return Buffer.concat(chunks).toString()
}

export async function until(what: string, condition: () => boolean): Promise<void> {
  const endMs = performance.now() + WAIT_MS_MAX
  while (!condition()) {
    if (performance.now() > endMs) throw new Error(`waited in vain: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

export function never(): AbortSignal {
  return new AbortController().signal
}

function portOf(address: AddressInfo | string | null): number {
  if (typeof address === 'object' && address !== null) return address.port
  throw new Error('the server has no port')
}
