// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Reading blocks where they lie. Files stay open for a while, so that a folder of small files costs
 * one open and many reads; a file that is being read is never closed below its reader.
 */
import { errorCode } from '../../base/base.ts'
import { changed, damaged, diskError, movedAway } from '../errors.ts'
import type { FileReference } from '../unixfs/unixfs.ts'
import type { BlockIndex, Place, Volume } from './block-index.ts'
import type { Disk, DiskFile } from './disk.ts'
import { OPEN_VOLUMES_MAX } from './limits.ts'

interface OpenVolume {
  file: Promise<DiskFile>
  reference: FileReference | undefined
  readersCount: number
  isStale: boolean
}

export class Volumes {
  readonly #disk: Disk
  readonly #index: Pick<BlockIndex, 'volume'>
  readonly #pathOf: (volume: Volume) => string
  /** Least recently read first. */
  readonly #open = new Map<number, OpenVolume>()

  constructor(deps: {
    disk: Disk
    index: Pick<BlockIndex, 'volume'>
    pathOf: (volume: Volume) => string
  }) {
    this.#disk = deps.disk
    this.#index = deps.index
    this.#pathOf = deps.pathOf
  }

  /** A whole block. @throws as {@link readInto} */
  async read(place: Pick<Place, 'volume' | 'offset' | 'sizeBytes'>): Promise<Uint8Array> {
    const bytes = Buffer.allocUnsafe(place.sizeBytes)
    await this.readInto(bytes, place)
    return bytes
  }

  /**
   * Fills `buffer` from a place on, which may reach over several blocks of one volume.
   * @throws CodedError `CONTENT_DAMAGED` when there are fewer bytes or no file any more,
   *   `CONTENT_CHANGED` for a file of the owner's that is another one now, `STORE_…`.
   */
  async readInto(
    buffer: Uint8Array,
    { volume, offset }: Pick<Place, 'volume' | 'offset'>,
  ): Promise<void> {
    const opened = this.#take(volume)
    try {
      const file = await opened.file
      const filledBytes = await file.read(buffer, offset)
      // Looked at after every read: its owner may be writing to it at this moment.
      if (opened.reference !== undefined) await checkUnchanged(file, opened.reference)
      if (filledBytes < buffer.length) throw damaged()
    } catch (thrown) {
      this.forget(volume)
      if (errorCode(thrown) !== 'ENOENT') throw diskError(thrown)
      const { reference } = opened
      throw reference === undefined ? damaged(thrown) : movedAway(reference.path, thrown)
    } finally {
      this.#give(opened)
    }
  }

  /** The file of a volume is another one now, or none: it is opened anew when it is wanted. */
  forget(volume: number): void {
    const opened = this.#open.get(volume)
    if (opened === undefined) return
    this.#open.delete(volume)
    opened.isStale = true
    if (opened.readersCount === 0) close(opened)
  }

  close(): void {
    for (const volume of [...this.#open.keys()]) this.forget(volume)
  }

  #take(volume: number): OpenVolume {
    const known = this.#open.get(volume)
    const opened = known ?? this.#openVolume(volume)
    this.#open.delete(volume)
    this.#open.set(volume, opened)
    opened.readersCount += 1
    if (known === undefined) this.#closeUnused()
    return opened
  }

  #give(opened: OpenVolume): void {
    opened.readersCount -= 1
    if (opened.isStale && opened.readersCount === 0) close(opened)
  }

  #closeUnused(): void {
    for (const [volume, { readersCount }] of this.#open) {
      if (this.#open.size <= OPEN_VOLUMES_MAX) return
      if (readersCount === 0) this.forget(volume)
    }
  }

  #openVolume(number: number): OpenVolume {
    const volume = this.#index.volume(number)
    const file =
      volume === undefined
        ? Promise.reject(damaged())
        : this.#disk.open(volume.reference?.path ?? this.#pathOf(volume))
    // Whoever reads hears of it.
    file.catch(() => {})
    return { file, reference: volume?.reference, readersCount: 0, isStale: false }
  }
}

async function checkUnchanged(file: DiskFile, reference: FileReference): Promise<void> {
  const { sizeBytes, modifiedAtMs } = await file.facts()
  // References are kept in whole milliseconds, as the command line passes them on.
  const isSame =
    sizeBytes === reference.sizeBytes && Math.floor(modifiedAtMs) === reference.modifiedAtMs
  if (!isSame) throw changed(reference.path)
}

function close({ file }: OpenVolume): void {
  file
    .then((opened) => opened.close())
    // It was only read: a failing close loses nothing, and a failed open has been told already.
    .catch(() => {})
}
