// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Additions of large files that were called off, or that a power cut ended, kept for a while so that
 * adding the same file again goes on where they were:
 *
 *   incoming/KIND-KEY-N           the bytes so far; of a reference there are none
 *   incoming/KIND-KEY-N.leaves    digests of the leaves that are safe on the disk
 *
 * KEY is the hash of what the file system says of the source, so a file that was changed since is
 * simply another one. N is never used twice: of two attempts, no half can be taken for the other's.
 */
import { join } from 'node:path'
import type { Clock } from '../../base/base.ts'
import type { FileIdentity } from '../unixfs/unixfs.ts'
import type { Disk } from './disk.ts'
import { ADD_CHECKPOINT_BYTES, UNFINISHED_AGE_MS_MAX, UNFINISHED_FILES_MAX } from './limits.ts'
import type { SpaceClaim } from './space.ts'
import {
  attemptKey,
  logPathOf,
  openUnfinished,
  type UnfinishedDeps,
  type UnfinishedFile,
  type UnfinishedKind,
} from './unfinished-file.ts'

export interface UnfinishedFilesDeps extends UnfinishedDeps {
  clock: Pick<Clock, 'wallMs'>
}

export interface UnfinishedFilesOptions {
  folder: string
  /** At most, and by default, {@link ADD_CHECKPOINT_BYTES}; whole leaves. */
  addCheckpointBytes?: number
}

/** One that nobody goes on with at the moment. */
interface Idle {
  path: string
  /** When it was last made safe, by the clock of the file system. */
  modifiedAtMs: number
  /** What it takes of the store. */
  claim: SpaceClaim
}

const NAME = /^((?:copy|reference)-[0-9a-f]+)-(\d+)(\.leaves)?$/

export class UnfinishedFiles {
  readonly #deps: UnfinishedFilesDeps
  readonly #disk: Disk
  readonly #folder: string
  readonly #checkpointBytes: number
  /** By kind and key. */
  readonly #idle = new Map<string, Idle>()
  readonly #busy = new Set<string>()
  #lastAttempt = 0

  constructor(deps: UnfinishedFilesDeps, options: UnfinishedFilesOptions) {
    this.#deps = deps
    this.#disk = deps.disk
    this.#folder = options.folder
    this.#checkpointBytes = options.addCheckpointBytes ?? ADD_CHECKPOINT_BYTES
  }

  /** Finds what earlier runs have left, and removes what cannot be gone on with. */
  async open(): Promise<void> {
    const names = new Set(await this.#disk.list(this.#folder))
    for (const name of names) {
      const [, key, attempt, ending] = NAME.exec(name) ?? []
      this.#lastAttempt = Math.max(this.#lastAttempt, Number(attempt ?? 0))
      const isCopy = name.startsWith('copy-')
      const isUsable =
        key !== undefined &&
        (ending === undefined ? names.has(logPathOf(name)) : !isCopy || names.has(bodyOf(name)))
      if (!isUsable) await this.#disk.remove(join(this.#folder, name))
      else if (ending !== undefined) await this.#found(key, join(this.#folder, bodyOf(name)))
    }
    await this.sweep()
    // What was removed must not come back beside what is made from now on.
    await this.#disk.syncFolder(this.#folder)
  }

  /**
   * A file to which the bytes of an addition go, with what is there of it already.
   * @returns undefined while somebody else is adding the same
   */
  async begin(identity: FileIdentity, kind: UnfinishedKind): Promise<UnfinishedFile | undefined> {
    const key = attemptKey(identity, kind)
    if (this.#busy.has(key)) return undefined
    this.#busy.add(key)
    const idle = this.#idle.get(key)
    this.#idle.delete(key)
    idle?.claim.release()
    this.#lastAttempt += 1
    const path = idle?.path ?? join(this.#folder, `${key}-${this.#lastAttempt}`)
    const freshPath = join(this.#folder, `${key}-${this.#lastAttempt}`)
    try {
      return await openUnfinished(this.#deps, {
        path,
        freshPath,
        kind,
        sizeBytes: identity.sizeBytes,
        checkpointBytes: this.#checkpointBytes,
        onEnd: (kept) => this.#ended(key, kept),
      })
    } catch (thrown) {
      this.#busy.delete(key)
      throw thrown
    }
  }

  async #ended(key: string, kept: string | undefined): Promise<void> {
    try {
      if (kept !== undefined) await this.#found(key, kept)
      await this.#removeBeyond(UNFINISHED_FILES_MAX)
    } finally {
      this.#busy.delete(key)
    }
  }

  /** Removes what nobody came back for. */
  async sweep(): Promise<void> {
    const nowMs = this.#deps.clock.wallMs()
    for (const [key, { modifiedAtMs }] of this.#idle) {
      // A clock that was set back makes nothing old; then the number is what limits them.
      if (nowMs - modifiedAtMs > UNFINISHED_AGE_MS_MAX) await this.#remove(key)
    }
    await this.#removeBeyond(UNFINISHED_FILES_MAX)
  }

  /** How many nobody goes on with at the moment. */
  get idleCount(): number {
    return this.#idle.size
  }

  /** Makes room for others. */
  removeOldest(): Promise<void> {
    return this.#removeBeyond(Math.max(0, this.#idle.size - 1))
  }

  async #removeBeyond(countMax: number): Promise<void> {
    const oldestFirst = [...this.#idle].sort(([, one], [, other]) => {
      return one.modifiedAtMs - other.modifiedAtMs
    })
    const excess = Math.max(0, oldestFirst.length - countMax)
    for (const [key] of oldestFirst.slice(0, excess)) await this.#remove(key)
  }

  async #remove(key: string): Promise<void> {
    const idle = this.#idle.get(key)
    if (idle === undefined) return
    this.#idle.delete(key)
    await this.#disk.remove(logPathOf(idle.path))
    await this.#disk.remove(idle.path)
    idle.claim.release()
  }

  async #found(key: string, path: string): Promise<void> {
    const log = await this.#disk.factsOf(logPathOf(path))
    const body = await this.#disk.factsOf(path)
    // Of two attempts at the same file the one that was left later has come further, or as far.
    const other = this.#idle.get(key)
    if (other !== undefined && other.modifiedAtMs > (log?.modifiedAtMs ?? 0)) {
      await this.#disk.remove(logPathOf(path))
      return this.#disk.remove(path)
    }
    await this.#remove(key)
    const claim = this.#deps.space.countingClaim()
    claim.count((body?.sizeBytes ?? 0) + (log?.sizeBytes ?? 0))
    this.#idle.set(key, { path, modifiedAtMs: log?.modifiedAtMs ?? 0, claim })
  }
}

/** Of a log's name. */
function bodyOf(name: string): string {
  return name.replace(/\.leaves$/, '')
}
