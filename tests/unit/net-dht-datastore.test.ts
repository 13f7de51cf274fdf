// SPDX-License-Identifier: AGPL-3.0-or-later
/** What the DHT keeps for others has bounds, whoever sends it. */
import { describe, expect, it } from 'vitest'
import { boundedDatastore, type DhtDatastore } from '../../src/net/dht-datastore.ts'

type Key = Parameters<DhtDatastore['put']>[0]

const BOUNDS = { providersMax: 6, providersPerPeerMax: 3, recordsMax: 2 }
const VALUE = new Uint8Array(1)

/** Keeps what it is told to keep, in memory; of the rest of a datastore nothing is asked here. */
function inMemory(): { inner: DhtDatastore; keys: () => string[] } {
  const held = new Map<string, Uint8Array>()
  const inner: Pick<DhtDatastore, 'put' | 'delete' | 'get' | 'has'> = {
    put: (key, value) => {
      held.set(key.toString(), value)
      return key
    },
    delete: (key) => void held.delete(key.toString()),
    get: (key) => held.get(key.toString()) ?? new Uint8Array(),
    has: (key) => held.has(key.toString()),
  }
  // The tests call these four alone, and what they test calls no other for them.
  return { inner: inner as DhtDatastore, keys: () => [...held.keys()] }
}

// Of a key only its text counts here.
const keyOf = (text: string): Key => ({ toString: () => text }) as Key
const provider = (id: string, peer: string): Key => keyOf(`/dht/provider/${id}/${peer}`)

function start() {
  const { inner, keys } = inMemory()
  const bounded = boundedDatastore(inner, { own: 'me', bounds: BOUNDS })
  const provide = async (peer: string, ...ids: string[]): Promise<void> => {
    for (const id of ids) await bounded.put(provider(id, peer), VALUE)
  }
  const held = (): string[] => keys().map((key) => key.replace('/dht/provider/', ''))
  return { bounded, provide, held }
}

describe('provider records', () => {
  it('of a peer that brings too many push out its own, oldest first', async () => {
    const { provide, held } = start()
    await provide('other', 'x')
    await provide('flood', ...Array.from({ length: 100 }, (_, at) => `n${at}`))
    expect(held()).toEqual(['x/other', 'n97/flood', 'n98/flood', 'n99/flood'])
  })

  it('of too many peers push out the oldest of all', async () => {
    const { provide, held } = start()
    for (let at = 0; at < 100; at++) await provide(`peer${at}`, 'x')
    expect(held()).toEqual([94, 95, 96, 97, 98, 99].map((at) => `x/peer${at}`))
  })

  it('that are sent again are new again', async () => {
    const { provide, held } = start()
    await provide('one', 'a', 'b', 'c', 'a', 'd')
    expect(held().sort()).toEqual(['a/one', 'c/one', 'd/one'])
  })

  it('of our own stay, and take no room', async () => {
    const { provide, held } = start()
    await provide('me', 'a', 'b', 'c', 'd', 'e')
    for (let at = 0; at < 100; at++) await provide(`peer${at}`, 'x')
    expect(held()).toHaveLength(5 + BOUNDS.providersMax)
    expect(held().filter((key) => key.endsWith('/me'))).toHaveLength(5)
  })

  it('that were removed make room', async () => {
    const { bounded, provide, held } = start()
    await provide('one', 'a', 'b', 'c')
    await bounded.delete(provider('b', 'one'))
    await provide('one', 'd')
    expect(held()).toEqual(['a/one', 'c/one', 'd/one'])
  })

  it('have the same bounds when they come by many ways', async () => {
    const { bounded, held } = start()
    const pairs = Array.from({ length: 9 }, (_, at) => ({
      key: provider(`n${at}`, 'one'),
      value: VALUE,
    }))
    for await (const _key of bounded.putMany(pairs));
    const batch = bounded.batch()
    for (const { key, value } of pairs) batch.put(key, value)
    await batch.commit()
    expect(held()).toEqual(['n6/one', 'n7/one', 'n8/one'])
  })
})

it('values have bounds of their own', async () => {
  const { bounded, provide, held } = start()
  await provide('one', 'a')
  for (let at = 0; at < 9; at++) await bounded.put(keyOf(`/dht/record/${at}`), VALUE)
  expect(held()).toEqual(['a/one', '/dht/record/7', '/dht/record/8'])
})
