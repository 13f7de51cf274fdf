// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * A folder of an item, written whole or not at all: it is made beside its target and then renamed.
 * Whatever strangers called things and wherever their symbolic links point, nothing outside of the
 * target is touched: every name is checked, every folder above a file is one that was made here, and
 * links are made last, when nothing more is written.
 */
import {
  chmod,
  type FileHandle,
  lutimes,
  mkdir,
  mkdtemp,
  open,
  rename,
  rm,
  symlink,
  utimes,
} from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { CodedError, errorCode, type ReadTarEntry, readTar, type UnixTime } from '../base/base.ts'
import { explain, fileExists, syncFolder } from './files.ts'
import { SYNCS_MAX } from './limits.ts'
import { plain } from './output.ts'

export interface FolderWriteOptions {
  /** Whether symbolic links may lead out of the folder, or nowhere. */
  mayLeadOut: boolean
  onProgress: (writtenBytes: number) => void
}

export interface WrittenFolder {
  filesCount: number
  foldersCount: number
  symlinksCount: number
  sizeBytes: number
}

/** @param archive as the node gives it: modes and times that nobody kept are zero */
export async function writeFolder(
  path: string,
  archive: AsyncIterable<Uint8Array>,
  options: FolderWriteOptions,
): Promise<WrittenFolder> {
  const beside = await mkdtemp(join(dirname(path), '.citynode-')).catch((cause) => {
    throw explain(dirname(path), cause)
  })
  try {
    const root = join(beside, 'part')
    const writer = new FolderWriter(root, options)
    const written = await writer.write(archive)
    await place(root, path)
    await writer.finishRoot(path)
    await syncFolder(dirname(path))
    return written
  } finally {
    await rm(beside, { recursive: true, force: true })
  }
}

/** Only where nothing is, or an empty folder: the rename itself makes sure. */
async function place(root: string, path: string): Promise<void> {
  try {
    await rename(root, path)
  } catch (cause) {
    const isTaken = ['ENOTEMPTY', 'EEXIST', 'ENOTDIR'].includes(errorCode(cause) ?? '')
    throw isTaken ? fileExists(path) : explain(path, cause)
  }
}

interface Attributes {
  mode: number
  modifiedAt: UnixTime
}

class FolderWriter {
  readonly #root: string
  readonly #options: FolderWriteOptions
  /** Every folder that was made, by its path; parents come before what is in them. */
  readonly #folders = new Map<string, Attributes>()
  readonly #links: (Attributes & { path: string; target: string })[] = []
  readonly #syncing = new Set<Promise<void>>()
  #syncFailure: unknown
  #filesCount = 0
  #sizeBytes = 0

  constructor(root: string, options: FolderWriteOptions) {
    this.#root = root
    this.#options = options
  }

  async write(archive: AsyncIterable<Uint8Array>): Promise<WrittenFolder> {
    await mkdir(this.#root)
    this.#folders.set('', NO_ATTRIBUTES)
    try {
      for await (const entry of readTar(archive, brokenArchive)) await this.#entry(entry)
      for (const link of this.#links) await this.#link(link)
      await this.#finishFolders()
    } finally {
      await Promise.all(this.#syncing)
    }
    if (this.#syncFailure !== undefined) throw explain(this.#root, this.#syncFailure)
    return {
      filesCount: this.#filesCount,
      foldersCount: this.#folders.size - 1,
      symlinksCount: this.#links.length,
      sizeBytes: this.#sizeBytes,
    }
  }

  /** The permissions of the folder itself may forbid to move it, so they come after that. */
  async finishRoot(path: string): Promise<void> {
    await applyAttributes(path, this.#folders.get('') ?? NO_ATTRIBUTES)
  }

  async #entry(entry: ReadTarEntry): Promise<void> {
    const path = this.#pathOf(entry)
    const { mode, modifiedAt } = entry
    if (entry.type === 'folder') {
      // The folder that all is in was made already.
      if (path !== '') await this.#orRefuse(path, () => mkdir(this.#absolute(path)))
      this.#folders.set(path, { mode, modifiedAt })
    } else if (entry.type === 'symlink') {
      const target = decode(entry.target)
      this.#checkTarget(path, target)
      this.#links.push({ path, target, mode, modifiedAt })
    } else if (entry.type === 'file') {
      await this.#file(path, entry)
    } else {
      throw brokenArchive(`it has a ${entry.type} in it`)
    }
  }

  async #file(path: string, { content, mode, modifiedAt }: ReadTarEntry): Promise<void> {
    const absolute = this.#absolute(path)
    // Never through a link, nor over anything.
    const handle = await this.#orRefuse(path, () => open(absolute, 'wx'))
    try {
      for await (const piece of content) {
        await handle.writeFile(piece)
        this.#sizeBytes += piece.length
        this.#options.onProgress(this.#sizeBytes)
      }
      if (isKept(mode)) await handle.chmod(mode & PERMISSIONS)
      const time = secondsOf(modifiedAt)
      if (time !== undefined) await handle.utimes(time, time)
    } catch (cause) {
      await handle.close()
      throw explain(absolute, cause)
    }
    this.#filesCount += 1
    await this.#syncLater(handle)
  }

  async #link({ path, target, modifiedAt }: Attributes & { path: string; target: string }) {
    const absolute = this.#absolute(path)
    await this.#orRefuse(path, () => symlink(target, absolute))
    const time = secondsOf(modifiedAt)
    if (time !== undefined) await lutimes(absolute, time, time)
  }

  /** Last and innermost first: what is made in a folder changes its time, and may be forbidden. */
  async #finishFolders(): Promise<void> {
    for (const [path, attributes] of [...this.#folders].reverse()) {
      if (path === '') continue
      await syncFolder(this.#absolute(path))
      await applyAttributes(this.#absolute(path), attributes)
    }
    await syncFolder(this.#root)
  }

  /** Waiting for the disk after every file would take a card minutes: some wait together. */
  async #syncLater(handle: FileHandle): Promise<void> {
    const synced = handle
      .sync()
      .finally(() => handle.close())
      .catch((cause: unknown) => {
        // Thrown at the end, when nothing is written any more.
        this.#syncFailure ??= cause
      })
      .finally(() => this.#syncing.delete(synced))
    this.#syncing.add(synced)
    if (this.#syncing.size >= SYNCS_MAX) await Promise.race(this.#syncing)
  }

  /** Relative, in a folder that was made here; empty for the folder that all is in. */
  #pathOf({ name, type }: ReadTarEntry): string {
    const text = decode(name)
    const path = text.replace(/^\.\//, '').replace(/\/$/, '')
    if (path === '' && type === 'folder') return path
    const names = path.split('/')
    const isPlain = names.every((one) => one !== '' && one !== '.' && one !== '..')
    if (!isPlain || path.includes('\0')) throw nameRefused(text, 'it is no name of a file')
    const parent = names.slice(0, -1).join('/')
    if (!this.#folders.has(parent)) throw nameRefused(text, 'it is in no folder')
    return path
  }

  /**
   * Links may go up to the folder that all is in, and down from there. One that goes down first and
   * up again may get anywhere, when what it goes through is a link too.
   */
  #checkTarget(path: string, target: string): void {
    if (this.#options.mayLeadOut) return
    const names = target.split('/').filter((one) => one !== '' && one !== '.')
    const upCount = names.findIndex((one) => one !== '..')
    const ups = upCount === -1 ? names.length : upCount
    const depth = path.split('/').length - 1
    const isInside =
      !target.startsWith('/') && ups <= depth && !names.slice(ups).some((one) => one === '..')
    if (isInside) return
    throw new CodedError(
      'SYMLINK_LEADS_OUT',
      `The symbolic link ${plain(path)} leads out of the folder, to ${plain(target)}.`,
      { advice: 'If you trust the folder, write such links too with --all-symlinks.' },
    )
  }

  /** What `work` gives; a name that is taken, or impossible here, is said by name. */
  async #orRefuse<T>(path: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (cause) {
      switch (errorCode(cause)) {
        case 'EEXIST':
          throw nameRefused(path, 'this file system holds it for the same as another one', cause)
        case 'EINVAL':
        case 'EILSEQ':
        case 'ENAMETOOLONG':
          throw nameRefused(path, 'this file system has no such names', cause)
        default:
          throw explain(this.#absolute(path), cause)
      }
    }
  }

  #absolute(path: string): string {
    return join(this.#root, path)
  }
}

const NO_ATTRIBUTES: Attributes = { mode: 0, modifiedAt: { seconds: 0, nanoseconds: 0 } }
/** Without setuid, setgid and sticky: nobody from elsewhere gives rights here. */
const PERMISSIONS = 0o777

function isKept(mode: number): boolean {
  return mode !== 0
}

/** Undefined when it was not kept. */
function secondsOf({ seconds, nanoseconds }: UnixTime): number | undefined {
  return seconds === 0 && nanoseconds === 0 ? undefined : seconds + nanoseconds / 1e9
}

async function applyAttributes(path: string, { mode, modifiedAt }: Attributes): Promise<void> {
  const time = secondsOf(modifiedAt)
  if (time !== undefined) await utimes(path, time, time)
  if (isKept(mode)) await chmod(path, mode & PERMISSIONS)
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (cause) {
    throw nameRefused(new TextDecoder().decode(bytes), 'it is not valid UTF-8', cause)
  }
}

function nameRefused(path: string, reason: string, cause?: unknown): CodedError {
  return new CodedError('FILE_NAME_REFUSED', `${plain(path)} cannot be written: ${reason}.`, {
    cause,
    advice: 'Nothing was written. Take the folder as an archive instead: --tar -o FILE.',
  })
}

function brokenArchive(what: string): CodedError {
  return new CodedError('API_BROKEN_OFF', `What the node sent is no whole folder: ${what}.`, {
    advice: 'Look whether the node still runs (citynode status) and what its log says.',
  })
}
