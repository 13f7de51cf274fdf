// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * A folder of the owner's as a tar archive, for the node to take in. Symbolic links are packed as
 * links and never followed, so nothing outside of the folder is sent; what has no content (sockets,
 * pipes, devices) is left out, and that is said. A file that changes while it is sent is noticed.
 */
import { type BigIntStats, constants } from 'node:fs'
import { lstat, open, opendir, readlink, realpath } from 'node:fs/promises'
import {
  CodedError,
  encodeTarHeader,
  TAR_END_BYTES,
  type TarEntry,
  tarPaddingBytes,
  unixTimeOf,
} from '../base/base.ts'
import { explain } from './files.ts'
import { FOLDER_NAMES_AHEAD, TAR_PIECE_BYTES } from './limits.ts'

export interface FolderStreamOptions {
  signal: AbortSignal
  /** Told of what is left out, with its path in the folder. */
  onSkipped: (path: string, reason: string) => void
}

/**
 * Pieces of up to {@link TAR_PIECE_BYTES}, each its receiver's own.
 * @throws CodedError `FILE_NOT_FOUND`, `FILE_FORBIDDEN`, `FILE_CHANGED`, `FILE_NAME_REFUSED`, or the
 * signal's reason
 */
export async function* tarOfFolder(
  path: string,
  options: FolderStreamOptions,
): AsyncGenerator<Uint8Array, void> {
  const root = await realpath(path).catch((cause) => {
    throw explain(path, cause)
  })
  const pieces = new Pieces()
  yield* new FolderPacker(root, pieces, options).folder('')
  yield* pieces.add(new Uint8Array(TAR_END_BYTES))
  yield* pieces.rest()
}

class FolderPacker {
  readonly #root: string
  readonly #pieces: Pieces
  readonly #options: FolderStreamOptions

  constructor(root: string, pieces: Pieces, options: FolderStreamOptions) {
    this.#root = root
    this.#pieces = pieces
    this.#options = options
  }

  /** @param path in the folder; empty for the folder itself */
  async *folder(path: string): AsyncGenerator<Uint8Array, void> {
    const where = join(this.#root, path)
    const stats = await this.#look(where)
    const names = await openNames(where)
    try {
      // Something else may have been put in its place before it was opened: a link that leads out.
      const now = await this.#look(where)
      if (!now.isDirectory() || now.ino !== stats.ino) throw changed(where)
      yield* this.#header({ kind: 'folder', path: path === '' ? '.' : path }, stats)
      for (let next = await names.read(); next !== null; next = await names.read()) {
        this.#options.signal.throwIfAborted()
        const below = join(path, decodeName(next.name, where))
        // Most things are files, which tell about themselves once they are open.
        yield* next.isFile() ? this.#file(below) : this.#entry(below)
      }
    } finally {
      await names.close()
    }
  }

  async *#entry(path: string): AsyncGenerator<Uint8Array, void> {
    const where = join(this.#root, path)
    const stats = await this.#look(where)
    if (stats.isDirectory()) {
      yield* this.folder(path)
    } else if (stats.isFile()) {
      yield* this.#file(path)
    } else if (stats.isSymbolicLink()) {
      const bytes = await readlink(where, 'buffer').catch((cause) => {
        throw explain(where, cause)
      })
      const target = decodeName(bytes, where)
      yield* this.#header({ kind: 'symlink', path, target }, stats)
    } else {
      const what = stats.isSocket() ? 'socket' : stats.isFIFO() ? 'pipe' : 'device'
      this.#options.onSkipped(path, `it is a ${what}`)
    }
  }

  async *#file(path: string): AsyncGenerator<Uint8Array, void> {
    const where = join(this.#root, path)
    // Not through a link, and without waiting for a writer, should it be a pipe by now.
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
    await using handle = await open(where, flags).catch((cause) => {
      throw explain(where, cause)
    })
    const before = await handle.stat({ bigint: true })
    if (!before.isFile()) throw changed(where)
    const sizeBytes = Number(before.size)
    yield* this.#header({ kind: 'file', path, sizeBytes }, before)
    let restBytes = sizeBytes
    while (restBytes > 0) {
      this.#options.signal.throwIfAborted()
      const room = this.#pieces.room(restBytes)
      const { bytesRead } = await handle.read(room).catch((cause) => {
        throw explain(where, cause)
      })
      if (bytesRead === 0) throw changed(where)
      restBytes -= bytesRead
      yield* this.#pieces.filled(bytesRead)
    }
    const after = await handle.stat({ bigint: true })
    if (after.size !== before.size || after.mtimeNs !== before.mtimeNs) throw changed(where)
    yield* this.#pieces.add(new Uint8Array(tarPaddingBytes(sizeBytes)))
  }

  #header(
    { kind, path, sizeBytes = 0, target = '' }: Pick<TarEntry, 'kind' | 'path'> & Partial<TarEntry>,
    stats: BigIntStats,
  ): Generator<Uint8Array, void> {
    const mode = Number(stats.mode & 0o7777n)
    const modifiedAt = unixTimeOf(stats.mtimeNs)
    const entry: TarEntry = { kind, path, sizeBytes, mode, modifiedAt, target }
    return this.#pieces.add(encodeTarHeader(entry))
  }

  async #look(where: string): Promise<BigIntStats> {
    try {
      return await lstat(where, { bigint: true })
    } catch (cause) {
      throw explain(where, cause)
    }
  }
}

/** Gathers bytes into pieces; files are read right into them. */
class Pieces {
  #piece = Buffer.allocUnsafe(TAR_PIECE_BYTES)
  #filledBytes = 0

  /** Where up to `countMax` bytes may be put; never empty. */
  room(countMax: number): Buffer {
    return this.#piece.subarray(this.#filledBytes, this.#filledBytes + countMax)
  }

  /** So many bytes were put there. */
  *filled(count: number): Generator<Uint8Array, void> {
    this.#filledBytes += count
    if (this.#filledBytes < this.#piece.length) return
    yield this.#piece
    // A new one: the receiver may still be sending the other.
    this.#piece = Buffer.allocUnsafe(TAR_PIECE_BYTES)
    this.#filledBytes = 0
  }

  *add(bytes: Uint8Array): Generator<Uint8Array, void> {
    for (let at = 0; at < bytes.length; ) {
      const room = this.room(bytes.length - at)
      room.set(bytes.subarray(at, at + room.length))
      at += room.length
      yield* this.filled(room.length)
    }
  }

  *rest(): Generator<Uint8Array, void> {
    if (this.#filledBytes > 0) yield this.#piece.subarray(0, this.#filledBytes)
    this.#filledBytes = 0
  }
}

interface Found {
  name: Uint8Array
  isFile(): boolean
}

/** A `Dir` that was asked for names as bytes gives those; its types do not know. */
interface Names {
  read(): Promise<Found | null>
  close(): Promise<void>
}

async function openNames(where: string): Promise<Names> {
  try {
    // Its types have no 'buffer', which it takes as all of `node:fs` does; see `Names`.
    const options = { encoding: 'buffer' as BufferEncoding, bufferSize: FOLDER_NAMES_AHEAD }
    const dir: unknown = await opendir(where, options)
    // Asked for in bytes; see `Names`.
    return dir as Names
  } catch (cause) {
    throw explain(where, cause)
  }
}

function decodeName(bytes: Uint8Array, where: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (cause) {
    const name = new TextDecoder().decode(bytes).replace(/\p{Cc}/gu, '\u{fffd}')
    throw new CodedError('FILE_NAME_REFUSED', `In ${where}, “${name}” is not valid UTF-8.`, {
      cause,
      advice: 'Rename it (for a whole tree in an old encoding: convmv), or move it elsewhere.',
    })
  }
}

function changed(where: string): CodedError {
  return new CodedError('FILE_CHANGED', `${where} changed while it was read.`, {
    advice: 'Add the folder again when nothing writes to it.',
  })
}

/** Not `node:path`: what is joined here must stay as it is, to the byte. */
function join(folder: string, name: string): string {
  if (folder === '' || name === '') return folder + name
  return folder.endsWith('/') ? folder + name : `${folder}/${name}`
}
