// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * The baseline of the benchmark of small files: bare Node that serves small responses, or asks for
 * them over connections that are kept, and hashes each. Talks to its parent by IPC.
 *
 * Arguments: `serve BYTES CREDENTIALS` | `fetch URL COUNT`.
 */
import { createHash, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { Agent, createServer, get } from 'node:https'

const CONNECTIONS = 4

const [role, first = '', second = ''] = process.argv.slice(2)
if (role === 'serve') serve(Number(first), second)
else {
  process.on('message', () => void fetchAll(first, Number(second)))
  process.send?.({ ready: true })
}

function serve(sizeBytes: number, credentials: string): void {
  const { key, cert } = JSON.parse(readFileSync(credentials, 'utf8'))
  const body = randomBytes(sizeBytes)
  const server = createServer({ key, cert, minVersion: 'TLSv1.3' }, (_request, response) => {
    response.end(body)
  })
  server.listen(0, '127.0.0.1', () => {
    const address = server.address()
    if (typeof address === 'object') process.send?.({ port: address?.port })
  })
}

async function fetchAll(url: string, count: number): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS, rejectUnauthorized: false })
  const numbers = Array.from({ length: count }, (_, index) => index).values()
  const worker = async (): Promise<void> => {
    for (const number of numbers) await fetchOne(`${url}${number}`, agent)
  }
  await Promise.all(Array.from({ length: CONNECTIONS }, worker))
  process.send?.({ done: true })
}

function fetchOne(url: string, agent: Agent): Promise<string> {
  return new Promise((resolve, reject) => {
    get(url, { agent }, (response) => {
      const hash = createHash('sha256')
      response.on('data', (bytes: Buffer) => hash.update(bytes))
      response.on('end', () => resolve(hash.digest('hex')))
    }).on('error', reject)
  })
}
