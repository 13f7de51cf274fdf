// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * `npm run bench -- access`: what it costs to judge a request with a chain of three delegations, when
 * all of it is new and when the delegations are known, beside bare node:crypto verifying as many
 * signatures.
 */
import { createPrivateKey, createPublicKey, randomBytes, verify } from 'node:crypto'
import {
  CapabilityGuard,
  EMPTY_BODY,
  issueDelegation,
  ReplayMemory,
  signRequest,
  TokenReader,
} from '../../src/access/access.ts'
import { cidOf } from '../../src/access/tokens/tokens.ts'
import { createIdentity, type NodeIdentity } from '../../src/identity/identity.ts'
import type { SignedRequest } from '../../src/net/net.ts'
import { median, report, round } from './support/measure.ts'

const RUNS = 9
const REQUESTS_PER_RUN = 200
/** What reading, judging and remembering may add to the signatures themselves. */
const BUDGET_RATIO = 2
const NOW = 1_790_000_000
const SIGNATURES_NEW = 4

const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex')
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex')

function identity(): NodeIdentity {
  const key = Buffer.concat([PKCS8_PREFIX, randomBytes(32)])
  return createIdentity(createPrivateKey({ key, format: 'der', type: 'pkcs8' }))
}

const [node, household, person, phone] = [identity(), identity(), identity(), identity()]

const AS_SENT = { method: 'POST', target: '/v1/items?name=a+photo.jpg', contentType: 'image/jpeg' }
const NODE_NONCE = randomBytes(16)

const time = { view: () => ({ bound: NOW, agreed: NOW, hint: NOW }) }
const takenBack = { revokersOf: () => [], isMuted: () => false, isOverflowing: false }

function newGuard(): CapabilityGuard {
  const replays = new ReplayMemory()
  const nonces = { replaysOf: () => replays }
  const deps = { reader: new TokenReader(), nonces, time, takenBack }
  return new CapabilityGuard(deps, node.peerId)
}

function grant(issuer: NodeIdentity, audience: NodeIdentity): Uint8Array {
  return issueDelegation(issuer, {
    audience: audience.peerId,
    subject: node.peerId,
    command: '/content/add',
    policy: [
      ['<=', '.bytes', 1000],
      ['like', '.path', '*.jpg'],
    ],
    expires: NOW + 3600,
    nonce: randomBytes(12),
  })
}

type Asking = SignedRequest

const newProofs = () => [grant(node, household), grant(household, person), grant(person, phone)]
const newAsking = (): Asking => asking(newProofs())

/** A new request with such proofs. */
function asking(proofs: readonly Uint8Array[]): Asking {
  const token = signRequest(phone, {
    ...AS_SENT,
    node: node.peerId,
    command: '/content/add',
    body: EMPTY_BODY,
    proofs: proofs.map(cidOf),
    nodeNonce: NODE_NONCE,
    expires: NOW + 60,
    chance: randomBytes(12),
  })
  return { ...AS_SENT, token, proofs }
}

/** Microseconds of CPU for each of the requests: other work on the machine does not count. */
function timeEach(make: () => Asking, work: (asking: Asking) => void): number {
  const requests = Array.from({ length: REQUESTS_PER_RUN }, make)
  const started = process.cpuUsage()
  for (const request of requests) work(request)
  const { user, system } = process.cpuUsage(started)
  return (user + system) / REQUESTS_PER_RUN
}

function judge(guard: CapabilityGuard, asking: Asking): void {
  const judged = guard.judgeRequest(asking, '/content/add')
  if (!judged.ok) throw new Error(judged.refusal.code)
}

const publicKey = createPublicKey({
  key: Buffer.concat([SPKI_PREFIX, phone.publicKey]),
  format: 'der',
  type: 'spki',
})

const figures = { first: [] as number[], again: [] as number[], bare: [] as number[] } // of each run
for (let run = 0; run <= RUNS; run++) {
  const guard = newGuard()
  const first = timeEach(newAsking, (one) => judge(guard, one))
  const known = newAsking()
  judge(guard, known)
  const repeated = () => ({ ...asking(known.proofs), proofs: [] })
  const again = timeEach(repeated, (one) => judge(guard, one))
  const bare = timeEach(repeated, ({ token }) => {
    // As the token has it: the signature is the 64 bytes behind the first three.
    verify(null, token.subarray(67), publicKey, token.subarray(3, 67))
  })
  // The first run warms up.
  if (run === 0) continue
  figures.first.push(first)
  figures.again.push(again)
  figures.bare.push(bare)
}

const bareUs = median(figures.bare)
const firstUs = median(figures.first) / SIGNATURES_NEW
const againUs = median(figures.again)
const sample = newAsking()
const sizes = [...sample.proofs, sample.token].map((bytes) => bytes.length)
const ratios = [againUs / bareUs, firstUs / bareUs] as const
const inMs = (us: number): number => round(us / 1000)
report(
  {
    name: 'access',
    ours: inMs(againUs),
    baseline: inMs(bareUs),
    ratio: round(ratios[0], 2),
    budget: BUDGET_RATIO,
    ok: ratios.every((ratio) => ratio <= BUDGET_RATIO),
    unit: 'CPU-ms a signature',
    newChain: inMs(firstUs),
    newChainRatio: round(ratios[1], 2),
    bytes: sizes,
  },
  [
    ['a request, its delegations known', `${inMs(againUs)} CPU-ms (1 signature)`],
    ['a request and three new delegations', `${inMs(firstUs)} CPU-ms a signature (of 4)`],
    ['bare node:crypto verify', `${inMs(bareUs)} CPU-ms a signature`],
    ['ratios', `${round(ratios[0], 2)} and ${round(ratios[1], 2)} (budget ${BUDGET_RATIO})`],
    ['requests judged a CPU-second', `${round(1e6 / againUs, 0)}`],
    ['bytes: three delegations, request', sizes.join(' + ')],
  ],
)
