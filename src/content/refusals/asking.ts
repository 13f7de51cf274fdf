// SPDX-License-Identifier: AGPL-3.0-or-later
/** Asking peers `withdrawn/1`. What they say counts by the publisher's signature alone, never by theirs. */
import type { CID } from 'multiformats/cid'
import {
  asError,
  type CityId,
  type Clock,
  CodedError,
  deadline,
  type Logger,
  type PeerId,
} from '../../base/base.ts'
import type { PeerNetwork } from '../../net/net.ts'
import { WITHDRAWN_MS_MAX, WITHDRAWN_PEERS_MAX, WITHDRAWN_REPLY_BYTES_MAX } from './limits.ts'
import type { Signed, Withdrawal } from './records.ts'
import { encodeWithdrawnRequest, parseWithdrawnReply, WITHDRAWN_TOPIC } from './withdrawn.ts'

export interface AskingDeps {
  network: Pick<PeerNetwork, 'ask' | 'connectedPeers'>
  clock: Clock
  log: Logger
}

export interface Asked {
  /** At most 64. */
  cids: readonly CID[]
  city: CityId
  signal: AbortSignal
}

/** Undefined when the peer did not answer, or not sensibly. @throws the signal's reason */
export async function askPeer(
  { network, clock, log }: AskingDeps,
  peerId: PeerId,
  { cids, city, signal }: Asked,
): Promise<Signed<Withdrawal>[] | undefined> {
  const tooSlow = (): Error => new CodedError('CONTENT_NO_ANSWER', 'The peer did not answer.')
  const limit = deadline(clock, WITHDRAWN_MS_MAX, tooSlow, signal)
  try {
    const reply = await network.ask(peerId, WITHDRAWN_TOPIC, encodeWithdrawnRequest(cids), {
      replyBytesMax: WITHDRAWN_REPLY_BYTES_MAX,
      signal: limit.signal,
    })
    const parsed = parseWithdrawnReply(reply, cids, city)
    if (parsed.verdict !== 'accept') throw new CodedError('CONTENT_BAD_ANSWER', parsed.reason)
    return parsed.value.filter((one) => one !== undefined)
  } catch (thrown) {
    signal.throwIfAborted()
    // An older node, a lost link or a liar: the others are asked all the same, and this one again.
    log.debug('a peer did not say what was withdrawn', { peerId, error: asError(thrown) })
    return undefined
  } finally {
    limit.cancel()
  }
}

/** Asks several connected peers at once. @throws the signal's reason */
export async function askAround(deps: AskingDeps, asked: Asked): Promise<Signed<Withdrawal>[]> {
  const peers = deps.network.connectedPeers().slice(0, WITHDRAWN_PEERS_MAX)
  const answers = await Promise.all(peers.map(({ peerId }) => askPeer(deps, peerId, asked)))
  return answers.flatMap((answer) => answer ?? [])
}
