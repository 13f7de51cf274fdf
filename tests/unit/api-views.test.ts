// SPDX-License-Identifier: AGPL-3.0-or-later
/** Views: for whom they are open, and for how long. */
import { beforeEach, describe, expect, it } from 'vitest'
import { VIEW_AGE_MS_MAX, VIEW_IDLE_MS_MAX, VIEWS_MAX } from '../../src/api/gateway/limits.ts'
import { Views, withoutViewId } from '../../src/api/gateway/views.ts'
import { parseCid, SeededRandom, VirtualClock } from '../../src/base/base.ts'

const CID = parseCid('bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy')
const PLACE = { cid: CID, path: ['docs'] }
const PHONE = '10.0.0.7'

let clock: VirtualClock
let views: Views

beforeEach(() => {
  clock = new VirtualClock()
  const library = { open: () => Promise.reject(new Error('nobody looks here')) }
  views = new Views({ library, clock, random: new SeededRandom(1) })
})

function openFor(address: string | undefined): string {
  return views.open(PLACE, address).path.slice('/view/'.length)
}

describe('a view', () => {
  it('has an address that nobody guesses, another one each time', () => {
    const ids = new Set(Array.from({ length: 100 }, () => openFor(PHONE)))
    expect(ids.size).toBe(100)
    for (const id of ids) expect(Buffer.from(id, 'base64url')).toHaveLength(24)
  })

  it('leads its own browser to one place', () => {
    const id = openFor(PHONE)
    expect(views.find(id, PHONE)).toMatchObject(PLACE)
    expect(views.find(id, `::ffff:${PHONE}`)).toMatchObject(PLACE)
    expect(views.find(id, '10.0.0.8')).toBeUndefined()
    expect(views.find(id, '127.0.0.1')).toBeUndefined()
    expect(views.find(`${id}x`, PHONE)).toBeUndefined()
  })

  it.each([undefined, '127.0.0.1', '::1', '::ffff:127.0.0.1'])(
    'that was opened at %s is for this machine',
    (address) => {
      const id = openFor(address)
      expect(views.find(id, '::1')).toMatchObject(PLACE)
      expect(views.find(id, '127.0.0.1')).toMatchObject(PLACE)
      expect(views.find(id, PHONE)).toBeUndefined()
    },
  )

  it('is over when nobody looks any more', () => {
    const id = openFor(PHONE)
    clock.advance(VIEW_IDLE_MS_MAX - 1)
    expect(views.find(id, PHONE)).toBeDefined()
    clock.advance(VIEW_IDLE_MS_MAX - 1)
    // Somebody else's look does not keep it alive.
    expect(views.find(id, '10.0.0.8')).toBeUndefined()
    expect(views.find(id, PHONE)).toBeDefined()
    clock.advance(VIEW_IDLE_MS_MAX)
    expect(views.find(id, PHONE)).toBeUndefined()
    expect(views.count).toBe(0)
  })

  it('is over after a while, though somebody looks all the time', () => {
    const id = openFor(PHONE)
    for (let passedMs = 0; passedMs + 60_000 < VIEW_AGE_MS_MAX; passedMs += 60_000) {
      clock.advance(60_000)
      expect(views.find(id, PHONE)).toBeDefined()
    }
    clock.advance(60_000)
    expect(views.find(id, PHONE)).toBeUndefined()
  })

  it('gives way when there are many: first the one that was not used for longest', () => {
    const [first, second] = [openFor(PHONE), openFor(PHONE)]
    for (let more = 2; more < VIEWS_MAX; more += 1) openFor(PHONE)
    expect(views.find(first, PHONE)).toBeDefined()
    openFor(PHONE)
    expect(views.count).toBe(VIEWS_MAX)
    expect(views.find(first, PHONE)).toBeDefined()
    expect(views.find(second, PHONE)).toBeUndefined()
  })
})

describe('in a log', () => {
  it.each(['/view/SECRET', '/view/SECRET/a?b', '//view//SECRET/a', '/VIEW/SECRET#x'])(
    '%s has no secret',
    (target) => {
      expect(withoutViewId(target)).not.toContain('SECRET')
      expect(withoutViewId('/ipfs/bafy/view/x')).toBe('/ipfs/bafy/view/x')
    },
  )
})
