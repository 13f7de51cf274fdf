// SPDX-License-Identifier: AGPL-3.0-or-later
/** Built nodes on loopback for benchmarks, and requests to their control sockets. */
import { Agent, request } from 'node:http'
import { join } from 'node:path'
import { type Daemon, startDaemon, until } from '../../support/daemon.ts'
import { builtProgram, freePort, programEnvironment } from './built.ts'

const CONNECT_MS_MAX = 60_000

export interface BenchNode {
  daemon: Daemon
  pid: number
  /** What another node needs to find it. */
  address: string
  /** Where it serves items by HTTPS. */
  contentPort: number
  /** Where it shows public items to people. */
  gatewayPort: number
}

export interface BenchNodeOptions {
  command?: readonly string[]
  /** Lines for the section `[content]` of its configuration. */
  content?: readonly string[]
}

/** Starts a built node that knows only those in `bootstrap`. */
export async function startBenchNode(
  bootstrap: readonly string[] = [],
  { command = builtProgram(), content = [] }: BenchNodeOptions = {},
): Promise<BenchNode> {
  const port = await freePort()
  const contentPort = await freePort()
  const gatewayPort = await freePort()
  const daemon = await startDaemon({
    command,
    environment: programEnvironment(),
    config: [
      '[network]',
      `port = ${port}`,
      'hello_port = 0',
      'mdns = false',
      'beacon = false',
      'allow_loopback = true',
      `bootstrap = ${JSON.stringify(bootstrap)}`,
      '[content]',
      `port = ${contentPort}`,
      ...content,
      `[gateway]\naddress = "127.0.0.1"\nport = ${gatewayPort}`,
      '[status]\nport = 0',
      '[log]\nlevel = "warn"\n',
    ].join('\n'),
  })
  const { body } = await daemon.get<{ peerId: string }>('/v1/status')
  return {
    daemon,
    pid: daemon.pid ?? 0,
    address: `/ip4/127.0.0.1/tcp/${port}/p2p/${body.peerId}`,
    contentPort,
    gatewayPort,
  }
}

/** Waits until a node is connected to so many others. */
export async function connected(node: BenchNode, count: number): Promise<void> {
  await until(`a node has ${count} peers`, CONNECT_MS_MAX, async () => {
    return (await node.daemon.get<{ peers: unknown[] }>('/v1/peers')).body.peers.length >= count
  })
}

export interface Call {
  method: string
  path: string
  headers?: Record<string, string>
  body?: string | Uint8Array | NodeJS.ReadableStream
}

export interface Answered {
  status: number
  text: string
}

/** Requests to one node over connections that are kept, as a program of its owner makes them. */
export class NodeClient {
  readonly #socketPath: string
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 8 })

  constructor(node: BenchNode) {
    this.#socketPath = join(node.daemon.dataFolder, 'control.sock')
  }

  call({ method, path, headers = {}, body }: Call): Promise<Answered> {
    return new Promise((resolve, reject) => {
      const options = { socketPath: this.#socketPath, agent: this.#agent, method, path, headers }
      const sent = request(options, (response) => {
        const parts: Buffer[] = []
        response.on('data', (bytes: Buffer) => parts.push(bytes))
        response.on('error', reject)
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, text: Buffer.concat(parts).toString() }),
        )
      })
      sent.on('error', reject)
      if (typeof body === 'object' && !(body instanceof Uint8Array)) body.pipe(sent)
      else sent.end(body)
    })
  }

  /** Adds an item and returns its CID. */
  async add(body: Uint8Array | NodeJS.ReadableStream, query: string): Promise<string> {
    const answer = await this.call({
      method: 'POST',
      path: `/v1/items?${query}`,
      headers: { 'content-type': 'application/octet-stream' },
      body,
    })
    return cidIn(answer)
  }

  /** Brings an item to this node; the answer is whatever the last line of progress says. */
  async fetch(cid: string): Promise<void> {
    const { text } = await this.call({
      method: 'POST',
      path: '/v1/fetch',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ cid, visibility: 'private' }),
    })
    if (!text.includes('"item"')) throw new Error(`the fetch failed: ${text.slice(-500)}`)
  }

  close(): void {
    this.#agent.destroy()
  }
}

export function cidIn({ status, text }: Answered): string {
  const cid: unknown = status < 300 ? JSON.parse(text).item?.cid : undefined
  if (typeof cid !== 'string') throw new Error(`status ${status}: ${text.slice(0, 500)}`)
  return cid
}
