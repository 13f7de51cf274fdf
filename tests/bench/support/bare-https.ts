// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * The baseline of the transfer benchmark: what bare Node does. A server that pipes a file into one
 * HTTPS response, or a client that hashes it once and writes it, with fdatasync at the end.
 *
 * Arguments: `serve FILE CIPHER` | `fetch URL FILE CIPHER`. Talks to its parent by IPC.
 */
import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream, fdatasyncSync, openSync, readFileSync } from 'node:fs'
import { Agent, createServer, get } from 'node:https'

const [role, ...rest] = process.argv.slice(2)
if (role === 'serve') serve(rest[0] ?? '', rest[1] ?? '', rest[2] ?? '')
else process.on('message', () => fetchOnce(rest[0] ?? '', rest[1] ?? '', rest[2] ?? ''))
if (role !== 'serve') process.send?.({ ready: true })

function serve(file: string, ciphers: string, credentials: string): void {
  const { key, cert } = JSON.parse(readFileSync(credentials, 'utf8'))
  const server = createServer(
    { key, cert, minVersion: 'TLSv1.3', ciphers },
    (_request, response) => {
      createReadStream(file).pipe(response)
    },
  )
  server.listen(0, '127.0.0.1', () => {
    const address = server.address()
    if (typeof address === 'object') process.send?.({ port: address?.port })
  })
}

function fetchOnce(url: string, file: string, ciphers: string): void {
  const agent = new Agent({ keepAlive: true })
  const options = { agent, ciphers, rejectUnauthorized: false, minVersion: 'TLSv1.3' } as const
  get(url, options, (response) => {
    const hash = createHash('sha256')
    const descriptor = openSync(file, 'w')
    const sink = createWriteStream('', { fd: descriptor, autoClose: false })
    response.on('data', (bytes: Buffer) => {
      hash.update(bytes)
      if (sink.write(bytes)) return
      response.pause()
      sink.once('drain', () => response.resume())
    })
    response.on('end', () => {
      sink.end(() => {
        fdatasyncSync(descriptor)
        process.send?.({ hash: hash.digest('hex') })
      })
    })
  })
}
