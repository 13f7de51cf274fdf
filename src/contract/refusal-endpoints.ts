// SPDX-License-Identifier: AGPL-3.0-or-later
/** The endpoints about refusing: a part of the one table in `endpoints.ts`. */
import { z } from 'zod'
import { itemParamsSchema } from './item-schemas.ts'
import {
  blockRequestSchema,
  blockSchema,
  denylistSchema,
  forgetRequestSchema,
  forgottenSchema,
} from './refusal-schemas.ts'

export const refusalEndpoints = {
  blocks: {
    title: 'What the owner refuses',
    reach: 'everywhere',
    method: 'GET',
    path: '/v1/blocks',
    needs: '/refusal/list',
    answer: z.object({ blocks: z.array(blockSchema) }),
  },
  block: {
    title: 'Refuse an item from now on: not served, announced or taken again',
    reach: 'everywhere',
    method: 'POST',
    path: '/v1/blocks',
    needs: '/refusal/change',
    body: blockRequestSchema,
    answer: z.object({ block: blockSchema }),
  },
  unblock: {
    title: 'Take back a block of the owner',
    reach: 'everywhere',
    method: 'DELETE',
    path: '/v1/blocks/:cid',
    needs: '/refusal/change',
    params: itemParamsSchema,
    answer: z.object({ block: blockSchema }),
  },
  forgetItem: {
    title: 'Remove an item, and refuse it from now on',
    reach: 'everywhere',
    method: 'POST',
    path: '/v1/forgets',
    needs: '/refusal/change',
    body: forgetRequestSchema,
    answer: forgottenSchema,
  },
  denylists: {
    title: 'Deny lists in force',
    reach: 'everywhere',
    method: 'GET',
    path: '/v1/denylists',
    needs: '/refusal/list',
    answer: z.object({ denylists: z.array(denylistSchema) }),
  },
  rereadDenylists: {
    title: 'Look at the deny lists now, and read those that have changed',
    reach: 'everywhere',
    method: 'POST',
    path: '/v1/denylists/reread',
    needs: '/refusal/change',
    answer: z.object({ denylists: z.array(denylistSchema) }),
  },
} as const
