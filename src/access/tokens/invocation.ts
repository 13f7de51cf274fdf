// SPDX-License-Identifier: AGPL-3.0-or-later
/** An invocation: somebody asks for something now, and names the delegations that let them. */
import { CID } from 'multiformats/cid'
import { didKeyOf, invariant, type PeerId } from '../../base/base.ts'
import type { NodeIdentity } from '../../identity/identity.ts'
import { CHAIN_LENGTH_MAX } from '../limits.ts'
import { granted, type Judged, refused } from '../refusal.ts'
import type { ValueMap } from '../values.ts'
import type { Command } from './command.ts'
import { type Envelope, sealEnvelope } from './envelope.ts'
import { FieldReader } from './fields.ts'
import type { Principals } from './principals.ts'

export interface Invocation {
  readonly cid: string
  readonly bytes: Uint8Array
  /** Who asks. */
  readonly issuer: PeerId
  /** Whose things it is about. */
  readonly subject: PeerId
  /** Who is asked; the subject unless it says otherwise. */
  readonly audience: PeerId
  readonly command: Command
  readonly args: ValueMap
  /** CIDs of delegations, from the subject's down to the one that the issuer holds. */
  readonly proofs: readonly string[]
  /** Last second in which it counts; `null`: for ever. */
  readonly expires: number | null
}

const FIELDS = 'iss sub aud cmd args prf meta nonce exp iat cause'.split(' ')

/** What the payload says; the signature is not looked at here. */
export function parseInvocation(
  envelope: Envelope,
  bytes: Uint8Array,
  principals: Principals,
): Judged<Invocation> {
  const fields = new FieldReader(envelope.payload, FIELDS, principals)
  const issuer = fields.principal('iss')
  const subject = fields.principal('sub')
  const audience = fields.optional('aud', () => fields.principal('aud')) ?? subject
  const command = fields.command('cmd')
  const args = fields.map('args')
  const proofs = fields.links('prf')
  const expires = fields.nullable('exp', () => fields.seconds('exp'))
  fields.optional('iat', () => fields.seconds('iat'))
  fields.optional('meta', () => fields.map('meta'))
  fields.optional('cause', () => fields.link('cause'))
  fields.nonce('nonce')
  const problem = fields.problem()
  if (problem !== undefined) return problem
  invariant(
    issuer !== undefined &&
      subject !== undefined &&
      audience !== undefined &&
      command !== undefined &&
      args !== undefined &&
      proofs !== undefined &&
      expires !== undefined,
    'a field that could not be read is a problem',
  )
  if (proofs.length > CHAIN_LENGTH_MAX) return refused('CHAIN_TOO_LONG')
  const { cid } = envelope
  return granted({ cid, bytes, issuer, subject, audience, command, args, proofs, expires })
}

export interface Request {
  subject: PeerId
  audience?: PeerId
  command: Command
  args?: ValueMap
  proofs?: readonly string[]
  /** Seconds since 1970. */
  expires: number | null
  /** Fresh chance: the same request made twice is two. */
  nonce: Uint8Array
}

/** The token by which `issuer` asks for something. */
export function issueInvocation(issuer: NodeIdentity, request: Request): Uint8Array<ArrayBuffer> {
  const { subject, audience, command, args = {}, proofs = [], expires, nonce } = request
  return sealEnvelope(
    'inv',
    {
      iss: issuer.did,
      sub: didKeyOf(subject),
      cmd: command,
      args,
      prf: proofs.map((cid) => CID.parse(cid)),
      nonce,
      exp: expires,
      ...(audience === undefined ? {} : { aud: didKeyOf(audience) }),
    },
    issuer,
  )
}
