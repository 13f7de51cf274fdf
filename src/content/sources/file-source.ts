// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * One file or folder of this machine, to be kept where it lies or copied. Who names a path to the
 * node has the control socket, which is the owner's alone (0600): the node's own user, or root. So
 * the node reads for nobody what that user may not read himself; what the node keeps secret even from
 * its owner's mistakes, its key and database, the desk refuses.
 */
import { type BigIntStats, constants } from 'node:fs'
import { open, realpath, stat } from 'node:fs/promises'
import { unixTimeOf } from '../../base/base.ts'
import type { EntryAttributes, FileOrigin, FileReference } from '../unixfs/unixfs.ts'
import { WALK_READ_BYTES } from './limits.ts'
import { fileChanged, notSame, readError } from './source-errors.ts'

/** What the caller sees at a path: numbers in digits, as they travel. */
export interface SeenFile {
  device: string
  inode: string
  /** Of a file. */
  sizeBytes?: string | undefined
}

/** A file of the owner's that is open; Node's `FileHandle` is one. */
export interface SourceFile {
  read(
    buffer: Uint8Array,
    offset: number,
    length: number,
    position: number,
  ): Promise<{ bytesRead: number }>
  stat(options: { bigint: true }): Promise<BigIntStats>
  close(): Promise<void>
}

/** Opens the owner's files; a test counts what is read of them. */
export type OpenSourceFile = (path: string) => Promise<SourceFile>

/** Not through a link, and without waiting for whoever writes to a pipe, should it be one now. */
export const openSourceFile: OpenSourceFile = (path) =>
  open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)

export interface FoundPath {
  /** Without symbolic links. */
  path: string
  kind: 'file' | 'folder' | 'other'
}

/**
 * @param seen what the caller sees there; looked at once more when it is open
 * @throws CodedError `FILE_NOT_FOUND`, `FILE_FORBIDDEN`, `FILE_NOT_FOLDER`, `FILE_NOT_SAME`,
 *   `FILE_UNREADABLE`
 */
export async function lookAt(path: string, seen?: SeenFile): Promise<FoundPath> {
  try {
    const real = await realpath(path)
    const stats = await stat(real, { bigint: true })
    checkSeen(path, stats, seen)
    const kind = stats.isDirectory() ? 'folder' : stats.isFile() ? 'file' : 'other'
    return { path: real, kind }
  } catch (thrown) {
    throw readError(path, thrown)
  }
}

/** @throws CodedError `FILE_NOT_SAME` */
export function checkSeen(path: string, stats: BigIntStats, seen: SeenFile | undefined): void {
  if (seen === undefined) return
  const { device, inode, sizeBytes } = seen
  const isSame = BigInt(device) === stats.dev && BigInt(inode) === stats.ino
  const isSameSize = sizeBytes === undefined || BigInt(sizeBytes) === stats.size
  if (!isSame || !isSameSize) throw notSame(path)
}

export interface OpenedSource extends EntryAttributes {
  content: AsyncIterable<Uint8Array>
  reference: FileReference
  origin: FileOrigin
  close(): Promise<void>
}

export interface OpenSourceOptions {
  signal: AbortSignal
  /** What the caller sees there. */
  seen?: SeenFile | undefined
  openFile?: OpenSourceFile | undefined
}

/**
 * @param path as {@link lookAt} gives it
 * @throws CodedError `FILE_NOT_FOUND`, `FILE_FORBIDDEN`, `FILE_UNREADABLE`, `FILE_CHANGED`,
 *   `FILE_NOT_SAME`
 */
export async function openFileSource(
  path: string,
  { signal, seen, openFile = openSourceFile }: OpenSourceOptions,
): Promise<OpenedSource> {
  const handle = await openFile(path).catch((thrown: unknown) => {
    throw readError(path, thrown)
  })
  try {
    const before = await handle.stat({ bigint: true })
    // Of what is open now: whatever the path leads to later, this is what is read.
    checkSeen(path, before, seen)
    if (!before.isFile()) throw fileChanged(path)
    const origin = originOf(handle, { path, before, signal })
    return {
      content: origin.readFrom(0),
      reference: referenceTo(path, before),
      origin,
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

interface OpenedFile {
  path: string
  before: BigIntStats
  signal: AbortSignal
  /** Filled again and again; its own unless given. */
  buffer?: Buffer
}

export function originOf(handle: SourceFile, file: OpenedFile): FileOrigin {
  const { dev, ino, size, mtimeNs, ctimeNs } = file.before
  return {
    identity: {
      device: dev,
      inode: ino,
      sizeBytes: Number(size),
      modifiedAtNs: mtimeNs,
      changedAtNs: ctimeNs,
    },
    readFrom: (start) => contentOf(handle, file, start),
  }
}

/** The bytes of an open file, in a buffer that is used again; it must not change meanwhile. */
async function* contentOf(
  handle: SourceFile,
  { path, before, signal, buffer = Buffer.allocUnsafeSlow(WALK_READ_BYTES) }: OpenedFile,
  start: number,
): AsyncGenerator<Uint8Array, void> {
  const sizeBytes = Number(before.size)
  let position = start
  // What was added to it meanwhile shows in its size, so its end need not be looked for.
  while (position < sizeBytes) {
    signal.throwIfAborted()
    const { bytesRead } = await handle
      .read(buffer, 0, buffer.length, position)
      .catch((thrown: unknown) => {
        throw readError(path, thrown)
      })
    if (bytesRead === 0) break
    position += bytesRead
    yield buffer.subarray(0, bytesRead)
  }
  const after = await handle.stat({ bigint: true })
  const isSame =
    position === sizeBytes && after.size === before.size && after.mtimeNs === before.mtimeNs
  if (!isSame) throw fileChanged(path)
}
