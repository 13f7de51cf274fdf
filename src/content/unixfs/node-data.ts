// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * The UnixFS message inside a tree node, written as Kubo writes it. ipfs-unixfs, which reads it for
 * us, writes some nodes otherwise than Kubo: it leaves out modes that it holds for the usual ones
 * (0644, 0755), so the same tree would get another CID here than there.
 *
 * The fields are those of `unixfs.proto` (UnixFS 1.5), in the order of their numbers.
 */
import type { EntryAttributes } from './source-entry.ts'

const TYPE = { folder: 1, file: 2, symlink: 4, hamt: 5 } as const
/** Multicodec `murmur3-x64-64`: how names are hashed in a HAMT. */
const MURMUR3_X64_64 = 0x22
const PERMISSION_BITS = 0o7777

export type NodeData =
  | { type: 'folder' }
  | { type: 'file'; sizeBytes: number; partBytes: readonly number[] }
  | { type: 'symlink'; target: string }
  | { type: 'hamt'; bitfield: Uint8Array; slots: number }

export function encodeNodeData(data: NodeData, attributes: EntryAttributes = {}): Uint8Array {
  const out: number[] = [0x08, TYPE[data.type]]
  if (data.type === 'symlink') pushBytes(out, 0x12, Buffer.from(data.target))
  if (data.type === 'hamt') pushBytes(out, 0x12, data.bitfield)
  if (data.type === 'file') {
    pushNumber(out, 0x18, data.sizeBytes)
    for (const partBytes of data.partBytes) pushNumber(out, 0x20, partBytes)
  }
  if (data.type === 'hamt') {
    pushNumber(out, 0x28, MURMUR3_X64_64)
    pushNumber(out, 0x30, data.slots)
  }
  pushAttributes(out, attributes)
  return Uint8Array.from(out)
}

function pushAttributes(out: number[], { mode, modifiedAt }: EntryAttributes): void {
  const permissions = (mode ?? 0) & PERMISSION_BITS
  if (permissions !== 0) pushNumber(out, 0x38, permissions)
  if (modifiedAt === undefined) return
  const { seconds, nanoseconds } = modifiedAt
  const time: number[] = []
  pushNumber(time, 0x08, seconds)
  if (nanoseconds > 0) {
    // A fixed32, little-endian.
    time.push(0x15, nanoseconds & 0xff, (nanoseconds >>> 8) & 0xff)
    time.push((nanoseconds >>> 16) & 0xff, nanoseconds >>> 24)
  }
  pushBytes(out, 0x42, Uint8Array.from(time))
}

function pushBytes(out: number[], tag: number, bytes: Uint8Array): void {
  pushNumber(out, tag, bytes.length)
  for (const byte of bytes) out.push(byte)
}

/** `tag`, then `value` as a varint; a negative one as its 64 bits. */
function pushNumber(out: number[], tag: number, value: number): void {
  out.push(tag)
  if (value < 0) {
    let bits = BigInt.asUintN(64, BigInt(value))
    for (; bits >= 0x80n; bits >>= 7n) out.push(Number(bits & 0x7fn) | 0x80)
    out.push(Number(bits))
    return
  }
  let rest = value
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) out.push((rest % 0x80) | 0x80)
  out.push(rest)
}
