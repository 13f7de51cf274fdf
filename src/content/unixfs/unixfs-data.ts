// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * The message that UnixFS puts into the `Data` of a dag-pb node, decoded totally. By ourselves,
 * because ipfs-unixfs drops the hash of shards and the size of files, and takes a node that does not
 * say what it is for a file. Pure.
 */
import type { UnixTime } from '../../base/base.ts'

/** The types of the specification; metadata (3) was never used. */
export type UnixfsType = 'raw' | 'folder' | 'file' | 'metadata' | 'symlink' | 'shard'

const TYPES: readonly UnixfsType[] = ['raw', 'folder', 'file', 'metadata', 'symlink', 'shard']

export interface UnixfsData {
  type: UnixfsType
  /** Bytes of a file, target of a symlink, bitfield of a shard. */
  data: Uint8Array
  /** What the node says of its own size. */
  fileBytes: number | undefined
  /** Bytes of a file below each link. */
  blockBytes: readonly number[]
  hashType: number | undefined
  fanout: number | undefined
  /** Permissions as `chmod` takes them: the low 12 bits. */
  mode: number | undefined
  modifiedAt: UnixTime | undefined
}

const VARINT = 0
const FIXED_64 = 1
const BYTES = 2
const FIXED_32 = 5

/** A varint of 64 bits: four groups of seven below, six above. */
const VARINT_BYTES_MAX = 10
const LOW_BITS = 28
const HIGH_BITS = 36

const NANOSECONDS_PER_SECOND = 1_000_000_000
const EMPTY = new Uint8Array()

/** Undefined: malformed. */
export function parseUnixfsData(bytes: Uint8Array): UnixfsData | undefined {
  const fields = new Fields(bytes)
  const blockBytes: number[] = []
  let type: UnixfsType | undefined
  let data: Uint8Array = EMPTY
  const numbers = new Map<number, number>()
  let modifiedAt: UnixTime | undefined
  while (fields.next()) {
    if (fields.number === 1 && fields.wire === VARINT) type = TYPES[fields.value]
    else if (fields.number === 2 && fields.wire === BYTES) data = fields.bytes
    else if (fields.number === 4 && fields.wire === VARINT) blockBytes.push(fields.value)
    else if (fields.number === 4 && fields.wire === BYTES) {
      if (!parsePacked(fields.bytes, blockBytes)) return undefined
    } else if (fields.number === 8 && fields.wire === BYTES) {
      modifiedAt = parseTime(fields.bytes)
      if (modifiedAt === undefined) return undefined
    } else if (fields.number <= 8) {
      if (fields.wire !== VARINT) return undefined
      numbers.set(fields.number, fields.value)
    }
    // Fields of a later version of the specification change nothing of what we read.
  }
  if (!fields.isWellFormed || type === undefined) return undefined
  const mode = numbers.get(7)
  return {
    type,
    data,
    blockBytes,
    fileBytes: numbers.get(3),
    hashType: numbers.get(5),
    fanout: numbers.get(6),
    mode: mode === undefined ? undefined : mode & 0o7777,
    modifiedAt,
  }
}

/** Repeated numbers in one field, which protobuf allows in place of a field each. */
function parsePacked(bytes: Uint8Array, numbers: number[]): boolean {
  const fields = new Fields(bytes)
  while (fields.hasMore) {
    const value = fields.readVarint()
    if (value === undefined) return false
    numbers.push(value)
  }
  return true
}

function parseTime(bytes: Uint8Array): UnixTime | undefined {
  const fields = new Fields(bytes)
  let seconds: number | undefined
  let nanoseconds = 0
  while (fields.next()) {
    if (fields.number === 1 && fields.wire === VARINT) {
      seconds = fields.signedValue
    } else if (fields.number === 2 && fields.wire === FIXED_32) {
      nanoseconds = fields.value
      // Zero must not be written, says the specification; so no time has two spellings.
      if (nanoseconds === 0 || nanoseconds >= NANOSECONDS_PER_SECOND) return undefined
    } else if (fields.number <= 2) {
      return undefined
    }
  }
  if (!fields.isWellFormed || seconds === undefined) return undefined
  return { seconds, nanoseconds }
}

/** The fields of a protobuf message, one after the other. */
class Fields {
  readonly #bytes: Uint8Array
  #at = 0
  isWellFormed = true
  number = 0
  wire = 0
  /** Of a varint or a fixed field. */
  value = 0
  /** A varint as a signed number of 64 bits. */
  signedValue = 0
  bytes: Uint8Array = EMPTY

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get hasMore(): boolean {
    return this.#at < this.#bytes.length
  }

  /** False at the end, and at whatever is malformed. */
  next(): boolean {
    if (!this.hasMore || !this.isWellFormed) return false
    this.isWellFormed = this.#readField()
    return this.isWellFormed
  }

  /** A number of 64 bits; beyond 2^53 it is not exact, and larger than every limit. */
  readVarint(): number | undefined {
    let low = 0
    let high = 0
    for (let length = 0; length < VARINT_BYTES_MAX; length++) {
      const byte = this.#bytes[this.#at]
      if (byte === undefined) return undefined
      this.#at += 1
      if (length < 4) low += (byte & 0x7f) * 2 ** (7 * length)
      else high += (byte & 0x7f) * 2 ** (7 * (length - 4))
      if (byte >= 0x80) continue
      if (high >= 2 ** HIGH_BITS) return undefined
      const signedHigh = high >= 2 ** (HIGH_BITS - 1) ? high - 2 ** HIGH_BITS : high
      this.signedValue = low + signedHigh * 2 ** LOW_BITS
      return low + high * 2 ** LOW_BITS
    }
    return undefined
  }

  #readField(): boolean {
    const key = this.readVarint()
    if (key === undefined || key > 0xffff_ffff) return false
    this.number = Math.floor(key / 8)
    this.wire = key % 8
    if (this.number === 0) return false
    switch (this.wire) {
      case VARINT:
        return this.#take(this.readVarint())
      case BYTES: {
        const length = this.readVarint()
        if (length === undefined || length > this.#bytes.length - this.#at) return false
        this.bytes = this.#bytes.subarray(this.#at, this.#at + length)
        this.#at += length
        return true
      }
      case FIXED_32:
        return this.#take(this.#readFixed(4))
      case FIXED_64:
        return this.#take(this.#readFixed(8))
      default:
        return false
    }
  }

  #take(value: number | undefined): boolean {
    if (value === undefined) return false
    this.value = value
    return true
  }

  #readFixed(length: number): number | undefined {
    if (this.#bytes.length - this.#at < length) return undefined
    let value = 0
    for (let index = 0; index < length; index++) {
      value += (this.#bytes[this.#at + index] ?? 0) * 2 ** (8 * index)
    }
    this.#at += length
    return value
  }
}
