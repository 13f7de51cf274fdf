// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Signs what is asked of another node. The hash of a body is signed before its first byte is sent, so
 * it is gone through beforehand: what is large waits in a file that nobody else can find.
 */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createClient, type Transport, type TransportRequest } from '../contract/contract.ts'
import type { RequestSigner } from './context.ts'
import { READ_CHUNK_BYTES, SPOOL_MEMORY_BYTES } from './limits.ts'

/** @param openSigner Called once, at the first request that needs a signature. */
export function createSigningTransport(
  transport: Transport,
  openSigner: () => Promise<RequestSigner>,
): Transport {
  let opened: Promise<RequestSigner> | undefined
  return async (request) => {
    if (request.needs === 'public') return transport(request)
    opened ??= openSigner()
    const signer = await opened
    const spooled = await spool(request.body)
    try {
      const { nonce, node, endsAt } = await createClient(transport).nonce(request.signal)
      const signed = await signer.sign({
        node,
        command: request.needs,
        method: request.method,
        target: request.path,
        contentType: request.headers['content-type'] ?? '',
        body: { sizeBytes: spooled.sizeBytes, sha256: spooled.sha256 },
        nonce,
        endsAt,
      })
      const body = request.body === undefined ? undefined : spooled.read()
      // By the time that there is an answer, the body was read or is not wanted.
      return await transport({ ...request, body, headers: { ...request.headers, ...signed } })
    } finally {
      await spooled.remove()
    }
  }
}

interface Spooled {
  sizeBytes: number
  sha256: Uint8Array
  read(): AsyncIterable<Uint8Array>
  remove(): Promise<void>
}

async function spool(body: TransportRequest['body']): Promise<Spooled> {
  const hash = createHash('sha256')
  const memory: Uint8Array[] = []
  let file: { folder: string; path: string; handle: FileHandle } | undefined
  let sizeBytes = 0
  const remove = async (): Promise<void> => {
    await file?.handle.close()
    if (file !== undefined) await rm(file.folder, { recursive: true, force: true })
    file = undefined
  }
  try {
    for await (const chunk of body ?? []) {
      hash.update(chunk)
      sizeBytes += chunk.length
      if (file === undefined && sizeBytes <= SPOOL_MEMORY_BYTES) memory.push(chunk)
      else {
        file ??= await openSpoolFile()
        await file.handle.writeFile(Buffer.concat([...memory.splice(0), chunk]))
      }
    }
  } catch (thrown) {
    await remove()
    throw thrown
  }
  const { path } = file ?? {}
  const read = async function* (): AsyncGenerator<Uint8Array> {
    if (path === undefined) yield* memory
    else yield* createReadStream(path, { highWaterMark: READ_CHUNK_BYTES })
  }
  return { sizeBytes, sha256: Uint8Array.from(hash.digest()), read, remove }
}

async function openSpoolFile() {
  const folder = await mkdtemp(join(tmpdir(), 'citynode-send-'))
  const path = join(folder, 'body')
  return { folder, path, handle: await open(path, 'wx', 0o600) }
}
