// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * A tar archive as it streams in, entry by entry: nothing is held but a header, and nothing is asked
 * for before the entry before was read. What its names mean and whether they are taken is for the
 * caller to say: here they are bytes.
 */

import { ByteReader } from './byte-reader.ts'
import { copyOf } from './bytes.ts'
import {
  isZeroBlock,
  parsePaxRecords,
  parsePaxSize,
  parsePaxTime,
  parseTarHeader,
  TAR_BLOCK_BYTES,
  type TarHeader,
  type TarType,
  tarPaddingBytes,
  untilZero,
} from './tar-format.ts'
import type { UnixTime } from './unix-time.ts'

/**
 * Bytes of one pax header or long name in an archive. Paths have 4 KiB, but extended attributes of
 * other tools lie there too, up to 64 KiB each.
 */
const TAR_META_BYTES_MAX = 1024 * 1024

/** What a header says with all that stood before it. */
export interface ReadTarEntry extends TarHeader {
  /** Of a file; to be read to its end before the next entry is asked for. */
  content: AsyncIterable<Uint8Array>
}

/** Makes the failure for an archive that cannot be read. */
export type TarDamage = (what: string) => Error

/**
 * @param archive an uncompressed tar archive: ustar, pax, or GNU
 * @throws what `damaged` makes, and whatever the stream throws
 */
export async function* readTar(
  archive: AsyncIterable<Uint8Array>,
  damaged: TarDamage,
): AsyncGenerator<ReadTarEntry, void> {
  const reader = new ByteReader(archive)
  try {
    yield* new TarReader(reader, damaged).entries()
  } finally {
    await reader.stop()
  }
}

/** What headers before an entry say of it. */
interface Overrides {
  name?: Uint8Array
  target?: Uint8Array
  sizeBytes?: number
  modifiedAt?: UnixTime
  isSparse?: boolean
}

const META_TYPES: readonly TarType[] = ['pax', 'pax global', 'long name', 'long target']

class TarReader {
  readonly #reader: ByteReader
  readonly #damaged: TarDamage
  /** Bytes of the present entry that were not read yet. */
  #restBytes = 0

  constructor(reader: ByteReader, damaged: TarDamage) {
    this.#reader = reader
    this.#damaged = damaged
  }

  async *entries(): AsyncGenerator<ReadTarEntry, void> {
    for (let found = await this.#next(); found !== undefined; found = await this.#next()) {
      this.#restBytes = found.sizeBytes
      yield { ...found, content: this.#content() }
      await this.#skip(this.#restBytes + tarPaddingBytes(found.sizeBytes))
    }
    await this.#checkRest()
  }

  /** The header of the next entry with what its metadata says, or undefined at the end. */
  async #next(): Promise<TarHeader | undefined> {
    const overrides: Overrides = {}
    for (;;) {
      const block = await this.#reader.take(TAR_BLOCK_BYTES)
      if (block.length < TAR_BLOCK_BYTES) throw this.#damaged('it ends before its end mark')
      // Two blocks of zeros are the end; some programs write one. What follows is looked at later.
      if (isZeroBlock(block)) return undefined
      const result = parseTarHeader(block)
      if ('problem' in result) throw this.#damaged(result.problem)
      const { header } = result
      if (!META_TYPES.includes(header.type)) return resolve(header, overrides)
      await this.#readMeta(header, overrides)
    }
  }

  async #readMeta({ type, sizeBytes }: TarHeader, overrides: Overrides): Promise<void> {
    if (sizeBytes > TAR_META_BYTES_MAX) throw this.#damaged('a name or attribute is far too long')
    const taken = await this.#reader.take(sizeBytes + tarPaddingBytes(sizeBytes))
    if (taken.length < sizeBytes) throw this.#damaged('it ends within a header')
    // A copy: what the reader gives is valid until the next header is read.
    const bytes = copyOf(taken.subarray(0, sizeBytes))
    if (type === 'long name') overrides.name = untilZero(bytes)
    else if (type === 'long target') overrides.target = untilZero(bytes)
    else this.#applyPax(bytes, type, overrides)
  }

  #applyPax(bytes: Uint8Array, type: TarType, overrides: Overrides): void {
    const records = parsePaxRecords(bytes)
    if (records === undefined) throw this.#damaged('a pax header is malformed')
    const path = records.get('path')
    const target = records.get('linkpath')
    const size = records.get('size')
    const time = records.get('mtime')
    if (type === 'pax global') {
      // For all entries from here on: a comment makes sense there, one path for all does not.
      if (path !== undefined || target !== undefined || size !== undefined) {
        throw this.#damaged('one pax header names all entries')
      }
      return
    }
    if ([...records.keys()].some((key) => key.startsWith('GNU.sparse.'))) overrides.isSparse = true
    if (path !== undefined) overrides.name = path
    if (target !== undefined) overrides.target = target
    if (size !== undefined) {
      overrides.sizeBytes = this.#required(parsePaxSize(size), 'size')
    }
    if (time !== undefined) {
      overrides.modifiedAt = this.#required(parsePaxTime(time), 'time')
    }
  }

  async *#content(): AsyncGenerator<Uint8Array, void> {
    while (this.#restBytes > 0) {
      const part = await this.#reader.some(this.#restBytes)
      if (part.length === 0) throw this.#damaged('it ends within a file')
      this.#restBytes -= part.length
      yield part
    }
  }

  async #skip(countBytes: number): Promise<void> {
    for (let rest = countBytes; rest > 0; ) {
      const part = await this.#reader.some(rest)
      if (part.length === 0) throw this.#damaged('it ends within an entry')
      rest -= part.length
    }
  }

  /** Behind the end are zeros up to a round size. Another archive there would be lost unseen. */
  async #checkRest(): Promise<void> {
    for (;;) {
      const part = await this.#reader.some(Number.POSITIVE_INFINITY)
      if (part.length === 0) return
      if (!isZeroBlock(part)) throw this.#damaged('something follows its end mark')
    }
  }

  #required<T>(value: T | undefined, what: string): T {
    if (value === undefined) throw this.#damaged(`a pax header has no readable ${what}`)
    return value
  }
}

function resolve(header: TarHeader, overrides: Overrides): TarHeader {
  // Only files have contents; headers of others may have a size that nothing follows.
  const hasContent = header.type === 'file'
  return {
    type: overrides.isSparse === true ? 'sparse file' : header.type,
    name: overrides.name ?? header.name,
    target: overrides.target ?? header.target,
    sizeBytes: hasContent ? (overrides.sizeBytes ?? header.sizeBytes) : 0,
    mode: header.mode,
    modifiedAt: overrides.modifiedAt ?? header.modifiedAt,
  }
}
