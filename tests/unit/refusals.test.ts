// SPDX-License-Identifier: AGPL-3.0-or-later
/** Blocks, forgetting, withdrawals and their forgeries; and that no spelling of a CID gets by. */

import { createHash } from 'node:crypto'
import { decode, encode } from '@ipld/dag-cbor'
import { base16 } from 'multiformats/bases/base16'
import { base32upper } from 'multiformats/bases/base32'
import { base36 } from 'multiformats/bases/base36'
import { base58btc } from 'multiformats/bases/base58'
import { base64url } from 'multiformats/bases/base64'
import { CID } from 'multiformats/cid'
import { describe, expect, it } from 'vitest'
import { parseCityId, SeededRandom } from '../../src/base/base.ts'
import { Publications } from '../../src/content/refusals/publications.ts'
import {
  isWithdrawnBy,
  parsePublication,
  parseWithdrawal,
  signPublication,
  signWithdrawal,
} from '../../src/content/refusals/records.ts'
import {
  encodeWithdrawnReply,
  encodeWithdrawnRequest,
  parseWithdrawnReply,
  parseWithdrawnRequest,
} from '../../src/content/refusals/withdrawn.ts'
import {
  CITY,
  cidNamed,
  keyNamed,
  openRefusalsDatabase,
  startRefusals,
} from './refusals-support.ts'

const ONE = cidNamed('one')
const TWO = cidNamed('two')
const ALICE = keyNamed('alice')
const MALLORY = keyNamed('mallory')

/** The same bytes, as every version and codec that can name them. */
function spellingsOf(cid: CID): CID[] {
  const codecs = [0x55, 0x70, 0x71, 0x0129, 0x72, 0x0200]
  return [
    CID.createV0(cid.multihash as Parameters<typeof CID.createV0>[0]), // sha2-256, as all here
    ...codecs.map((codec) => CID.createV1(codec, cid.multihash)),
  ]
}

describe('the blocks of the owner', () => {
  it('refuse, are listed, and can be taken back', async () => {
    const { refusals } = await startRefusals()
    await refusals.block(ONE, { kind: 'blocked', reason: 'I do not want it' })
    await refusals.block(TWO, { kind: 'legal', reason: 'a letter' })
    expect(refusals.check({ cid: ONE })).toMatchObject({ status: 410, note: 'I do not want it' })
    expect(refusals.check({ cid: TWO, path: '/a' })).toMatchObject({ status: 451, source: 'owner' })
    expect(refusals.blocks().map(({ cid, kind }) => [cid, kind])).toEqual(
      [
        [String(ONE), 'blocked'],
        [String(TWO), 'legal'],
      ].sort(),
    )
    await refusals.block(ONE, { kind: 'forgotten', reason: '' })
    expect(refusals.blocks()).toHaveLength(2)
    // By another spelling of it.
    expect(await refusals.unblock(CID.createV1(0x70, ONE.multihash))).toMatchObject({
      kind: 'forgotten',
    })
    expect(refusals.check({ cid: ONE })).toBeUndefined()
    await expect(refusals.unblock(ONE)).rejects.toThrow(/no such block/)
    // Forgotten as well, what a law forbids is still that.
    await refusals.block(TWO, { kind: 'forgotten', reason: '' })
    expect(refusals.check({ cid: TWO })).toMatchObject({ status: 451, note: 'a letter' })
  })

  it('never tell strangers the note', async () => {
    const { refusals } = await startRefusals()
    await refusals.block(ONE, { kind: 'legal', reason: 'letter of Jane Doe' })
    expect(refusals.check({ cid: ONE })?.reason).not.toContain('Jane')
  })

  it('take no reason that a list could not show, and nothing empty', async () => {
    const { refusals } = await startRefusals()
    const block = (reason: string) => () => refusals.block(ONE, { kind: 'blocked', reason })
    await expect(block('a\nb')()).rejects.toThrow(/reason/)
    await expect(block('ä'.repeat(101))()).rejects.toThrow(/reason/)
    const empty = CID.parse('bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku')
    await expect(refusals.block(empty, { kind: 'blocked', reason: '' })).rejects.toThrow(/empty/)
    expect(refusals.blocks()).toEqual([])
  })

  it('hold against an exception in a list', async () => {
    const { refusals, write } = await startRefusals()
    await write('z.deny', `!/ipfs/${ONE}\n`)
    await refusals.rereadLists()
    await refusals.block(ONE, { kind: 'blocked', reason: '' })
    expect(refusals.check({ cid: ONE })).toMatchObject({ kind: 'blocked' })
  })
})

describe('no spelling of a CID gets by', () => {
  const spelt = (cid: CID): string[] => [
    cid.toString(),
    cid.toV1().toString(base36),
    cid.toV1().toString(base16),
    cid.toV1().toString(base32upper),
    cid.toV1().toString(base64url),
    cid.toV1().toString(base58btc),
    base58btc.baseEncode(cid.multihash.bytes),
  ]
  const b58 = (cid: CID): string => base58btc.baseEncode(cid.multihash.bytes)
  const multihashOf = (name: string, code: number, text: string): string => {
    const digest = createHash(name).update(text).digest()
    const prefix = code < 0x80 ? [code] : [0xc0, 0xe4, 0x02]
    return base58btc.baseEncode(Uint8Array.of(...prefix, digest.length, ...digest))
  }
  /** Every way in which a list can name it. */
  const rulesFor = (cid: CID): string[] => [
    ...spelt(cid).map((text) => `/ipfs/${text}`),
    ...spelt(CID.createV1(0x70, cid.multihash)).map((text) => `/ipld/${text}/*`),
    `//${multihashOf('sha256', 0x12, b58(cid))}`,
    `//${multihashOf('sha512', 0x13, b58(cid))}`,
    `//${multihashOf('sha3-256', 0x16, b58(cid))}`,
    `//${multihashOf('blake2b512', 0xb240, b58(cid))}`,
    ...[0x55, 0x70, 0x71].map((codec) => {
      const text = `${CID.createV1(codec, cid.multihash)}/`
      return `//${createHash('sha256').update(text).digest('hex')}`
    }),
  ]

  it('of whatever a list names in whatever form', async () => {
    const random = new SeededRandom(5)
    for (const [round, rule] of rulesFor(cidNamed('template')).entries()) {
      const name = `item ${round} ${random.unit()}`
      const cid = cidNamed(name)
      const own = rulesFor(cid)[round] ?? rule
      const { refusals, write } = await startRefusals()
      await write('own.deny', `${own}\n`)
      await refusals.rereadLists()
      for (const asked of spellingsOf(cid)) {
        expect(refusals.check({ cid: asked }), `${own} ${asked}`).toMatchObject({ status: 451 })
        expect(refusals.check({ cid: asked, path: 'below/it' }), own).toMatchObject({ status: 451 })
      }
      expect(refusals.checkDigest(cid.multihash.digest), own).toMatchObject({ status: 451 })
      expect(refusals.check({ cid: cidNamed('another') })).toBeUndefined()
    }
  })

  it('of what the owner blocked, and of what its publisher withdrew', async () => {
    const { refusals } = await startRefusals({ signer: ALICE })
    await refusals.block(ONE, { kind: 'blocked', reason: '' })
    await refusals.publish(TWO, 'A song')
    await refusals.withdraw(CID.createV1(0x70, TWO.multihash), '')
    for (const cid of [ONE, TWO]) {
      for (const asked of spellingsOf(cid)) expect(refusals.check({ cid: asked })).toBeDefined()
      expect(refusals.checkDigest(cid.multihash.digest)).toMatchObject({ status: 410 })
    }
  })
})

describe('publications and withdrawals', () => {
  const publication = signPublication({ root: ONE, sequence: 1, title: 'A song' }, CITY, ALICE)
  const withdrawal = signWithdrawal({ root: ONE, sequence: 2, reason: 'a mistake' }, CITY, ALICE)

  it('are small, and say what was signed', () => {
    expect(withdrawal.bytes.length).toBeLessThan(300)
    expect(parseWithdrawal(withdrawal.bytes, CITY)).toMatchObject({
      verdict: 'accept',
      value: { record: { by: ALICE.peerId, sequence: 2, reason: 'a mistake' } },
    })
    expect(parsePublication(publication.bytes, CITY)).toMatchObject({
      verdict: 'accept',
      value: { record: { title: 'A song' } },
    })
    const longest = 'r'.repeat(200)
    const root = CID.createV1(0x70, ONE.multihash)
    const sequence = Number.MAX_SAFE_INTEGER
    const large = signWithdrawal({ root, sequence, reason: longest }, CITY, ALICE)
    expect(large.bytes.length).toBeLessThanOrEqual(512)
    const titled = { root, sequence, title: 't'.repeat(255) }
    expect(parsePublication(signPublication(titled, CITY, ALICE).bytes, CITY).verdict).toBe(
      'accept',
    )
  })

  it('stay what they are: a vector', () => {
    expect(createHash('sha256').update(withdrawal.bytes).digest('hex')).toBe(VECTOR)
  })

  it('of another city, another kind, or another key are rejected', () => {
    const other = parseCityId('elsewhere')
    expect(parseWithdrawal(withdrawal.bytes, other).verdict).toBe('reject')
    expect(parsePublication(withdrawal.bytes, CITY).verdict).toBe('reject')
    expect(parseWithdrawal(publication.bytes, CITY).verdict).toBe('reject')
    // The same fields and signature under the other kind's field name.
    const { v, root, by, sequence } = { v: 1, root: ONE, by: ALICE.peerId, sequence: 2 }
    const forged = { v, root, by, sequence, reason: 'x', signature: MALLORY.sign(withdrawal.bytes) }
    expect(parseWithdrawal(encode(forged), CITY)).toMatchObject({
      verdict: 'reject',
      reason: expect.stringContaining('signed'),
    })
  })

  it('are rejected with any bit turned, any length, any surplus', () => {
    for (let at = 0; at < withdrawal.bytes.length * 8; at++) {
      const bytes = Uint8Array.from(withdrawal.bytes)
      bytes[at >> 3] = (bytes[at >> 3] ?? 0) ^ (1 << (at & 7))
      expect(parseWithdrawal(bytes, CITY).verdict, `bit ${at}`).toBe('reject')
    }
    for (let length = 0; length < withdrawal.bytes.length; length++) {
      expect(parseWithdrawal(withdrawal.bytes.subarray(0, length), CITY).verdict).toBe('reject')
    }
    const surplus = Buffer.concat([withdrawal.bytes, Uint8Array.of(0)])
    expect(parseWithdrawal(surplus, CITY).verdict).toBe('reject')
    const fields: Record<string, unknown> = decode(withdrawal.bytes)
    expect(parseWithdrawal(encode(fields), CITY).verdict).toBe('accept')
    expect(parseWithdrawal(encode({ ...fields, more: 1 }), CITY).verdict).toBe('reject')
    expect(parseWithdrawal(new Uint8Array(513), CITY).verdict).toBe('reject')
    for (const value of [null, 1, [], {}, { v: 1 }, { v: 2, root: ONE }, 'text']) {
      expect(parseWithdrawal(encode(value), CITY).verdict).toBe('reject')
    }
  })

  it('are not signed when they could not be read back', () => {
    const sign = (sequence: number, reason: string) => () =>
      signWithdrawal({ root: ONE, sequence, reason }, CITY, ALICE)
    expect(sign(0, '')).toThrow(/number/)
    expect(sign(1.5, '')).toThrow(/number/)
    expect(sign(1, 'a\u202eb')).toThrow(/reason/)
    expect(sign(1, 'r'.repeat(201))).toThrow(/reason/)
  })

  it('count only for the same item, the same key and in order', () => {
    const by = (key: typeof ALICE, root: CID, sequence: number) =>
      signWithdrawal({ root, sequence, reason: '' }, CITY, key).record
    expect(isWithdrawnBy(publication.record, withdrawal.record)).toBe(true)
    expect(isWithdrawnBy(publication.record, by(ALICE, CID.createV1(0x70, ONE.multihash), 2))).toBe(
      true,
    )
    expect(isWithdrawnBy(publication.record, by(MALLORY, ONE, 2))).toBe(false)
    expect(isWithdrawnBy(publication.record, by(ALICE, TWO, 2))).toBe(false)
    expect(isWithdrawnBy(publication.record, by(ALICE, ONE, 1))).toBe(false)
  })

  it('refuse what the same key had published, and nothing else', async () => {
    const { refusals } = await startRefusals()
    expect(await refusals.learnWithdrawal(withdrawal)).toBe(false)
    expect(refusals.check({ cid: ONE })).toBeUndefined()
    expect(await refusals.notePublication(publication, { isShared: true })).toBe(true)
    // Somebody else signs a publication of the same item, only to withdraw it.
    const theirs = signPublication({ root: ONE, sequence: 5, title: '' }, CITY, MALLORY)
    expect(await refusals.notePublication(theirs, { isShared: true })).toBe(false)
    const attack = signWithdrawal({ root: ONE, sequence: 9, reason: '' }, CITY, MALLORY)
    expect(await refusals.learnWithdrawal(attack)).toBe(false)
    expect(refusals.check({ cid: ONE })).toBeUndefined()
    expect(await refusals.learnWithdrawal(withdrawal)).toBe(true)
    expect(await refusals.learnWithdrawal(withdrawal)).toBe(false)
    expect(refusals.check({ cid: ONE })).toMatchObject({
      kind: 'withdrawn',
      status: 410,
      source: ALICE.peerId,
    })
    // The older publication played again changes nothing; a newer one of the same key does.
    await refusals.notePublication(publication, { isShared: true })
    expect(refusals.check({ cid: ONE })).toBeDefined()
    const anew = signPublication({ root: ONE, sequence: 3, title: 'Again' }, CITY, ALICE)
    expect(await refusals.notePublication(anew, { isShared: true })).toBe(true)
    expect(refusals.check({ cid: ONE })).toBeUndefined()
    // And now what came before it is older, both of it.
    expect(await refusals.notePublication(publication, { isShared: true })).toBe(false)
    expect(await refusals.learnWithdrawal(withdrawal)).toBe(false)
    expect(refusals.check({ cid: ONE })).toBeUndefined()
  })

  it('are made by this node with numbers that rise, for its own items alone', async () => {
    const { refusals } = await startRefusals({ signer: ALICE })
    await expect(refusals.withdraw(ONE, '')).rejects.toThrow(/not published/)
    expect((await refusals.publish(ONE, 'A')).record.sequence).toBe(1)
    expect((await refusals.withdraw(ONE, 'no')).record.sequence).toBe(2)
    expect(refusals.check({ cid: ONE })).toBeDefined()
    expect((await refusals.publish(ONE, 'B')).record.sequence).toBe(3)
    expect(refusals.check({ cid: ONE })).toBeUndefined()
    const theirs = signPublication({ root: TWO, sequence: 1, title: '' }, CITY, MALLORY)
    await refusals.notePublication(theirs, { isShared: true })
    await expect(refusals.publish(TWO, '')).rejects.toThrow(/somebody else/)
    await expect(refusals.withdraw(TWO, '')).rejects.toThrow(/somebody else/)
  })

  it('stay known when a withdrawn item goes, and are forgotten with others', async () => {
    const { refusals } = await startRefusals()
    await refusals.notePublication(publication, { isShared: true })
    await refusals.itemRemoved(ONE)
    expect(refusals.publicationOf(ONE)).toBeUndefined()
    await refusals.notePublication(publication, { isShared: true })
    await refusals.learnWithdrawal(withdrawal)
    await refusals.itemRemoved(ONE)
    expect(refusals.check({ cid: ONE })).toBeDefined()
  })

  it('take a bounded place; the oldest go', async () => {
    const database = await openRefusalsDatabase()
    const publications = new Publications(database, 3)
    for (let at = 0; at < 5; at++) {
      const root = cidNamed(String(at))
      const signed = signPublication({ root, sequence: 1, title: '' }, CITY, ALICE)
      for (const entry of publications.planNote(signed, { isShared: true }) ?? []) {
        publications.apply(entry)
      }
    }
    const known = [0, 1, 2, 3, 4].filter(
      (at) => publications.get(cidNamed(String(at))) !== undefined,
    )
    expect(known).toEqual([2, 3, 4])
  })
})

/** SHA-256 of the withdrawal above. Changes only with the format: then it is another version. */
const VECTOR = '1495b12e4ec348bc70162fd9cd15f7b12597612cd2415d4d08b48b66980f48d5'

describe('the question withdrawn/1', () => {
  it('is answered with what was withdrawn, but not of what was private here', async () => {
    const { refusals, ask } = await startRefusals({ signer: ALICE })
    await refusals.publish(ONE, 'A')
    await refusals.withdraw(ONE, 'no')
    const secret = signPublication({ root: TWO, sequence: 1, title: '' }, CITY, MALLORY)
    await refusals.notePublication(secret, { isShared: false })
    await refusals.learnWithdrawal(
      signWithdrawal({ root: TWO, sequence: 2, reason: '' }, CITY, MALLORY),
    )
    const asked = [TWO, CID.createV1(0x70, ONE.multihash), cidNamed('three')]
    const reply = await ask(encodeWithdrawnRequest(asked))
    expect(parseWithdrawnReply(reply, asked, CITY)).toMatchObject({
      verdict: 'accept',
      value: [undefined, { record: { by: ALICE.peerId, reason: 'no' } }, undefined],
    })
    await expect(ask(Uint8Array.of(1, 2, 3))).rejects.toMatchObject({
      code: 'CONTENT_BAD_QUESTION',
    })
  })

  it('is rejected when it is malformed', () => {
    const many = Array.from({ length: 65 }, () => ONE)
    for (const value of [[], many, [1], ['x'], {}, null, [null]]) {
      expect(parseWithdrawnRequest(encode(value)).verdict).toBe('reject')
    }
    expect(parseWithdrawnRequest(new Uint8Array(5000)).verdict).toBe('reject')
  })

  it('has its answer rejected when that is of another item, of nobody, or too much', () => {
    const { bytes } = signWithdrawal({ root: ONE, sequence: 1, reason: '' }, CITY, ALICE)
    const reply = encodeWithdrawnReply([bytes])
    expect(parseWithdrawnReply(reply, [ONE], CITY).verdict).toBe('accept')
    expect(parseWithdrawnReply(reply, [TWO], CITY).verdict).toBe('reject')
    expect(parseWithdrawnReply(reply, [ONE, TWO], CITY).verdict).toBe('reject')
    expect(parseWithdrawnReply(reply, [ONE], parseCityId('other')).verdict).toBe('reject')
    expect(parseWithdrawnReply(encode(['text']), [ONE], CITY).verdict).toBe('reject')
    expect(parseWithdrawnReply(new Uint8Array(100_000), [ONE], CITY).verdict).toBe('reject')
    expect(parseWithdrawnReply(encode([null]), [ONE], CITY)).toMatchObject({
      verdict: 'accept',
      value: [undefined],
    })
  })
})
