// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Who may do what, without accounts: capabilities of UCAN 1.0, signed by the keys of nodes and people,
 * given on in part, and taken back. Everything here is decided by what can be verified offline; the
 * Guard of net is implemented in `guard.ts`.
 */
export { BoundTable } from './bound-table.ts'
export { type Asked, type Circumstances, judgeChain, type TakenBack } from './chain.ts'
export {
  COMMANDS,
  type CommandWords,
  commandNeedsTime,
  commandOfNeed,
  type KnownCommand,
  wordsOfCommand,
} from './commands.ts'
export { type Gift, type Given, Giving, type GivingDeps } from './giving.ts'
export { CapabilityGuard, type CapabilityGuardDeps, type JudgedRequest } from './guard.ts'
export {
  chainText,
  chooseChain,
  type DelegationWords,
  type HeldChain,
  readChain,
  wordsOfDelegation,
} from './holding.ts'
export { accessMigrations } from './migrations.ts'
export { RequestNonces } from './nonces.ts'
export type { Judged, Refusal, RefusalCode } from './refusal.ts'
export { ReplayMemory } from './replay.ts'
export { EMPTY_BODY, type RequestToSign, signRequest } from './requests.ts'
export * from './revocations/revocations.ts'
export * from './time/time.ts'
export {
  type Command,
  covers,
  type Delegation,
  type Grant,
  type Invocation,
  issueDelegation,
  issueInvocation,
  parseCommand,
  peerIdOfDid,
  type Request,
  TokenReader,
} from './tokens/tokens.ts'
export type { Value, ValueMap } from './values.ts'
