// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Letting go: blocks that no item has any more, files of which nothing is of use, packs that are half
 * empty. Whatever is removed is forgotten by the index first and in the same breath as the decision,
 * so that no arrival can come to rely on it meanwhile.
 */
import type { CID } from 'multiformats/cid'
import { CodedError, copyOf } from '../../base/base.ts'
import { breathe } from '../waiting.ts'
import type { BlockIndex, Place, Volume } from './block-index.ts'
import type { Bodies } from './bodies.ts'
import type { Catalogue, StoredItem } from './catalogue.ts'
import { PACK_WASTE_MAX, SLICE_ROWS } from './limits.ts'
import type { PackPosition, Packs } from './packs.ts'
import { DAG_CBOR, decodeRecord, type PackRecord } from './records.ts'
import { type FoundSection, scanSections } from './sections.ts'
import type { Volumes } from './volumes.ts'

export interface CollectorDeps {
  index: BlockIndex
  items: Catalogue
  packs: Packs
  bodies: Bodies
  volumes: Volumes
  /** Has every arriving item say which blocks of others it relies on. */
  flushShares(): void
  /** Whether an arriving item writes to the body of that CID. */
  isWriting(cid: string): boolean
  /** An item has lost a block: it may be arriving and count on it. */
  onLost(item: number): void
  /** Whether an arriving item has blocks in that pack, or an older one, that the index does not know. */
  isUnindexed(pack: number): boolean
}

export class Collector {
  readonly #deps: CollectorDeps
  /** Bodies that lost a block, by volume. */
  readonly #partials = new Map<number, Volume>()
  /** Packs of which the blocks are of no use, and most of the rest is. */
  readonly #fullOfRecords = new Set<number>()

  constructor(deps: CollectorDeps) {
    this.#deps = deps
  }

  /**
   * Takes an item's blocks from it, and removes files that are of no use to any other.
   * @returns packs that may be worth compacting now
   */
  async letGo(item: number): Promise<number[]> {
    const { index } = this.#deps
    const touched = new Set<number>()
    for (;;) {
      this.#deps.flushShares()
      const volumes = index.removeSomeMembers(item)
      if (volumes === undefined) break
      for (const volume of volumes) touched.add(volume)
      await breathe()
    }
    const packs: number[] = []
    for (const number of touched) {
      const volume = index.volume(number)
      if (volume?.kind === 'pack') {
        packs.push(Number(volume.name))
        this.#fullOfRecords.delete(Number(volume.name))
      } else if (volume !== undefined) await this.#removeIfUseless(volume)
    }
    return packs
  }

  /** Removes those of some files that nobody came to need. */
  async removeUseless(cids: Iterable<string>): Promise<void> {
    for (const cid of cids) {
      const volume = this.#deps.index.volumeNamed('body', cid)
      if (volume !== undefined) await this.#removeIfUseless(volume)
    }
  }

  /**
   * A block was found missing or wrong: it is nowhere any more, unless it lies elsewhere too.
   * @param options.isChanged the owner's own file is another one now, or gone.
   * @returns the items that are damaged by it.
   */
  drop(
    { block, volume: number }: Pick<Place, 'block' | 'volume'>,
    options: { isChanged: boolean },
  ): StoredItem[] {
    const { index, items } = this.#deps
    const digest = index.digestOf(block)
    if (digest === undefined) return []
    const concerned = index.itemsOf(block)
    index.removeBlock(block)
    const other = index.placeOf(digest)
    if (other !== undefined) {
      for (const item of concerned) index.addMember(item, other.block)
      return []
    }
    for (const item of concerned) this.#deps.onLost(item)
    const volume = index.volume(number)
    if (volume?.kind === 'body') this.#partials.set(number, volume)
    const damaged: StoredItem[] = []
    for (const sequence of concerned) {
      const item = items.stateOf(sequence) === 'whole' ? items.at(sequence) : undefined
      if (item === undefined) continue
      items.setDamaged(sequence, options)
      damaged.push({ ...item, ...options, state: 'damaged', isWhole: false })
    }
    return damaged
  }

  /**
   * Copies what is of use out of a pack that is mostly not, and removes it.
   * @param options.erases also when most of it is of use.
   * @returns whether the pack is gone.
   */
  async compact(pack: number, { erases }: { erases: boolean }): Promise<boolean> {
    const { index, packs } = this.#deps
    // None: then there are only records in it, or what a power cut kept from being removed.
    const volume = index.volumeNamed('pack', String(pack))
    if (this.#deps.isUnindexed(pack)) return false
    if (erases && pack === packs.currentPack) await packs.leave(pack)
    const sizeBytes = packs.sizeOf(pack)
    if (sizeBytes === undefined) return true
    if (pack === packs.currentPack) return false
    this.#deps.flushShares()
    if (!erases && !(await this.#isWorthIt(pack, volume, sizeBytes))) return false
    if (!(await this.#copyOut(pack, volume))) return false
    this.#deps.flushShares()
    // Something came to be of use while the rest was copied: another time.
    if (volume !== undefined && index.usefulBytes(volume.volume) > 0) return false
    if (volume !== undefined) {
      index.removeVolume(volume)
      this.#deps.volumes.forget(volume.volume)
    }
    // A power cut may set the index back, and then it must not name a file that is gone: whoever
    // appended meanwhile has told it to read the packs only behind what was copied.
    index.makeSafe()
    await packs.remove(pack)
    return true
  }

  /** The packs, and the bodies by CID, that an item's blocks lie in; and what is arriving with some. */
  async usesOf(
    item: number,
  ): Promise<{ packs: Set<number>; bodies: Set<string>; arrivals: Set<number> }> {
    const arrivals = new Set<number>()
    const packs = new Set<number>()
    const bodies = new Set<string>()
    for (let last = 0; ; ) {
      const some = this.#deps.index.someUsesOf(item, last)
      if (some === undefined) return { packs, bodies, arrivals }
      for (const arrival of some.arrivals) arrivals.add(arrival)
      for (const { kind, name } of some.volumes) {
        if (kind === 'pack') packs.add(Number(name))
        if (kind === 'body' || kind === 'manifest') bodies.add(name)
      }
      last = some.last
      await breathe()
    }
  }

  /**
   * Packs with records that say more of an item than that it is gone: its name and its texts, or
   * where files of its owner's lie that no item has any more. No index has them, so all packs are
   * read.
   * @throws CodedError `STORE_…`, or the signal's reason
   */
  async packsNaming(root: CID, signal?: AbortSignal): Promise<number[]> {
    const { packs } = this.#deps
    const naming: number[] = []
    for (const pack of packs.numbers()) {
      let names = false
      const visit = ({ codec, bytes }: FoundSection): void => {
        if (codec !== DAG_CBOR || names) return
        const record = decodeRecord(bytes)
        if (record?.record === 'item') names = record.root.equals(root)
        if (record?.record === 'reference') names = !this.#isCurrent(record, false)
      }
      // Of one that was removed meanwhile there is nothing to erase.
      const file = await packs.openPack(pack).catch(() => undefined)
      if (file === undefined) continue
      try {
        const from = packs.firstSection(pack)
        const scan = { from, skipsRotten: true, visit, breathe }
        await scanSections(file, signal === undefined ? scan : { ...scan, signal })
      } finally {
        await file.close()
      }
      if (names) naming.push(pack)
    }
    return naming
  }

  /** The index knows what the blocks are worth; of records only reading the pack tells. */
  async #isWorthIt(pack: number, volume: Volume | undefined, sizeBytes: number): Promise<boolean> {
    const limitBytes = sizeBytes * (1 - PACK_WASTE_MAX)
    if (this.#fullOfRecords.has(pack)) return false
    if (volume !== undefined && this.#deps.index.usefulBytes(volume.volume) > limitBytes) {
      return false
    }
    let wantedBytes = 0
    const visit = ({ bytes }: FoundSection): void => {
      wantedBytes += bytes.length
    }
    await this.#visitWanted(pack, this.#usefulIn(volume), visit, breathe)
    const isWorthIt = wantedBytes <= limitBytes
    // Else it would be read again and again for nothing.
    if (!isWorthIt) this.#fullOfRecords.add(pack)
    return isWorthIt
  }

  /** @returns whether all of the pack was looked at */
  async #copyOut(pack: number, volume: Volume | undefined): Promise<boolean> {
    const { packs } = this.#deps
    const epoch = packs.epoch
    const moved: { block: number; to: PackPosition }[] = []
    const useful = this.#usefulIn(volume)
    const sections: Pick<FoundSection, 'codec' | 'digest' | 'bytes'>[] = []
    const flush = async (): Promise<void> => {
      for (const { codec, digest, bytes } of sections.splice(0)) {
        await packs.ready()
        const to = packs.append(codec, digest, bytes)
        const block = useful.get(keyOf(digest))
        if (block !== undefined && codec !== DAG_CBOR) moved.push({ block, to })
      }
    }
    const visit = ({ codec, digest, bytes }: FoundSection): void => {
      sections.push({ codec, digest: copyOf(digest), bytes: copyOf(bytes) })
    }
    const isRead = await this.#visitWanted(pack, useful, visit, flush)
    await flush()
    await packs.sync()
    if (packs.epoch !== epoch) throw new CodedError('STORE_DISK_ERROR', 'A pack was not copied.')
    this.#tellMoved(moved)
    return isRead
  }

  #usefulIn(volume: Volume | undefined): Map<string, number> {
    return volume === undefined ? new Map() : this.#deps.index.usefulDigests(volume.volume)
  }

  /** Visits what a pack holds that is of use. @returns whether all of the pack was looked at */
  async #visitWanted(
    pack: number,
    useful: ReadonlyMap<string, number>,
    visit: (section: FoundSection) => void,
    breathe: () => Promise<void>,
  ): Promise<boolean> {
    const { packs } = this.#deps
    const isOldest = packs.numbers()[0] === pack
    const file = await packs.openPack(pack)
    try {
      const { problem } = await scanSections(file, {
        from: packs.firstSection(pack),
        // What is rotten is left behind, and what is useless: it was looked up what is of use.
        skipsRotten: true,
        visit: (section) => {
          const isWanted =
            section.codec === DAG_CBOR
              ? this.#isCurrent(decodeRecord(section.bytes), isOldest)
              : useful.has(keyOf(section.digest))
          if (isWanted) visit(section)
        },
        breathe,
      })
      return problem === undefined
    } finally {
      await file.close()
    }
  }

  #tellMoved(moved: readonly { block: number; to: PackPosition }[]): void {
    const { index } = this.#deps
    for (let at = 0; at < moved.length; at += SLICE_ROWS) {
      index.transaction(() => {
        for (const { block, to } of moved.slice(at, at + SLICE_ROWS)) {
          const name = String(to.pack)
          const volume = index.openVolume({
            kind: 'pack',
            name,
            sizeBytes: 0,
            reference: undefined,
          })
          index.moveBlock(block, volume.volume, to.offset)
        }
      })
    }
  }

  /** Whether a record says something that no later one has overtaken. */
  #isCurrent(record: PackRecord | undefined, isOldest: boolean): boolean {
    const { items, index } = this.#deps
    if (record === undefined) return true
    switch (record.record) {
      case 'item':
        return items.get(record.root)?.revision === record.revision
      case 'gone':
        // It must outlive what it speaks of, which stands in an older pack.
        return !isOldest
      case 'reference':
        return index.volumeNamed('reference', `${record.root} ${record.path}`) !== undefined
      case 'pack':
        return false
    }
  }

  async #removeIfUseless(volume: Volume): Promise<void> {
    const { index, bodies } = this.#deps
    this.#deps.flushShares()
    if (this.#deps.isWriting(volume.name) || !index.isUseless(volume.volume)) return
    if (volume.kind === 'reference') {
      index.removeVolume(volume)
      this.#deps.volumes.forget(volume.volume)
      return
    }
    const pair = (['body', 'manifest'] as const).flatMap((kind) => {
      return index.volumeNamed(kind, volume.name) ?? []
    })
    if (pair.some((one) => !index.isUseless(one.volume))) return
    for (const one of pair) {
      index.removeVolume(one)
      this.#deps.volumes.forget(one.volume)
    }
    await bodies.remove(volume.name)
  }

  /** Writes down which bodies are not whole any more, so that a new index does not take them for it. */
  async sayPartials(): Promise<void> {
    const { index, bodies } = this.#deps
    for (const [number, volume] of this.#partials) {
      this.#partials.delete(number)
      if (index.volume(number) === undefined) continue
      const ranges = index.rangesIn(number)
      if (ranges.length > 0) await bodies.writeHave(volume.name, ranges)
      else await this.#removeIfUseless(volume)
    }
  }
}

function keyOf(digest: Uint8Array): string {
  return Buffer.from(digest.buffer, digest.byteOffset, digest.length).toString('latin1')
}
