// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Whether bytes are DAG-CBOR in its one canonical form, and within bounds, before anything is made
 * of them. A token is known by the CID of its bytes, but the signature covers only a part of them:
 * if there were a second way to write the rest, a token that was taken back would live on under
 * another CID. The library reads more than the one form (keys out of order, short floats,
 * `undefined`) and recurses as deep as the bytes say. One pass, no recursion, total.
 */
import { TOKEN_DEPTH_MAX, TOKEN_VALUES_MAX } from '../limits.ts'

const MAJOR_UNSIGNED = 0
const MAJOR_NEGATIVE = 1
const MAJOR_BYTES = 2
const MAJOR_TEXT = 3
const MAJOR_LIST = 4
const MAJOR_MAP = 5
const MAJOR_TAG = 6

/** Additional information that says how many bytes the argument has. */
const ARGUMENT_1_BYTE = 24
const ARGUMENT_8_BYTES = 27
/** The least value that needs an argument of 1, 2, 4 or 8 bytes. */
const ARGUMENT_MIN = [24, 0x100, 0x1_0000, 0x1_0000_0000]

const SIMPLE_FALSE = 20
const SIMPLE_TRUE = 21
const SIMPLE_NULL = 22
const SIMPLE_FLOAT64 = 27

const TAG_CID = 42
/** A CID in DAG-CBOR begins with the multibase prefix of binary. */
const CID_PREFIX = 0x00

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** A list or a map that is not at its end. */
interface Open {
  /** Values still to come; of a map, keys and values. */
  left: number
  isMap: boolean
  /** The last key, head included. */
  previousKey: Uint8Array | undefined
}

interface Head {
  major: number
  info: number
  argument: number
  /** Where what follows the head begins. */
  end: number
}

/** Undefined when all is well, otherwise what is wrong. */
export function findNonCanonical(bytes: Uint8Array): string | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const open: Open[] = []
  let at = 0
  for (let values = 0; ; values++) {
    if (values > TOKEN_VALUES_MAX) return 'it has too many values'
    const head = readHead(view, at)
    if (typeof head === 'string') return head
    const inner = open.at(-1)
    const isKey = inner?.isMap === true && inner.left % 2 === 0
    const end = endOfValue(bytes, view, head)
    if (typeof end === 'string') return end
    if (isKey && inner !== undefined) {
      if (head.major !== MAJOR_TEXT) return 'a key of a map is no text'
      const key = bytes.subarray(at, end)
      // Shorter ones first, then byte by byte: with the head in front that is the order of bytes.
      if (inner.previousKey !== undefined && compareBytes(inner.previousKey, key) >= 0) {
        return 'the keys of a map are not in order'
      }
      inner.previousKey = key
    }
    if (inner !== undefined) inner.left -= 1
    if (head.major === MAJOR_LIST || head.major === MAJOR_MAP) {
      if (open.length >= TOKEN_DEPTH_MAX) return 'it nests too deep'
      const isMap = head.major === MAJOR_MAP
      open.push({ left: head.argument * (isMap ? 2 : 1), isMap, previousKey: undefined })
    }
    at = end
    while (open.at(-1)?.left === 0) open.pop()
    if (open.length === 0) return at === bytes.length ? undefined : 'something follows its end'
  }
}

function readHead(view: DataView, at: number): Head | string {
  if (at >= view.byteLength) return 'it ends too early'
  const first = view.getUint8(at)
  const major = first >> 5
  const info = first & 0x1f
  if (info < ARGUMENT_1_BYTE) return { major, info, argument: info, end: at + 1 }
  if (info > ARGUMENT_8_BYTES) return 'a length is left open'
  const size = info - ARGUMENT_1_BYTE
  const end = at + 1 + 2 ** size
  if (end > view.byteLength) return 'it ends too early'
  // What follows the head of a float is no number that could be written shorter.
  if (major === 7) return { major, info, argument: 0, end }
  const argument = readUnsigned(view, at + 1, size)
  if (argument < (ARGUMENT_MIN[size] ?? 0)) return 'a number is longer than it need be'
  if (argument > Number.MAX_SAFE_INTEGER) return 'a number is too large'
  return { major, info, argument, end }
}

function readUnsigned(view: DataView, at: number, size: number): number {
  if (size === 0) return view.getUint8(at)
  if (size === 1) return view.getUint16(at)
  if (size === 2) return view.getUint32(at)
  return Number(view.getBigUint64(at))
}

/** Where a value ends that holds no others, and where the first of the others begins if it does. */
function endOfValue(bytes: Uint8Array, view: DataView, head: Head): number | string {
  const { major, argument, end } = head
  if (major === MAJOR_UNSIGNED || major === MAJOR_LIST || major === MAJOR_MAP) return end
  // Minus one minus the argument, which must be safe as well.
  if (major === MAJOR_NEGATIVE) {
    return argument < Number.MAX_SAFE_INTEGER ? end : 'a number is too large'
  }
  if (major === MAJOR_BYTES || major === MAJOR_TEXT) {
    if (argument > bytes.length - end) return 'it ends too early'
    if (major === MAJOR_TEXT && !isText(bytes.subarray(end, end + argument)))
      return 'text is no text'
    return end + argument
  }
  if (major === MAJOR_TAG) return endOfCid(bytes, view, head)
  return endOfSimple(view, head)
}

function endOfCid(bytes: Uint8Array, view: DataView, head: Head): number | string {
  if (head.argument !== TAG_CID) return 'a tag is not known'
  const inner = readHead(view, head.end)
  if (typeof inner === 'string') return inner
  if (inner.major !== MAJOR_BYTES) return 'a link is no link'
  if (inner.argument > bytes.length - inner.end) return 'it ends too early'
  if (inner.argument < 2 || bytes[inner.end] !== CID_PREFIX) return 'a link is no link'
  return inner.end + inner.argument
}

function endOfSimple(view: DataView, { info, end }: Head): number | string {
  if (info === SIMPLE_FALSE || info === SIMPLE_TRUE || info === SIMPLE_NULL) return end
  if (info !== SIMPLE_FLOAT64) return 'a value is of a kind that is not used'
  return Number.isFinite(view.getFloat64(end - 8)) ? end : 'a number is none'
}

function isText(bytes: Uint8Array): boolean {
  // Nearly all of it is ASCII, for which no decoder is needed.
  let at = 0
  while (at < bytes.length && (bytes[at] ?? 0) < 0x80) at += 1
  if (at === bytes.length) return true
  try {
    utf8.decode(bytes)
    return true
  } catch {
    // Not UTF-8.
    return false
  }
}

function compareBytes(one: Uint8Array, other: Uint8Array): number {
  const length = Math.min(one.length, other.length)
  for (let at = 0; at < length; at++) {
    const difference = (one[at] ?? 0) - (other[at] ?? 0)
    if (difference !== 0) return difference
  }
  return one.length - other.length
}
