// SPDX-License-Identifier: AGPL-3.0-or-later
/** Which leaves hold a range of bytes of a file. Only nodes that overlap it are read. */
import type { CID } from 'multiformats/cid'
import { blockMissing, unsupportedItem } from '../errors.ts'
import { type BlockName, blockNameOf, RAW } from './cids.ts'
import { checkFileSize, type FileNode, parseNode } from './node.ts'
import type { BlockReader, ReadOptions } from './ports.ts'
import { checkWalk } from './walk-limits.ts'

/** The next bytes: some of a raw leaf, the end not included, or some that lie in a node. */
export type FileSpan =
  | { kind: 'leaf'; cid: CID; block: BlockName; sizeBytes: number; from: number; to: number }
  | { kind: 'inline'; bytes: Uint8Array }

/** A part of the file that overlaps the range. */
interface Part {
  cid: CID
  block: BlockName
  /** Where it begins in the file. */
  start: number
  sizeBytes: number | undefined
  depth: number
}

export interface SpanOptions extends ReadOptions {
  /** First byte. */
  start: number
  /** The byte after the last; beyond the end of the file: its end. */
  end: number
}

/**
 * @throws CodedError `CONTENT_UNSUPPORTED` (also for what is no file), `CONTENT_BLOCK_MISSING`, or
 *   the signal's reason.
 */
export async function* fileSpans(
  reader: BlockReader,
  file: CID,
  { start, end, signal }: SpanOptions,
): AsyncGenerator<FileSpan> {
  const stack: Part[] = [
    { cid: file, block: blockNameOf(file), start: 0, sizeBytes: undefined, depth: 0 },
  ]
  let partsCount = 0
  for (let part = stack.pop(); part !== undefined; part = stack.pop()) {
    partsCount += 1
    checkWalk(partsCount, part.depth, 0)
    const { cid, block } = part
    if (block.codec === RAW) {
      const sizeBytes = part.sizeBytes ?? (await fileSize(reader, cid, { signal }))
      const from = Math.max(0, start - part.start)
      const to = Math.min(sizeBytes, end - part.start)
      if (from < to) yield { kind: 'leaf', cid, block, sizeBytes, from, to }
      continue
    }
    const node = await readFile(reader, cid, signal)
    checkFileSize(node.sizeBytes, part.sizeBytes)
    const inline = node.inline.subarray(
      Math.max(0, start - part.start),
      Math.max(0, end - part.start),
    )
    if (inline.length > 0) yield { kind: 'inline', bytes: inline }
    stack.push(...partsIn(node, part, start, end).reverse())
  }
}

/**
 * How many bytes a file has.
 * @throws as {@link fileSpans}
 */
export async function fileSize(
  reader: BlockReader,
  file: CID,
  { signal }: ReadOptions = {},
): Promise<number> {
  const block = blockNameOf(file)
  if (block.codec !== RAW) return (await readFile(reader, file, signal)).sizeBytes
  const bytes = await reader.read(block, signal)
  if (bytes === undefined) throw blockMissing(file)
  return bytes.length
}

async function readFile(
  reader: BlockReader,
  cid: CID,
  signal: AbortSignal | undefined,
): Promise<FileNode> {
  signal?.throwIfAborted()
  const bytes = await reader.read(blockNameOf(cid), signal)
  if (bytes === undefined) throw blockMissing(cid)
  const node = parseNode(bytes)
  if (node.kind !== 'file') throw unsupportedItem('it is no file where one should be')
  return node
}

function partsIn(node: FileNode, parent: Part, start: number, end: number): Part[] {
  const parts: Part[] = []
  let at = parent.start + node.inline.length
  for (const { cid, block, sizeBytes } of node.links) {
    const after = at + sizeBytes
    if (at < end && after > start) {
      parts.push({ cid, block, start: at, sizeBytes, depth: parent.depth + 1 })
    }
    at = after
  }
  return parts
}
