// SPDX-License-Identifier: AGPL-3.0-or-later
/** One file or folder of this machine, to be kept where it lies. */
import { type BigIntStats, constants } from 'node:fs'
import { type FileHandle, open, realpath, stat } from 'node:fs/promises'
import { unixTimeOf } from '../../base/base.ts'
import type { EntryAttributes, FileReference } from '../unixfs/unixfs.ts'
import { WALK_READ_BYTES } from './limits.ts'
import { fileChanged, readError } from './source-errors.ts'

export interface FoundPath {
  /** Without symbolic links. */
  path: string
  kind: 'file' | 'folder' | 'other'
}

/** @throws CodedError `FILE_NOT_FOUND`, `FILE_FORBIDDEN`, `FILE_NOT_FOLDER`, `FILE_UNREADABLE` */
export async function lookAt(path: string): Promise<FoundPath> {
  try {
    const real = await realpath(path)
    const stats = await stat(real)
    const kind = stats.isDirectory() ? 'folder' : stats.isFile() ? 'file' : 'other'
    return { path: real, kind }
  } catch (thrown) {
    throw readError(path, thrown)
  }
}

export interface OpenedSource extends EntryAttributes {
  content: AsyncIterable<Uint8Array>
  reference: FileReference
  close(): Promise<void>
}

/**
 * @param path as {@link lookAt} gives it
 * @throws CodedError `FILE_NOT_FOUND`, `FILE_FORBIDDEN`, `FILE_UNREADABLE`, `FILE_CHANGED`
 */
export async function openFileSource(path: string, signal: AbortSignal): Promise<OpenedSource> {
  // Not through a link, and without waiting for whoever writes to a pipe, should it be one now.
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
  const handle = await open(path, flags).catch((thrown: unknown) => {
    throw readError(path, thrown)
  })
  try {
    const before = await handle.stat({ bigint: true })
    if (!before.isFile()) throw fileChanged(path)
    return {
      content: contentOf(handle, { path, before, signal }),
      reference: referenceTo(path, before),
      mode: Number(before.mode & 0o7777n),
      modifiedAt: unixTimeOf(before.mtimeNs),
      close: () => handle.close(),
    }
  } catch (thrown) {
    await handle.close()
    throw thrown
  }
}

export function referenceTo(path: string, stats: BigIntStats): FileReference {
  return {
    path,
    sizeBytes: Number(stats.size),
    modifiedAtMs: Number(stats.mtimeNs / 1_000_000n),
  }
}

/** The bytes of an open file, in a buffer that is used again; it must not change meanwhile. */
export async function* contentOf(
  handle: FileHandle,
  file: { path: string; before: BigIntStats; signal: AbortSignal; buffer?: Buffer },
): AsyncGenerator<Uint8Array, void> {
  const { path, before, signal, buffer = Buffer.allocUnsafe(WALK_READ_BYTES) } = file
  let readBytes = 0n
  // What was added to it meanwhile shows in its size, so its end need not be looked for.
  while (readBytes < before.size) {
    signal.throwIfAborted()
    const { bytesRead } = await handle.read(buffer).catch((thrown: unknown) => {
      throw readError(path, thrown)
    })
    if (bytesRead === 0) break
    readBytes += BigInt(bytesRead)
    yield buffer.subarray(0, bytesRead)
  }
  const after = await handle.stat({ bigint: true })
  const isSame =
    readBytes === before.size && after.size === before.size && after.mtimeNs === before.mtimeNs
  if (!isSame) throw fileChanged(path)
}
