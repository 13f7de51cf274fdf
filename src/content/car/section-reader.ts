// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * The envelope of a CAR as it arrives, in pieces of any length: header, lengths, ids, payload. It
 * knows nothing of what should be in it. Pure; nothing is copied but headers and ids.
 */
import { problemOfCarHeader, VARINT_BYTES_MAX } from '../car-format.ts'
import { wrongBytes } from '../errors.ts'
import { CAR_HEADER_BYTES_MAX, LEAF_BYTES_MAX, NODE_BYTES_MAX } from '../limits.ts'
import {
  type BlockName,
  CID_V0_BYTES,
  CID_V1_BYTES,
  parseBinaryCid,
  SHA2_256,
} from '../unixfs/unixfs.ts'

/** What is in the envelope. Each may throw: then nothing more is read. */
export interface SectionSink {
  blockStarted(name: BlockName, sizeBytes: number): void
  /** The next bytes of the block; never more than it has. */
  blockBytes(piece: Uint8Array): void
  blockEnded(): void
}

type State = 'headerLength' | 'header' | 'length' | 'id' | 'block'

const BLOCK_BYTES_MAX = Math.max(LEAF_BYTES_MAX, NODE_BYTES_MAX)
const SECTION_BYTES_MAX = CID_V1_BYTES + BLOCK_BYTES_MAX

export class SectionReader {
  readonly #sink: SectionSink
  #state: State = 'headerLength'
  #position = 0
  #varint = 0
  #varintLength = 0
  /** The header or id that is being gathered. */
  #gathered = new Uint8Array()
  #gatheredBytes = 0
  /** Bytes of the section after its length, and how many of the block are still to come. */
  #sectionBytes = 0
  #remainingBytes = 0

  constructor(sink: SectionSink) {
    this.#sink = sink
  }

  /** Bytes of the CAR that were read or are taken as read. */
  get position(): number {
    return this.#position
  }

  /** Whether the CAR could end here: after the header, and not inside of a section. */
  get isBetweenSections(): boolean {
    return this.#state === 'length' && this.#varintLength === 0
  }

  /** The next byte is that at `position`, where a section begins. */
  startAt(position: number): void {
    this.#position = position
    this.#state = 'length'
  }

  /** @throws CodedError `CONTENT_WRONG_BYTES`, or what the sink throws. */
  push(chunk: Uint8Array): void {
    let at = 0
    while (at < chunk.length) {
      const next = this.#step(chunk, at)
      this.#position += next - at
      at = next
    }
  }

  #step(chunk: Uint8Array, at: number): number {
    switch (this.#state) {
      case 'headerLength':
      case 'length':
        return this.#readVarint(chunk, at)
      case 'header':
      case 'id':
        return this.#gather(chunk, at)
      case 'block':
        return this.#readBlock(chunk, at)
    }
  }

  #readVarint(chunk: Uint8Array, at: number): number {
    const byte = chunk[at] ?? 0
    this.#varint += (byte & 0x7f) * 2 ** (7 * this.#varintLength)
    this.#varintLength += 1
    if ((byte & 0x80) !== 0) {
      if (this.#varintLength >= VARINT_BYTES_MAX) throw wrongBytes('a length is far too large')
      return at + 1
    }
    // One number has one spelling, or offsets into a CAR would mean nothing.
    if (byte === 0 && this.#varintLength > 1) throw wrongBytes('a length is written oddly')
    const length = this.#varint
    this.#varint = 0
    this.#varintLength = 0
    if (this.#state === 'headerLength') this.#startHeader(length)
    else this.#startSection(length)
    return at + 1
  }

  #startHeader(length: number): void {
    if (length === 0 || length > CAR_HEADER_BYTES_MAX) {
      throw wrongBytes('the header of the CAR has an impossible length', { length })
    }
    this.#startGathering('header', length)
  }

  #startSection(length: number): void {
    if (length < CID_V0_BYTES) throw wrongBytes('a block is too short', { length })
    if (length > SECTION_BYTES_MAX) throw wrongBytes('a block is too large', { length })
    this.#sectionBytes = length
    // Its first byte tells a CIDv0 from a CIDv1: gathered in one go, split in #startBlock.
    this.#startGathering('id', Math.min(length, CID_V1_BYTES))
  }

  #startGathering(state: State, length: number): void {
    this.#state = state
    this.#gathered = new Uint8Array(length)
    this.#gatheredBytes = 0
  }

  #gather(chunk: Uint8Array, at: number): number {
    const wantedBytes = this.#gathered.length - this.#gatheredBytes
    const end = Math.min(chunk.length, at + wantedBytes)
    this.#gathered.set(chunk.subarray(at, end), this.#gatheredBytes)
    this.#gatheredBytes += end - at
    if (this.#gatheredBytes < this.#gathered.length) return end
    if (this.#state === 'id') this.#startBlock(this.#gathered)
    else this.#endHeader(this.#gathered)
    return end
  }

  #endHeader(header: Uint8Array): void {
    const problem = problemOfCarHeader(header)
    if (problem !== undefined) throw wrongBytes(problem)
    this.#state = 'length'
  }

  /** @param head the bytes after the length: a CIDv1, or a CIDv0 and up to two bytes of its block. */
  #startBlock(head: Uint8Array): void {
    const idLength = head[0] === SHA2_256 ? CID_V0_BYTES : CID_V1_BYTES
    const name = parseBinaryCid(head.subarray(0, idLength))
    if (name === undefined) throw wrongBytes('a block has an id of an unknown kind')
    this.#remainingBytes = this.#sectionBytes - idLength
    if (this.#remainingBytes > BLOCK_BYTES_MAX) throw wrongBytes('a block is too large')
    this.#sink.blockStarted(name, this.#remainingBytes)
    this.#state = 'block'
    if (head.length > idLength) this.#readBlock(head, idLength)
    else if (this.#remainingBytes === 0) this.#endBlock()
  }

  #readBlock(chunk: Uint8Array, at: number): number {
    const end = Math.min(chunk.length, at + this.#remainingBytes)
    this.#sink.blockBytes(at === 0 && end === chunk.length ? chunk : chunk.subarray(at, end))
    this.#remainingBytes -= end - at
    if (this.#remainingBytes === 0) this.#endBlock()
    return end
  }

  #endBlock(): void {
    this.#state = 'length'
    this.#sink.blockEnded()
  }
}
