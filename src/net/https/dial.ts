// SPDX-License-Identifier: AGPL-3.0-or-later
/** A TLS connection to a peer, handed out only once the peer's key is proven. */
import { isIP, type OnReadOpts } from 'node:net'
import { type ConnectionOptions, connect, type SecureContext, type TLSSocket } from 'node:tls'
import {
  abortReason,
  asError,
  type Clock,
  CodedError,
  errorCode,
  type PeerId,
  type Timer,
} from '../../base/base.ts'
import type { HttpsAddress } from '../ports.ts'
import type { PeerHttpsClientLimits } from './limits.ts'
import { proofOf } from './proof.ts'

/** Whom to reach, and where. */
export interface PeerTarget extends HttpsAddress {
  peerId: PeerId
}

export interface DialDeps {
  secureContext: SecureContext
  clock: Clock
  limits: Pick<PeerHttpsClientLimits, 'connectMs' | 'handshakeMs'>
}

export interface DialOptions {
  signal: AbortSignal
  /** Where received bytes go, instead of 'data' events: into a buffer that is used again. */
  onread: OnReadOpts
}

/**
 * @throws CodedError `PEER_WRONG_KEY`, `PEER_NO_IDENTITY`, `PEER_TIMEOUT`, `PEER_UNREACHABLE` or
 * `PEER_BAD_ADDRESS`; or the signal's reason.
 */
export function dialPeer(
  target: PeerTarget,
  deps: DialDeps,
  { signal, onread }: DialOptions,
): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(abortReason(signal))
    // Names are never looked up: a peer's advert must not make us ask somebody's DNS.
    if (isIP(target.host) === 0) return reject(badAddress(target))
    // Node's documentation has `onread` for tls.connect, its types do not.
    const options: ConnectionOptions & { onread: OnReadOpts } = {
      host: target.host,
      port: target.port,
      secureContext: deps.secureContext,
      ALPNProtocols: ['http/1.1'],
      // No server name: the specification keeps that field for later versions.
      servername: '',
      // The certificate is checked below, by the key that it proves and by nothing else.
      rejectUnauthorized: false,
      onread,
    }
    const socket = connect(options)
    let timer: Timer
    const finish = (failure: Error | undefined): void => {
      timer.cancel()
      signal.removeEventListener('abort', onAbort)
      socket.off('error', onError).off('close', onClose)
      if (failure === undefined) {
        resolve(socket)
        return
      }
      // Whatever the socket still has to say, the failure is known.
      socket.on('error', () => {})
      socket.destroy()
      reject(failure)
    }
    const onAbort = (): void => finish(abortReason(signal))
    const onError = (error: Error): void => finish(unreachable(target, error))
    const onClose = (): void => finish(unreachable(target, new Error('closed in the handshake')))
    const arm = (stage: string, delayMs: number): Timer =>
      deps.clock.after(delayMs, () => finish(tooSlow(target, stage)))
    timer = arm('connect', deps.limits.connectMs)
    signal.addEventListener('abort', onAbort, { once: true })
    socket.on('error', onError).on('close', onClose)
    socket.once('connect', () => {
      timer.cancel()
      timer = arm('handshake', deps.limits.handshakeMs)
    })
    socket.once('secureConnect', () => finish(checkIdentity(socket, target)))
  })
}

/** Why this socket does not lead to the peer, if it does not. */
function checkIdentity(socket: TLSSocket, target: PeerTarget): Error | undefined {
  const proof = proofOf(socket)
  if (proof.kind !== 'proven') {
    const reason = proof.kind === 'absent' ? 'there is no certificate' : proof.reason
    return new CodedError(
      'PEER_NO_IDENTITY',
      `The machine at this address proved no key: ${reason}.`,
      {
        context: { ...contextOf(target), reason },
      },
    )
  }
  if (proof.peerId === target.peerId) return undefined
  return new CodedError('PEER_WRONG_KEY', 'Another node answers at the address of this peer.', {
    context: { ...contextOf(target), found: proof.peerId },
    advice: 'The address may have moved to another machine; the peer will tell its new one.',
  })
}

/** A failure of the wire, in our words. */
export function unreachable(target: PeerTarget, cause: unknown): CodedError {
  return new CodedError('PEER_UNREACHABLE', 'The peer cannot be reached at this address.', {
    context: { ...contextOf(target), cause: errorCode(cause) ?? asError(cause).message },
    cause,
  })
}

export function tooSlow(target: PeerTarget, stage: string): CodedError {
  return new CodedError('PEER_TIMEOUT', 'The peer took too long to answer.', {
    context: { ...contextOf(target), stage },
  })
}

function badAddress(target: PeerTarget): CodedError {
  return new CodedError('PEER_BAD_ADDRESS', 'The address of the peer is no IP address.', {
    context: { peerId: target.peerId },
  })
}

function contextOf(target: PeerTarget): Record<string, unknown> {
  return { peerId: target.peerId, host: target.host, port: target.port }
}
