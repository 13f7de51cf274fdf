// SPDX-License-Identifier: AGPL-3.0-or-later
/** The endpoints about CAR files: a part of the one table in `endpoints.ts`. */
import { exportRequestSchema, importedSchema, importQuerySchema } from './carry-schemas.ts'

export const carryEndpoints = {
  exportItems: {
    title: 'Items as one CAR file (version 1, depth first, each block once)',
    reach: 'everywhere',
    method: 'POST',
    path: '/v1/exports',
    needs: '/content/read',
    body: exportRequestSchema,
    answer: 'bytes',
  },
  importItems: {
    title: 'Take the items of a CAR file: its bytes are the body',
    reach: 'everywhere',
    method: 'POST',
    path: '/v1/imports',
    needs: '/content/add',
    query: importQuerySchema,
    body: 'bytes',
    actsBeforeEnd: true,
    answer: importedSchema,
  },
} as const
