// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * What one listener has not been told yet. Never a queue: of what describes a state, the latest; of
 * changes, which ones, and beyond a limit only that there were more; of happenings, the last one that
 * was heard. So a listener that reads nothing for a day costs as much as one that is quick.
 */
import type { CID } from 'multiformats/cid'
import type { Audience } from './happenings.ts'
import { ITEMS_TOLD_MAX } from './limits.ts'

/** What is told whole each time. */
export const STATE_KINDS = ['status', 'links', 'vitals'] as const
export type StateKind = (typeof STATE_KINDS)[number]

/** Items that changed, by the text of their CID. */
export interface ItemBatch {
  readonly cids: ReadonlyMap<string, CID>
  /** More changed than is named here. */
  readonly isCut: boolean
}

export const NO_ITEMS: ItemBatch = { cids: new Map(), isCut: false }

/** Gathers a batch. Beyond its limit a change costs next to nothing. */
export class ItemGatherer {
  readonly #cids = new Map<string, CID>()
  #isCut = false

  add(cid: CID): void {
    if (this.#isCut) return
    const text = cid.toString()
    if (this.#cids.size < ITEMS_TOLD_MAX || this.#cids.has(text)) this.#cids.set(text, cid)
    else this.#isCut = true
  }

  addAll(batch: ItemBatch): void {
    for (const cid of batch.cids.values()) this.add(cid)
    this.#isCut ||= batch.isCut
  }

  get batch(): ItemBatch {
    return { cids: this.#cids, isCut: this.#isCut }
  }
}

function joined(first: ItemBatch, second: ItemBatch): ItemBatch {
  // The very same object: what was put together for it once serves all.
  if (first === NO_ITEMS) return second
  const both = new ItemGatherer()
  both.addAll(first)
  both.addAll(second)
  return both.batch
}

/** All that is due to one listener at one moment. */
export interface Due {
  /** Of each kind the latest, ready to be sent. */
  states: readonly string[]
  items: ItemBatch
  transfers: readonly number[]
  /** Happenings after this one are due. */
  heardId: number
  /** Nothing was sent for long: a comment is due. */
  isSilent: boolean
}

export class Outbox {
  readonly audience: Audience
  readonly #states = new Map<StateKind, string>()
  #items: ItemBatch = NO_ITEMS
  #transfers = new Set<number>()
  #heardId: number
  #hasNews = false
  #isSilent = false
  #hasSent = false
  #isClosed = false
  #wake = (): void => {}

  constructor(audience: Audience, heardId: number) {
    this.audience = audience
    this.#heardId = heardId
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  putState(kind: StateKind, frame: string): void {
    this.#states.set(kind, frame)
    this.#noteNews()
  }

  putItems(batch: ItemBatch): void {
    this.#items = joined(this.#items, batch)
    this.#noteNews()
  }

  /** @param isKept whether a transfer is still known: those that are not are told of no more. */
  putTransfers(ids: Iterable<number>, isKept: (id: number) => boolean): void {
    this.#transfers = new Set([...this.#transfers, ...ids].filter(isKept))
    this.#noteNews()
  }

  /** Something happened: what, is asked for when there is room for it. */
  noteHappening(): void {
    this.#noteNews()
  }

  /** Something was told. */
  noteSent(): void {
    this.#hasSent = true
  }

  /** Called in regular steps: one in which nothing was sent makes a comment due. */
  noteStep(): void {
    if (!this.#hasSent) {
      this.#isSilent = true
      this.#wake()
    }
    this.#hasSent = false
  }

  close(): void {
    this.#isClosed = true
    this.#wake()
  }

  /** @param heardId of the last happening there is: all up to it count as told. */
  take(heardId: number): Due {
    const due: Due = {
      states: STATE_KINDS.flatMap((kind) => this.#states.get(kind) ?? []),
      items: this.#items,
      transfers: [...this.#transfers],
      heardId: this.#heardId,
      isSilent: this.#isSilent,
    }
    this.#states.clear()
    this.#items = NO_ITEMS
    this.#transfers = new Set()
    this.#heardId = heardId
    this.#hasNews = false
    this.#isSilent = false
    return due
  }

  /** Resolves when there is something to take, or when it is closed. For one reader at a time. */
  async ready(): Promise<void> {
    while (!this.#hasNews && !this.#isSilent && !this.#isClosed) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  #noteNews(): void {
    this.#hasNews = true
    this.#wake()
  }
}
