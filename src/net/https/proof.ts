// SPDX-License-Identifier: AGPL-3.0-or-later
/** Who is at the other end of a TLS connection whose handshake is done. */
import type { X509Certificate } from 'node:crypto'
import type { PeerId } from '../../base/base.ts'
import { verifyCertificate } from './certificate.ts'

/** The slice of a node:tls socket that tells. */
export interface HandshakenSocket {
  isSessionReused(): boolean
  getPeerX509Certificate(): Pick<X509Certificate, 'raw' | 'issuerCertificate'> | undefined
}

export type PeerProof =
  | { kind: 'proven'; peerId: PeerId }
  | { kind: 'absent' }
  | { kind: 'refused'; reason: string }

export function proofOf(socket: HandshakenSocket): PeerProof {
  // A resumed session proves that somebody knows its secret, not whose key it was.
  if (socket.isSessionReused()) return { kind: 'refused', reason: 'the session was resumed' }
  const certificate = socket.getPeerX509Certificate()
  if (certificate === undefined) return { kind: 'absent' }
  // Node fills this in when the other end sent a second certificate, related or not.
  if (certificate.issuerCertificate !== undefined) {
    return { kind: 'refused', reason: 'there is more than one certificate' }
  }
  const verdict = verifyCertificate(certificate.raw)
  return verdict.verdict === 'accept'
    ? { kind: 'proven', peerId: verdict.value }
    : { kind: 'refused', reason: verdict.reason }
}
