// SPDX-License-Identifier: AGPL-3.0-or-later
/** Authenticated HTTPS on bad days: strangers that stall, flood and send garbage; peers that vanish. */
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { VirtualClock } from '../../src/base/base.ts'
import type { RequestHandler } from '../../src/net/https/https.ts'
import { createSigner } from '../unit/certificate-support.ts'
import { Bench, credentials, drain, HOST, never, readText, until } from './https-support.ts'

let bench: Bench
beforeEach(() => {
  bench = new Bench()
})
afterEach(() => bench.close())

const GET = 'GET / HTTP/1.1\r\nhost: x\r\n\r\n'
const CHUNK = Buffer.alloc(64 * 1024)

/** Begins an answer and says no more. */
const stallAfterFirstChunk: RequestHandler = (_request, response) => {
  response.writeHead(200, { 'content-length': 10 * CHUNK.length })
  response.write(CHUNK)
}

describe('the server under strangers', () => {
  it('answers a peer while a thousand connections stall', async () => {
    const server = await bench.server()
    const stalled = Array.from({ length: 1000 }, () => bench.tcp(server.actualPort))
    await Promise.all(stalled.map((socket) => once(socket, 'connect')))
    const signer = createSigner()
    const { body } = await bench
      .client(signer)
      .request(bench.target(server), { path: '/', signal: never() })
    expect(await readText(body)).toBe(signer.peerId)
    await until('the crowd is cut', () => server.openConnections <= 33)
    expect(bench.metrics.refused.get('handshakes_full')).toBeGreaterThanOrEqual(967)
  })

  it('ends a handshake that does not go on', async () => {
    const server = await bench.server({ limits: { handshakeMs: 50 } })
    const socket = bench.tcp(server.actualPort)
    await drain(socket)
    await until('released', () => server.openConnections === 0)
    expect(bench.metrics.refused.get('ERR_TLS_HANDSHAKE_TIMEOUT')).toBe(1)
  })

  it('ends headers that drip in', async () => {
    const server = await bench.server({ limits: { headersMs: 100, checkMs: 20 } })
    const socket = bench.tls(server.actualPort)
    socket.write('GET / HTTP/1.1\r\n')
    const drip = setInterval(() => socket.write('x: y\r\n'), 10)
    bench.later(() => clearInterval(drip))
    expect(await drain(socket)).toBe('')
    expect(bench.metrics.refused.get('ERR_HTTP_REQUEST_TIMEOUT')).toBe(1)
  })

  it('ends a connection that asks nothing', async () => {
    const server = await bench.server({ limits: { headersMs: 100, checkMs: 20 } })
    const socket = bench.tls(server.actualPort)
    expect(await drain(socket)).toBe('')
    await until('released', () => server.openConnections === 0)
  })

  it('ends an idle connection', async () => {
    const server = await bench.server({ limits: { idleMs: 30 } })
    const socket = bench.tls(server.actualPort)
    socket.write(GET)
    expect(await drain(socket)).toContain('200 OK')
    await until('released', () => server.openConnections === 0)
  })

  it('ends an answer that is not fetched', async () => {
    const server = await bench.server({
      limits: { stallMs: 100 },
      handler: (_request, response) => {
        response.writeHead(200, { 'content-length': 1e12 })
        const more = (): void => {
          while (!response.destroyed && response.write(CHUNK));
        }
        response.on('drain', more)
        more()
      },
    })
    const socket = bench.tls(server.actualPort)
    socket.write(GET)
    socket.pause()
    await once(socket, 'secureConnect')
    await until('open', () => server.openConnections === 1)
    await until('released', () => server.openConnections === 0)
  })

  it.each([
    ['on the port itself', 'plain'],
    ['inside TLS', 'tls'],
  ])('survives garbage %s', async (_name, where) => {
    const server = await bench.server()
    for (const garbage of [GET, '\x16\x03\x01\x00\x05', '\0'.repeat(70_000), 'é'.repeat(20_000)]) {
      const socket = where === 'tls' ? bench.tls(server.actualPort) : bench.tcp(server.actualPort)
      const isHttpInTls = where === 'tls' && garbage === GET
      socket.write(isHttpInTls ? 'GET  HTTP/9\r\n\r\n' : garbage, () => socket.end())
      expect(await drain(socket)).not.toContain('HTTP/1.1 200')
    }
    await until('released', () => server.openConnections === 0)
    const { status, body } = await bench
      .client()
      .request(bench.target(server), { path: '/', signal: never() })
    await readText(body)
    expect(status).toBe(200)
  })

  it('takes neither bodies nor other methods nor long headers', async () => {
    let asked = 0
    const server = await bench.server({
      handler: (_request, response) => {
        asked += 1
        response.end()
      },
    })
    const ask = (text: string): Promise<string> => {
      const socket = bench.tls(server.actualPort, credentials(createSigner()))
      socket.write(text)
      return drain(socket)
    }
    expect(await ask('POST / HTTP/1.1\r\nhost: x\r\n\r\n')).toMatch(/^HTTP\/1.1 405 /)
    expect(await ask('GET / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nhello')).toMatch(
      /^HTTP\/1.1 413 /,
    )
    expect(await ask('GET / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n')).toMatch(
      /^HTTP\/1.1 413 /,
    )
    expect(await ask(`GET / HTTP/1.1\r\nhost: x\r\nx: ${'y'.repeat(9000)}\r\n\r\n`)).toBe('')
    expect(asked).toBe(0)
  })

  it('bounds what one connection may ask at once', async () => {
    const server = await bench.server({ handler: () => {}, limits: { requestsInFlightMax: 3 } })
    const socket = bench.tls(server.actualPort, credentials(createSigner()))
    socket.write(GET.repeat(3))
    const closed = drain(socket)
    await until('open', () => server.openConnections === 1)
    socket.write(GET)
    expect(await closed).toBe('')
    expect(bench.metrics.refused.get('pipelining')).toBe(1)
  })

  it('keeps places for peers when the anonymous have theirs', async () => {
    const server = await bench.server({
      limits: { anonymousResponsesMax: 2 },
      handler: (_request, response, { caller }) => {
        if (caller.kind === 'peer') response.end('for a peer')
      },
    })
    for (let count = 0; count < 2; count++) bench.tls(server.actualPort).write(GET)
    await until('both open', () => server.openConnections === 2)
    await until('refused', () => {
      bench.tls(server.actualPort).write(GET)
      return (bench.metrics.refused.get('busy') ?? 0) > 0
    })
    const { body } = await bench
      .client()
      .request(bench.target(server), { path: '/', signal: never() })
    expect(await readText(body)).toBe('for a peer')
  })

  it('asks the guard', async () => {
    const server = await bench.server({ needs: '/content/read' })
    const { status, body } = await bench
      .client()
      .request(bench.target(server), { path: '/', signal: never() })
    body.discard()
    expect(status).toBe(403)
  })

  it('answers 500 for a handler that fails, and goes on', async () => {
    const server = await bench.server({
      handler: async (request, response) => {
        if (request.url === '/bad') throw new Error('a failure with a secret')
        response.end('good')
      },
    })
    const client = bench.client()
    const bad = await client.request(bench.target(server), { path: '/bad', signal: never() })
    expect(bad.status).toBe(500)
    expect(await readText(bad.body)).not.toContain('secret')
    const good = await client.request(bench.target(server), { path: '/', signal: never() })
    expect(await readText(good.body)).toBe('good')
  })
})

describe('starting and stopping', () => {
  it('says which port is taken and where to change it', async () => {
    const other = createServer().listen(0, HOST)
    bench.later(() => other.close())
    await once(other, 'listening')
    const address = other.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    const server = bench.serverUnstarted({ port })
    await expect(server.start(never())).rejects.toMatchObject({
      code: 'PORT_TAKEN',
      message: `Port ${port} is used by another program.`,
      advice: expect.stringContaining('content.port'),
    })
    await server.stop()
  })

  it('says that an address is not of this machine', async () => {
    const server = bench.serverUnstarted({ address: '192.0.2.1' })
    await expect(server.start(never())).rejects.toMatchObject({ code: 'ADDRESS_NOT_HERE' })
  })

  it('stops at once when all is idle, without its deadline', async () => {
    const server = bench.serverUnstarted({ clock: new VirtualClock() })
    await server.start(never())
    const client = bench.client()
    const { body } = await client.request(bench.target(server), { path: '/', signal: never() })
    await readText(body)
    await once(bench.tcp(server.actualPort), 'connect')
    await until('both open', () => server.openConnections === 2)
    const port = server.actualPort
    await server.stop()
    const late = connect({ host: HOST, port })
    await expect(once(late, 'connect')).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })

  it('destroys what has not ended after the deadline', async () => {
    const clock = new VirtualClock()
    const server = bench.serverUnstarted({ clock, handler: stallAfterFirstChunk })
    await server.start(never())
    const { body } = await bench
      .client()
      .request(bench.target(server), { path: '/', signal: never() })
    const read = readText(body)
    const stopped = server.stop()
    clock.advance(1000)
    await stopped
    await expect(read).rejects.toMatchObject({ code: 'PEER_CLOSED' })
  })
})

describe('the client', () => {
  it('frees the connection when a body is called off', async () => {
    let gone = false
    const server = await bench.server({
      handler: (request, response, context) => {
        context.signal.addEventListener('abort', () => {
          gone = true
        })
        return stallAfterFirstChunk(request, response, context)
      },
    })
    const client = bench.client()
    const stop = new AbortController()
    const { body } = await client.request(bench.target(server), { path: '/', signal: stop.signal })
    const read = readText(body)
    const reason = new Error('another holder was faster')
    stop.abort(reason)
    await expect(read).rejects.toBe(reason)
    await until('released', () => server.openConnections === 0 && client.activeRequests === 0)
    expect(client.idleConnections).toBe(0)
    await until('the handler hears of it', () => gone)
  })

  it('gives up a body that stalls', async () => {
    const server = await bench.server({ handler: stallAfterFirstChunk })
    const clock = new VirtualClock()
    const { body } = await bench
      .client(undefined, {}, { clock })
      .request(bench.target(server), { path: '/', signal: never() })
    let bytes = 0
    const read = body.read((piece) => {
      bytes += piece.length
      return undefined
    })
    const failed = expect(read).rejects.toMatchObject({ code: 'PEER_STALLED' })
    await until('the first chunk', () => bytes === CHUNK.length)
    clock.advance(60_000)
    await failed
    await until('released', () => server.openConnections === 0)
  })

  it('does not call its own reader a stall', async () => {
    const server = await bench.server({
      handler: (_request, response) => void response.end(Buffer.alloc(4 * 1024 * 1024)),
    })
    const clock = new VirtualClock()
    const { body } = await bench
      .client(undefined, {}, { clock })
      .request(bench.target(server), { path: '/', signal: never() })
    // Before it begins to read, and while it is busy with what came.
    clock.advance(600_000)
    let bytes = 0
    const busy = Promise.withResolvers<void>()
    const read = body.read((piece) => {
      bytes += piece.length
      return bytes === piece.length ? busy.promise : undefined
    })
    expect(bytes).toBeGreaterThan(0)
    clock.advance(600_000)
    busy.resolve()
    await read
    expect(bytes).toBe(4 * 1024 * 1024)
  })

  it('gives up a peer that never answers', async () => {
    let asked = false
    const server = await bench.server({
      handler: () => {
        asked = true
      },
    })
    const clock = new VirtualClock()
    const answer = bench
      .client(undefined, {}, { clock })
      .request(bench.target(server), { path: '/', signal: never() })
    const failed = expect(answer).rejects.toMatchObject({ code: 'PEER_TIMEOUT' })
    await until('asked', () => asked)
    clock.advance(60_000)
    await failed
    await until('released', () => server.openConnections === 0)
  })

  it('gives up, or calls off, a handshake that nobody goes on with', async () => {
    let connections = 0
    const mute = createServer((socket) => {
      connections += 1
      socket.on('error', () => {}).resume()
      bench.later(() => socket.destroy())
    }).listen(0, HOST)
    bench.later(() => mute.close())
    await once(mute, 'listening')
    const address = mute.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    const target = { peerId: createSigner().peerId, host: HOST, port }

    const stop = new AbortController()
    const called = bench.client().request(target, { path: '/', signal: stop.signal })
    await until('connected', () => connections === 1)
    stop.abort(new Error('never mind'))
    await expect(called).rejects.toThrow('never mind')

    const client = bench.client(undefined, { handshakeMs: 50 })
    await expect(client.request(target, { path: '/', signal: never() })).rejects.toMatchObject({
      code: 'PEER_TIMEOUT',
      context: { stage: 'handshake' },
    })
    expect(client.activeRequests).toBe(0)
  })

  it('says so when nobody listens, and looks up no names', async () => {
    const client = bench.client()
    const server = bench.serverUnstarted()
    await server.start(never())
    const target = bench.target(server)
    await server.stop()
    await expect(client.request(target, { path: '/', signal: never() })).rejects.toMatchObject({
      code: 'PEER_UNREACHABLE',
      context: { cause: 'ECONNREFUSED' },
    })
    const named = { ...target, host: 'localhost' }
    await expect(client.request(named, { path: '/', signal: never() })).rejects.toMatchObject({
      code: 'PEER_BAD_ADDRESS',
    })
  })

  it('takes a new connection when a kept one has gone', async () => {
    const first = bench.serverUnstarted()
    await first.start(never())
    const client = bench.client()
    const target = bench.target(first)
    const ask = async (): Promise<string> => {
      const { body } = await client.request(target, { path: '/', signal: never() })
      return readText(body)
    }
    const said = await ask()
    await until('idle', () => client.idleConnections === 1)
    // The same turn of the event loop: the client cannot have seen the connection close.
    const stopped = first.stop()
    await stopped
    const second = bench.serverUnstarted({ port: target.port })
    await second.start(never())
    bench.later(() => second.stop())
    expect(await ask()).toBe(said)
  })

  it('bounds its requests and its idle connections', async () => {
    const server = await bench.server({
      handler: (request, response) => {
        if (request.url !== '/hold') response.end('x')
      },
    })
    const client = bench.client(undefined, { requestsMax: 3, idlePerPeerMax: 2, idleMax: 1 })
    const stop = new AbortController()
    const held = [1, 2].map(() =>
      client.request(bench.target(server), { path: '/hold', signal: stop.signal }),
    )
    const { body } = await client.request(bench.target(server), { path: '/', signal: never() })
    const full = client.request(bench.target(server), { path: '/', signal: never() })
    await expect(full).rejects.toMatchObject({ code: 'PEER_REQUESTS_FULL' })
    await readText(body)
    stop.abort(new Error('done'))
    await Promise.all(held.map((one) => expect(one).rejects.toThrow('done')))
    await until('free', () => client.activeRequests === 0)

    const three = await Promise.all(
      [1, 2, 3].map(() => client.request(bench.target(server), { path: '/', signal: never() })),
    )
    await Promise.all(three.map((response) => readText(response.body)))
    await until('the rest is closed', () => server.openConnections === 1)
    expect(client.idleConnections).toBe(1)
  })

  it('ends everything when it closes', async () => {
    const server = await bench.server({ handler: stallAfterFirstChunk })
    const client = bench.client()
    const { body } = await client.request(bench.target(server), { path: '/', signal: never() })
    const read = readText(body)
    client.close()
    await expect(read).rejects.toMatchObject({ code: 'PEER_CLIENT_CLOSED' })
    await until('released', () => server.openConnections === 0)
    const late = client.request(bench.target(server), { path: '/', signal: never() })
    await expect(late).rejects.toMatchObject({ code: 'PEER_CLIENT_CLOSED' })
  })
})
