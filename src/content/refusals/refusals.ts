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
  invariant,
  type Logger,
  type Metrics,
  type PeerId,
  repeat,
  type Service,
  type Timer,
} from '../../base/base.ts'
import type { PeerNetwork, QuestionHandler } from '../../net/net.ts'
import type { Disk } from '../blocks/blocks.ts'
import { askAround, askPeer } from './asking.ts'
import { DenyListTable, type RefusalsDatabase } from './denylist-table.ts'
import { type DenyListFacts, DenyLists } from './denylists.ts'
import { Journal, type JournalTables } from './journal.ts'
import type { TableEntry } from './journal-entries.ts'
import {
  LISTS_LOOK_GAP_MS,
  WITHDRAWN_CIDS_MAX,
  WITHDRAWN_REPLY_BYTES_MAX,
  WITHDRAWN_REQUEST_BYTES_MAX,
} from './limits.ts'
import { type BlockKind, type LocalBlock, LocalBlocks } from './local-blocks.ts'
import { SHA2_256, tidyPath } from './names.ts'
import { Publications, type StoredPublication } from './publications.ts'
import {
  type Publication,
  parsePublication,
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
export {
  PUBLICATION_BYTES_MAX,
  WATCH_GAP_MS_MAX,
  WATCH_GAP_MS_MIN,
  WATCH_PASS_GAP_MS,
  WATCH_PEERS_MAX,
  WITHDRAWN_CIDS_MAX,
} from './limits.ts'
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
  network: Pick<PeerNetwork, 'answer' | 'ask' | 'connectedPeers'>
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
  readonly #journal: Journal
  readonly #refused: Counter
  readonly #stopping = new AbortController()
  #lookTimer: Timer | undefined
  #opening: Promise<void> | undefined
  /** Blocks and withdrawals, counted when somebody asks after a change. */
  #ownCount: number | undefined

  constructor(deps: RefusalsDeps, options: RefusalsOptions) {
    this.#deps = deps
    this.#options = options
    this.#blocks = new LocalBlocks(deps.database, deps.clock)
    this.#publications = new Publications(deps.database)
    const { database, disk, log } = deps
    const tables = tablesOf(this.#blocks, this.#publications)
    this.#journal = new Journal({ database, disk, log, tables }, options)
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

  /**
   * What was refused before is refused from now on. Before anything of the store may be used; once,
   * however often it is called.
   */
  open(signal?: AbortSignal): Promise<void> {
    this.#opening ??= this.#open(signal)
    return this.#opening
  }

  /** Lists that changed while the node did not run are read later. */
  async start(signal?: AbortSignal): Promise<void> {
    const { network, clock } = this.#deps
    await this.open(signal)
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
    return [...this.#journal.health(), ...this.#lists.health()]
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

  /** Why an item would be refused, for its owner to see: nothing is refused by that. */
  refusalOf(cid: CID): Refused | undefined {
    return this.#check(cid, '')
  }

  /** The same for a block by the sha2-256 of its bytes, whatever codec it is asked for under. */
  checkDigest(digest: Uint8Array): Refused | undefined {
    return this.check({ cid: CID.createV1(RAW, Digest.create(SHA2_256, digest)) })
  }

  /** From now on. What is here of it stays, unseen by others. @throws CodedError `REFUSALS_…` */
  async block(cid: CID, options: { kind: BlockKind; reason: string }): Promise<LocalBlock> {
    const block = await this.#change(() => {
      const { block: result, entries } = this.#blocks.planBlock(cid, options.kind, options.reason)
      return { result, entries }
    })
    this.#deps.log.info('an item is refused from now on', { cid: block.cid, kind: block.kind })
    return block
  }

  /** @throws CodedError `REFUSALS_NOT_BLOCKED`, `STORE_…` */
  async unblock(cid: CID): Promise<LocalBlock> {
    const block = await this.#change(() => {
      const { block: result, entries } = this.#blocks.planUnblock(cid)
      return { result, entries }
    })
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

  /** What a peer sent as the publication of an item; undefined when it is not one of that item. */
  readPublication(bytes: Uint8Array, root: CID): Signed<Publication> | undefined {
    const parsed = parsePublication(bytes, this.#options.city)
    if (parsed.verdict !== 'accept') return undefined
    // The very CID: by it the item is found again when the publisher withdraws it.
    return parsed.value.record.root.equals(root.toV1()) ? parsed.value : undefined
  }

  /**
   * An item arrived with this publication, or it came later from where the item is from. The first
   * key that a root is bound to stays; false when it is another's.
   */
  notePublication(signed: Signed<Publication>, options: { isShared: boolean }): Promise<boolean> {
    return this.#change(() => {
      const entries = this.#publications.planNote(signed, options)
      return { result: entries !== undefined, entries: entries ?? [] }
    })
  }

  /**
   * Before an item with this publication is kept: notes it and, when it will be public here, asks
   * connected peers whether it was withdrawn. Then {@link check} knows. Nobody is asked about what
   * stays private.
   */
  async admit(
    signed: Signed<Publication>,
    { isShared, signal }: { isShared: boolean; signal: AbortSignal },
  ): Promise<boolean> {
    const [isNoted = false] = await this.admitAll([signed], { isShared, signal })
    return isNoted
  }

  /** As {@link admit}, for items that come together: peers are asked about 64 at a time. */
  async admitAll(
    publications: readonly Signed<Publication>[],
    { isShared, signal }: { isShared: boolean; signal: AbortSignal },
  ): Promise<boolean[]> {
    const areNoted: boolean[] = []
    for (const signed of publications) {
      signal.throwIfAborted()
      areNoted.push(await this.notePublication(signed, { isShared }))
    }
    const noted = publications.filter((_signed, index) => areNoted[index]).map(rootOf)
    for (let at = 0; isShared && at < noted.length; at += WITHDRAWN_CIDS_MAX) {
      const cids = noted.slice(at, at + WITHDRAWN_CIDS_MAX)
      const asked = { cids, city: this.#options.city, signal }
      await this.learnWithdrawals(await askAround(this.#deps, asked))
    }
    return areNoted
  }

  /** Asks a peer which of at most 64 items were withdrawn. @returns what that changed here */
  async askWithdrawn(
    peerId: PeerId,
    cids: readonly CID[],
    signal: AbortSignal,
  ): Promise<readonly Signed<Withdrawal>[]> {
    const asked = { cids, city: this.#options.city, signal }
    const answer = await askPeer(this.#deps, peerId, asked)
    return this.learnWithdrawals(answer ?? [])
  }

  /** Published by others, shared here, and not withdrawn as far as is known; in order of `id`. */
  sharedPublications(after: number, limit: number): { id: number; root: CID }[] {
    return this.#publications.sharedAfter(after, limit, this.#deps.signer.peerId)
  }

  /** Published by others and withdrawn, in order of `id`. */
  withdrawnItems(after: number, limit: number): { id: number; root: CID }[] {
    return this.#publications.withdrawnAfter(after, limit, this.#deps.signer.peerId)
  }

  /** Those that change something: not of unknown items, of another's key, or older than known. */
  async learnWithdrawals(
    withdrawals: readonly Signed<Withdrawal>[],
  ): Promise<readonly Signed<Withdrawal>[]> {
    if (withdrawals.length === 0) return []
    const news = await this.#change(() => {
      // The last of two about one item counts: the one with the higher number.
      const inOrder = withdrawals.toSorted((a, b) => a.record.sequence - b.record.sequence)
      const planned = inOrder.map((one) => ({ one, entries: this.#publications.planLearn(one) }))
      const changing = planned.filter(({ entries }) => entries.length > 0)
      return {
        result: changing.map(({ one }) => one),
        entries: changing.flatMap(({ entries }) => entries),
      }
    })
    for (const { record } of news) {
      const { root, by } = record
      this.#deps.log.info('a publisher has withdrawn an item', { cid: root.toString(), by })
    }
    return news
  }

  /** As {@link learnWithdrawals}, of one; false when it changes nothing. */
  async learnWithdrawal(signed: Signed<Withdrawal>): Promise<boolean> {
    return (await this.learnWithdrawals([signed])).length > 0
  }

  /**
   * The item was removed here.
   * @param options.erases its title is not to stay in the journal; it does where it was withdrawn.
   */
  async itemRemoved(root: CID, { erases = false } = {}): Promise<void> {
    await this.#change(() => ({
      result: undefined,
      entries: this.#publications.planLeave(root),
    }))
    if (erases) await this.#journal.renew()
  }

  /** Publishes an item under this node's key. @throws CodedError `REFUSALS_…`, `STORE_…` */
  publish(root: CID, title: string): Promise<Signed<Publication>> {
    const { city } = this.#options
    return this.#change(() => {
      const sequence = this.#nextSequence(root)
      const result = signPublication({ root, sequence, title }, city, this.#deps.signer)
      return { result, entries: this.#publications.planNote(result, { isShared: true }) ?? [] }
    })
  }

  /** Takes it back, for all who ask. @throws CodedError `REFUSALS_…`, `STORE_…` */
  async withdraw(root: CID, reason: string): Promise<Signed<Withdrawal>> {
    const { city } = this.#options
    const signed = await this.#change(() => {
      if (this.#publications.get(root) === undefined) throw notPublished()
      const sequence = this.#nextSequence(root)
      const result = signWithdrawal({ root, sequence, reason }, city, this.#deps.signer)
      return { result, entries: this.#publications.planLearn(result) }
    })
    this.#deps.log.info('an item was withdrawn', { cid: root.toString() })
    return signed
  }

  async #open(signal: AbortSignal | undefined): Promise<void> {
    await this.#journal.open(signal)
    this.#ownCount = undefined
    this.#lists.open()
    // With the tables the rules of all lists are gone: nothing may be used before they are back.
    if (!this.#journal.isRebuilt) return
    await this.#lists.look(signal ?? this.#stopping.signal)
  }

  /** One change that is decided, made safe and then in force. @throws what `decide` throws */
  async #change<T>(decide: () => { result: T; entries: readonly TableEntry[] }): Promise<T> {
    await this.open()
    let result: { value: T } | undefined
    try {
      await this.#journal.change(() => {
        const decided = decide()
        result = { value: decided.result }
        return decided.entries
      })
    } finally {
      this.#ownCount = undefined
    }
    invariant(result !== undefined, 'a change was decided')
    return result.value
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

/** Two tables, one journal. */
function tablesOf(blocks: LocalBlocks, publications: Publications): JournalTables {
  return {
    apply: (entry) => {
      if (entry.entry === 'block' || entry.entry === 'unblock') blocks.apply(entry)
      else publications.apply(entry)
    },
    clear: () => {
      blocks.clear()
      publications.clear()
    },
    pages: function* () {
      yield* blocks.pages()
      yield* publications.pages()
    },
    count: () => blocks.count() + publications.count(),
  }
}

function notPublished(): CodedError {
  return new CodedError('REFUSALS_NOT_PUBLISHED', 'That item was not published from here.', {
    advice: 'Only what was published under this node’s key can be withdrawn by it.',
  })
}

function rootOf({ record }: Signed<Publication>): CID {
  return record.root
}
