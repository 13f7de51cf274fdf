// SPDX-License-Identifier: AGPL-3.0-or-later
import { encode } from '@ipld/dag-cbor'
import { describe, expect, it } from 'vitest'
import { TokenReader } from '../../src/access/access.ts'
import { CHAIN_LENGTH_MAX, TOKEN_BYTES_MAX, TOKEN_DEPTH_MAX } from '../../src/access/limits.ts'
import { evaluatePolicies, parsePolicy } from '../../src/access/policy/policy.ts'
import {
  findNonCanonical,
  isCommand,
  peerIdOfDid,
  sealEnvelope,
} from '../../src/access/tokens/tokens.ts'
import { isMap, type Value, type ValueMap } from '../../src/access/values.ts'
import { didKeyOf } from '../../src/base/base.ts'
import {
  ana,
  bela,
  codeOf,
  grantBytes,
  mustHold,
  NOW,
  node,
  requestBytes,
} from './access-support.ts'

/** A reader that remembers nothing of other tests. */
const read = (bytes: Uint8Array) => codeOf(new TokenReader().readDelegation(bytes))
const readRequest = (bytes: Uint8Array) => codeOf(new TokenReader().readInvocation(bytes))

/** A delegation with some fields other than usual. */
function delegationWith(fields: Readonly<Record<string, Value | undefined>>): Uint8Array {
  const payload: Record<string, Value> = {
    iss: node.did,
    aud: ana.did,
    sub: node.did,
    cmd: '/content/add',
    pol: [],
    nonce: new Uint8Array(12),
    exp: NOW,
  }
  return sealEnvelope('dlg', merged(payload, fields), node)
}

function invocationWith(fields: Readonly<Record<string, Value | undefined>>): Uint8Array {
  const payload: Record<string, Value> = {
    iss: ana.did,
    sub: node.did,
    cmd: '/content/add',
    args: {},
    prf: [],
    nonce: new Uint8Array(12),
    exp: NOW,
  }
  return sealEnvelope('inv', merged(payload, fields), ana)
}

function merged(
  payload: Readonly<Record<string, Value>>,
  fields: Readonly<Record<string, Value | undefined>>,
): ValueMap {
  const all: Record<string, Value> = {}
  for (const [key, value] of Object.entries({ ...payload, ...fields })) {
    if (value !== undefined) all[key] = value
  }
  return all
}

const hex = (text: string) => Uint8Array.from(Buffer.from(text, 'hex'))

describe('canonical DAG-CBOR', () => {
  it.each([
    ['0', '00'],
    ['a large number', '1b001fffffffffffff'],
    ['a negative number', '3903e7'],
    ['a float', 'fb3ff199999999999a'],
    ['a whole float', 'fb3ff0000000000000'],
    ['null', 'f6'],
    ['a map in order', 'a2616201626161f5'],
    ['a link', 'd82a4500015500 00'.replace(' ', '')],
    ['a nested list', '8281808120'],
  ])('takes %s', (_what, text) => expect(findNonCanonical(hex(text))).toBeUndefined())

  it.each([
    ['nothing', '', 'it ends too early'],
    ['a number that is too long', '1800', 'a number is longer than it need be'],
    ['a length that is too long', '590001 00', 'a number is longer than it need be'],
    ['a number beyond 53 bits', '1b0020000000000000', 'a number is too large'],
    ['a negative number beyond 53 bits', '3b001fffffffffffff', 'a number is too large'],
    ['a short float', 'f93c00', 'a value is of a kind that is not used'],
    ['a float that is no number', 'fb7ff8000000000000', 'a number is none'],
    ['infinity', 'fb7ff0000000000000', 'a number is none'],
    ['undefined', 'f7', 'a value is of a kind that is not used'],
    ['an open list', '9fff', 'a length is left open'],
    ['an open text', '7f6161ff', 'a length is left open'],
    ['keys out of order', 'a2626161016162f5', 'the keys of a map are not in order'],
    ['a key twice', 'a2616101616102', 'the keys of a map are not in order'],
    ['a key that is no text', 'a10102', 'a key of a map is no text'],
    ['another tag', 'c100', 'a tag is not known'],
    ['a link to nothing', 'd82a40', 'a link is no link'],
    ['a link without its prefix', 'd82a420155', 'a link is no link'],
    ['a link of text', 'd82a6161', 'a link is no link'],
    ['text that is none', '61ff', 'text is no text'],
    ['text that ends too early', '6261', 'it ends too early'],
    ['bytes that claim gigabytes', '5affffffff', 'it ends too early'],
    ['a list that claims millions', '9a00ffffff00', 'it ends too early'],
    ['a map that ends too early', 'a16161', 'it ends too early'],
    ['something behind its end', '0000', 'something follows its end'],
  ])('refuses %s', (_what, text, problem) => {
    expect(findNonCanonical(hex(text.replaceAll(' ', '')))).toBe(problem)
  })

  it('refuses what nests too deep', () => {
    const nested = (depth: number) => Uint8Array.from([...Array(depth).fill(0x81), 0x00])
    expect(findNonCanonical(nested(TOKEN_DEPTH_MAX))).toBeUndefined()
    expect(findNonCanonical(nested(TOKEN_DEPTH_MAX + 1))).toBe('it nests too deep')
  })

  it('refuses too many values', () => {
    expect(findNonCanonical(encode(Array(3_000).fill(0)))).toBe('it has too many values')
  })
})

describe('a delegation', () => {
  it('says what was granted', () => {
    const bytes = grantBytes(node, ana, {
      policy: [['<=', '.bytes', 1000]],
      notBefore: NOW - 10,
      meta: { for: 'Ana' },
    })
    const delegation = mustHold(new TokenReader().readDelegation(bytes))
    expect(delegation).toMatchObject({
      issuer: node.peerId,
      audience: ana.peerId,
      subject: node.peerId,
      command: '/content/add',
      notBefore: NOW - 10,
      expires: NOW + 3600,
      meta: { for: 'Ana' },
    })
    expect(delegation.policy).toHaveLength(1)
  })

  it('is not taken with a changed byte, wherever it is', () => {
    const bytes = grantBytes(node, ana)
    const codes = new Set<string>()
    for (let at = 0; at < bytes.length; at++) {
      const changed = Uint8Array.from(bytes)
      changed[at] = (changed[at] ?? 0) ^ 0x01
      codes.add(read(changed))
    }
    expect(codes).not.toContain('ok')
    expect(codes).toContain('SIGNATURE_WRONG')
  })

  it('is not taken signed by somebody else', () => {
    const payload = { iss: node.did, aud: ana.did, sub: node.did, cmd: '/', pol: [], exp: null }
    const token = sealEnvelope('dlg', { ...payload, nonce: new Uint8Array(12) }, bela)
    expect(read(token)).toBe('SIGNATURE_WRONG')
  })

  it('has one spelling, so that taking it back by its CID is final', () => {
    const bytes = grantBytes(node, ana)
    const signed = bytes.subarray(3 + 64)
    const signature = bytes.subarray(3, 3 + 64)
    // The same signature over the same bytes, its length written longer than it need be.
    const longer = Uint8Array.from([0x82, 0x59, 0x00, 0x40, ...signature, ...signed])
    expect(read(bytes)).toBe('ok')
    expect(read(longer)).toBe('TOKEN_NOT_CANONICAL')
    expect(read(Uint8Array.from([...bytes, 0x00]))).toBe('TOKEN_NOT_CANONICAL')
  })

  it('has one signature: adding the order of the group to S gives none', () => {
    const bytes = grantBytes(node, ana)
    const order = 2n ** 252n + 27742317777372353535851937790883648493n
    const at = 3 + 32
    let scalar = 0n
    for (let byte = 31; byte >= 0; byte--) scalar = (scalar << 8n) | BigInt(bytes[at + byte] ?? 0)
    scalar += order
    for (let byte = 0; byte < 32; byte++) {
      bytes[at + byte] = Number((scalar >> BigInt(8 * byte)) & 0xffn)
    }
    expect(read(bytes)).toBe('SIGNATURE_WRONG')
  })

  it('is not taken when its keys are out of order', () => {
    const good = delegationWith({})
    const bad = Buffer.from(good)
    // The first two keys of the payload, `aud` and `cmd`, change their names with each other.
    const aud = bad.indexOf('caud')
    const cmd = bad.indexOf('ccmd')
    bad.write('ccmd', aud)
    bad.write('caud', cmd)
    expect(read(bad)).toBe('TOKEN_NOT_CANONICAL')
  })

  it('may be as large as the limit and no larger', () => {
    const withMeta = (size: number) => delegationWith({ meta: { filler: new Uint8Array(size) } })
    const overhead = withMeta(TOKEN_BYTES_MAX / 2).length - TOKEN_BYTES_MAX / 2
    expect(read(withMeta(TOKEN_BYTES_MAX - overhead))).toBe('ok')
    expect(read(withMeta(TOKEN_BYTES_MAX - overhead + 1))).toBe('TOKEN_TOO_LARGE')
  })

  it.each<[string, Readonly<Record<string, Value | undefined>>, string]>([
    ['without an issuer', { iss: undefined }, 'TOKEN_MALFORMED'],
    ['without an audience', { aud: undefined }, 'TOKEN_MALFORMED'],
    ['without a subject, not even null', { sub: undefined }, 'TOKEN_MALFORMED'],
    ['without a command', { cmd: undefined }, 'TOKEN_MALFORMED'],
    ['without a policy', { pol: undefined }, 'TOKEN_MALFORMED'],
    ['without a nonce', { nonce: undefined }, 'TOKEN_MALFORMED'],
    ['without an end, not even null', { exp: undefined }, 'TOKEN_MALFORMED'],
    ['with half a second', { exp: 1.5 }, 'TOKEN_MALFORMED'],
    ['with a beginning in words', { nbf: 'now' }, 'TOKEN_MALFORMED'],
    ['with a nonce in words', { nonce: 'once' }, 'TOKEN_MALFORMED'],
    ['with an endless nonce', { nonce: new Uint8Array(65) }, 'TOKEN_MALFORMED'],
    ['with a command without a slash', { cmd: 'content' }, 'TOKEN_MALFORMED'],
    ['with a field that is not known', { only: 'mondays' }, 'TOKEN_MALFORMED'],
    ['with a policy that cannot be read', { pol: [['maybe', '.', 1]] }, 'TOKEN_MALFORMED'],
    ['with meta that is no map', { meta: [] }, 'TOKEN_MALFORMED'],
    ['for a domain', { aud: 'did:web:example.com' }, 'KEY_UNSUPPORTED'],
    [
      'for a P-256 key',
      { aud: 'did:key:zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2169' },
      'KEY_UNSUPPORTED',
    ],
  ])('is not taken %s', (_what, fields, code) => expect(read(delegationWith(fields))).toBe(code))

  it('is no invocation, and the other way round', () => {
    expect(readRequest(grantBytes(node, ana))).toBe('TOKEN_MALFORMED')
    expect(read(requestBytes(ana, []))).toBe('TOKEN_MALFORMED')
  })

  it('of another version, or signed in another way, is not taken', () => {
    const version = Buffer.from(grantBytes(node, ana))
    version.write('2', version.indexOf('@1.0.0') + 1)
    expect(read(version)).toBe('TOKEN_VERSION_UNKNOWN')
    const header = Buffer.from(grantBytes(node, ana))
    header.writeUInt8(0x55, header.indexOf(hex('3401ed01ed011371')) + 7)
    expect(read(header)).toBe('KEY_UNSUPPORTED')
  })

  it('is verified once, and known by its CID after that', () => {
    const reader = new TokenReader()
    const bytes = grantBytes(node, ana)
    const first = mustHold(reader.readDelegation(bytes))
    expect(mustHold(reader.readDelegation(bytes))).toBe(first)
    expect(reader.knownDelegation(first.cid)).toBe(first)
  })

  it('does not change with the buffer that it came in', () => {
    const reader = new TokenReader()
    const bytes = grantBytes(node, ana)
    const copy = Uint8Array.from(bytes)
    const delegation = mustHold(reader.readDelegation(bytes))
    bytes.fill(0)
    expect(delegation.bytes).toEqual(copy)
  })
})

describe('an invocation', () => {
  it.each<[string, Readonly<Record<string, Value | undefined>>, string]>([
    [
      'with all that it may have',
      { aud: bela.did, iat: NOW, meta: {}, nonce: new Uint8Array() },
      'ok',
    ],
    ['without arguments', { args: undefined }, 'TOKEN_MALFORMED'],
    ['about nobody', { sub: null }, 'TOKEN_MALFORMED'],
    ['without an end, not even null', { exp: undefined }, 'TOKEN_MALFORMED'],
    ['with proofs in words', { prf: ['bafy'] }, 'TOKEN_MALFORMED'],
    ['with a cause in words', { cause: 'because' }, 'TOKEN_MALFORMED'],
    ['with a field that is not known', { nbf: NOW }, 'TOKEN_MALFORMED'],
  ])('%s', (_what, fields, code) => expect(readRequest(invocationWith(fields))).toBe(code))

  it('with a map that is made to look like a link is read, and the map is a map', () => {
    // The library itself takes such a map for a CID when it writes: so a byte is changed after that.
    const signed = Buffer.from(
      encode({
        h: hex('3401ed01ed011371'),
        'ucan/inv@1.0.0': {
          ...{ iss: ana.did, sub: node.did, cmd: '/content/add', prf: [], exp: null },
          args: { trap: { '.': 'x', bytes: 'x' } },
          nonce: new Uint8Array(12),
        },
      }),
    )
    signed.write('a/ax', signed.indexOf('a.ax'))
    const token = Buffer.concat([hex('825840'), ana.sign(signed), signed])
    const invocation = mustHold(new TokenReader().readInvocation(token))
    expect(isMap(invocation.args['trap'])).toBe(true)
    const policy = parsePolicy([['==', '.trap.bytes', 'x']])
    if (typeof policy === 'string') throw new Error(policy)
    expect(evaluatePolicies([policy], invocation.args)).toBe('holds')
  })

  it('may be as large as the limit and no larger', () => {
    const withArgs = (size: number) => invocationWith({ args: { filler: new Uint8Array(size) } })
    const overhead = withArgs(TOKEN_BYTES_MAX / 2).length - TOKEN_BYTES_MAX / 2
    expect(readRequest(withArgs(TOKEN_BYTES_MAX - overhead))).toBe('ok')
    expect(readRequest(withArgs(TOKEN_BYTES_MAX - overhead + 1))).toBe('TOKEN_TOO_LARGE')
  })

  it('names so many proofs and no more', () => {
    const proof = mustHold(new TokenReader().readDelegation(grantBytes(node, ana)))
    const proofs = (count: number) => Array.from({ length: count }, () => proof)
    expect(readRequest(requestBytes(ana, proofs(CHAIN_LENGTH_MAX)))).toBe('ok')
    expect(readRequest(requestBytes(ana, proofs(CHAIN_LENGTH_MAX + 1)))).toBe('CHAIN_TOO_LONG')
  })
})

describe('principals and commands', () => {
  it('a did:key is a PeerId in another spelling', () => {
    expect(peerIdOfDid(didKeyOf(ana.peerId))).toBe(ana.peerId)
  })

  it.each(['', 'did:key:', `did:key:z${'1'.repeat(47)}`, `${ana.did}#${ana.did}`, ana.peerId])(
    'nobody is called %j',
    (text) => expect(peerIdOfDid(text)).toBeUndefined(),
  )

  it.each(['/', '/content', '/content/add', '/crud/größe'])('%s is a command', (text) => {
    expect(isCommand(text)).toBe(true)
  })

  it.each([
    '',
    'content',
    '/content/',
    '//',
    '/Content',
    '/a//b',
    '/a b',
    '/a/b/c/d/e/f/g/h/i',
    `/${'a'.repeat(128)}`,
  ])('%j is none', (text) => expect(isCommand(text)).toBe(false))
})
