// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Bytes that are here and belong to no item: when an index is made anew and a pack is lost, the large
 * files are still there, each under its CID. They become items of the owner's again, private, so that
 * nothing is lost but what was said about them.
 */
import type { CID } from 'multiformats/cid'
import { asError, type Logger, parseCid } from '../base/base.ts'
import { type AddingDeps, addFile } from './adding.ts'
import type { Disk, RecoveryReport } from './blocks/blocks.ts'
import { receiveLocal } from './fetching/fetching.ts'
import { UNKNOWN_KIND } from './kinds.ts'
import { sourceOf } from './library.ts'
import { READ_BYTES } from './limits.ts'

export interface AdoptingDeps extends AddingDeps {
  disk: Disk
  log: Logger
}

export async function adoptFound(
  deps: AdoptingDeps,
  { strays, unknownBodies }: Pick<RecoveryReport, 'strays' | 'unknownBodies'>,
  signal: AbortSignal,
): Promise<void> {
  for (const cid of strays) await adoptWhole(deps, cid, signal)
  for (const name of unknownBodies) await adoptBytes(deps, name, signal)
}

/** A file whose tree is here too. */
async function adoptWhole(
  { store, log }: AdoptingDeps,
  cid: CID,
  signal: AbortSignal,
): Promise<void> {
  const intake = store.begin(cid, 'added')
  try {
    const found = await receiveLocal({ local: sourceOf(store) }, cid, intake, signal)
    if (found === undefined) return
    const { sizeBytes, carBodyBytes } = found
    await store.commit(intake, {
      root: cid,
      shape: 'file',
      name: '',
      kind: UNKNOWN_KIND,
      visibility: 'private',
      origin: 'added',
      sizeBytes,
      carBodyBytes,
    })
    log.warn('a file without an item was kept as one', { cid: cid.toString() })
  } finally {
    await store.end(intake)
  }
}

/** A file of which nothing is known but its name: it is added again, and then lies there whole. */
async function adoptBytes(deps: AdoptingDeps, name: string, signal: AbortSignal): Promise<void> {
  const { store, disk, log } = deps
  const path = store.pathOfBody(name)
  try {
    const bytes = bytesOf(disk, path)
    const { item } = await addFile(deps, bytes, { name: '', visibility: 'private', signal })
    log.warn('a file without an item was added again', { cid: item.cid.toString() })
    if (!item.cid.equals(parseCid(name))) await disk.remove(path)
  } catch (thrown) {
    signal.throwIfAborted()
    // It stays where it is: nothing is deleted because it could not be read.
    log.error('a file in the store could not be adopted', { name, error: asError(thrown) })
  }
}

async function* bytesOf(disk: Disk, path: string): AsyncGenerator<Uint8Array> {
  const file = await disk.open(path)
  try {
    for (let at = 0; ; at += READ_BYTES) {
      const buffer = Buffer.allocUnsafe(READ_BYTES)
      const filledBytes = await file.read(buffer, at)
      if (filledBytes > 0) yield buffer.subarray(0, filledBytes)
      if (filledBytes < READ_BYTES) return
    }
  } finally {
    await file.close()
  }
}
