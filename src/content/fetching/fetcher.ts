// SPDX-License-Identifier: AGPL-3.0-or-later
/** Fetches as the node runs them: a few at a time, one a CID however many ask, and kept at the end. */
import type { CID } from 'multiformats/cid'
import { CodedError, errorCode, Semaphore } from '../../base/base.ts'
import type { Arrived, StoredItem } from '../blocks/blocks.ts'
import type { Shape } from '../item.ts'
import { FOLDER_KIND, kindOf } from '../kinds.ts'
import { isPartHere } from '../library.ts'
import { FETCHES_MAX, WAITING_MAX } from '../limits.ts'
import { checkAllowed } from '../refusing.ts'
import { blockNameOf, parseNode, RAW } from '../unixfs/unixfs.ts'
import { enter, SingleFlight } from '../waiting.ts'
import type { FetchDeps } from './fetch-deps.ts'
import {
  emptyReport,
  type Fetched,
  type FetchReport,
  type FetchRequest,
  fetchItem,
} from './fetch-item.ts'
import { fetchPart, type PartRequest } from './parts.ts'

export interface FetcherDeps extends FetchDeps {
  /** Told of every failure, for the health of the node. */
  onFailure(thrown: unknown): void
}

/** What those who wait for an item want of it once it is here. */
export interface Wishes {
  isPublic: boolean
  isKept: boolean
}

export interface Landed {
  item: StoredItem
  report: FetchReport
}

/** How a part came; undefined: it was all here, and nobody was asked. */
export type PartReport = FetchReport | undefined

export class Fetcher {
  readonly #deps: FetcherDeps
  readonly #flights = new SingleFlight<Landed>()
  /** Of all who wait for the same item together, by its CID. */
  readonly #wishes = new Map<string, Wishes>()
  readonly #places = new Semaphore({ size: FETCHES_MAX, waitingMax: WAITING_MAX })

  constructor(deps: FetcherDeps) {
    this.#deps = deps
  }

  /** Fetches under way or waiting. */
  get count(): number {
    return this.#flights.size
  }

  /** @param cid CIDv1. @throws as {@link fetchItem}, `CONTENT_BUSY`, or the signal's reason */
  fetch(
    cid: CID,
    passenger: { signal: AbortSignal; onProgress: FetchRequest['onProgress'] },
    wishes: Wishes,
  ): Promise<Landed> {
    checkAllowed(this.#deps.refusals, cid)
    const others = this.#wishes.get(cid.toString()) ?? { isPublic: false, isKept: false }
    this.#wishes.set(cid.toString(), {
      isPublic: others.isPublic || wishes.isPublic,
      isKept: others.isKept || wishes.isKept,
    })
    return this.#flights.join(cid.toString(), passenger, (signal, onProgress) =>
      this.#fly({ cid, signal, onProgress }),
    )
  }

  /**
   * What a range of a file needs, and no item: it is not told of, and may go when others need room.
   * @throws as {@link fetchPart}, `CONTENT_BUSY`, or the signal's reason
   */
  async fetchPart(request: PartRequest, report = emptyReport()): Promise<PartReport> {
    const { store, refusals } = this.#deps
    checkAllowed(refusals, request.cid)
    const isAsked = report.attempts.length > 0
    if (await isPartHere(store, request.cid, request)) return isAsked ? report : undefined
    return this.#entered(request.signal, () => this.#bringPart(request, report))
  }

  async #bringPart(request: PartRequest, report: FetchReport): Promise<FetchReport> {
    const { store } = this.#deps
    // What an earlier try has brought stays, also when this one brings nothing.
    const isNew = store.items.get(request.cid) === undefined
    const intake = store.begin(request.cid, 'fetched')
    try {
      await fetchPart(this.#deps, request, { intake, report })
      return report
    } catch (thrown) {
      if (isUnwanted(thrown) || (isNew && !intake.hasKept)) await store.abandon(intake)
      throw thrown
    } finally {
      await store.end(intake)
    }
  }

  /** One transfer, on behalf of all who wait for it. */
  #fly(request: FetchRequest): Promise<Landed> {
    return this.#entered(request.signal, async () => {
      const report = emptyReport()
      return { item: await this.#bring(request, report), report }
    })
  }

  /** Waits for a place, and notes how it went. */
  async #entered<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const { metrics, onFailure } = this.#deps
    const leave = await enter(this.#places, 'fetches', signal)
    try {
      const result = await work()
      metrics.fetches.add(1, { result: 'ok' })
      return result
    } catch (thrown) {
      onFailure(thrown)
      metrics.fetches.add(1, { result: errorCode(thrown) ?? 'unknown' })
      throw thrown
    } finally {
      leave()
    }
  }

  async #bring(request: FetchRequest, report: FetchReport): Promise<StoredItem> {
    const { store, refusals } = this.#deps
    // What an earlier try has brought stays, also when this one brings nothing.
    const isNew = store.items.get(request.cid) === undefined
    const intake = store.begin(request.cid, 'fetched')
    let publication: Uint8Array | undefined
    try {
      const fetched = await fetchItem(this.#deps, request, { intake, report })
      await intake.ready()
      // So that the root, too, can be read from the store.
      await intake.checkpoint()
      publication = await this.#admitted(request, fetched)
      const arrived = await this.#arrived(request.cid, fetched)
      return await store.commit(intake, { ...arrived, publication })
    } catch (thrown) {
      if (isUnwanted(thrown) || (isNew && !intake.hasKept)) await store.abandon(intake)
      // What was withdrawn stays known. A disk that fails again says no more than it did.
      if (publication !== undefined) await refusals.itemRemoved(request.cid).catch(() => {})
      throw thrown
    } finally {
      this.#wishes.delete(request.cid.toString())
      await store.end(intake)
    }
  }

  /**
   * The publication that the holder gave, if it is genuine, once it is known not to be withdrawn. A
   * forged one, one of another item, or one by another key than the item's is dropped.
   * @throws CodedError `CONTENT_REFUSED_HERE` when the item was withdrawn
   */
  async #admitted(
    { cid, signal }: FetchRequest,
    { had }: Fetched,
  ): Promise<Uint8Array | undefined> {
    const { refusals } = this.#deps
    if (had?.publication === undefined) return undefined
    const signed = refusals.readPublication(had.publication, cid)
    if (signed === undefined) return undefined
    const isShared = this.#wishes.get(cid.toString())?.isPublic === true
    const isBound = await refusals.admit(signed, { isShared, signal })
    checkAllowed(refusals, cid)
    return isBound ? signed.bytes : undefined
  }

  async #arrived(cid: CID, fetched: Fetched): Promise<Arrived> {
    const { sizeBytes, carBodyBytes, had } = fetched
    const name = had?.name ?? ''
    const shape = await this.#shapeOf(cid)
    const wishes = this.#wishes.get(cid.toString())
    const guessed = shape === 'folder' ? FOLDER_KIND : kindOf(name)
    return {
      root: cid,
      shape,
      name,
      title: had?.title ?? '',
      kind: had === undefined || had.kind === '' ? guessed : had.kind,
      visibility: wishes?.isPublic === true ? 'public' : 'private',
      isKept: wishes?.isKept === true,
      origin: 'fetched',
      sizeBytes,
      carBodyBytes,
    }
  }

  async #shapeOf(cid: CID): Promise<Shape> {
    if (cid.code === RAW) return 'file'
    const bytes = await this.#deps.store.read(blockNameOf(cid))
    if (bytes === undefined) throw new CodedError('CONTENT_DAMAGED', 'The item has no root.')
    const { kind } = parseNode(bytes)
    return kind === 'shard' ? 'folder' : kind
  }
}

/** What a disk cannot take, or the owner does not want, is not kept for another try. */
function isUnwanted(thrown: unknown): boolean {
  const code = errorCode(thrown) ?? ''
  return code.startsWith('STORE_') || code === 'CONTENT_REFUSED_HERE'
}
