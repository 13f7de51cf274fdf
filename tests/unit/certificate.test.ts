// SPDX-License-Identifier: AGPL-3.0-or-later
import { generateKeyPairSync, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { accept, reject, SeededRandom } from '../../src/base/base.ts'
import { validityBetween } from '../../src/net/https/certificate.ts'
import { DER_TAG, der, derText, readElements } from '../../src/net/https/der.ts'
import { createCertificate, verifyCertificate } from '../../src/net/https/https.ts'
import { createSigner, forge, impostor } from './certificate-support.ts'

const signer = createSigner()

function fixture(name: string): Uint8Array {
  const url = new URL(`../fixtures/libp2p-tls/${name}.hex`, import.meta.url)
  return Uint8Array.from(Buffer.from(readFileSync(url, 'utf8').trim(), 'hex'))
}

/** An extension of RFC 5280 that has no meaning for us: a name of 2.5.29.x and any bytes. */
function otherExtension(last: number, isCritical: boolean): Uint8Array {
  const critical = isCritical ? [der(DER_TAG.boolean, Uint8Array.of(0xff))] : []
  return der(
    DER_TAG.sequence,
    der(DER_TAG.objectIdentifier, Uint8Array.of(0x55, 0x1d, last)),
    ...critical,
    der(DER_TAG.octetString, der(DER_TAG.sequence)),
  )
}

describe('the vectors of the libp2p specification', () => {
  it('accepts the Ed25519 peer', () => {
    expect(verifyCertificate(fixture('ed25519'))).toEqual(
      accept('12D3KooWM6CgA9iBFZmcYAHA6A2qvbAxqfkmrYiRQuz3XEsk4Ksv'),
    )
  })

  it.each([
    ['ecdsa', 'ECDSA'],
    ['secp256k1', 'secp256k1'],
    ['invalid', 'ECDSA'],
  ])('refuses %s by its kind of key', (name, kind) => {
    expect(verifyCertificate(fixture(name))).toEqual(
      reject(`the peer's key is ${kind}; citynode peers have Ed25519 keys`),
    )
  })
})

describe('createCertificate', () => {
  it('proves the PeerId of its signer', () => {
    const { certificatePem } = createCertificate(signer)
    expect(verifyCertificate(new X509Certificate(certificatePem).raw)).toEqual(
      accept(signer.peerId),
    )
  })

  it('covers every date that a machine without a clock may have', () => {
    const { validFromDate, validToDate } = new X509Certificate(
      createCertificate(signer).certificatePem,
    )
    expect(validFromDate.getTime()).toBe(0)
    expect(validToDate.getUTCFullYear()).toBe(9999)
  })

  it('uses a fresh key and a positive serial number every time', () => {
    const made = Array.from(
      { length: 20 },
      () => new X509Certificate(createCertificate(signer).certificatePem),
    )
    expect(new Set(made.map((one) => one.serialNumber)).size).toBe(20)
    for (const { serialNumber } of made) expect(serialNumber).toMatch(/^[4-7]/)
  })
})

describe('verifyCertificate', () => {
  it('ignores dates', () => {
    const past = validityBetween('700101000000Z', '19700102000000Z')
    const future = validityBetween('490101000000Z', '20990101000000Z')
    expect(verifyCertificate(forge({ vouchedBy: signer, validity: past }).der).verdict).toBe(
      'accept',
    )
    expect(verifyCertificate(forge({ vouchedBy: signer, validity: future }).der).verdict).toBe(
      'accept',
    )
  })

  it('ignores an unknown extension unless it is critical', () => {
    const harmless = forge({ vouchedBy: signer, otherExtensions: [otherExtension(0x13, false)] })
    expect(verifyCertificate(harmless.der)).toEqual(accept(signer.peerId))
    const critical = forge({ vouchedBy: signer, otherExtensions: [otherExtension(0x13, true)] })
    expect(verifyCertificate(critical.der)).toEqual(reject('an extension is critical and unknown'))
  })

  it.each([
    ['no extension at all', () => forge({}), 'the certificate has no libp2p extension'],
    [
      'only other extensions',
      () => forge({ otherExtensions: [otherExtension(0x13, false)] }),
      'the certificate has no libp2p extension',
    ],
    [
      'an extension signed by another key',
      () => forge({ vouchedBy: impostor(signer) }),
      "the certificate's key is not signed by the peer's key",
    ],
    [
      'an extension copied from another certificate of the peer',
      () => forge({ vouchedBy: signer, vouchesForAnotherKey: true }),
      "the certificate's key is not signed by the peer's key",
    ],
    [
      'a signature by another key than its own',
      () =>
        forge({
          vouchedBy: signer,
          signedBy: generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
        }),
      'the certificate is not signed by its own key',
    ],
  ])('refuses %s', (_name, make, reason) => {
    expect(verifyCertificate(make().der)).toEqual(reject(reason))
  })

  it('refuses a second libp2p extension', () => {
    const [first] = [forge({ vouchedBy: signer })]
    const extension = first === undefined ? undefined : libp2pExtensionOf(first.der)
    const twice = forge({ vouchedBy: signer, otherExtensions: extension ? [extension] : [] })
    expect(verifyCertificate(twice.der)).toEqual(reject('the libp2p extension is there twice'))
  })

  it('refuses anything before or after the certificate', () => {
    const { der: good } = forge({ vouchedBy: signer })
    for (const bytes of [[...good, 0], [...good, ...good], [0, ...good], []]) {
      expect(verifyCertificate(Uint8Array.from(bytes)).verdict).toBe('reject')
    }
    expect(verifyCertificate(new Uint8Array(100_000))).toEqual(
      reject('the certificate is too long'),
    )
  })

  it('refuses every certificate with one byte changed, and never throws', () => {
    const { der: good } = forge({ vouchedBy: signer })
    for (let at = 0; at < good.length; at++) {
      const bad = Uint8Array.from(good)
      bad[at] = (bad[at] ?? 0) ^ 0x01
      expect(verifyCertificate(bad).verdict, `byte ${at}`).toBe('reject')
    }
  })

  it('survives seeded garbage', () => {
    const seed = Math.floor(Math.random() * 2 ** 32)
    console.log(`seed ${seed}`)
    const random = new SeededRandom(seed)
    const { der: good } = forge({ vouchedBy: signer })
    for (let round = 0; round < 3000; round++) {
      const bad = mutate(good, random)
      const isSame = Buffer.from(bad).equals(good)
      expect(verifyCertificate(bad).verdict, `seed ${seed} round ${round}`).toBe(
        isSame ? 'accept' : 'reject',
      )
    }
  })
})

describe('readElements', () => {
  it('reads what der writes', () => {
    const inner = derText(DER_TAG.utf8String, 'x'.repeat(300))
    expect(readElements(der(DER_TAG.sequence, inner, inner))?.[0]?.content.length).toBe(608)
  })

  it.each([
    ['an indefinite length', '3080020100'],
    ['a length that could be shorter', '30810302010 0'.replace(' ', '')],
    ['a length with a leading zero', '30820003020100'],
    ['a length of three bytes', '3083000003020100'],
    ['a tag of several bytes', '3f8101020100'],
    ['fewer bytes than its length', '3004020100'],
    ['a tag alone', '30'],
  ])('refuses %s', (_name, hex) => {
    expect(readElements(Buffer.from(hex, 'hex'))).toBeUndefined()
  })

  it('refuses more siblings than a certificate has', () => {
    expect(readElements(Buffer.from('0500'.repeat(32), 'hex'))).toHaveLength(32)
    expect(readElements(Buffer.from('0500'.repeat(33), 'hex'))).toBeUndefined()
  })
})

function libp2pExtensionOf(certificate: Uint8Array): Uint8Array | undefined {
  const toBeSigned = readElements(readElements(certificate)?.[0]?.content ?? certificate)?.[0]
  const wrapped = readElements(toBeSigned?.content ?? certificate)?.at(-1)
  return readElements(wrapped?.content ?? certificate)?.[0]?.content
}

function mutate(good: Uint8Array, random: SeededRandom): Uint8Array {
  const at = Math.floor(random.unit() * good.length)
  const length = 1 + Math.floor(random.unit() * 8)
  const before = good.subarray(0, at)
  switch (Math.floor(random.unit() * 4)) {
    case 0:
      return Buffer.concat([before, random.bytes(length), good.subarray(at + length)])
    case 1:
      return Buffer.concat([before, good.subarray(at + length)])
    case 2:
      return Buffer.concat([before, random.bytes(length), good.subarray(at)])
    default:
      return Buffer.concat([before, random.bytes(good.length - at)])
  }
}
