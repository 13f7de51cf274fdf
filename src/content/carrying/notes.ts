// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * What is said about the items of a CAR, in blocks of DAG-CBOR beside them: names, titles, licences.
 * They are roots of the CAR as the items are, the last ones, so whoever keeps all roots keeps them
 * too; software that does not know them sees a few more links to the same items. Read from a CAR they
 * are somebody's claims: good for a list, and for nothing else.
 */

import { createHash } from 'node:crypto'
import { decode, encode } from '@ipld/dag-cbor'
import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'
import { z } from 'zod'
import { copyOf } from '../../base/base.ts'
import { type Item, type ItemTexts, tidyKind, tidyLanguage, tidyName, tidyText } from '../item.ts'
import { DESCRIPTION_BYTES_MAX, LICENCE_BYTES_MAX, TITLE_BYTES_MAX } from '../limits.ts'
import { SHA2_256 } from '../unixfs/unixfs.ts'
import { CAR_ITEMS_MAX, NOTED_PUBLICATION_BYTES_MAX, NOTES_BYTES_MAX } from './limits.ts'

/** Multicodec `dag-cbor`. */
export const DAG_CBOR = 0x71

export interface Note extends ItemTexts {
  name: string
  /** What the publisher signed about it. */
  publication: Uint8Array | undefined
}

/** A block that says something about items. */
export interface NotesBlock {
  cid: CID
  bytes: Uint8Array
}

const notesSchema = z.object({
  citynode: z.literal('items'),
  version: z.literal(1),
  items: z
    .array(
      z.object({
        root: z.custom<CID>((value) => CID.asCID(value) !== null),
        name: z.unknown(),
        title: z.unknown(),
        kind: z.unknown(),
        language: z.unknown(),
        description: z.unknown(),
        licence: z.unknown(),
        publication: z.unknown(),
      }),
    )
    .max(CAR_ITEMS_MAX),
})

type NotedItem = Pick<Item, 'cid' | 'name' | 'publication' | keyof ItemTexts>

/** As few blocks as hold all of it. */
export function encodeNotes(items: readonly NotedItem[]): NotesBlock[] {
  const blocks: NotesBlock[] = []
  let batch: Record<string, unknown>[] = []
  let batchBytes = 0
  const flush = (): void => {
    if (batch.length > 0) blocks.push(blockOf(batch))
    batch = []
    batchBytes = 0
  }
  for (const item of items) {
    const entry = entryOf(item)
    const entryBytes = encode(entry).length
    // Half of the limit: room for the envelope, and nothing to be exact about.
    if (batchBytes + entryBytes > NOTES_BYTES_MAX / 2) flush()
    batch.push(entry)
    batchBytes += entryBytes
  }
  flush()
  return blocks
}

function entryOf(item: NotedItem): Record<string, unknown> {
  const { cid: root, name, title, kind, language, description, licence, publication } = item
  return {
    root,
    name,
    title,
    kind,
    language,
    description,
    licence,
    publication: publication ?? null,
  }
}

function blockOf(items: readonly Record<string, unknown>[]): NotesBlock {
  const bytes = encode({ citynode: 'items', version: 1, items })
  const digest = createHash('sha256').update(bytes).digest()
  return { cid: CID.createV1(DAG_CBOR, Digest.create(SHA2_256, digest)), bytes }
}

/**
 * What a block says, by the text of the root's CIDv1; empty for what is no block of notes.
 * @param bytes of a block whose hash was right.
 */
export function decodeNotes(bytes: Uint8Array): ReadonlyMap<string, Note> {
  const notes = new Map<string, Note>()
  if (bytes.length > NOTES_BYTES_MAX) return notes
  let parsed: z.infer<typeof notesSchema> | undefined
  try {
    parsed = notesSchema.safeParse(decode(bytes)).data
  } catch {
    // Some other DAG-CBOR, or none: it says nothing that is of use here.
    return notes
  }
  for (const entry of parsed?.items ?? []) notes.set(entry.root.toV1().toString(), noteOf(entry))
  return notes
}

function noteOf(entry: z.infer<typeof notesSchema>['items'][number]): Note {
  const { publication } = entry
  const isPossible =
    publication instanceof Uint8Array && publication.length <= NOTED_PUBLICATION_BYTES_MAX
  return {
    name: typeof entry.name === 'string' ? tidyName(entry.name) : '',
    title: tidyText(entry.title, TITLE_BYTES_MAX),
    kind: tidyKind(entry.kind),
    language: tidyLanguage(entry.language),
    description: tidyText(entry.description, DESCRIPTION_BYTES_MAX),
    licence: tidyText(entry.licence, LICENCE_BYTES_MAX),
    publication: isPossible ? copyOf(publication) : undefined,
  }
}
