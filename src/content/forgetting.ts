// SPDX-License-Identifier: AGPL-3.0-or-later
/** The end of erasing an item: all that knows of it has let it go, and only then is the order over. */
import type { CID } from 'multiformats/cid'
import { asError, type Logger } from '../base/base.ts'
import type { BlockStore } from './blocks/blocks.ts'
import type { RefusalDesk } from './refusing.ts'

export interface ForgettingDeps {
  store: BlockStore
  refusals: RefusalDesk
  log: Logger
  signal: AbortSignal
}

/** Packs and journal are done: what the database has deleted goes too. @throws CodedError `STORE_…` */
export async function endErasing(store: BlockStore, root: CID): Promise<void> {
  store.makeSafe()
  await store.erasing.end(root)
}

/**
 * What a power cut, or a failing disk, has left to erase. Beside all else, since every pack is read
 * for it. Never rejects: what cannot be done now is tried at the next start.
 */
export async function finishErasing({
  store,
  refusals,
  log,
  signal,
}: ForgettingDeps): Promise<void> {
  try {
    for (const root of await store.erasing.finish(signal)) {
      // While the packs were read it may have come anew; what is said of it then stays.
      if (store.items.get(root) === undefined) await refusals.itemRemoved(root, { erases: true })
      await endErasing(store, root)
    }
  } catch (thrown) {
    if (signal.aborted) return
    log.error('what was to be forgotten is not erased yet', { error: asError(thrown) })
  }
}
