// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * What stands in the journal of refusals, as DAG-CBOR. An entry says how something is from now on, not
 * how it changed: the last one about a thing counts, and saying it twice does no harm.
 */
import { createHash } from 'node:crypto'
import { decode, encode } from '@ipld/dag-cbor'
import { z } from 'zod'
import { isPeerId, type PeerId } from '../../base/base.ts'
import { JOURNAL_ENTRY_BYTES_MAX } from './limits.ts'

/** Multicodec `dag-cbor`. */
export const DAG_CBOR = 0x71

const bytesSchema = z.custom<Uint8Array>((value) => value instanceof Uint8Array)
const peerIdSchema = z.custom<PeerId>((value) => typeof value === 'string' && isPeerId(value))
const countSchema = z.int().min(0)

/** The first of a file. */
const beginSchema = z.object({ entry: z.literal('begin'), generation: countSchema })

const blockSchema = z.object({
  entry: z.literal('block'),
  multihash: bytesSchema,
  cid: z.string(),
  kind: z.enum(['blocked', 'legal', 'forgotten']),
  reason: z.string(),
  sinceMs: z.int(),
})
export type BlockEntry = z.infer<typeof blockSchema>

const unblockSchema = z.object({ entry: z.literal('unblock'), multihash: bytesSchema })

const publishedSchema = z.object({
  entry: z.literal('published'),
  /** The multihash of the root. */
  root: bytesSchema,
  publisher: peerIdSchema,
  publication: bytesSchema,
  publicationSequence: countSchema,
  withdrawal: bytesSchema.nullable(),
  withdrawalSequence: countSchema.nullable(),
  isShared: z.boolean(),
})
export type PublishedEntry = z.infer<typeof publishedSchema>

/** The item is here no longer, and was not withdrawn. */
const leftSchema = z.object({ entry: z.literal('left'), root: bytesSchema })

const entrySchema = z.discriminatedUnion('entry', [
  beginSchema,
  blockSchema,
  unblockSchema,
  publishedSchema,
  leftSchema,
])
export type JournalEntry = z.infer<typeof entrySchema>
export type LocalBlockEntry = BlockEntry | z.infer<typeof unblockSchema>
export type PublicationEntry = PublishedEntry | z.infer<typeof leftSchema>
/** What changes a table. */
export type TableEntry = LocalBlockEntry | PublicationEntry

export function encodeEntry(entry: JournalEntry): { bytes: Uint8Array; digest: Uint8Array } {
  const bytes = encode(entry)
  return { bytes, digest: createHash('sha256').update(bytes).digest() }
}

/** Undefined for what this version does not know: a later one may have written it. */
export function decodeEntry(bytes: Uint8Array): JournalEntry | undefined {
  if (bytes.length > JOURNAL_ENTRY_BYTES_MAX) return undefined
  try {
    return entrySchema.safeParse(decode(bytes)).data
  } catch {
    // Its hash was right, so it was written like this: by a version that writes other entries.
    return undefined
  }
}
