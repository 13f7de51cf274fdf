// SPDX-License-Identifier: AGPL-3.0-or-later
/** The tables that say where each block lies and which items it belongs to. */
import type { Statement } from '../../store/store.ts'
import {
  isStored,
  keyOfDigest,
  type NewBlock,
  type Place,
  type PlaceRow,
  placeFrom,
  type Volume,
  type VolumeKind,
  type VolumeRow,
  volumeFrom,
} from './index-rows.ts'
import { BLOCK_BYTES_MAX, SLICE_ROWS } from './limits.ts'
import type { PackPosition } from './packs.ts'
import type { IndexDatabase } from './statements.ts'

export type { NewBlock, Place, Volume, VolumeKind } from './index-rows.ts'

export class BlockIndex {
  readonly #database: IndexDatabase
  readonly #volumes = new Map<number, Volume>()
  readonly #place: Statement<PlaceRow, [number, Uint8Array]>
  readonly #placeIn: Statement<PlaceRow, [number, Uint8Array, number]>
  readonly #itemWith: Statement<PlaceRow & { item: number }, [number, Uint8Array, string]>
  readonly #volumeNamed: Statement<VolumeRow, [string, string]>
  readonly #insertBlock: Statement<never, [Uint8Array, number, number, number, number]>
  readonly #insertMember: Statement<never, [number, number]>
  #storedBytes: number

  constructor(database: IndexDatabase) {
    this.#database = database
    this.#place = database.prepare(
      `SELECT block, volume, offset_bytes, size_bytes FROM content_blocks
       WHERE digest_key = ? AND digest = ? LIMIT 1`,
    )
    this.#placeIn = database.prepare(
      `SELECT block, volume, offset_bytes, size_bytes FROM content_blocks
       WHERE digest_key = ? AND digest = ? AND volume = ?`,
    )
    this.#itemWith = database.prepare(
      `SELECT item, block, volume, offset_bytes, content_blocks.size_bytes
       FROM content_blocks JOIN content_members USING (block)
            JOIN content_items ON sequence = item
       WHERE digest_key = ? AND digest = ? AND state = 'whole' AND visibility IN ('public', ?)
       LIMIT 1`,
    )
    this.#volumeNamed = database.prepare(
      'SELECT * FROM content_volumes WHERE kind = ? AND name = ?',
    )
    this.#insertBlock = database.prepare(
      `INSERT INTO content_blocks (digest, digest_key, volume, offset_bytes, size_bytes)
       VALUES (?, ?, ?, ?, ?)`,
    )
    this.#insertMember = database.prepare(
      'INSERT OR IGNORE INTO content_members (item, block) VALUES (?, ?)',
    )
    const stored = database
      .prepare<{ bytes: number | null }>(
        "SELECT sum(size_bytes) AS bytes FROM content_volumes WHERE kind IN ('body', 'manifest')",
      )
      .get()
    this.#storedBytes = stored?.bytes ?? 0
  }

  transaction<Result>(work: () => Result): Result {
    return this.#database.transaction(work)
  }

  /** What was told before survives a power cut when this returns. */
  makeSafe(): void {
    this.#database.checkpoint()
  }

  placeOf(digest: Uint8Array): Place | undefined {
    const row = this.#place.get(keyOfDigest(digest), digest)
    return row === undefined ? undefined : placeFrom(row)
  }

  /** Where the block lies in one volume. */
  placeIn(volume: number, digest: Uint8Array): Place | undefined {
    const row = this.#placeIn.get(keyOfDigest(digest), digest, volume)
    return row === undefined ? undefined : placeFrom(row)
  }

  /** Where a block lies by now; undefined when it is nowhere any more. */
  placeAt(block: number): Place | undefined {
    const row = this.#database
      .prepare<PlaceRow, [number]>(
        'SELECT block, volume, offset_bytes, size_bytes FROM content_blocks WHERE block = ?',
      )
      .get(block)
    return row === undefined ? undefined : placeFrom(row)
  }

  /** Where a block lies that belongs to one item. */
  placeFor(item: number, digest: Uint8Array): Place | undefined {
    const row = this.#database
      .prepare<PlaceRow, [number, Uint8Array, number]>(
        `SELECT block, volume, offset_bytes, size_bytes FROM content_blocks b
         WHERE digest_key = ? AND digest = ? AND EXISTS
           (SELECT 1 FROM content_members m WHERE m.item = ? AND m.block = b.block)
         LIMIT 1`,
      )
      .get(keyOfDigest(digest), digest, item)
    return row === undefined ? undefined : placeFrom(row)
  }

  /** The whole items that a block belongs to, by sequence; of these only public ones if asked. */
  itemWith(
    digest: Uint8Array,
    who: 'anybody' | 'owner',
  ): { item: number; place: Place } | undefined {
    const visibility = who === 'owner' ? 'private' : 'public'
    const row = this.#itemWith.get(keyOfDigest(digest), digest, visibility)
    return row === undefined ? undefined : { item: row.item, place: placeFrom(row) }
  }

  insertBlock(volume: number, { digest, offset, sizeBytes }: NewBlock): number {
    const { lastInsertRowid } = this.#insertBlock.run(
      digest,
      keyOfDigest(digest),
      volume,
      offset,
      sizeBytes,
    )
    return Number(lastInsertRowid)
  }

  /** Has a block in a volume where it lies by now. @returns its row */
  putBlock(volume: number, block: NewBlock): number {
    const known = this.placeIn(volume, block.digest)
    if (known === undefined) return this.insertBlock(volume, block)
    if (known.offset !== block.offset) this.moveBlock(known.block, volume, block.offset)
    return known.block
  }

  removeBlock(block: number): void {
    this.transaction(() => {
      this.#database
        .prepare<never, [number]>('DELETE FROM content_members WHERE block = ?')
        .run(block)
      this.#database
        .prepare<never, [number]>('DELETE FROM content_blocks WHERE block = ?')
        .run(block)
    })
  }

  addMember(item: number, block: number): void {
    this.#insertMember.run(item, block)
  }

  /** The block lies elsewhere now. */
  moveBlock(block: number, volume: number, offset: number): void {
    this.#database
      .prepare<never, [number, number, number]>(
        'UPDATE content_blocks SET volume = ?, offset_bytes = ? WHERE block = ?',
      )
      .run(volume, offset, block)
  }

  /** Makes all blocks of one item those of another, which may have some of them already. */
  moveMembers(from: number, to: number): void {
    this.#database
      .prepare<never, [number, number]>(
        'UPDATE OR IGNORE content_members SET item = ? WHERE item = ?',
      )
      .run(to, from)
    this.#database.prepare<never, [number]>('DELETE FROM content_members WHERE item = ?').run(from)
  }

  /**
   * Removes some of an item's blocks from it; those in packs that no other item has are forgotten.
   * @returns in which volumes they lie; undefined when it had none left
   */
  removeSomeMembers(item: number): number[] | undefined {
    return this.transaction(() => {
      const rows = this.#database
        .prepare<{ block: number; volume: number | null }, [number, number]>(
          `SELECT m.block, volume FROM content_members m LEFT JOIN content_blocks USING (block)
           WHERE item = ? ORDER BY m.block LIMIT ?`,
        )
        .all(item, SLICE_ROWS)
      const last = rows.at(-1)
      if (last === undefined) return undefined
      this.#database
        .prepare<never, [number, number]>(
          'DELETE FROM content_members WHERE item = ? AND block <= ?',
        )
        .run(item, last.block)
      // By name: between the first and the last lie the blocks of others, perhaps millions.
      const remove = this.#database.prepare<never, [number]>(
        `DELETE FROM content_blocks AS b WHERE block = ?
           AND NOT EXISTS (SELECT 1 FROM content_members m WHERE m.block = b.block)`,
      )
      const touched = new Set<number>()
      for (const { block, volume } of rows) {
        if (volume === null) continue
        touched.add(volume)
        if (this.volume(volume)?.kind === 'pack') remove.run(block)
      }
      return [...touched]
    })
  }

  /** Where some of an item's blocks lie, what is arriving has them too, and behind which to go on. */
  someUsesOf(
    item: number,
    after: number,
  ): { volumes: Volume[]; arrivals: number[]; last: number } | undefined {
    const rows = this.#database
      .prepare<{ block: number; volume: number | null }, [number, number, number]>(
        `SELECT m.block, volume FROM content_members m LEFT JOIN content_blocks USING (block)
         WHERE item = ? AND m.block > ? ORDER BY m.block LIMIT ?`,
      )
      .all(item, after, SLICE_ROWS)
    const last = rows.at(-1)
    if (last === undefined) return undefined
    const numbers = new Set(rows.flatMap(({ volume }) => volume ?? []))
    const volumes = [...numbers].flatMap((volume) => this.volume(volume) ?? [])
    const arrivals = this.#database
      .prepare<{ item: number }, [number, number, number]>(
        `SELECT DISTINCT other.item FROM content_members m
              JOIN content_members other ON other.block = m.block AND other.item <> m.item
              JOIN content_items ON sequence = other.item
         WHERE m.item = ? AND m.block > ? AND m.block <= ? AND state = 'arriving'`,
      )
      .all(item, after, last.block)
    return { volumes, arrivals: arrivals.map((row) => row.item), last: last.block }
  }

  /** Whether any item has a block, also one that is still arriving. */
  isHeld(digest: Uint8Array): boolean {
    const row = this.#database
      .prepare<{ held: number }, [number, Uint8Array]>(
        `SELECT 1 AS held FROM content_blocks JOIN content_members USING (block)
              JOIN content_items ON sequence = item
         WHERE digest_key = ? AND digest = ? LIMIT 1`,
      )
      .get(keyOfDigest(digest), digest)
    return row !== undefined
  }

  /** Items that are no more, whose blocks had not all been let go when the node stopped. */
  itemsGone(): number[] {
    return this.#database
      .prepare<{ item: number }>(
        // From one item to the next, by the index: its members are not looked at.
        `WITH RECURSIVE items (item) AS (
           SELECT min(item) FROM content_members
           UNION ALL
           SELECT (SELECT min(m.item) FROM content_members m WHERE m.item > items.item)
           FROM items WHERE item IS NOT NULL
         )
         SELECT item FROM items WHERE item IS NOT NULL
           AND NOT EXISTS (SELECT 1 FROM content_items WHERE sequence = item)`,
      )
      .all()
      .map(({ item }) => item)
  }

  digestOf(block: number): Uint8Array | undefined {
    return this.#database
      .prepare<{ digest: Uint8Array }, [number]>(
        'SELECT digest FROM content_blocks WHERE block = ?',
      )
      .get(block)?.digest
  }

  /** Items that have a block, whatever their state. */
  itemsOf(block: number): number[] {
    return this.#database
      .prepare<{ item: number }, [number]>('SELECT item FROM content_members WHERE block = ?')
      .all(block)
      .map(({ item }) => item)
  }

  volume(volume: number): Volume | undefined {
    const known = this.#volumes.get(volume)
    if (known !== undefined) return known
    const row = this.#database
      .prepare<VolumeRow, [number]>('SELECT * FROM content_volumes WHERE volume = ?')
      .get(volume)
    return row === undefined ? undefined : this.#remember(volumeFrom(row))
  }

  volumeNamed(kind: VolumeKind, name: string): Volume | undefined {
    const row = this.#volumeNamed.get(kind, name)
    return row === undefined ? undefined : this.#remember(volumeFrom(row))
  }

  /** The volume of that name, made when there is none. */
  openVolume(wanted: Omit<Volume, 'volume'>): Volume {
    const { kind, name, sizeBytes, reference } = wanted
    const known = this.volumeNamed(kind, name)
    if (known !== undefined) {
      const isAsKnown =
        reference === undefined ||
        (known.sizeBytes === sizeBytes && known.reference?.modifiedAtMs === reference.modifiedAtMs)
      return isAsKnown ? known : this.#referAnew({ ...wanted, volume: known.volume })
    }
    const { lastInsertRowid } = this.#database
      .prepare<never, [string, string, number, string | null, number | null]>(
        `INSERT INTO content_volumes (kind, name, size_bytes, path, modified_at_ms)
         VALUES (?, ?, ?, ?, ?)`,
      )
      .run(kind, name, sizeBytes, reference?.path ?? null, reference?.modifiedAtMs ?? null)
    if (isStored(kind)) this.#storedBytes += sizeBytes
    return this.#remember({ ...wanted, volume: Number(lastInsertRowid) })
  }

  /** How many volumes there are of a kind. */
  volumesCount(kind: VolumeKind): number {
    const row = this.#database
      .prepare<{ count: number }, [string]>(
        'SELECT count(*) AS count FROM content_volumes WHERE kind = ?',
      )
      .get(kind)
    return row?.count ?? 0
  }

  /** All volumes of a kind. */
  volumes(kind: VolumeKind): Volume[] {
    return this.#database
      .prepare<VolumeRow, [string]>('SELECT * FROM content_volumes WHERE kind = ? ORDER BY volume')
      .all(kind)
      .map(volumeFrom)
  }

  /** Forgets a volume and all blocks in it. */
  removeVolume({ volume, kind, sizeBytes }: Volume): void {
    this.transaction(() => {
      this.removeBlocksIn(volume)
      this.#database
        .prepare<never, [number]>('DELETE FROM content_volumes WHERE volume = ?')
        .run(volume)
    })
    this.#volumes.delete(volume)
    if (isStored(kind)) this.#storedBytes -= sizeBytes
  }

  removeBlocksIn(volume: number): void {
    this.#database
      .prepare<never, [number]>(
        `DELETE FROM content_members WHERE block IN
           (SELECT block FROM content_blocks WHERE volume = ?)`,
      )
      .run(volume)
    this.#database
      .prepare<never, [number]>('DELETE FROM content_blocks WHERE volume = ?')
      .run(volume)
  }

  /** Blocks in the order in which they came, after one of them. */
  blocksAfter(block: number, limit: number): (Place & { digest: Uint8Array })[] {
    return this.#database
      .prepare<PlaceRow & { digest: Uint8Array }, [number, number]>(
        `SELECT block, volume, offset_bytes, size_bytes, digest FROM content_blocks
         WHERE block > ? ORDER BY block LIMIT ?`,
      )
      .all(block, limit)
      .map((row) => ({ ...placeFrom(row), digest: row.digest }))
  }

  /** Blocks of a volume that reach beyond the end of its file. */
  blocksBeyond(volume: number, sizeBytes: number): Place[] {
    return this.#database
      .prepare<PlaceRow, [number, number, number]>(
        // The first of the two bounds is what the index is searched by.
        `SELECT block, volume, offset_bytes, size_bytes FROM content_blocks
         WHERE volume = ? AND offset_bytes > ? AND offset_bytes + size_bytes > ?`,
      )
      .all(volume, sizeBytes - BLOCK_BYTES_MAX - 1, sizeBytes)
      .map(placeFrom)
  }

  /** The last block that was checked for bit rot, as far as it was written down. */
  scrubbed(): number {
    const row = this.#database
      .prepare<{ scrubbed_block: number }>('SELECT scrubbed_block FROM content_position')
      .get()
    return row?.scrubbed_block ?? 0
  }

  setScrubbed(block: number): void {
    this.#database
      .prepare<never, [number]>('UPDATE content_position SET scrubbed_block = ?')
      .run(block)
  }

  /** Whether no item has a block of the volume. */
  isUseless(volume: number): boolean {
    const row = this.#database
      .prepare<{ used: number }, [number]>(
        `SELECT EXISTS (SELECT 1 FROM content_blocks b JOIN content_members m USING (block)
                        WHERE b.volume = ?) AS used`,
      )
      .get(volume)
    return row?.used === 0
  }

  /** Bytes of blocks in each pack that some item has. Reads all blocks: not to be asked often. */
  usefulBytes(pack: number): number {
    const row = this.#database
      .prepare<{ bytes: number | null }, [number]>(
        `SELECT sum(size_bytes) AS bytes FROM content_blocks b WHERE volume = ? AND EXISTS
           (SELECT 1 FROM content_members m WHERE m.block = b.block)`,
      )
      .get(pack)
    return row?.bytes ?? 0
  }

  /** Blocks of a volume that some item has, by the digest as latin1. */
  usefulDigests(volume: number): Map<string, number> {
    const rows = this.#database
      .prepare<{ digest: Uint8Array; block: number }, [number]>(
        `SELECT digest, block FROM content_blocks b WHERE volume = ? AND EXISTS
           (SELECT 1 FROM content_members m WHERE m.block = b.block)`,
      )
      .all(volume)
    return new Map(rows.map(({ digest, block }) => [Buffer.from(digest).toString('latin1'), block]))
  }

  /** Which bytes of a body the index knows, as ranges that do not touch. */
  rangesIn(volume: number): [start: number, end: number][] {
    const rows = this.#database
      .prepare<{ offset_bytes: number; size_bytes: number }, [number]>(
        `SELECT offset_bytes, size_bytes FROM content_blocks WHERE volume = ?
         ORDER BY offset_bytes`,
      )
      .iterate(volume)
    const ranges: [start: number, end: number][] = []
    for (const { offset_bytes: start, size_bytes: sizeBytes } of rows) {
      const last = ranges.at(-1)
      if (last !== undefined && last[1] >= start) last[1] = Math.max(last[1], start + sizeBytes)
      else ranges.push([start, start + sizeBytes])
    }
    return ranges
  }

  /** Bytes of bodies and manifests in the store. */
  get storedBytes(): number {
    return this.#storedBytes
  }

  /** Up to where the packs are known, and the last record's revision; undefined in a new index. */
  position(): (PackPosition & { revision: number }) | undefined {
    const row = this.#database
      .prepare<{ pack: number; offset_bytes: number; revision: number }>(
        'SELECT pack, offset_bytes, revision FROM content_position',
      )
      .get()
    if (row === undefined) return undefined
    return { pack: row.pack, offset: row.offset_bytes, revision: row.revision }
  }

  setPosition({ pack, offset }: PackPosition, revision: number): void {
    this.#database
      .prepare<never, [number, number, number]>(
        `INSERT INTO content_position (only_row, pack, offset_bytes, revision) VALUES (1, ?, ?, ?)
         ON CONFLICT (only_row) DO UPDATE
         SET pack = excluded.pack, offset_bytes = excluded.offset_bytes,
             revision = max(revision, excluded.revision)`,
      )
      .run(pack, offset, revision)
  }

  /** The owner's file was written to since, and has been read again. */
  #referAnew(volume: Volume): Volume {
    this.#database
      .prepare<never, [number, number | null, number]>(
        'UPDATE content_volumes SET size_bytes = ?, modified_at_ms = ? WHERE volume = ?',
      )
      .run(volume.sizeBytes, volume.reference?.modifiedAtMs ?? null, volume.volume)
    return this.#remember(volume)
  }

  #remember(volume: Volume): Volume {
    this.#volumes.set(volume.volume, volume)
    return volume
  }
}
