// SPDX-License-Identifier: AGPL-3.0-or-later
/** Reading what is here: paths, folders and bytes of files, from wherever their blocks lie. */
import type { CID } from 'multiformats/cid'
import { errorCode } from '../base/base.ts'
import type { BlockStore, Place } from './blocks/blocks.ts'
import type { DagSource } from './car/car.ts'
import { badRange, isLoss, notHere } from './errors.ts'
import {
  type BlockName,
  type BlockReader,
  checkFileSize,
  fileSize,
  fileSpans,
  isSupported,
  type ReadOptions,
} from './unixfs/unixfs.ts'

export interface ReadRange extends ReadOptions {
  /** First byte; default 0. */
  start?: number | undefined
  /** The byte after the last; default the size of the file. */
  end?: number | undefined
}

/** The store as the readers of nodes and the writers of CARs want it. */
export function sourceOf(store: BlockStore): DagSource<Place> {
  return {
    blocks: store,
    index: {
      find: (name: BlockName) => {
        const place = store.placeOf(name.digest)
        return place === undefined ? undefined : { sizeBytes: place.sizeBytes, place }
      },
    },
  }
}

/**
 * As {@link readFile}, for the owner: of a whole item, or of a file within one. Of what is not whole,
 * a range is read if all of that is here.
 */
export async function* openFile(
  store: BlockStore,
  file: CID,
  range: ReadRange,
): AsyncGenerator<Uint8Array> {
  const found = isSupported(file) ? store.find(file.multihash.digest, 'owner') : undefined
  if (found !== undefined) store.items.use(found.item.sequence)
  else if (!(isSupported(file) && (await isPartHere(store, file, range)))) throw notHere(file)
  yield* readFile(store, file, range)
}

/**
 * Whether every block that a range needs is here, as one of an item's or of what is still arriving:
 * what was removed may lie in a pack for a while, and in its index after a power cut, and is nobody's.
 * Leaves are looked up, not read.
 * False for what is no file, and beyond its end.
 * @throws CodedError `STORE_…`, or the signal's reason
 */
export async function isPartHere(
  store: BlockStore,
  file: CID,
  { start = 0, end = Number.MAX_SAFE_INTEGER, signal }: ReadRange,
): Promise<boolean> {
  const held: BlockReader = {
    read: async (name) => (store.isHeld(name.digest) ? await store.read(name) : undefined),
  }
  try {
    if (start > (await fileSize(held, file, { signal }))) return false
    for await (const span of fileSpans(held, file, { start, end, signal })) {
      if (span.kind === 'leaf' && !store.isHeld(span.block.digest)) return false
    }
    return true
  } catch (thrown) {
    const code = errorCode(thrown)
    if (code === 'CONTENT_BLOCK_MISSING' || code === 'CONTENT_UNSUPPORTED' || isLoss(code)) {
      return false
    }
    throw thrown
  }
}

/**
 * The bytes of a file from `start` to before `end`. Pieces are the caller's own.
 * @throws CodedError, when it is read, `CONTENT_NOT_HERE`, `CONTENT_BAD_RANGE`, `CONTENT_DAMAGED`,
 *   `CONTENT_CHANGED`, `CONTENT_UNSUPPORTED` for what is no file, `STORE_…`.
 */
export async function* readFile(
  store: BlockReader,
  file: CID,
  { start = 0, end, signal }: ReadRange = {},
): AsyncGenerator<Uint8Array> {
  const sizeBytes = await fileSize(store, file, { signal })
  const before = end ?? sizeBytes
  if (!(start >= 0 && start <= before && before <= sizeBytes)) {
    throw badRange(sizeBytes)
  }
  for await (const span of fileSpans(store, file, { start, end: before, signal })) {
    if (span.kind === 'inline') {
      yield span.bytes
      continue
    }
    signal?.throwIfAborted()
    // The whole leaf, because only that has a hash: whoever reads here cannot check it.
    const leaf = await store.read(span.block, signal)
    if (leaf === undefined) throw notHere(span.cid)
    checkFileSize(leaf.length, span.sizeBytes)
    yield leaf.subarray(span.from, span.to)
  }
}
