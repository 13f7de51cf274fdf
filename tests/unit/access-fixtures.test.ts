// SPDX-License-Identifier: AGPL-3.0-or-later
/** The published fixtures of UCAN 1.0; tests/fixtures/ucan/README.md says where they are from. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import {
  type Delegation,
  issueDelegation,
  judgeChain,
  TokenReader,
  type Value,
  type ValueMap,
} from '../../src/access/access.ts'
import { evaluatePolicies, parsePolicy } from '../../src/access/policy/policy.ts'
import { refused } from '../../src/access/refusal.ts'
import { peerIdOfDid } from '../../src/access/tokens/tokens.ts'
import { didKeyOf } from '../../src/base/base.ts'
import { circumstances, codeOf, identityOf, mustHold } from './access-support.ts'

const bytesSchema = z
  .object({ '/': z.object({ bytes: z.string() }) })
  .transform((value) => Uint8Array.from(Buffer.from(value['/'].bytes, 'base64')))

const caseSchema = z.object({
  name: z.string(),
  invocation: bytesSchema,
  proofs: z.array(bytesSchema),
  time: z.int(),
  error: z.object({ name: z.string() }).optional(),
})
const invocationSchema = z.object({ valid: z.array(caseSchema), invalid: z.array(caseSchema) })

const delegationSchema = z.object({
  principals: z.record(z.string(), z.string()),
  valid: z.array(
    z.object({
      name: z.string(),
      token: z.string(),
      cid: z.string(),
      envelope: z.object({
        payload: z.object({
          iss: z.string(),
          aud: z.string(),
          sub: z.string(),
          cmd: z.string(),
          exp: z.int(),
          nonce: z.string(),
        }),
      }),
    }),
  ),
})

const valueSchema: z.ZodType<Value> = z.lazy(() =>
  z.union([z.null(), z.boolean(), z.number(), z.string(), z.array(valueSchema), mapSchema]),
)
const mapSchema: z.ZodType<ValueMap> = z.record(z.string(), valueSchema)
const policyCaseSchema = z.array(
  z.object({ args: mapSchema, policies: z.array(z.array(valueSchema)) }),
)
const policySchema = z.object({ valid: policyCaseSchema, invalid: policyCaseSchema })

function fixture(path: string): unknown {
  return JSON.parse(readFileSync(new URL(`../fixtures/ucan/${path}`, import.meta.url), 'utf8'))
}

/** What the fixtures call a refusal, and what we do. */
const CODES: Readonly<Record<string, readonly string[]>> = {
  InvalidClaim: ['ROOT_WRONG'],
  UnavailableProof: ['PROOF_MISSING'],
  Expired: ['EXPIRED'],
  TooEarly: ['NOT_YET'],
  InvalidAudience: ['CHAIN_BROKEN', 'HOLDER_WRONG'],
  InvalidSubject: ['SUBJECT_WRONG'],
  InvalidSignature: ['SIGNATURE_WRONG'],
  MatchError: ['POLICY_REFUSES'],
}

function judge(one: z.output<typeof caseSchema>): string {
  const reader = new TokenReader()
  const read = reader.readInvocation(one.invocation)
  if (!read.ok) return codeOf(read)
  const proofs = new Map<string, Delegation>()
  for (const bytes of one.proofs) {
    const proof = reader.readDelegation(bytes)
    if (!proof.ok) return codeOf(proof)
    proofs.set(proof.value.cid, proof.value)
  }
  const { issuer: holder, proofs: names, subject, command, args, expires } = read.value
  const chain = names.flatMap((cid) => proofs.get(cid) ?? [])
  if (chain.length < names.length) return codeOf(refused('PROOF_MISSING'))
  const time = { bound: one.time, agreed: one.time, hint: one.time }
  return codeOf(
    judgeChain({ holder, subject, command, args, expires, proofs: chain }, circumstances({ time })),
  )
}

describe.each(['', 'rc.1/'])('invocations of the UCAN working group (%s)', (folder) => {
  const { valid, invalid } = invocationSchema.parse(fixture(`${folder}invocation.json`))

  it('are all there', () => expect([valid.length, invalid.length]).toEqual([7, 13]))

  it.each(valid)('allowed: $name', (one) => expect(judge(one)).toBe('ok'))

  it.each(invalid)('refused: $name', (one) => {
    expect(CODES[one.error?.name ?? '']).toContain(judge(one))
  })
})

describe.each(['', 'rc.1/'])('delegations of the UCAN working group (%s)', (folder) => {
  const { valid } = delegationSchema.parse(fixture(`${folder}delegation.json`))

  it.each(valid)('$name', ({ token, cid, envelope: { payload } }) => {
    const read = mustHold(new TokenReader().readDelegation(Buffer.from(token, 'base64')))
    expect(read.cid).toBe(cid)
    expect(didKeyOf(read.issuer)).toBe(payload.iss)
    expect(didKeyOf(read.audience)).toBe(payload.aud)
    expect(read.subject === null ? null : didKeyOf(read.subject)).toBe(payload.sub)
    expect(read.command).toBe(payload.cmd)
    expect(read.expires).toBe(payload.exp)
  })
})

describe('what we sign', () => {
  it('is what the working group signed, to the byte', () => {
    const { valid, principals } = delegationSchema.parse(fixture('delegation.json'))
    const [one] = valid
    const key = Buffer.from(principals['bob'] ?? '', 'base64').subarray(2)
    const bob = identityOf(key)
    const payload = one?.envelope.payload
    const carol = peerIdOfDid(payload?.aud ?? '')
    if (carol === undefined || payload === undefined) throw new Error('the fixture has no grant')
    const token = issueDelegation(bob, {
      audience: carol,
      command: '/account',
      expires: payload.exp,
      nonce: Buffer.from(payload.nonce, 'base64'),
    })
    expect(payload.iss).toBe(bob.did)
    expect(Buffer.from(token).toString('base64')).toBe(one?.token)
  })
})

describe('policies of the UCAN working group', () => {
  const { valid, invalid } = policySchema.parse(fixture('policy.json'))
  const each = (cases: typeof valid) =>
    cases.flatMap(({ args, policies }) =>
      policies.map((policy) => ({ args, policy, text: JSON.stringify(policy) })),
    )
  const answer = (policy: readonly Value[], args: ValueMap) => {
    const parsed = parsePolicy(policy)
    return typeof parsed === 'string' ? parsed : evaluatePolicies([parsed], args)
  }

  it('are all there', () => expect([each(valid).length, each(invalid).length]).toEqual([17, 8]))

  it.each(each(valid))('holds: $text', ({ policy, args }) => {
    expect(answer(policy, args)).toBe('holds')
  })

  it.each(each(invalid))('fails: $text', ({ policy, args }) => {
    expect(answer(policy, args)).toBe('fails')
  })
})
