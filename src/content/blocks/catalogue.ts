// SPDX-License-Identifier: AGPL-3.0-or-later
/** The tables of what this node holds. Every change is one transaction, on disk when it returns. */
import { CID } from 'multiformats/cid'
import type { Database, Statement } from '../../store/store.ts'
import type { Item, ItemTotals, Visibility } from '../item.ts'
import type { Leaf, Tree } from '../unixfs/unixfs.ts'
import { type BlockName, DAG_PB, RAW } from '../unixfs/unixfs.ts'

/** The slice of the store that the catalogue uses. */
export type CatalogueDatabase = Pick<Database, 'prepare' | 'transaction'>

interface ItemRow {
  sequence: number
  root_cid: string
  name: string
  size_bytes: number
  kind: string
  visibility: Visibility
  added_at_ms: number
  car_body_bytes: number
}

/** An item with what only this room needs to know. */
export interface StoredItem extends Item {
  carBodyBytes: number
}

export interface NewItem {
  tree: Tree
  name: string
  kind: string
  visibility: Visibility
  addedAtMs: number
}

/** Where a block of ours can be found. */
export type FoundBlock =
  | { item: StoredItem; bytes: Uint8Array }
  | { item: StoredItem; offset: number; sizeBytes: number }

export interface LeafPlace {
  offset: number
  sizeBytes: number
}

export class Catalogue {
  readonly #database: CatalogueDatabase
  /** Items whose file is missing or damaged, by sequence. */
  readonly #broken = new Set<number>()
  readonly #byCid: Statement<ItemRow, [string]>
  readonly #totals: Statement<{ count: number; publicCount: number; sizeBytes: number }, []>
  readonly #nodeOf: Statement<{ bytes: Uint8Array }, [Uint8Array, number]>
  readonly #leafOf: Statement<LeafRow, [Uint8Array, number]>
  readonly #itemsWithNode: Statement<ItemRow & { bytes: Uint8Array }, [Uint8Array]>
  readonly #itemsWithLeaf: Statement<ItemRow & LeafRow, [Uint8Array]>

  constructor(database: CatalogueDatabase) {
    this.#database = database
    this.#byCid = database.prepare('SELECT * FROM content_items WHERE root_cid = ?')
    this.#totals = database.prepare(
      `SELECT count(*) AS count, coalesce(sum(visibility = 'public'), 0) AS publicCount,
              coalesce(sum(size_bytes), 0) AS sizeBytes
       FROM content_items`,
    )
    this.#nodeOf = database.prepare(
      'SELECT bytes FROM content_nodes WHERE digest = ? AND sequence = ?',
    )
    this.#leafOf = database.prepare(
      'SELECT offset_bytes, size_bytes AS leaf_bytes FROM content_leaves WHERE digest = ? AND sequence = ?',
    )
    this.#itemsWithNode = database.prepare(
      `SELECT content_items.*, bytes FROM content_nodes JOIN content_items USING (sequence)
       WHERE digest = ?`,
    )
    this.#itemsWithLeaf = database.prepare(
      `SELECT content_items.*, offset_bytes, content_leaves.size_bytes AS leaf_bytes
       FROM content_leaves JOIN content_items USING (sequence) WHERE digest = ?`,
    )
  }

  /** Oldest first. */
  list(): StoredItem[] {
    const rows = this.#database.prepare<ItemRow>('SELECT * FROM content_items ORDER BY sequence')
    return rows.all().map((row) => this.#itemOf(row))
  }

  totals(): ItemTotals {
    return this.#totals.get() ?? { count: 0, publicCount: 0, sizeBytes: 0 }
  }

  /** @param cid CIDv1 */
  get(cid: CID): StoredItem | undefined {
    const row = this.#byCid.get(cid.toString())
    return row === undefined ? undefined : this.#itemOf(row)
  }

  /** Records an item, all of it or nothing. */
  insert(item: NewItem): StoredItem {
    const { tree } = item
    const cid = tree.root.toString()
    this.#database.transaction(() => {
      const sequence = this.#insertItem(item)
      const insertNode = this.#database.prepare<never, [Uint8Array, number, Uint8Array]>(
        'INSERT INTO content_nodes (digest, sequence, bytes) VALUES (?, ?, ?)',
      )
      for (const node of tree.nodes) insertNode.run(node.digest, sequence, node.bytes)
      const insertLeaf = this.#database.prepare<never, [Uint8Array, number, number, number]>(
        `INSERT INTO content_leaves (digest, sequence, offset_bytes, size_bytes)
         VALUES (?, ?, ?, ?)`,
      )
      for (const leaf of inDigestOrder(tree.leaves)) {
        insertLeaf.run(leaf.digest, sequence, leaf.offset, leaf.sizeBytes)
      }
    })
    const inserted = this.#byCid.get(cid)
    if (inserted === undefined) throw new TypeError('an inserted row can be read')
    return this.#itemOf(inserted)
  }

  remove(item: Item): void {
    this.#database
      .prepare<never, [number]>('DELETE FROM content_items WHERE sequence = ?')
      .run(item.sequence)
    this.#broken.delete(item.sequence)
  }

  setVisibility(item: StoredItem, visibility: Visibility): StoredItem {
    this.#database
      .prepare<never, [Visibility, number]>(
        'UPDATE content_items SET visibility = ? WHERE sequence = ?',
      )
      .run(visibility, item.sequence)
    return { ...item, visibility }
  }

  /** The file of an item was found missing or damaged, or is whole again. */
  setWhole(item: Item, isWhole: boolean): void {
    if (isWhole) this.#broken.delete(item.sequence)
    else this.#broken.add(item.sequence)
  }

  get brokenCount(): number {
    return this.#broken.size
  }

  /** A node of the tree of `item`. */
  nodeOf(item: Item, digest: Uint8Array): Uint8Array | undefined {
    return this.#nodeOf.get(digest, item.sequence)?.bytes
  }

  /** Where a leaf of `item` lies in its file. */
  leafOf(item: Item, digest: Uint8Array): LeafPlace | undefined {
    const row = this.#leafOf.get(digest, item.sequence)
    return row === undefined ? undefined : { offset: row.offset_bytes, sizeBytes: row.leaf_bytes }
  }

  /** The block in the first whole item that has it and that `allow` lets through. */
  find(name: BlockName, allow: (item: Item) => boolean): FoundBlock | undefined {
    if (name.codec === DAG_PB) {
      for (const row of this.#itemsWithNode.all(name.digest)) {
        const item = this.#itemOf(row)
        if (item.isWhole && allow(item)) return { item, bytes: row.bytes }
      }
    }
    if (name.codec === RAW) {
      for (const row of this.#itemsWithLeaf.all(name.digest)) {
        const item = this.#itemOf(row)
        if (!item.isWhole || !allow(item)) continue
        return { item, offset: row.offset_bytes, sizeBytes: row.leaf_bytes }
      }
    }
    return undefined
  }

  #insertItem(item: NewItem): number {
    const { lastInsertRowid } = this.#database
      .prepare<never, [string, string, number, string, Visibility, number, number]>(
        `INSERT INTO content_items
           (root_cid, name, size_bytes, kind, visibility, added_at_ms, car_body_bytes)
         VALUES (?, ?, ?, ?, ?, ?, ?)`,
      )
      .run(
        item.tree.root.toString(),
        item.name,
        item.tree.sizeBytes,
        item.kind,
        item.visibility,
        Math.round(item.addedAtMs),
        item.tree.carBodyBytes,
      )
    return Number(lastInsertRowid)
  }

  #itemOf(row: ItemRow): StoredItem {
    return {
      cid: CID.parse(row.root_cid),
      name: row.name,
      sizeBytes: row.size_bytes,
      kind: row.kind,
      visibility: row.visibility,
      addedAtMs: row.added_at_ms,
      sequence: row.sequence,
      isWhole: !this.#broken.has(row.sequence),
      carBodyBytes: row.car_body_bytes,
    }
  }
}

interface LeafRow {
  offset_bytes: number
  leaf_bytes: number
}

/** Neighbouring keys fall into neighbouring pages: a third of the writes of a large item. */
function inDigestOrder(leaves: readonly Leaf[]): readonly Leaf[] {
  return leaves.toSorted((one, other) => Buffer.compare(one.digest, other.digest))
}
