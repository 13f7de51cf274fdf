// SPDX-License-Identifier: AGPL-3.0-or-later
/** Cities of one, two and five real nodes on loopback: they meet, ask, and keep to themselves. */
import { spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import { multiaddr } from '@multiformats/multiaddr'
import { afterEach, describe, expect, it } from 'vitest'
import { choosePort } from '../../src/net/net.ts'
import {
  ask,
  Cleanup,
  createNode,
  HOST,
  newIdentity,
  portOf,
  sees,
  startRawPeer,
  type TestNode,
  until,
  untilMet,
} from './net-support.ts'

const cleanup = new Cleanup()
afterEach(() => cleanup.run())

async function startPair(more: Parameters<typeof createNode>[0] = {}) {
  const one = await cleanup.start({ ...more, httpsPort: 7441 })
  const other = await cleanup.start({ ...more, config: { bootstrap: [one.address()] } })
  await untilMet(one, other)
  return { one, other }
}

/** One of two connections gives way, perhaps in the midst of a question: then it is asked again. */
async function untilAnswers(from: TestNode, to: TestNode): Promise<void> {
  let isAnswered = false
  let isAsking = false
  await until('an answer', () => {
    if (!isAsking && !isAnswered) {
      isAsking = true
      void ask([from, to], 'echo/1', 'hi')
        .then(
          (reply) => {
            isAnswered = reply === 'hi'
          },
          () => {},
        )
        .finally(() => {
          isAsking = false
        })
    }
    return isAnswered
  })
}

describe('a city', () => {
  it('of one node starts, listens and is content', async () => {
    const { network, address } = await cleanup.start()
    expect(address()).toMatch(new RegExp(`^/ip4/${HOST}/tcp/\\d+/p2p/${network.peerId}$`))
    expect(network.listenAddresses().some((one) => one.startsWith('/ip6/::1/'))).toBe(true)
    expect(network.connectedPeers()).toEqual([])
    expect(network.neighbours()).toEqual([])
  })

  it('of two nodes: both see each other, as peers and as neighbours', async () => {
    const { one, other } = await startPair()
    expect(one.network.connectedPeers()).toMatchObject([
      { peerId: other.network.peerId, direction: 'inbound', version: '0.1.0', https: undefined },
    ])
    expect(other.network.connectedPeers()).toMatchObject([
      {
        peerId: one.network.peerId,
        direction: 'outbound',
        address: one.address(),
        https: { host: HOST, port: 7441 },
        interfaceName: 'lo',
      },
    ])
    const hasRtt = (node: typeof one): boolean =>
      node.network.neighbours().some((neighbour) => neighbour.rttMs !== undefined)
    await until('a round trip at either end', () => hasRtt(one) || hasRtt(other))
    expect(one.network.neighbours()).toMatchObject([{ peerId: other.network.peerId }])
    expect(other.network.neighbours()).toMatchObject([{ peerId: one.network.peerId }])
  })

  it('of five nodes: the one that all know sees them all', async () => {
    const hub = await cleanup.start()
    const config = { bootstrap: [hub.address()] }
    const others = await Promise.all(Array.from({ length: 4 }, () => cleanup.start({ config })))
    for (const other of others) await untilMet(hub, other)
    for (const other of others) expect(await ask([hub, other], 'echo/1', 'hi')).toBe('hi')
    for (const other of others) expect(await ask([other, hub], 'echo/1', 'ho')).toBe('ho')
    expect(hub.network.connectedPeers()).toHaveLength(4)
  })

  it('comes together although a bootstrap node starts late, and again when it comes back', async () => {
    const identity = newIdentity()
    const early = createNode({ identity })
    await early.network.start(new AbortController().signal)
    const [address, port] = [early.address(), portOf(early)]
    await early.network.stop()
    const waiting = await cleanup.start({ config: { bootstrap: [address] } })
    // Its first dial must have failed before there is anybody to answer.
    await until('a dial in vain', () => waiting.logged.some((one) => /does not answer/.test(one)))
    const late = createNode({ identity, config: { port } })
    await late.network.start(new AbortController().signal)
    await untilMet(waiting, late)
    await late.network.stop()
    await until('it is missed', () => !sees(waiting, late))
    const back = await cleanup.start({ identity, config: { port } })
    await untilMet(waiting, back)
  })

  it('tells when a peer came and when it went', async () => {
    const one = await cleanup.start()
    const facts: string[] = []
    const { signal } = new AbortController()
    for (const name of ['peerConnected', 'peerLost'] as const) {
      one.network.events.on(name, ({ peerId }) => facts.push(`${name} ${peerId}`), signal)
    }
    one.network.events.on('neighbourLost', (fact) => facts.push(`lost: ${fact.reason}`), signal)
    const other = createNode({ config: { bootstrap: [one.address()] } })
    await other.network.start(signal)
    const { peerId } = other.network
    await until('the peer to be told of', () => facts.length > 0)
    await other.network.stop()
    await until('its loss to be told of', () => facts.includes(`peerLost ${peerId}`))
    expect(facts).toEqual([`peerConnected ${peerId}`, 'lost: closed', `peerLost ${peerId}`])
    expect(one.network.connectedPeers()).toEqual([])
  })

  it('keeps two nodes together that dial each other at the same moment', async () => {
    for (let round = 0; round < 5; round++) {
      const identities = [newIdentity(), newIdentity()]
      const ports = [await choosePort(0, 'network.port'), await choosePort(0, 'network.port')]
      const [one, other] = await Promise.all(
        [0, 1].map((mine) =>
          cleanup.start({
            ...(identities[mine] === undefined ? {} : { identity: identities[mine] }),
            config: {
              port: ports[mine],
              bootstrap: [
                `/ip4/${HOST}/tcp/${ports[1 - mine]}/p2p/${identities[1 - mine]?.peerId}`,
              ],
            },
          }),
        ),
      )
      if (one === undefined || other === undefined) throw new Error('two were started')
      await untilMet(one, other)
      await untilAnswers(one, other)
      await untilAnswers(other, one)
      // Whichever connection gave way, nobody took the other end for a stranger.
      const hungUp = [...one.logged, ...other.logged].filter((text) => text.startsWith('hung up'))
      expect(hungUp).toEqual([])
      await cleanup.run()
    }
  })
})

describe('questions', () => {
  it('come back with their answer', async () => {
    const { one, other } = await startPair()
    expect(await ask([one, other], 'echo/1', 'hi')).toBe('hi')
    expect(await ask([other, one], 'echo/1', '')).toBe('')
    const replies = await Promise.all(
      Array.from({ length: 12 }, (_, number) => ask([one, other], 'echo/1', `question ${number}`)),
    )
    expect(replies).toEqual(Array.from({ length: 12 }, (_, number) => `question ${number}`))
  })

  it('carry as much as a topic allows, and know who asks', async () => {
    const callers: unknown[] = []
    const { one, other } = await startPair({
      answers: [
        {
          topic: 'big/1',
          options: { requestBytesMax: 4 * 2 ** 20, replyBytesMax: 4 * 2 ** 20 },
          handler: async (request, { caller }) => {
            callers.push(caller)
            return request
          },
        },
      ],
    })
    const megabytes = 4 * 2 ** 20
    const request = Buffer.alloc(megabytes, 'abc')
    const reply = await ask([one, other], 'big/1', request, { replyBytesMax: megabytes })
    expect(reply === request.toString()).toBe(true)
    expect(callers).toEqual([{ kind: 'peer', peerId: one.network.peerId }])
  })

  it('that cannot be answered end in NET_NO_ANSWER, and the next one is answered', async () => {
    const { one, other } = await startPair({
      answers: [
        { topic: 'long/1', handler: async () => Buffer.alloc(101) },
        { topic: 'fails/1', handler: () => Promise.reject(new Error('broken')) },
        { topic: 'owner/1', options: { needs: '/node/stop' }, handler: async (bytes) => bytes },
        { topic: 'slow/1', handler: () => new Promise(() => {}) },
      ],
    })
    const unanswered = { code: 'NET_NO_ANSWER' }
    await expect(ask([one, other], 'echo/1', 'x'.repeat(101))).rejects.toMatchObject(unanswered)
    await expect(ask([one, other], 'long/1', '')).rejects.toMatchObject(unanswered)
    await expect(ask([one, other], 'fails/1', '')).rejects.toMatchObject(unanswered)
    await expect(ask([one, other], 'owner/1', '')).rejects.toMatchObject(unanswered)
    await expect(ask([one, other], 'nobody/1', '')).rejects.toMatchObject(unanswered)
    await expect(ask([one, other], 'slow/1', '', { timeoutMs: 100 })).rejects.toMatchObject({
      ...unanswered,
      context: { peerId: other.network.peerId, topic: 'slow/1' },
    })
    await expect(
      ask([one, other], 'echo/1', 'x'.repeat(51), { replyBytesMax: 50 }),
    ).rejects.toMatchObject(unanswered)
    expect(await ask([one, other], 'echo/1', 'x'.repeat(100))).toBe('x'.repeat(100))
    const nobody = createNode()
    await expect(ask([one, nobody], 'echo/1', '')).rejects.toMatchObject(unanswered)
  })
})

describe('another city', () => {
  it('is hung up on, whoever dialled', async () => {
    const home = await cleanup.start()
    const neighbour = await cleanup.start({ config: { bootstrap: [home.address()] } })
    const foreign = await cleanup.start({
      city: 'other',
      config: { bootstrap: [home.address()] },
    })
    await untilMet(home, neighbour)
    await until('the foreign node to hang up', () =>
      foreign.logged.some((text) => text.startsWith('hung up')),
    )
    const visitor = await cleanup.start({ config: { bootstrap: [foreign.address()] } })
    await until('the visitor to hang up', () =>
      visitor.logged.some((text) => text.startsWith('hung up')),
    )
    expect(foreign.network.connectedPeers()).toEqual([])
    expect(visitor.network.connectedPeers()).toEqual([])
    expect(home.network.connectedPeers()).toHaveLength(1)
  })

  it('is remembered: it is not let in again', async () => {
    const raw = await startRawPeer(cleanup)
    const [address] = raw.peer.getMultiaddrs()
    const node = await cleanup.start({ config: { bootstrap: [String(address)] } })
    await until('the node to hang up', () => node.logged.some((one) => one.startsWith('hung up')))
    await until('the connection to close', () => raw.peer.getConnections().length === 0)
    // libp2p tells the dialler of success before the other end has looked at its name.
    await raw.peer.dial(multiaddr(node.address())).catch(() => {})
    await until('the second connection to close', () => raw.peer.getConnections().length === 0)
    expect(node.logged.filter((one) => one.startsWith('hung up'))).toHaveLength(1)
  })

  it('or one that says nothing is hung up on in the end', async () => {
    const raw = await startRawPeer(cleanup)
    const node = await cleanup.start()
    const connection = await raw.dial(node)
    await until('the connection to close', () => connection.status !== 'open')
    expect(node.logged.some((one) => one.startsWith('hung up'))).toBe(true)
    expect(node.network.connectedPeers()).toEqual([])
  })
})

describe('the ports', () => {
  it('that are taken are named, with advice', async () => {
    const other = createServer().listen(0)
    cleanup.add(() => other.close())
    await once(other, 'listening')
    const bound = other.address()
    const port = typeof bound === 'object' ? bound?.port : undefined
    await expect(cleanup.start({ config: { port } })).rejects.toMatchObject({
      code: 'PORT_TAKEN',
      context: { port, configKey: 'network.port' },
      advice: expect.stringContaining('network.port'),
    })
  })

  it('of the hellos are named as well', async () => {
    const other = createSocket('udp6').bind(0)
    cleanup.add(() => other.close())
    await once(other, 'listening')
    const { port } = other.address()
    await expect(cleanup.start({ config: { hello_port: port } })).rejects.toMatchObject({
      code: 'PORT_TAKEN',
      context: { port, configKey: 'network.hello_port' },
      advice: expect.stringContaining('network.hello_port'),
    })
  })

  it('are free again after a stop, for the next node', async () => {
    const first = createNode()
    await first.network.start(new AbortController().signal)
    const port = portOf(first)
    await first.network.stop()
    for (let times = 0; times < 2; times++) {
      const next = createNode({ config: { port } })
      await next.network.start(new AbortController().signal)
      expect(portOf(next)).toBe(port)
      await next.network.stop()
    }
  })

  it('are given back by a start that was called off', async () => {
    const port = await choosePort(0, 'network.port')
    await expect(
      (async () => {
        const node = createNode({ config: { port } })
        cleanup.add(() => node.network.stop())
        await node.network.start(AbortSignal.abort(new Error('called off')))
      })(),
    ).rejects.toThrow('called off')
    await cleanup.run()
    const node = await cleanup.start({ config: { port } })
    expect(portOf(node)).toBe(port)
  })
})

it('a process ends by itself once its node has stopped', async () => {
  const support = fileURLToPath(new URL('./net-support.ts', import.meta.url))
  const script = `
    const { createNode, untilMet } = await import(${JSON.stringify(support)})
    const { signal } = new AbortController()
    const one = createNode()
    await one.network.start(signal)
    const other = createNode({ config: { bootstrap: [one.address()] } })
    await other.network.start(signal)
    await untilMet(one, other)
    await Promise.all([one.network.stop(), other.network.stop()])
    console.log('stopped')
  `
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  cleanup.add(() => child.kill('SIGKILL'))
  const output: Buffer[] = []
  child.stdout.on('data', (bytes: Buffer) => output.push(bytes))
  await until('the process to end', () => child.exitCode !== null)
  expect(Buffer.concat(output).toString()).toBe('stopped\n')
  expect(child.exitCode).toBe(0)
})

it('a node that nobody may dial is not dialled', async () => {
  const one = await cleanup.start()
  const shy = await cleanup.start({
    config: { bootstrap: [one.address()], allow_loopback: false },
  })
  const willing = await cleanup.start({ config: { bootstrap: [one.address()] } })
  await untilMet(one, willing)
  expect(sees(shy, one)).toBe(false)
})
