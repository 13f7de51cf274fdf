// SPDX-License-Identifier: AGPL-3.0-or-later
/** What a city shares beyond its links: gossip, the DHT, and relays. Real libp2p over loopback. */
import { randomBytes } from 'node:crypto'
import { CID } from 'multiformats/cid'
import * as raw from 'multiformats/codecs/raw'
import { sha256 } from 'multiformats/hashes/sha2'
import { afterEach, describe, expect, it } from 'vitest'
import { parseCityId, parsePeerId } from '../../src/base/base.ts'
import { cityProtocol } from '../../src/net/city.ts'
import { createHost, type Host, type HostOptions } from '../../src/net/libp2p-host.ts'
import { networkConfigSchema } from '../../src/net/net.ts'
import { askOn, receiveMessage, sendMessage } from '../../src/net/questions.ts'
import {
  ask,
  Cleanup,
  HOST,
  soon,
  startRawPeer,
  type TestNode,
  until,
  untilMet,
} from './net-support.ts'

const cleanup = new Cleanup()
afterEach(() => cleanup.run())

/** The libp2p host of a node alone: nobody greets, so nobody is hung up on. */
async function startHost(city = 'home', more: Partial<HostOptions> = {}): Promise<Host> {
  const host = await createHost({
    seed: randomBytes(32),
    city: parseCityId(city),
    version: '0.1.0',
    config: networkConfigSchema.parse({ port: 0, mdns: false, allow_loopback: true }),
    gater: {},
    ...more,
  })
  cleanup.add(() => host.stop())
  await host.start()
  return host
}

async function connect(from: Host, to: Host): Promise<void> {
  const address = to.getMultiaddrs().find((one) => one.toString().startsWith(`/ip4/${HOST}/`))
  await from.dial(address ?? [], { signal: soon() })
}

describe('gossip', () => {
  it('reaches the other node on a topic of the city, and no node of another city', async () => {
    const [sender, receiver, stranger] = [
      await startHost(),
      await startHost(),
      await startHost('away'),
    ]
    const heard: string[] = []
    for (const [name, host, city] of [
      ['receiver', receiver, 'home'],
      ['stranger', stranger, 'away'],
    ] as const) {
      host.services.pubsub.subscribe(cityProtocol(parseCityId(city), 'news/1'))
      host.services.pubsub.addEventListener('message', ({ detail }) => {
        heard.push(`${name}: ${Buffer.from(detail.data)}`)
      })
      await connect(sender, host)
    }
    const ofHome = cityProtocol(parseCityId('home'), 'news/1')
    const ofAway = cityProtocol(parseCityId('away'), 'news/1')
    const { pubsub } = sender.services
    await until('both subscriptions are known', () =>
      [ofHome, ofAway].every((topic) => pubsub.getSubscribers(topic).length === 1),
    )
    await pubsub.publish(ofHome, Buffer.from('hello'))
    // The stranger hears this one: so the way to it is open, and the first was not for it.
    await pubsub.publish(ofAway, Buffer.from('far away'))
    await until('both have heard', () => heard.length >= 2)
    expect(heard.sort()).toEqual(['receiver: hello', 'stranger: far away'])
  })
})

describe('the DHT', () => {
  /** Three nodes in a row: the two at the ends know the middle one alone. */
  async function startRow(cityOfTheLast = 'home'): Promise<[Host, Host, Host]> {
    const [first, middle] = [await startHost(), await startHost()]
    const last = await startHost(cityOfTheLast)
    await connect(first, middle)
    await connect(last, middle)
    return [first, middle, last]
  }

  async function provide(host: Host, cid: CID): Promise<void> {
    for await (const _event of host.services.dht.provide(cid, { signal: soon() }));
  }

  async function providersOf(host: Host, cid: CID): Promise<string[]> {
    const found: string[] = []
    for await (const event of host.services.dht.findProviders(cid, { signal: soon() })) {
      if (event.name === 'PROVIDER') found.push(...event.providers.map(({ id }) => id.toString()))
    }
    return found
  }

  async function anyCid(): Promise<CID> {
    return CID.createV1(raw.code, await sha256.digest(randomBytes(8)))
  }

  it('finds who provides something, and where a node is, beyond those that are connected', async () => {
    const [first, , last] = await startRow()
    const cid = await anyCid()
    await provide(last, cid)
    expect(await providersOf(first, cid)).toContain(last.peerId.toString())
    const { multiaddrs } = await first.peerRouting.findPeer(last.peerId, { signal: soon() })
    const port = /\/tcp\/(\d+)/.exec(String(last.getMultiaddrs()[0]))?.[1]
    expect(multiaddrs.map(String).join(' ')).toContain(`/tcp/${port}`)
  })

  it('keeps no more for one peer than is bounded, and the latest of it', async () => {
    const dhtBounds = { providersMax: 100, providersPerPeerMax: 2, recordsMax: 1 }
    const [keeper, flood] = [await startHost('home', { dhtBounds }), await startHost()]
    await connect(flood, keeper)
    /** Not asked of others: the one that provides knows all of it. */
    const isKept = async (cid: CID): Promise<boolean> => {
      for await (const event of keeper.services.dht.findProviders(cid, { signal: soon() })) {
        return event.name === 'PEER_RESPONSE' && event.from.equals(keeper.peerId)
      }
      return false
    }
    const cids: CID[] = []
    for (let at = 0; at < 5; at++) {
      const cid = await anyCid()
      cids.push(cid)
      await provide(flood, cid)
      // It is sent without an answer.
      while (!(await isKept(cid))) soon().throwIfAborted()
    }
    const known: boolean[] = []
    for (const cid of cids) known.push(await isKept(cid))
    expect(known).toEqual([false, false, false, true, true])
  })

  it('of another city is another one', async () => {
    const [first, middle, stranger] = await startRow('away')
    const cid = await anyCid()
    await provide(middle, cid)
    expect(await providersOf(first, cid)).toContain(middle.peerId.toString())
    const { protocols } = await middle.peerStore.get(stranger.peerId)
    expect(protocols.filter((one) => one.includes('/kad/'))).toEqual([
      cityProtocol(parseCityId('away'), 'kad/1.0.0'),
    ])
    // It is connected to the one that provides, and still has nobody whom it could ask.
    const impatient = { signal: AbortSignal.timeout(2_000) }
    const events = stranger.services.dht.findProviders(cid, impatient)
    await expect(Array.fromAsync(events)).rejects.toMatchObject({ name: /Abort|Timeout/ })
  })
})

describe('a relay', () => {
  const LARGE_BYTES = 20_000
  const reply = { replyBytesMax: LARGE_BYTES }
  const large = {
    topic: 'large/1',
    options: { requestBytesMax: LARGE_BYTES, ...reply },
    handler: async (request: Uint8Array) => request,
  } as const

  /** A relay, and a node that has a place there. */
  async function startHidden(limits: object): Promise<{ hidden: TestNode; relay: TestNode }> {
    const relay = await cleanup.start({ config: { relay: limits } })
    const hidden = await cleanup.start({
      answers: [large],
      httpsPort: 7441,
      config: { bootstrap: [relay.address()], relay: { wanted: true } },
    })
    await untilMet(relay, hidden)
    return { hidden, relay }
  }

  const circuitOf = (relay: TestNode, hidden: TestNode): string =>
    `${relay.address()}/p2p-circuit/p2p/${hidden.network.peerId}`

  async function untilReserved(relay: TestNode, hidden: TestNode): Promise<string> {
    const circuit = circuitOf(relay, hidden)
    await until('a place at the relay', () => hidden.network.listenAddresses().includes(circuit))
    return circuit
  }

  /**
   * A third node, on a relayed connection that stays one: it has no DHT that would tell it a direct
   * way, and nobody can dial it.
   */
  async function startRelayed(limits: object) {
    const { hidden, relay } = await startHidden(limits)
    const circuit = await untilReserved(relay, hidden)
    const visitor = await startRawPeer(cleanup, { usesRelays: true })
    await visitor.join(relay)
    const connection = await visitor.join(hidden, circuit)
    const visitorId = parsePeerId(visitor.peer.peerId.toString())
    const isSeen = (): boolean =>
      hidden.network.connectedPeers().some(({ peerId }) => peerId === visitorId)
    await until('the visitor is let in', isSeen)
    const knock = (topic: string, question: Uint8Array) =>
      askOn(connection, `/citynode/home/${topic}`, question, { ...reply, signal: soon() })
    return { hidden, visitor, visitorId, connection, isSeen, knock }
  }

  it('carries questions both ways, and is neither a neighbour nor a way for bulk', async () => {
    const { hidden, visitor, visitorId, knock } = await startRelayed({})
    expect(Buffer.from(await knock('echo/1', Buffer.from('knock'))).toString()).toBe('knock')
    await visitor.peer.handle(
      '/citynode/home/echo/1',
      async (stream) => {
        await sendMessage(stream, await receiveMessage(stream, 100, soon()), soon())
      },
      { runOnLimitedConnection: true },
    )
    const options = { ...reply, signal: soon() }
    const asked = hidden.network.ask(visitorId, 'echo/1', Buffer.from('come in'), options)
    expect(Buffer.from(await asked).toString()).toBe('come in')
    const seen = hidden.network.connectedPeers().find(({ peerId }) => peerId === visitorId)
    expect(seen?.address).toContain('/p2p-circuit')
    expect(seen?.https).toBeUndefined()
    expect(seen?.interfaceName).toBeUndefined()
    expect(hidden.network.neighbours().map(({ peerId }) => peerId)).not.toContain(visitorId)
  })

  it('brings two nodes of the city together', async () => {
    const { hidden, relay } = await startHidden({})
    const circuit = await untilReserved(relay, hidden)
    const visitor = await cleanup.start({ config: { bootstrap: [circuit] } })
    await untilMet(visitor, hidden)
    expect(await ask([visitor, hidden], 'echo/1', 'knock')).toBe('knock')
  })

  it('cuts a connection that carries more than was said, both directions together', async () => {
    const { knock, connection, isSeen } = await startRelayed({ data_bytes_max: 3 * LARGE_BYTES })
    const question = randomBytes(LARGE_BYTES)
    expect(Buffer.from(await knock('large/1', question)).equals(question)).toBe(true)
    await expect(knock('large/1', question)).rejects.toThrow()
    await until('the connection is cut', () => connection.status !== 'open' && !isSeen())
  })

  it('cuts a connection that lasts longer than was said', async () => {
    const { knock, connection, isSeen } = await startRelayed({ duration_s_max: 1 })
    await knock('echo/1', Buffer.from('knock'))
    await until('the connection is cut', () => connection.status !== 'open' && !isSeen())
  })

  it('is none when it is switched off', async () => {
    const { hidden, relay } = await startHidden({ enabled: false })
    const visitor = await startRawPeer(cleanup, { usesRelays: true })
    await visitor.join(relay)
    await expect(visitor.join(hidden, circuitOf(relay, hidden))).rejects.toThrow()
  })
})
