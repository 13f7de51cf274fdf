// SPDX-License-Identifier: AGPL-3.0-or-later
/** The endpoints about permissions: a part of the one table in `endpoints.ts`. */
import { z } from 'zod'
import {
  givenSchema,
  giveRequestSchema,
  grantParamsSchema,
  grantSchema,
  grantsSchema,
  nonceSchema,
} from './access-schemas.ts'

export const accessEndpoints = {
  nonce: {
    title: 'What a signed request must name, so that it is of now',
    reach: 'everywhere',
    method: 'GET',
    path: '/v1/nonce',
    needs: 'public',
    answer: nonceSchema,
  },
  grants: {
    title: 'Who was given what here, and what became of it',
    reach: 'everywhere',
    method: 'GET',
    path: '/v1/grants',
    needs: '/access/list',
    answer: grantsSchema,
  },
  // On the socket alone: the node signs, so whoever may ask it to could give themselves anything.
  give: {
    title: 'Let somebody do something on this node',
    reach: 'socket',
    method: 'POST',
    path: '/v1/grants',
    needs: '/access/grant',
    body: giveRequestSchema,
    answer: givenSchema,
  },
  takeBack: {
    title: 'Take back a permission for good, with all that was passed on of it',
    reach: 'socket',
    method: 'DELETE',
    path: '/v1/grants/:cid',
    needs: '/access/grant',
    params: grantParamsSchema,
    answer: z.object({ grant: grantSchema }),
  },
} as const
