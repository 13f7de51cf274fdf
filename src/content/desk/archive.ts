// SPDX-License-Identifier: AGPL-3.0-or-later
/** A folder that is here as a tar archive, in pieces of a good size. */
import type { CID } from 'multiformats/cid'
import { encodeTarHeader, TAR_END_BYTES, tarPaddingBytes } from '../../base/base.ts'
import { blockMissing } from '../errors.ts'
import { readFile } from '../library.ts'
import { READ_BYTES } from '../limits.ts'
import { type Entry, listFolder } from '../unixfs/unixfs.ts'
import { type OwnerSource, type Place, placeOfEntry } from './places.ts'

export interface ArchiveOptions {
  /**
   * What stands for permissions that nobody kept: the usual ones, for whoever unpacks it with tar;
   * or zero, for whoever wants to know. Times that nobody kept are 1970 in both.
   */
  absent: 'usual' | 'zero'
  signal: AbortSignal
}

const USUAL_MODES: Readonly<Record<Place['shape'], number>> = {
  file: 0o644,
  folder: 0o755,
  symlink: 0o777,
}

/**
 * @param root of a folder
 * @throws CodedError `CONTENT_BLOCK_MISSING`, `CONTENT_DAMAGED`, `CONTENT_CHANGED`,
 *   `CONTENT_UNSUPPORTED`, `STORE_…`, or the signal's reason
 */
export function archiveOf(
  source: OwnerSource,
  root: Place,
  options: ArchiveOptions,
): AsyncGenerator<Uint8Array> {
  return gathered(piecesOf(source, root, options))
}

interface OpenFolder {
  /** In the archive, with a slash at its end. */
  prefix: string
  entries: AsyncGenerator<Entry>
}

async function* piecesOf(
  source: OwnerSource,
  root: Place,
  { absent, signal }: ArchiveOptions,
): AsyncGenerator<Uint8Array> {
  const open = (cid: CID, prefix: string): OpenFolder => ({
    prefix,
    entries: listFolder(source.blocks, cid, { signal }),
  })
  yield headerOf(root, '.', absent)
  const stack: OpenFolder[] = [open(root.cid, '')]
  for (let folder = stack.at(-1); folder !== undefined; folder = stack.at(-1)) {
    const next = await folder.entries.next()
    if (next.done === true) {
      stack.pop()
      continue
    }
    const place = await placeOfEntry(source, next.value, signal)
    // An archive that leaves something out without a word would pass for the whole folder.
    if (place === undefined) throw blockMissing(next.value.cid)
    const path = folder.prefix + next.value.name
    yield headerOf(place, path, absent)
    if (place.shape === 'folder') stack.push(open(place.cid, `${path}/`))
    if (place.shape !== 'file') continue
    yield* readFile(source.blocks, place.cid, { signal })
    yield new Uint8Array(tarPaddingBytes(place.sizeBytes ?? 0))
  }
  yield new Uint8Array(TAR_END_BYTES)
}

function headerOf(place: Place, path: string, absent: ArchiveOptions['absent']): Uint8Array {
  const { shape: kind, sizeBytes = 0, target = '', modifiedAt, mode } = place
  return encodeTarHeader({
    kind,
    path,
    sizeBytes,
    target,
    mode: mode ?? (absent === 'usual' ? USUAL_MODES[kind] : 0),
    modifiedAt: modifiedAt ?? { seconds: 0, nanoseconds: 0 },
  })
}

/** The same bytes in larger pieces: a header at a time would cost more than what it announces. */
async function* gathered(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let buffer = Buffer.allocUnsafe(READ_BYTES)
  let filledBytes = 0
  for await (const piece of pieces) {
    for (let at = 0; at < piece.length; ) {
      const part = piece.subarray(at, at + buffer.length - filledBytes)
      buffer.set(part, filledBytes)
      filledBytes += part.length
      at += part.length
      if (filledBytes < buffer.length) continue
      yield buffer
      // A new one: the receiver may still be sending the other.
      buffer = Buffer.allocUnsafe(READ_BYTES)
      filledBytes = 0
    }
  }
  if (filledBytes > 0) yield buffer.subarray(0, filledBytes)
}
