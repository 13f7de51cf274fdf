// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * What a browser is made to go through: it sees every request that leaves it, whoever made it, and
 * leads only to this machine. Tests can have it hold answers and uploads back, as a slow node does.
 */
import { once } from 'node:events'
import {
  type ClientRequest,
  createServer,
  type IncomingMessage,
  request,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo, Socket } from 'node:net'

export interface Seen {
  method: string
  /** As it stood in the request line; to a proxy that is the whole address. */
  url: string
  referer: string
  /** A connection that the browser wanted for itself, as for TLS: never given. */
  isTunnel: boolean
}

export interface RecordingProxy {
  /** For the browser's settings. */
  server: string
  readonly seen: Seen[]
  /** Answers to requests whose address matches wait until they are let go. */
  holdAnswers(matching: RegExp): () => void
  /** So many bytes of each body that is sent go on; the rest waits until it is let go. */
  holdUploads(afterBytes: number): () => void
  stop(): Promise<void>
}

interface Held {
  matching: RegExp
  gone: Promise<void>
}

export async function startRecordingProxy(): Promise<RecordingProxy> {
  const seen: Seen[] = []
  const held = new Set<Held>()
  let uploads: { afterBytes: number; gone: Promise<void> } | undefined
  const server = createServer((incoming, outgoing) => {
    const { method = '', url = '' } = incoming
    seen.push({ method, url, referer: incoming.headers.referer ?? '', isTunnel: false })
    pass(incoming, outgoing, {
      body: () => slowed(incoming, method === 'POST' ? uploads : undefined),
      answered: async () => {
        for (const { matching, gone } of held) if (matching.test(url)) await gone
      },
    })
  })
  server.on('connect', ({ url = '' }: IncomingMessage, socket: Socket) => {
    seen.push({ method: 'CONNECT', url, referer: '', isTunnel: true })
    socket.destroy()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  // Listening on TCP, it has an address with a port.
  const { port } = server.address() as AddressInfo
  return {
    server: `http://127.0.0.1:${port}`,
    seen,
    holdAnswers: (matching) => {
      const { promise, resolve } = Promise.withResolvers<void>()
      const one = { matching, gone: promise }
      held.add(one)
      return () => {
        held.delete(one)
        resolve()
      }
    },
    holdUploads: (afterBytes) => {
      const { promise, resolve } = Promise.withResolvers<void>()
      uploads = { afterBytes, gone: promise }
      return () => {
        uploads = undefined
        resolve()
      }
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function* slowed(
  incoming: IncomingMessage,
  uploads: { afterBytes: number; gone: Promise<void> } | undefined,
): AsyncGenerator<Buffer> {
  let passedBytes = 0
  for await (const chunk of incoming) {
    const bytes: Buffer = chunk
    passedBytes += bytes.length
    if (uploads !== undefined && passedBytes > uploads.afterBytes) await uploads.gone
    yield bytes
  }
}

interface Passing {
  body(): AsyncIterable<Buffer>
  answered(): Promise<void>
}

function pass(incoming: IncomingMessage, outgoing: ServerResponse, passing: Passing): void {
  const target = URL.parse(incoming.url ?? '')
  if (target === null || target.hostname !== '127.0.0.1') return void outgoing.destroy()
  const { method, headers } = incoming
  const onward = request(target, { method: method ?? 'GET', headers, agent: false }, (answer) => {
    void passing.answered().then(() => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(outgoing)
    })
  })
  // Nobody there, as with a node that was stopped: the browser hears just that.
  onward.on('error', () => outgoing.destroy())
  outgoing.on('close', () => onward.destroy())
  send(passing.body(), onward).catch(() => onward.destroy())
}

async function send(body: AsyncIterable<Buffer>, onward: ClientRequest): Promise<void> {
  for await (const bytes of body) {
    if (onward.destroyed) return
    // Ends with an error where the connection does.
    if (!onward.write(bytes)) await once(onward, 'drain')
  }
  onward.end()
}
