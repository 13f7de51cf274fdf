// SPDX-License-Identifier: AGPL-3.0-or-later
/** What the page makes of what its node says: the picture, the places, the owner's token. */
import { describe, expect, it } from 'vitest'
import { SeededRandom } from '../../src/base/base.ts'
import type { Happening, LinkFacts, TransferFacts } from '../../src/contract/contract.ts'
import { HAPPENINGS_MAX, SAMPLES_MAX, TRANSFERS_MAX } from '../../src/web/page/limits.ts'
import {
  type Drawer,
  downloadUrl,
  emptyPicture,
  type Fact,
  formatRoute,
  gatewayUrl,
  OwnerKey,
  type Picture,
  parseRoute,
  parseWanted,
  reduce,
  retryDelayMs,
  Store,
  shareUrl,
  takeToken,
  tokenFromPaste,
} from '../../src/web/page/state/state.ts'
import { LINKS, makeCid, makeItem, STATUS, VITALS } from '../support/fake-node-facts.ts'

const NOW_MS = 1_000_000

function pictureAfter(...facts: readonly Fact[]): Picture {
  return facts.reduce(reduce, emptyPicture('owner', 0))
}

function happening(id: number, secondsAgo = 0): Happening {
  const rest = { level: 'info', at: '', subject: null, name: '', reason: null, text: '' } as const
  return { id, code: 'NODE_STARTED', secondsAgo, ...rest }
}

function transfer(id: number, state: TransferFacts['state']): TransferFacts {
  const bytes = { receivedBytes: 1, totalBytes: 2, bytesPerSecond: null }
  const rest = { cid: null, name: 'x', startedSecondsAgo: 3, from: [], problem: null }
  return { id, kind: 'add', state, ...bytes, ...rest }
}

function event(of: Extract<Fact, { fact: 'event' }>['event'], nowMs = NOW_MS): Fact {
  return { fact: 'event', event: of, nowMs }
}

describe('the picture', () => {
  it('begins with nothing known, and forgets all of it for another visitor', () => {
    const owner = pictureAfter(
      { fact: 'status', status: STATUS, nowMs: 5 },
      { fact: 'vitals', vitals: VITALS },
    )
    expect(owner.status.value).toBe(STATUS)
    const guest = reduce(owner, { fact: 'began', role: 'guest', nowMs: 9 })
    expect(guest).toEqual(emptyPicture('guest', 9))
  })

  it('keeps a value that could not be renewed, beside the trouble', () => {
    const trouble = { code: 'X', text: 'broken', advice: undefined }
    const picture = pictureAfter(
      { fact: 'vitals', vitals: VITALS },
      { fact: 'trouble', panel: 'vitals', trouble },
    )
    expect(picture.vitals).toEqual({ value: VITALS, trouble })
    expect(pictureAfter({ fact: 'vitals', vitals: VITALS }).vitals.trouble).toBeUndefined()
  })

  it('adds a sample to each link, forgets links that are gone, and keeps no more than its limit', () => {
    const [first, second] = LINKS
    if (first === undefined || second === undefined) throw new Error('the fixture has two links')
    const { samples: _samples, ...now } = { ...first, rttMs: 77 }
    const step = event({ event: 'links', stepSeconds: 5, links: [now] })
    const one = pictureAfter(
      { fact: 'links', links: { stepSeconds: 5, links: [first, second] } },
      step,
    )
    expect(one.links.value?.links).toHaveLength(1)
    expect(one.links.value?.links[0]?.samples.rttMs.slice(-2)).toEqual([
      first.samples.rttMs.at(-1),
      77,
    ])
    const many = Array.from({ length: SAMPLES_MAX + 50 }, () => step).reduce(reduce, one)
    const { samples } = many.links.value?.links[0] ?? first
    expect(Object.values(samples).map((series) => series.length)).toEqual(
      Array.from({ length: 5 }, () => SAMPLES_MAX),
    )
  })

  it('tells links of one peer over two interfaces apart', () => {
    const link = (interfaceName: string, rttMs: number): LinkFacts => {
      const { samples: _samples, ...facts } = LINKS[0] ?? LINKS[1] ?? raise()
      return { ...facts, interfaceName, rttMs }
    }
    const told = event({
      event: 'links',
      stepSeconds: 5,
      links: [link('eth0', 1), link('wlan0', 9)],
    })
    const picture = pictureAfter(told, told)
    expect(picture.links.value?.links.map(({ samples }) => samples.rttMs)).toEqual([
      [1, 1],
      [9, 9],
    ])
  })

  it('has what happened newest first, each once, with the time by our own clock', () => {
    const picture = pictureAfter(
      { fact: 'happenings', happenings: [happening(1, 60), happening(2, 30)], nowMs: NOW_MS },
      event({ event: 'happening', happening: happening(2, 30) }),
      event({ event: 'happening', happening: happening(3) }),
    )
    const heard = picture.happenings.value ?? []
    expect(heard.map(({ id }) => id)).toEqual([3, 2, 1])
    expect(heard.at(-1)?.heardMs).toBe(NOW_MS - 60_000)
  })

  it('survives a flood with no more than its limits', () => {
    const facts = Array.from({ length: 3_000 }, (_, id) => [
      event({ event: 'happening', happening: happening(id) }),
      event({ event: 'transfers', transfers: [transfer(id, 'done')] }),
    ]).flat()
    const picture = pictureAfter(
      event({ event: 'transfers', transfers: [transfer(0, 'running')] }),
      ...facts,
    )
    expect(picture.happenings.value).toHaveLength(HAPPENINGS_MAX)
    expect(picture.transfers.value).toHaveLength(TRANSFERS_MAX)
  })

  it('keeps every transfer that runs, and when it began', () => {
    const running = Array.from({ length: TRANSFERS_MAX + 20 }, (_, id) => transfer(id, 'running'))
    const picture = pictureAfter(
      { fact: 'transfers', transfers: running, nowMs: NOW_MS },
      event({ event: 'transfers', transfers: [transfer(3, 'running')] }, NOW_MS + 60_000),
    )
    expect(picture.transfers.value).toHaveLength(TRANSFERS_MAX + 20)
    const third = picture.transfers.value?.find(({ id }) => id === 3)
    expect(third?.startedMs).toBe(NOW_MS - 3_000)
  })

  it('renews listed items in place, drops removed ones, and asks again for what it does not list', () => {
    const [a, b, c] = [makeItem({ name: 'a' }), makeItem({ name: 'b' }), makeItem({ name: 'c' })]
    const list = { match: '', items: [a, b], itemsCount: 2, next: null }
    const listed = pictureAfter({ fact: 'items', items: list })
    const told = event({
      event: 'items',
      changed: [{ ...a, title: 'A' }],
      removed: [b.cid],
      isCut: false,
    })
    const known = reduce(listed, told)
    expect(known.items.value?.items).toEqual([{ ...a, title: 'A' }])
    expect(known.items.value?.itemsCount).toBe(1)
    expect(known.itemsAskedCount).toBe(0)
    expect(known.changedItems).toEqual([{ ...a, title: 'A' }])
    const news = reduce(known, event({ event: 'items', changed: [c], removed: [], isCut: false }))
    expect(news.itemsAskedCount).toBe(1)
    const cut = event({ event: 'items', changed: [], removed: [], isCut: true })
    expect(reduce(news, cut).itemsAskedCount).toBe(2)
  })
})

function raise(): never {
  throw new Error('the fixture has links')
}

describe('the store', () => {
  it('draws once a frame, however much it is told', () => {
    const frames: (() => void)[] = []
    const store = new Store(emptyPicture('guest', 0), (draw) => frames.push(draw))
    let drawnCount = 0
    const end = store.listen(() => drawnCount++)
    for (let id = 0; id < 1_000; id++) {
      store.tell(event({ event: 'happening', happening: happening(id) }))
    }
    expect(frames).toHaveLength(1)
    frames.shift()?.()
    expect(drawnCount).toBe(1)
    expect(store.picture.happenings.value?.[0]?.id).toBe(999)
    store.tell({ fact: 'tick', nowMs: 1 })
    end()
    frames.shift()?.()
    expect(drawnCount).toBe(1)
  })
})

describe('places', () => {
  it.each([
    ['', { view: 'overview' }],
    ['#/', { view: 'overview' }],
    ['#/neighbours', { view: 'neighbours' }],
    ['#/items', { view: 'items' }],
    ['#/item/bafy123', { view: 'item', cid: 'bafy123', path: '' }],
    ['#/item/bafy123/a%20b/c%2Fd', { view: 'item', cid: 'bafy123', path: 'a b/c/d' }],
    ['#/item/bafy123/%E0%A4%A', { view: 'item', cid: 'bafy123', path: '%E0%A4%A' }],
    ['#/item/', { view: 'nowhere' }],
    [`#/item/${'b'.repeat(300)}`, { view: 'nowhere' }],
    ['#/items/x', { view: 'nowhere' }],
    ['#/constructor', { view: 'nowhere' }],
    ['#/<script>', { view: 'nowhere' }],
  ])('reads %s', (fragment, route) => {
    expect(parseRoute(fragment)).toEqual(route)
  })

  it('writes what it reads', () => {
    for (const fragment of ['#/', '#/log', '#/machine', '#/item/bafy123', '#/item/b/a%20b/c%3F']) {
      const route = parseRoute(fragment)
      if (route.view === 'nowhere') throw new Error(fragment)
      expect(formatRoute(route)).toBe(fragment)
    }
  })
})

describe('what people paste', () => {
  const cid = makeCid(5)

  it.each([
    [cid, { cid, path: '' }],
    [`  ${cid}\n`, { cid, path: '' }],
    [`ipfs://${cid}/a/b`, { cid, path: 'a/b' }],
    [`/ipfs/${cid}/`, { cid, path: '' }],
    [
      `http://192.168.1.5:7481/ipfs/${cid}/my%20file.txt?download=true`,
      { cid, path: 'my file.txt' },
    ],
    [`http://pi.local:7480/#/item/${cid}`, { cid, path: '' }],
    [`http://pi.local:7480/#/item/${cid}/a%20b`, { cid, path: 'a b' }],
    [`https://${cid}.ipfs.dweb.link/x`, { cid, path: 'x' }],
    [
      'QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG',
      { cid: 'QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG', path: '' },
    ],
    ['', undefined],
    ['hello', undefined],
    ['javascript:alert(1)', undefined],
    ['http://pi.local:7480/#/items', undefined],
    [`${cid}<script>`, undefined],
  ])('%s', (text, wanted) => {
    expect(parseWanted(text)).toEqual(wanted)
  })
})

describe('addresses', () => {
  const wanted = { cid: makeCid(5), path: 'a b/c' }
  const lan = { protocol: 'http:', hostname: 'pi.local', origin: 'http://pi.local:7480' }
  const here = { protocol: 'http:', hostname: '127.0.0.1', origin: 'http://127.0.0.1:7480' }

  it('leads to the gateway of the same machine', () => {
    const url = gatewayUrl(lan, 7481, wanted)
    expect(url).toBe(`http://pi.local:7481/ipfs/${wanted.cid}/a%20b/c`)
    expect(downloadUrl(url)).toBe(`${url}?download=true`)
  })

  it('shares what others can open, where the node tells an address', () => {
    const fragment = `#/item/${wanted.cid}/a%20b/c`
    const addresses = ['/ip4/127.0.0.1/tcp/1', '/ip6/fd00::1/tcp/1', '/ip4/192.168.1.20/tcp/7440']
    expect(shareUrl(lan, wanted, addresses)).toBe(`http://pi.local:7480/${fragment}`)
    expect(shareUrl(here, wanted, addresses)).toBe(`http://192.168.1.20:7480/${fragment}`)
    expect(shareUrl(here, wanted, [])).toBe(`http://127.0.0.1:7480/${fragment}`)
  })
})

/** A drawer, or one that a browser forbids. */
class FakeDrawer implements Drawer {
  readonly kept = new Map<string, string>()
  readonly #isForbidden: boolean

  constructor(isForbidden = false) {
    this.#isForbidden = isForbidden
  }

  getItem(key: string): string | null {
    this.#check()
    return this.kept.get(key) ?? null
  }

  setItem(key: string, value: string): void {
    this.#check()
    this.kept.set(key, value)
  }

  removeItem(key: string): void {
    this.#check()
    this.kept.delete(key)
  }

  #check(): void {
    if (this.#isForbidden) throw new Error('SecurityError')
  }
}

describe('the owner’s token', () => {
  it.each([
    ['#token=abc', 'abc', '#/'],
    ['#token=abc&', 'abc', '#/'],
    ['#/items?token=a-b_c', 'a-b_c', '#/items'],
    ['#/items&token=abc', 'abc', '#/items'],
    ['#token=%3Cscript%3E', undefined, '#/'],
    [`#token=${'a'.repeat(600)}`, undefined, '#/'],
    ['#token=', undefined, '#/'],
    ['#/item/bafytoken', undefined, '#/item/bafytoken'],
    ['', undefined, ''],
  ])('in %s', (fragment, token, rest) => {
    expect(takeToken(fragment)).toEqual({ token, rest })
  })

  it.each([
    ['http://pi.local:7480/#token=abc', 'abc'],
    [' abc ', 'abc'],
    ['http://pi.local:7480/', undefined],
    ['two words', undefined],
  ])('pasted as %s', (text, token) => {
    expect(tokenFromPaste(text)).toBe(token)
  })

  it('goes with the tab, unless the device is the owner’s own', () => {
    const drawers = { session: new FakeDrawer(), lasting: new FakeDrawer() }
    const key = new OwnerKey(drawers)
    key.keep('abc', { isOwnDevice: false })
    expect([drawers.session.kept.size, drawers.lasting.kept.size]).toEqual([1, 0])
    key.keep('def', { isOwnDevice: true })
    expect([drawers.session.kept.size, drawers.lasting.kept.size]).toEqual([0, 1])
    expect(new OwnerKey(drawers).token).toBe('def')
    key.forget()
    expect(new OwnerKey(drawers).token).toBeUndefined()
  })

  it('works for this visit where nothing can be kept', () => {
    const key = new OwnerKey({ session: new FakeDrawer(true), lasting: new FakeDrawer(true) })
    key.keep('abc', { isOwnDevice: true })
    expect(key.token).toBe('abc')
    key.forget()
    expect(key.token).toBeUndefined()
  })
})

describe('trying again', () => {
  it('waits ever longer, up to a limit', () => {
    const random = new SeededRandom(1)
    const delays = [1, 2, 3, 4, 5, 6, 20].map((tries) => retryDelayMs(tries, random))
    expect(delays.every((delay, index) => delay <= Math.min(30_000, 1_000 * 2 ** index))).toBe(true)
    expect(delays.every((delay, index) => delay >= Math.min(30_000, 750 * 2 ** index) * 0.75)).toBe(
      true,
    )
  })
})
