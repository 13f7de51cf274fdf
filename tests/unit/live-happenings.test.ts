// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { CodedError } from '../../src/base/base.ts'
import { item, type Listener, OTHER, World } from './live-support.ts'

let world: World

beforeEach(() => {
  world = new World()
  world.live.start()
})

afterEach(() => world.live.stop())

describe('what happened', () => {
  it('is told at once, and to guests only what is public', async () => {
    const owner = world.listen('owner')
    const guest = world.listen('anybody')
    await owner.read()
    await guest.read()
    owner.clear()
    guest.clear()
    const { peerEvents, names } = world.sources
    names.set(OTHER, 'Next door')
    peerEvents.announce('peerConnected', { peerId: OTHER })
    world.change(undefined, item(1, { visibility: 'private', name: 'secret' }))
    world.change(undefined, item(2, { origin: 'fetched' }))
    names.delete(OTHER)
    peerEvents.announce('neighbourLost', {
      peerId: OTHER,
      interfaceName: 'wlan0',
      reason: 'carrier',
    })
    peerEvents.announce('peerLost', { peerId: OTHER })
    await world.clock.advanceAsync(0)
    const heard = (listener: Listener) =>
      listener.named('happening').map(({ happening: { code, name } }) => [code, name])
    expect(heard(owner)).toEqual([
      ['PEER_CONNECTED', 'Next door'],
      ['ITEM_ADDED', 'secret'],
      ['ITEM_FETCHED', 'item 2'],
      ['NEIGHBOUR_LOST', 'Next door'],
      ['PEER_LOST', 'Next door'],
    ])
    expect(heard(guest)).toEqual([
      ['ITEM_FETCHED', 'item 2'],
      ['NEIGHBOUR_LOST', 'Next door'],
    ])
    expect(guest.text).not.toContain('secret')
    expect(guest.named('happening')[1]?.happening).toMatchObject({ reason: 'carrier' })
  })

  it('says that an item became public, private, and went', () => {
    const hidden = item(1, { visibility: 'private' })
    world.change(hidden, item(1))
    world.change(item(1), hidden)
    world.change(hidden, { ...hidden, title: 'New title' })
    world.change(hidden, undefined)
    const codes = (audience: 'owner' | 'anybody') =>
      world.live.happenings.list(audience).map(({ code }) => code)
    expect(codes('owner')).toEqual([
      'NODE_STARTED',
      'ITEM_PUBLISHED',
      'ITEM_WITHDRAWN',
      'ITEM_REMOVED',
    ])
    expect(codes('anybody')).toEqual(['NODE_STARTED', 'ITEM_PUBLISHED', 'ITEM_WITHDRAWN'])
  })

  it('knows conditions that come, worsen and go, with nobody listening', () => {
    const hot = (severity: 'warning' | 'error') =>
      ({ code: 'TOO_HOT', severity, text: 'Hot.', advice: 'Cool it.' }) as const
    for (const conditions of [[hot('warning')], [hot('warning')], [hot('error')], []]) {
      world.conditions = conditions
      world.clock.advance(5_000)
    }
    expect(
      world.live.happenings
        .list('anybody')
        .map(({ code, level, subject, name }) => [code, level, subject, name]),
    ).toEqual([
      ['NODE_STARTED', 'info', null, ''],
      ['CONDITION_RAISED', 'warning', 'TOO_HOT', 'Hot.'],
      ['CONDITION_RAISED', 'error', 'TOO_HOT', 'Hot.'],
      // What is over, by its own name: not a sentence about it.
      ['CONDITION_CLEARED', 'good', 'TOO_HOT', 'Hot.'],
    ])
  })

  it('is kept up to 500 times, with ids that rise from run to run', () => {
    const { happenings } = world.live
    const first = happenings.latestId
    for (let number = 0; number < 600; number++) world.change(undefined, item(number))
    expect(happenings.list('owner')).toHaveLength(500)
    expect(happenings.list('owner')[0]?.name).toBe('item 100')
    expect(happenings.latestId).toBe(first + 600)
    expect(first).toBeGreaterThan(999_999)
  })
})

describe('transfers', () => {
  const ends = { endOf: () => ({ cid: 'bafy', name: 'film' }), fromOf: () => [OTHER] }
  const never = new AbortController().signal

  it('are told while they run, and how they ended', async () => {
    const listener = world.listen('owner')
    const guest = world.listen('anybody')
    await listener.read()
    await guest.read()
    listener.clear()
    guest.clear()
    let finish = (): void => {}
    const running = world.live.transfers.run(
      { kind: 'fetch', cid: 'bafy', name: '', signal: never },
      async (_signal, progress) => {
        progress(1_000, 10_000)
        await new Promise<void>((resolve) => {
          finish = resolve
        })
        progress(10_000, 10_000)
      },
      ends,
    )
    await world.clock.advanceAsync(250)
    finish()
    await running
    await world.clock.advanceAsync(250)
    const told = listener.named('transfers').map(({ transfers }) => transfers)
    expect(told).toMatchObject([
      [{ id: 1, state: 'running', receivedBytes: 1_000, totalBytes: 10_000, name: '' }],
      [{ id: 1, state: 'done', receivedBytes: 10_000, name: 'film' }],
    ])
    expect(guest.text).toBe('')
  })

  it('measure their rate from what came since they began', async () => {
    let report = (_received: number): void => {}
    void world.live.transfers.run(
      { kind: 'fetch', cid: 'bafy', name: '', signal: never },
      (_signal, progress) => {
        report = (received) => progress(received, 1_000_000)
        return new Promise(() => {})
      },
      ends,
    )
    // Half of it was here.
    report(500_000)
    world.clock.advance(1_000)
    report(600_000)
    expect(world.live.transfers.get(1)).toMatchObject({ bytesPerSecond: 100_000 })
  })

  it('that fail say why, and from whom there was something', async () => {
    const failing = world.live.transfers.run(
      { kind: 'fetch', cid: 'bafy', name: '', signal: never },
      () =>
        Promise.reject(new CodedError('CONTENT_NOT_FOUND', 'Nobody has it.', { advice: 'Wait.' })),
      ends,
    )
    await expect(failing).rejects.toThrow('Nobody has it.')
    expect(world.live.transfers.list()).toMatchObject([
      {
        state: 'failed',
        from: [OTHER],
        problem: { code: 'CONTENT_NOT_FOUND', detail: 'Nobody has it.', advice: 'Wait.' },
      },
    ])
    expect(world.live.happenings.list('owner').at(-1)).toMatchObject({
      code: 'FETCH_FAILED',
      reason: 'CONTENT_NOT_FOUND',
    })
    expect(world.live.happenings.list('anybody').at(-1)?.code).toBe('NODE_STARTED')
  })

  it('are stopped by the owner, and by whoever asked going away', async () => {
    const caller = new AbortController()
    const waits = (signal: AbortSignal) =>
      new Promise<never>((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason))
      })
    const begin = { kind: 'fetch', cid: 'bafy', name: '' } as const
    const byOwner = world.live.transfers.run({ ...begin, signal: never }, waits, ends)
    const byCaller = world.live.transfers.run({ ...begin, signal: caller.signal }, waits, ends)
    expect(world.live.transfers.stop(1)).toMatchObject({ state: 'stopped' })
    caller.abort(new CodedError('ABORTED', 'Gone.'))
    await expect(byOwner).rejects.toMatchObject({ code: 'TRANSFER_STOPPED' })
    await expect(byCaller).rejects.toMatchObject({ code: 'ABORTED' })
    expect(world.live.transfers.list().map(({ state, problem }) => [state, problem])).toEqual([
      ['stopped', null],
      ['stopped', null],
    ])
    expect(world.live.happenings.list('owner')).toHaveLength(1)
    expect(() => world.live.transfers.stop(3)).toThrow('no such transfer')
  })

  it('are kept: all that run, and the last fifty that ended', async () => {
    void world.live.transfers.run(
      { kind: 'add', cid: null, name: 'runs', signal: never },
      () => new Promise(() => {}),
      ends,
    )
    for (let count = 0; count < 60; count++) {
      await world.live.transfers.run(
        { kind: 'add', cid: null, name: '', signal: never },
        async () => {},
        ends,
      )
    }
    const kept = world.live.transfers.list()
    expect(kept).toHaveLength(51)
    expect(kept[0]).toMatchObject({ name: 'runs', state: 'running' })
    expect(kept[1]?.id).toBe(12)
  })
})
