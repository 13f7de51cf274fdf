// SPDX-License-Identifier: AGPL-3.0-or-later
/** A delegation: somebody lets somebody else do something. `ucan/dlg` of UCAN 1.0. */

import { didKeyOf, invariant, type PeerId } from '../../base/base.ts'
import type { NodeIdentity } from '../../identity/identity.ts'
import { type Policy, parsePolicy } from '../policy/policy.ts'
import { granted, type Judged, refused } from '../refusal.ts'
import type { Value, ValueMap } from '../values.ts'
import { type Command, isCommand } from './command.ts'
import { type Envelope, sealEnvelope } from './envelope.ts'
import { FieldReader } from './fields.ts'
import type { Principals } from './principals.ts'

export interface Delegation {
  readonly cid: string
  /** The token itself, to be passed on. */
  readonly bytes: Uint8Array
  /** Who lets. */
  readonly issuer: PeerId
  /** Who is let. */
  readonly audience: PeerId
  /** Whose things it is about; `null`: whatever the issuer was given (a powerline). */
  readonly subject: PeerId | null
  readonly command: Command
  /** What must be true of the arguments. */
  readonly policy: Policy
  /** Seconds since 1970 from which it holds; undefined: always did. */
  readonly notBefore: number | undefined
  /** Last second in which it holds; `null`: for ever. */
  readonly expires: number | null
  /** What the issuer says beside it; gives no right. */
  readonly meta: ValueMap
}

const FIELDS = ['iss', 'aud', 'sub', 'cmd', 'pol', 'nonce', 'meta', 'nbf', 'exp']

/** What the payload says; the signature is not looked at here. */
export function parseDelegation(
  envelope: Envelope,
  bytes: Uint8Array,
  principals: Principals,
): Judged<Delegation> {
  const fields = new FieldReader(envelope.payload, FIELDS, principals)
  const issuer = fields.principal('iss')
  const audience = fields.principal('aud')
  const subject = fields.nullable('sub', () => fields.principal('sub'))
  const command = fields.command('cmd')
  const notBefore = fields.optional('nbf', () => fields.seconds('nbf'))
  const expires = fields.nullable('exp', () => fields.seconds('exp'))
  const meta = fields.optional('meta', () => fields.map('meta')) ?? {}
  fields.nonce('nonce')
  const policy = parsePolicy(fields.value('pol'))
  const problem = fields.problem()
  if (problem !== undefined) return problem
  if (typeof policy === 'string') return refused('TOKEN_MALFORMED', policy)
  invariant(
    issuer !== undefined &&
      audience !== undefined &&
      subject !== undefined &&
      command !== undefined &&
      expires !== undefined,
    'a field that could not be read is a problem',
  )
  const { cid } = envelope
  const parties = { issuer, audience, subject }
  return granted({ cid, bytes, ...parties, command, policy, notBefore, expires, meta })
}

export interface Grant {
  audience: PeerId
  /** The issuer's own things unless it says otherwise. */
  subject?: PeerId | null
  command: Command
  /** Statements of UCAN's policy language, as they are written: `[['<=', '.bytes', 1000]]`. */
  policy?: readonly Value[]
  /** Seconds since 1970. */
  notBefore?: number
  /** Seconds since 1970; `null`: for ever, which can only be ended by taking it back. */
  expires: number | null
  meta?: ValueMap
  /** Fresh chance, 12 bytes or more: the same grant given twice is two. */
  nonce: Uint8Array
}

/** The token by which `issuer` grants something. */
export function issueDelegation(issuer: NodeIdentity, grant: Grant): Uint8Array<ArrayBuffer> {
  const { audience, subject = issuer.peerId, command, policy = [], notBefore, expires } = grant
  invariant(typeof parsePolicy(policy) !== 'string', 'what we grant has a policy that can be read')
  invariant(isCommand(command), 'what we grant is a command')
  return sealEnvelope(
    'dlg',
    {
      iss: issuer.did,
      aud: didKeyOf(audience),
      sub: subject === null ? null : didKeyOf(subject),
      cmd: command,
      pol: policy,
      nonce: grant.nonce,
      exp: expires,
      ...(notBefore === undefined ? {} : { nbf: notBefore }),
      ...(grant.meta === undefined ? {} : { meta: grant.meta }),
    },
    issuer,
  )
}
