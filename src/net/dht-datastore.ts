// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * What the DHT keeps for others, bounded. kad-dht takes as many provider records as peers send and lets
 * go of them by age alone; so whoever may talk to it could fill the memory. Here the oldest go: of a
 * peer that brings too many its own, and of all when there are too many in sum. They are hints, which
 * their providers send again; nothing that is known here alone is lost.
 */
import type { kadDHT } from '@libp2p/kad-dht'

export type DhtDatastore = Parameters<ReturnType<typeof kadDHT>>[0]['datastore']
type Key = Parameters<DhtDatastore['put']>[0]

export interface DhtBounds {
  /** Provider records, of all peers together. */
  providersMax: number
  /** Of one peer. */
  providersPerPeerMax: number
  /** Values under keys: of kinds that kad-dht can verify. */
  recordsMax: number
}

/** Under which kad-dht keeps providers, as `/dht/provider/ID/PEER`. */
const PROVIDERS = '/dht/provider/'
/** Whose values are: nobody's in particular. */
const VALUES = 'values'

/** @param own whose records are ours: they are neither counted nor let go. */
export function boundedDatastore(
  inner: DhtDatastore,
  { own, bounds }: { own: string; bounds: DhtBounds },
): DhtDatastore {
  const held = new HeldKeys(bounds)
  const put: DhtDatastore['put'] = async (key, value, options) => {
    const owner = ownerOf(key)
    if (owner !== own) {
      for (const oldest of held.add(key, owner)) await inner.delete(oldest)
    }
    return inner.put(key, value, options)
  }
  const remove: DhtDatastore['delete'] = (key, options) => {
    held.delete(key)
    return inner.delete(key, options)
  }
  return {
    put,
    delete: remove,
    has: (key, options) => inner.has(key, options),
    get: (key, options) => inner.get(key, options),
    getMany: (keys, options) => inner.getMany(keys, options),
    query: (query, options) => inner.query(query, options),
    queryKeys: (query, options) => inner.queryKeys(query, options),
    async *putMany(pairs, options) {
      for await (const { key, value } of pairs) yield await put(key, value, options)
    },
    async *deleteMany(keys, options) {
      for await (const key of keys) {
        await remove(key, options)
        yield key
      }
    },
    batch: () => {
      const steps: (() => unknown)[] = []
      return {
        put: (key, value) => void steps.push(() => put(key, value)),
        delete: (key) => void steps.push(() => remove(key)),
        commit: async () => {
          for (const step of steps.splice(0)) await step()
        },
      }
    },
  }
}

/** The peer that provides, which kad-dht has made sure is the one that sent it. */
function ownerOf(key: Key): string {
  const text = key.toString()
  return text.startsWith(PROVIDERS) ? text.slice(text.lastIndexOf('/') + 1) : VALUES
}

/** Which keys there are, oldest first; what is said again is new again. */
class HeldKeys {
  readonly #bounds: DhtBounds
  /** Of all providers together, by their text. */
  readonly #providers = new Map<string, Key>()
  readonly #byOwner = new Map<string, Map<string, Key>>()

  constructor(bounds: DhtBounds) {
    this.#bounds = bounds
  }

  /** @returns those that have to go */
  add(key: Key, owner: string): Key[] {
    this.delete(key)
    const { providersMax, providersPerPeerMax, recordsMax } = this.#bounds
    const gone: Key[] = []
    const owned = this.#byOwner.get(owner) ?? new Map<string, Key>()
    const ownedMax = owner === VALUES ? recordsMax : providersPerPeerMax
    if (owned.size >= ownedMax) this.#letGo(owned, gone)
    if (owner !== VALUES) {
      if (this.#providers.size >= providersMax) this.#letGo(this.#providers, gone)
      this.#providers.set(key.toString(), key)
    }
    // Its last one may just have gone, and its map with it.
    const kept = this.#byOwner.get(owner) ?? owned
    this.#byOwner.set(owner, kept.set(key.toString(), key))
    return gone
  }

  delete(key: Key): void {
    const owner = ownerOf(key)
    const owned = this.#byOwner.get(owner)
    owned?.delete(key.toString())
    if (owned?.size === 0) this.#byOwner.delete(owner)
    this.#providers.delete(key.toString())
  }

  #letGo(keys: ReadonlyMap<string, Key>, gone: Key[]): void {
    const [oldest] = keys.values()
    if (oldest === undefined) return
    gone.push(oldest)
    this.delete(oldest)
  }
}
