// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ITEMS_TOLD_MAX, KEEP_ALIVE_MS } from '../../src/api/live/limits.ts'
import { linkTo } from '../support/live.ts'
import { cid, item, OTHER, peerId, World } from './live-support.ts'

let world: World

beforeEach(() => {
  world = new World()
  world.live.start()
})

afterEach(() => world.live.stop())

describe('whoever begins to listen', () => {
  it('hears first how all is: the owner transfers too, a guest no farther peers', async () => {
    world.sources.watched = [linkTo(OTHER, 'neighbour'), linkTo(peerId(3), 'peer')]
    const owner = world.listen('owner')
    const guest = world.listen('anybody')
    await owner.read()
    await guest.read()
    expect(owner.events.map(({ event }) => event)).toEqual(['status', 'links', 'vitals'])
    expect(owner.named('links')[0]?.links).toHaveLength(2)
    expect(guest.events.map(({ event }) => event)).toEqual(['status', 'links', 'vitals'])
    expect(guest.named('links')[0]?.links.map(({ kind }) => kind)).toEqual(['neighbour'])
    expect(guest.text).not.toContain('/data')
    expect(owner.named('status')[0]?.status).toMatchObject({ name: 'Roof', dataFolder: '/data' })
  })

  it('hears of those happenings after the one that it knows', async () => {
    const { latestId } = world.live.happenings
    world.change(undefined, item(1))
    world.change(undefined, item(2))
    const listener = world.listen('owner', latestId + 1)
    await listener.read()
    expect(listener.named('happening').map(({ happening }) => happening.name)).toEqual(['item 2'])
    expect(listener.text).toContain(`id: ${latestId + 2}\ndata: `)
  })

  it('hears of all that are kept, when it knows one of another run', async () => {
    const listener = world.listen('owner', world.live.happenings.latestId + 500)
    await listener.read()
    expect(listener.named('happening').map(({ happening }) => happening.code)).toEqual([
      'NODE_STARTED',
    ])
  })

  it('starts what is watched only for listeners, and the last one ends it', async () => {
    const first = world.listen('owner')
    const second = world.listen('anybody')
    await first.read()
    await second.read()
    expect(world.sources.attendingCount).toBe(1)
    first.leave()
    await world.clock.advanceAsync(0)
    expect(world.sources.attendingCount).toBe(1)
    second.leave()
    await world.clock.advanceAsync(0)
    expect(world.sources.attendingCount).toBe(0)
    const { readings } = world.sources
    await world.clock.advanceAsync(60_000)
    expect(world.sources.readings).toBe(readings)
  })
})

describe('the status', () => {
  it('is told anew when something in it changed, at most once a second', async () => {
    const listener = world.listen('owner')
    await listener.read()
    listener.clear()
    for (let number = 0; number < 10; number++) world.change(undefined, item(number))
    await world.clock.advanceAsync(900)
    expect(listener.named('status')).toHaveLength(0)
    await world.clock.advanceAsync(100)
    expect(listener.named('status').map(({ status }) => status)).toMatchObject([{ itemsCount: 10 }])
  })

  it('is not told anew because time goes by', async () => {
    const listener = world.listen('owner')
    await listener.read()
    listener.clear()
    await world.clock.advanceAsync(60_000)
    expect(listener.named('status')).toHaveLength(0)
  })

  it('reaches those who listened before, when somebody new came meanwhile', async () => {
    const first = world.listen('owner')
    await first.read()
    first.clear()
    world.change(undefined, item(1))
    await world.clock.advanceAsync(500)
    const second = world.listen('owner')
    await second.read()
    await world.clock.advanceAsync(500)
    expect(first.named('status').map(({ status }) => status)).toMatchObject([{ itemsCount: 1 }])
  })
})

describe('links and vitals', () => {
  it('are told with every step', async () => {
    const listener = world.listen('anybody')
    await listener.read()
    listener.clear()
    world.sources.watched = [linkTo(OTHER, 'neighbour', { rttMs: 2.25 })]
    world.sources.step()
    await world.clock.advanceAsync(5_000)
    expect(listener.named('links')[0]?.links).toMatchObject([{ rttMs: 2.25, lossIn: null }])
    expect(listener.named('vitals')[0]?.vitals).toMatchObject({
      temperatureCelsius: 48.2,
      memory: null,
      store: { usedBytes: 1_000, limitBytes: null },
    })
  })
})

describe('changes of items', () => {
  it('are gathered: however many, four events a second, each once put together', async () => {
    const listeners = [world.listen('owner'), world.listen('owner'), world.listen('owner')]
    for (const listener of listeners) await listener.read()
    for (const listener of listeners) listener.clear()
    world.looks.items = 0
    world.looks.observed = 0
    for (let step = 0; step < 100; step++) {
      for (let number = 0; number < 10; number++) world.change(undefined, item(step * 10 + number))
      await world.clock.advanceAsync(10)
    }
    await world.clock.advanceAsync(250)
    for (const listener of listeners) {
      expect(listener.named('items').length).toBeLessThanOrEqual(5)
      const told = listener.named('items').map(({ changed, isCut }) => [changed.length, isCut])
      expect(told[0]).toEqual([ITEMS_TOLD_MAX, true])
    }
    // Three listeners, a thousand changes: five batches, of which each item is looked up once.
    expect(world.looks.items).toBeLessThanOrEqual(5 * ITEMS_TOLD_MAX)
    expect(world.looks.observed).toBeLessThanOrEqual(2)
  })

  it('of private items are nothing to guests, not even as some of too many', async () => {
    const guest = world.listen('anybody')
    await guest.read()
    guest.clear()
    for (let number = 0; number < 2 * ITEMS_TOLD_MAX; number++) {
      world.change(undefined, item(number, { visibility: 'private' }))
    }
    const hidden = item(999, { visibility: 'private', name: 'secret' })
    world.change(hidden, undefined)
    await world.clock.advanceAsync(300)
    expect(guest.text).toBe('')
  })

  it('tell guests of what was public that it is gone', async () => {
    const guest = world.listen('anybody')
    await guest.read()
    guest.clear()
    const before = item(1)
    world.change(before, { ...before, visibility: 'private' })
    world.change(undefined, item(2))
    world.change(item(3), undefined)
    await world.clock.advanceAsync(300)
    expect(guest.named('items')).toMatchObject([
      {
        changed: [{ cid: cid(2).toString() }],
        removed: [cid(1).toString(), cid(3).toString()],
        isCut: false,
      },
    ])
    expect(guest.named('items')[0]?.changed[0]).not.toHaveProperty('visibility')
  })

  it('that are long are cut before a reader would break', async () => {
    const listener = world.listen('owner')
    await listener.read()
    listener.clear()
    const description = 'x'.repeat(4_000)
    for (let number = 0; number < 90; number++)
      world.change(undefined, item(number, { description }))
    await world.clock.advanceAsync(300)
    const [told] = listener.named('items')
    expect(told?.isCut).toBe(true)
    expect(told?.changed.length).toBeGreaterThan(20)
    expect(Math.max(...listener.text.split('\n').map(({ length }) => length))).toBeLessThan(150_000)
  })
})

describe('a listener that reads slowly', () => {
  it('gets the latest of each kind, and no more than that', async () => {
    const slow = world.listen('owner')
    await slow.readOnce()
    await slow.readOnce()
    slow.clear()
    for (let step = 1; step <= 1_000; step++) {
      world.sources.watched = [linkTo(OTHER, 'neighbour', { rttMs: step })]
      world.sources.step()
      world.change(undefined, item(step))
      await world.clock.advanceAsync(250)
    }
    await slow.readOnce()
    expect(slow.named('links').map(({ links }) => links[0]?.rttMs)).toEqual([1_000])
    expect(slow.named('vitals')).toHaveLength(1)
    expect(slow.named('status')).toHaveLength(1)
    expect(slow.named('items')).toHaveLength(1)
    expect(slow.named('items')[0]).toMatchObject({ isCut: true })
    // Those that are kept, which is what any listener is told.
    expect(slow.named('happening')).toHaveLength(500)
  })

  it('hears a comment when there is nothing to tell', async () => {
    const listener = world.listen('anybody')
    await listener.read()
    listener.clear()
    await world.clock.advanceAsync(KEEP_ALIVE_MS)
    // The vitals came in between: that was life enough.
    expect(listener.text).not.toContain('\n:\n')
    world.sources.vitals = () => new Promise(() => {})
    await world.clock.advanceAsync(KEEP_ALIVE_MS)
    listener.clear()
    await world.clock.advanceAsync(2 * KEEP_ALIVE_MS)
    expect(listener.text).toBe(':\n\n:\n\n')
  })
})

describe('the end', () => {
  it('of the node ends all that listen', async () => {
    const listener = world.listen('owner')
    await listener.read()
    world.live.stop()
    await world.clock.advanceAsync(0)
    expect(listener.isDone).toBe(true)
    expect(world.sources.attendingCount).toBe(0)
  })
})
