// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * What a person or device holds: chains of delegations as text, to be shown in words, and to be chosen
 * from when a request is signed. A chain is its tokens in base64url, from the subject's own grant down
 * to the holder's, with commas between them.
 */
import { didKeyOf, type PeerId } from '../base/base.ts'
import { wordsOfCommand } from './commands.ts'
import { CHAIN_LENGTH_MAX } from './limits.ts'
import { granted, type Judged, refused } from './refusal.ts'
import { type Command, covers, type Delegation, type TokenReader } from './tokens/tokens.ts'

/** From the subject's own grant down; at least one. */
export type HeldChain = readonly [Delegation, ...Delegation[]]

const BASE64URL = /^[\w-]+$/

/** Every token is read and verified; whether they fit together and count is for the node. Total. */
export function readChain(text: string, reader: TokenReader): Judged<HeldChain> {
  const parts = text.trim().split(',')
  if (parts.length > CHAIN_LENGTH_MAX) return refused('CHAIN_TOO_LONG')
  const chain: Delegation[] = []
  for (const part of parts) {
    if (!BASE64URL.test(part)) return refused('TOKEN_MALFORMED', 'not base64url')
    const read = reader.readDelegation(Uint8Array.from(Buffer.from(part, 'base64url')))
    if (!read.ok) return read
    chain.push(read.value)
  }
  const [root, ...rest] = chain
  return root === undefined ? refused('PROOF_MISSING') : granted([root, ...rest])
}

export function chainText(chain: HeldChain): string {
  return chain.map(({ bytes }) => Buffer.from(bytes).toString('base64url')).join(',')
}

/**
 * The chain to sign a request with: of those that let `holder` do it on `node`, one without conditions
 * before one with some, and the one that lasts longest. Undefined: nothing that is held does.
 */
export function chooseChain(
  chains: readonly HeldChain[],
  asked: { holder: PeerId; node: PeerId; command: Command },
): HeldChain | undefined {
  return chains
    .filter((chain) => {
      const isForNode = chain[0].issuer === asked.node
      const isHolders = chain.at(-1)?.audience === asked.holder
      return isForNode && isHolders && chain.every(({ command }) => covers(command, asked.command))
    })
    .toSorted((one, other) => {
      return conditionsOf(one) - conditionsOf(other) || endOf(other) - endOf(one)
    })[0]
}

export interface DelegationWords {
  cid: string
  /** `did:key` of who lets, and of who is let. */
  giver: string
  holder: string
  command: Command
  /** What it lets do, after "may". */
  words: string
  conditionsCount: number
  /** Seconds since 1970, the first and the last in which it holds. */
  begins: number | null
  ends: number | null
}

export function wordsOfDelegation(delegation: Delegation): DelegationWords {
  const { cid, issuer, audience, command, policy, notBefore, expires } = delegation
  return {
    cid,
    giver: didKeyOf(issuer),
    holder: didKeyOf(audience),
    command,
    words: wordsOfCommand(command),
    conditionsCount: policy.length,
    begins: notBefore ?? null,
    ends: expires,
  }
}

function conditionsOf(chain: HeldChain): number {
  return chain.reduce((count, { policy }) => count + policy.length, 0)
}

/** What never ends is the last of all, and two such are alike. */
function endOf(chain: HeldChain): number {
  return Math.min(...chain.map(({ expires }) => expires ?? Number.MAX_SAFE_INTEGER))
}
