// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Whether the last run ended in order: then no file lies there that the index does not know, and a
 * start need not look at every one, of which there may be hundreds of thousands. The mark names the
 * state of the index, so that one that was put back from elsewhere is not taken for it.
 */
import { join } from 'node:path'
import type { BlockIndex } from './block-index.ts'
import type { Disk } from './disk.ts'

type Position = ReturnType<BlockIndex['position']>

/** Bytes of the mark: three numbers and spaces. */
const MARK_BYTES_MAX = 64

export class OrderlyEnd {
  readonly #disk: Disk
  readonly #folder: string
  readonly #path: string

  constructor({ disk }: { disk: Disk }, { folder }: { folder: string }) {
    this.#disk = disk
    this.#folder = folder
    this.#path = join(folder, 'ended-in-order')
  }

  /** Removes the mark before anything changes. @returns whether it was there for this index */
  async take(position: Position): Promise<boolean> {
    try {
      if ((await this.#disk.factsOf(this.#path)) === undefined) return false
      const file = await this.#disk.open(this.#path)
      const bytes = Buffer.alloc(MARK_BYTES_MAX)
      const filledBytes = await file.read(bytes, 0).finally(() => file.close())
      await this.#disk.remove(this.#path)
      await this.#disk.syncFolder(this.#folder)
      const isThis = bytes.toString('latin1', 0, filledBytes) === textOf(position)
      return isThis && position !== undefined
    } catch {
      // A disk that cannot be written to: then everything is looked at, as after a power cut.
      return false
    }
  }

  /** To be called last. Where the disk refuses it, the next start looks at everything. */
  async note(position: Position): Promise<void> {
    try {
      const file = await this.#disk.create(this.#path)
      try {
        await file.write(Buffer.from(textOf(position), 'latin1'), 0)
        await file.sync()
      } finally {
        await file.close()
      }
      await this.#disk.syncFolder(this.#folder)
    } catch {
      // As after a power cut.
    }
  }
}

function textOf(position: Position): string {
  return position === undefined ? '' : Object.values(position).join(' ')
}
