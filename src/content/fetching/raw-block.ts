// SPDX-License-Identifier: AGPL-3.0-or-later
/** One block from one peer, by its name, verified. */
import { createHash } from 'node:crypto'
import type { CID } from 'multiformats/cid'
import { abortReason, CodedError, copyOf, deadline } from '../../base/base.ts'
import { wrongBytes } from '../errors.ts'
import { LEAF_BYTES_MAX, RESPONSE_MS_MAX } from '../limits.ts'
import { isSameDigest } from '../unixfs/unixfs.ts'
import type { Holder } from './holders.ts'
import type { ReceiveDeps } from './receiving.ts'

/** @throws CodedError `CONTENT_REFUSED`, `CONTENT_WRONG_BYTES`, `CONTENT_STALLED`, `PEER_…` */
export async function receiveBlock(
  { requests, clock }: Pick<ReceiveDeps, 'requests' | 'clock'>,
  { holder, cid }: { holder: Holder; cid: CID },
  signal: AbortSignal,
): Promise<Uint8Array> {
  const tooSlow = (): Error =>
    new CodedError('CONTENT_STALLED', 'The peer took too long to send one block.')
  const limit = deadline(clock, RESPONSE_MS_MAX, tooSlow, signal)
  try {
    const { status, body } = await requests.request(
      { peerId: holder.peerId, ...holder.https },
      { path: `/ipfs/${cid}?format=raw`, signal: limit.signal },
    )
    if (status !== 200) {
      body.discard()
      throw new CodedError('CONTENT_REFUSED', `The peer answered with status ${status}.`, {
        context: { status },
      })
    }
    const pieces: Uint8Array[] = []
    let sizeBytes = 0
    await body.read((piece) => {
      sizeBytes += piece.length
      if (sizeBytes > LEAF_BYTES_MAX) throw wrongBytes('a block is too large')
      pieces.push(copyOf(piece))
      return undefined
    })
    const bytes = Buffer.concat(pieces)
    if (isSameDigest(createHash('sha256').update(bytes).digest(), cid.multihash.digest))
      return bytes
    throw wrongBytes('the hash of a block is not the one that was asked for')
  } catch (thrown) {
    if (limit.signal.aborted) throw abortReason(limit.signal)
    throw thrown
  } finally {
    limit.cancel()
  }
}
