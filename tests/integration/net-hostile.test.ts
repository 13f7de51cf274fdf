// SPDX-License-Identifier: AGPL-3.0-or-later
/** Peers that mean harm, on real connections: the node goes on answering honest ones. */
import type { Connection, Stream } from '@libp2p/interface'
import { afterEach, describe, expect, it } from 'vitest'
import { SeededRandom } from '../../src/base/base.ts'
import { QUESTIONS_MAX, QUESTIONS_PER_PEER_MAX } from '../../src/net/limits.ts'
import { askOn, sendMessage } from '../../src/net/questions.ts'
import {
  ask,
  Cleanup,
  portOf,
  rawSocket,
  sees,
  soon,
  startRawPeer,
  type TestNode,
  until,
  untilMet,
} from './net-support.ts'

const cleanup = new Cleanup()
afterEach(() => cleanup.run())

/** Counts what is open in a handler, and lets nobody out before the test says so. */
class Gate {
  open = 0
  openMax = 0
  entered = 0
  readonly #released = Promise.withResolvers<void>()

  async pass(request: Uint8Array): Promise<Uint8Array> {
    this.entered += 1
    this.open += 1
    this.openMax = Math.max(this.openMax, this.open)
    await this.#released.promise
    this.open -= 1
    return request
  }

  release(): void {
    this.#released.resolve()
  }
}

async function setUp() {
  const gate = new Gate()
  const answers = [
    { topic: 'slow/1', handler: (request: Uint8Array) => gate.pass(request) },
    { topic: 'slow/2', handler: (request: Uint8Array) => gate.pass(request) },
  ]
  const victim = await cleanup.start({ answers })
  const honest = await cleanup.start({ config: { bootstrap: [victim.address()] } })
  await untilMet(victim, honest)
  return { gate, victim, honest }
}

async function expectAnswers(honest: TestNode, victim: TestNode): Promise<void> {
  for (let times = 0; times < 5; times++) {
    expect(await ask([honest, victim], 'echo/1', `hello ${times}`)).toBe(`hello ${times}`)
  }
}

/** Opens as many streams as it gets; what is refused counts as refused. */
async function openMany(
  count: number,
  open: () => Promise<Stream>,
  then: (stream: Stream) => unknown,
): Promise<Stream[]> {
  const outcomes = await Promise.allSettled(
    Array.from({ length: count }, async () => {
      const stream = await open()
      await then(stream)
      return stream
    }),
  )
  return outcomes.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
}

function frame(length: number, body: Uint8Array): Uint8Array {
  const bytes = Buffer.alloc(4 + body.length)
  bytes.writeUInt32BE(length)
  bytes.set(body, 4)
  return bytes
}

describe('a hostile peer', () => {
  it('that opens a thousand streams holds no more questions than its share', async () => {
    const { gate, victim, honest } = await setUp()
    const raw = await startRawPeer(cleanup)
    const connection = await raw.join(victim)
    const flood = openMany(
      1_000,
      () => raw.open(connection, 'slow/1'),
      (stream) => sendMessage(stream, Buffer.from('x'), soon()),
    )
    await until('its questions to be taken', () => gate.open >= QUESTIONS_PER_PEER_MAX)
    await expectAnswers(honest, victim)
    await flood
    await expectAnswers(honest, victim)
    expect(gate.openMax).toBe(QUESTIONS_PER_PEER_MAX)
    gate.release()
    await until('its questions to be over', () => gate.open === 0)
    await expectAnswers(honest, victim)
  })

  it('gets no larger share by asking on two topics and two connections', async () => {
    const { gate, victim, honest } = await setUp()
    const raw = await startRawPeer(cleanup)
    // The second connection takes over from the first, whose questions are still being answered.
    for (const topics of [
      ['slow/1', 'slow/2'],
      ['slow/2', 'slow/1'],
    ]) {
      const connection = await raw.join(victim)
      const floods = topics.map((topic) =>
        openMany(
          QUESTIONS_PER_PEER_MAX,
          () => raw.open(connection, topic),
          (stream) => sendMessage(stream, Buffer.from('x'), soon()),
        ),
      )
      await Promise.allSettled(floods)
      await until('its questions to be taken', () => gate.open >= QUESTIONS_PER_PEER_MAX)
    }
    await expectAnswers(honest, victim)
    expect(gate.openMax).toBe(QUESTIONS_PER_PEER_MAX)
    gate.release()
  })

  it('with many names still leaves the node within its limit', async () => {
    const { gate, victim, honest } = await setUp()
    const names = QUESTIONS_MAX / QUESTIONS_PER_PEER_MAX + 2
    const raws = await Promise.all(Array.from({ length: names }, () => startRawPeer(cleanup)))
    const connections: Connection[] = []
    for (const raw of raws) connections.push(await raw.join(victim))
    await Promise.allSettled(
      raws.map((raw, index) =>
        openMany(
          QUESTIONS_PER_PEER_MAX,
          () => raw.open(connections[index] ?? never(), 'slow/1'),
          (stream) => sendMessage(stream, Buffer.from('x'), soon()),
        ),
      ),
    )
    await until('the questions to be taken', () => gate.open >= QUESTIONS_MAX)
    await expect(ask([honest, victim], 'echo/1', 'hi')).rejects.toMatchObject({
      code: 'NET_NO_ANSWER',
    })
    expect(gate.openMax).toBe(QUESTIONS_MAX)
    gate.release()
    await until('the questions to be over', () => gate.open === 0)
    await expectAnswers(honest, victim)
  })

  it.each([
    ['garbage', new SeededRandom(91).bytes(200)],
    ['a length of 4 GiB', frame(0xffff_ffff, Buffer.alloc(50))],
    ['a length just beyond the limit', frame(101, Buffer.alloc(101))],
    ['more than it announced', frame(1, Buffer.alloc(5_000))],
  ])('that sends %s is cut off, and only it', async (_name, bytes) => {
    const { gate, victim, honest } = await setUp()
    const raw = await startRawPeer(cleanup)
    const connection = await raw.join(victim)
    // One that merely stalls: the bad one is over before this one is given up.
    const stalled = await raw.open(connection, 'slow/1')
    stalled.send(Buffer.alloc(2))
    const stream = await raw.open(connection, 'slow/1')
    stream.send(bytes)
    await until('the stream to end', () => stream.status !== 'open')
    expect(stalled.status).toBe('open')
    await expectAnswers(honest, victim)
    expect(gate.entered).toBe(0)
    // The connection is not the worse for it.
    const protocol = '/citynode/home/echo/1'
    const options = { replyBytesMax: 100, signal: soon() }
    const reply = await askOn(connection, protocol, Buffer.from('sorry'), options)
    expect(Buffer.from(reply).toString()).toBe('sorry')
  })

  it('that closes in the midst of a question is done with', async () => {
    const { gate, victim, honest } = await setUp()
    const raw = await startRawPeer(cleanup)
    const connection = await raw.join(victim)
    for (const bytes of [Buffer.alloc(2), frame(50, Buffer.from('half')), Buffer.alloc(0)]) {
      const stream = await raw.open(connection, 'slow/1')
      stream.send(bytes)
      await stream.close({ signal: soon() })
      await until(
        'the stream to end',
        () => stream.status !== 'open' && stream.status !== 'closing',
      )
    }
    await expectAnswers(honest, victim)
    expect(gate.entered).toBe(0)
  })

  it('that stalls is given up, and others are answered meanwhile', async () => {
    const { gate, victim, honest } = await setUp()
    const raw = await startRawPeer(cleanup)
    const connection = await raw.join(victim)
    const streams = await openMany(
      QUESTIONS_PER_PEER_MAX,
      () => raw.open(connection, 'slow/1'),
      (stream) => stream.send(frame(50, Buffer.from('and the rest comes'))),
    )
    expect(streams).toHaveLength(QUESTIONS_PER_PEER_MAX)
    await expectAnswers(honest, victim)
    await until('the stalled questions to be given up', () =>
      streams.every((stream) => stream.status !== 'open'),
    )
    await expectAnswers(honest, victim)
    expect(gate.entered).toBe(0)
  })

  it('that greets with anything but a greeting is not let into the city', async () => {
    const { victim, honest } = await setUp()
    const bad = [
      new SeededRandom(92).bytes(300),
      frame(0xffff_ffff, Buffer.alloc(4)),
      frame(3, Buffer.from('abc')),
      frame(5_000, Buffer.alloc(5_000)),
    ]
    const connections = await Promise.all(
      bad.map(async (bytes) => {
        const raw = await startRawPeer(cleanup)
        const connection = await raw.dial(victim)
        const stream = await raw.open(connection, 'greet/1')
        stream.send(bytes)
        return connection
      }),
    )
    await until('the connections to close', () =>
      connections.every((connection) => connection.status !== 'open'),
    )
    expect(victim.network.connectedPeers()).toHaveLength(1)
    expect(sees(victim, honest)).toBe(true)
  })

  it('that answers without end or end of stream costs one question and no stream', async () => {
    const raw = await startRawPeer(cleanup)
    await raw.peer.handle('/citynode/home/endless/1', (stream) => {
      stream.send(frame(0xffff_fff0, Buffer.alloc(1_000)))
    })
    const answerAndStay = (stream: Stream): void => {
      // An honest answer, but it never closes its half.
      stream.send(frame(2, Buffer.from('ok')))
    }
    const limits = { maxInboundStreams: 5_000 }
    await raw.peer.handle('/citynode/home/open/1', answerAndStay, limits)
    const { victim } = await setUp()
    await raw.join(victim)
    const rawId = victim.network
      .connectedPeers()
      .find((one) => one.peerId === raw.peer.peerId.toString())?.peerId
    if (rawId === undefined) throw new Error('it joined')
    const askRaw = (topic: string) =>
      victim.network.ask(rawId, topic, new Uint8Array(), { replyBytesMax: 100, signal: soon() })
    await expect(askRaw('endless/1')).rejects.toMatchObject({ code: 'NET_NO_ANSWER' })
    // More often than libp2p would open streams if each one were left behind.
    for (let times = 0; times < 150; times++) {
      expect(Buffer.from(await askRaw('open/1')).toString()).toBe('ok')
    }
    const left = (): Stream[] => raw.peer.getConnections().flatMap(({ streams }) => streams)
    await until('the last stream to end', () => left().length === 0)
  })
})

describe('strangers on the port', () => {
  it.each([
    ['garbage', new SeededRandom(93).bytes(500)],
    ['nothing', undefined],
  ])('a hundred that send %s do not keep an honest peer out', async (_name, bytes) => {
    const { victim, honest } = await setUp()
    // From five addresses, as many from each as are let in within a second.
    const sockets = await Promise.all(
      Array.from({ length: 100 }, (_, number) =>
        rawSocket(portOf(victim), { localAddress: `127.0.0.${2 + (number % 5)}`, bytes }),
      ),
    )
    cleanup.add(() => sockets.forEach((socket) => void socket.destroy()))
    await expectAnswers(honest, victim)
    expect(victim.network.connectedPeers()).toHaveLength(1)
    const late = await cleanup.start({ config: { bootstrap: [victim.address()] } })
    await untilMet(victim, late)
    await expectAnswers(late, victim)
  })
})

function never(): never {
  throw new Error('this cannot be')
}
