// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Serves the built page and a {@link FakeNode} as a real node would: the same headers, the page at
 * `/`, its files in `/assets/`, the API beside them, and a gateway on a port of its own.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { extname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Endpoint, endpoints } from '../../src/contract/contract.ts'
import type { FakeNode } from './fake-node.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.json': 'application/json',
}

/** Builds the page into a folder of its own; the whole program is not needed to look at it. */
export function buildPageOnce(): string {
  const folder = mkdtempSync(join(tmpdir(), 'citynode-page-'))
  const { status, stderr } = spawnSync(
    process.execPath,
    [join(ROOT, 'tools', 'build-page.mjs'), ROOT, folder],
    { encoding: 'utf8' },
  )
  if (status !== 0) throw new Error(stderr)
  return folder
}

export interface ServedNode {
  url: string
  gatewayPort: number
  stop(): Promise<void>
}

export async function serveFakeNode(
  node: FakeNode,
  folder: string,
  bytesOf: (path: string) => { type: string; bytes: Uint8Array } | undefined = () => undefined,
): Promise<ServedNode> {
  const gateway = createServer((request, response) => {
    const found = bytesOf(decodeURIComponent((request.url ?? '').split('?')[0] ?? ''))
    // As the real one: for a browser, two ports of an address are not one site.
    response.setHeader('cross-origin-resource-policy', 'cross-origin')
    if (found === undefined) return response.writeHead(404).end('not here')
    return sendBytes(found, request, response)
  })
  const gatewayPort = await listen(gateway)
  node.status = { ...node.status, gatewayPort }
  const server = createServer((request, response) => {
    const host = (request.headers.host ?? '').split(':')[0] ?? ''
    secure(response, `http://${host}:${gatewayPort}`)
    if (isOfApi(request)) return void pass(node, request, response)
    return serveFile(folder, request, response)
  })
  const port = await listen(server)
  return {
    url: `http://127.0.0.1:${port}`,
    gatewayPort,
    stop: async () => {
      await Promise.all([server, gateway].map(close))
    },
  }
}

/** Whole, or from a byte on: without that no browser goes to a place in a film. */
function sendBytes(
  { type, bytes }: { type: string; bytes: Uint8Array },
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const from = /^bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1]
  response.setHeader('content-type', type)
  response.setHeader('accept-ranges', 'bytes')
  if (from === undefined) return void response.writeHead(200).end(bytes)
  const last = bytes.length - 1
  response.setHeader('content-range', `bytes ${from}-${last}/${bytes.length}`)
  response.writeHead(206).end(bytes.subarray(Number(from)))
}

/** As the node's own listener sends it. */
function secure(response: ServerResponse, gateway: string): void {
  const policy = [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    `img-src 'self' data: ${gateway}`,
    `media-src ${gateway}`,
    `frame-src ${gateway}`,
    "connect-src 'self'",
    "font-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
  ]
  response.setHeader('content-security-policy', policy.join('; '))
  response.setHeader('x-content-type-options', 'nosniff')
  response.setHeader('referrer-policy', 'no-referrer')
}

function isOfApi({ url = '' }: IncomingMessage): boolean {
  return url.startsWith('/v1/') || url.startsWith('/health') || url.startsWith('/api/')
}

async function pass(
  node: FakeNode,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const end = new AbortController()
  response.on('close', () => end.abort())
  const { authorization } = request.headers
  try {
    const answer = await node.transport({
      method: methodOf(request),
      path: request.url ?? '/',
      needs: 'public',
      headers: authorization === undefined ? {} : { authorization },
      body: request,
      signal: end.signal,
    })
    response.writeHead(answer.status, { ...answer.headers })
    for await (const chunk of answer.body) response.write(chunk)
    response.end()
  } catch {
    // What a node without power does.
    request.destroy()
  }
}

function methodOf({ method }: IncomingMessage): Endpoint['method'] {
  const known = Object.values(endpoints).find((endpoint) => endpoint.method === method)
  return known?.method ?? 'GET'
}

function serveFile(folder: string, request: IncomingMessage, response: ServerResponse): void {
  const asked = (request.url ?? '/').split(/[?#]/)[0] ?? '/'
  const path = join(folder, normalize(asked === '/' ? '/index.html' : asked))
  if (!existsSync(path)) return void response.writeHead(404).end()
  const packed = existsSync(`${path}.gz`)
  response.writeHead(200, {
    'content-type': TYPES[extname(path)] ?? 'application/octet-stream',
    ...(packed ? { 'content-encoding': 'gzip' } : {}),
  })
  response.end(readFileSync(packed ? `${path}.gz` : path))
}

function listen(server: Server): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      // Listening on TCP, it has an address with a port.
      const { port } = server.address() as AddressInfo
      resolve(port)
    })
  })
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}
