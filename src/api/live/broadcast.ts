// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Tells all listeners what changes. However much that is, each kind is put together at most so often
 * and once for all; without listeners nothing is put together at all.
 */
import type { CID } from 'multiformats/cid'
import { repeat, type Timer } from '../../base/base.ts'
import { publicStatusOf, statusOf } from '../facts.ts'
import { itemOf } from '../item-facts.ts'
import {
  COMMENT_FRAME,
  FIRST_FRAME,
  frameOf,
  happeningFrame,
  itemsFrame,
  linksFrame,
  transferFrames,
} from './frames.ts'
import type { Audience, Happenings } from './happenings.ts'
import { CHANGES_GAP_MS, KEEP_ALIVE_MS, STATUS_GAP_MS, VITALS_GAP_MS } from './limits.ts'
import { linkOf, vitalsOf } from './live-facts.ts'
import { type ItemBatch, ItemGatherer, NO_ITEMS, Outbox, type StateKind } from './outbox.ts'
import type { ItemSeen, LiveDeps } from './ports.ts'
import { statusPrint } from './status-print.ts'
import type { Transfers } from './transfers.ts'

const AUDIENCES: readonly Audience[] = ['owner', 'anybody']

export class Broadcast {
  readonly #deps: LiveDeps
  readonly #happenings: Happenings
  readonly #transfers: Transfers
  readonly #outboxes = new Set<Outbox>()
  readonly #changed = new Map<Audience, ItemGatherer>()
  /** What a batch is as text, while anybody may still be due it. */
  readonly #itemFrames = new WeakMap<ItemBatch, string>()
  readonly #changedTransfers = new Set<number>()
  #statusPrints: Partial<Record<Audience, string>> = {}
  #changesTimer: Timer | undefined
  #statusTimer: Timer | undefined
  /** Runs while anybody listens. */
  #attending: AbortController | undefined

  constructor(deps: LiveDeps, kept: { happenings: Happenings; transfers: Transfers }) {
    this.#deps = deps
    this.#happenings = kept.happenings
    this.#transfers = kept.transfers
  }

  get size(): number {
    return this.#outboxes.size
  }

  /**
   * The events for one listener, as text: first how all is, then what changes. Ends when the node
   * stops, or `signal` aborts.
   * @param since the last happening that was heard; undefined: only those to come are told.
   */
  async *listen(
    audience: Audience,
    { since, signal }: { since: number | undefined; signal: AbortSignal },
  ): AsyncGenerator<string> {
    const outbox = new Outbox(audience, since ?? this.#happenings.latestId)
    const onAbort = (): void => outbox.close()
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      if (signal.aborted) return
      this.#enter(outbox)
      yield FIRST_FRAME
      while (!outbox.isClosed) {
        const text = this.#textFor(outbox)
        if (text === '') await outbox.ready()
        else yield text
      }
    } finally {
      signal.removeEventListener('abort', onAbort)
      this.#leave(outbox)
    }
  }

  /** Ends all that listen. */
  stop(): void {
    for (const outbox of this.#outboxes) outbox.close()
    this.#outboxes.clear()
    this.#rest()
  }

  statusMayHaveChanged(): void {
    if (this.#outboxes.size === 0) return
    this.#statusTimer ??= this.#deps.clock.after(STATUS_GAP_MS, () => {
      this.#statusTimer = undefined
      this.#tellStatus()
    })
  }

  itemChanged(cid: CID, before: ItemSeen | undefined, after: ItemSeen | undefined): void {
    if (this.#outboxes.size === 0) return
    this.#gather('owner', cid)
    // That a private item exists is told to nobody, not even as one of those that are too many.
    if (isSeen(before) || isSeen(after)) this.#gather('anybody', cid)
    this.#tellChangesSoon()
  }

  transferChanged(id: number): void {
    if (this.#outboxes.size === 0) return
    this.#changedTransfers.add(id)
    this.#tellChangesSoon()
  }

  /** At once: there are few of them. */
  happened(): void {
    for (const outbox of this.#outboxes) outbox.noteHappening()
  }

  #enter(outbox: Outbox): void {
    const { links } = this.#deps
    this.#outboxes.add(outbox)
    if (this.#attending === undefined) this.#attend()
    const { frame, print } = this.#status(outbox.audience)
    // What the others heard last stays: they may be due what this one hears now.
    this.#statusPrints[outbox.audience] ??= print
    outbox.putState('status', frame)
    const now = links.links().map(linkOf)
    outbox.putState('links', linksFrame(outbox.audience, links.stepSeconds, now))
    if (outbox.audience === 'owner') {
      const ids = this.#transfers.list().map(({ id }) => id)
      outbox.putTransfers(ids, () => true)
    }
    // Not waited for: a slow sensor must not keep the rest back.
    void this.#tellVitals([outbox])
  }

  #leave(outbox: Outbox): void {
    outbox.close()
    this.#outboxes.delete(outbox)
    if (this.#outboxes.size === 0) this.#rest()
  }

  /** What goes on only while somebody listens. */
  #attend(): void {
    const { clock, links } = this.#deps
    const attending = new AbortController()
    this.#attending = attending
    links.attend(attending.signal)
    links.onStep(() => this.#tellLinks(), attending.signal)
    const timers = [
      repeat(
        clock,
        () => VITALS_GAP_MS,
        () => void this.#tellVitals(this.#outboxes),
      ),
      repeat(
        clock,
        () => KEEP_ALIVE_MS,
        () => {
          for (const outbox of this.#outboxes) outbox.noteStep()
        },
      ),
    ]
    attending.signal.addEventListener('abort', () => {
      for (const timer of timers) timer.cancel()
    })
  }

  #rest(): void {
    this.#attending?.abort()
    this.#attending = undefined
    this.#changesTimer?.cancel()
    this.#changesTimer = undefined
    this.#statusTimer?.cancel()
    this.#statusTimer = undefined
    this.#changed.clear()
    this.#changedTransfers.clear()
    this.#statusPrints = {}
  }

  #textFor(outbox: Outbox): string {
    const { audience } = outbox
    const due = outbox.take(this.#happenings.latestId)
    const happenings = this.#happenings.after(due.heardId, audience)
    const transfers = due.transfers.flatMap((id) => this.#transfers.get(id) ?? [])
    const text = [
      ...due.states,
      transferFrames(transfers),
      due.items === NO_ITEMS ? '' : this.#itemsFrame(audience, due.items),
      ...happenings.map((happening) => happeningFrame(audience, happening)),
    ].join('')
    if (text !== '') outbox.noteSent()
    return text === '' && due.isSilent ? COMMENT_FRAME : text
  }

  #tellStatus(): void {
    for (const audience of AUDIENCES) {
      const outboxes = this.#audience(audience)
      if (outboxes.length === 0) continue
      const { frame, print } = this.#status(audience)
      if (print === this.#statusPrints[audience]) continue
      this.#statusPrints[audience] = print
      for (const outbox of outboxes) outbox.putState('status', frame)
    }
  }

  #status(audience: Audience): { frame: string; print: string } {
    const observed = this.#deps.observe()
    const status = audience === 'owner' ? statusOf(observed) : publicStatusOf(observed)
    return { frame: frameOf(audience, { event: 'status', status }), print: statusPrint(status) }
  }

  #tellLinks(): void {
    const { stepSeconds } = this.#deps.links
    const links = this.#deps.links.links().map(linkOf)
    this.#tellState('links', (audience) => linksFrame(audience, stepSeconds, links))
  }

  /** To those who listen when the reading is there. */
  async #tellVitals(outboxes: Iterable<Outbox>): Promise<void> {
    try {
      const vitals = vitalsOf(await this.#deps.vitals(), this.#deps.storeRoom())
      const frame = frameOf('anybody', { event: 'vitals', vitals })
      for (const outbox of outboxes) outbox.putState('vitals', frame)
    } catch (error) {
      // Nobody waits for it, and the next one may do better.
      this.#deps.log.error('the machine could not be read', { error })
    }
  }

  #tellState(kind: StateKind, frame: (audience: Audience) => string): void {
    for (const audience of AUDIENCES) {
      const outboxes = this.#audience(audience)
      if (outboxes.length === 0) continue
      const text = frame(audience)
      for (const outbox of outboxes) outbox.putState(kind, text)
    }
  }

  #tellChangesSoon(): void {
    this.#changesTimer ??= this.#deps.clock.after(CHANGES_GAP_MS, () => {
      this.#changesTimer = undefined
      this.#tellChanges()
    })
  }

  #tellChanges(): void {
    for (const [audience, gatherer] of this.#changed) {
      const { batch } = gatherer
      for (const outbox of this.#audience(audience)) outbox.putItems(batch)
    }
    this.#changed.clear()
    if (this.#changedTransfers.size === 0) return
    for (const outbox of this.#audience('owner')) {
      outbox.putTransfers(this.#changedTransfers, (id) => this.#transfers.has(id))
    }
    this.#changedTransfers.clear()
  }

  #gather(audience: Audience, cid: CID): void {
    const gatherer = this.#changed.get(audience) ?? new ItemGatherer()
    this.#changed.set(audience, gatherer)
    gatherer.add(cid)
  }

  #itemsFrame(audience: Audience, batch: ItemBatch): string {
    const made = this.#itemFrames.get(batch)
    if (made !== undefined) return made
    const removed: string[] = []
    const changed = [...batch.cids].flatMap(([text, cid]) => {
      const item = this.#deps.items.get(cid)
      if (item !== undefined && (audience === 'owner' || isSeen(item))) return [itemOf(item)]
      removed.push(text)
      return []
    })
    const frame = itemsFrame(audience, { changed, removed, isCut: batch.isCut })
    this.#itemFrames.set(batch, frame)
    return frame
  }

  #audience(audience: Audience): Outbox[] {
    return [...this.#outboxes].filter((outbox) => outbox.audience === audience)
  }
}

/** Whether anybody may know of an item. */
function isSeen(item: SeenItem | undefined): boolean {
  return item?.visibility === 'public' && item.isWhole && item.refused === undefined
}

type SeenItem = Pick<ItemSeen, 'visibility' | 'isWhole'> & { refused?: string | undefined }
