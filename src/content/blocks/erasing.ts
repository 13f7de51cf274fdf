// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * What is to be gone from the disk for good. An order to erase is written down before anything of it
 * is done, and struck out when nothing is left to do: a power cut in between leaves an order that the
 * next start finishes, not bytes of which nobody knows any more that they should be gone. A pack to
 * which somebody else writes stays on the list until it is compacted, however often the node starts.
 */
import { join } from 'node:path'
import { decode, encode } from '@ipld/dag-cbor'
import type { CID } from 'multiformats/cid'
import { z } from 'zod'
import { asError, type Logger, parseCid } from '../../base/base.ts'
import { diskError } from '../errors.ts'
import type { BlockIndex } from './block-index.ts'
import type { Bodies } from './bodies.ts'
import type { Catalogue } from './catalogue.ts'
import type { Collector } from './collecting.ts'
import type { Disk } from './disk.ts'

export interface ErasingDeps {
  disk: Disk
  log: Logger
  items: Pick<Catalogue, 'get'>
  index: Pick<BlockIndex, 'makeSafe'>
  collector: Pick<Collector, 'compact' | 'packsNaming' | 'usesOf'>
  bodies: Pick<Bodies, 'syncRemoved'>
  /** One change of files and rows at a time. */
  change<T>(work: () => Promise<T>): Promise<T>
  /** Lets go what is kept for another try, unless somebody tries; a part of {@link change}. */
  letArrivalGo(sequence: number): Promise<unknown>
}

/** As it lies in the file; of items and of their large files stand their CIDs there, and no more. */
const ordersSchema = z.object({
  roots: z.array(z.string()),
  bodies: z.array(z.string()),
  packs: z.array(z.int().min(0)),
})

export class Erasing {
  readonly #deps: ErasingDeps
  readonly #folder: string
  readonly #path: string
  /** Items of which something may still be there, by CID. */
  readonly #roots = new Map<string, CID>()
  /** Large files of theirs, by CID: no start may take one for the owner's. */
  readonly #bodies = new Set<string>()
  /** Packs that hold what is to be erased. */
  readonly #packs = new Set<number>()
  #isWritten = false
  #writing: Promise<void> = Promise.resolve()

  constructor(deps: ErasingDeps, { folder }: { folder: string }) {
    this.#deps = deps
    this.#folder = folder
    this.#path = join(folder, 'erasing')
  }

  /** Reads what an earlier run has left to do. Where that cannot be read it is as good as done. */
  async open(): Promise<void> {
    const { disk, log } = this.#deps
    try {
      const facts = await disk.factsOf(this.#path)
      if (facts === undefined) return
      this.#isWritten = true
      const bytes = Buffer.alloc(facts.sizeBytes)
      const file = await disk.open(this.#path)
      await file.read(bytes, 0).finally(() => file.close())
      const { roots, bodies, packs } = ordersSchema.parse(decode(bytes))
      for (const root of roots) this.#roots.set(root, parseCid(root))
      for (const body of bodies) this.#bodies.add(body)
      for (const pack of packs) this.#packs.add(pack)
    } catch (thrown) {
      log.warn('what was to be erased could not be read', { error: asError(thrown) })
    }
  }

  /**
   * Writes down an order, before anything of it is done; a part of a change. An addition of the same
   * that was called off has its blocks too, and would keep them: it goes first.
   * @param item its sequence, where it is here
   * @throws CodedError `STORE_…`
   */
  async begin(root: CID, item: number | undefined): Promise<void> {
    this.#roots.set(root.toString(), root)
    if (item !== undefined) {
      const { packs, bodies, arrivals } = await this.#deps.collector.usesOf(item)
      for (const arrival of arrivals) await this.#deps.letArrivalGo(arrival)
      // No record tells of an arrival: an index set back by a power cut would have it again.
      if (arrivals.size > 0) this.#deps.index.makeSafe()
      for (const pack of packs) this.#packs.add(pack)
      for (const body of bodies) this.#bodies.add(body)
    }
    await this.#write()
  }

  /** Whether a large file is one of what is being erased. */
  hasBody(cid: string): boolean {
    return this.#bodies.has(cid)
  }

  /**
   * Goes on where a power cut has ended it.
   * @returns items of which nothing is left here, for `end` to be called
   * @throws CodedError `STORE_…`, or the signal's reason
   */
  async finish(signal: AbortSignal): Promise<CID[]> {
    const done: CID[] = []
    for (const root of [...this.#roots.values()]) {
      // The power went before anything was done, or it has come anew since: then it stays.
      if (this.#deps.items.get(root) !== undefined) await this.end(root)
      else {
        await this.erase(root, signal)
        done.push(root)
      }
    }
    return done
  }

  /**
   * Removes from the packs what is left of an item that is here no more.
   * @throws CodedError `STORE_…`, or the signal's reason
   */
  async erase(root: CID, signal?: AbortSignal): Promise<void> {
    const naming = await this.#deps.collector.packsNaming(root, signal)
    for (const pack of naming) this.#packs.add(pack)
    await this.compact([...this.#packs])
    await this.#deps.bodies.syncRemoved(this.#bodies)
  }

  /** Nothing is left of it, but in packs that are on the list. @throws CodedError `STORE_…` */
  async end(root: CID): Promise<void> {
    this.#roots.delete(root.toString())
    if (this.#roots.size === 0) this.#bodies.clear()
    await this.#write()
  }

  /** One pack after the other, so that nobody waits for more than one. Never rejects. */
  async compact(packs: readonly number[]): Promise<void> {
    const { collector, change, log } = this.#deps
    for (const pack of packs) {
      try {
        const erases = this.#packs.has(pack)
        const isGone = await change(() => collector.compact(pack, { erases }))
        if (!isGone || !this.#packs.delete(pack)) continue
        // With an order under way its end writes that down.
        if (this.#roots.size === 0) await this.#write()
      } catch (thrown) {
        // What was let go is gone; only the room that it took is not free yet.
        log.warn('a pack was not compacted', { pack, error: asError(thrown) })
      }
    }
  }

  get #orders(): z.infer<typeof ordersSchema> {
    return {
      roots: [...this.#roots.keys()],
      bodies: [...this.#bodies],
      packs: [...this.#packs],
    }
  }

  /** One after the other: each says all that is so by then. */
  #write(): Promise<void> {
    const writing = this.#writing.then(() => this.#writeNow())
    // Whoever asked hears of a failure; the next one tries for itself.
    this.#writing = writing.catch(() => {})
    return writing
  }

  async #writeNow(): Promise<void> {
    const { disk } = this.#deps
    try {
      if (this.#roots.size === 0 && this.#packs.size === 0) {
        if (!this.#isWritten) return
        await disk.remove(this.#path)
      } else {
        await this.#writeFile(encode(this.#orders))
      }
      await disk.syncFolder(this.#folder)
      this.#isWritten = this.#roots.size > 0 || this.#packs.size > 0
    } catch (thrown) {
      throw diskError(thrown)
    }
  }

  /** Whole or as it was before. Not refused by the owner's limits: what is erased makes room. */
  async #writeFile(bytes: Uint8Array): Promise<void> {
    const { disk } = this.#deps
    const fresh = `${this.#path}.new`
    await disk.remove(fresh)
    const file = await disk.create(fresh)
    try {
      await file.write(bytes, 0)
      await file.sync()
    } finally {
      await file.close()
    }
    await disk.rename(fresh, this.#path)
  }
}
