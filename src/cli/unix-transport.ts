// SPDX-License-Identifier: AGPL-3.0-or-later
/** Carries the client's requests over the node's control socket, or over TCP to another node. */
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { abortReason, asError, CodedError, errorCode } from '../base/base.ts'
import type { Transport, TransportAnswer, TransportRequest } from '../contract/contract.ts'

/** Where a URL names no port. */
const HTTP_PORT = 80

export interface UnixTransportOptions {
  socketPath: string
  /** To say whose node does not run. */
  dataFolder: string
}

/** Where the node is, and what it means when it cannot be reached. */
interface Way {
  connection: { socketPath: string } | { host: string; port: number }
  /** As the Host header has it. */
  hostName: string
  explain(error: Error): Error
}

export function createUnixTransport(options: UnixTransportOptions): Transport {
  const way: Way = {
    connection: { socketPath: options.socketPath },
    hostName: 'citynode',
    explain: (error) => explainSocketError(error, options),
  }
  return (request) => send(request, way)
}

/** @param base `http://host:port` of another node. @throws CodedError `USAGE` */
export function createTcpTransport(base: string): Transport {
  const url = URL.parse(base)
  const isPlain = url?.protocol === 'http:' && url.pathname === '/' && url.search === ''
  if (url === null || !isPlain) {
    throw new CodedError('USAGE', 'A node is named as in a browser, with http.', {
      advice: 'Like this: --node http://pi.local:7480',
    })
  }
  // Of an IPv6 address a URL has brackets, which a socket does not take.
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  const port = url.port === '' ? HTTP_PORT : Number(url.port)
  const way: Way = {
    connection: { host, port },
    hostName: url.host,
    explain: (cause) =>
      new CodedError('NODE_UNREACHABLE', `No node answers at ${url.origin}.`, {
        cause,
        advice: 'Look whether it runs there and listens on that address (status.address).',
      }),
  }
  return (request) => send(request, way)
}

function send(asked: TransportRequest, way: Way): Promise<TransportAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<TransportAnswer>()
  if (asked.signal?.aborted) return Promise.reject(abortReason(asked.signal))
  // Kept alive only so that the node, when it refuses early, reads on and its answer arrives.
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const outgoing = httpRequest({
    agent,
    ...way.connection,
    method: asked.method,
    path: asked.path,
    headers: { host: way.hostName, ...asked.headers },
    ...(asked.signal === undefined ? {} : { signal: asked.signal }),
  })
  const close = (): void => {
    outgoing.destroy()
    agent.destroy()
  }
  let isAnswered = false
  outgoing.on('error', (error) => {
    if (!isAnswered) close()
    reject(asked.signal?.aborted ? abortReason(asked.signal) : way.explain(error))
  })
  outgoing.once('response', (incoming) => {
    isAnswered = true
    // Whoever reads the body hears of it; before that, nobody may be listening yet.
    incoming.on('error', () => {})
    const body = readBody(incoming, asked.signal, close)
    resolve({ status: incoming.statusCode ?? 0, headers: headersOf(incoming), body })
  })
  if (asked.body === undefined) outgoing.end()
  else {
    pipeline(Readable.from(asked.body, { objectMode: false }), outgoing).catch((error) => {
      // A node that has answered needs no more of the body; otherwise nothing else tells of this.
      if (!isAnswered) reject(asked.signal?.aborted ? abortReason(asked.signal) : asError(error))
    })
  }
  return promise
}

async function* readBody(
  incoming: IncomingMessage,
  signal: AbortSignal | undefined,
  close: () => void,
): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of incoming) yield chunk
  } catch (cause) {
    if (signal?.aborted) throw abortReason(signal)
    throw new CodedError('API_BROKEN_OFF', 'The node broke off in the middle of its answer.', {
      cause,
      advice: 'Look whether the node still runs (citynode status) and what its log says.',
    })
  } finally {
    close()
  }
}

function headersOf(incoming: IncomingMessage): Readonly<Record<string, string>> {
  const headers = Object.entries(incoming.headers)
  return Object.fromEntries(headers.map(([name, value]) => [name, String(value)]))
}

/** What a failed connection means to the person who typed the command. */
export function explainSocketError(
  error: Error,
  { socketPath, dataFolder }: UnixTransportOptions,
): Error {
  switch (errorCode(error)) {
    case 'ENOENT':
    case 'ECONNREFUSED':
    case 'ENOTSOCK':
    case 'ENOTDIR':
      return new CodedError('NO_DAEMON', `No node is running for ${dataFolder}.`, {
        cause: error,
        advice: `Start it with: citynode start --data ${dataFolder}`,
      })
    case 'EACCES':
    case 'EPERM':
      return new CodedError('NOT_YOUR_NODE', `The node at ${dataFolder} belongs to another user.`, {
        cause: error,
        advice: 'Run the command as the user who runs the node (perhaps with sudo -u).',
      })
    case 'EINVAL':
    case 'ENAMETOOLONG':
      return new CodedError('CONTROL_PATH_TOO_LONG', `This path is too long: ${socketPath}`, {
        cause: error,
        advice: 'Choose a data folder with a shorter path (--data DIR).',
      })
    case 'ECONNRESET':
    case 'EPIPE':
      return new CodedError('API_BROKEN_OFF', 'The node hung up before it answered.', {
        cause: error,
        advice: 'Look whether the node still runs (citynode status) and what its log says.',
      })
    default:
      return error
  }
}
