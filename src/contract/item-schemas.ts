// SPDX-License-Identifier: AGPL-3.0-or-later
/** What travels over the API about items: what they are, how they come, what is in them. */
import { z } from 'zod'
import {
  CID_LENGTH_MAX,
  FILE_PATH_LENGTH_MAX,
  ITEM_NAME_LENGTH_MAX,
  ITEM_PATH_LENGTH_MAX,
  ITEM_TEXT_LENGTH_MAX,
  ITEMS_PAGE_MAX,
  REFUSAL_REASON_LENGTH_MAX,
} from './limits.ts'
import { problemSchema } from './schemas.ts'

export const visibilitySchema = z
  .enum(['private', 'public'])
  .describe('private: not announced, served or shown to others; public: others may have it')
export type Visibility = z.infer<typeof visibilitySchema>

export const shapeSchema = z.enum(['file', 'folder', 'symlink'])
export type Shape = z.infer<typeof shapeSchema>

export const itemSchema = z.object({
  cid: z.string(),
  name: z.string(),
  sizeBytes: z.number().describe('of all files in it'),
  kind: z.string().describe('media type'),
  visibility: visibilitySchema,
  isWhole: z.boolean().describe('false: bytes are missing on this node'),
  addedAt: z.string().describe('ISO 8601, by the clock of the node'),
  shape: shapeSchema,
  title: z.string().describe('for people; may be empty, as the next three'),
  language: z.string().describe('BCP 47: de, pt-BR'),
  description: z.string(),
  licence: z.string().describe('SPDX expression, or words'),
  origin: z.enum(['added', 'fetched']).describe('here by its owner, or from another node'),
  isKept: z.boolean().describe('false: fetched, and may go when others need the room'),
  state: z.enum(['whole', 'damaged']),
  isChanged: z
    .boolean()
    .default(false)
    .describe('damaged since a file that was added by reference is another one now, or gone'),
  publishedBy: z
    .string()
    .nullable()
    .describe('the PeerId whose key signed that it is published; null: nobody is known'),
  isWithdrawn: z.boolean().describe('whoever published it has taken it back'),
  refused: z
    .string()
    .nullable()
    .default(null)
    .describe('why others do not get it from this node, in a sentence; null: nothing forbids it'),
})
export type ItemFacts = z.infer<typeof itemSchema>

/** A public item as anybody on the LAN may know it. */
export const publicItemSchema = itemSchema.pick({
  cid: true,
  name: true,
  sizeBytes: true,
  kind: true,
  shape: true,
  title: true,
  language: true,
  description: true,
  licence: true,
  publishedBy: true,
})
export type PublicItem = z.infer<typeof publicItemSchema>

/** Which part of a list of items. */
export const itemsQuerySchema = z.object({
  match: z
    .string()
    .max(ITEM_TEXT_LENGTH_MAX)
    .default('')
    .describe('only items that have this in their name, title or description'),
  after: z.string().max(CID_LENGTH_MAX).optional().describe('`next` of the answer before'),
  limit: z.coerce
    .number()
    .int()
    .min(1)
    .max(ITEMS_PAGE_MAX)
    .optional()
    .describe('without: all of them to the owner, and to others as many as a page may have'),
})

/** Newest first. */
export function itemsAnswerSchema<Of extends z.ZodType>(item: Of) {
  return z.object({
    items: z.array(item),
    itemsCount: z.int().describe('of all that match, however many are told here'),
    next: z.string().nullable().describe('for `after`; null: there are no more'),
  })
}

export const cidTextSchema = z.string().min(1).max(CID_LENGTH_MAX)
export const itemParamsSchema = z.object({ cid: cidTextSchema })

const nameSchema = z.string().max(ITEM_NAME_LENGTH_MAX)
const textSchema = z.string().max(ITEM_TEXT_LENGTH_MAX)
const itemPathSchema = z.string().max(ITEM_PATH_LENGTH_MAX).describe('names, with / between them')

/** What may be said of an item when it is added. */
const textsShape = {
  title: textSchema.optional(),
  kind: textSchema.optional(),
  language: textSchema.optional(),
  description: textSchema.optional(),
  licence: textSchema.optional(),
}
export type ItemTexts = z.infer<z.ZodObject<typeof textsShape>>

export const addItemQuerySchema = z.object({
  name: nameSchema.default(''),
  visibility: visibilitySchema.default('private'),
  ...textsShape,
  keepsMode: z.stringbool().default(false).describe('permissions become part of the content id'),
  keepsTime: z.stringbool().default(false).describe('times become part of the content id'),
  mode: z
    .string()
    .regex(/^[0-7]{1,4}$/)
    .optional()
    .describe('of a single file: permissions, in octal digits'),
  modifiedAt: z
    .string()
    .regex(/^-?\d{1,15}(\.\d{1,9})?$/)
    .optional()
    .describe('of a single file: seconds since 1970'),
})

/** A file system says what it likes here: more digits than a number holds exactly. */
const countTextSchema = z.string().regex(/^\d{1,20}$/)

/**
 * What the caller sees at a path. The node may live where the same path leads elsewhere: in another
 * mount namespace, or another process's `/dev/fd`.
 */
export const seenSchema = z.object({
  device: countTextSchema.describe('`st_dev`, in digits'),
  inode: countTextSchema.describe('`st_ino`, in digits'),
  sizeBytes: countTextSchema.optional().describe('of a file, in digits'),
})
export type Seen = z.infer<typeof seenSchema>

export const addReferenceSchema = z.object({
  path: z.string().min(1).max(FILE_PATH_LENGTH_MAX).describe('on the machine of the node, from /'),
  name: nameSchema.default(''),
  visibility: visibilitySchema.default('private'),
  ...textsShape,
  keepsMode: z.boolean().default(false),
  keepsTime: z.boolean().default(false),
  seen: seenSchema.optional().describe('the node refuses (FILE_NOT_SAME) unless it sees the same'),
})

/** As a reference, but its bytes are copied into the store. */
export const addCopySchema = addReferenceSchema.required({ seen: true })

/** How much an addition brought. */
export const addedSchema = z.object({
  filesCount: z.int(),
  foldersCount: z.int(),
  symlinksCount: z.int(),
  newBytes: z.number().describe('that the store did not have yet; 0: it was all here'),
})
export type AddedFacts = z.infer<typeof addedSchema>

export const addAnswerSchema = z.object({ item: itemSchema, added: addedSchema })
export type AddAnswer = z.infer<typeof addAnswerSchema>

/** What was left out of a folder. */
export const skippedSchema = z.object({ path: z.string(), reason: z.string() })
export type Skipped = z.infer<typeof skippedSchema>

export const itemChangeSchema = z
  .object({ name: nameSchema.min(1), ...textsShape, isKept: z.boolean() })
  .partial()
export type ItemChange = z.infer<typeof itemChangeSchema>

export const publishRequestSchema = z.object({ cid: cidTextSchema })

export const withdrawRequestSchema = z.object({
  cid: cidTextSchema,
  reason: z.string().max(REFUSAL_REASON_LENGTH_MAX).default(''),
  mustRemove: z.boolean().default(false).describe('and remove it from this node'),
})

export const withdrawnSchema = z.object({
  cid: z.string(),
  item: itemSchema.nullable().describe('private now; null when it is not here any more'),
})
export type Withdrawn = z.infer<typeof withdrawnSchema>

/** Which bytes: from `start` to before `end`, of the file at `path`. */
export const bytesQuerySchema = z.object({
  path: itemPathSchema.default(''),
  start: z.coerce.number().int().min(0).default(0),
  end: z.coerce.number().int().min(0).optional().describe('the byte after the last'),
})

export const entriesQuerySchema = z.object({ path: itemPathSchema.default('') })

export const archiveQuerySchema = z.object({
  path: itemPathSchema.default(''),
  absent: z
    .enum(['usual', 'zero'])
    .default('usual')
    .describe('which permissions are told where none were kept: the usual ones, or 0'),
})

/** What is at a place of an item. */
export const placeSchema = z.object({
  cid: z.string(),
  shape: shapeSchema,
  sizeBytes: z.number().nullable().describe('of a file'),
  target: z.string().nullable().describe('of a symlink'),
  mode: z.int().nullable().describe('permissions, when they were kept'),
  modifiedAt: z.string().nullable().describe('seconds since 1970, when it was kept'),
})
export type PlaceFacts = z.infer<typeof placeSchema>

/** A thing in a folder. */
export const entrySchema = z.object({
  name: z.string(),
  cid: z.string(),
  shape: shapeSchema.nullable().describe('null: it is not here, or of another kind'),
  sizeBytes: z.number().nullable().describe('of a file'),
  target: z.string().nullable().describe('of a symlink'),
})
export type EntryFacts = z.infer<typeof entrySchema>

export const fetchRequestSchema = z.object({
  cid: cidTextSchema,
  path: itemPathSchema.default('').describe('only what is there is brought'),
  visibility: visibilitySchema.default('private'),
  isKept: z.boolean().default(false).describe('stays, whatever else needs room'),
})

export const fetchPartRequestSchema = z.object({
  cid: cidTextSchema,
  path: itemPathSchema.default('').describe('of the file'),
  start: z.int().min(0).default(0).describe('the first byte'),
  end: z.int().min(0).optional().describe('the byte after the last; its end unless given'),
})

/** How far a transfer is. `total` is null until the size is known. */
export const progressSchema = z.object({
  received: z.number().describe('bytes'),
  total: z.number().nullable().describe('bytes'),
})
export type Progress = z.infer<typeof progressSchema>

/** One node that was tried. */
export const attemptSchema = z.object({
  peerId: z.string(),
  interfaceName: z.string().nullable().describe('set for a segment peer'),
  rttMs: z.number().nullable().describe('of a neighbour'),
  answeredMs: z.number().describe('how long it took to say that it has the item'),
  fromBytes: z.number().describe('bytes of files that were verified before'),
  toBytes: z.number().describe('and after'),
  durationMs: z.number(),
  code: z.string().nullable().describe('of its failure; null: it gave all that was missing'),
  message: z.string().nullable(),
})
export type AttemptFacts = z.infer<typeof attemptSchema>

/** How a fetch went. */
export const fetchReportSchema = z.object({
  connectedCount: z.int(),
  askedCount: z.int(),
  badCount: z.int().describe('not asked, because they sent wrong bytes before'),
  silentCount: z.int().describe('asked, without a sensible answer'),
  knownBytes: z.number().describe('bytes of files that were here before'),
  attempts: z.array(attemptSchema),
})
export type FetchReportFacts = z.infer<typeof fetchReportSchema>

/** One line of the answer to a fetch: progress, any number of times, then an item or a problem. */
export const fetchLineSchema = z.union([
  z.object({
    item: itemSchema.describe('what was fetched, or the item here in which it lies'),
    place: placeSchema.describe('what was asked for'),
    report: fetchReportSchema.nullable().describe('null: it was here, and nobody was asked'),
  }),
  z.object({ problem: problemSchema, report: fetchReportSchema.nullable() }),
  progressSchema,
])
export type FetchLine = z.infer<typeof fetchLineSchema>

/** One line of the answer to a fetch of a part: progress, then the file that it is of, or a problem. */
export const fetchPartLineSchema = z.union([
  z.object({
    place: placeSchema.describe('the file; no item, unless it was one before'),
    report: fetchReportSchema.nullable().describe('null: it was here, and nobody was asked'),
  }),
  z.object({ problem: problemSchema, report: fetchReportSchema.nullable() }),
  progressSchema,
])
export type FetchPartLine = z.infer<typeof fetchPartLineSchema>

/** One line of the answer to an addition by path, as a reference or a copy. */
export const addLineSchema = z.union([
  addAnswerSchema,
  z.object({ problem: problemSchema }),
  z.object({ skipped: skippedSchema }),
  progressSchema,
])
export type AddLine = z.infer<typeof addLineSchema>

/** One line of a listing; its last says that it is whole, or why it is not. */
export const entryLineSchema = z.union([
  entrySchema,
  z.object({ problem: problemSchema }),
  z.object({ entriesCount: z.int() }),
])
export type EntryLine = z.infer<typeof entryLineSchema>
