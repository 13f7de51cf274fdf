// SPDX-License-Identifier: AGPL-3.0-or-later
/** Damaged items are fetched anew from whoever has them; who has not is asked again in an hour. */
import type { CID } from 'multiformats/cid'
import { asError, type Clock, type Logger } from '../base/base.ts'
import type { Item } from './item.ts'
import { REPAIR_RETRY_MS } from './limits.ts'

export interface RepairsDeps {
  clock: Clock
  log: Logger
  /** Brings what an item lacks; rejects when nobody has it. */
  fetch(cid: CID): Promise<void>
}

export class Repairs {
  readonly #deps: RepairsDeps
  /** When an item may be tried again, by its CID; items that are whole again are forgotten. */
  readonly #nextTryMs = new Map<string, number>()

  constructor(deps: RepairsDeps) {
    this.#deps = deps
  }

  /** Returns at once. */
  repairSoon(items: readonly Pick<Item, 'cid' | 'visibility' | 'origin'>[]): void {
    for (const { cid, visibility, origin } of items) {
      // To ask for it would tell all peers of what the owner has told nobody.
      if (visibility === 'public' || origin === 'fetched') this.#repair(cid)
    }
  }

  #repair(cid: CID): void {
    const { clock, log, fetch } = this.#deps
    const key = cid.toString()
    const nowMs = clock.monotonicMs()
    if ((this.#nextTryMs.get(key) ?? 0) > nowMs) return
    this.#nextTryMs.set(key, nowMs + REPAIR_RETRY_MS)
    fetch(cid).then(
      () => {
        this.#nextTryMs.delete(key)
        log.info('a damaged item is whole again', { cid: key })
      },
      (thrown: unknown) =>
        log.warn('a damaged item could not be had again', { cid: key, error: asError(thrown) }),
    )
  }
}
