// SPDX-License-Identifier: AGPL-3.0-or-later
/** The owner's token and links: who has one of them is the owner, on the LAN too. */
export { ownerLinksOf } from './links.ts'
export { type OwnerLinks, serveOwnerLinks } from './owner-routes.ts'
export { type OwnerToken, openOwnerToken } from './owner-token.ts'
export { OWNER_TOKEN_FILE_NAME } from './token-file.ts'
export { WrongTokens } from './wrong-tokens.ts'
