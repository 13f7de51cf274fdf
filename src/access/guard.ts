// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * The Guard that knows capabilities: the one place that decides. Public needs nothing, the owner may
 * everything, a peer what the chains allow that it has presented, and whoever signs a request what the
 * chain under it allows. Chains are verified once; time, revocation and conditions each time.
 */
import type { PeerId } from '../base/base.ts'
import type {
  Caller,
  GuardAnswer,
  GuardRefusal,
  Need,
  RequestAnswer,
  RequestGuard,
  SignedBody,
  SignedRequest,
} from '../net/net.ts'
import { judgeChain, type TakenBack } from './chain.ts'
import { commandNeedsTime, commandOfNeed, type KnownCommand } from './commands.ts'
import {
  CHAIN_LENGTH_MAX,
  CHAINS_PER_HOLDER_MAX,
  HOLDERS_MAX,
  INVOCATION_LIFE_SECONDS_MAX,
} from './limits.ts'
import type { RequestNonces } from './nonces.ts'
import { RecentMap } from './recent-map.ts'
import { granted, type Judged, type Refusal, refusalOf, refused } from './refusal.ts'
import { judgeArguments, nodeNonceOf } from './requests.ts'
import type { TimeView } from './time/time.ts'
import {
  type Command,
  covers,
  type Delegation,
  type Invocation,
  type TokenReader,
} from './tokens/tokens.ts'
import type { ValueMap } from './values.ts'

export interface CapabilityGuardDeps {
  reader: TokenReader
  takenBack: TakenBack
  nonces: Pick<RequestNonces, 'replaysOf'>
  time: { view(): TimeView }
}

type Chain = readonly Delegation[]

/** A request that is allowed. */
export interface JudgedRequest {
  readonly holder: PeerId
  readonly command: Command
  /** From this node's own grant down to the holder's. */
  readonly proofs: Chain
  readonly body: SignedBody
}

export class CapabilityGuard implements RequestGuard {
  readonly #deps: CapabilityGuardDeps
  readonly #self: PeerId
  readonly #holders = new RecentMap<PeerId, readonly Chain[]>(HOLDERS_MAX)

  /** @param self This node: what is decided here is about its things. */
  constructor(deps: CapabilityGuardDeps, self: PeerId) {
    this.#deps = deps
    this.#self = self
  }

  /** @param args What exactly is asked for; without, nothing that has conditions is allowed. */
  check(caller: Caller, need: Need, args?: ValueMap): GuardAnswer {
    if (need === 'public' || caller.kind === 'owner') return { allowed: true }
    const command = commandOfNeed(need)
    if (command === undefined) return refusalAnswer(refusalOf('COMMAND_UNKNOWN', need))
    if (caller.kind === 'anonymous') return refusalAnswer(refusalOf('NOTHING_HELD', command))
    const refusal = this.#judgeHolder(caller.peerId, command, args)
    return refusal === undefined ? { allowed: true } : refusalAnswer(refusal)
  }

  /**
   * A peer shows what it was given: kept for as long as there is room, and looked at again each time.
   * @param holder Has proven their key.
   * @param tokens From this node's own grant down to the holder's.
   */
  present(holder: PeerId, tokens: readonly Uint8Array[]): Judged<Delegation> {
    const read = this.#readAll(tokens)
    if (!read.ok) return read
    const chain = read.value
    const held = chain.at(-1)
    if (held === undefined) return refused('PROOF_MISSING')
    // The widest that the chain can be for; conditions wait until it is known what is asked for.
    const command = chain.reduce((most, { command: one }) => {
      return covers(most, one) ? one : most
    }, held.command)
    const asked = { holder, subject: this.#self, command, args: undefined, proofs: chain }
    const judged = judgeChain({ ...asked, expires: null }, this.#circumstances(false))
    const isOnlyConditional = !judged.ok && judged.refusal.code === 'POLICY_REFUSES'
    if (!judged.ok && !isOnlyConditional) return judged
    const others = (this.#holders.get(holder) ?? []).filter((one) => one.at(-1)?.cid !== held.cid)
    this.#holders.set(holder, [chain, ...others].slice(0, CHAINS_PER_HOLDER_MAX))
    return granted(held)
  }

  checkRequest(came: SignedRequest, need: Need): RequestAnswer {
    const judged = this.judgeRequest(came, need)
    return judged.ok ? { allowed: true, body: judged.value.body } : refusalAnswer(judged.refusal)
  }

  /**
   * A signed request, which counts once.
   * @param need What the route says that it needs: what is signed must be that, or below it.
   */
  judgeRequest(came: SignedRequest, need: Need): Judged<JudgedRequest> {
    const read = this.#deps.reader.readInvocation(came.token)
    if (!read.ok) return read
    const request = read.value
    const misdirected = this.#findMisdirection(request, need)
    if (misdirected !== undefined) return { ok: false, refusal: misdirected }
    const body = judgeArguments(request.args, came)
    if (!body.ok) return body
    const chain = this.#findProofs(request, came.proofs)
    if (!chain.ok) return chain
    const { issuer: holder, subject, args, command } = request
    // The request's own end is looked at below: that it is of now is known by its nonce.
    const asked = { holder, subject, args, command, proofs: chain.value, expires: null }
    const judged = judgeChain(asked, this.#circumstances(commandNeedsTime(command)))
    if (!judged.ok) return judged
    const spent = this.#noteRequest(request)
    return spent === undefined
      ? granted({ holder, command, proofs: chain.value, body: body.value })
      : { ok: false, refusal: spent }
  }

  /** Cuts nobody off by itself: the next check finds what was taken back. Frees the memory. */
  forget(holder: PeerId): void {
    this.#holders.delete(holder)
  }

  #findMisdirection(request: Invocation, need: Need): Refusal | undefined {
    const command = commandOfNeed(need)
    if (command === undefined) return refusalOf('COMMAND_UNKNOWN', need)
    if (!covers(command, request.command)) return refusalOf('COMMAND_NOT_COVERED', request.command)
    if (request.audience !== this.#self) return refusalOf('AUDIENCE_WRONG')
    return request.subject === this.#self ? undefined : refusalOf('SUBJECT_WRONG')
  }

  #judgeHolder(
    holder: PeerId,
    command: KnownCommand,
    args: ValueMap | undefined,
  ): Refusal | undefined {
    let best: Refusal | undefined
    const circumstances = this.#circumstances(commandNeedsTime(command))
    for (const proofs of this.#holders.get(holder) ?? []) {
      const asked = { holder, subject: this.#self, command, args, proofs, expires: null }
      const judged = judgeChain(asked, circumstances)
      if (judged.ok) return undefined
      // What comes nearest to being allowed tells most.
      if (best === undefined || best.code === 'COMMAND_NOT_COVERED') best = judged.refusal
    }
    return best ?? refusalOf('NOTHING_HELD', command)
  }

  #readAll(tokens: readonly Uint8Array[]): Judged<Chain> {
    if (tokens.length > CHAIN_LENGTH_MAX) return refused('CHAIN_TOO_LONG')
    const chain: Delegation[] = []
    for (const token of tokens) {
      const read = this.#deps.reader.readDelegation(token)
      if (!read.ok) return read
      chain.push(read.value)
    }
    return granted(chain)
  }

  #findProofs(request: Invocation, tokens: readonly Uint8Array[]): Judged<Chain> {
    const read = this.#readAll(tokens)
    if (!read.ok) return read
    const sent = new Map(read.value.map((delegation) => [delegation.cid, delegation]))
    const chain: Delegation[] = []
    for (const cid of request.proofs) {
      const proof = sent.get(cid) ?? this.#deps.reader.knownDelegation(cid)
      if (proof === undefined) return refused('PROOF_MISSING', cid)
      chain.push(proof)
    }
    return granted(chain)
  }

  /** Last of all, so that nobody without a right can fill the memory. */
  #noteRequest({ args, cid, expires, proofs, issuer }: Invocation): Refusal | undefined {
    const { bound, agreed } = this.#deps.time.view()
    if (expires === null) return refusalOf('LIFE_TOO_LONG')
    if (expires < (agreed ?? bound)) return refusalOf('EXPIRED', 'the request')
    if (agreed !== undefined && expires - agreed > INVOCATION_LIFE_SECONDS_MAX) {
      return refusalOf('LIFE_TOO_LONG')
    }
    const nonce = nodeNonceOf(args)
    if (nonce === undefined) return refusalOf('REQUEST_MALFORMED', 'no nonce')
    const replays = this.#deps.nonces.replaysOf(nonce)
    if (replays === undefined) return refusalOf('NONCE_STALE')
    const code = replays.note({ cid, expires, grant: proofs[0] ?? issuer }, bound)
    return code === undefined ? undefined : refusalOf(code)
  }

  #circumstances(needsTime: boolean) {
    return { time: this.#deps.time.view(), needsTime, takenBack: this.#deps.takenBack }
  }
}

function refusalAnswer({ code, message, advice }: Refusal): GuardRefusal {
  return { allowed: false, code: `ACCESS_${code}`, reason: message, advice }
}
