// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * From a root whose blocks have come to an item, if all of them have. Between the two stands nothing:
 * an item appears with its last step, or not at all.
 */
import type { CID } from 'multiformats/cid'
import { CodedError } from '../../base/base.ts'
import type { BlockStore, StoredItem } from '../blocks/blocks.ts'
import type { DagSource } from '../car/car.ts'
import { unsupportedItem } from '../errors.ts'
import { receiveLocal } from '../fetching/fetching.ts'
import type { Shape, Visibility } from '../item.ts'
import { FOLDER_KIND, kindOf } from '../kinds.ts'
import { sourceOf } from '../library.ts'
import { type BlockName, canonicalCid, type DagNode, RAW, walkDag } from '../unixfs/unixfs.ts'
import { notWhole } from './errors.ts'
import {
  MISSING_COUNTED_MAX,
  REPEATED_LEAVES_MAX,
  REPEATED_NODES_MAX,
  VISITS_OF_ONE_MAX,
} from './limits.ts'
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

/**
 * How often blocks may be looked at for all roots of a CAR together: a few of them that repeat each
 * other can stand for 2^60. What is there once may be looked at a few times.
 */
export class VisitBudget {
  #nodesLeft = REPEATED_NODES_MAX
  #leavesLeft = REPEATED_LEAVES_MAX

  /** A block that a root has. */
  add(block: BlockName): void {
    if (block.codec === RAW) this.#leavesLeft += VISITS_OF_ONE_MAX
    else this.#nodesLeft += VISITS_OF_ONE_MAX
  }

  /** The same store, in which every look counts. */
  counting<Place>({ blocks, index }: DagSource<Place>): DagSource<Place> {
    return {
      blocks: {
        read: (name, signal) => {
          this.#nodesLeft -= 1
          if (this.#nodesLeft < 0) throw endless()
          return blocks.read(name, signal)
        },
      },
      index: {
        find: (name) => {
          this.#leavesLeft -= 1
          if (this.#leavesLeft < 0) throw endless()
          return index.find(name)
        },
      },
    }
  }
}

function endless(): CodedError {
  return unsupportedItem('its parts repeat each other too often')
}

export interface LandingDeps {
  store: BlockStore
  budget: VisitBudget
  visibility: Visibility
  signal: AbortSignal
}

/** A root of which everything is here. */
export interface WholeRoot {
  kind: 'whole'
  /** CIDv1. */
  cid: CID
  shape: Shape
}

/** Looks whether a root can become an item. @throws CodedError `STORE_…`, or the signal's reason */
export function lookAtRoot(deps: LandingDeps, root: CID): Promise<Landing | WholeRoot> {
  return judged(deps, root, async () => {
    const cid = canonicalCid(root)
    const { missingCount, shape } = await lookBelow(deps, cid)
    if (missingCount > 0 || shape === undefined) {
      // What lies below a missing node nobody knows.
      return { kind: 'incomplete', cid, missingCount, isMore: missingCount >= MISSING_COUNTED_MAX }
    }
    return { kind: 'whole', cid, shape }
  })
}

/**
 * Makes it one. @param note its publication has been verified.
 * @throws CodedError `STORE_…`, or the signal's reason
 */
export function landRoot(
  deps: LandingDeps,
  root: WholeRoot,
  note: Note | undefined,
): Promise<Landing> {
  return judged<Landing>(deps, root.cid, async () => {
    return { kind: 'item', item: await keep(deps, root, note) }
  })
}

async function judged<Judged>(
  { signal }: LandingDeps,
  root: CID,
  work: () => Promise<Judged>,
): Promise<Judged | Landing> {
  try {
    return await work()
  } catch (thrown) {
    signal.throwIfAborted()
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
    const { node, block } = visit
    budget.add(block)
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
  { cid, shape }: WholeRoot,
  note: Note | undefined,
): Promise<StoredItem> {
  const intake = store.begin(cid, 'added')
  try {
    // A walk of its own: else an item would have all blocks of the CAR, also those of other items.
    const local = budget.counting(sourceOf(store))
    const found = await receiveLocal({ local }, cid, intake, signal)
    if (found === undefined) throw notWhole(cid)
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
    await store.abandon(intake)
    throw thrown
  } finally {
    await store.end(intake)
  }
}
