// SPDX-License-Identifier: AGPL-3.0-or-later
/** Who is who over authenticated HTTPS, and that nothing is said before that is known. */
import { once } from 'node:events'
import { Agent, request as httpsRequest } from 'node:https'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { validityBetween } from '../../src/net/https/certificate.ts'
import { createSigner, forge, impostor } from '../unit/certificate-support.ts'
import { Bench, credentials, drain, HOST, never, readText, until } from './https-support.ts'

let bench: Bench
beforeEach(() => {
  bench = new Bench()
})
afterEach(() => bench.close())

const GET = 'GET / HTTP/1.1\r\nhost: x\r\n\r\n'
const GET_AND_CLOSE = 'GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n'

describe('both ends prove their keys', () => {
  it.each(['127.0.0.1', '::1'])('at %s', async (host) => {
    const server = await bench.server({ address: host })
    const signer = createSigner()
    const { status, body } = await bench
      .client(signer)
      .request(bench.target(server, undefined, host), { path: '/', signal: never() })
    expect(status).toBe(200)
    expect(await readText(body)).toBe(signer.peerId)
  })

  it('uses one connection for one request after the other', async () => {
    const ports: (number | undefined)[] = []
    const server = await bench.server({
      handler: (request, response) => {
        ports.push(request.socket.remotePort)
        response.end('x')
      },
    })
    const client = bench.client()
    for (let round = 0; round < 3; round++) {
      const { body } = await client.request(bench.target(server), { path: '/', signal: never() })
      await readText(body)
      await until('idle', () => client.idleConnections === 1 && client.activeRequests === 0)
    }
    expect(new Set(ports).size).toBe(1)
    expect(server.openConnections).toBe(1)
  })

  it('opens a second connection with a full handshake and the same identity', async () => {
    const reused: boolean[] = []
    const server = await bench.server({
      handler: (request, response, { caller }) => {
        // A request of this server always came over TLS.
        reused.push((request.socket as import('node:tls').TLSSocket).isSessionReused())
        response.setHeader('connection', 'close')
        response.end(caller.kind === 'peer' ? caller.peerId : caller.kind)
      },
    })
    const signer = createSigner()
    const client = bench.client(signer)
    for (let round = 0; round < 3; round++) {
      const { body } = await client.request(bench.target(server), { path: '/', signal: never() })
      expect(await readText(body)).toBe(signer.peerId)
    }
    expect(reused).toEqual([false, false, false])
  })

  it.each([
    ['expired in 1970', validityBetween('700101000000Z', '19700102000000Z')],
    ['valid from 2049 to 2099', validityBetween('490101000000Z', '20990101000000Z')],
  ])('whatever the clock says: certificates %s', async (_name, validity) => {
    const client = createSigner()
    const server = await bench.server()
    const { certificatePem, privateKeyPem } = forge({ vouchedBy: client, validity })
    const socket = bench.tls(server.actualPort, { cert: certificatePem, key: privateKeyPem })
    socket.write(GET_AND_CLOSE)
    expect(await drain(socket)).toContain(client.peerId)

    const peer = createSigner()
    const dated = forge({ vouchedBy: peer, validity })
    const recorder = await bench.recorder({ cert: dated.certificatePem, key: dated.privateKeyPem })
    const stop = new AbortController()
    const target = { peerId: peer.peerId, host: HOST, port: recorder.port }
    const answer = bench.client().request(target, { path: '/', signal: stop.signal })
    await until('the request arrives', () => recorder.received.length > 0)
    stop.abort(new Error('seen enough'))
    await expect(answer).rejects.toThrow('seen enough')
  })
})

describe('a resumed session', () => {
  it('is not to be had by a client that kept one', async () => {
    const server = await bench.server()
    const signer = createSigner()
    const first = bench.tls(server.actualPort, credentials(signer))
    const sessions: Buffer[] = []
    first.on('session', (session) => sessions.push(session))
    first.write(GET_AND_CLOSE)
    await drain(first)
    const session = sessions.at(-1) ?? first.getSession()
    if (session === undefined) throw new Error('there is no session to try')
    // Without its own certificate: what a stolen session would be used for.
    const second = bench.tls(server.actualPort, { session })
    second.write(GET_AND_CLOSE)
    const answer = drain(second)
    await once(second, 'secureConnect')
    expect(second.isSessionReused()).toBe(false)
    expect(await answer).toContain('anonymous')
  })

  it("is not to be had by the cache of Node's own agent", async () => {
    const server = await bench.server()
    const signer = createSigner()
    // One certificate for all: the agent keeps its sessions by it.
    const own = credentials(signer)
    const agent = new Agent({ maxCachedSessions: 10, keepAlive: false })
    bench.later(() => agent.destroy())
    for (let round = 0; round < 3; round++) {
      const request = httpsRequest({
        ...own,
        agent,
        host: HOST,
        port: server.actualPort,
        rejectUnauthorized: false,
      })
      request.end()
      const [response] = await once(request, 'response')
      expect(response.socket.isSessionReused()).toBe(false)
      expect(await readText(response)).toBe(signer.peerId)
    }
  })
})

describe('the client writes no HTTP before it knows the peer', () => {
  it.each([
    ['another key', () => forge({ vouchedBy: createSigner() }), 'PEER_WRONG_KEY'],
    ['no extension', () => forge({}), 'PEER_NO_IDENTITY'],
    [
      "the peer's key, but not its signature",
      (peer: ReturnType<typeof createSigner>) => forge({ vouchedBy: impostor(peer) }),
      'PEER_NO_IDENTITY',
    ],
    [
      "the peer's extension from another certificate",
      (peer: ReturnType<typeof createSigner>) =>
        forge({ vouchedBy: peer, vouchesForAnotherKey: true }),
      'PEER_NO_IDENTITY',
    ],
  ])('%s', async (_name, make, code) => {
    const peer = createSigner()
    const { certificatePem, privateKeyPem } = make(peer)
    const recorder = await bench.recorder({ cert: certificatePem, key: privateKeyPem })
    const target = { peerId: peer.peerId, host: HOST, port: recorder.port }
    const answer = bench.client().request(target, { path: '/secret', signal: never() })
    await expect(answer).rejects.toMatchObject({ code })
    expect(recorder.hellos()).toBe(1)
    expect(Buffer.concat(recorder.received).toString()).toBe('')
  })

  it('a chain of certificates', async () => {
    const peer = createSigner()
    const good = forge({ vouchedBy: peer })
    const cert = good.certificatePem + forge({ vouchedBy: createSigner() }).certificatePem
    const recorder = await bench.recorder({ cert, key: good.privateKeyPem })
    const target = { peerId: peer.peerId, host: HOST, port: recorder.port }
    const answer = bench.client().request(target, { path: '/secret', signal: never() })
    await expect(answer).rejects.toMatchObject({ code: 'PEER_NO_IDENTITY' })
    expect(Buffer.concat(recorder.received).toString()).toBe('')
  })

  it('takes no connection of one peer for another at the same address', async () => {
    const server = await bench.server()
    const client = bench.client()
    const { body } = await client.request(bench.target(server), { path: '/', signal: never() })
    await readText(body)
    await until('idle', () => client.idleConnections === 1)
    const other = bench.target(server, createSigner().peerId)
    await expect(client.request(other, { path: '/', signal: never() })).rejects.toMatchObject({
      code: 'PEER_WRONG_KEY',
    })
  })

  it('speaks nothing below TLS 1.3', async () => {
    const peer = createSigner()
    const recorder = await bench.recorder({
      ...credentials(peer),
      minVersion: 'TLSv1.2',
      maxVersion: 'TLSv1.2',
    })
    const target = { peerId: peer.peerId, host: HOST, port: recorder.port }
    await expect(
      bench.client().request(target, { path: '/', signal: never() }),
    ).rejects.toMatchObject({ code: 'PEER_UNREACHABLE' })
  })
})

describe('the server', () => {
  it('takes who has no certificate as anonymous', async () => {
    const server = await bench.server()
    const socket = bench.tls(server.actualPort)
    socket.write(GET_AND_CLOSE)
    expect(await drain(socket)).toMatch(/^HTTP\/1.1 200 .*anonymous$/s)
  })

  it.each([
    ['without the extension', () => forge({})],
    ['signed by another key than it names', () => forge({ vouchedBy: impostor(createSigner()) })],
    [
      'with the extension of another certificate',
      () => forge({ vouchedBy: createSigner(), vouchesForAnotherKey: true }),
    ],
  ])('answers a certificate %s with not one byte', async (_name, make) => {
    let asked = 0
    const server = await bench.server({
      handler: (_request, response) => {
        asked += 1
        response.end('x')
      },
    })
    const { certificatePem, privateKeyPem } = make()
    const socket = bench.tls(server.actualPort, { cert: certificatePem, key: privateKeyPem })
    socket.write(GET)
    expect(await drain(socket)).toBe('')
    expect(asked).toBe(0)
    expect(bench.metrics.refused.get('bad_identity')).toBe(1)
    await until('released', () => server.openConnections === 0)
  })

  it('refuses a chain', async () => {
    const server = await bench.server()
    const good = forge({ vouchedBy: createSigner() })
    const cert = good.certificatePem + forge({}).certificatePem
    const socket = bench.tls(server.actualPort, { cert, key: good.privateKeyPem })
    socket.write(GET)
    expect(await drain(socket)).toBe('')
  })

  it('speaks nothing below TLS 1.3', async () => {
    const server = await bench.server()
    const socket = bench.tls(server.actualPort, { maxVersion: 'TLSv1.2' })
    socket.write(GET)
    expect(await drain(socket)).toBe('')
  })

  it('chooses ChaCha20 for a caller that puts it first, its own favourite otherwise', async () => {
    const server = await bench.server()
    const chosen = async (ciphers: string) => {
      const socket = bench.tls(server.actualPort, { ciphers })
      await once(socket, 'secureConnect')
      return socket.getCipher().name
    }
    const [aes, chacha] = ['TLS_AES_128_GCM_SHA256', 'TLS_CHACHA20_POLY1305_SHA256']
    expect(await chosen(`${chacha}:${aes}`)).toBe(chacha)
    expect(await chosen(`TLS_AES_256_GCM_SHA384:${chacha}:${aes}`)).toBe(aes)
  })
})
