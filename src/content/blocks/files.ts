// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * The folders of the store. `files/xy/CID` are the bytes of whole items; `incoming/` is what is
 * being written and not acknowledged: emptied at every start. A name appears in `files/` only after
 * its bytes are on the disk.
 */
import { dirname, join } from 'node:path'
import type { CID } from 'multiformats/cid'
import { diskError } from '../errors.ts'
import { START_PARALLEL_MAX } from '../limits.ts'
import type { Disk, DiskFile } from './disk.ts'
import { IncomingFile } from './incoming-file.ts'
import type { Space } from './space.ts'

export class Files {
  readonly #disk: Disk
  readonly #space: Space
  readonly #folder: string
  readonly #incoming: string
  readonly #files: string
  #lastIncoming = 0

  constructor(deps: { disk: Disk; space: Space }, options: { folder: string }) {
    this.#disk = deps.disk
    this.#space = deps.space
    this.#folder = options.folder
    this.#incoming = join(options.folder, 'incoming')
    this.#files = join(options.folder, 'files')
  }

  /** Makes the folders, and throws away what an earlier run had not finished. */
  async open(): Promise<void> {
    try {
      for (const folder of [this.#folder, this.#incoming, this.#files]) {
        await this.#disk.makeFolder(folder)
      }
      for (const name of await this.#disk.list(this.#incoming)) {
        await this.#disk.remove(join(this.#incoming, name))
      }
      await this.#disk.syncFolder(dirname(this.#folder))
      await this.#disk.syncFolder(this.#folder)
    } catch (thrown) {
      throw diskError(thrown)
    }
  }

  /**
   * Removes files that no item has, and says of which items the file is missing or damaged.
   * @returns the CIDs of those.
   */
  async sweep(sizesByCid: ReadonlyMap<string, number>, signal: AbortSignal): Promise<Set<string>> {
    for (const shard of await this.#disk.list(this.#files)) {
      signal.throwIfAborted()
      for (const name of await this.#disk.list(join(this.#files, shard))) {
        if (!sizesByCid.has(name) || shardOf(name) !== shard) {
          await this.#disk.remove(join(this.#files, shard, name))
        }
      }
    }
    const broken = new Set<string>()
    await inParallel([...sizesByCid], START_PARALLEL_MAX, async ([cid, sizeBytes]) => {
      signal.throwIfAborted()
      const facts = await this.#disk.factsOf(this.#pathOf(cid))
      if (facts?.sizeBytes !== sizeBytes) broken.add(cid)
    })
    return broken
  }

  /** A new file for bytes that come in. */
  async create(): Promise<IncomingFile> {
    this.#lastIncoming += 1
    const path = join(this.#incoming, String(this.#lastIncoming))
    try {
      const file = await this.#disk.create(path)
      return new IncomingFile({ path, file, space: this.#space.claim() })
    } catch (thrown) {
      throw diskError(thrown)
    }
  }

  /** Gives a finished file its name. When it returns, the name survives a power cut. */
  async keep(file: IncomingFile, cid: CID): Promise<void> {
    const path = this.#pathOf(cid.toString())
    const folder = join(this.#files, shardOf(cid.toString()))
    try {
      await this.#disk.makeFolder(folder)
      await this.#disk.syncFolder(this.#files)
      await this.#disk.rename(file.path, path)
      await this.#disk.syncFolder(folder)
    } catch (thrown) {
      throw diskError(thrown)
    }
  }

  /** Removes what is left of a file that was not kept. */
  async discard(file: IncomingFile): Promise<void> {
    await file.abandon()
    // It is removed at the next start at the latest; the failure that led here matters more.
    await this.#disk.remove(file.path).catch(() => {})
  }

  read(cid: CID): Promise<DiskFile> {
    return this.#disk.open(this.#pathOf(cid.toString()))
  }

  async remove(cid: CID): Promise<void> {
    try {
      await this.#disk.remove(this.#pathOf(cid.toString()))
    } catch (thrown) {
      throw diskError(thrown)
    }
  }

  #pathOf(cid: string): string {
    return join(this.#files, shardOf(cid), cid)
  }
}

/** The last characters of a CID are evenly spread; the first are the same for all. */
function shardOf(cid: string): string {
  return cid.slice(-2)
}

async function inParallel<T>(
  things: readonly T[],
  parallelMax: number,
  work: (thing: T) => Promise<void>,
): Promise<void> {
  const rest = things.values()
  const worker = async (): Promise<void> => {
    for (const thing of rest) await work(thing)
  }
  await Promise.all(Array.from({ length: parallelMax }, worker))
}
