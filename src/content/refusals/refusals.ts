// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * What this node refuses to store, serve and announce: what its owner blocked or had forgotten, what
 * the deny lists that the owner subscribed to name, and what its own publisher has withdrawn.
 *
 * What holds here: a refusal is of bytes, by their hash, whatever version, codec and base the CID
 * that asks for them has. A refused CID refuses the item whose root it is, and all that is asked
 * for through it. A folder that contains it stays, and only the refused part of it is not served:
 * whoever serves a block asks {@link Refusals.checkDigest} of that block. Nothing that is here is
 * deleted because a list names it: a mistake in a list must not cost anybody a file.
 */
import { join } from 'node:path'
import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'
import {
  type CityId,
  type Clock,
  CodedError,
  type Counter,
  type HealthCondition,
  type Logger,
  type Metrics,
  repeat,
  type Service,
  type Timer,
} from '../../base/base.ts'
import type { PeerNetwork, QuestionHandler } from '../../net/net.ts'
import type { Disk } from '../blocks/blocks.ts'
import { DenyListTable, type RefusalsDatabase } from './denylist-table.ts'
import { type DenyListFacts, DenyLists } from './denylists.ts'
import { notBlocked } from './errors.ts'
import {
  LISTS_LOOK_GAP_MS,
  WITHDRAWN_REPLY_BYTES_MAX,
  WITHDRAWN_REQUEST_BYTES_MAX,
} from './limits.ts'
import { type BlockKind, type LocalBlock, LocalBlocks } from './local-blocks.ts'
import { SHA2_256, tidyPath } from './names.ts'
import { Publications, type StoredPublication } from './publications.ts'
import {
  type Publication,
  type RecordSigner,
  type Signed,
  signPublication,
  signWithdrawal,
  type Withdrawal,
} from './records.ts'
import { type Refused, refusedByList, refusedByOwner, refusedByPublisher } from './refused.ts'
import { encodeWithdrawnReply, parseWithdrawnRequest, WITHDRAWN_TOPIC } from './withdrawn.ts'

export type { ListProblem } from './denylist-import.ts'
export type { RefusalsDatabase } from './denylist-table.ts'
export type { DenyListFacts } from './denylists.ts'
export type { BlockKind, LocalBlock } from './local-blocks.ts'
export type { StoredPublication } from './publications.ts'
export {
  isWithdrawnBy,
  type Publication,
  parsePublication,
  parseWithdrawal,
  type RecordSigner,
  type Signed,
  type Withdrawal,
} from './records.ts'
export type { Refused } from './refused.ts'
export { encodeWithdrawnRequest, parseWithdrawnReply, WITHDRAWN_TOPIC } from './withdrawn.ts'

export interface RefusalsDeps {
  database: RefusalsDatabase
  disk: Disk
  network: Pick<PeerNetwork, 'answer'>
  signer: RecordSigner
  clock: Clock
  log: Logger
  metrics: Metrics
}

export interface RefusalsOptions {
  /** Of the content room; exists when this starts. Lists lie in `denylists` below it. */
  folder: string
  /** Deny lists elsewhere. */
  listPaths: readonly string[]
  city: CityId
}

/** Emptied at every start, so that what a crash left there is gone. */
const SCRATCH_PATH = ['incoming', 'denylist.rules'] as const

export class Refusals implements Service {
  readonly name = 'refusals'
  readonly #deps: RefusalsDeps
  readonly #options: RefusalsOptions
  readonly #blocks: LocalBlocks
  readonly #lists: DenyLists
  readonly #publications: Publications
  readonly #refused: Counter
  readonly #stopping = new AbortController()
  #lookTimer: Timer | undefined
  /** Blocks and withdrawals, counted when somebody asks after a change. */
  #ownCount: number | undefined

  constructor(deps: RefusalsDeps, options: RefusalsOptions) {
    this.#deps = deps
    this.#options = options
    this.#blocks = new LocalBlocks(deps.database, deps.clock)
    this.#publications = new Publications(deps.database)
    this.#lists = new DenyLists(
      { table: new DenyListTable(deps.database), disk: deps.disk, log: deps.log },
      {
        folder: join(options.folder, 'denylists'),
        paths: options.listPaths,
        scratchPath: join(options.folder, ...SCRATCH_PATH),
      },
    )
    deps.metrics.observedGauge(
      'citynode_content_denylist_rules',
      'Rules of deny lists in force.',
      () => this.#lists.rulesCount,
    )
    this.#refused = deps.metrics.counter(
      'citynode_content_refused_total',
      'Times that something was refused, by what refused it.',
      ['kind'],
    )
  }

  /** What was refused before is refused at once; lists that changed meanwhile are read later. */
  async start(): Promise<void> {
    const { network, clock } = this.#deps
    this.#lists.open()
    network.answer(
      WITHDRAWN_TOPIC,
      {
        needs: 'public',
        requestBytesMax: WITHDRAWN_REQUEST_BYTES_MAX,
        replyBytesMax: WITHDRAWN_REPLY_BYTES_MAX,
      },
      this.#answerWithdrawn,
    )
    this.#lookTimer = repeat(clock, () => LISTS_LOOK_GAP_MS, this.#lookSoon)
    this.#lookSoon()
  }

  async stop(): Promise<void> {
    this.#lookTimer?.cancel()
    this.#stopping.abort(new CodedError('NODE_STOPPING', 'The node is stopping.'))
    await this.#lists.settled()
  }

  health(): readonly HealthCondition[] {
    return this.#lists.health()
  }

  /** Nothing at all is refused: then nobody need ask of every block. */
  get isEmpty(): boolean {
    this.#ownCount ??= this.#blocks.count() + this.#publications.withdrawnCount()
    return this.#ownCount === 0 && this.#lists.rulesCount === 0
  }

  /** Why this is refused; undefined when it is not. Of a path, the CID is that of its root. */
  check({ cid, path = '' }: { cid: CID; path?: string }): Refused | undefined {
    const refused = this.#check(cid, tidyPath(path))
    if (refused !== undefined) this.#refused.add(1, { kind: refused.kind })
    return refused
  }

  /** The same for a block by the sha2-256 of its bytes, whatever codec it is asked for under. */
  checkDigest(digest: Uint8Array): Refused | undefined {
    return this.check({ cid: CID.createV1(RAW, Digest.create(SHA2_256, digest)) })
  }

  /** From now on. What is here of it stays, unseen by others. @throws CodedError `REFUSALS_…` */
  block(cid: CID, options: { kind: BlockKind; reason: string }): LocalBlock {
    const block = this.#blocks.add(cid, options.kind, options.reason)
    this.#ownCount = undefined
    this.#deps.log.info('an item is refused from now on', { cid: block.cid, kind: block.kind })
    return block
  }

  /** @throws CodedError `REFUSALS_NOT_BLOCKED` */
  unblock(cid: CID): LocalBlock {
    const block = this.#blocks.remove(cid)
    this.#ownCount = undefined
    if (block === undefined) throw notBlocked()
    this.#deps.log.info('an item is no longer refused by the owner', { cid: block.cid })
    return block
  }

  /** Oldest first. */
  blocks(): readonly LocalBlock[] {
    return this.#blocks.list()
  }

  denylists(): readonly DenyListFacts[] {
    return this.#lists.facts()
  }

  /** Looks at the lists now, and returns when those that changed have been read. */
  async rereadLists(): Promise<readonly DenyListFacts[]> {
    await this.#lists.look(this.#stopping.signal)
    return this.#lists.facts()
  }

  /** Under whose signature an item came here. */
  publicationOf(root: CID): StoredPublication | undefined {
    return this.#publications.get(root)
  }

  /**
   * An item arrived with this publication, or it came later from where the item is from. The first
   * key that a root is bound to stays; false when it is another's.
   */
  notePublication(signed: Signed<Publication>, options: { isShared: boolean }): boolean {
    this.#ownCount = undefined
    return this.#publications.note(signed, options)
  }

  /** False when it changes nothing: unknown item, another's key, or older than what is known. */
  learnWithdrawal(signed: Signed<Withdrawal>): boolean {
    const isNews = this.#publications.learn(signed)
    this.#ownCount = undefined
    if (isNews) {
      const { root, by } = signed.record
      this.#deps.log.info('a publisher has withdrawn an item', { cid: root.toString(), by })
    }
    return isNews
  }

  /** The item was removed here. */
  itemRemoved(root: CID): void {
    this.#publications.leave(root)
  }

  /** Publishes an item under this node's key. @throws CodedError `REFUSALS_…` */
  publish(root: CID, title: string): Signed<Publication> {
    const sequence = this.#nextSequence(root)
    const signed = signPublication({ root, sequence, title }, this.#options.city, this.#deps.signer)
    this.#publications.note(signed, { isShared: true })
    this.#ownCount = undefined
    return signed
  }

  /** Takes it back, for all who ask. @throws CodedError `REFUSALS_…` */
  withdraw(root: CID, reason: string): Signed<Withdrawal> {
    if (this.#publications.get(root) === undefined) throw notPublished()
    const sequence = this.#nextSequence(root)
    const signed = signWithdrawal({ root, sequence, reason }, this.#options.city, this.#deps.signer)
    this.learnWithdrawal(signed)
    return signed
  }

  #nextSequence(root: CID): number {
    const known = this.#publications.get(root)
    if (known !== undefined && known.publisher !== this.#deps.signer.peerId) {
      throw new CodedError(
        'REFUSALS_OTHER_PUBLISHER',
        'That item was published by somebody else.',
        {
          context: { publisher: known.publisher },
          advice: 'Only the key that published an item can publish it anew or withdraw it.',
        },
      )
    }
    return known?.nextSequence ?? 1
  }

  #check(cid: CID, path: string): Refused | undefined {
    const block = this.#blocks.get(cid.multihash.bytes)
    if (block !== undefined) return refusedByOwner(block)
    const published = this.#publications.get(cid)
    if (published?.withdrawal !== undefined) return refusedByPublisher(published.publisher)
    const list = this.#lists.match(cid, path)
    return list === undefined ? undefined : refusedByList(list)
  }

  readonly #lookSoon = (): void => {
    this.#lists.look(this.#stopping.signal).catch((error: unknown) => {
      if (this.#stopping.signal.aborted) return
      // The next look may do better; until then what is in force stays in force.
      this.#deps.log.error('the deny lists could not be looked at', { error })
    })
  }

  readonly #answerWithdrawn: QuestionHandler = (request) => {
    const parsed = parseWithdrawnRequest(request)
    if (parsed.verdict !== 'accept') {
      return Promise.reject(new CodedError('CONTENT_BAD_QUESTION', parsed.reason))
    }
    const withdrawals = parsed.value.map((cid) => {
      const known = this.#publications.get(cid)
      // Of what was private here, nobody learns that it ever was here.
      return known?.isShared === true ? known.withdrawal : undefined
    })
    return Promise.resolve(encodeWithdrawnReply(withdrawals))
  }
}

const RAW = 0x55

function notPublished(): CodedError {
  return new CodedError('REFUSALS_NOT_PUBLISHED', 'That item was not published from here.', {
    advice: 'Only what was published under this node’s key can be withdrawn by it.',
  })
}
