// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * One item on its way in: its small blocks go to the pack, its large files to bodies of their own.
 * Now and then, and at the end, what has come is made safe on the disk and then told to the index, in
 * this order; so the index never names a byte that a power cut could take. What is here already, from
 * whichever item, is not written again.
 */

import type { CID } from 'multiformats/cid'
import { copyOf } from '../../base/base.ts'
import { UNWRITTEN_BYTES_MAX } from '../limits.ts'
import type { FileReference } from '../unixfs/unixfs.ts'
import { type BlockName, DAG_PB, type Tree } from '../unixfs/unixfs.ts'
import type { BlockIndex, NewBlock, Volume } from './block-index.ts'
import { type Bodies, placesInManifest } from './bodies.ts'
import type { BufferedFile } from './buffered-file.ts'
import { lostToDisk } from './errors.ts'
import { CHECKPOINT_BYTES, OPEN_BODIES_MAX, UNINDEXED_BLOCKS_MAX } from './limits.ts'
import type { PackPosition, Packs } from './packs.ts'
import { PartialBody } from './partial-body.ts'
import { DAG_CBOR, encodeRecord, type PackRecord, referenceRecord } from './records.ts'
import type { Volumes } from './volumes.ts'

export interface IntakeDeps {
  index: BlockIndex
  packs: Packs
  bodies: Bodies
  volumes: Volumes
  /** One change of files and rows at a time. */
  change<T>(work: () => Promise<T>): Promise<T>
  /** Where the packs must be read again from, by what other intakes have not told the index. */
  positionWithout(intake: Intake): PackPosition | undefined
  revision(): number
}

/** A block on the disk that the index does not know yet. */
interface Unindexed extends NewBlock {
  volume: Omit<Volume, 'volume'>
}

/** Takes the bytes of one file whose CID is not known before its end. */
export interface FileIntake {
  write(piece: Uint8Array): void
  ready(): Promise<void>
  finish(tree: Tree): Promise<void>
  abandon(): Promise<void>
}

export class Intake {
  /** The item's sequence. */
  readonly item: number
  readonly #deps: IntakeDeps
  readonly #unindexed: Unindexed[] = []
  readonly #unindexedKeys = new Set<string>()
  readonly #shared = new Set<number>()
  readonly #partials = new Map<string, PartialBody>()
  readonly #openings = new Set<Promise<PartialBody>>()
  readonly #files = new Set<BufferedFile>()
  /** Where the first block lies that the index does not know. */
  #firstUnindexed: PackPosition | undefined
  #unsafeBytes = 0
  #newBytes = 0
  #hasKept = false
  #epoch: number

  constructor(deps: IntakeDeps, item: number) {
    this.#deps = deps
    this.item = item
    this.#epoch = deps.packs.epoch
  }

  /** Whether some of it is safe on the disk, and known to the index. */
  get hasKept(): boolean {
    return this.#hasKept
  }

  /** Bytes of blocks that were not here before, and lie in the store now. */
  get newBytes(): number {
    return this.#newBytes
  }

  /** Whether whoever brings blocks should wait for `ready` before the next. */
  get isFull(): boolean {
    return (
      this.#deps.packs.unwrittenBytes > UNWRITTEN_BYTES_MAX ||
      this.#unindexed.length >= UNINDEXED_BLOCKS_MAX ||
      this.#unsafeBytes >= CHECKPOINT_BYTES
    )
  }

  get firstUnindexed(): PackPosition | undefined {
    return this.#firstUnindexed
  }

  /** Whether the block is in the store, for this item or any other. Then it is this item's too. */
  has(digest: Uint8Array): boolean {
    if (this.#unindexedKeys.has(keyOf(digest))) return true
    const place = this.#deps.index.placeOf(digest)
    if (place === undefined) return false
    this.#shared.add(place.block)
    return true
  }

  /** Appends a small block, unless it is here. To be called after `ready`, for a few at a time. */
  put(name: BlockName, bytes: Uint8Array): void {
    if (this.has(name.digest)) return
    const { pack, offset } = this.#append(name.codec, name.digest, bytes)
    const volume = packVolume(pack)
    this.#add({ volume, digest: copyOf(name.digest), offset, sizeBytes: bytes.length })
  }

  /** A file of the owner's that is one leaf: its bytes stay where they are. */
  putReference(root: CID, sizeBytes: number, reference: FileReference): void {
    const { digest } = root.multihash
    if (this.has(digest)) return
    const volume = this.#refer(root, reference)
    this.#add({ volume, digest, offset: 0, sizeBytes })
  }

  /** Resolves when more may come; makes safe what came when that is much. */
  async ready(): Promise<void> {
    await this.#deps.packs.ready()
    if (this.#unindexed.length < UNINDEXED_BLOCKS_MAX && this.#unsafeBytes < CHECKPOINT_BYTES)
      return
    await this.checkpoint()
    await this.#deps.packs.ready()
  }

  /** A large file that is being added. */
  async openFile(reference?: FileReference): Promise<FileIntake> {
    if (reference !== undefined) return this.#openReference(reference)
    const { bodies } = this.#deps
    const file = await bodies.createIncoming()
    this.#files.add(file)
    const end = async (): Promise<void> => {
      this.#files.delete(file)
      await bodies.discard(file)
    }
    return {
      write: (piece) => file.write(piece),
      ready: () => file.drained(UNWRITTEN_BYTES_MAX),
      finish: async (tree) => {
        try {
          await this.#keepFile(file, tree)
        } finally {
          await end()
        }
      },
      abandon: end,
    }
  }

  /** A large file that arrives from elsewhere, in pieces whose place is known. */
  openPartial(root: CID, sizeBytes: number): Promise<PartialBody> {
    const cid = root.toString()
    const known = this.#partials.get(cid)
    if (known !== undefined) return Promise.resolve(known)
    const opening = this.#deps.change(async () => {
      const opened = await PartialBody.open(this.#deps, { root, sizeBytes }, (block) =>
        this.#add(block),
      )
      this.#partials.set(cid, opened)
      return opened
    })
    this.#openings.add(opening)
    const forget = (): void => void this.#openings.delete(opening)
    opening.then(forget, forget)
    return opening
  }

  /** Whether more large files are open than there should be: see {@link closeBodies}. */
  get hasManyBodies(): boolean {
    return this.#partials.size > OPEN_BODIES_MAX
  }

  /** Makes safe what came of large files and closes them, but one; each can be opened again. */
  async closeBodies(except?: PartialBody): Promise<void> {
    await this.checkpoint()
    for (const [cid, partial] of this.#partials) {
      if (partial !== except) await this.#closeBody(cid, partial)
    }
  }

  /** Makes safe and known what has come so far; `also` is told to the index in the same breath. */
  async checkpoint(also?: () => void): Promise<void> {
    const { packs, index } = this.#deps
    const blocks = this.#unindexed.splice(0)
    const end = packs.end
    for (const partial of this.#partials.values()) await partial.sync()
    await packs.sync()
    if (packs.epoch !== this.#epoch) throw lostToDisk()
    index.transaction(() => {
      this.flushShares()
      for (const block of blocks) this.#tell(block)
      also?.()
      this.#firstUnindexed = this.#unindexed.length === 0 ? undefined : end
      const others = this.#deps.positionWithout(this)
      index.setPosition(earliest(others, this.#firstUnindexed ?? end), this.#deps.revision())
    })
    for (const { digest } of blocks) this.#unindexedKeys.delete(keyOf(digest))
    this.#unsafeBytes = 0
    this.#hasKept ||= blocks.length > 0
    for (const partial of this.#partials.values()) partial.indexed()
  }

  /** Appends a record about the item; it counts from the next checkpoint on. */
  record(record: PackRecord): void {
    const { digest, bytes } = encodeRecord(record)
    this.#append(DAG_CBOR, digest, bytes)
  }

  /** Tells the index at once which blocks of other items are this one's too. */
  flushShares(): void {
    for (const block of this.#shared) this.#deps.index.addMember(this.item, block)
    this.#shared.clear()
  }

  /** Whether this intake writes to the body of that CID. */
  isWriting(cid: string): boolean {
    return this.#partials.has(cid)
  }

  /** Closes what is open; files that were not finished are gone. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#openings)
    for (const [cid, partial] of this.#partials) await this.#closeBody(cid, partial)
    for (const file of this.#files) await this.#deps.bodies.discard(file)
    this.#files.clear()
  }

  async #closeBody(cid: string, partial: PartialBody): Promise<void> {
    await partial.close()
    this.#partials.delete(cid)
    await this.#deps.change(async () => {
      const { index } = this.#deps
      // Of a file whose first leaf has not come, the index knows the nodes alone.
      const kinds = ['body', 'manifest'] as const
      const isKnown = kinds.some((kind) => index.volumeNamed(kind, cid) !== undefined)
      if (!isKnown) await this.#deps.bodies.remove(cid)
    })
  }

  async #keepFile(file: BufferedFile, tree: Tree): Promise<void> {
    const blocks = [...tree.nodes, ...tree.leaves]
    if (blocks.map(({ digest }) => this.has(digest)).every(Boolean)) return
    await file.finish()
    const cid = tree.root.toString()
    const offsets = placesInManifest(tree.root, tree.nodes)
    await this.#deps.change(async () => {
      await this.#deps.bodies.keep(file, cid, tree.nodes)
      const known = this.#deps.index.volumeNamed('body', cid)
      if (known !== undefined) this.#deps.volumes.forget(known.volume)
      const manifest = this.#deps.index.volumeNamed('manifest', cid)
      if (manifest !== undefined) this.#deps.volumes.forget(manifest.volume)
    })
    const manifestBytes = tree.nodes.reduce((sum, { bytes }) => sum + bytes.length, 0)
    const manifest = fileVolume('manifest', cid, manifestBytes)
    tree.nodes.forEach(({ digest, bytes }, index) => {
      const offset = offsets[index] ?? 0
      this.#add({ volume: manifest, digest, offset, sizeBytes: bytes.length })
    })
    const body = fileVolume('body', cid, tree.sizeBytes)
    for (const leaf of tree.leaves) this.#add({ ...leaf, volume: body })
  }

  #openReference(reference: FileReference): FileIntake {
    return {
      write: () => {},
      ready: () => Promise.resolve(),
      finish: async (tree) => {
        for (const { digest, bytes } of tree.nodes) {
          await this.ready()
          this.put({ codec: DAG_PB, digest }, bytes)
        }
        const fresh = tree.leaves.filter(({ digest }) => !this.has(digest))
        if (fresh.length === 0) return
        await this.ready()
        const volume = this.#refer(tree.root, reference)
        for (const leaf of fresh) this.#add({ ...leaf, volume })
      },
      abandon: () => Promise.resolve(),
    }
  }

  #refer(root: CID, reference: FileReference): Omit<Volume, 'volume'> {
    this.record(referenceRecord(root, reference))
    const { path, sizeBytes } = reference
    return { kind: 'reference', name: `${root} ${path}`, sizeBytes, reference }
  }

  #append(codec: number, digest: Uint8Array, bytes: Uint8Array): PackPosition {
    const before = this.#deps.packs.end
    const place = this.#deps.packs.append(codec, digest, bytes)
    this.#firstUnindexed ??= before
    this.#unsafeBytes += bytes.length
    return place
  }

  #add(block: Unindexed): void {
    this.#unindexed.push(block)
    this.#unindexedKeys.add(keyOf(block.digest))
    if (block.volume.kind === 'body') this.#unsafeBytes += block.sizeBytes
    if (block.volume.kind !== 'reference') this.#newBytes += block.sizeBytes
  }

  #tell({ volume, ...block }: Unindexed): void {
    const { index } = this.#deps
    const opened = index.openVolume(volume).volume
    const known = index.placeIn(opened, block.digest)
    index.addMember(this.item, known?.block ?? index.insertBlock(opened, block))
  }
}

function packVolume(pack: number): Omit<Volume, 'volume'> {
  return { kind: 'pack', name: String(pack), sizeBytes: 0, reference: undefined }
}

function fileVolume(
  kind: 'body' | 'manifest',
  name: string,
  sizeBytes: number,
): Omit<Volume, 'volume'> {
  return { kind, name, sizeBytes, reference: undefined }
}

function earliest(one: PackPosition | undefined, other: PackPosition): PackPosition {
  if (one === undefined) return other
  const isEarlier = one.pack < other.pack || (one.pack === other.pack && one.offset < other.offset)
  return isEarlier ? one : other
}

function keyOf(digest: Uint8Array): string {
  return Buffer.from(digest.buffer, digest.byteOffset, digest.length).toString('latin1')
}
