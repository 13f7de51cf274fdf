// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * One item on its way in: its small blocks go to the pack, its large files to bodies of their own.
 * Now and then, and at the end, what has come is made safe on the disk and then told to the index, in
 * this order; so the index never names a byte that a power cut could take. What is here already, from
 * whichever item, is not written again.
 */

import type { CID } from 'multiformats/cid'
import { copyOf } from '../../base/base.ts'
import { UNWRITTEN_BYTES_MAX, WRITE_BYTES } from '../limits.ts'
import {
  type BlockName,
  DAG_PB,
  type FileReference,
  type FileWanted,
  type Tree,
} from '../unixfs/unixfs.ts'
import { breathe } from '../waiting.ts'
import type { BlockIndex, NewBlock, Volume } from './block-index.ts'
import { type Bodies, placesInManifest } from './bodies.ts'
import type { BodyClaims } from './body-claims.ts'
import type { BufferedFile } from './buffered-file.ts'
import { lostToDisk } from './errors.ts'
import { CHECKPOINT_BYTES, OPEN_PARTIALS_MAX, SLICE_ROWS, UNINDEXED_BLOCKS_MAX } from './limits.ts'
import type { PackPosition, Packs } from './packs.ts'
import { PartialBody } from './partial-body.ts'
import { DAG_CBOR, encodeRecord, type PackRecord, referenceRecord } from './records.ts'
import type { Space } from './space.ts'
import type { UnfinishedFile } from './unfinished-file.ts'
import type { Volumes } from './volumes.ts'

export interface IntakeDeps {
  index: BlockIndex
  packs: Packs
  bodies: Bodies
  volumes: Volumes
  /** One change of files and rows at a time. */
  change<T>(work: () => Promise<T>): Promise<T>
  space: Space
  claims: BodyClaims
  /** Where the packs must be read again from, by what other intakes have not told the index. */
  positionWithout(intake: Intake): PackPosition | undefined
  revision(): number
  /** Has others make room for what still comes, where that is possible. */
  makeRoom(): Promise<void>
}

/** A block on the disk that the index does not know yet. */
interface Unindexed extends NewBlock {
  volume: Omit<Volume, 'volume'>
}

/** Takes the bytes of one file whose CID is not known before its end. */
export interface FileIntake {
  /** Digests of leaves that are there from an earlier try: the bytes come from behind them on. */
  readonly known: readonly Buffer[]
  write(piece: Uint8Array): void
  ready(digest: Buffer): Promise<void>
  finish(tree: Tree): Promise<void>
  abandon(): Promise<void>
}

export class Intake {
  /** The item's sequence. */
  readonly item: number
  /** The bodies that it wrote to. */
  readonly claimed = new Set<string>()
  readonly #deps: IntakeDeps
  readonly #unindexed: Unindexed[] = []
  readonly #unindexedKeys = new Set<string>()
  readonly #shared = new Set<number>()
  readonly #partials = new Map<string, PartialBody>()
  readonly #openings = new Map<string, Promise<PartialBody>>()
  readonly #files = new Set<BufferedFile>()
  /** Bodies that lie there whole and that the index does not know yet. */
  readonly #kept = new Set<string>()
  readonly #gate: ReturnType<Space['gate']>
  /** Where the first block lies that the index does not know. */
  #firstUnindexed: PackPosition | undefined
  #unsafeBytes = 0
  #newBytes = 0
  /** Appended since it was last asked whether there is room. */
  #ungatedBytes = 0
  /** Arrived since others were last asked to make room. */
  #roomlessBytes = 0
  #hasKept = false
  #hasLost = false
  /** Of the packs, when the first block was appended that the index does not know. */
  #epoch = 0

  constructor(deps: IntakeDeps, item: number) {
    this.#deps = deps
    this.item = item
    this.#gate = deps.space.gate()
  }

  /** A block that was here and counted as one of this item's turned out to be wrong or missing. */
  get hasLost(): boolean {
    return this.#hasLost
  }

  lose(): void {
    this.#hasLost = true
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
      this.#ungatedBytes >= WRITE_BYTES ||
      this.#isCheckpointDue
    )
  }

  get #isCheckpointDue(): boolean {
    return (
      this.#unindexed.length >= UNINDEXED_BLOCKS_MAX ||
      this.#unsafeBytes >= CHECKPOINT_BYTES ||
      this.#partials.size > OPEN_PARTIALS_MAX
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
    if (this.#shared.size >= SLICE_ROWS) this.#deps.index.transaction(() => this.flushShares())
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

  /**
   * Resolves when more may come; makes safe what came when that is much.
   * @param sizeBytes of the next block, where that is known.
   * @throws CodedError `STORE_FULL`, and what the disk says
   */
  async ready(sizeBytes = 0): Promise<void> {
    const { packs } = this.#deps
    await this.#makeRoom()
    await this.#gate(sizeBytes, this.#ungatedBytes)
    this.#ungatedBytes = 0
    await packs.ready()
    if (!this.#isCheckpointDue) return
    await this.checkpoint()
    await packs.ready()
  }

  /** A large file that is being added, perhaps one that was begun before. */
  async openFile({ reference, identity }: FileWanted, signal: AbortSignal): Promise<FileIntake> {
    const { unfinished } = this.#deps.bodies
    const kind = reference === undefined ? 'copy' : 'reference'
    const begun = identity === undefined ? undefined : await unfinished.begin(identity, kind)
    const intake =
      reference === undefined ? await this.#openBody(begun, signal) : this.#openReference(reference)
    if (begun === undefined) return intake
    return {
      known: begun.known,
      write: intake.write,
      ready: async (digest) => {
        await begun.leaf(digest)
        await intake.ready(digest)
      },
      finish: async (tree) => {
        await begun.forget()
        await intake.finish(tree).finally(() => begun.discard())
      },
      // What was called off may be wanted again; what failed would only fail once more.
      abandon: async () => {
        await (signal.aborted ? begun.keep() : begun.discard())
        await intake.abandon()
      },
    }
  }

  async #openBody(begun: UnfinishedFile | undefined, signal: AbortSignal): Promise<FileIntake> {
    const { bodies } = this.#deps
    const file = begun?.body ?? (await bodies.createIncoming())
    this.#files.add(file)
    const end = async (): Promise<void> => {
      this.#files.delete(file)
      if (begun === undefined) await bodies.discard(file)
    }
    return {
      known: [],
      write: (piece) => {
        file.write(piece)
        this.#roomlessBytes += piece.length
      },
      ready: async () => {
        await this.#makeRoom()
        await file.drained(UNWRITTEN_BYTES_MAX)
      },
      finish: async (tree) => {
        try {
          await this.#keepFile(file, tree, signal)
        } finally {
          await end()
        }
      },
      abandon: end,
    }
  }

  /** Whether the room that a large file takes is counted: all of it, from its first byte on. */
  countsBody(root: CID): boolean {
    const cid = root.toString()
    return this.#partials.has(cid) || this.#deps.index.volumeNamed('body', cid) !== undefined
  }

  /**
   * A large file that arrives from elsewhere, in pieces whose place is known: one at a time. Waits
   * while somebody else writes to it; what that brings is then here.
   */
  openPartial(root: CID, sizeBytes: number, signal: AbortSignal): Promise<PartialBody> {
    const cid = root.toString()
    for (const [other, partial] of this.#partials) partial.isEnded = other !== cid
    const known = this.#partials.get(cid)
    if (known !== undefined) return Promise.resolve(known)
    const opening = this.#openings.get(cid) ?? this.#openPartial(root, sizeBytes, signal)
    this.#openings.set(cid, opening)
    const forget = (): void => void this.#openings.delete(cid)
    opening.then(forget, forget)
    return opening
  }

  async #openPartial(root: CID, sizeBytes: number, signal: AbortSignal): Promise<PartialBody> {
    const cid = root.toString()
    await this.#claim(cid, signal)
    return this.#deps.change(async () => {
      const opened = await PartialBody.open(this.#deps, { root, sizeBytes }, (block) =>
        this.#add(block),
      )
      this.#partials.set(cid, opened)
      return opened
    })
  }

  /** Whoever waits has nothing that another may wait for. */
  async #claim(cid: string, signal: AbortSignal): Promise<void> {
    const { claims } = this.#deps
    if (claims.isOthers(cid, this)) await this.checkpoint()
    await claims.acquire(cid, this, signal)
    this.claimed.add(cid)
  }

  /** Whether more large files are open than there should be: see {@link closeBodies}. */
  get hasManyBodies(): boolean {
    return this.#partials.size > OPEN_PARTIALS_MAX
  }

  /** Makes safe what came of large files and closes them, but one; each can be opened again. */
  async closeBodies(except?: PartialBody): Promise<void> {
    await this.checkpoint()
    for (const [cid, partial] of this.#partials) {
      if (partial !== except) await this.#closePartial(cid, partial)
    }
  }

  /** Makes safe and known what has come so far; `also` is told to the index in the same breath. */
  async checkpoint(also?: () => void): Promise<void> {
    const { packs, index } = this.#deps
    const blocks = this.#unindexed.splice(0)
    const end = packs.end
    for (const partial of this.#partials.values()) await partial.sync()
    await packs.sync()
    if (this.#firstUnindexed !== undefined && packs.epoch !== this.#epoch) throw lostToDisk()
    // All but the last slice by themselves: a large file has more leaves than one breath is for.
    const rest = blocks.length % SLICE_ROWS
    for (let at = 0; at < blocks.length - rest; at += SLICE_ROWS) {
      const slice = blocks.slice(at, at + SLICE_ROWS)
      index.transaction(() => {
        for (const block of slice) this.#tell(block)
      })
      await breathe()
    }
    index.transaction(() => {
      this.flushShares()
      for (const block of blocks.slice(blocks.length - rest)) this.#tell(block)
      also?.()
      this.#firstUnindexed = this.#unindexed.length === 0 ? undefined : end
      const others = this.#deps.positionWithout(this)
      index.setPosition(earliest(others, this.#firstUnindexed ?? end), this.#deps.revision())
    })
    for (const { digest } of blocks) this.#unindexedKeys.delete(keyOf(digest))
    this.#unsafeBytes = 0
    this.#hasKept ||= blocks.length > 0
    for (const cid of this.#kept) this.#deps.claims.release(cid, this)
    this.#kept.clear()
    for (const [cid, partial] of this.#partials) {
      partial.indexed()
      if (partial.isEnded) await this.#closePartial(cid, partial)
    }
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

  /** Closes what is open; files that were not finished are gone. Never rejects. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#openings.values())
    for (const [cid, partial] of this.#partials) await this.#closePartial(cid, partial)
    for (const cid of this.#kept) await this.#removeUnknown(cid)
    for (const file of this.#files) await this.#deps.bodies.discard(file)
    this.#files.clear()
    this.#deps.claims.releaseAll(this)
  }

  async #closePartial(cid: string, partial: PartialBody): Promise<void> {
    this.#partials.delete(cid)
    await partial.close()
    await this.#removeUnknown(cid)
    this.#deps.claims.release(cid, this)
  }

  /** Removes a body of which nothing came to be known. */
  async #removeUnknown(cid: string): Promise<void> {
    const { index, bodies } = this.#deps
    // Of a file whose first leaf has not come, the index knows the nodes alone.
    const kinds = ['body', 'manifest'] as const
    if (kinds.some((kind) => index.volumeNamed(kind, cid) !== undefined)) return
    // What a failing disk keeps is a file that no item has: a later start removes it.
    await bodies.remove(cid).catch(() => {})
  }

  async #keepFile(file: BufferedFile, tree: Tree, signal: AbortSignal): Promise<void> {
    const cid = tree.root.toString()
    if (await this.#hasAll(tree)) return
    await file.finish()
    await this.#claim(cid, signal)
    // Whoever wrote to it until now may have brought all of it.
    if (await this.#hasAll(tree)) return this.#deps.claims.release(cid, this)
    const { index, bodies, volumes } = this.#deps
    const hasManifest = await this.#deps.change(async () => {
      const manifest = index.volumeNamed('manifest', cid)
      await bodies.keep(file, cid, manifest === undefined ? tree.nodes : undefined)
      this.#kept.add(cid)
      const body = index.volumeNamed('body', cid)
      if (body !== undefined) volumes.forget(body.volume)
      return manifest !== undefined
    })
    if (hasManifest) await this.#putNodes(tree)
    else this.#addManifest(cid, tree)
    const body = fileVolume('body', cid, tree.sizeBytes)
    for (const leaf of tree.leaves) this.#add({ ...leaf, volume: body })
  }

  async #hasAll({ nodes, leaves }: Tree): Promise<boolean> {
    let hasAll = true
    for (const blocks of [nodes, leaves]) {
      for (let at = 0; at < blocks.length; at += SLICE_ROWS) {
        for (const { digest } of blocks.slice(at, at + SLICE_ROWS)) {
          if (!this.has(digest)) hasAll = false
        }
        if (blocks.length > SLICE_ROWS) await breathe()
      }
    }
    return hasAll
  }

  #addManifest(cid: string, { root, nodes }: Tree): void {
    const offsets = placesInManifest(root, nodes)
    const sumBytes = nodes.reduce((sum, { bytes }) => sum + bytes.length, 0)
    const volume = fileVolume('manifest', cid, sumBytes)
    nodes.forEach(({ digest, bytes }, index) => {
      this.#add({ volume, digest, offset: offsets[index] ?? 0, sizeBytes: bytes.length })
    })
  }

  async #putNodes({ nodes }: Tree): Promise<void> {
    for (const { digest, bytes } of nodes) {
      await this.#deps.packs.ready()
      this.put({ codec: DAG_PB, digest }, bytes)
    }
  }

  #openReference(reference: FileReference): FileIntake {
    return {
      known: [],
      write: () => {},
      ready: () => Promise.resolve(),
      finish: async (tree) => {
        await this.#putNodes(tree)
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
    if (this.#firstUnindexed === undefined) {
      this.#firstUnindexed = before
      this.#epoch = this.#deps.packs.epoch
    }
    this.#unsafeBytes += bytes.length
    this.#ungatedBytes += bytes.length
    this.#roomlessBytes += bytes.length
    return place
  }

  #add(block: Unindexed): void {
    this.#unindexed.push(block)
    this.#unindexedKeys.add(keyOf(block.digest))
    if (block.volume.kind !== 'reference') this.#newBytes += block.sizeBytes
    if (block.volume.kind !== 'body') return
    this.#unsafeBytes += block.sizeBytes
    this.#roomlessBytes += block.sizeBytes
  }

  /** Long before what was made is used up. */
  async #makeRoom(): Promise<void> {
    if (this.#roomlessBytes < this.#deps.space.headroomBytes / 2) return
    this.#roomlessBytes = 0
    await this.#deps.makeRoom()
  }

  #tell({ volume, ...block }: Unindexed): void {
    const { index } = this.#deps
    index.addMember(this.item, index.putBlock(index.openVolume(volume).volume, block))
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
