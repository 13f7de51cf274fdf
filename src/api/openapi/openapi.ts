// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * The API for machines and for people to read: an OpenAPI 3.1 document and a page of Markdown, both
 * made from the one table of endpoints. What is public and what its owner alone gets at the same
 * address are one operation here, as OpenAPI has it, with both answers described.
 */
export { openApiDocument } from './document.ts'
export { renderApiDocs } from './reference.ts'
