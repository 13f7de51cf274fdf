// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Keeps what was taken back: in the database, and an index of it in memory that chains ask. Nothing
 * makes it forget but the end of the permission itself. When somebody takes back more than there is
 * room for, it is their own word that stops counting, not what was said before.
 */
import { CodedError, type PeerId } from '../../base/base.ts'
import type { Database } from '../../store/store.ts'
import type { TakenBack } from '../chain.ts'
import {
  MUTED_REVOKERS_MAX,
  REVOCATIONS_OURS_MAX,
  REVOCATIONS_PER_REVOKER_MAX,
  REVOCATIONS_RELAYED_MAX,
  REVOCATIONS_RELAYED_PER_SUBJECT_MAX,
} from '../limits.ts'
import type { Notice } from './notice.ts'

/** Why a revocation is kept: see the table's comment. */
type NoticeClass = 'subject' | 'delegate' | 'relayed'

/**
 * `muted`: its revoker had taken back too much, so all of their grants count as taken back.
 * `full`: it counts elsewhere only, and there is no room to pass on more.
 */
export type KeepResult = 'new' | 'known' | 'muted' | 'full'

export interface RevocationLimits {
  ours: number
  perRevoker: number
  muted: number
  relayed: number
  relayedPerSubject: number
}

const LIMITS: RevocationLimits = {
  ours: REVOCATIONS_OURS_MAX,
  perRevoker: REVOCATIONS_PER_REVOKER_MAX,
  muted: MUTED_REVOKERS_MAX,
  relayed: REVOCATIONS_RELAYED_MAX,
  relayedPerSubject: REVOCATIONS_RELAYED_PER_SUBJECT_MAX,
}

interface Row {
  delegation_cid: string
  revoker: PeerId
  subject: PeerId
  class: NoticeClass
}

export class RevocationStore implements TakenBack {
  readonly #database: Database
  readonly #isOurs: (subject: PeerId) => boolean
  readonly #limits: RevocationLimits
  /** Revokers by the CID of the delegation. */
  readonly #index = new Map<string, Map<PeerId, Row>>()
  /** How many are kept, by class, by revoker of the class `delegate`, and by subject of `relayed`. */
  readonly #counts = new Map<string, number>()
  readonly #muted = new Set<PeerId>()
  #revision = 0

  /** @param options.isOurs Whether permissions about that subject are used on this node. */
  constructor(
    database: Database,
    options: { isOurs: (subject: PeerId) => boolean; limits?: Partial<RevocationLimits> },
  ) {
    this.#database = database
    this.#isOurs = options.isOurs
    this.#limits = { ...LIMITS, ...options.limits }
    const rows = database.prepare<Row>(
      'SELECT delegation_cid, revoker, subject, class FROM access_revocations',
    )
    for (const row of rows.iterate()) this.#remember(row)
    const muted = database.prepare<{ revoker: PeerId }>('SELECT revoker FROM access_muted')
    for (const { revoker } of muted.iterate()) this.#muted.add(revoker)
  }

  revokersOf(cid: string): Iterable<PeerId> {
    return this.#index.get(cid)?.keys() ?? []
  }

  isMuted(issuer: PeerId): boolean {
    return this.#muted.has(issuer)
  }

  get isOverflowing(): boolean {
    return this.#muted.size >= this.#limits.muted
  }

  /** Changes with what is kept. */
  get revision(): number {
    return this.#revision
  }

  /** How many revocations are kept. */
  get size(): number {
    return (
      this.#count('class subject') + this.#count('class delegate') + this.#count('class relayed')
    )
  }

  /**
   * Keeps a notice that was judged.
   * @throws CodedError `ACCESS_REVOCATIONS_FULL` when the subject itself took back too much.
   */
  keep(notice: Notice): KeepResult {
    const noticeClass = this.#classOf(notice)
    const known = this.#index.get(notice.delegation)?.get(notice.revoker)
    if (known !== undefined && (known.class !== 'relayed' || noticeClass === 'relayed')) {
      return 'known'
    }
    if (this.#muted.has(notice.revoker) && noticeClass === 'delegate') return 'muted'
    if (!this.#hasRoom(notice, noticeClass)) return this.#refuse(notice, noticeClass)
    this.#write(notice, noticeClass)
    if (known !== undefined) this.#forget(known)
    const { delegation, revoker, subject } = notice
    this.#remember({ delegation_cid: delegation, revoker, subject, class: noticeClass })
    return 'new'
  }

  /** What was acknowledged to the owner is on the disk after this, whatever the power does. */
  sync(): void {
    this.#database.checkpoint()
  }

  /**
   * Forgets what would have ended by itself. @param seconds Must have certainly passed, also after a
   * power cut: else what was taken back would live again.
   */
  forgetEnded(seconds: number): number {
    const ended = this.#database
      .prepare<Row, [number]>(
        `DELETE FROM access_revocations WHERE expires_s IS NOT NULL AND expires_s < ?
         RETURNING delegation_cid, revoker, subject, class`,
      )
      .all(seconds)
    for (const row of ended) this.#forget(row)
    return ended.length
  }

  /** Names of all that is kept, for digests. */
  *shortIds(): Iterable<Uint8Array> {
    const rows = this.#database.prepare<{ short_id: Uint8Array }>(
      'SELECT short_id FROM access_revocations ORDER BY short_id',
    )
    for (const { short_id } of rows.iterate()) yield short_id
  }

  /** The notice of that name; of two with one name, the first. */
  noticeOf(shortId: Uint8Array): Uint8Array | undefined {
    return this.#database
      .prepare<{ notice: Uint8Array }, [Uint8Array]>(
        'SELECT notice FROM access_revocations WHERE short_id = ? LIMIT 1',
      )
      .get(shortId)?.notice
  }

  #classOf({ subject, revoker }: Notice): NoticeClass {
    if (!this.#isOurs(subject)) return 'relayed'
    return revoker === subject ? 'subject' : 'delegate'
  }

  #hasRoom({ revoker, subject }: Notice, noticeClass: NoticeClass): boolean {
    const inClass = this.#count(`class ${noticeClass}`)
    if (noticeClass === 'relayed') {
      const ofSubject = this.#count(`relayed ${subject}`)
      return inClass < this.#limits.relayed && ofSubject < this.#limits.relayedPerSubject
    }
    if (noticeClass === 'subject') return inClass < this.#limits.ours
    const ofRevoker = this.#count(`delegate ${revoker}`)
    return inClass < this.#limits.ours && ofRevoker < this.#limits.perRevoker
  }

  #refuse({ revoker, subject }: Notice, noticeClass: NoticeClass): KeepResult {
    if (noticeClass === 'relayed') return 'full'
    if (noticeClass === 'delegate') {
      this.#mute(revoker)
      return 'muted'
    }
    throw new CodedError('ACCESS_REVOCATIONS_FULL', 'There is no room to remember more.', {
      context: { subject, kept: this.size },
      advice: 'Give permissions that end by themselves; those that ended make room.',
    })
  }

  #mute(revoker: PeerId): void {
    // With as many muted as there is room for, nothing counts but the subject's own grants.
    if (this.isOverflowing) return
    this.#database
      .prepare<never, [string]>('INSERT OR IGNORE INTO access_muted (revoker) VALUES (?)')
      .run(revoker)
    this.#muted.add(revoker)
  }

  #write(notice: Notice, noticeClass: NoticeClass): void {
    this.#database
      .prepare<never, [Record<string, string | number | Uint8Array | null>]>(
        `INSERT INTO access_revocations
           (delegation_cid, revoker, subject, class, expires_s, short_id, notice)
         VALUES (@delegation, @revoker, @subject, @class, @expires, @shortId, @notice)
         ON CONFLICT (delegation_cid, revoker) DO UPDATE SET
           subject = excluded.subject, class = excluded.class, notice = excluded.notice`,
      )
      .run({
        delegation: notice.delegation,
        revoker: notice.revoker,
        subject: notice.subject,
        class: noticeClass,
        expires: notice.expires,
        shortId: notice.shortId,
        notice: notice.bytes,
      })
  }

  #remember(row: Row): void {
    const revokers = this.#index.get(row.delegation_cid) ?? new Map<PeerId, Row>()
    this.#index.set(row.delegation_cid, revokers)
    revokers.set(row.revoker, row)
    this.#addToCounts(row, 1)
  }

  #forget(row: Row): void {
    const revokers = this.#index.get(row.delegation_cid)
    revokers?.delete(row.revoker)
    if (revokers?.size === 0) this.#index.delete(row.delegation_cid)
    this.#addToCounts(row, -1)
  }

  #addToCounts(row: Row, change: number): void {
    this.#revision += 1
    this.#addTo(`class ${row.class}`, change)
    if (row.class === 'delegate') this.#addTo(`delegate ${row.revoker}`, change)
    if (row.class === 'relayed') this.#addTo(`relayed ${row.subject}`, change)
  }

  #addTo(key: string, change: number): void {
    const count = this.#count(key) + change
    if (count === 0) this.#counts.delete(key)
    else this.#counts.set(key, count)
  }

  #count(key: string): number {
    return this.#counts.get(key) ?? 0
  }
}
