// SPDX-License-Identifier: AGPL-3.0-or-later
/** People, tokens and circumstances for the tests of the access room. */

import { createPrivateKey } from 'node:crypto'
import type { Circumstances, Judged, TakenBack, TimeView } from '../../src/access/access.ts'
import {
  type Delegation,
  type Grant,
  type Invocation,
  issueDelegation,
  issueInvocation,
  type Request,
  TokenReader,
} from '../../src/access/access.ts'
import { silentLogger } from '../../src/base/base.ts'
import { createIdentity, type NodeIdentity } from '../../src/identity/identity.ts'
import { type Database, migrationsFrom, openDatabase } from '../../src/store/store.ts'

/** The same key for the same name, always. */
export function person(name: string): NodeIdentity {
  return identityOf(Buffer.alloc(32, name))
}

/** @param seed 32 bytes. */
export function identityOf(seed: Uint8Array): NodeIdentity {
  const prefix = Buffer.from('302e020100300506032b657004220420', 'hex')
  const key = Buffer.concat([prefix, seed])
  return createIdentity(createPrivateKey({ key, format: 'der', type: 'pkcs8' }))
}

/** The node whose things are asked for, and people. */
export const node = person('node')
export const ana = person('ana')
export const bela = person('bela')
export const carla = person('carla')
export const mallory = person('mallory')

/** A moment in 2026, in seconds. */
export const NOW = 1_790_000_000

export const knownTime: TimeView = { bound: NOW, agreed: NOW, hint: NOW }

export const nothingTakenBack: TakenBack = {
  revokersOf: () => [],
  isMuted: () => false,
  isOverflowing: false,
}

export function circumstances(more: Partial<Circumstances> = {}): Circumstances {
  return { time: knownTime, needsTime: true, takenBack: nothingTakenBack, ...more }
}

let nonces = 0
function nonce(): Uint8Array {
  nonces += 1
  return Uint8Array.from(Buffer.from(String(nonces).padStart(12, '0')))
}

/** The token of a grant; what is left out is usual. */
export function grantBytes(
  issuer: NodeIdentity,
  audience: NodeIdentity,
  more: Partial<Grant> = {},
): Uint8Array<ArrayBuffer> {
  return issueDelegation(issuer, {
    audience: audience.peerId,
    subject: node.peerId,
    command: '/content/add',
    expires: NOW + 3600,
    nonce: nonce(),
    ...more,
  })
}

export const reader = new TokenReader()

export function grant(
  issuer: NodeIdentity,
  audience: NodeIdentity,
  more: Partial<Grant> = {},
): Delegation {
  return mustHold(reader.readDelegation(grantBytes(issuer, audience, more)))
}

export function requestBytes(
  issuer: NodeIdentity,
  proofs: readonly Delegation[],
  more: Partial<Request> = {},
): Uint8Array<ArrayBuffer> {
  return issueInvocation(issuer, {
    subject: node.peerId,
    command: '/content/add',
    proofs: proofs.map(({ cid }) => cid),
    expires: NOW + 60,
    nonce: nonce(),
    ...more,
  })
}

export function request(
  issuer: NodeIdentity,
  proofs: readonly Delegation[],
  more: Partial<Request> = {},
): Invocation {
  return mustHold(reader.readInvocation(requestBytes(issuer, proofs, more)))
}

export function mustHold<T>(judged: Judged<T>): T {
  if (judged.ok) return judged.value
  throw new Error(`refused: ${judged.refusal.code} ${judged.refusal.detail}`)
}

/** `ok`, or the code of the refusal. */
export function codeOf(judged: Judged<unknown>): string {
  return judged.ok ? 'ok' : judged.refusal.code
}

export function openAccessDatabase(path = ':memory:'): Promise<Database> {
  const folder = new URL('../../src/access/sql/', import.meta.url)
  return openDatabase({ path, migrations: [migrationsFrom(folder, 'access')], log: silentLogger })
}
