// SPDX-License-Identifier: AGPL-3.0-or-later
/** Taking permissions back: notices of it, the store that keeps them, and how they get around. */
export {
  type GossipAction,
  type GossipEvent,
  type GossipOutcome,
  type KeptNotices,
  RevocationGossip,
} from './gossip.ts'
export { decodeMessage, encodeMessage, type Message } from './messages.ts'
export { issueNotice, judgeNotice, type Notice } from './notice.ts'
export { type KeepResult, type RevocationLimits, RevocationStore } from './revocation-store.ts'
