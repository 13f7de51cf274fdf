// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Where questions of other nodes are answered: asks the Guard, bounds how many are open for one
 * peer and for all, and lets nobody keep a stream open by saying nothing.
 */
import type { Connection, Stream } from '@libp2p/interface'
import {
  asError,
  type CityId,
  type Clock,
  CodedError,
  type Counter,
  deadline,
  type Logger,
  type Metrics,
  parsePeerId,
} from '../base/base.ts'
import { cityProtocol } from './city.ts'
import type { Guard } from './guard.ts'
import type { Host } from './libp2p-host.ts'
import { QUESTION_MS_MAX, QUESTIONS_MAX, QUESTIONS_PER_PEER_MAX } from './limits.ts'
import type { QuestionHandler, QuestionOptions } from './ports.ts'
import { receiveMessage, sendMessage } from './questions.ts'

interface Topic {
  options: QuestionOptions
  handler: QuestionHandler
}

export class QuestionDesk {
  readonly #clock: Clock
  readonly #log: Logger
  readonly #guard: Guard
  readonly #answered: Counter
  readonly #topics = new Map<string, Topic>()
  readonly #openByPeer = new Map<string, number>()
  #open = 0

  constructor(deps: { clock: Clock; log: Logger; guard: Guard; metrics: Metrics }) {
    this.#clock = deps.clock
    this.#log = deps.log
    this.#guard = deps.guard
    this.#answered = deps.metrics.counter(
      'citynode_net_questions_total',
      'Questions of peers, by outcome',
      ['outcome'],
    )
  }

  /** Before {@link open}: what is answered is settled when the host starts. */
  add(topic: string, options: QuestionOptions, handler: QuestionHandler): void {
    this.#topics.set(topic, { options, handler })
  }

  async open(host: Host, city: CityId): Promise<void> {
    for (const [name, topic] of this.#topics) {
      await host.handle(
        cityProtocol(city, name),
        (stream, connection) => this.#serve(topic, stream, connection),
        { runOnLimitedConnection: true, maxInboundStreams: QUESTIONS_PER_PEER_MAX },
      )
    }
  }

  async #serve(topic: Topic, stream: Stream, connection: Connection): Promise<void> {
    const peer = connection.remotePeer.toString()
    const open = this.#openByPeer.get(peer) ?? 0
    if (open >= QUESTIONS_PER_PEER_MAX || this.#open >= QUESTIONS_MAX) {
      this.#answered.add(1, { outcome: 'busy' })
      return stream.abort(new CodedError('NET_BUSY', 'Too many questions at once.'))
    }
    this.#openByPeer.set(peer, open + 1)
    this.#open += 1
    try {
      await this.#reply(topic, stream, peer)
      this.#answered.add(1, { outcome: 'answered' })
    } catch (error) {
      this.#answered.add(1, { outcome: 'failed' })
      this.#log.debug('a question was not answered', { peer, error })
      stream.abort(asError(error))
    } finally {
      this.#open -= 1
      const left = (this.#openByPeer.get(peer) ?? 1) - 1
      if (left > 0) this.#openByPeer.set(peer, left)
      else this.#openByPeer.delete(peer)
    }
  }

  async #reply({ options, handler }: Topic, stream: Stream, peer: string): Promise<void> {
    const caller = { kind: 'peer', peerId: parsePeerId(peer) } as const
    const allowed = this.#guard.check(caller, options.needs)
    if (!allowed.allowed) throw new CodedError('NET_REFUSED', allowed.reason)
    const limit = deadline(
      this.#clock,
      QUESTION_MS_MAX,
      () => new CodedError('NET_QUESTION_TIMEOUT', 'The question took too long.'),
    )
    try {
      const request = await receiveMessage(stream, options.requestBytesMax, limit.signal)
      const answer = await handler(request, { caller, signal: limit.signal })
      if (answer.length > options.replyBytesMax) {
        throw new CodedError('NET_REPLY_TOO_LONG', 'The reply is longer than the topic allows.')
      }
      await sendMessage(stream, answer, limit.signal)
    } finally {
      limit.cancel()
    }
  }
}
