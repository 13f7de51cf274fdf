// SPDX-License-Identifier: AGPL-3.0-or-later
/** A library in memory behind a real gateway on a real port. */
import { createHash } from 'node:crypto'
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http'
import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'
import {
  type Opened,
  type OpenedFile,
  PeoplesGateway,
  type PeoplesGatewayDeps,
  type PeoplesLibrary,
} from '../../src/api/api.ts'
import { silentLogger, silentMetrics } from '../../src/base/base.ts'
import { kindOf } from '../../src/content/content.ts'
import { SystemClock } from '../../src/system/system.ts'
import { createGatewayPages } from '../../src/web/web.ts'

/** A file is its bytes, a folder its entries, a link its target; or whatever the library answers. */
export type Tree =
  | Uint8Array
  | string
  | { [name: string]: Tree }
  | { link: () => string }
  | (() => Opened)

export function cidOf(what: string | Uint8Array, codec = 0x55): CID {
  const hash = createHash('sha256').update(what).digest()
  return CID.createV1(codec, Digest.create(0x12, hash))
}

export class FakeLibrary implements PeoplesLibrary {
  readonly #roots = new Map<string, { name: string; tree: Tree; isPublic: boolean }>()
  /** Called for every chunk that is read. */
  onChunk: (signal: AbortSignal) => Promise<void> = async () => {}
  chunkBytes = 65_536
  chunksRead = 0
  readonly opened: string[] = []

  put(name: string, tree: Tree, isPublic = true): CID {
    const cid = cidOf(`${name} ${this.#roots.size}`, isFolder(tree) ? 0x70 : 0x55)
    this.#roots.set(cid.toString(), { name, tree, isPublic })
    return cid
  }

  publicItems() {
    return [...this.#roots].flatMap(([cid, { name, tree, isPublic }]) => {
      if (!isPublic) return []
      const kind = isFolder(tree) ? 'folder' : kindOf(name)
      return [{ cid: CID.parse(cid), name, title: name, kind, sizeBytes: sizeOf(tree) }]
    })
  }

  async open(cid: CID, path: readonly string[], signal: AbortSignal): Promise<Opened> {
    signal.throwIfAborted()
    this.opened.push([cid, ...path].join('/'))
    const root = this.#roots.get(cid.toString())
    if (root?.isPublic !== true) return { what: 'absent' }
    let { name, tree } = root
    const roots = [cid]
    for (const part of path) {
      if (!isFolder(tree)) return { what: 'absent' }
      const next: Tree | undefined = Object.hasOwn(tree, part) ? tree[part] : undefined
      if (next === undefined) return { what: 'absent' }
      tree = next
      name = part
      roots.push(cidOf([cid, ...path.slice(0, roots.length)].join('/')))
    }
    return this.#openTree(roots, name, tree)
  }

  #openTree(roots: readonly CID[], name: string, tree: Tree): Opened {
    const cid = roots.at(-1) ?? cidOf(name)
    if (typeof tree === 'function') return tree()
    if (isLink(tree)) return { what: 'symlink', target: tree.link() }
    if (!isFolder(tree)) return { ...this.fileOf(cid, name, Buffer.from(tree)), roots }
    return {
      what: 'folder',
      cid,
      roots,
      name,
      async *entries() {
        for (const [entry, inner] of Object.entries(tree)) {
          const kind = isLink(inner) ? 'symlink' : isFolder(inner) ? 'folder' : 'file'
          yield { name: entry, cid: cidOf(entry), kind, sizeBytes: sizeOf(inner) }
        }
      },
      has: async (file) => Object.hasOwn(tree, file),
    }
  }

  fileOf(cid: CID, name: string, bytes: Uint8Array): OpenedFile {
    const library = this
    return {
      what: 'file',
      cid,
      roots: [cid],
      name,
      sizeBytes: bytes.length,
      mediaType: kindOf(name),
      async *bytes({ start, end }, signal) {
        for (let at = start; at < end; at += library.chunkBytes) {
          await library.onChunk(signal)
          library.chunksRead += 1
          yield bytes.subarray(at, Math.min(end, at + library.chunkBytes))
        }
      },
    }
  }
}

function isLink(tree: Tree): tree is { link: () => string } {
  return typeof tree === 'object' && 'link' in tree && typeof tree.link === 'function'
}

function isFolder(tree: Tree): tree is { [name: string]: Tree } {
  return typeof tree === 'object' && !(tree instanceof Uint8Array) && !isLink(tree)
}

function sizeOf(tree: Tree): number {
  if (typeof tree === 'function' || isLink(tree)) return 0
  if (!isFolder(tree)) return Buffer.byteLength(tree)
  return Object.values(tree).reduce((sum, inner) => sum + sizeOf(inner), 0)
}

export interface RunningGateway {
  gateway: PeoplesGateway
  library: FakeLibrary
  port: number
  get(path: string, headers?: Record<string, string>): Promise<Reply>
  ask(method: string, path: string, headers?: Record<string, string>): Promise<Reply>
}

export async function startGateway(
  changes: Partial<PeoplesGatewayDeps> = {},
  wantedPort = 0,
): Promise<RunningGateway> {
  const library = new FakeLibrary()
  const gateway = new PeoplesGateway(
    {
      library,
      pages: createGatewayPages(),
      ownNames: { hostName: 'testbox', configured: ['node.example'] },
      metrics: silentMetrics,
      clock: new SystemClock(),
      log: silentLogger,
      ...changes,
    },
    { enabled: true, address: '127.0.0.1', port: wantedPort },
  )
  await gateway.start(new AbortController().signal)
  const { port } = gateway
  const ask: RunningGateway['ask'] = (method, path, headers) => askPort(port, method, path, headers)
  return { gateway, library, port, ask, get: (path, headers) => ask('GET', path, headers) }
}

export interface Reply {
  status: number
  headers: IncomingHttpHeaders
  body: Buffer
  text: string
}

export function askPort(
  port: number,
  method: string,
  path: string,
  headers: Record<string, string> = {},
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const asked = httpRequest(
      { host: '127.0.0.1', port, agent: false, method, path, headers },
      (incoming) => {
        const chunks: Buffer[] = []
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
        incoming.on('error', reject)
        incoming.on('end', () => {
          const body = Buffer.concat(chunks)
          const status = incoming.statusCode ?? 0
          resolve({ status, headers: incoming.headers, body, text: body.toString() })
        })
      },
    )
    asked.on('error', reject)
    asked.end()
  })
}
