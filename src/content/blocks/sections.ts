// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Sections of CARs that we wrote ourselves: `varint(length) CIDv1 bytes`. They are read from end to
 * end after a power cut, and when a broken index is made anew. A section names its bytes by their
 * hash, so that a torn or rotten one shows itself.
 */
import { createHash } from 'node:crypto'
import { CID_V1_BYTES, DIGEST_BYTES, isSameDigest, SHA2_256 } from '../unixfs/unixfs.ts'
import type { DiskFile } from './disk.ts'
import { BLOCK_BYTES_MAX, SCAN_BYTES } from './limits.ts'

/** Bytes of CIDv1, codec, hash and hash length, in front of the digest. */
const CID_PREFIX_BYTES = CID_V1_BYTES - DIGEST_BYTES
/** Bytes of the length of the largest section, as a varint. */
const LENGTH_BYTES_MAX = 4

/** What stands in front of a block: for all codecs whose number is one byte. */
export function sectionHead(codec: number, digest: Uint8Array, sizeBytes: number): Uint8Array {
  const head = new Uint8Array(LENGTH_BYTES_MAX + CID_V1_BYTES)
  let at = 0
  for (let rest = CID_V1_BYTES + sizeBytes; ; rest >>>= 7) {
    const isLast = rest < 0x80
    head[at] = isLast ? rest : (rest & 0x7f) | 0x80
    at += 1
    if (isLast) break
  }
  head.set([1, codec, SHA2_256, DIGEST_BYTES], at)
  head.set(digest, at + CID_PREFIX_BYTES)
  return head.subarray(0, at + CID_V1_BYTES)
}

/** Bytes of {@link sectionHead}. */
export function sectionHeadBytes(sizeBytes: number): number {
  const length = CID_V1_BYTES + sizeBytes
  return CID_V1_BYTES + (length < 0x80 ? 1 : length < 0x4000 ? 2 : length < 0x20_0000 ? 3 : 4)
}

export interface FoundSection {
  codec: number
  digest: Uint8Array
  /** Where the block lies in the file, behind its head. */
  offset: number
  /** The block; to be copied by whoever keeps it. */
  bytes: Uint8Array
}

export interface ScanResult {
  /** Where the last good section ends. */
  endOffset: number
  /** What stands there instead of a section; undefined at the end of the file. */
  problem: string | undefined
  /** Sections that were passed over because their bytes have not the right hash. */
  rottenCount: number
}

interface Scan {
  /** Where a section begins. */
  from: number
  signal?: AbortSignal
  visit(section: FoundSection): void
  /**
   * Goes on behind a section whose bytes are wrong, by its length; for files that were safe once. Where
   * a power cut may have torn one, nothing behind the first wrong section counts; that is the default.
   */
  skipsRotten?: boolean
  /** Asked between reads, so that a long scan leaves the process time for other things. */
  breathe?: () => Promise<void>
}

/** Visits all sections whose bytes have the right hash, up to the first that has not, or to the end. */
export async function scanSections(file: DiskFile, scan: Scan): Promise<ScanResult> {
  const buffer = Buffer.allocUnsafeSlow(SCAN_BYTES)
  const { sizeBytes } = await file.facts()
  let base = scan.from
  let rottenCount = 0
  while (base < sizeBytes) {
    scan.signal?.throwIfAborted()
    const filled = await file.read(buffer, base)
    const found = visitAll(buffer.subarray(0, filled), base, scan.visit)
    const { usedBytes, problem, rottenEnd } = found
    base += usedBytes
    if (rottenEnd !== undefined && scan.skipsRotten === true) {
      rottenCount += 1
      base = rottenEnd
    } else if (problem !== undefined) return { endOffset: base, problem, rottenCount }
    // A whole section fits: when none was found, the file ends in the middle of one.
    else if (usedBytes === 0) {
      return { endOffset: base, problem: 'the last block is cut off', rottenCount }
    }
    await scan.breathe?.()
  }
  return { endOffset: base, problem: undefined, rottenCount }
}

function visitAll(
  bytes: Buffer,
  base: number,
  visit: Scan['visit'],
): { usedBytes: number; problem: string | undefined; rottenEnd: number | undefined } {
  let at = 0
  for (;;) {
    const found = sectionAt(bytes, at)
    if (found === undefined) return { usedBytes: at, problem: undefined, rottenEnd: undefined }
    if ('problem' in found) {
      const { problem, end } = found
      return { usedBytes: at, problem, rottenEnd: end === undefined ? undefined : base + end }
    }
    visit({ ...found, offset: base + found.offset })
    at = found.end
  }
}

/** The section at `at`, what is wrong with it, or undefined when it is not all there. */
function sectionAt(
  bytes: Buffer,
  at: number,
): (FoundSection & { end: number }) | { problem: string; end?: number } | undefined {
  let length = 0
  let start = at
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[start]
    if (byte === undefined) return undefined
    if (shift > 21) return { problem: 'a length is impossible' }
    length += (byte & 0x7f) << shift
    start += 1
    if ((byte & 0x80) === 0) break
  }
  if (length < CID_V1_BYTES || length > CID_V1_BYTES + BLOCK_BYTES_MAX) {
    return { problem: 'a length is impossible' }
  }
  const end = start + length
  if (end > bytes.length) return undefined
  const isOurs =
    bytes[start] === 1 && bytes[start + 2] === SHA2_256 && bytes[start + 3] === DIGEST_BYTES
  if (!isOurs) return { problem: 'a block has no id of ours' }
  const digest = bytes.subarray(start + CID_PREFIX_BYTES, start + CID_V1_BYTES)
  const block = bytes.subarray(start + CID_V1_BYTES, end)
  if (!isSameDigest(createHash('sha256').update(block).digest(), digest)) {
    return { problem: 'a block has other bytes than its id says', end }
  }
  const codec = bytes[start + 1] ?? 0
  return { codec, digest, offset: start + CID_V1_BYTES, bytes: block, end }
}
