// SPDX-License-Identifier: AGPL-3.0-or-later
/** Publications travel with their items; withdrawals find whoever shares them, and are honoured. */
import { createHash, createPrivateKey } from 'node:crypto'
import { join } from 'node:path'
import { decode } from '@ipld/dag-cbor'
import type { CID } from 'multiformats/cid'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  parseCityId,
  SeededRandom,
  silentLogger,
  silentMetrics,
  VirtualClock,
} from '../../src/base/base.ts'
import { encodeNotes } from '../../src/content/carrying/notes.ts'
import { type Content, machineDisk, Refusals, WithdrawalWatch } from '../../src/content/content.ts'
import {
  encodeHaveReply,
  encodeHaveRequest,
  parseHaveReply,
} from '../../src/content/fetching/have.ts'
import { signPublication, signWithdrawal } from '../../src/content/refusals/records.ts'
import { encodeWithdrawnReply } from '../../src/content/refusals/withdrawn.ts'
import { cidOf, RAW } from '../../src/content/unixfs/unixfs.ts'
import { createIdentity, type NodeIdentity } from '../../src/identity/identity.ts'
import { carOf, contentsOf, exportFrom, fates, importInto } from './carry-support.ts'
import {
  bytesOf,
  Cleanup,
  FakeCity,
  inPieces,
  MEBIBYTE,
  never,
  openNodeDatabase,
  peerIdOf,
  startNode,
  type TestNode,
  tempFolder,
  until,
} from './content-support.ts'

const CITY = parseCityId('home')
const HOUR_MS = 3600_000

let cleanup: Cleanup
let city: FakeCity
beforeEach(() => {
  cleanup = new Cleanup()
  city = new FakeCity()
})
afterEach(() => cleanup.run())

interface Person extends TestNode {
  refusals: Refusals
  watch: WithdrawalWatch
  key: NodeIdentity
}

function keyOf(name: string): NodeIdentity {
  const seed = createHash('sha256').update(name).digest()
  const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed])
  return createIdentity(createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }))
}

async function startPerson(name: string, earlier?: string): Promise<Person> {
  const folder = earlier ?? (await tempFolder(cleanup))
  const database = await openNodeDatabase(folder)
  const clock = new VirtualClock(1_700_000_000_000)
  const key = keyOf(name)
  const network = city.networkOf(peerIdOf(name))
  const log = silentLogger
  const refusals = new Refusals(
    { database, disk: machineDisk, network, signer: key, clock, log, metrics: silentMetrics },
    { folder: join(folder, 'content'), listPaths: [], city: CITY },
  )
  const deps = { refusals, clock }
  const node = await startNode({ name, city, cleanup, folder, database, deps })
  await refusals.start()
  const watch = new WithdrawalWatch({
    items: node.content,
    refusals,
    network,
    clock,
    random: new SeededRandom(3),
    log,
  })
  await watch.start()
  const stop = async (): Promise<void> => {
    await watch.stop()
    await refusals.stop()
    await node.stop()
  }
  cleanup.add(stop)
  return { ...node, clock, refusals, watch, key, stop }
}

const publicly = { visibility: 'public', signal: never } as const
const privately = { visibility: 'private', signal: never } as const
const bytes = bytesOf(91, 3_000)

/** Adds, shares and signs an item. */
async function publish(node: Person, content = bytes): Promise<CID> {
  const { cid } = await node.content.add(inPieces(content), { ...publicly, name: 'song.bin' })
  const { bytes: publication } = await node.refusals.publish(cid, 'A song')
  await node.content.update(cid, { publication })
  return cid
}

/** Lets a node's watch ask as often as it likes within so many ms. */
async function watchFor(node: Person, durationMs: number): Promise<void> {
  for (let passedMs = 0; passedMs < durationMs; passedMs += 30_000) {
    node.clock.advance(30_000)
    // A look is some turns of the event loop: questions here are answered at once.
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
  }
}

async function statusOf(node: TestNode, cid: CID): Promise<number> {
  return (await fetch(`${node.url}/ipfs/${cid}?format=raw`)).status
}

/** The CIDs that a node has asked others about with `withdrawn/1`. */
function askedBy(node: TestNode): string[] {
  return city.questions
    .filter(({ from, topic }) => from === node.peerId && topic === 'withdrawn/1')
    .flatMap(({ request }) => decode<CID[]>(request).map(String))
}

const publicationOf = (content: Content, cid: CID): Uint8Array | undefined =>
  content.get(cid)?.publication

describe('a publication', () => {
  it('comes with the item, also from who only keeps it', async () => {
    const publisher = await startPerson('publisher')
    const keeper = await startPerson('keeper')
    const cid = await publish(publisher)
    await keeper.content.fetch(cid, publicly)
    await publisher.stop()
    const third = await startPerson('third')
    const item = await third.content.fetch(cid, publicly)
    expect(item.publication).toEqual(publicationOf(keeper.content, cid))
    expect(third.refusals.publicationOf(cid)).toMatchObject({
      publisher: publisher.key.peerId,
      isShared: true,
    })
  })

  it('that is forged, of another item or no bytes at all is dropped, and the item stays', async () => {
    const keeper = await startPerson('keeper')
    const third = await startPerson('third')
    const mallory = keyOf('mallory')
    const { cid: other } = await keeper.content.add(inPieces(bytesOf(7, 10)), {
      ...publicly,
      name: 'other',
    })
    const sign = (root: CID, name = CITY): Buffer =>
      Buffer.from(signPublication({ root, sequence: 1, title: 'x' }, name, mallory).bytes)
    const forged = sign(other)
    forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1
    const lies = [
      forged,
      sign(other),
      sign(other, parseCityId('away')),
      Buffer.alloc(513),
      Buffer.of(1),
    ]
    for (const [index, publication] of lies.entries()) {
      const content = bytesOf(100 + index, 500)
      const { cid } = await keeper.content.add(inPieces(content), { ...publicly, name: 'x' })
      city.answers(keeper.peerId, () =>
        Promise.resolve(
          encodeHaveReply([{ name: 'x', sizeBytes: 500, title: '', kind: '', publication }]),
        ),
      )
      const item = await third.content.fetch(cid, publicly)
      expect(item, `lie ${index}`).toMatchObject({ isWhole: true, visibility: 'public' })
      expect(item.publication).toBeUndefined()
      expect(third.refusals.publicationOf(cid)).toBeUndefined()
    }
  })
})

describe('a withdrawal', () => {
  it('reaches a third node through the keeper when the publisher is gone', async () => {
    const publisher = await startPerson('publisher')
    const keeper = await startPerson('keeper')
    const third = await startPerson('third')
    const cid = await publish(publisher)
    for (const node of [keeper, third]) await node.content.fetch(cid, publicly)
    expect([await statusOf(keeper, cid), await statusOf(third, cid)]).toEqual([200, 200])
    await publisher.refusals.withdraw(cid, 'a mistake')
    await watchFor(keeper, 10 * 60_000)
    await publisher.stop()
    await until(() => keeper.content.get(cid)?.visibility === 'private')
    await watchFor(third, 10 * 60_000)
    await until(() => third.content.get(cid)?.visibility === 'private')
    for (const node of [keeper, third]) {
      // The copy stays, for its keeper alone.
      expect(node.content.get(cid)).toMatchObject({ visibility: 'private', isWhole: true })
      expect(await statusOf(node, cid)).toBe(410)
      expect(node.watch.health()).toMatchObject([
        { code: 'CONTENT_WITHDRAWN', severity: 'info', text: expect.stringContaining('withdrawn') },
      ])
      const reply = await city
        .networkOf(peerIdOf('asker'))
        .ask(node.peerId, 'have/1', encodeHaveRequest([cid]), {
          replyBytesMax: 9999,
          signal: never,
        })
      expect(parseHaveReply(reply, 1)).toEqual({ verdict: 'accept', value: [undefined] })
    }
    expect(third.refusals.refusalOf(cid)).toMatchObject({ source: publisher.key.peerId })
  })

  it('is heard of before an item is kept and shared', async () => {
    const publisher = await startPerson('publisher')
    const keeper = await startPerson('keeper')
    const cid = await publish(publisher)
    await keeper.content.fetch(cid, publicly)
    await publisher.refusals.withdraw(cid, '')
    // The keeper has not heard of it and gives the item; the publisher says what became of it.
    const third = await startPerson('third')
    await expect(third.content.fetch(cid, publicly)).rejects.toMatchObject({
      code: 'CONTENT_REFUSED_HERE',
    })
    expect(third.content.list()).toEqual([])
    // And now it passes it on, without ever having had the item.
    await publisher.stop()
    await watchFor(keeper, 10 * 60_000)
    await until(() => keeper.content.get(cid)?.visibility === 'private')
  })

  it('that the keeper forges changes nothing', async () => {
    const publisher = await startPerson('publisher')
    const keeper = await startPerson('keeper')
    const third = await startPerson('third')
    const cid = await publish(publisher)
    await third.content.fetch(cid, publicly)
    await publisher.stop()
    const mallory = keyOf('mallory')
    const sign = (key: NodeIdentity, name = CITY): Buffer =>
      Buffer.from(signWithdrawal({ root: cid, sequence: 9, reason: '' }, name, key).bytes)
    const bent = sign(publisher.key)
    bent[bent.length - 1] = (bent.at(-1) ?? 0) ^ 1
    const lies = [
      encodeWithdrawnReply([sign(mallory)]),
      encodeWithdrawnReply([sign(publisher.key, parseCityId('away'))]),
      encodeWithdrawnReply([bent]),
      encodeWithdrawnReply([undefined, undefined]),
      Buffer.from('nonsense'),
    ]
    const count = lies.length
    let told = 0
    const lie = async (): Promise<Uint8Array> => {
      told += 1
      return lies.shift() ?? encodeWithdrawnReply([undefined])
    }
    city.answers(keeper.peerId, lie, 'withdrawn/1')
    while (told < count) await watchFor(third, HOUR_MS)
    expect(third.content.get(cid)?.visibility).toBe('public')
    expect(await statusOf(third, cid)).toBe(200)
    expect(third.watch.health()).toEqual([])
    // The true one from the same mouth is believed.
    lies.push(encodeWithdrawnReply([sign(publisher.key)]))
    // It is written down before it counts, which takes a disk as long as it takes.
    while (third.content.get(cid)?.visibility === 'public') await watchFor(third, HOUR_MS)
    expect(third.content.get(cid)?.visibility).toBe('private')
  })

  it('is followed at the next start when the power went in between', async () => {
    const publisher = await startPerson('publisher')
    const keeper = await startPerson('keeper')
    const cid = await publish(publisher)
    await keeper.content.fetch(cid, publicly)
    const withdrawal = await publisher.refusals.withdraw(cid, '')
    await keeper.refusals.learnWithdrawal(withdrawal)
    expect(keeper.content.get(cid)?.visibility).toBe('public')
    await keeper.stop()
    const again = await startPerson('keeper', keeper.folder)
    expect(again.content.get(cid)?.visibility).toBe('private')
    expect(again.watch.health()).toHaveLength(1)
  })
})

describe('the questions', () => {
  it('never name what is private', async () => {
    const publisher = await startPerson('publisher')
    const keeper = await startPerson('keeper')
    const secret = await publish(publisher, bytesOf(1, 500))
    const shared = await publish(publisher, bytesOf(2, 500))
    const hidden = await publish(publisher, bytesOf(3, 500))
    await keeper.content.fetch(secret, privately)
    await keeper.content.fetch(shared, publicly)
    await keeper.content.fetch(hidden, publicly)
    await keeper.content.update(hidden, { visibility: 'private' })
    const before = askedBy(keeper).length
    await watchFor(keeper, 13 * HOUR_MS)
    expect(askedBy(keeper)).not.toContain(String(secret))
    expect(askedBy(keeper).slice(before)).toContain(String(shared))
    expect(askedBy(keeper).slice(before)).not.toContain(String(hidden))
    // From when it is public, it is asked about like all others.
    await keeper.content.update(secret, { visibility: 'public' })
    await watchFor(keeper, 7 * HOUR_MS)
    expect(askedBy(keeper)).toContain(String(secret))
  })

  it('are few, whoever is there, and come soon to who is new', async () => {
    const keeper = await startPerson('keeper')
    const key = keyOf('far away')
    for (let at = 0; at < 70; at++) {
      const { cid } = await keeper.content.add(inPieces(bytesOf(1_000 + at, 40)), {
        ...publicly,
        name: `${at}`,
      })
      const signed = signPublication({ root: cid, sequence: 1, title: '' }, CITY, key)
      await keeper.content.update(cid, { publication: signed.bytes })
    }
    const none = async (request: Uint8Array): Promise<Uint8Array> =>
      encodeWithdrawnReply(decode<CID[]>(request).map(() => undefined))
    for (let at = 0; at < 200; at++) {
      city.serves(peerIdOf(`peer ${at}`), 1)
      city.answers(peerIdOf(`peer ${at}`), none, 'withdrawn/1')
    }
    await watchFor(keeper, 2 * HOUR_MS)
    const asked = (): typeof city.questions =>
      city.questions.filter(({ topic }) => topic === 'withdrawn/1')
    const sentBytes = asked().reduce((sum, { request }) => sum + request.length, 0)
    expect(asked().length).toBeGreaterThan(60)
    expect(asked().length).toBeLessThanOrEqual(2 * 60)
    // With what a stream and its answer add, far from the 1 kb/s that content may take.
    expect(((sentBytes + asked().length * 700) * 8) / (2 * 3600)).toBeLessThan(500)
    city.serves(peerIdOf('newcomer'), 1)
    city.answers(peerIdOf('newcomer'), none, 'withdrawn/1')
    const before = asked().length
    await watchFor(keeper, 4 * 60_000)
    const later = asked().slice(before)
    expect(later.map(({ to }) => to)).toContain(peerIdOf('newcomer'))
  })
})

describe('a CAR that somebody brings', () => {
  const noted = { name: 'song', title: '', kind: '', language: '', description: '', licence: '' }

  /** A CAR of one small file, and what is said of it. */
  function carWith(content: Uint8Array, publication: (cid: CID) => Uint8Array): Buffer {
    const cid = cidOf(RAW, createHash('sha256').update(content).digest())
    const notes = encodeNotes([{ ...noted, cid, publication: publication(cid) }])
    const roots = [cid, ...notes.map((note) => note.cid)]
    return carOf({ roots, blocks: [{ cid, bytes: content }, ...notes] })
  }

  it('brings a publication as a peer does, and asks whether it was withdrawn', async () => {
    const publisher = await startPerson('publisher')
    const third = await startPerson('third')
    const cid = await publish(publisher)
    const car = await exportFrom(publisher.content, cid)
    expect(fates(await importInto(third.content, car))).toEqual([`item ${cid}`])
    // Of what stays private nobody is asked, and nobody is told of it.
    expect(askedBy(third)).toEqual([])
    expect(third.refusals.publicationOf(cid)).toMatchObject({ isShared: false })
    await importInto(third.content, car, { visibility: 'public' })
    expect(askedBy(third)).toEqual([String(cid)])
    expect(third.content.get(cid)?.publication).toEqual(publicationOf(publisher.content, cid))
    expect(third.refusals.publicationOf(cid)).toMatchObject({
      publisher: publisher.key.peerId,
      isShared: true,
    })
    // From now on it is as if it had come from a peer.
    await publisher.refusals.withdraw(cid, '')
    while (third.content.get(cid)?.visibility === 'public') await watchFor(third, HOUR_MS)
    expect(await statusOf(third, cid)).toBe(410)
  })

  it('brings the item alone when its publication is forged or of another', async () => {
    const third = await startPerson('third')
    const mallory = keyOf('mallory')
    const other = cidOf(RAW, new Uint8Array(32))
    const sign = (root: CID, name = CITY): Buffer =>
      Buffer.from(signPublication({ root, sequence: 1, title: 'x' }, name, mallory).bytes)
    const bend = (signed: Buffer): Buffer => {
      signed[signed.length - 1] = (signed.at(-1) ?? 0) ^ 1
      return signed
    }
    const lies: ((cid: CID) => Uint8Array)[] = [
      (cid) => bend(sign(cid)),
      () => sign(other),
      (cid) => sign(cid, parseCityId('away')),
      () => Buffer.alloc(513),
      () => Buffer.of(1),
    ]
    for (const [index, lie] of lies.entries()) {
      const car = carWith(bytesOf(200 + index, 500), lie)
      const { roots } = await importInto(third.content, car, { visibility: 'public' })
      expect(roots, `lie ${index}`).toMatchObject([{ kind: 'item', item: { isWhole: true } }])
      const [item] = third.content.list().slice(-1)
      expect(item?.publication, `lie ${index}`).toBeUndefined()
      expect(item && third.refusals.publicationOf(item.cid)).toBeUndefined()
    }
  })

  it('does not take an item from the key that it is bound to', async () => {
    const publisher = await startPerson('publisher')
    const third = await startPerson('third')
    const cid = await publish(publisher)
    await third.content.fetch(cid, publicly)
    const mallory = keyOf('mallory')
    const car = carWith(bytes, (root) => {
      expect(root.equals(cid)).toBe(true)
      return signPublication({ root, sequence: 9, title: 'mine' }, CITY, mallory).bytes
    })
    await importInto(third.content, car, { visibility: 'public' })
    expect(third.refusals.publicationOf(cid)?.publisher).toBe(publisher.key.peerId)
    expect(third.content.get(cid)?.publication).toEqual(publicationOf(publisher.content, cid))
  })

  it('brings no publication by another key than is known, of an item that was not here', async () => {
    const publisher = await startPerson('publisher')
    const third = await startPerson('third')
    const cid = await publish(publisher)
    const signed = publicationOf(publisher.content, cid) ?? Buffer.of()
    const known = third.refusals.readPublication(signed, cid)
    if (known === undefined) throw new Error('it is genuine')
    await third.refusals.notePublication(known, { isShared: false })
    const car = carWith(bytes, (root) => {
      return signPublication({ root, sequence: 9, title: 'mine' }, CITY, keyOf('mallory')).bytes
    })
    expect(fates(await importInto(third.content, car))).toEqual([`item ${cid}`])
    expect(third.content.get(cid)?.publication).toBeUndefined()
    expect(third.refusals.publicationOf(cid)?.publisher).toBe(publisher.key.peerId)
  })

  it('does not bring back what was withdrawn', async () => {
    const publisher = await startPerson('publisher')
    const cid = await publish(publisher)
    const stays = await publish(publisher, bytesOf(92, 3_000))
    const car = await exportFrom(publisher.content, cid, stays)
    await publisher.refusals.withdraw(cid, '')
    const third = await startPerson('third')
    const report = await importInto(third.content, car, { visibility: 'public' })
    expect(fates(report)).toEqual([`refused ${cid}`, `item ${stays}`])
    expect(third.content.list().map((item) => String(item.cid))).toEqual([String(stays)])
    expect(await statusOf(third, cid)).toBe(410)
    // It is known from now on, also when nobody can be asked.
    await publisher.stop()
    expect(fates(await importInto(third.content, car))).toEqual([`refused ${cid}`, `item ${stays}`])
  })

  it('of which something is missing leaves no word of its publication', async () => {
    const publisher = await startPerson('publisher')
    const third = await startPerson('third')
    const cid = await publish(publisher, bytesOf(93, 3 * MEBIBYTE))
    const { roots, blocks } = await contentsOf(await exportFrom(publisher.content, cid))
    const leaf = blocks.findIndex((block) => block.cid.code === RAW)
    const car = carOf({ roots, blocks: blocks.toSpliced(leaf, 1) })
    const report = await importInto(third.content, car, { visibility: 'public' })
    expect(fates(report)).toEqual([`incomplete ${cid}: 1`])
    expect(third.refusals.publicationOf(cid)).toBeUndefined()
  })
})
