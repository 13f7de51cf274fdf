// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Authenticated HTTPS, the road of bulk bytes: both ends carry a certificate that proves a PeerId
 * (libp2p's TLS extension), and who has none is anonymous.
 */
export {
  createCertificate,
  type PeerCertificate,
  type Signer,
  verifyCertificate,
} from './certificate.ts'
export { hasAesInstructions, preferredCiphers } from './ciphers.ts'
export {
  PeerHttpsClient,
  type PeerHttpsClientDeps,
  type PeerHttpsClientOptions,
  type PeerRequest,
} from './client.ts'
export { addressKey } from './connections.ts'
export type { RequestHandler } from './desk.ts'
export type { PeerTarget } from './dial.ts'
export type { PeerBody, PeerResponse, TakePiece } from './exchange.ts'
export type { PeerHttpsClientLimits, PeerHttpsServerLimits } from './limits.ts'
export {
  PeerHttpsServer,
  type PeerHttpsServerDeps,
  type PeerHttpsServerOptions,
} from './server.ts'
