// SPDX-License-Identifier: AGPL-3.0-or-later
/** How the page follows its node, on a node in memory and a clock that moves when told. */
import { beforeEach, describe, expect, it } from 'vitest'
import { SeededRandom, VirtualClock } from '../../src/base/base.ts'
import type { AddAnswer } from '../../src/contract/contract.ts'
import { RETRY_MS_MAX, SILENCE_MS_MAX } from '../../src/web/page/limits.ts'
import {
  type Drawer,
  emptyPicture,
  OwnerKey,
  type Picture,
  Session,
  Store,
} from '../../src/web/page/state/state.ts'
import { FakeNode, OWNER_TOKEN } from '../support/fake-node.ts'
import { makeCid, makeItem } from '../support/fake-node-facts.ts'

const NO_DRAWER: Drawer = { getItem: () => null, setItem: () => {}, removeItem: () => {} }

let node: FakeNode
let clock: VirtualClock
let key: OwnerKey
let session: Session

beforeEach(() => {
  node = new FakeNode()
  clock = new VirtualClock()
  key = new OwnerKey({ session: NO_DRAWER, lasting: NO_DRAWER })
  const draw = (frame: () => void): void => queueMicrotask(frame)
  session = new Session({
    transport: (request) => {
      const { token } = key
      const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` }
      return node.transport({ ...request, headers: { ...request.headers, ...authorization } })
    },
    upload: (file, { name, visibility }, work): Promise<AddAnswer> => {
      work.onProgress(file.size, file.size)
      return session.client.addItem(chunks(file), { name, visibility, signal: work.signal })
    },
    clock,
    random: new SeededRandom(3),
    store: new Store(emptyPicture('guest', 0), draw),
    key,
  })
})

async function* chunks(file: File): AsyncGenerator<Uint8Array> {
  yield new Uint8Array(await file.arrayBuffer())
}

/** Resolves once the picture is so; the test's own time limit ends a wait for what never comes. */
function until(isSo: (picture: Picture) => boolean): Promise<Picture> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (!isSo(session.store.picture)) return
      end()
      resolve(session.store.picture)
    }
    const end = session.store.listen(look)
    look()
  })
}

const isLive = ({ connection }: Picture): boolean => connection.phase === 'live'
const isOffline = ({ connection }: Picture): boolean => connection.phase === 'offline'
const hears = (): Promise<void> =>
  new Promise((resolve) => {
    const look = (): unknown => (node.listenersCount > 0 ? resolve() : setImmediate(look))
    look()
  })

describe('a guest', () => {
  it('sees what is public and nothing else', async () => {
    session.start()
    const picture = await until(isLive)
    expect(picture.role).toBe('guest')
    expect(picture.status.value).not.toHaveProperty('dataFolder')
    expect(picture.items.value?.items.some(({ name }) => name === 'diary.txt')).toBe(false)
    expect(picture.links.value?.links.some(({ kind }) => kind === 'peer')).toBe(false)
    expect(node.asked).not.toContain('GET /v1/transfers')
    session.stop()
  })

  it('hears what changes, and searches', async () => {
    session.start()
    await until(isLive)
    await hears()
    node.tell({ event: 'vitals', vitals: { ...node.vitals, temperatureCelsius: 42 } })
    await until(({ vitals }) => vitals.value?.temperatureCelsius === 42)
    await session.search('BREAD')
    const { items } = session.store.picture
    expect(items.value?.items.map(({ name }) => name)).toEqual(['bread.md'])
    session.stop()
  })
})

describe('the owner', () => {
  it('sees everything, with the token that was kept', async () => {
    key.keep(OWNER_TOKEN, { isOwnDevice: false })
    session.start()
    const picture = await until(isLive)
    expect(picture.role).toBe('owner')
    expect(picture.status.value).toHaveProperty('dataFolder')
    expect(picture.items.value?.items.some(({ name }) => name === 'diary.txt')).toBe(true)
    session.stop()
  })

  it('with a token that is not the node’s becomes a guest, and the token is forgotten', async () => {
    session.signIn('wrong', { isOwnDevice: false })
    const picture = await until((now) => isLive(now) && now.role === 'guest')
    expect(picture.status.value).toBeDefined()
    expect(session.isTokenRefused).toBe(true)
    expect(key.token).toBeUndefined()
    session.signIn(OWNER_TOKEN, { isOwnDevice: false })
    await until((now) => isLive(now) && now.role === 'owner')
    expect(session.isTokenRefused).toBe(false)
    session.stop()
  })

  it('who signs out leaves nothing of the owner’s in the picture', async () => {
    session.signIn(OWNER_TOKEN, { isOwnDevice: false })
    await until(isLive)
    session.signOut()
    expect(session.store.picture).toEqual(emptyPicture('guest', clock.monotonicMs()))
    await until(isLive)
    expect(session.store.picture.items.value?.items.every((item) => !('visibility' in item))).toBe(
      true,
    )
    session.stop()
  })

  it('adds a file, sees it at once, and can try again what failed', async () => {
    session.signIn(OWNER_TOKEN, { isOwnDevice: false })
    await until(isLive)
    const file = new File(['hello'], 'hello.txt')
    const task = { kind: 'upload', name: file.name, totalBytes: file.size } as const
    node.broken.add('/v1/items')
    session.add(file, { ...task, visibility: 'private' })
    await jobIs('failed')
    expect(session.jobs.all[0]?.trouble).toMatchObject({ code: 'BROKEN' })
    node.broken.clear()
    session.jobs.retry(session.jobs.all[0]?.id ?? 0)
    await jobIs('done')
    expect(node.items[0]).toMatchObject({ name: 'hello.txt', visibility: 'private' })
    session.stop()
  })

  it('stops a fetch that is under way', async () => {
    session.signIn(OWNER_TOKEN, { isOwnDevice: false })
    await until(isLive)
    node.held = new Promise(() => {})
    const wanted = { cid: makeCid(50), path: '' }
    session.fetch({ kind: 'fetch', ...wanted, visibility: 'private', isKept: false })
    session.fetch({ kind: 'fetch', ...wanted, visibility: 'private', isKept: false })
    const [first, second] = session.jobs.all
    expect([first?.state, second?.state]).toEqual(['running', 'waiting'])
    session.jobs.dismiss(second?.id ?? 0)
    expect(session.jobs.all).toHaveLength(1)
    session.stop()
  })
})

function jobIs(state: string): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (session.jobs.all.at(-1)?.state !== state) return
      end()
      resolve()
    }
    const end = session.jobs.listen(look)
    look()
  })
}

describe('a node that goes away', () => {
  it('is said to be away, with what was known, and is there again', async () => {
    session.start()
    await until(isLive)
    await hears()
    node.isAway = true
    node.hangUp()
    const away = await until(isOffline)
    expect(away.status.value).toBeDefined()
    node.isAway = false
    session.wake()
    await until(isLive)
    session.stop()
  })

  it('keeps the time since when, however often it is tried', async () => {
    node.isAway = true
    session.start()
    const first = await until(isOffline)
    await clock.advanceAsync(RETRY_MS_MAX)
    const again = await until(
      ({ connection }) => connection !== first.connection && isOffline(session.store.picture),
    )
    expect(again.connection.sinceMs).toBe(first.connection.sinceMs)
    session.stop()
  })

  it('is noticed by its silence', async () => {
    session.start()
    await until(isLive)
    await hears()
    await clock.advanceAsync(SILENCE_MS_MAX + 1)
    const { connection } = await until(isOffline)
    expect(connection).toMatchObject({ trouble: { code: 'API_UNREACHABLE' } })
    session.stop()
  })
})

describe('a part that fails', () => {
  it('leaves the others as they are, and can be read again', async () => {
    node.broken.add('/v1/links')
    session.start()
    const picture = await until(isLive)
    expect(picture.links).toMatchObject({ value: undefined, trouble: { code: 'BROKEN' } })
    expect(picture.vitals.value).toBeDefined()
    node.broken.clear()
    await session.reread('links')
    expect(session.store.picture.links).toMatchObject({ trouble: undefined })
    session.stop()
  })
})

describe('items that are not listed yet', () => {
  it('come by reading the list again, once for many', async () => {
    session.start()
    await until(isLive)
    await hears()
    const fresh = Array.from({ length: 20 }, (_, number) => makeItem({ name: `new ${number}` }))
    node.items = [...fresh, ...node.items]
    const before = node.asked.filter((path) => path === 'GET /v1/items').length
    for (const item of fresh)
      node.tell({ event: 'items', changed: [item], removed: [], isCut: false })
    await until(({ itemsAskedCount }) => itemsAskedCount === fresh.length)
    await Promise.resolve()
    await clock.advanceAsync(1_000)
    const picture = await until(({ items }) => items.value?.items[0]?.name === 'new 0')
    expect(picture.items.value?.items).toHaveLength(28)
    expect(node.asked.filter((path) => path === 'GET /v1/items').length - before).toBe(1)
    session.stop()
  })
})
