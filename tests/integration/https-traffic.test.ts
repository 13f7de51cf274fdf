// SPDX-License-Identifier: AGPL-3.0-or-later
/** Bytes over authenticated HTTPS are counted to the peer at the other end, by both ends. */
import { afterEach, beforeEach, expect, it } from 'vitest'
import { Traffic } from '../../src/net/net.ts'
import { createSigner } from '../unit/certificate-support.ts'
import { Bench, HOST, never, readText, until } from './https-support.ts'

const SIZE = 3_000_000

let bench: Bench
beforeEach(() => {
  bench = new Bench()
})
afterEach(() => bench.close())

it('of a peer that proves its key', async () => {
  const [here, there] = [new Traffic(), new Traffic()]
  const server = await bench.server({
    traffic: there,
    handler: (_request, response) => void response.end(Buffer.alloc(SIZE)),
  })
  const signer = createSigner()
  const client = bench.client(signer, {}, { traffic: here })
  for (let round = 0; round < 2; round++) {
    const target = bench.target(server)
    const response = await client.request(target, { path: '/', signal: never() })
    expect(await readText(response.body)).toHaveLength(SIZE)
    const received = here.step().get(bench.signer.peerId)
    const sent = there.step().get(signer.peerId)
    // What is in TLS counts: the bytes and their heads.
    expect(received?.receivedBytes).toBeGreaterThan(SIZE)
    expect(received?.receivedBytes).toBeLessThan(SIZE * 1.01)
    expect(received?.sentBytes).toBeGreaterThan(30)
    expect(sent?.sentBytes).toBeGreaterThan(SIZE)
    expect(sent?.sentBytes).toBeLessThan(SIZE * 1.01)
    expect(sent?.receivedBytes).toBeGreaterThan(30)
  }
  expect(here.step().size).toBe(0)
})

it('of somebody anonymous to the peer who has that address, or to nobody', async () => {
  const traffic = new Traffic()
  const peerId = createSigner().peerId
  let known = false
  const peerAt = (address: string) => (known && address.endsWith(HOST) ? peerId : undefined)
  const server = await bench.server({ traffic, peerAt })
  const ask = async (): Promise<void> => {
    const socket = bench.tls(server.actualPort)
    socket.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    let isClosed = false
    socket.resume().once('close', () => {
      isClosed = true
    })
    await until('the end', () => isClosed && server.openConnections === 0)
  }
  await ask()
  expect(traffic.step().size).toBe(0)
  known = true
  await ask()
  expect(traffic.step().get(peerId)?.receivedBytes).toBeGreaterThan(10)
})
