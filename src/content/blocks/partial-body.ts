// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * A large file that arrives from elsewhere, perhaps over days and from many: each leaf is written to
 * its place, and counts once its hash was right. Beside it stand its tree nodes and which of its bytes
 * are there, so that what has come is never fetched again. What counts is never written over: the next
 * bytes may be those of a liar.
 */

import type { CID } from 'multiformats/cid'
import { copyOf } from '../../base/base.ts'
import { UNWRITTEN_BYTES_MAX } from '../limits.ts'
import { type BlockName, DAG_PB } from '../unixfs/unixfs.ts'
import type { BlockIndex, NewBlock, Volume } from './block-index.ts'
import { addRange, type Bodies, type ByteRange, partsOf } from './bodies.ts'
import type { BufferedFile } from './buffered-file.ts'
import { sectionHead } from './sections.ts'
import type { Space, SpaceClaim } from './space.ts'

export interface PartialBodyDeps {
  index: BlockIndex
  bodies: Bodies
  space: Space
}

type OnBlock = (block: NewBlock & { volume: Omit<Volume, 'volume'> }) => void

export class PartialBody {
  readonly #deps: PartialBodyDeps
  readonly #cid: string
  readonly #sizeBytes: number
  readonly #onBlock: OnBlock
  readonly #body: BufferedFile
  readonly #manifest: BufferedFile
  /** The room that all of it will take, until the index counts it. */
  readonly #room: SpaceClaim
  /** Ranges that are verified, and those of them that are safe on the disk. */
  #verified: readonly ByteRange[]
  #safe: readonly ByteRange[]
  /** Where the next byte belongs in the file. */
  #offset = 0
  #isIndexed = false
  /** Whether nodes were written that may not be safe. */
  #hasFreshNodes = false
  /** Nobody writes to it for now: it may be closed once all of it is safe and known. */
  isEnded = false

  static async open(
    deps: PartialBodyDeps,
    { root, sizeBytes }: { root: CID; sizeBytes: number },
    onBlock: OnBlock,
  ): Promise<PartialBody> {
    const cid = root.toString()
    const volume = deps.index.volumeNamed('body', cid)
    const files = await deps.bodies.openPartial(cid)
    try {
      // What the index does not name is not there: it was never right, or is not any more.
      const ranges = volume === undefined ? [] : deps.index.rangesIn(volume.volume)
      const room = deps.space.countingClaim()
      if (volume === undefined) room.count(sizeBytes)
      return new PartialBody(deps, { cid, sizeBytes, onBlock, ranges, room, ...files })
    } catch (thrown) {
      // The index failed: nobody else knows of these files, and can close them.
      await files.body.abandon()
      await files.manifest.abandon()
      throw thrown
    }
  }

  private constructor(
    deps: PartialBodyDeps,
    state: {
      cid: string
      sizeBytes: number
      onBlock: OnBlock
      ranges: readonly ByteRange[]
      room: SpaceClaim
      body: BufferedFile
      manifest: BufferedFile
    },
  ) {
    this.#deps = deps
    this.#cid = state.cid
    this.#sizeBytes = state.sizeBytes
    this.#onBlock = state.onBlock
    this.#room = state.room
    this.#body = state.body
    this.#manifest = state.manifest
    this.#verified = state.ranges
    this.#safe = state.ranges
  }

  /** The next bytes go to `offset`. */
  seek(offset: number): void {
    this.#offset = offset
  }

  /** The next bytes of the file; they count when `leaf` says so. */
  write(piece: Uint8Array): void {
    const start = this.#offset
    const end = start + piece.length
    for (const part of partsOf([start, end], this.#verified)) {
      if (part.isCovered) continue
      this.#body.seek(part.range[0])
      this.#body.write(piece.subarray(part.range[0] - start, part.range[1] - start))
    }
    this.#offset = end
  }

  /** The next bytes are those at `from` again, as far as those are here and right. */
  repeat(from: number, sizeBytes: number): void {
    const shift = this.#offset - from
    const there = partsOf([from, from + sizeBytes], this.#verified)
    for (const { range, isCovered } of there) {
      if (!isCovered) continue
      const copy: ByteRange = [range[0] + shift, range[1] + shift]
      for (const part of partsOf(copy, this.#verified)) {
        if (part.isCovered) continue
        this.#body.seek(part.range[0])
        this.#body.repeat(part.range[0] - shift, part.range[1] - part.range[0])
      }
      this.#verified = addRange(this.#verified, copy)
    }
    this.#offset += sizeBytes
  }

  /** The bytes that were just written, from `offset` on, have the hash that they should. */
  leaf(digest: Uint8Array, offset: number, sizeBytes: number): void {
    this.#verified = addRange(this.#verified, [offset, offset + sizeBytes])
    const volume = this.#volume('body', this.#sizeBytes)
    this.#onBlock({ volume, digest: copyOf(digest), offset, sizeBytes })
  }

  /** A tree node of the file whose hash was right. */
  node({ digest }: BlockName, bytes: Uint8Array): void {
    this.#manifest.write(sectionHead(DAG_PB, digest, bytes.length))
    const offset = this.#manifest.position
    this.#manifest.write(bytes)
    this.#hasFreshNodes = true
    const volume = this.#volume('manifest', 0)
    this.#onBlock({ volume, digest: copyOf(digest), offset, sizeBytes: bytes.length })
  }

  /** Bytes that are accepted and not written. */
  get unwrittenBytes(): number {
    return this.#body.unwrittenBytes + this.#manifest.unwrittenBytes
  }

  async ready(): Promise<void> {
    await this.#body.drained(UNWRITTEN_BYTES_MAX)
    await this.#manifest.drained(UNWRITTEN_BYTES_MAX)
  }

  /** Makes safe what was verified before. */
  async sync(): Promise<void> {
    const verified = this.#verified
    this.#isIndexed = false
    if (this.#hasFreshNodes) {
      this.#hasFreshNodes = false
      await this.#manifest.sync()
    }
    if (verified === this.#safe) return
    await this.#body.sync()
    await this.#deps.bodies.writeHave(this.#cid, verified)
    this.#safe = verified
  }

  /** The index knows all that is safe. */
  indexed(): void {
    this.#isIndexed = true
    // Only if it does: of a file of which nothing has come it knows nothing.
    if (this.#deps.index.volumeNamed('body', this.#cid) !== undefined) this.#room.release()
  }

  async close(): Promise<void> {
    await this.#body.abandon()
    await this.#manifest.abandon()
    this.#room.release()
    const [first] = this.#safe
    const isWhole = first !== undefined && first[0] === 0 && first[1] >= this.#sizeBytes
    if (!isWhole || !this.#isIndexed) return
    // Where the disk refuses that, the body is known as partial with all of it there: no harm.
    await this.#deps.bodies.removeHave(this.#cid).catch(() => {})
  }

  #volume(kind: 'body' | 'manifest', sizeBytes: number): Omit<Volume, 'volume'> {
    return { kind, name: this.#cid, sizeBytes, reference: undefined }
  }
}
