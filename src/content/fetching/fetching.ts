// SPDX-License-Identifier: AGPL-3.0-or-later
/** Fetching: who has an item, and bringing it here whole and verified. */
export type { FetchDeps } from './fetch-deps.ts'
export { type Attempt, emptyReport, FetchFailed, type FetchReport } from './fetch-item.ts'
export { Fetcher } from './fetcher.ts'
export { encodeHaveReply, HAVE_TOPIC, parseHaveRequest, partHad } from './have.ts'
export { BadPeers, type ContentNetwork } from './holders.ts'
export type { PartRequest } from './parts.ts'
export { fetchPath } from './paths.ts'
export { type PeerRequests, receiveLocal } from './receiving.ts'
