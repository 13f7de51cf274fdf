// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * A folder of this machine as entries, depth first. Symbolic links are told as links and never
 * followed, so the walk does not leave the folder; nothing is left out but what has no content
 * (sockets, pipes, devices), and that is said. A file that changes while it is read is noticed.
 */
import type { BigIntStats } from 'node:fs'
import { lstat, opendir, readlink, realpath } from 'node:fs/promises'
import { unixTimeOf } from '../../base/base.ts'
import { type EntryAttributes, pathRefused, type SourceEntry } from '../unixfs/unixfs.ts'
import {
  checkSeen,
  type OpenSourceFile,
  openSourceFile,
  originOf,
  referenceTo,
  type SeenFile,
} from './file-source.ts'
import { WALK_NAMES_AHEAD, WALK_READ_BYTES } from './limits.ts'
import { fileChanged, readError } from './source-errors.ts'
import { decodeText, showText } from './source-text.ts'

export interface SkippedEntry {
  /** Relative to the folder. */
  path: string
  /** For people: “it is a socket”, “may not be read”. */
  reason: string
}

export interface WalkOptions {
  signal: AbortSignal
  /** Whether files are told with where they lie, to be kept there. */
  asReference: boolean
  /** What becomes of files and folders that may not be read. */
  unreadable: 'fail' | 'skip'
  /** Told of everything that is left out. */
  onSkipped: (skipped: SkippedEntry) => void
  /** What the caller sees at the path of the folder. */
  seen?: SeenFile | undefined
  openFile?: OpenSourceFile | undefined
}

/**
 * @param path a folder; a symbolic link to one is followed, as its owner typed it
 * @throws CodedError `FILE_NOT_FOLDER`, `FILE_NOT_FOUND`, `FILE_FORBIDDEN`, `FILE_UNREADABLE`,
 * `FILE_CHANGED`, `FILE_NOT_SAME`, `CONTENT_PATH_REFUSED` for names that are not UTF-8, or the signal's reason
 */
export async function* walkFolder(
  path: string,
  options: WalkOptions,
): AsyncGenerator<SourceEntry, void> {
  const root = await realpath(path).catch((thrown: unknown) => {
    throw readError(path, thrown)
  })
  yield* new FolderWalk(root, options).entries()
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

interface OpenFolder {
  /** Relative to the root; empty for the root. */
  path: string
  names: Names
}

/** Folder, file or link: what `lstat` says, with times to the nanosecond. */
interface FoundEntry {
  path: string
  stats: BigIntStats
}

class FolderWalk {
  readonly #root: string
  readonly #options: WalkOptions
  readonly #open: OpenFolder[] = []
  readonly #buffer = Buffer.allocUnsafeSlow(WALK_READ_BYTES)

  constructor(root: string, options: WalkOptions) {
    this.#root = root
    this.#options = options
  }

  async *entries(): AsyncGenerator<SourceEntry, void> {
    try {
      yield await this.#enter('').catch((thrown: unknown) => {
        throw readError(this.#root, thrown)
      })
      for (let folder = this.#open.at(-1); folder !== undefined; folder = this.#open.at(-1)) {
        this.#options.signal.throwIfAborted()
        const next = await folder.names.read()
        if (next === null) {
          this.#open.pop()
          await folder.names.close()
          continue
        }
        const path = join(folder.path, this.#decode(folder.path, next.name))
        // Most things are files, which tell about themselves once they are open.
        yield* next.isFile() ? this.#file(path) : this.#entry(path)
      }
    } finally {
      // Only what a failure or a consumer that had enough left open.
      for (const { names } of this.#open.splice(0)) await names.close()
    }
  }

  /** The entry at `path`, unless it is skipped. */
  async *#entry(path: string): AsyncGenerator<SourceEntry, void> {
    const found = await this.#orSkip(path, async () => ({ path, stats: await this.#look(path) }))
    if (found === undefined) return
    if (found.stats.isFile()) {
      yield* this.#file(path)
    } else if (found.stats.isDirectory()) {
      const folder = await this.#orSkip(path, () => this.#enter(path))
      if (folder !== undefined) yield folder
    } else if (found.stats.isSymbolicLink()) {
      const link = await this.#orSkip(path, () => this.#symlink(found))
      if (link !== undefined) yield link
    } else {
      this.#options.onSkipped({ path, reason: `it is a ${kindOf(found.stats)}` })
    }
  }

  /** Opens a folder, which becomes the one whose names are read. */
  async #enter(path: string): Promise<SourceEntry> {
    const stats = await this.#look(path)
    if (path === '') checkSeen(this.#root, stats, this.#options.seen)
    this.#open.push({ path, names: await openNames(this.#absolute(path)) })
    // Something else may have been put in its place before it was opened: a link that leads out.
    const now = await this.#look(path)
    if (!now.isDirectory() || now.ino !== stats.ino || now.dev !== stats.dev) {
      throw fileChanged(this.#absolute(path))
    }
    return { kind: 'folder', path, ...attributesOf(stats) }
  }

  async #symlink({ path, stats }: FoundEntry): Promise<SourceEntry> {
    const bytes = await readlink(this.#absolute(path), 'buffer')
    const target = decodeText(bytes)
    if (target === undefined) {
      throw pathRefused(this.#absolute(path), 'its target is not valid UTF-8')
    }
    return { kind: 'symlink', path, target, ...attributesOf(stats) }
  }

  async *#file(path: string): AsyncGenerator<SourceEntry, void> {
    const { openFile = openSourceFile } = this.#options
    const opened = await this.#orSkip(path, () => openFile(this.#absolute(path)))
    if (opened === undefined) return
    try {
      const before = await opened.stat({ bigint: true })
      const absolute = this.#absolute(path)
      if (!before.isFile()) throw fileChanged(absolute)
      const { signal, asReference } = this.#options
      const origin = originOf(opened, { path: absolute, before, signal, buffer: this.#buffer })
      const reference = asReference ? referenceTo(absolute, before) : undefined
      const content = origin.readFrom(0)
      yield { kind: 'file', path, content, reference, origin, ...attributesOf(before) }
    } finally {
      await opened.close()
    }
  }

  /** What `work` gives, or undefined when the entry cannot be read and is to be skipped. */
  async #orSkip<T>(path: string, work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work()
    } catch (thrown) {
      const error = readError(this.#absolute(path), thrown)
      const isUnreadable =
        error instanceof Error && 'code' in error && UNREADABLE_CODES.includes(String(error.code))
      if (!isUnreadable || this.#options.unreadable === 'fail') throw error
      this.#options.onSkipped({ path, reason: 'it may not be read or is gone' })
      return undefined
    }
  }

  #look(path: string): Promise<BigIntStats> {
    return lstat(this.#absolute(path), { bigint: true })
  }

  #decode(folder: string, bytes: Uint8Array): string {
    const name = decodeText(bytes)
    if (name === undefined) {
      const lossy = join(folder, showText(bytes))
      throw pathRefused(this.#absolute(lossy), 'it is not valid UTF-8')
    }
    return name
  }

  #absolute(path: string): string {
    return join(this.#root, path)
  }
}

const UNREADABLE_CODES = ['FILE_FORBIDDEN', 'FILE_NOT_FOLDER', 'FILE_NOT_FOUND', 'FILE_UNREADABLE']

async function openNames(path: string): Promise<Names> {
  // Its types have no 'buffer', which it takes as all of `node:fs` does; see `Names`.
  const options = { encoding: 'buffer' as BufferEncoding, bufferSize: WALK_NAMES_AHEAD }
  const dir: unknown = await opendir(path, options)
  // Asked for in bytes; see `Names`.
  return dir as Names
}

/** Not `node:path`: what is joined here must stay as it is, to the byte. */
function join(folder: string, name: string): string {
  if (folder === '' || name === '') return folder + name
  return folder.endsWith('/') ? folder + name : `${folder}/${name}`
}

function attributesOf(stats: BigIntStats): EntryAttributes {
  return { mode: Number(stats.mode & 0o7777n), modifiedAt: unixTimeOf(stats.mtimeNs) }
}

function kindOf(stats: BigIntStats): string {
  if (stats.isSocket()) return 'socket'
  if (stats.isFIFO()) return 'pipe'
  return 'device'
}
