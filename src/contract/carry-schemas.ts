// SPDX-License-Identifier: AGPL-3.0-or-later
/** What travels about CAR files. */
import { z } from 'zod'
import { cidTextSchema, itemSchema, visibilitySchema } from './item-schemas.ts'
import { EXPORT_CIDS_MAX } from './limits.ts'

export const exportRequestSchema = z.object({
  cids: z.array(cidTextSchema).max(EXPORT_CIDS_MAX).describe('items, in this order'),
  isAll: z.boolean().default(false).describe('all items that are whole; then no CIDs are named'),
})

export const importQuerySchema = z.object({ visibility: visibilitySchema.default('private') })

/** What came of a CAR file. */
export const importedSchema = z.object({
  items: z.array(itemSchema).describe('roots that are whole on the node now'),
  incomplete: z
    .array(
      z.object({
        cid: z.string(),
        missingCount: z.int().describe('blocks that are known to be missing'),
        isMore: z.boolean().describe('true: there are more, which were not counted'),
      }),
    )
    .describe('roots of which something is missing; import the other parts, or get them'),
  unsupported: z
    .array(z.object({ cid: z.string(), reason: z.string() }))
    .describe('roots that no node keeps'),
  refused: z.array(z.string()).describe('roots that this node refuses'),
  blocksCount: z.int().describe('blocks that the node keeps, new to it or not'),
  wrongCount: z.int().describe('blocks that were damaged'),
  foreignCount: z.int().describe('blocks of kinds that are not kept'),
  refusedCount: z.int().describe('blocks that this node refuses'),
  problem: z.string().nullable().describe('where the file broke off; null: read to its end'),
})
export type Imported = z.infer<typeof importedSchema>
