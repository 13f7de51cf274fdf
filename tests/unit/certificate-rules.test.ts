// SPDX-License-Identifier: AGPL-3.0-or-later
/** The decisions around the certificates: who is proven, who may hold a connection, which cipher. */
import { X509Certificate } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { type PeerId, peerIdFromPublicKey } from '../../src/base/base.ts'
import type { Caller } from '../../src/net/guard.ts'
import { addressKey, ConnectionLedger } from '../../src/net/https/connections.ts'
import { hasAesInstructions, preferredCiphers } from '../../src/net/https/https.ts'
import { proofOf } from '../../src/net/https/proof.ts'
import { createSigner, forge } from './certificate-support.ts'

const signer = createSigner()
const certificate = { raw: Buffer.from(forge({ vouchedBy: signer }).der) }

describe('proofOf', () => {
  it('takes one good certificate of a full handshake', () => {
    const socket = {
      isSessionReused: () => false,
      getPeerX509Certificate: () => ({ ...certificate, issuerCertificate: undefined }),
    }
    expect(proofOf(socket)).toEqual({ kind: 'proven', peerId: signer.peerId })
  })

  it('takes nothing from a resumed session', () => {
    const socket = {
      isSessionReused: () => true,
      getPeerX509Certificate: () => ({ ...certificate, issuerCertificate: undefined }),
    }
    expect(proofOf(socket)).toEqual({ kind: 'refused', reason: 'the session was resumed' })
  })

  it('refuses a chain', () => {
    const issuerCertificate = new X509Certificate(certificate.raw)
    const socket = {
      isSessionReused: () => false,
      getPeerX509Certificate: () => ({ ...certificate, issuerCertificate }),
    }
    expect(proofOf(socket)).toEqual({
      kind: 'refused',
      reason: 'there is more than one certificate',
    })
  })

  it('tells no certificate from a bad one', () => {
    const socket = { isSessionReused: () => false, getPeerX509Certificate: () => undefined }
    expect(proofOf(socket)).toEqual({ kind: 'absent' })
  })
})

describe('ConnectionLedger', () => {
  const limits = {
    handshakesMax: 4,
    handshakesPerAddressMax: 3,
    anonymousMax: 3,
    anonymousPerAddressMax: 2,
    peersMax: 4,
    connectionsPerPeerMax: 2,
    peersPerAddressMax: 3,
  }
  const anonymous = (address: string): Caller => ({ kind: 'anonymous', address })
  const peer = (number: number): Caller => ({ kind: 'peer', peerId: peerOf(number) })

  function settled(ledger: ConnectionLedger, id: string, address: string, caller: Caller): string {
    ledger.enter(id, address)
    const admission = ledger.settle(id, caller)
    if (!admission.admitted) ledger.leave(id)
    return admission.admitted ? 'admitted' : admission.reason
  }

  it('lets the oldest handshake of a crowded address go', () => {
    const ledger = new ConnectionLedger(limits)
    expect(['a', 'b', 'c'].map((id) => ledger.enter(id, '10.0.0.1'))).toEqual(
      Array(3).fill(undefined),
    )
    expect(ledger.enter('d', '10.0.0.1')).toBe('a')
  })

  it('lets the greediest address pay for a full house, not the newcomer', () => {
    const ledger = new ConnectionLedger(limits)
    ledger.enter('first', '10.0.0.2')
    for (const id of ['a', 'b', 'c']) ledger.enter(id, '10.0.0.1')
    expect(ledger.enter('real', '10.0.0.3')).toBe('a')
  })

  it('frees a place when a connection leaves, settled or not', () => {
    const ledger = new ConnectionLedger(limits)
    for (let round = 0; round < 20; round++) {
      expect(ledger.enter(`h${round}`, '10.0.0.1')).toBeUndefined()
      ledger.leave(`h${round}`)
      expect(settled(ledger, `p${round}`, '10.0.0.1', peer(round % 2))).toBe('admitted')
      ledger.leave(`p${round}`)
      expect(settled(ledger, `n${round}`, '10.0.0.1', anonymous('10.0.0.1'))).toBe('admitted')
      ledger.leave(`n${round}`)
    }
    expect(ledger.size).toBe(0)
  })

  it('refuses anonymous callers beyond their places, and peers not because of them', () => {
    const ledger = new ConnectionLedger(limits)
    const from = (id: string, address: string) => settled(ledger, id, address, anonymous(address))
    expect([from('a', '10.0.0.1'), from('b', '10.0.0.1'), from('c', '10.0.0.1')]).toEqual([
      'admitted',
      'admitted',
      'anonymous_address_full',
    ])
    expect([from('d', '10.0.0.2'), from('e', '10.0.0.3')]).toEqual(['admitted', 'anonymous_full'])
    expect(settled(ledger, 'p', '10.0.0.1', peer(1))).toBe('admitted')
  })

  it('bounds one peer, one address with many keys, and all peers', () => {
    const ledger = new ConnectionLedger(limits)
    expect(settled(ledger, 'a', '10.0.0.1', peer(1))).toBe('admitted')
    expect(settled(ledger, 'b', '10.0.0.1', peer(1))).toBe('admitted')
    expect(settled(ledger, 'c', '10.0.0.1', peer(1))).toBe('peer_full')
    expect(settled(ledger, 'd', '10.0.0.1', peer(2))).toBe('admitted')
    expect(settled(ledger, 'e', '10.0.0.1', peer(3))).toBe('peers_address_full')
    expect(settled(ledger, 'f', '10.0.0.2', peer(3))).toBe('admitted')
    expect(settled(ledger, 'g', '10.0.0.3', peer(4))).toBe('peers_full')
  })

  it('counts what one machine can hold as one address', () => {
    expect(addressKey('::ffff:10.0.0.1')).toBe('10.0.0.1')
    expect(addressKey('FE80::1%eth0')).toBe('fe80::1%eth0')
    expect(addressKey('2001:db8::1')).toBe('2001:db8:0:0::/64')
    expect(addressKey('2001:db8:0:0:a:b:c:d')).toBe('2001:db8:0:0::/64')
    expect(addressKey('::1')).toBe('0:0:0:0::/64')
  })
})

describe('ciphers', () => {
  it('puts ChaCha20 first where there are no AES instructions', () => {
    expect(preferredCiphers(false)).toMatch(/^TLS_CHACHA20_POLY1305_SHA256:/)
    expect(preferredCiphers(true)).toMatch(/^TLS_AES_128_GCM_SHA256:/)
  })

  it.each([
    ['a PC', 'flags\t\t: fpu aes avx\nflags\t\t: fpu aes avx\n', true],
    ['a Pi 5', 'Features\t: fp asimd evtstrm aes pmull sha1\n', true],
    ['a Pi 4', 'Features\t: fp asimd evtstrm crc32 cpuid\n', false],
    ['one core of two without', 'Features\t: fp aes\nFeatures\t: fp\n', false],
    ['a word that only holds it', 'flags\t\t: vaes\n', false],
    ['nothing at all', '', false],
  ])('reads %s', (_name, cpuinfo, expected) => {
    expect(hasAesInstructions(cpuinfo)).toBe(expected)
  })
})

function peerOf(number: number): PeerId {
  return peerIdFromPublicKey(new Uint8Array(32).fill(number))
}
