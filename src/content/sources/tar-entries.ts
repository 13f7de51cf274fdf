// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * The entries of a tar archive as it streams in: nothing is held but a header, and nothing is asked
 * for before the entry before was read. The archive may come from anywhere: paths that lead out,
 * and things that are neither file, folder nor symbolic link, are refused by name.
 */
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
  type UnixTime,
  untilZero,
} from '../../base/base.ts'
import { parseEntryPath, pathRefused, type SourceEntry } from '../unixfs/unixfs.ts'
import { ByteReader } from './byte-reader.ts'
import { TAR_META_BYTES_MAX } from './limits.ts'
import { archiveDamaged, archiveUnsupported } from './source-errors.ts'
import { decodeText, showText } from './source-text.ts'

/**
 * @param archive an uncompressed tar archive: ustar, pax, or GNU
 * @throws CodedError `CONTENT_ARCHIVE_DAMAGED`, `CONTENT_ARCHIVE_UNSUPPORTED`,
 * `CONTENT_PATH_REFUSED`, `CONTENT_FOLDER_LIMIT`, and whatever the stream throws
 */
export async function* entriesOfTar(
  archive: AsyncIterable<Uint8Array>,
): AsyncGenerator<SourceEntry, void> {
  const reader = new ByteReader(archive)
  try {
    yield* new TarEntries(reader).entries()
  } finally {
    await reader.stop()
  }
}

/** What a header says with all that stood before it. */
interface FoundEntry {
  type: TarType
  name: string
  target: string
  sizeBytes: number
  mode: number
  modifiedAt: UnixTime
}

/** What headers before an entry say of it. */
interface Overrides {
  name?: Uint8Array
  target?: Uint8Array
  sizeBytes?: number
  modifiedAt?: UnixTime
}

class TarEntries {
  readonly #reader: ByteReader
  /** Bytes of the present entry that were not read yet. */
  #restBytes = 0

  constructor(reader: ByteReader) {
    this.#reader = reader
  }

  async *entries(): AsyncGenerator<SourceEntry, void> {
    for (;;) {
      const found = await this.#next()
      if (found === undefined) break
      this.#restBytes = found.sizeBytes
      yield this.#entryOf(found)
      await this.#skip(this.#restBytes + tarPaddingBytes(found.sizeBytes))
    }
    await this.#checkRest()
  }

  /** The header of the next entry with what its metadata says, or undefined at the end. */
  async #next(): Promise<FoundEntry | undefined> {
    const overrides: Overrides = {}
    for (;;) {
      const block = await this.#reader.take(TAR_BLOCK_BYTES)
      if (block.length < TAR_BLOCK_BYTES) throw archiveDamaged('it ends before its end mark')
      // Two blocks of zeros are the end; some programs write one. What follows is looked at later.
      if (isZeroBlock(block)) return undefined
      const result = parseTarHeader(block)
      if ('problem' in result) throw archiveDamaged(result.problem)
      const { header } = result
      if (!isMeta(header.type)) return resolve(header, overrides)
      await this.#readMeta(header, overrides)
    }
  }

  async #readMeta({ type, sizeBytes }: TarHeader, overrides: Overrides): Promise<void> {
    if (sizeBytes > TAR_META_BYTES_MAX) throw archiveDamaged('a name or attribute is far too long')
    const taken = await this.#reader.take(sizeBytes + tarPaddingBytes(sizeBytes))
    if (taken.length < sizeBytes) throw archiveDamaged('it ends within a header')
    // A copy: what the reader gives is valid until the next header is read.
    const bytes = taken.slice(0, sizeBytes)
    if (type === 'long name') overrides.name = untilZero(bytes)
    else if (type === 'long target') overrides.target = untilZero(bytes)
    else applyPax(bytes, type, overrides)
  }

  #entryOf(found: FoundEntry): SourceEntry {
    const { type, mode, modifiedAt } = found
    const path = cleanPath(found.name)
    const isFolder = type === 'folder' || (type === 'file' && found.name.endsWith('/'))
    if (isFolder) {
      if (path !== '') parseEntryPath(path)
      return { kind: 'folder', path, mode, modifiedAt }
    }
    parseEntryPath(path)
    if (type === 'symlink') {
      return { kind: 'symlink', path, target: found.target, mode, modifiedAt }
    }
    if (type !== 'file') throw refused(type, path)
    return { kind: 'file', path, content: this.#content(), mode, modifiedAt }
  }

  async *#content(): AsyncGenerator<Uint8Array, void> {
    while (this.#restBytes > 0) {
      const part = await this.#reader.some(this.#restBytes)
      if (part.length === 0) throw archiveDamaged('it ends within a file')
      this.#restBytes -= part.length
      yield part
    }
  }

  async #skip(countBytes: number): Promise<void> {
    for (let rest = countBytes; rest > 0; ) {
      const part = await this.#reader.some(rest)
      if (part.length === 0) throw archiveDamaged('it ends within an entry')
      rest -= part.length
    }
  }

  /** Behind the end are zeros up to a round size. Another archive there would be lost unseen. */
  async #checkRest(): Promise<void> {
    for (;;) {
      const part = await this.#reader.some(Number.POSITIVE_INFINITY)
      if (part.length === 0) return
      if (!isZeroBlock(part)) throw archiveDamaged('something follows its end mark')
    }
  }
}

function isMeta(type: TarType): boolean {
  return type === 'pax' || type === 'pax global' || type === 'long name' || type === 'long target'
}

function applyPax(bytes: Uint8Array, type: TarType, overrides: Overrides): void {
  const records = parsePaxRecords(bytes)
  if (records === undefined) throw archiveDamaged('a pax header is malformed')
  const path = records.get('path')
  const target = records.get('linkpath')
  const size = records.get('size')
  const time = records.get('mtime')
  if (type === 'pax global') {
    // For all entries from here on: a comment makes sense there, one path for all does not.
    if (path !== undefined || target !== undefined || size !== undefined) {
      throw archiveDamaged('one pax header names all entries')
    }
    return
  }
  for (const key of records.keys()) {
    if (!key.startsWith('GNU.sparse.')) continue
    throw refused('sparse file', decodeName(path ?? overrides.name ?? new Uint8Array()))
  }
  if (path !== undefined) overrides.name = path
  if (target !== undefined) overrides.target = target
  if (size !== undefined) {
    overrides.sizeBytes = required(parsePaxSize(size), 'a pax header has no readable size')
  }
  if (time !== undefined) {
    overrides.modifiedAt = required(parsePaxTime(time), 'a pax header has no readable time')
  }
}

function resolve(header: TarHeader, overrides: Overrides): FoundEntry {
  const name = decodeName(overrides.name ?? header.name)
  const target = decodeText(overrides.target ?? header.target)
  if (target === undefined) throw pathRefused(name, 'its target is not valid UTF-8')
  // Only files have contents; headers of others may have a size that nothing follows.
  const hasContent = header.type === 'file'
  return {
    type: header.type,
    name,
    target,
    sizeBytes: hasContent ? (overrides.sizeBytes ?? header.sizeBytes) : 0,
    mode: header.mode,
    modifiedAt: overrides.modifiedAt ?? header.modifiedAt,
  }
}

/** `./a/b/` as `a/b`, and `./` as the empty path: how tar writes what it was pointed at. */
function cleanPath(name: string): string {
  const path = name.replace(/^(?:\.\/+)+/, '').replace(/\/$/, '')
  return path === '.' ? '' : path
}

function decodeName(bytes: Uint8Array): string {
  const name = decodeText(bytes)
  if (name === undefined) {
    throw pathRefused(showText(bytes), 'it is not valid UTF-8')
  }
  return name
}

function required<T>(value: T | undefined, problem: string): T {
  if (value === undefined) throw archiveDamaged(problem)
  return value
}

function refused(type: TarType, path: string): Error {
  switch (type) {
    case 'hard link':
      return archiveUnsupported(path, type, 'Pack with tar --hard-dereference: files as files.')
    case 'sparse file':
      return archiveUnsupported(path, type, 'Pack without --sparse (-S): files as they are.')
    case 'device':
    case 'pipe':
      return archiveUnsupported(path, type, 'Leave it out with tar --exclude.')
    default:
      return archiveUnsupported(path, 'thing of unknown kind', 'Pack with tar --format=pax.')
  }
}
