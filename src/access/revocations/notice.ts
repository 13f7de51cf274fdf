// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * A notice: that a delegation was taken back, with the chain that shows that the revoker may. In
 * DAG-CBOR `[revocation, [delegation…]]`, from the subject's own grant down to what is taken back; so
 * a node can judge one about grants that it never saw, and nobody can make it keep empty claims.
 *
 * The revocation is an invocation of `/ucan/revoke` in the revoker's own name. Revocation is final:
 * it has no end, and there is no taking back of it.
 */
import { createHash } from 'node:crypto'
import { encode } from '@ipld/dag-cbor'
import { CID } from 'multiformats/cid'
import { invariant, type PeerId } from '../../base/base.ts'
import type { NodeIdentity } from '../../identity/identity.ts'
import { CHAIN_LENGTH_MAX, NOTICE_BYTES_MAX, SHORT_ID_BYTES } from '../limits.ts'
import { granted, type Judged, refused } from '../refusal.ts'
import {
  type Delegation,
  decodeValue,
  findNonCanonical,
  type Invocation,
  issueInvocation,
  type TokenReader,
} from '../tokens/tokens.ts'
import { isList, valueAt } from '../values.ts'

/** What a notice says, once it was judged. */
export interface Notice {
  /** CID of the delegation that was taken back. */
  readonly delegation: string
  readonly revoker: PeerId
  /** Whose things it was about. */
  readonly subject: PeerId
  /** When the delegation would have ended: its own end, whatever chain it came in. */
  readonly expires: number | null
  /** Its name in digests, {@link SHORT_ID_BYTES} long. */
  readonly shortId: Uint8Array
  readonly bytes: Uint8Array
}

const REVOKE = '/ucan/revoke'

/** @param path From the subject's own grant down to what is taken back, at least that. */
export function issueNotice(
  revoker: NodeIdentity,
  path: readonly Delegation[],
  nonce: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const revoked = path.at(-1)
  invariant(revoked !== undefined, 'something is taken back')
  const revocation = issueInvocation(revoker, {
    subject: revoker.peerId,
    command: REVOKE,
    args: { revoke: CID.parse(revoked.cid) },
    expires: null,
    nonce,
  })
  return Uint8Array.from(encode([revocation, path.map(({ bytes }) => bytes)]))
}

/** Total. Up to nine signatures are verified, of delegations only those that are new. */
export function judgeNotice(bytes: Uint8Array, reader: TokenReader): Judged<Notice> {
  const parts = takeApart(bytes)
  if (!parts.ok) return parts
  const revocation = readRevocation(parts.value.revocation, reader)
  if (!revocation.ok) return revocation
  const { revoker, delegation } = revocation.value
  const path: Delegation[] = []
  for (const part of parts.value.path) {
    const read = reader.readDelegation(part)
    if (!read.ok) return read
    path.push(read.value)
  }
  const subject = subjectOf(path)
  if (!subject.ok) return subject
  const revoked = path.at(-1)
  if (revoked?.cid !== delegation) return refused('PROOF_MISSING', 'what is taken back')
  if (!path.some(({ issuer }) => issuer === revoker)) return refused('REVOKER_WRONG')
  return granted({
    delegation,
    revoker,
    subject: subject.value,
    // Not the chain's: anybody can wrap a revocation in a chain that ends tomorrow.
    expires: revoked.expires,
    shortId: shortIdOf(delegation, revoker),
    bytes: Uint8Array.from(bytes),
  })
}

function takeApart(
  bytes: Uint8Array,
): Judged<{ revocation: Uint8Array; path: readonly Uint8Array[] }> {
  if (bytes.length > NOTICE_BYTES_MAX) return refused('TOKEN_TOO_LARGE')
  const problem = findNonCanonical(bytes)
  if (problem !== undefined) return refused('TOKEN_NOT_CANONICAL', problem)
  const value = decodeValue(bytes)
  if (!isList(value) || value.length !== 2) return refused('TOKEN_MALFORMED', 'no notice')
  const [revocation, path] = value
  if (!(revocation instanceof Uint8Array && isList(path))) {
    return refused('TOKEN_MALFORMED', 'no notice')
  }
  if (path.length > CHAIN_LENGTH_MAX) return refused('CHAIN_TOO_LONG')
  const tokens = path.filter((part) => part instanceof Uint8Array)
  if (tokens.length !== path.length) return refused('TOKEN_MALFORMED', 'no chain')
  return granted({ revocation, path: tokens })
}

function readRevocation(
  bytes: Uint8Array,
  reader: TokenReader,
): Judged<{ revoker: PeerId; delegation: string }> {
  const read = reader.readInvocation(bytes)
  if (!read.ok) return read
  const { issuer, args } = read.value
  const link = valueAt(args, 'revoke')
  if (!isFinalRevocation(read.value) || !(link instanceof CID)) {
    return refused('TOKEN_MALFORMED', 'no revocation')
  }
  return granted({ revoker: issuer, delegation: link.toString() })
}

function isFinalRevocation({ command, issuer, subject, proofs, expires }: Invocation): boolean {
  return command === REVOKE && subject === issuer && proofs.length === 0 && expires === null
}

/** Whose things a path is about, if its links fit. Time and conditions do not matter here. */
function subjectOf(path: readonly Delegation[]): Judged<PeerId> {
  const [root] = path
  if (root === undefined) return refused('PROOF_MISSING')
  const { subject } = root
  if (subject === null || subject !== root.issuer) return refused('ROOT_WRONG')
  const isOfOne = path.every((link) => link.subject === null || link.subject === subject)
  if (!isOfOne) return refused('SUBJECT_WRONG')
  const isLinked = path.every((link, at) => at === 0 || path[at - 1]?.audience === link.issuer)
  return isLinked ? granted(subject) : refused('CHAIN_BROKEN')
}

export function shortIdOf(delegation: string, revoker: PeerId): Uint8Array {
  const digest = createHash('sha256').update(`${delegation} ${revoker}`).digest()
  return Uint8Array.from(digest.subarray(0, SHORT_ID_BYTES))
}
