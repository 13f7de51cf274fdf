// SPDX-License-Identifier: AGPL-3.0-or-later
/** The client against peers whose key is right and whose HTTP is not; pauses; kept connections. */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer, type TLSSocket } from 'node:tls'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { VirtualClock } from '../../src/base/base.ts'
import { HELD_BYTES_MAX, RECEIVE_BYTES } from '../../src/net/https/limits.ts'
import type { PeerHttpsClient, PeerTarget } from '../../src/net/net.ts'
import { createSigner } from '../unit/certificate-support.ts'
import { Bench, credentials, HOST, never, readText, until } from './https-support.ts'

let bench: Bench
beforeEach(() => {
  bench = new Bench()
})
afterEach(() => bench.close())

/** A peer that proves its key and then answers each request with whatever `say` does. */
class RawPeer {
  readonly signer = createSigner()
  readonly sockets: TLSSocket[] = []
  readonly requests: string[] = []
  target: PeerTarget = { peerId: this.signer.peerId, host: HOST, port: 0 }

  async start(say: (socket: TLSSocket, count: number) => void): Promise<this> {
    const server = createServer(
      { ...credentials(this.signer), minVersion: 'TLSv1.3' },
      (socket) => {
        this.sockets.push(socket)
        bench.later(() => socket.destroy())
        let text = ''
        socket
          .on('error', () => {})
          .on('data', (bytes) => {
            text += bytes.toString('latin1')
            for (let end = text.indexOf('\r\n\r\n'); end >= 0; end = text.indexOf('\r\n\r\n')) {
              this.requests.push(text.slice(0, end))
              text = text.slice(end + 4)
              say(socket, this.requests.length)
            }
          })
      },
    )
    server.listen(0, HOST)
    await once(server, 'listening')
    bench.later(() => server.close())
    // A server that listens on TCP has an address with a port.
    this.target = { ...this.target, port: (server.address() as AddressInfo).port }
    return this
  }
}

const ask = (client: PeerHttpsClient, { target }: RawPeer, method: 'GET' | 'HEAD' = 'GET') =>
  client.request(target, { path: '/', method, signal: never() })

const sized = (body: string, length = body.length): string =>
  `HTTP/1.1 200 OK\r\ncontent-length: ${length}\r\n\r\n${body}`

describe('a body', () => {
  it('that is shorter than its length is no body', async () => {
    const peer = await new RawPeer().start((socket) => socket.end(sized('hello', 6)))
    const client = bench.client()
    const { body } = await ask(client, peer)
    await expect(readText(body)).rejects.toMatchObject({ code: 'PEER_CLOSED' })
    expect([client.activeRequests, client.idleConnections]).toEqual([0, 0])
  })

  it('that is cut between two chunks is no body', async () => {
    const head = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n'
    const peer = await new RawPeer().start((socket) => socket.end(`${head}5\r\nhello\r\n`))
    const { body } = await ask(bench.client(), peer)
    await expect(readText(body)).rejects.toMatchObject({ code: 'PEER_CLOSED' })
  })

  it('that is longer than its length is its length, and the connection is not kept', async () => {
    const peer = await new RawPeer().start((socket) => socket.write(sized('hello, everyone', 5)))
    const client = bench.client()
    for (let round = 1; round <= 2; round++) {
      const { body } = await ask(client, peer)
      expect(await readText(body)).toBe('hello')
      expect(client.idleConnections).toBe(0)
      expect(peer.sockets).toHaveLength(round)
    }
  })

  it('is all there when the peer hangs up right behind it, before anybody reads', async () => {
    const text = 'x'.repeat(3 * RECEIVE_BYTES)
    const peer = await new RawPeer().start((socket) => socket.end(sized(text)))
    const { body } = await ask(bench.client(), peer)
    await until('all is sent', () => peer.sockets[0]?.closed === true)
    expect(await readText(body)).toBe(text)
  })

  it('goes bad in the middle', async () => {
    const head = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n'
    const peer = await new RawPeer().start((socket) =>
      socket.write(`${head}5\r\nhello\r\nwhat?\r\n`),
    )
    const client = bench.client()
    const { body } = await ask(client, peer)
    await expect(readText(body)).rejects.toMatchObject({ code: 'PEER_BAD_ANSWER' })
    await until('hung up on', () => peer.sockets[0]?.destroyed === true)
    expect(client.activeRequests).toBe(0)
  })

  it('ends with what its reader threw, at once or later', async () => {
    const peer = await new RawPeer().start((socket) => socket.write(sized('hello', 10)))
    const client = bench.client()
    const failure = new Error('the disk is full')
    const atOnce = (await ask(client, peer)).body.read(() => {
      throw failure
    })
    await expect(atOnce).rejects.toBe(failure)
    const later = (await ask(client, peer)).body.read(() => Promise.reject(failure))
    await expect(later).rejects.toBe(failure)
    await until('hung up on', () => peer.sockets.every(({ destroyed }) => destroyed))
    expect(client.activeRequests).toBe(0)
  })

  it('is read once', async () => {
    const peer = await new RawPeer().start((socket) => socket.write(sized('hello')))
    const { body } = await ask(bench.client(), peer)
    expect(await readText(body)).toBe('hello')
    await expect(readText(body)).rejects.toMatchObject({ code: 'PEER_BODY_TAKEN' })
  })

  it('that is discarded in the middle frees its connection; after the end it changes nothing', async () => {
    const peer = await new RawPeer().start((socket, count) =>
      socket.write(sized('hello', count === 1 ? 10 : 5)),
    )
    const client = bench.client()
    const first = await ask(client, peer)
    const read = readText(first.body)
    first.body.discard(new Error('no room for it'))
    await expect(read).rejects.toThrow('no room for it')
    await until('hung up on', () => peer.sockets[0]?.destroyed === true)
    const second = await ask(client, peer)
    await readText(second.body)
    second.body.discard()
    expect(client.idleConnections).toBe(1)
  })
})

describe('a reader that is busy', () => {
  const PIECES = 512
  const PIECE = Buffer.alloc(RECEIVE_BYTES)

  it('makes the peer wait, gets every byte in order, and is called by one piece at a time', async () => {
    const bytes = Buffer.alloc(PIECES * RECEIVE_BYTES)
    for (let at = 0; at < bytes.length; at += 4) bytes.writeUInt32LE(at, at)
    let sentBytes = 0
    const peer = await new RawPeer().start((socket) => {
      socket.write(sized('', bytes.length))
      const more = (): void => {
        while (sentBytes < bytes.length) {
          const piece = bytes.subarray(sentBytes, sentBytes + RECEIVE_BYTES)
          sentBytes += piece.length
          if (!socket.write(piece)) return
        }
      }
      socket.on('drain', more)
      more()
    })
    const { body } = await ask(bench.client(), peer)
    const gate = Promise.withResolvers<void>()
    const received: Buffer[] = []
    let isBusy = false
    const read = body.read((piece) => {
      expect(isBusy).toBe(false)
      expect(piece.length).toBeLessThanOrEqual(RECEIVE_BYTES)
      received.push(Buffer.from(piece))
      const wait = received.length === 1 ? gate.promise : new Promise<void>(setImmediate)
      if (received.length % 3 !== 1) return undefined
      isBusy = true
      return wait.then(() => {
        isBusy = false
      })
    })
    await until('the kernel is full', () => (peer.sockets[0]?.writableLength ?? 0) > 0)
    let before = -1
    await until('the peer waits', () => {
      const stands = before === sentBytes
      before = sentBytes
      return stands
    })
    expect(sentBytes).toBeLessThan(bytes.length)
    expect(received).toHaveLength(1)
    gate.resolve()
    await read
    expect(Buffer.concat(received).equals(bytes)).toBe(true)
  })

  it('does not pile up what comes meanwhile', async () => {
    const peer = await new RawPeer().start((socket) => {
      socket.write(sized('', PIECES * RECEIVE_BYTES))
      for (let count = 0; count < PIECES; count++) socket.write(PIECE)
    })
    const { body } = await ask(bench.client(), peer)
    const gate = Promise.withResolvers<void>()
    let calledBytes = 0
    let resumedBytes = 0
    const read = body.read((piece) => {
      calledBytes += piece.length
      return calledBytes === piece.length ? gate.promise : undefined
    })
    await until('the kernel is full', () => (peer.sockets[0]?.writableLength ?? 0) > 0)
    gate.resolve()
    await gate.promise
    await Promise.resolve()
    resumedBytes = calledBytes
    // In the same turn of the event loop: what was kept, and nothing from the socket.
    expect(resumedBytes).toBeLessThanOrEqual(HELD_BYTES_MAX)
    await read
    expect(calledBytes).toBe(PIECES * RECEIVE_BYTES)
  })

  it('can be called off while it waits', async () => {
    const peer = await new RawPeer().start((socket) => socket.write(sized('hello', 10)))
    const stop = new AbortController()
    const client = bench.client()
    const { body } = await client.request(peer.target, { path: '/', signal: stop.signal })
    const gate = Promise.withResolvers<void>()
    const read = body.read(() => gate.promise)
    stop.abort(new Error('never mind'))
    await expect(read).rejects.toThrow('never mind')
    gate.resolve()
    await until('hung up on', () => peer.sockets[0]?.destroyed === true)
    expect(client.activeRequests).toBe(0)
  })
})

describe('an answer that makes no sense', () => {
  it.each([
    ['no HTTP', 'hello, who is there?\r\n\r\n'],
    ['an interim answer', `HTTP/1.1 103 Early Hints\r\n\r\n${sized('hello')}`],
    ['two lengths', 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello!'],
    ['no length', 'HTTP/1.1 200 OK\r\n\r\nhello'],
    ['an endless head', `HTTP/1.1 200 OK\r\n${'x: y\r\n'.repeat(10_000)}`],
  ])('is refused: %s', async (_name, text) => {
    const peer = await new RawPeer().start((socket) => socket.write(text))
    const client = bench.client()
    await expect(ask(client, peer)).rejects.toMatchObject({ code: 'PEER_BAD_ANSWER' })
    await until('hung up on', () => peer.sockets[0]?.destroyed === true)
    expect([client.activeRequests, client.idleConnections]).toEqual([0, 0])
  })
})

describe('a kept connection', () => {
  it('serves HEAD, 204 and GET one after the other', async () => {
    const answers = ['HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n', 'HTTP/1.1 204 No\r\n\r\n']
    const peer = await new RawPeer().start((socket, count) =>
      socket.write(answers[count - 1] ?? sized('hello')),
    )
    const client = bench.client()
    const head = await ask(client, peer, 'HEAD')
    expect(head.headers.get('content-length')).toBe('9')
    expect(await readText(head.body)).toBe('')
    expect((await ask(client, peer)).status).toBe(204)
    expect(await readText((await ask(client, peer)).body)).toBe('hello')
    expect(peer.sockets).toHaveLength(1)
    expect(peer.requests[0]).toMatch(/^HEAD \/ HTTP\/1\.1\r\nhost: /)
  })

  it('is not kept when the peer says that it closes', async () => {
    const text = 'HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 5\r\n\r\nhello'
    const peer = await new RawPeer().start((socket) => socket.write(text))
    const client = bench.client()
    await readText((await ask(client, peer)).body)
    expect(client.idleConnections).toBe(0)
  })

  it('is closed when the peer says something that nobody asked for', async () => {
    const peer = await new RawPeer().start((socket) => socket.write(sized('hello')))
    const client = bench.client()
    await readText((await ask(client, peer)).body)
    expect(client.idleConnections).toBe(1)
    peer.sockets[0]?.write(sized('a lie for the next question'))
    await until('closed', () => client.idleConnections === 0)
    expect(await readText((await ask(client, peer)).body)).toBe('hello')
    expect(peer.sockets).toHaveLength(2)
  })

  it('does not answer the next question with what came behind the last answer', async () => {
    const peer = await new RawPeer().start((socket, count) =>
      socket.write(count === 1 ? `${sized('first')}${sized('a lie')}` : sized('second')),
    )
    const client = bench.client()
    expect(await readText((await ask(client, peer)).body)).toBe('first')
    expect(await readText((await ask(client, peer)).body)).toBe('second')
    expect(peer.sockets).toHaveLength(2)
  })

  it('is given up for the next one when it turns out to be closed', async () => {
    const peer = await new RawPeer().start((socket, count) => {
      if (count === 1) socket.write(sized('hello'))
      // Closed without a byte: perhaps it was closed before the request was there.
      else if (count === 2) socket.destroy()
      else socket.end(sized('hello again'))
    })
    const client = bench.client()
    await readText((await ask(client, peer)).body)
    expect(await readText((await ask(client, peer)).body)).toBe('hello again')
    expect(peer.requests).toHaveLength(3)
    expect(peer.sockets).toHaveLength(2)
  })

  it('is not given up for another one when its answer has begun', async () => {
    const peer = await new RawPeer().start((socket, count) => {
      if (count === 1) socket.write(sized('hello'))
      else socket.end('HTTP/1.1 2')
    })
    const client = bench.client()
    await readText((await ask(client, peer)).body)
    await expect(ask(client, peer)).rejects.toMatchObject({ code: 'PEER_UNREACHABLE' })
    expect(peer.requests).toHaveLength(2)
  })

  it('is not kept when something came behind an answer whose reader was still busy', async () => {
    const peer = await new RawPeer().start((socket) => {
      socket.cork()
      socket.write(sized('hello'))
      socket.write(sized('a lie'))
      socket.uncork()
    })
    const client = bench.client()
    await (await ask(client, peer)).body.read(() => new Promise<void>(setImmediate))
    expect(client.idleConnections).toBe(0)
  })

  it('is closed by us when nobody needs it for a while, and when the peer closes it', async () => {
    const peer = await new RawPeer().start((socket) => socket.write(sized('hello')))
    const clock = new VirtualClock()
    const client = bench.client(undefined, { idleMs: 1000 }, { clock })
    await readText((await ask(client, peer)).body)
    clock.advance(999)
    expect(client.idleConnections).toBe(1)
    clock.advance(1)
    expect(client.idleConnections).toBe(0)
    await until('closed', () => peer.sockets[0]?.destroyed === true)
    await readText((await ask(client, peer)).body)
    peer.sockets[1]?.end()
    await until('noticed', () => client.idleConnections === 0)
  })

  it('is one of few for the same peer, and the one that waited the shortest is taken', async () => {
    const peer = await new RawPeer().start((socket) =>
      socket.write(sized(String(socket.remotePort))),
    )
    const client = bench.client(undefined, { idlePerPeerMax: 2 })
    const three = await Promise.all([1, 2, 3].map(() => ask(client, peer)))
    const ports: string[] = []
    for (const { body } of three) ports.push(await readText(body))
    expect(new Set(ports).size).toBe(3)
    expect(client.idleConnections).toBe(2)
    expect(await readText((await ask(client, peer)).body)).toBe(ports[1])
  })

  it('is watched although its last reader was busy at the end', async () => {
    const peer = await new RawPeer().start((socket) => socket.write(sized('hello')))
    const client = bench.client()
    await (await ask(client, peer)).body.read(() => new Promise<void>(setImmediate))
    expect(client.idleConnections).toBe(1)
    peer.sockets[0]?.destroy()
    await until('noticed', () => client.idleConnections === 0)
  })
})
