// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Tokens of UCAN 1.0, read with suspicion. What comes out of {@link TokenReader} was canonical,
 * within bounds, and signed by whom it names; whether it allows anything is `../chain.ts`'s matter.
 */

import type { PeerId } from '../../base/base.ts'
import { TOKEN_BYTES_MAX, VERIFIED_TOKENS_MAX } from '../limits.ts'
import { RecentMap } from '../recent-map.ts'
import { granted, type Judged, refused } from '../refusal.ts'
import { type Delegation, parseDelegation } from './delegation.ts'
import { cidOf, type Envelope, openEnvelope } from './envelope.ts'
import { type Invocation, parseInvocation } from './invocation.ts'
import { Principals } from './principals.ts'

export { findNonCanonical } from './canonical.ts'
export { type Command, covers, isCommand, parseCommand } from './command.ts'
export { type Delegation, type Grant, issueDelegation } from './delegation.ts'
export { cidOf, decodeValue, sealEnvelope } from './envelope.ts'
export { type Invocation, issueInvocation, type Request } from './invocation.ts'
export { peerIdOfDid } from './principals.ts'

/** Reads and verifies tokens; delegations, which come again and again, once each. */
export class TokenReader {
  readonly #principals = new Principals()
  /** By CID. Only what was verified: a refusal is cheap to find again, or costs its sender. */
  readonly #delegations = new RecentMap<string, Delegation>(VERIFIED_TOKENS_MAX)

  readDelegation(bytes: Uint8Array): Judged<Delegation> {
    if (bytes.length > TOKEN_BYTES_MAX) return refused('TOKEN_TOO_LARGE')
    const known = this.#delegations.get(cidOf(bytes))
    if (known !== undefined) return granted(known)
    const envelope = openEnvelope(bytes, 'dlg')
    if (!envelope.ok) return envelope
    // A copy: the bytes may be a part of something large, or be written over.
    const parsed = parseDelegation(envelope.value, Uint8Array.from(bytes), this.#principals)
    const judged = this.#verified(envelope.value, parsed)
    if (judged.ok) this.#delegations.set(judged.value.cid, judged.value)
    return judged
  }

  /** One that was read before, by its CID, if it is still remembered. */
  knownDelegation(cid: string): Delegation | undefined {
    return this.#delegations.get(cid)
  }

  readInvocation(bytes: Uint8Array): Judged<Invocation> {
    const envelope = openEnvelope(bytes, 'inv')
    if (!envelope.ok) return envelope
    const parsed = parseInvocation(envelope.value, Uint8Array.from(bytes), this.#principals)
    return this.#verified(envelope.value, parsed)
  }

  #verified<Token extends { issuer: PeerId }>(
    { signedBytes, signature }: Envelope,
    parsed: Judged<Token>,
  ): Judged<Token> {
    if (!parsed.ok) return parsed
    const isRight = this.#principals.verify(parsed.value.issuer, signedBytes, signature)
    return isRight ? parsed : refused('SIGNATURE_WRONG')
  }
}
