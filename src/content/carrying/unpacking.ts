// SPDX-License-Identifier: AGPL-3.0-or-later
/** Blocks of a CAR, verified by whoever hands them over, into the store: large files to bodies. */
import { copyOf } from '../../base/base.ts'
import type { BlockStore, Intake } from '../blocks/blocks.ts'
import { UNWRITTEN_BYTES_MAX } from '../limits.ts'
import { type BlockName, type DagNode, type FileNode, parseNode, RAW } from '../unixfs/unixfs.ts'
import { FilePlaces, type LooseFile, type PlaceInFile } from './file-places.ts'

export class Unpacker {
  readonly #store: Pick<BlockStore, 'space'>
  readonly #intake: Intake
  readonly #places: FilePlaces
  readonly #signal: AbortSignal

  /** @param signal ends the wait for a file that somebody else writes to. */
  constructor(store: Pick<BlockStore, 'space'>, intake: Intake, signal: AbortSignal) {
    this.#store = store
    this.#intake = intake
    this.#signal = signal
    this.#places = new FilePlaces((digest) => intake.has(digest))
  }

  /** Takes a node that is in the store already, for what it tells of blocks that are to come. */
  learn(block: BlockName, node: DagNode): void {
    if (node.kind !== 'file') return
    const file = this.#places.learn(block, node, this.#places.take(block, 0))
    // Its upper nodes are here, in a manifest or not: what comes now goes on like that.
    if (file.way === undefined) this.#places.decide(file, 'bytes')
  }

  /** Takes a verified block. @throws CodedError `STORE_…` */
  async put(block: BlockName, bytes: Uint8Array): Promise<void> {
    await this.#intake.ready()
    const place = this.#places.take(block, bytes.length)
    if (this.#intake.has(block.digest)) return
    if (block.codec === RAW) return this.#putLeaf(block, bytes, place)
    const node = fileNodeOf(bytes)
    if (node === undefined) return this.#intake.put(block, bytes)
    await this.#putNode(block, bytes, { node, place })
  }

  /** Nothing more comes: what was held back is taken as it is. */
  async finish(): Promise<void> {
    for (const file of this.#places.undecided()) await this.#goOn(file, 'blocks')
  }

  async #putLeaf(
    block: BlockName,
    bytes: Uint8Array,
    place: PlaceInFile | undefined,
  ): Promise<void> {
    if (place === undefined) return this.#intake.put(block, bytes)
    const { file, offset } = place
    if (file.way === undefined) {
      // A node may say that it stands for more than any disk has.
      const isPossible = await this.#store.space.fits(file.sizeBytes)
      await this.#goOn(file, isPossible ? 'bytes' : 'blocks')
      if (!isPossible) return this.#intake.put(block, bytes)
    }
    const body = await this.#openBody(file)
    body.seek(offset)
    body.write(bytes)
    body.leaf(block.digest, offset, bytes.length)
    if (body.unwrittenBytes > UNWRITTEN_BYTES_MAX) await body.ready()
  }

  async #putNode(
    block: BlockName,
    bytes: Uint8Array,
    { node, place }: { node: FileNode; place: PlaceInFile | undefined },
  ): Promise<void> {
    // What stands for more or less than its parent says is no part of that file.
    const isFitting = place?.sizeBytes === node.sizeBytes
    const file = this.#places.learn(block, node, isFitting ? place : undefined)
    if (file.way === 'blocks') {
      await this.#goOn(file, 'blocks')
      return this.#intake.put(block, bytes)
    }
    if (file.way === 'bytes') {
      const body = await this.#openBody(file)
      return body.node(block, bytes)
    }
    const copy = { block: { ...block, digest: copyOf(block.digest) }, bytes: copyOf(bytes) }
    const oldest = this.#places.hold(file, copy)
    if (oldest !== undefined) await this.#goOn(oldest, 'blocks')
  }

  /** Takes the nodes of a file that were held back until now. */
  async #goOn(file: LooseFile, way: 'bytes' | 'blocks'): Promise<void> {
    const held = this.#places.decide(file, way)
    for (const { block, bytes } of held) {
      if (this.#intake.has(block.digest)) continue
      if (way === 'bytes') (await this.#openBody(file)).node(block, bytes)
      else this.#intake.put(block, bytes)
    }
  }

  async #openBody(file: LooseFile): ReturnType<Intake['openPartial']> {
    if (this.#intake.hasManyBodies) await this.#intake.closeBodies()
    return this.#intake.openPartial(file.root, file.sizeBytes, this.#signal)
  }
}

/** A part of a file that has parts itself; undefined for everything else, also for what is malformed. */
function fileNodeOf(bytes: Uint8Array): FileNode | undefined {
  try {
    const node = parseNode(bytes)
    return node.kind === 'file' && node.links.length > 0 ? node : undefined
  } catch {
    // Its hash is right, so it may be kept; whether an item can be made of it shows at its root.
    return undefined
  }
}
