// SPDX-License-Identifier: AGPL-3.0-or-later
/** A live desk with everything around it under the hand of a test, and one that listens to it. */
import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'
import type { ApiItem } from '../../src/api/api.ts'
import type { Observed } from '../../src/api/facts.ts'
import { Live } from '../../src/api/live/live.ts'
import {
  type HealthCondition,
  type PeerId,
  peerIdFromPublicKey,
  silentLogger,
  VirtualClock,
} from '../../src/base/base.ts'
import { type NodeEvent, nodeEventSchema, publicEventSchema } from '../../src/contract/contract.ts'
import { FakeLive } from '../support/live.ts'

const SELF = peerId(1)
export const OTHER = peerId(2)

export function peerId(number: number): PeerId {
  return peerIdFromPublicKey(new Uint8Array(32).fill(number))
}

export function cid(number: number): CID {
  const digest = new Uint8Array(32)
  new DataView(digest.buffer).setUint32(0, number)
  return CID.createV1(0x55, Digest.create(0x12, digest))
}

export function item(number: number, changes: Partial<ApiItem> = {}): ApiItem {
  return {
    cid: cid(number),
    name: `item ${number}`,
    shape: 'file',
    sizeBytes: 10,
    kind: 'text/plain',
    title: '',
    language: '',
    description: '',
    licence: '',
    visibility: 'public',
    origin: 'added',
    isKept: false,
    isWhole: true,
    isChanged: false,
    publishedBy: undefined,
    isWithdrawn: false,
    refused: undefined,
    addedAtMs: 0,
    ...changes,
  }
}

/** Its clock stands still until it is told to move. */
export class World {
  readonly clock = new VirtualClock(1_000_000)
  readonly sources = new FakeLive()
  readonly held = new Map<string, ApiItem>()
  readonly looks = { items: 0, observed: 0 }
  conditions: HealthCondition[] = []
  version = '0.1.0'
  readonly live: Live

  constructor() {
    this.live = new Live({
      ...this.sources,
      itemEvents: this.sources.itemEvents,
      peerEvents: this.sources.peerEvents,
      vitals: () => this.sources.vitals(),
      clock: this.clock,
      log: silentLogger,
      items: {
        get: (wanted) => {
          this.looks.items += 1
          return this.held.get(wanted.toString())
        },
      },
      health: () => this.conditions,
      observe: () => this.#observe(),
    })
  }

  change(before: ApiItem | undefined, after: ApiItem | undefined): void {
    const known = after ?? before
    if (after === undefined) this.held.delete(known?.cid.toString() ?? '')
    else this.held.set(after.cid.toString(), after)
    this.sources.itemEvents.announce('itemChanged', { before, after })
  }

  listen(audience: 'owner' | 'anybody', since?: number): Listener {
    return new Listener(this, audience, since)
  }

  #observe(): Observed {
    this.looks.observed += 1
    return {
      node: {
        peerId: SELF,
        name: 'Roof',
        version: this.version,
        city: 'home',
        startedAtMs: 0,
        dataFolder: '/data',
        listenAddresses: [],
      },
      neighbours: [],
      peers: [],
      totals: { count: this.held.size, publicCount: 0, sizeBytes: 0 },
      conditions: this.conditions,
      nowMs: this.clock.monotonicMs(),
      statusPort: 1,
      gatewayPort: undefined,
    }
  }
}

/** One that reads when it is told to, and keeps what it read. */
export class Listener {
  readonly #frames: AsyncIterator<string>
  readonly #abort = new AbortController()
  readonly #audience: 'owner' | 'anybody'
  readonly #clock: VirtualClock
  text = ''
  isDone = false
  #reading = false

  constructor(world: World, audience: 'owner' | 'anybody', since: number | undefined) {
    const options = { address: '10.0.0.1', since, signal: this.#abort.signal }
    this.#frames = world.live.frames(audience, options)[Symbol.asyncIterator]()
    this.#audience = audience
    this.#clock = world.clock
  }

  /** Reads all that there is now, and from then on whatever comes. */
  async read(): Promise<void> {
    if (!this.#reading) void this.#pump()
    this.#reading = true
    await this.#clock.advanceAsync(0)
  }

  /** Takes one piece and no more: a reader that is slow. */
  async readOnce(): Promise<void> {
    const next = await this.#frames.next()
    this.text += next.done === true ? '' : next.value
  }

  get events(): NodeEvent[] {
    const schema = this.#audience === 'owner' ? nodeEventSchema : publicEventSchema
    return (
      this.text
        .split('\n')
        .filter((line) => line.startsWith('data: '))
        // What a guest hears is a part of what the owner does.
        .map((line) => schema.parse(JSON.parse(line.slice(6))) as NodeEvent)
    )
  }

  named<Name extends NodeEvent['event']>(name: Name): Extract<NodeEvent, { event: Name }>[] {
    // The filter is the proof.
    return this.events.filter(({ event }) => event === name) as Extract<
      NodeEvent,
      { event: Name }
    >[]
  }

  clear(): void {
    this.text = ''
  }

  leave(): void {
    this.#abort.abort()
  }

  async #pump(): Promise<void> {
    for (;;) {
      const next = await this.#frames.next()
      if (next.done === true) break
      this.text += next.value
    }
    this.isDone = true
  }
}
