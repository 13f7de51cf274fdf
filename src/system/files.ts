// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Files that are whole or absent, whatever instant the power goes. A crash may leave a hidden
 * `.NAME.….tmp` behind; nothing reads those.
 */
import { randomBytes } from 'node:crypto'
import { link, mkdir, open, rename, stat, unlink } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { CodedError, errorCode } from '../base/base.ts'

export interface AtomicWriteOptions {
  /** Permission bits, exactly as given (the umask is not applied). */
  mode: number
  /** False: fails with `FILE_EXISTS` where a file is already. Default true. */
  overwrite?: boolean
}

/** @throws CodedError `DATA_UNWRITABLE`, or `FILE_EXISTS` when it must not overwrite. */
export async function writeFileAtomic(
  path: string,
  bytes: Uint8Array | string,
  options: AtomicWriteOptions,
): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}.tmp`)
  try {
    await writeAndSync(temporary, bytes, options.mode)
    if (options.overwrite === false) {
      await link(temporary, path)
      await unlink(temporary)
    } else {
      await rename(temporary, path)
    }
  } catch (cause) {
    // Only tidying up: the file may never have come into being, and the first failure matters.
    await unlink(temporary).catch(() => {})
    if (errorCode(cause) === 'EEXIST') {
      throw new CodedError('FILE_EXISTS', `There is already a file at ${path}.`, { cause })
    }
    throw unwritable(path, cause)
  }
  await syncFolder(dirname(path))
}

/** Makes the names in a folder survive a power cut. @throws CodedError `DATA_UNWRITABLE` */
export async function syncFolder(path: string): Promise<void> {
  try {
    await using handle = await open(path, 'r')
    await handle.sync()
  } catch (cause) {
    throw unwritable(path, cause)
  }
}

/**
 * Makes sure that there is a folder in which we can really create files. A folder that exists
 * keeps its mode. @throws CodedError `DATA_UNWRITABLE` with advice.
 */
export async function ensureFolder(path: string, mode = 0o700): Promise<void> {
  try {
    await makeFolder(resolve(path), mode)
    await probe(path)
  } catch (cause) {
    throw cause instanceof CodedError ? cause : unwritable(path, cause)
  }
}

/**
 * Makes a folder and those above it. Not by `mkdir` with `recursive`, which never returns on file
 * systems that answer ENOENT below an existing folder, such as /proc.
 */
async function makeFolder(path: string, mode: number): Promise<void> {
  const parent = dirname(path)
  if (await isFolder(path)) return
  if (parent !== path) await makeFolder(parent, mode)
  try {
    await mkdir(path, { mode })
  } catch (thrown) {
    if (errorCode(thrown) === 'EEXIST' && (await isFolder(path))) return
    throw thrown
  }
  await syncFolder(parent)
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory()
  } catch (thrown) {
    if (errorCode(thrown) === 'ENOENT') return false
    throw thrown
  }
}

/** Permission bits lie (root, read-only mounts, full disks); making a file does not. */
async function probe(folder: string): Promise<void> {
  const path = join(folder, `.probe.${randomBytes(6).toString('hex')}.tmp`)
  try {
    await writeAndSync(path, '\n', 0o600)
  } finally {
    // Nothing to remove when it could not be made; that failure is already on its way up.
    await unlink(path).catch(() => {})
  }
}

async function writeAndSync(path: string, bytes: Uint8Array | string, mode: number): Promise<void> {
  await using handle = await open(path, 'wx', mode)
  await handle.chmod(mode)
  await handle.writeFile(bytes)
  await handle.sync()
}

function unwritable(path: string, cause: unknown): CodedError {
  const code = errorCode(cause) ?? 'unknown'
  return new CodedError('DATA_UNWRITABLE', `Cannot write to ${path}: ${REASONS[code] ?? code}.`, {
    context: { path, errno: code },
    cause,
    advice: ADVICE[code] ?? 'Choose another folder with --data DIR.',
  })
}

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'this user has no permission',
  EPERM: 'the system does not permit it',
  EROFS: 'it is on a read-only file system',
  ENOSPC: 'the disk is full',
  EDQUOT: "this user's share of the disk is used up",
  ENOTDIR: 'a part of the path is a file, not a folder',
  EEXIST: 'there is a file where a folder is needed',
  ENOENT: 'nothing can be made there',
  EIO: 'the disk reports an error',
}

const ADVICE: Readonly<Record<string, string>> = {
  EACCES: 'Give this user the folder (chown), or choose another one with --data DIR.',
  EROFS: 'Mount it writable, or choose another folder with --data DIR.',
  ENOSPC: 'Make room on this disk, or choose a folder on another one with --data DIR.',
  EDQUOT: 'Make room, or choose a folder on another disk with --data DIR.',
  EIO: 'The disk or SD card may be failing: save its contents and replace it.',
}
