// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Records: what packs say about items, beside their blocks, as DAG-CBOR. The last one about an item
 * counts, by `revision`. From them the index can be made anew when the database is lost; so whatever
 * the owner must not lose about an item stands here.
 */
import { createHash } from 'node:crypto'
import { decode, encode } from '@ipld/dag-cbor'
import { CID } from 'multiformats/cid'
import { z } from 'zod'
import type { FileReference } from '../unixfs/unixfs.ts'
import { RECORD_BYTES_MAX } from './limits.ts'

/** Multicodec `dag-cbor`. */
export const DAG_CBOR = 0x71

const cidSchema = z.custom<CID>((value) => CID.asCID(value) !== null)
const textSchema = z.string().max(RECORD_BYTES_MAX)
const countSchema = z.int().min(0)

/** All that is known of an item. */
const itemSchema = z.object({
  record: z.literal('item'),
  revision: countSchema,
  root: cidSchema,
  shape: z.enum(['file', 'folder', 'symlink']),
  name: textSchema,
  title: textSchema,
  kind: textSchema,
  language: textSchema,
  description: textSchema,
  licence: textSchema,
  visibility: z.enum(['private', 'public']),
  origin: z.enum(['added', 'fetched']),
  isKept: z.boolean(),
  addedAtMs: z.int(),
  sizeBytes: countSchema,
  carBodyBytes: countSchema,
  /** What the publisher signed about it; null for none. */
  publication: z.custom<Uint8Array>((value) => value instanceof Uint8Array).nullable(),
})
export type ItemRecord = z.infer<typeof itemSchema>

/** The owner removed it, or it made room for others. */
const goneSchema = z.object({
  record: z.literal('gone'),
  revision: countSchema,
  root: cidSchema,
})

/** The bytes of a file lie outside of the store, where its owner has it. */
const referenceSchema = z.object({
  record: z.literal('reference'),
  root: cidSchema,
  path: textSchema,
  sizeBytes: countSchema,
  modifiedAtMs: z.number(),
})

const packSchema = z.object({ record: z.literal('pack'), number: countSchema })

const recordSchema = z.discriminatedUnion('record', [
  itemSchema,
  goneSchema,
  referenceSchema,
  packSchema,
])
export type PackRecord = z.infer<typeof recordSchema>

export interface EncodedRecord {
  digest: Uint8Array
  bytes: Uint8Array
}

export function encodeRecord(record: PackRecord): EncodedRecord {
  const bytes = encode(record)
  return { bytes, digest: createHash('sha256').update(bytes).digest() }
}

/** Undefined for what this version does not know: a later one may have written it. */
export function decodeRecord(bytes: Uint8Array): PackRecord | undefined {
  if (bytes.length > RECORD_BYTES_MAX) return undefined
  try {
    return recordSchema.safeParse(decode(bytes)).data
  } catch {
    // Its hash was right, so it was written like this: by a version that writes other records.
    return undefined
  }
}

export function referenceRecord(root: CID, reference: FileReference): PackRecord {
  return { record: 'reference', root, ...reference }
}
