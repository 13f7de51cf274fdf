// SPDX-License-Identifier: AGPL-3.0-or-later
/** Rows of the index, and what they are to everybody else. */
import type { FileReference } from '../unixfs/unixfs.ts'

export type VolumeKind = 'pack' | 'body' | 'manifest' | 'reference'

export interface Volume {
  volume: number
  kind: VolumeKind
  name: string
  sizeBytes: number
  reference: FileReference | undefined
}

/** Where a block lies. */
export interface Place {
  /** Of the row; one block may have several. */
  block: number
  volume: number
  offset: number
  sizeBytes: number
}

export interface NewBlock {
  digest: Uint8Array
  offset: number
  sizeBytes: number
}

export interface VolumeRow {
  volume: number
  kind: VolumeKind
  name: string
  size_bytes: number
  path: string | null
  modified_at_ms: number | null
}

export interface PlaceRow {
  block: number
  volume: number
  offset_bytes: number
  size_bytes: number
}

const KEY_BYTES = 6

/** The first 48 bits of a digest. */
export function keyOfDigest(digest: Uint8Array): number {
  return Buffer.from(digest.buffer, digest.byteOffset, digest.length).readUIntBE(0, KEY_BYTES)
}

export function isStored(kind: VolumeKind): boolean {
  return kind === 'body' || kind === 'manifest'
}

export function placeFrom(row: PlaceRow): Place {
  return {
    block: row.block,
    volume: row.volume,
    offset: row.offset_bytes,
    sizeBytes: row.size_bytes,
  }
}

export function volumeFrom(row: VolumeRow): Volume {
  const { path, modified_at_ms: modifiedAtMs, size_bytes: sizeBytes } = row
  return {
    volume: row.volume,
    kind: row.kind,
    name: row.name,
    sizeBytes,
    reference: path === null ? undefined : { path, sizeBytes, modifiedAtMs: modifiedAtMs ?? 0 },
  }
}
