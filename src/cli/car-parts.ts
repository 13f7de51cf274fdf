// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Cuts a CAR into parts that are CARs themselves, for sticks whose files cannot be large. It knows no
 * more of the format than lengths, and that blocks of notes follow the header: those stand in front
 * of every part, so that each says what it is a part of.
 */
import { CodedError } from '../base/base.ts'

export interface PartPiece {
  /** Counts from 1. */
  part: number
  bytes: Uint8Array
}

/** Multicodec `dag-cbor` of CID version 1: how the id of a block of notes begins. */
const NOTES_ID = [0x01, 0x71] as const

/**
 * @param partBytesMax of one part.
 * @throws CodedError `USAGE` when one block does not fit into a part.
 */
export async function* splitCar(
  car: AsyncIterable<Uint8Array>,
  partBytesMax: number,
): AsyncGenerator<PartPiece> {
  /** What every part begins with: the header and the notes. */
  let front = Buffer.alloc(0)
  let isFront = true
  let part = 1
  let partBytes = 0
  for await (const { bytes, isNotes } of sectionsOf(car)) {
    if (isFront && (front.length === 0 || isNotes)) {
      front = Buffer.concat([front, bytes])
      partBytes = front.length
      continue
    }
    if (isFront) yield { part, bytes: front }
    isFront = false
    if (front.length + bytes.length > partBytesMax) throw partsTooSmall()
    if (partBytes + bytes.length > partBytesMax) {
      part += 1
      partBytes = front.length
      yield { part, bytes: front }
    }
    partBytes += bytes.length
    yield { part, bytes }
  }
  if (isFront) yield { part, bytes: front }
}

/** The header, and then each block with its id and length. */
async function* sectionsOf(
  car: AsyncIterable<Uint8Array>,
): AsyncGenerator<{ bytes: Uint8Array; isNotes: boolean }> {
  let rest = Buffer.alloc(0)
  let waiting: Uint8Array[] = []
  let waitingBytes = 0
  /** Bytes from which on it makes sense to look: those of a whole section, once that is known. */
  let wantedBytes = 1
  for await (const chunk of car) {
    waiting.push(chunk)
    waitingBytes += chunk.length
    if (waitingBytes < wantedBytes) continue
    rest = Buffer.concat(waiting)
    for (;;) {
      const length = lengthOf(rest)
      const { headBytes, bodyBytes } = length ?? { headBytes: rest.length, bodyBytes: 1 }
      wantedBytes = headBytes + bodyBytes
      if (rest.length < wantedBytes) break
      const isNotes = NOTES_ID.every((byte, index) => rest[headBytes + index] === byte)
      yield { bytes: rest.subarray(0, wantedBytes), isNotes }
      rest = rest.subarray(wantedBytes)
    }
    waiting = [rest]
    waitingBytes = rest.length
  }
  if (waitingBytes > 0) {
    throw new CodedError('API_BROKEN_OFF', 'The node stopped before the export was complete.')
  }
}

/** An unsigned LEB128 and its own length; undefined: not all of it is here. */
function lengthOf(bytes: Uint8Array): { headBytes: number; bodyBytes: number } | undefined {
  let bodyBytes = 0
  for (const [index, byte] of bytes.subarray(0, 8).entries()) {
    bodyBytes += (byte & 0x7f) * 2 ** (7 * index)
    if ((byte & 0x80) === 0) return { headBytes: index + 1, bodyBytes }
  }
  return undefined
}

function partsTooSmall(): CodedError {
  return new CodedError('USAGE', 'Parts of that size cannot hold the largest block and the list.', {
    advice: 'Choose larger parts, or export fewer items at a time.',
  })
}

const UNITS = ['', 'K', 'M', 'G', 'T']

/** `4G`, `700 MiB`, `1.5GB`: in units of 1024, as file systems count. @throws CodedError `USAGE` */
export function parseSize(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?$/i.exec(text.trim())
  const unit = UNITS.indexOf(match?.[2]?.toUpperCase() ?? '')
  const sizeBytes = Math.floor(Number(match?.[1]) * 1024 ** unit)
  if (Number.isSafeInteger(sizeBytes) && sizeBytes > 0) return sizeBytes
  throw new CodedError('USAGE', `${text} is no size.`, { advice: 'For example 4G, 700M.' })
}
