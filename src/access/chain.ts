// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Whether a chain of delegations lets somebody do something, by the rules of UCAN 1.0: who let whom,
 * about whose things, what, under which conditions, from when until when, and not taken back. Pure:
 * the tokens were read and verified before.
 */
import type { PeerId } from '../base/base.ts'
import { CHAIN_LENGTH_MAX } from './limits.ts'
import { evaluatePolicies } from './policy/policy.ts'
import { granted, type Judged, type Refusal, type RefusalCode, refusalOf } from './refusal.ts'
import { judgeTime, type TimeView } from './time/time.ts'
import { type Command, covers, type Delegation } from './tokens/tokens.ts'
import type { ValueMap } from './values.ts'

/** What was taken back, as a chain asks about it. */
export interface TakenBack {
  /** Who has taken back the delegation of that CID, with or without the right to. */
  revokersOf(cid: string): Iterable<PeerId>
  /** Whose delegations count as taken back, all of them. */
  isMuted(issuer: PeerId): boolean
  /** There is no room to remember more: only what the subject itself granted counts. */
  readonly isOverflowing: boolean
}

export interface Asked {
  /** Who wants it, and has proven their key. */
  holder: PeerId
  subject: PeerId
  command: Command
  /** Undefined: not known, so nothing that has conditions is allowed. */
  args: ValueMap | undefined
  /** From the subject's down to the holder's; none where holder and subject are one. */
  proofs: readonly Delegation[]
  /** Last second in which the request itself counts; `null`: it has no end. */
  expires: number | null
}

export interface Circumstances {
  time: TimeView
  /** Whether the command is refused while nobody knows the time. */
  needsTime: boolean
  takenBack: TakenBack
}

/** What is cheap comes first, and what tells most: the first thing that is wrong is the answer. */
export function judgeChain(asked: Asked, circumstances: Circumstances): Judged<undefined> {
  const refusal =
    findCycle(asked) ??
    findBreak(asked) ??
    findForeignSubject(asked) ??
    findUncovered(asked) ??
    findRevoked(asked, circumstances.takenBack) ??
    findUntimely(asked, circumstances) ??
    findBrokenCondition(asked)
  return refusal === undefined ? granted(undefined) : { ok: false, refusal }
}

/** A principal that passes on twice could have been left out in between; what circles, hides. */
function findCycle({ proofs, holder }: Asked): Refusal | undefined {
  if (proofs.length > CHAIN_LENGTH_MAX) return refusalOf('CHAIN_TOO_LONG')
  const passing = new Set([...proofs.map(({ issuer }) => issuer), holder])
  return passing.size === proofs.length + 1 ? undefined : refusalOf('CHAIN_CYCLIC')
}

/** Principal alignment: each was given to whoever passed it on, the first by the subject itself. */
function findBreak({ proofs, holder, subject }: Asked): Refusal | undefined {
  const [root] = proofs
  if (root === undefined)
    return holder === subject ? undefined : refusalOf('ROOT_WRONG', 'no proof')
  // A powerline passes on what was given; the first has nothing that was given to it.
  if (root.subject === null) return refusalOf('ROOT_WRONG', 'a powerline has no root')
  for (const [at, { audience }] of proofs.entries()) {
    const next = proofs[at + 1]
    if (next === undefined) return audience === holder ? undefined : refusalOf('HOLDER_WRONG')
    if (audience !== next.issuer) return refusalOf('CHAIN_BROKEN', `after ${at + 1}`)
  }
  return undefined
}

function findForeignSubject({ proofs, subject }: Asked): Refusal | undefined {
  const isSame = proofs.every((proof) => proof.subject === null || proof.subject === subject)
  if (!isSame) return refusalOf('SUBJECT_WRONG')
  const [root] = proofs
  const isRooted = root === undefined || root.issuer === subject
  return isRooted ? undefined : refusalOf('ROOT_WRONG', 'not by its subject')
}

function findUncovered({ proofs, command }: Asked): Refusal | undefined {
  const isCovered = proofs.every((proof) => covers(proof.command, command))
  return isCovered ? undefined : refusalOf('COMMAND_NOT_COVERED', command)
}

/**
 * Only who stands at or above a delegation in this very chain can have taken it back: anybody can
 * sign that they do.
 */
function findRevoked({ proofs, subject }: Asked, takenBack: TakenBack): Refusal | undefined {
  const above = new Set<PeerId>()
  for (const { cid, issuer } of proofs) {
    above.add(issuer)
    for (const revoker of takenBack.revokersOf(cid)) {
      if (above.has(revoker)) return refusalOf('REVOKED', cid)
    }
    if (issuer !== subject && (takenBack.isOverflowing || takenBack.isMuted(issuer))) {
      return refusalOf('REVOKER_MUTED')
    }
  }
  return undefined
}

function findUntimely(
  { proofs, expires }: Asked,
  { time, needsTime }: Circumstances,
): Refusal | undefined {
  const code: RefusalCode | undefined = judgeTime([...proofs, { expires }], time, needsTime)
  return code === undefined ? undefined : refusalOf(code)
}

/** Every link's conditions hold at once: passing on can only ever narrow. */
function findBrokenCondition({ proofs, args }: Asked): Refusal | undefined {
  // A condition such as `not` would hold of arguments that nobody has looked at.
  if (args === undefined) {
    const isFree = proofs.every(({ policy }) => policy.length === 0)
    return isFree ? undefined : refusalOf('POLICY_REFUSES', 'not known what exactly')
  }
  const answer = evaluatePolicies(
    proofs.map(({ policy }) => policy),
    args,
  )
  if (answer === 'holds') return undefined
  return refusalOf(answer === 'fails' ? 'POLICY_REFUSES' : 'POLICY_TOO_COSTLY')
}
