// SPDX-License-Identifier: AGPL-3.0-or-later
/** What travels over the API about refusing: the owner's blocks, forgetting, and deny lists. */
import { z } from 'zod'
import { cidTextSchema, itemSchema } from './item-schemas.ts'
import { REFUSAL_REASON_LENGTH_MAX } from './limits.ts'

export const blockSchema = z.object({
  cid: z.string(),
  kind: z
    .enum(['blocked', 'legal', 'forgotten'])
    .describe('legal: a law or a court says so, and others are told 451 instead of 410'),
  reason: z.string().describe('a note of the owner, shown to nobody else; may be empty'),
  since: z.string().describe('ISO 8601, by the clock of the node'),
})
export type BlockFacts = z.infer<typeof blockSchema>

export const blockRequestSchema = z.object({
  cid: cidTextSchema,
  kind: z.enum(['blocked', 'legal']).default('blocked'),
  reason: z.string().max(REFUSAL_REASON_LENGTH_MAX).default(''),
})

export const forgetRequestSchema = z.object({ cid: cidTextSchema })

export const forgottenSchema = z.object({
  block: blockSchema,
  item: itemSchema.nullable().describe('what was removed; null when it was not here'),
})
export type Forgotten = z.infer<typeof forgottenSchema>

/** A deny list that the owner subscribed to. What is in it is told to nobody. */
export const denylistSchema = z.object({
  path: z.string(),
  name: z.string().describe('as the list calls itself; may be empty'),
  rulesCount: z.int().describe('in force now'),
  problemsCount: z.int().describe('lines that were not understood'),
  problems: z
    .array(z.object({ line: z.int(), message: z.string() }))
    .describe('the first of them; empty when the list was read before the node started'),
  fault: z
    .string()
    .nullable()
    .describe('why the file as it is now is not in force; its last good version is'),
})
export type DenylistFacts = z.infer<typeof denylistSchema>
