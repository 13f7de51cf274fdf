// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * A large file that arrives from elsewhere, perhaps over days and from many: each leaf is written to
 * its place, and counts once its hash was right. Beside it stand its tree nodes and which of its bytes
 * are there, so that what has come is never fetched again.
 */

import type { CID } from 'multiformats/cid'
import { copyOf } from '../../base/base.ts'
import { UNWRITTEN_BYTES_MAX } from '../limits.ts'
import { type BlockName, DAG_PB } from '../unixfs/unixfs.ts'
import type { BlockIndex, NewBlock, Volume } from './block-index.ts'
import { addRange, type Bodies, type ByteRange } from './bodies.ts'
import type { BufferedFile } from './buffered-file.ts'
import { sectionHead } from './sections.ts'

export interface PartialBodyDeps {
  index: BlockIndex
  bodies: Bodies
}

type OnBlock = (block: NewBlock & { volume: Omit<Volume, 'volume'> }) => void

export class PartialBody {
  readonly #deps: PartialBodyDeps
  readonly #cid: string
  readonly #sizeBytes: number
  readonly #onBlock: OnBlock
  readonly #body: BufferedFile
  readonly #manifest: BufferedFile
  /** Ranges that are verified, and those of them that are safe on the disk. */
  #verified: readonly ByteRange[]
  #safe: readonly ByteRange[]
  #isIndexed = false
  /** Whether nodes were written that may not be safe. */
  #hasFreshNodes = false

  static async open(
    deps: PartialBodyDeps,
    { root, sizeBytes }: { root: CID; sizeBytes: number },
    onBlock: OnBlock,
  ): Promise<PartialBody> {
    const cid = root.toString()
    const { bodies } = deps
    const had = (await bodies.hasBody(cid)) ? await bodies.readHave(cid) : []
    const files = await bodies.openPartial(cid)
    // Without such a file the body was whole once: what was lost since then was dropped by name.
    const ranges = had ?? [[0, sizeBytes] as const]
    return new PartialBody(deps, { cid, sizeBytes, onBlock, ranges, ...files })
  }

  private constructor(
    deps: PartialBodyDeps,
    state: {
      cid: string
      sizeBytes: number
      onBlock: OnBlock
      ranges: readonly ByteRange[]
      body: BufferedFile
      manifest: BufferedFile
    },
  ) {
    this.#deps = deps
    this.#cid = state.cid
    this.#sizeBytes = state.sizeBytes
    this.#onBlock = state.onBlock
    this.#body = state.body
    this.#manifest = state.manifest
    this.#verified = state.ranges
    this.#safe = state.ranges
  }

  /** The next bytes go to `offset`. */
  seek(offset: number): void {
    this.#body.seek(offset)
  }

  /** The next bytes of the file; they count when `leaf` says so. */
  write(piece: Uint8Array): void {
    this.#body.write(piece)
  }

  /** The next bytes are those at `from` again. */
  repeat(from: number, sizeBytes: number): void {
    this.#body.repeat(from, sizeBytes)
  }

  /** The bytes that were just written, from `offset` on, have the hash that they should. */
  leaf(digest: Uint8Array, offset: number, sizeBytes: number): void {
    this.#verified = addRange(this.#verified, [offset, offset + sizeBytes])
    const volume = this.#volume('body', this.#sizeBytes)
    this.#onBlock({ volume, digest: copyOf(digest), offset, sizeBytes })
  }

  /** Bytes that were written as a repetition of right ones. */
  repeated(offset: number, sizeBytes: number): void {
    this.#verified = addRange(this.#verified, [offset, offset + sizeBytes])
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
  }

  async close(): Promise<void> {
    await this.#body.abandon()
    await this.#manifest.abandon()
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
