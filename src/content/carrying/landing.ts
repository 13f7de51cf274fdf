// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * From a root whose blocks have come to an item, if all of them have. Between the two stands nothing:
 * an item appears with its last step, or not at all.
 */
import type { CID } from 'multiformats/cid'
import { CodedError, errorCode } from '../../base/base.ts'
import type { BlockStore, StoredItem } from '../blocks/blocks.ts'
import { receiveLocal } from '../fetching/fetching.ts'
import type { Shape, Visibility } from '../item.ts'
import { FOLDER_KIND, kindOf } from '../kinds.ts'
import { sourceOf } from '../library.ts'
import { ITEM_BLOCKS_MAX } from '../limits.ts'
import { canonicalCid, type DagNode, RAW, walkDag } from '../unixfs/unixfs.ts'
import { IMPORT_VISITS_MAX, MISSING_COUNTED_MAX } from './limits.ts'
import type { Note } from './notes.ts'

/** What became of a root. */
export type Landing =
  | { kind: 'item'; item: StoredItem }
  /** `missingCount` of its blocks are not here; more when `isMore`, since parts are missing too. */
  | { kind: 'incomplete'; cid: CID; missingCount: number; isMore: boolean }
  /** It must not be kept here. */
  | { kind: 'refused'; cid: CID }
  /** Nothing that this node keeps. */
  | { kind: 'unsupported'; cid: CID; reason: string }

/** Blocks that may still be looked at for all roots of a CAR together. */
export class VisitBudget {
  #visitsLeft = IMPORT_VISITS_MAX

  /** @throws CodedError `CONTENT_UNSUPPORTED` when there are none left */
  take(count: number): void {
    this.spend(count)
    if (this.#visitsLeft < 0) {
      throw new CodedError('CONTENT_UNSUPPORTED', 'The file has more parts than can be looked at.')
    }
  }

  spend(count: number): void {
    this.#visitsLeft -= count
  }
}

export interface LandingDeps {
  store: BlockStore
  budget: VisitBudget
  visibility: Visibility
  signal: AbortSignal
}

/** @throws CodedError `STORE_…`, or the signal's reason */
export async function landRoot(
  deps: LandingDeps,
  root: CID,
  note: Note | undefined,
): Promise<Landing> {
  try {
    const cid = canonicalCid(root)
    const { missingCount, shape } = await lookBelow(deps, cid)
    if (missingCount > 0 || shape === undefined) {
      // What lies below a missing node nobody knows.
      return { kind: 'incomplete', cid, missingCount, isMore: missingCount >= MISSING_COUNTED_MAX }
    }
    return { kind: 'item', item: await keep(deps, { cid, shape }, note) }
  } catch (thrown) {
    deps.signal.throwIfAborted()
    if (!(thrown instanceof CodedError) || !ROOTS_FAULT.has(thrown.code)) throw thrown
    return { kind: 'unsupported', cid: root, reason: thrown.message }
  }
}

/** Failures of what was brought; all others are ours. */
const ROOTS_FAULT = new Set([
  'CONTENT_CID_UNSUPPORTED',
  'CONTENT_DAMAGED',
  'CONTENT_NOT_WHOLE',
  'CONTENT_TOO_LARGE',
  'CONTENT_UNSUPPORTED',
])

/** How much is missing below a root, as far as what is here tells. */
async function lookBelow(
  { store, budget, signal }: LandingDeps,
  cid: CID,
): Promise<{ missingCount: number; shape: Shape | undefined }> {
  let missingCount = 0
  let shape: Shape | undefined
  for await (const visit of walkDag(store, cid, { dups: false, signal })) {
    budget.take(1)
    const { node, block } = visit
    const isHere = node !== undefined || (block.codec === RAW && store.placeOf(block.digest))
    if (!isHere) missingCount += 1
    if (missingCount >= MISSING_COUNTED_MAX) break
    if (isHere) shape ??= node === undefined || node.kind === 'file' ? 'file' : shapeOf(node.kind)
  }
  return { missingCount, shape }
}

function shapeOf(kind: Exclude<DagNode['kind'], 'file'>): Shape {
  return kind === 'shard' ? 'folder' : kind
}

async function keep(
  { store, budget, visibility, signal }: LandingDeps,
  { cid, shape }: { cid: CID; shape: Shape },
  note: Note | undefined,
): Promise<StoredItem> {
  const intake = store.begin(cid, 'added')
  try {
    // A walk of its own: else an item would have all blocks of the CAR, also those of other items.
    const found = await receiveLocal({ local: sourceOf(store) }, cid, intake, signal)
    if (found === undefined) throw new CodedError('CONTENT_DAMAGED', 'A part of it was lost again.')
    budget.take(found.blocksCount)
    const { name = '', kind = '', publication, ...texts } = note ?? {}
    return await store.commit(intake, {
      ...texts,
      root: cid,
      shape,
      name,
      kind: kind !== '' ? kind : shape === 'folder' ? FOLDER_KIND : kindOf(name),
      visibility,
      origin: 'added',
      sizeBytes: found.sizeBytes,
      carBodyBytes: found.carBodyBytes,
      publication,
    })
  } catch (thrown) {
    // Where a few blocks stand for too many, that was found out by looking at so many.
    if (errorCode(thrown) === 'CONTENT_UNSUPPORTED') budget.spend(ITEM_BLOCKS_MAX)
    await store.abandon(intake)
    throw thrown
  } finally {
    await store.end(intake)
  }
}
