// SPDX-License-Identifier: AGPL-3.0-or-later
/** What a folder is made of, as it comes from a walk or an archive, and which paths are taken. */
import type { UnixTime } from '../../base/base.ts'
import {
  ENTRY_NAME_BYTES_MAX,
  ENTRY_PATH_BYTES_MAX,
  FOLDER_DEPTH_MAX,
  SYMLINK_TARGET_BYTES_MAX,
} from './limits.ts'
import { beyondFolderLimit, pathRefused } from './refusals.ts'

/** Bytes that stay where they are: the user's own file. */
export interface FileReference {
  path: string
  sizeBytes: number
  modifiedAtMs: number
}

/** What tells whether a file of this machine is still the one that was looked at. */
export interface FileIdentity {
  device: bigint
  inode: bigint
  sizeBytes: number
  /** Nanoseconds since 1970: of the last change of its bytes, and of anything about it. */
  modifiedAtNs: bigint
  changedAtNs: bigint
}

/** A file that can be read from any byte on, so that what was begun can be gone on with. */
export interface FileOrigin {
  identity: FileIdentity
  /** From byte `start` to the end; a piece is lent until the next is asked for. */
  readFrom(start: number): AsyncIterable<Uint8Array>
}

/** What file systems say about a thing besides its content. */
export interface EntryAttributes {
  /** Permission bits, 0o0000 to 0o7777. */
  mode?: number | undefined
  modifiedAt?: UnixTime | undefined
}

/**
 * One thing of a folder, in depth-first order: all of a folder comes together, as a walk and most
 * archives give it. Folders that are not named before what is in them are made. Paths are relative
 * and '/'-separated; the empty path of a `folder` is the imported folder itself.
 */
export type SourceEntry = EntryAttributes &
  (
    | {
        kind: 'file'
        path: string
        /** Read to its end before the next entry is asked for; a piece until the next is. */
        content: AsyncIterable<Uint8Array>
        reference?: FileReference | undefined
        /** Of the same bytes as `content`, where they need not come in one go. */
        origin?: FileOrigin | undefined
      }
    | { kind: 'folder'; path: string }
    | { kind: 'symlink'; path: string; target: string }
  )

/**
 * The names that `path` consists of.
 * @throws CodedError `CONTENT_PATH_REFUSED`, `CONTENT_FOLDER_LIMIT`
 */
export function parseEntryPath(path: string): string[] {
  if (path === '') throw pathRefused(path, 'it has no name')
  if (path.length > ENTRY_PATH_BYTES_MAX || Buffer.byteLength(path) > ENTRY_PATH_BYTES_MAX) {
    throw beyondFolderLimit(path, 'bytes of a path', ENTRY_PATH_BYTES_MAX)
  }
  if (path.startsWith('/')) throw pathRefused(path, 'it is absolute')
  const names = path.split('/')
  if (names.length > FOLDER_DEPTH_MAX) {
    throw beyondFolderLimit(path, 'folders within each other', FOLDER_DEPTH_MAX)
  }
  for (const name of names) checkEntryName(name, path)
  return names
}

function checkEntryName(name: string, path: string): void {
  if (name === '') throw pathRefused(path, 'a name in it is empty')
  if (name === '.' || name === '..') throw pathRefused(path, `“${name}” is not a name`)
  if (name.includes('\0')) throw pathRefused(path, 'it has a zero byte in it')
  if (!name.isWellFormed()) throw pathRefused(path, 'it is not valid UTF-8')
  // Three bytes a UTF-16 unit at most: most names need no counting.
  if (name.length * 3 > ENTRY_NAME_BYTES_MAX && Buffer.byteLength(name) > ENTRY_NAME_BYTES_MAX) {
    throw beyondFolderLimit(path, 'bytes of a name', ENTRY_NAME_BYTES_MAX)
  }
}

/** @throws CodedError `CONTENT_PATH_REFUSED`, `CONTENT_FOLDER_LIMIT` */
export function checkSymlinkTarget(path: string, target: string): void {
  if (target === '') throw pathRefused(path, 'it is a symbolic link to nothing')
  if (target.includes('\0')) throw pathRefused(path, 'its target has a zero byte in it')
  if (!target.isWellFormed()) throw pathRefused(path, 'its target is not valid UTF-8')
  if (Buffer.byteLength(target) > SYMLINK_TARGET_BYTES_MAX) {
    throw beyondFolderLimit(path, 'bytes of a symbolic link’s target', SYMLINK_TARGET_BYTES_MAX)
  }
}
