// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * What the owner gives: permissions on this node, signed by its key, kept in a table so that it can be
 * seen who holds what, and taken back. What a holder passes on is not known here, and ends with it.
 */
import { CodedError, didKeyOf, type PeerId, type Random } from '../base/base.ts'
import type { NodeIdentity } from '../identity/identity.ts'
import type { Database } from '../store/store.ts'
import { commandNeedsTime, commandOfNeed, wordsOfCommand } from './commands.ts'
import { GIVEN_MAX, REQUEST_LIFE_SECONDS, TOKEN_NONCE_BYTES } from './limits.ts'
import type { RequestNonces } from './nonces.ts'
import { issueNotice, judgeNotice, type RevocationStore } from './revocations/revocations.ts'
import type { TimeView } from './time/time.ts'
import {
  covers,
  type Delegation,
  isCommand,
  issueDelegation,
  peerIdOfDid,
  type TokenReader,
} from './tokens/tokens.ts'

export interface GivingDeps {
  signer: NodeIdentity
  database: Database
  reader: TokenReader
  revocations: RevocationStore
  nonces: Pick<RequestNonces, 'current'>
  time: { view(): TimeView }
  random: Random
}

export interface Gift {
  /** `did:key` of who shall hold it. */
  holder: string
  /** A known command, or one below a known one. */
  command: string
  /** As the owner calls the holder. */
  name: string
  /** Last second, since 1970; `null`: for ever. */
  expires: number | null
  /** Bytes of one request; `null`: no such bound. */
  bytesMax: number | null
}

/** A permission that was given, and what became of it. */
export interface Given extends Gift {
  cid: string
  /** What it lets do, after "may". */
  words: string
  givenAtSeconds: number
  /** `ended` for certain: while nobody knows the time, one that has ended may still be said to hold. */
  state: 'holds' | 'ended' | 'revoked'
  token: Uint8Array
}

interface Row {
  delegation_cid: string
  token: Uint8Array
  name: string
  bytes_max: number | null
  given_at_s: number
}

export class Giving {
  readonly #deps: GivingDeps
  readonly #givenMax: number

  constructor(deps: GivingDeps, limits: { given?: number } = {}) {
    this.#deps = deps
    this.#givenMax = limits.given ?? GIVEN_MAX
  }

  /** What a signed request needs to know. `endsAtSeconds`: when one that is made now should end. */
  nonce(): { nonce: Uint8Array; node: string; endsAtSeconds: number } {
    const { nonces, signer, time } = this.#deps
    const { agreed, bound, hint } = time.view()
    const nowSeconds = agreed ?? Math.max(bound, hint)
    const endsAtSeconds = nowSeconds + REQUEST_LIFE_SECONDS
    return { nonce: nonces.current(), node: signer.did, endsAtSeconds }
  }

  /**
   * The record is safe before the token is handed out: what nobody remembers cannot be taken back.
   * @throws CodedError `ACCESS_BAD_HOLDER`, `ACCESS_BAD_COMMAND`, `ACCESS_BYTES_ELSEWHERE`,
   *   `ACCESS_ENDED`, `ACCESS_GIVEN_FULL`
   */
  give(gift: Gift): Given {
    const { database, random, signer, time } = this.#deps
    const audience = holderOf(gift.holder)
    const command = checkedCommand(gift.command)
    if (gift.bytesMax !== null && !covers('/content/add', command)) throw noBytesThere()
    const { bound, hint } = time.view()
    if (gift.expires !== null && gift.expires <= bound) throw ended()
    this.#makeRoom()
    const token = issueDelegation(signer, {
      audience,
      command,
      policy: gift.bytesMax === null ? [] : [['<=', '.bytes', gift.bytesMax]],
      expires: gift.expires,
      nonce: random.bytes(TOKEN_NONCE_BYTES),
    })
    const cid = this.#read(token).cid
    const { name, bytesMax: bytes_max } = gift
    const row: Row = { delegation_cid: cid, token, name, bytes_max, given_at_s: hint }
    database
      .prepare<never, [Record<string, string | number | Uint8Array | null>]>(
        `INSERT INTO access_given (delegation_cid, token, name, bytes_max, given_at_s)
         VALUES (@delegation_cid, @token, @name, @bytes_max, @given_at_s)`,
      )
      .run({ ...row })
    database.checkpoint()
    return this.#givenOf(row)
  }

  /** What its giver should know of its end; undefined where it means what it says. */
  noteOf({ command, expires }: Pick<Given, 'command' | 'expires'>): string | undefined {
    if (expires === null || this.#deps.time.view().agreed !== undefined) return undefined
    return commandNeedsTime(command)
      ? 'While this node does not know for certain what time it is, it refuses what may not outlast ' +
          'its end. Give it without an end, and take it back when it should end.'
      : 'While this node does not know for certain what time it is, this goes on beyond its end. ' +
          'Take it back when it should end for certain.'
  }

  /** All that was given and is remembered, the latest first. */
  given(): readonly Given[] {
    return this.#deps.database
      .prepare<Row>('SELECT * FROM access_given ORDER BY given_at_s DESC, delegation_cid')
      .all()
      .map((row) => this.#givenOf(row))
  }

  /**
   * Takes back for good what was given, and all that was passed on of it. Safe when it returns.
   * @throws CodedError `ACCESS_NOT_GIVEN`, `ACCESS_REVOCATIONS_FULL`
   */
  takeBack(cid: string): Given {
    const { database, reader, revocations, random, signer } = this.#deps
    const row = database
      .prepare<Row, [string]>('SELECT * FROM access_given WHERE delegation_cid = ?')
      .get(cid)
    if (row === undefined) {
      throw new CodedError('ACCESS_NOT_GIVEN', 'This node has given no such permission.', {
        advice: 'See what it has given with: citynode capability list',
      })
    }
    const path = [this.#read(row.token)]
    const notice = judgeNotice(issueNotice(signer, path, random.bytes(TOKEN_NONCE_BYTES)), reader)
    if (!notice.ok) throw unreadable(notice.refusal.code)
    revocations.keep(notice.value)
    revocations.sync()
    return this.#givenOf(row)
  }

  #givenOf({ token, name, bytes_max, given_at_s }: Row): Given {
    const { cid, audience, command, expires } = this.#read(token)
    return {
      cid,
      holder: didKeyOf(audience),
      name,
      command,
      words: wordsOfCommand(command),
      expires,
      bytesMax: bytes_max,
      givenAtSeconds: given_at_s,
      state: this.#stateOf(cid, expires),
      token: Uint8Array.from(token),
    }
  }

  #stateOf(cid: string, expires: number | null): Given['state'] {
    const { revocations, signer, time } = this.#deps
    if ([...revocations.revokersOf(cid)].includes(signer.peerId)) return 'revoked'
    const { agreed, bound } = time.view()
    return expires !== null && expires < (agreed ?? bound) ? 'ended' : 'holds'
  }

  /** What has certainly ended need not be remembered; what holds is never forgotten. */
  #makeRoom(): void {
    const { database } = this.#deps
    const counted = database.prepare<{ count: number }>(
      'SELECT count(*) AS count FROM access_given',
    )
    if ((counted.get()?.count ?? 0) < this.#givenMax) return
    const forget = database.prepare<never, [string]>(
      'DELETE FROM access_given WHERE delegation_cid = ?',
    )
    const over = this.given().filter(({ state }) => state !== 'holds')
    for (const { cid } of over) forget.run(cid)
    if (over.length > 0) return
    throw new CodedError('ACCESS_GIVEN_FULL', 'This node has given as much as it can remember.', {
      advice: 'Take back what is no longer used: citynode capability list, then revoke',
    })
  }

  /** What we signed ourselves can be read, unless the database is not what it was. */
  #read(token: Uint8Array): Delegation {
    const read = this.#deps.reader.readDelegation(token)
    if (read.ok) return read.value
    throw unreadable(read.refusal.code)
  }
}

function holderOf(did: string): PeerId {
  const holder = peerIdOfDid(did)
  if (holder !== undefined) return holder
  throw new CodedError('ACCESS_BAD_HOLDER', 'This is not the name of a key.', {
    advice:
      'Whoever shall hold it finds theirs, which begins with did:key:z6Mk, by: ' +
      'citynode --as FILE capability key',
  })
}

function checkedCommand(text: string): Delegation['command'] {
  if (isCommand(text) && commandOfNeed(text) !== undefined) return text
  throw new CodedError('ACCESS_BAD_COMMAND', 'That is nothing that can be allowed here.', {
    advice: 'See what can be, with: citynode capability give --help',
  })
}

/** A bound on the bytes of a request says nothing of what a request has others send. */
function noBytesThere(): CodedError {
  return new CodedError('ACCESS_BYTES_ELSEWHERE', 'Only what is stored can be bounded by bytes.', {
    advice: 'Leave out the size, or give store by itself.',
  })
}

function ended(): CodedError {
  return new CodedError('ACCESS_ENDED', 'A permission that ends then has ended already.', {
    advice: 'Name a day that is still to come.',
  })
}

function unreadable(reason: string): CodedError {
  return new CodedError('ACCESS_GIVEN_DAMAGED', 'A permission that was given cannot be read.', {
    context: { reason },
    advice: 'The database may be damaged: citynode status says what is known.',
  })
}
