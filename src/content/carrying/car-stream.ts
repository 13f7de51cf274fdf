// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * A CAR file of whatever software, as a stream: version 1, or the version 1 inside of version 2
 * (https://ipld.io/specs/transport/car/). Nothing is assumed of the order of its blocks. Each is
 * hashed; what to make of a wrong one is for the reader to say.
 */
import { createHash } from 'node:crypto'
import { decode } from '@ipld/dag-cbor'
import { CID } from 'multiformats/cid'
import { ByteReader } from '../../base/base.ts'
import { VARINT_BYTES_MAX } from '../car-format.ts'
import { DIGEST_BYTES, isSameDigest, SHA2_256 } from '../unixfs/unixfs.ts'
import { badCar } from './errors.ts'
import {
  CAR_BLOCKS_MAX,
  CAR_FILE_HEADER_BYTES_MAX,
  CAR_ROOTS_MAX,
  CAR_SECTION_BYTES_MAX,
  CAR_V2_PADDING_BYTES_MAX,
} from './limits.ts'

export interface CarBlock {
  cid: CID
  /** The reader's own until it asks for the next block. */
  bytes: Uint8Array
  /** Whether the bytes have the hash of the CID; undefined: a hash other than sha2-256. */
  isRight: boolean | undefined
}

/** Bytes of the header of a CARv2 behind its eleven bytes of pragma. */
const V2_PRAGMA_BYTES = 11
const V2_HEADER_BYTES = 40

export class CarStream {
  readonly #reader: ByteReader
  /** Of the CARv1; a CARv2 says how many there are. */
  #bytesLeft = Number.POSITIVE_INFINITY
  #blocksCount = 0

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#reader = new ByteReader(source)
  }

  /** The roots that its header names. To be called once, first. @throws CodedError `CONTENT_BAD_CAR` */
  async roots(): Promise<readonly CID[]> {
    let header = await this.#header()
    if (header.version === 2) {
      await this.#enterVersion2()
      header = await this.#header()
    }
    if (header.version !== 1) throw badCar('it is of a version that is not known here')
    const { roots } = header
    if (!Array.isArray(roots)) throw badCar('it names no roots')
    if (roots.length > CAR_ROOTS_MAX) throw badCar(`it has more than ${CAR_ROOTS_MAX} roots`)
    return roots.map((root: unknown) => {
      const cid = CID.asCID(root)
      if (cid === null) throw badCar('one of its roots is no content id')
      return cid
    })
  }

  /** @throws CodedError `CONTENT_BAD_CAR` where the envelope breaks; then nothing more can be read */
  async *blocks(): AsyncGenerator<CarBlock> {
    for (;;) {
      const length = await this.#varint('end')
      // Zeros behind the last block fill a file up, as storage networks do.
      if (length === undefined || length === 0) return
      if (length > CAR_SECTION_BYTES_MAX) throw badCar('one of its blocks is too large', { length })
      this.#blocksCount += 1
      if (this.#blocksCount > CAR_BLOCKS_MAX) throw badCar('it has too many blocks')
      yield blockOf(await this.#take(length))
    }
  }

  /** Whoever gives the bytes may let go of them. */
  stop(): Promise<void> {
    return this.#reader.stop()
  }

  async #header(): Promise<{ version: unknown; roots: unknown }> {
    const length = await this.#varint('failure')
    if (length === undefined || length === 0 || length > CAR_FILE_HEADER_BYTES_MAX) {
      throw badCar('its header has an impossible length')
    }
    const bytes = await this.#take(length)
    let header: unknown
    try {
      header = decode(bytes)
    } catch {
      // The decoder's complaint about a stranger's bytes helps nobody; the verdict is enough.
      throw badCar('its header cannot be read')
    }
    if (typeof header !== 'object' || header === null || !('version' in header)) {
      throw badCar('its header cannot be read')
    }
    return { version: header.version, roots: 'roots' in header ? header.roots : undefined }
  }

  /** On to the CARv1 inside: sixteen bytes of properties, then where it begins and how long it is. */
  async #enterVersion2(): Promise<void> {
    const header = Buffer.from(await this.#take(V2_HEADER_BYTES))
    const startAt = Number(header.readBigUInt64LE(16))
    const sizeBytes = Number(header.readBigUInt64LE(24))
    const paddingBytes = startAt - V2_PRAGMA_BYTES - V2_HEADER_BYTES
    if (paddingBytes < 0 || paddingBytes > CAR_V2_PADDING_BYTES_MAX || sizeBytes === 0) {
      throw badCar('its second header is wrong')
    }
    await this.#take(paddingBytes)
    this.#bytesLeft = sizeBytes
  }

  /** Exactly so many bytes. */
  async #take(count: number): Promise<Uint8Array> {
    if (count > this.#bytesLeft) throw truncatedCar()
    const bytes = await this.#reader.take(count)
    if (bytes.length < count) throw truncatedCar()
    this.#bytesLeft -= count
    return bytes
  }

  /** An unsigned LEB128; undefined: nothing more comes. */
  async #varint(atEnd: 'end' | 'failure'): Promise<number | undefined> {
    let value = 0
    for (let length = 0; length < VARINT_BYTES_MAX; length++) {
      const isAtEnd = this.#bytesLeft === 0 && length === 0
      const [byte] = isAtEnd ? [] : await this.#reader.take(1)
      if (byte === undefined) {
        if (length === 0 && atEnd === 'end') return undefined
        throw truncatedCar()
      }
      this.#bytesLeft -= 1
      value += (byte & 0x7f) * 2 ** (7 * length)
      if ((byte & 0x80) === 0) return value
    }
    throw badCar('a length in it is far too large')
  }
}

function blockOf(section: Uint8Array): CarBlock {
  let cid: CID
  let bytes: Uint8Array
  try {
    ;[cid, bytes] = CID.decodeFirst(section)
  } catch {
    // Whatever is wrong with it, it is no CID: where the block begins nobody knows.
    throw badCar('one of its blocks has no content id')
  }
  const { code, digest } = cid.multihash
  if (code !== SHA2_256 || digest.length !== DIGEST_BYTES) return { cid, bytes, isRight: undefined }
  return { cid, bytes, isRight: isSameDigest(createHash('sha256').update(bytes).digest(), digest) }
}

function truncatedCar(): Error {
  return badCar('it ends in the middle')
}
