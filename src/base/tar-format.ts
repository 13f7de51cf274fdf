// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * The blocks of a tar archive: written by the command line, read by the node. POSIX ustar with pax
 * records, and on reading the long names of GNU tar. Archives come from anywhere, so whatever the
 * bytes are, reading gives a value or says what is wrong, in time linear in their number.
 */
import { copyOf } from './bytes.ts'
import { formatUnixTime, parseUnixTime, type UnixTime } from './unix-time.ts'

/** Bytes of a header; contents are filled up to a multiple. */
export const TAR_BLOCK_BYTES = 512

/** Bytes of zeros that end an archive. */
export const TAR_END_BYTES = 2 * TAR_BLOCK_BYTES

export type TarType =
  | 'file'
  | 'hard link'
  | 'symlink'
  | 'device'
  | 'folder'
  | 'pipe'
  | 'pax'
  | 'pax global'
  | 'long name'
  | 'long target'
  | 'sparse file'
  | 'unknown'

/** What a header says; names are bytes, as nothing promises that they are UTF-8. */
export interface TarHeader {
  type: TarType
  name: Uint8Array
  target: Uint8Array
  sizeBytes: number
  mode: number
  modifiedAt: UnixTime
}

export type TarHeaderResult = { header: TarHeader } | { problem: string }

/** Type flags; a contiguous file (`7`) is a file to everybody by now. */
const TYPES: Readonly<Record<string, TarType>> = {
  '\0': 'file',
  '0': 'file',
  '1': 'hard link',
  '2': 'symlink',
  '3': 'device',
  '4': 'device',
  '5': 'folder',
  '6': 'pipe',
  '7': 'file',
  g: 'pax global',
  K: 'long target',
  L: 'long name',
  S: 'sparse file',
  x: 'pax',
}

interface Field {
  at: number
  length: number
}

const NAME: Field = { at: 0, length: 100 }
const MODE: Field = { at: 100, length: 8 }
const OWNER: Field = { at: 108, length: 8 }
const GROUP: Field = { at: 116, length: 8 }
const SIZE: Field = { at: 124, length: 12 }
const TIME: Field = { at: 136, length: 12 }
const CHECKSUM: Field = { at: 148, length: 8 }
const TYPE: Field = { at: 156, length: 1 }
const TARGET: Field = { at: 157, length: 100 }
const MAGIC: Field = { at: 257, length: 6 }
const VERSION: Field = { at: 263, length: 2 }
const PREFIX: Field = { at: 345, length: 155 }
/** GNU's old format has a space instead of the zero, and no prefix. */
const USTAR = 'ustar\0'
/** Bytes of a key in a pax record: extended attributes have the longest, some hundred. */
const PAX_KEY_BYTES_MAX = 1024
const SPACE = 0x20
const SLASH = 0x2f
const NO_BYTES = new Uint8Array()

export function isZeroBlock(block: Uint8Array): boolean {
  return block.every((byte) => byte === 0)
}

/** How many bytes fill the last block of contents. */
export function tarPaddingBytes(sizeBytes: number): number {
  return (TAR_BLOCK_BYTES - (sizeBytes % TAR_BLOCK_BYTES)) % TAR_BLOCK_BYTES
}

/** @param block {@link TAR_BLOCK_BYTES} that are not all zero */
export function parseTarHeader(block: Uint8Array): TarHeaderResult {
  if (parseNumber(block, CHECKSUM) !== checksumOf(block)) {
    return { problem: 'a header has a wrong checksum' }
  }
  const sizeBytes = parseNumber(block, SIZE)
  const seconds = parseNumber(block, TIME)
  const mode = parseNumber(block, MODE)
  if (sizeBytes === undefined || sizeBytes < 0) return { problem: 'a header has no readable size' }
  if (seconds === undefined || mode === undefined) {
    return { problem: 'a header has a number that cannot be read' }
  }
  const isUstar = latin1(field(block, MAGIC)) === USTAR
  const prefix = isUstar ? textField(block, PREFIX) : NO_BYTES
  const name = textField(block, NAME)
  return {
    header: {
      type: TYPES[latin1(field(block, TYPE))] ?? 'unknown',
      name: prefix.length === 0 ? name : join([prefix, Uint8Array.of(SLASH), name]),
      target: textField(block, TARGET),
      sizeBytes,
      mode: mode & 0o7777,
      modifiedAt: { seconds, nanoseconds: 0 },
    },
  }
}

/** The records `length key=value\n` of a pax header, values as bytes; undefined if malformed. */
export function parsePaxRecords(bytes: Uint8Array): Map<string, Uint8Array> | undefined {
  const records = new Map<string, Uint8Array>()
  for (let at = 0; at < bytes.length; ) {
    let length = 0
    let next = at
    for (; isDigit(bytes[next]) && next - at < 10; next += 1) {
      length = length * 10 + ((bytes[next] ?? 0) - 0x30)
    }
    const end = at + length
    // The length counts itself, the space, the record and its newline.
    if (next === at || bytes[next] !== SPACE || end > bytes.length) return undefined
    const record = bytes.subarray(next + 1, end - 1)
    const equals = record.indexOf(0x3d)
    if (end <= next + 1 || bytes[end - 1] !== 0x0a) return undefined
    if (equals < 1 || equals > PAX_KEY_BYTES_MAX) return undefined
    records.set(latin1(record.subarray(0, equals)), record.subarray(equals + 1))
    at = end
  }
  return records
}

/** The bytes before the first zero: how GNU's long names are written. */
export function untilZero(bytes: Uint8Array): Uint8Array {
  const zero = bytes.indexOf(0)
  return zero === -1 ? bytes : bytes.subarray(0, zero)
}

/** A size in a pax record; undefined if it is no whole number. */
export function parsePaxSize(bytes: Uint8Array): number | undefined {
  const text = latin1(bytes.subarray(0, 17))
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined
}

/** A time in a pax record; undefined if it is none. */
export function parsePaxTime(bytes: Uint8Array): UnixTime | undefined {
  return parseUnixTime(latin1(bytes.subarray(0, 64)))
}

export interface TarEntry {
  kind: 'file' | 'folder' | 'symlink'
  /** Relative, without a slash at its end. */
  path: string
  /** 0 for what is no file. */
  sizeBytes: number
  mode: number
  modifiedAt: UnixTime
  /** Of a symlink; empty otherwise. */
  target: string
}

const TYPE_FLAGS = { file: '0', folder: '5', symlink: '2' } as const
/** What eleven octal digits hold. */
const OCTAL_MAX = 8 ** 11 - 1

/** What stands in the archive before the contents: a header, with pax records where it needs any. */
export function encodeTarHeader(entry: TarEntry): Uint8Array<ArrayBuffer> {
  const path = encodeText(entry.kind === 'folder' ? `${entry.path}/` : entry.path)
  const target = encodeText(entry.target)
  const { seconds, nanoseconds } = entry.modifiedAt
  const isPlainTime = nanoseconds === 0 && seconds >= 0 && seconds <= OCTAL_MAX
  const records: Uint8Array[] = []
  if (!isPlain(path, NAME)) records.push(paxRecord('path', path))
  if (!isPlain(target, TARGET)) records.push(paxRecord('linkpath', target))
  if (!isPlainTime) records.push(paxRecord('mtime', encodeText(formatUnixTime(entry.modifiedAt))))
  if (entry.sizeBytes > OCTAL_MAX) {
    records.push(paxRecord('size', encodeText(String(entry.sizeBytes))))
  }
  const block = encodeBlock(TYPE_FLAGS[entry.kind], {
    name: path,
    target,
    sizeBytes: Math.min(entry.sizeBytes, OCTAL_MAX),
    mode: entry.mode,
    seconds: Math.min(Math.max(seconds, 0), OCTAL_MAX),
  })
  if (records.length === 0) return block
  const pax = join(records)
  const head = encodeBlock('x', {
    name: encodeText('PaxHeaders/entry'),
    target: NO_BYTES,
    sizeBytes: pax.length,
    mode: 0o644,
    seconds: 0,
  })
  return join([head, pax, new Uint8Array(tarPaddingBytes(pax.length)), block])
}

interface BlockFields {
  name: Uint8Array
  target: Uint8Array
  sizeBytes: number
  mode: number
  seconds: number
}

function encodeBlock(type: string, fields: BlockFields): Uint8Array<ArrayBuffer> {
  const block = new Uint8Array(TAR_BLOCK_BYTES)
  block.set(fields.name.subarray(0, NAME.length), NAME.at)
  block.set(fields.target.subarray(0, TARGET.length), TARGET.at)
  writeOctal(block, MODE, fields.mode)
  // Whose it is says nothing elsewhere and is nobody's business.
  writeOctal(block, OWNER, 0)
  writeOctal(block, GROUP, 0)
  writeOctal(block, SIZE, fields.sizeBytes)
  writeOctal(block, TIME, fields.seconds)
  block.set(encodeText(type), TYPE.at)
  block.set(encodeText(USTAR), MAGIC.at)
  block.set(encodeText('00'), VERSION.at)
  writeOctal(block, { at: CHECKSUM.at, length: CHECKSUM.length - 1 }, checksumOf(block))
  block[CHECKSUM.at + CHECKSUM.length - 1] = SPACE
  return block
}

/** Fits into its field, and means the same in every locale. */
function isPlain(text: Uint8Array, { length }: Field): boolean {
  return text.length <= length && text.every((byte) => byte < 0x80)
}

function paxRecord(key: string, value: Uint8Array): Uint8Array {
  const restBytes = 1 + key.length + 1 + value.length + 1
  let length = restBytes + String(restBytes).length
  // The digits of the length may make it a digit longer.
  length = restBytes + String(length).length
  return join([encodeText(`${length} ${key}=`), value, encodeText('\n')])
}

function writeOctal(block: Uint8Array, { at, length }: Field, value: number): void {
  block.set(encodeText(value.toString(8).padStart(length - 1, '0')), at)
}

/** Octal digits, or GNU's big-endian binary with the highest bit set; undefined for others. */
function parseNumber(block: Uint8Array, place: Field): number | undefined {
  const bytes = field(block, place)
  const first = bytes[0] ?? 0
  if ((first & 0x80) !== 0) {
    // Negative numbers have all bits of the first byte set.
    let value = first === 0xff ? -1 : first & 0x7f
    for (const byte of bytes.subarray(1)) value = value * 256 + byte
    return Number.isSafeInteger(value) ? value : undefined
  }
  const text = latin1(bytes)
    .replace(/[\0 ]+$/, '')
    .trimStart()
  if (text === '') return 0
  return /^[0-7]+$/.test(text) ? Number.parseInt(text, 8) : undefined
}

/** The sum of all bytes, those of the checksum counted as spaces. */
function checksumOf(block: Uint8Array): number {
  let sum = 0
  for (const [at, byte] of block.entries()) {
    const isChecksum = at >= CHECKSUM.at && at < CHECKSUM.at + CHECKSUM.length
    sum += isChecksum ? SPACE : byte
  }
  return sum
}

function field(block: Uint8Array, { at, length }: Field): Uint8Array {
  return block.subarray(at, at + length)
}

function textField(block: Uint8Array, place: Field): Uint8Array {
  // A copy: blocks are views of buffers that come and go.
  return copyOf(untilZero(field(block, place)))
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39
}

function latin1(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes)
}

function encodeText(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

function join(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    joined.set(part, at)
    at += part.length
  }
  return joined
}
