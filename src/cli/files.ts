// SPDX-License-Identifier: AGPL-3.0-or-later
/** The owner's own files: read one to add it, write one whole or not at all. */
import { type BigIntStats, constants, createReadStream } from 'node:fs'
import {
  access,
  link,
  lstat,
  mkdtemp,
  open,
  readdir,
  realpath,
  rename,
  rm,
  stat,
} from 'node:fs/promises'
import { dirname, join, relative, sep } from 'node:path'
import { addAbortSignal, type Readable } from 'node:stream'
import { CodedError, errorCode, formatUnixTime, unixTimeOf } from '../base/base.ts'
import type { Seen } from '../contract/contract.ts'
import { READ_CHUNK_BYTES } from './limits.ts'

export interface OpenedFile {
  sizeBytes: number
  /** Permissions, in octal digits. */
  mode: string
  /** Seconds since 1970. */
  modifiedAt: string
  bytes: AsyncIterable<Uint8Array>
}

/** @throws CodedError `FILE_NOT_FOUND`, `FILE_FORBIDDEN`; when it is read, `FILE_CHANGED`. */
export async function openFile(path: string, signal: AbortSignal): Promise<OpenedFile> {
  try {
    const found = await stat(path, { bigint: true })
    await access(path, constants.R_OK)
    return {
      sizeBytes: Number(found.size),
      mode: (found.mode & 0o7777n).toString(8),
      modifiedAt: formatUnixTime(unixTimeOf(found.mtimeNs)),
      bytes: bytesOf(path, found, signal),
    }
  } catch (cause) {
    throw explain(path, cause)
  }
}

/**
 * What lies at a path, for the node to compare with what it sees there; undefined for what is neither
 * file nor folder.
 * @throws CodedError `FILE_NOT_FOUND`, `FILE_FORBIDDEN`: what may not be read here is not added by way
 *   of a node that may.
 */
export async function seenAt(path: string): Promise<Seen | undefined> {
  try {
    const found = await stat(path, { bigint: true })
    if (!found.isFile() && !found.isDirectory()) return undefined
    await access(path, constants.R_OK)
    const place = { device: String(found.dev), inode: String(found.ino) }
    return found.isFile() ? { ...place, sizeBytes: String(found.size) } : place
  } catch (cause) {
    throw explain(path, cause)
  }
}

/** Whether there is a folder; a symbolic link to one is followed, as its owner typed it. */
export async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory()
  } catch (cause) {
    throw explain(path, cause)
  }
}

/**
 * The node's own folder is not to be added: its key is in it, and it changes while it is read.
 * @throws CodedError `USAGE`
 */
export async function checkApart(path: string, dataFolder: string): Promise<void> {
  const [one, other] = await Promise.all([realpath(path), realpath(dataFolder)]).catch((cause) => {
    throw explain(path, cause)
  })
  if (!isWithin(one, other) && !isWithin(other, one)) return
  throw new CodedError('USAGE', `The node’s own data folder is in ${path}, or around it.`, {
    advice: 'Add another folder, or move the data folder out of this one.',
  })
}

function isWithin(folder: string, path: string): boolean {
  const way = relative(folder, path)
  return way === '' || (way !== '..' && !way.startsWith(`..${sep}`))
}

async function* bytesOf(
  path: string,
  before: BigIntStats,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  yield* createReadStream(path, { highWaterMark: READ_CHUNK_BYTES, signal })
  // A pipe has neither a size nor a time to go by.
  if (!before.isFile()) return
  const after = await stat(path, { bigint: true })
  if (after.size === before.size && after.mtimeNs === before.mtimeNs) return
  throw new CodedError('FILE_CHANGED', `${path} changed while it was read.`, {
    advice: 'Add it again when nothing writes to it.',
  })
}

/**
 * A small file, whole.
 * @throws CodedError as {@link openFile}, and `USAGE` for a file of more than `sizeBytesMax`.
 */
export async function readSmallFile(
  path: string,
  sizeBytesMax: number,
  signal: AbortSignal,
): Promise<Buffer> {
  try {
    if ((await stat(path)).isDirectory()) {
      throw new CodedError('USAGE', `${path} is a folder; name a file in it.`)
    }
    return await readSmall(createReadStream(path), { name: path, sizeBytesMax, signal })
  } catch (cause) {
    throw explain(path, cause)
  }
}

/** A small stream, whole. @throws CodedError `USAGE` for one of more than `sizeBytesMax`. */
export async function readSmall(
  stream: Readable,
  options: { name: string; sizeBytesMax: number; signal: AbortSignal },
): Promise<Buffer> {
  const { name, sizeBytesMax, signal } = options
  const chunks: Uint8Array[] = []
  let sizeBytes = 0
  for await (const chunk of addAbortSignal(signal, stream)) {
    sizeBytes += chunk.length
    if (sizeBytes > sizeBytesMax) {
      const message = `${name} is too large for what it should be: is it the right one?`
      throw new CodedError('USAGE', message)
    }
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/**
 * Before much work is done for it: can there be a file?
 * @throws CodedError `FILE_EXISTS` unless `mayOverwrite`; `USAGE` where a folder is;
 * `FILE_NOT_FOUND` or `FILE_FORBIDDEN` for the folder around it.
 */
export async function checkTarget(
  path: string,
  { mayOverwrite, mayBeEmptyFolder = false }: { mayOverwrite: boolean; mayBeEmptyFolder?: boolean },
): Promise<void> {
  await access(dirname(path), constants.W_OK).catch((cause) => {
    throw explain(dirname(path), cause)
  })
  const found = await lstat(path).catch((cause) => {
    if (errorCode(cause) === 'ENOENT') return undefined
    throw explain(path, cause)
  })
  if (found === undefined) return
  if (found.isDirectory()) {
    if (!mayBeEmptyFolder) {
      throw new CodedError('USAGE', `${path} is a folder; name a file in it.`)
    }
    if ((await readdir(path)).length > 0) throw fileExists(path)
    return
  }
  if (!mayOverwrite) throw fileExists(path)
}

/**
 * Writes `chunks` beside `path` and renames them into place when they are complete and on disk.
 * Whatever goes wrong before, nothing is left at `path` and nothing beside it.
 */
export async function writeWhole(
  path: string,
  chunks: AsyncIterable<Uint8Array>,
  options: {
    mayOverwrite: boolean
    /** Permission bits, exactly; by default the user's usual ones. */
    mode?: number
  },
): Promise<void> {
  const folder = await makeFolderBeside(path)
  try {
    const temporary = join(folder, 'part')
    await using file = await open(temporary, 'wx', options.mode)
    if (options.mode !== undefined) await file.chmod(options.mode)
    for await (const chunk of chunks) await file.appendFile(chunk)
    await file.sync()
    if (options.mayOverwrite) await rename(temporary, path)
    else await placeNew(temporary, path)
    await syncFolder(dirname(path))
  } catch (cause) {
    throw explain(path, cause)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Makes new names in a folder survive a power cut, where it lets us. */
export async function syncFolder(path: string): Promise<void> {
  try {
    await using folder = await open(path, 'r')
    await folder.sync()
  } catch {
    // A folder that may not be read, or a file system that syncs no folders: the file is whole.
  }
}

async function makeFolderBeside(path: string): Promise<string> {
  try {
    return await mkdtemp(join(dirname(path), '.citynode-'))
  } catch (cause) {
    throw explain(dirname(path), cause)
  }
}

/** Gives a complete file its name, unless somebody took that name meanwhile. */
export async function placeNew(temporary: string, path: string): Promise<void> {
  try {
    await link(temporary, path)
  } catch (cause) {
    // FAT, as on USB sticks, knows no links: look once more, then rename.
    const isWithoutLinks = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].includes(
      errorCode(cause) ?? '',
    )
    if (!isWithoutLinks) throw cause
    await checkTarget(path, { mayOverwrite: false })
    await rename(temporary, path)
  }
}

/** A failure of the file system, in words; what is no such failure comes back as it is. */
export function explain(path: string, cause: unknown): unknown {
  switch (errorCode(cause)) {
    case 'ENOENT':
    case 'ENOTDIR':
      return new CodedError('FILE_NOT_FOUND', `There is no such file or folder: ${path}`, { cause })
    case 'EEXIST':
      return fileExists(path)
    case 'EISDIR':
      return new CodedError('USAGE', `${path} is a folder; name a file in it.`, { cause })
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new CodedError('FILE_FORBIDDEN', `You may not use this file or folder: ${path}`, {
        cause,
        advice: 'Choose another place, or ask whoever owns it.',
      })
    case 'EFBIG':
      return new CodedError('FILE_FORBIDDEN', `The disk takes no file as large as ${path}.`, {
        cause,
        advice: 'FAT32, as on many sticks, ends at 4 GiB: citynode export --split 4G.',
      })
    case 'ENOSPC':
    case 'EDQUOT':
      return new CodedError('FILE_FORBIDDEN', `There is no space left for ${path}.`, {
        cause,
        advice: 'Free some space or choose another disk. Nothing was left behind.',
      })
    default:
      return cause
  }
}

export function fileExists(path: string): CodedError {
  return new CodedError('FILE_EXISTS', `There is already something at ${path}.`, {
    advice: 'Choose another name. A file is replaced with --force, a folder never.',
  })
}
