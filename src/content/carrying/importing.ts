// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * A CAR file that somebody brings, of whatever software, into the store. Every block counts by its
 * hash alone; what the file claims beyond that decides nothing. A file that breaks off, or one of
 * several parts, is no failure: what came is kept until the rest comes, and only whole items appear.
 */
import { createHash } from 'node:crypto'
import { encode } from '@ipld/dag-cbor'
import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'
import { CodedError, errorCode, type Logger } from '../../base/base.ts'
import type { BlockStore, Intake } from '../blocks/blocks.ts'
import type { Visibility } from '../item.ts'
import { noteShared, type RefusalDesk } from '../refusing.ts'
import { blockNameOf, isSupported, SHA2_256, walkDag } from '../unixfs/unixfs.ts'
import { type CarBlock, CarStream } from './car-stream.ts'
import {
  type Landing,
  type LandingDeps,
  landRoot,
  lookAtRoot,
  VisitBudget,
  type WholeRoot,
} from './landing.ts'
import { NOTES_BYTES_MAX, NOTES_TOTAL_BYTES_MAX } from './limits.ts'
import { DAG_CBOR, decodeNotes, type Note } from './notes.ts'
import { Unpacker } from './unpacking.ts'

export interface ImportDeps {
  store: BlockStore
  log: Logger
  refusals: RefusalDesk
}

export interface ImportOptions {
  visibility: Visibility
  signal: AbortSignal
}

/** What became of a CAR. */
export interface CarReport {
  /** Of each root that is no block of notes, in the order of the header. */
  roots: readonly Landing[]
  /** Blocks that this node keeps, whether they were new to it or not. */
  blocksCount: number
  /** Blocks whose hash was wrong, of kinds that are not kept here, and refused ones. */
  wrongCount: number
  foreignCount: number
  refusedCount: number
  /** Where the file broke off; undefined: it was read to its end. */
  problem: string | undefined
}

/**
 * @throws CodedError `CONTENT_BAD_CAR` when nothing of it can be read; `STORE_…`; the signal's reason.
 *   What came before is kept for another try then, unless space is short.
 */
export async function importCar(
  deps: ImportDeps,
  source: AsyncIterable<Uint8Array>,
  options: ImportOptions,
): Promise<CarReport> {
  const car = new CarStream(source)
  try {
    const roots = distinct(await car.roots())
    return await new CarImport(deps, roots, options).run(car)
  } finally {
    await car.stop()
  }
}

class CarImport {
  readonly #deps: ImportDeps
  readonly #options: ImportOptions
  readonly #roots: readonly CID[]
  /** Digests of roots that may be blocks of notes. */
  readonly #noteRoots: ReadonlySet<string>
  readonly #notes = new Map<string, Note>()
  readonly #noteCids = new Set<string>()
  readonly #budget = new VisitBudget()
  #notesBytes = 0
  readonly #counts = { blocksCount: 0, wrongCount: 0, foreignCount: 0, refusedCount: 0 }

  constructor(deps: ImportDeps, roots: readonly CID[], options: ImportOptions) {
    this.#deps = deps
    this.#roots = roots
    this.#options = options
    const noteRoots = roots.filter(({ code }) => code === DAG_CBOR)
    this.#noteRoots = new Set(noteRoots.map((cid) => cid.toString()))
  }

  async run(car: CarStream): Promise<CarReport> {
    const { store } = this.#deps
    // All parts of one export have the same roots, so they come together in one place.
    const carrier = store.begin(carrierOf(this.#roots), 'added')
    try {
      const problem = await this.#unpack(car, carrier)
      await carrier.checkpoint()
      const roots = await this.#land()
      // What no item has is of use only while something is missing.
      if (roots.every(({ kind }) => kind !== 'incomplete')) await store.abandon(carrier)
      return { roots, ...this.#counts, problem }
    } catch (thrown) {
      const isShort = errorCode(thrown)?.startsWith('STORE_') === true
      if (isShort || !carrier.hasKept) await store.abandon(carrier)
      throw thrown
    } finally {
      await store.end(carrier)
    }
  }

  /** @returns where the file broke off. */
  async #unpack(car: CarStream, intake: Intake): Promise<string | undefined> {
    const unpacker = new Unpacker(this.#deps.store, intake, this.#options.signal)
    let problem: string | undefined
    await this.#learnFrom(unpacker)
    try {
      for await (const block of car.blocks()) {
        this.#options.signal.throwIfAborted()
        await this.#take(block, unpacker)
      }
    } catch (thrown) {
      if (errorCode(thrown) !== 'CONTENT_BAD_CAR' || !(thrown instanceof CodedError)) throw thrown
      problem = thrown.message
      this.#deps.log.info('a CAR file broke off', { problem, ...this.#counts })
    }
    await unpacker.finish()
    return problem
  }

  /** What an earlier part brought tells where the leaves of this one belong. */
  async #learnFrom(unpacker: Unpacker): Promise<void> {
    const { store } = this.#deps
    const { signal } = this.#options
    for (const root of this.#roots.filter(isSupported)) {
      try {
        for await (const { block, node } of walkDag(store, root, { dups: false, signal })) {
          if (node !== undefined) unpacker.learn(block, node)
        }
      } catch (thrown) {
        signal.throwIfAborted()
        // Then its leaves go to the packs; what is wrong with it shows when it is to become an item.
        if (!(thrown instanceof CodedError)) throw thrown
      }
    }
  }

  async #take({ cid, bytes, isRight }: CarBlock, unpacker: Unpacker): Promise<void> {
    if (isRight === false) {
      this.#counts.wrongCount += 1
    } else if (isSupported(cid)) {
      const { refusals } = this.#deps
      if (!refusals.isEmpty && refusals.checkDigest(cid.multihash.digest) !== undefined) {
        this.#counts.refusedCount += 1
        return
      }
      this.#counts.blocksCount += 1
      await unpacker.put(blockNameOf(cid), bytes)
    } else if (!this.#takeNotes(cid, bytes, isRight === true)) {
      this.#counts.foreignCount += 1
    }
  }

  #takeNotes(cid: CID, bytes: Uint8Array, isRight: boolean): boolean {
    const key = cid.toString()
    if (!isRight || !this.#noteRoots.has(key) || bytes.length > NOTES_BYTES_MAX) return false
    this.#notesBytes += bytes.length
    if (this.#notesBytes > NOTES_TOTAL_BYTES_MAX) return false
    const notes = decodeNotes(bytes)
    for (const [root, note] of notes) this.#notes.set(root, note)
    if (notes.size > 0) this.#noteCids.add(key)
    return notes.size > 0
  }

  async #land(): Promise<Landing[]> {
    const deps = { store: this.#deps.store, budget: this.#budget, ...this.#options }
    const looked: (Landing | WholeRoot)[] = []
    for (const root of this.#roots) {
      if (this.#noteCids.has(root.toString())) continue
      const isRefused = this.#isRefused(root)
      looked.push(isRefused ? { kind: 'refused', cid: root } : await lookAtRoot(deps, root))
    }
    const admitted = await this.#admit(looked.filter((one) => one.kind === 'whole'))
    const landings: Landing[] = []
    for (const one of looked) {
      if (one.kind === 'whole') landings.push(await this.#landOne(deps, one, admitted))
      else landings.push(one)
    }
    return landings
  }

  async #landOne(deps: LandingDeps, root: WholeRoot, admitted: Admitted): Promise<Landing> {
    const { cid } = root
    const { refusals, store } = this.#deps
    const publication = admitted.get(cid.toString())
    let landing: Landing = { kind: 'refused', cid }
    try {
      // Peers may have said just now that it was withdrawn.
      if (this.#isRefused(cid)) return landing
      const note = this.#notes.get(cid.toString())
      landing = await landRoot(deps, root, note && { ...note, publication })
      if (landing.kind === 'item') await noteShared(refusals, landing.item)
      return landing
    } finally {
      const isHere = landing.kind === 'item' || store.items.get(cid) !== undefined
      // What was withdrawn stays known; of all else there is nothing to know.
      if (publication !== undefined && !isHere) await refusals.itemRemoved(cid)
    }
  }

  /**
   * The publications in the notes are claims like all else in them, until their signature was read:
   * a forged one, one of another item, and one by another key than the item's count for nothing.
   */
  async #admit(roots: readonly WholeRoot[]): Promise<Admitted> {
    const { refusals } = this.#deps
    const { visibility, signal } = this.#options
    const signed = roots.flatMap(({ cid }) => {
      const bytes = this.#notes.get(cid.toString())?.publication
      return (bytes === undefined ? undefined : refusals.readPublication(bytes, cid)) ?? []
    })
    const areBound = await refusals.admitAll(signed, { isShared: visibility === 'public', signal })
    const bound = signed.filter((_one, index) => areBound[index])
    return new Map(bound.map(({ record, bytes }) => [record.root.toString(), bytes]))
  }

  #isRefused(cid: CID): boolean {
    const { refusals } = this.#deps
    return !refusals.isEmpty && refusals.check({ cid }) !== undefined
  }
}

/** What a publisher signed, verified, by the text of the item's CID. */
type Admitted = ReadonlyMap<string, Uint8Array>

/** Under what the blocks of a CAR are kept until its items are whole: a name that no item can have. */
function carrierOf(roots: readonly CID[]): CID {
  const bytes = encode(roots.map((root) => root.toString()).sort())
  return CID.createV1(
    DAG_CBOR,
    Digest.create(SHA2_256, createHash('sha256').update(bytes).digest()),
  )
}

function distinct(roots: readonly CID[]): CID[] {
  return [...new Map(roots.map((root) => [textOf(root), root])).values()]
}

/** A CIDv0 and its CIDv1 are the same item. */
function textOf(cid: CID): string {
  return (isSupported(cid) ? cid.toV1() : cid).toString()
}
