// SPDX-License-Identifier: AGPL-3.0-or-later
/** Reading what is here: paths, folders and bytes of files, from wherever their blocks lie. */
import type { CID } from 'multiformats/cid'
import { CodedError } from '../base/base.ts'
import type { BlockStore, Place } from './blocks/blocks.ts'
import type { DagSource } from './car/car.ts'
import { notHere } from './errors.ts'
import {
  type BlockName,
  type BlockReader,
  fileSize,
  fileSpans,
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
    throw new CodedError('CONTENT_BAD_RANGE', `The file has ${sizeBytes} bytes.`)
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
    yield leaf.subarray(span.from, span.to)
  }
}
