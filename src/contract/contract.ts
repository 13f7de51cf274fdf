// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * The API as a contract: schemas, the endpoint table and a typed client. Runs in a browser, so it
 * knows only base and zod; the server is in `api/`, the Unix-socket transport in `cli/`.
 */
export * from './access-schemas.ts'
export * from './carry-schemas.ts'
export * from './client.ts'
export * from './endpoints.ts'
export * from './fetch-transport.ts'
export * from './gateway-pages.ts'
export { ARCHIVE_TYPE } from './item-endpoints.ts'
export * from './item-schemas.ts'
export * from './limits.ts'
export * from './link-words.ts'
export type { EventsOptions, LiveCalls } from './live-client.ts'
export * from './live-schemas.ts'
export * from './refusal-schemas.ts'
export * from './schemas.ts'
