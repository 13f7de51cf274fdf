// SPDX-License-Identifier: AGPL-3.0-or-later
/** The disk as a port, so that tests can fill it, break it and cut its power. */
import { type FileHandle, mkdir, open, readdir, rename, rm, stat, statfs } from 'node:fs/promises'
import { errorCode } from '../../base/base.ts'

/** What tells whether a file is still the one that was looked at before. */
export interface FileFacts {
  sizeBytes: number
  /** Milliseconds since 1970, with fractions, as the file system keeps them. */
  modifiedAtMs: number
}

export interface DiskFile {
  /** Fills `buffer` from `position` on; returns how many bytes there were. */
  read(buffer: Uint8Array, position: number): Promise<number>
  /** Writes all of `bytes` from `position` on; a gap before it reads as zeros. */
  write(bytes: Uint8Array, position: number): Promise<void>
  /** Cuts the file, or lengthens it with zeros. */
  truncate(sizeBytes: number): Promise<void>
  facts(): Promise<FileFacts>
  /** Returns when what was written survives a power cut. */
  sync(): Promise<void>
  close(): Promise<void>
}

/** Failures come as Node's errors: `ENOSPC`, `ENOENT`, `EIO`. */
export interface Disk {
  /** A new file, for writing and reading. Fails when there is one. */
  create(path: string): Promise<DiskFile>
  /** An existing file, for reading. */
  open(path: string): Promise<DiskFile>
  /** An existing file, for writing and reading. */
  openForWriting(path: string): Promise<DiskFile>
  rename(from: string, to: string): Promise<void>
  /** Removes a file or a folder with all that is in it; what is not there is fine. */
  remove(path: string): Promise<void>
  /** Makes a folder whose parent exists; one that is there already is fine. */
  makeFolder(path: string): Promise<void>
  /** Returns when the names in the folder survive a power cut. */
  syncFolder(path: string): Promise<void>
  /** The names in a folder. */
  list(path: string): Promise<string[]>
  /** About a regular file; undefined when there is none. */
  factsOf(path: string): Promise<FileFacts | undefined>
  /** Bytes that we may still write. */
  freeBytes(path: string): Promise<number>
}

/** Other users of the machine have no business in the store: private items lie in it. */
const FILE_MODE = 0o600
const FOLDER_MODE = 0o700

/** The machine's own disk. */
export const machineDisk: Disk = {
  create: async (path) => new MachineFile(await open(path, 'wx+', FILE_MODE)),
  open: async (path) => new MachineFile(await open(path, 'r')),
  openForWriting: async (path) => new MachineFile(await open(path, 'r+')),
  rename,
  remove: (path) => rm(path, { recursive: true, force: true }),
  makeFolder: async (path) => {
    try {
      await mkdir(path, { mode: FOLDER_MODE })
    } catch (thrown) {
      if (errorCode(thrown) !== 'EEXIST') throw thrown
    }
  },
  syncFolder: async (path) => {
    await using folder = await open(path, 'r')
    await folder.sync()
  },
  list: (path) => readdir(path),
  factsOf: async (path) => {
    try {
      const found = await stat(path)
      return found.isFile() ? factsFrom(found) : undefined
    } catch (thrown) {
      if (errorCode(thrown) === 'ENOENT' || errorCode(thrown) === 'ENOTDIR') return undefined
      throw thrown
    }
  },
  freeBytes: async (path) => {
    const { bavail, bsize } = await statfs(path)
    return bavail * bsize
  },
}

function factsFrom(stats: { size: number; mtimeMs: number }): FileFacts {
  return { sizeBytes: stats.size, modifiedAtMs: stats.mtimeMs }
}

class MachineFile implements DiskFile {
  readonly #handle: FileHandle

  constructor(handle: FileHandle) {
    this.#handle = handle
  }

  async read(buffer: Uint8Array, position: number): Promise<number> {
    let filled = 0
    while (filled < buffer.length) {
      const length = buffer.length - filled
      const { bytesRead } = await this.#handle.read(buffer, filled, length, position + filled)
      if (bytesRead === 0) break
      filled += bytesRead
    }
    return filled
  }

  async write(bytes: Uint8Array, position: number): Promise<void> {
    for (let done = 0; done < bytes.length; ) {
      const length = bytes.length - done
      // The kernel may write fewer than it was given, for example when the disk is nearly full.
      const { bytesWritten } = await this.#handle.write(bytes, done, length, position + done)
      done += bytesWritten
    }
  }

  truncate(sizeBytes: number): Promise<void> {
    return this.#handle.truncate(sizeBytes)
  }

  async facts(): Promise<FileFacts> {
    return factsFrom(await this.#handle.stat())
  }

  sync(): Promise<void> {
    return this.#handle.datasync()
  }

  close(): Promise<void> {
    return this.#handle.close()
  }
}
