// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Reading the journal's file: which stretches of it are whole, and what came of the rest. One rotten
 * byte costs one entry: behind it the next whole one is looked for.
 */
import { copyOf } from '../../base/base.ts'
import type { DiskFile } from '../blocks/blocks.ts'
import { scanSections, sectionHead } from '../blocks/blocks.ts'
import { DAG_CBOR, decodeEntry, encodeEntry, type JournalEntry } from './journal-entries.ts'
import { JOURNAL_READ_BYTES } from './limits.ts'

export interface Survey {
  /** Undefined when the first entry cannot be read. */
  generation: number | undefined
  /** Whole entries, from `start` to before `end`. */
  stretches: { start: number; end: number }[]
  entriesCount: number
  sizeBytes: number
  /** The file ends in the middle of an entry, or in zeros: a power cut leaves it so. */
  isCutOff: boolean
  /** Something that is not an entry stands between whole ones, or at the end and not cut off. */
  isDamaged: boolean
}

export async function surveyJournal(file: DiskFile, signal?: AbortSignal): Promise<Survey> {
  const { sizeBytes } = await file.facts()
  const survey: Survey = {
    generation: undefined,
    stretches: [],
    entriesCount: 0,
    sizeBytes,
    isCutOff: false,
    isDamaged: false,
  }
  let start = 0
  while (start < sizeBytes) {
    const { endOffset, problem } = await scanJournal(file, { start, signal }, (entry, offset) => {
      // Only the first of all counts: a file has one generation.
      if (offset === 0 && entry?.entry === 'begin') survey.generation = entry.generation
      survey.entriesCount += 1
    })
    if (endOffset > start) survey.stretches.push({ start, end: endOffset })
    if (problem === undefined) break
    const next = await nextEntry(file, endOffset + 1, signal)
    if (next === undefined) {
      const isCutOff = problem === CUT_OFF || (await isZeros(file, endOffset, sizeBytes))
      survey.isCutOff = isCutOff
      survey.isDamaged ||= !isCutOff
      break
    }
    survey.isDamaged = true
    start = next
  }
  // Without its first entry nothing tells which file this is.
  if (survey.generation === undefined) survey.isDamaged = true
  return survey
}

/** Where the last whole entry ends. */
export function endOf({ stretches }: Survey): number {
  return stretches.at(-1)?.end ?? 0
}

/** Visits entries up to the first that is not whole; `undefined` stands for unknown ones. */
export function scanJournal(
  file: DiskFile,
  from: { start: number; signal?: AbortSignal | undefined },
  visit: (entry: JournalEntry | undefined, start: number) => void,
): Promise<{ endOffset: number; problem: string | undefined }> {
  let start = from.start
  return scanSections(file, {
    from: from.start,
    ...(from.signal === undefined ? {} : { signal: from.signal }),
    visit: ({ codec, bytes, offset }) => {
      visit(codec === DAG_CBOR ? decodeEntry(copyOf(bytes)) : undefined, start)
      start = offset + bytes.length
    },
  })
}

export function encodeSections(entries: readonly JournalEntry[]): Uint8Array {
  const parts = entries.flatMap((entry) => {
    const { bytes, digest } = encodeEntry(entry)
    return [sectionHead(DAG_CBOR, digest, bytes.length), bytes]
  })
  return Buffer.concat(parts)
}

/** What {@link scanSections} says of a file that ends within a section. */
const CUT_OFF = 'the last block is cut off'

/** What stands in front of every digest: CIDv1, dag-cbor, sha2-256, 32 bytes. */
const MARK = Uint8Array.of(1, DAG_CBOR, 0x12, 0x20)

/** Bytes that the length of an entry takes as a varint, at most. */
const LENGTH_BYTES_MAX = 3

/** Where the next whole entry begins, from `start` on. */
async function nextEntry(
  file: DiskFile,
  start: number,
  signal: AbortSignal | undefined,
): Promise<number | undefined> {
  const buffer = Buffer.alloc(JOURNAL_READ_BYTES)
  // Windows overlap by so much that no mark is cut in two.
  const stepBytes = buffer.length - MARK.length
  for (let base = start; ; base += stepBytes) {
    signal?.throwIfAborted()
    const window = buffer.subarray(0, await file.read(buffer, base))
    for (let at = window.indexOf(MARK); at >= 0; at = window.indexOf(MARK, at + 1)) {
      for (let lengthBytes = 1; lengthBytes <= LENGTH_BYTES_MAX; lengthBytes++) {
        const candidate = base + at - lengthBytes
        if (candidate < start) continue
        const { endOffset } = await scanJournal(file, { start: candidate, signal }, () => {})
        if (endOffset > candidate) return candidate
      }
    }
    if (window.length < buffer.length) return undefined
  }
}

async function isZeros(file: DiskFile, start: number, end: number): Promise<boolean> {
  const buffer = Buffer.alloc(JOURNAL_READ_BYTES)
  for (let at = start; at < end; at += buffer.length) {
    const filledBytes = await file.read(buffer, at)
    if (buffer.subarray(0, filledBytes).some((byte) => byte !== 0)) return false
  }
  return true
}
