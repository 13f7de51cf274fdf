// SPDX-License-Identifier: AGPL-3.0-or-later
/** Carries the client's requests over the node's control socket. */
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { abortReason, asError, CodedError, errorCode } from '../base/base.ts'
import type { Transport, TransportAnswer, TransportRequest } from '../contract/contract.ts'

export interface UnixTransportOptions {
  socketPath: string
  /** To say whose node does not run. */
  dataFolder: string
}

export function createUnixTransport(options: UnixTransportOptions): Transport {
  return (request) => send(request, options)
}

function send(asked: TransportRequest, options: UnixTransportOptions): Promise<TransportAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<TransportAnswer>()
  if (asked.signal?.aborted) return Promise.reject(abortReason(asked.signal))
  // Kept alive only so that the node, when it refuses early, reads on and its answer arrives.
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const outgoing = httpRequest({
    agent,
    socketPath: options.socketPath,
    method: asked.method,
    path: asked.path,
    headers: { host: 'citynode', ...asked.headers },
    ...(asked.signal === undefined ? {} : { signal: asked.signal }),
  })
  const close = (): void => {
    outgoing.destroy()
    agent.destroy()
  }
  let isAnswered = false
  outgoing.on('error', (error) => {
    if (!isAnswered) close()
    reject(asked.signal?.aborted ? abortReason(asked.signal) : explainSocketError(error, options))
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
