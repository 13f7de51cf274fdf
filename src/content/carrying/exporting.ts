// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Items as one CAR (version 1), to be carried on a stick or read by other IPFS software: depth first,
 * each block once however many items have it, so it can be written and read in one pass. Every block
 * is checked on its way out: what is on the stick is right, or the export fails.
 */
import type { CID } from 'multiformats/cid'
import type { BlockStore, StoredItem } from '../blocks/blocks.ts'
import { encodeCarHeader, encodeSectionHead } from '../car-format.ts'
import { blockMissing, notHere } from '../errors.ts'
import { type BlockName, canonicalCid, type Visited, walkDag } from '../unixfs/unixfs.ts'
import { notWhole, tooManyItems } from './errors.ts'
import { CAR_ITEMS_MAX, EXPORT_PIECE_BYTES } from './limits.ts'
import { encodeNotes } from './notes.ts'

/**
 * The roots are the items, in their order, and behind them the blocks of notes, which come first.
 * @throws CodedError `CONTENT_NOT_HERE`, `CONTENT_NOT_WHOLE`, `CONTENT_TOO_MANY_ITEMS`; when it is read,
 *   `CONTENT_BLOCK_MISSING`, `STORE_…`, or the signal's reason: then what came is of no use.
 */
export function exportCar(
  store: BlockStore,
  cids: readonly CID[],
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const items = cids.map((cid) => {
    const item = store.items.get(canonicalCid(cid))
    if (item === undefined || item.state === 'arriving') throw notHere(cid)
    if (!item.isWhole) throw notWhole(cid)
    return item
  })
  if (items.length > CAR_ITEMS_MAX) throw tooManyItems(CAR_ITEMS_MAX)
  return bytesOf(store, items, signal)
}

async function* bytesOf(
  store: BlockStore,
  items: readonly StoredItem[],
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const notes = encodeNotes(items)
  yield encodeCarHeader(...[...items, ...notes].map(({ cid }) => cid))
  const pieces = new Pieces()
  for (const { cid, bytes } of notes) pieces.add(cid, bytes)
  const visited = new VisitedRows(store)
  for (const { cid } of items) {
    for await (const visit of walkDag(store, cid, { dups: false, visited, signal })) {
      const bytes = visit.bytes ?? (await store.read(visit.block))
      if (bytes === undefined) throw blockMissing(visit.cid)
      signal.throwIfAborted()
      pieces.add(visit.cid, bytes)
      if (pieces.isFull) yield pieces.take()
    }
  }
  yield pieces.take()
}

/** Sections, gathered to pieces that are worth a call. */
class Pieces {
  #parts: Uint8Array[] = []
  #sizeBytes = 0

  get isFull(): boolean {
    return this.#sizeBytes >= EXPORT_PIECE_BYTES
  }

  add(cid: CID, bytes: Uint8Array): void {
    const head = encodeSectionHead(cid, bytes.length)
    this.#parts.push(head, bytes)
    this.#sizeBytes += head.length + bytes.length
  }

  take(): Uint8Array {
    const piece = Buffer.concat(this.#parts)
    this.#parts = []
    this.#sizeBytes = 0
    return piece
  }
}

/** Which blocks were written, by their rows in the index: one bit each, for millions of them. */
class VisitedRows implements Visited {
  readonly #store: Pick<BlockStore, 'placeOf'>
  #bits = new Uint8Array(1024)

  constructor(store: Pick<BlockStore, 'placeOf'>) {
    this.#store = store
  }

  add({ digest }: BlockName): boolean {
    const row = this.#store.placeOf(digest)?.block
    // Not here: the walk finds out, and the export fails.
    if (row === undefined) return true
    const at = Math.floor(row / 8)
    const bit = 1 << (row % 8)
    if (at >= this.#bits.length) {
      const grown = new Uint8Array(2 * at)
      grown.set(this.#bits)
      this.#bits = grown
    }
    const byte = this.#bits[at] ?? 0
    this.#bits[at] = byte | bit
    return (byte & bit) === 0
  }
}
