// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Where blocks of large files belong, learnt from the nodes above them, in whatever order a CAR has
 * them: a leaf whose node came first goes to its place in the file's own body, as if the file had been
 * added here. What comes in an order that tells nothing goes to the packs, like all small blocks.
 */

import type { CID } from 'multiformats/cid'
import { copyOf } from '../../base/base.ts'
import { LEAF_BYTES } from '../limits.ts'
import { type BlockName, cidOf, DAG_PB, type FileNode, keyOf, RAW } from '../unixfs/unixfs.ts'
import { AWAITED_BLOCKS_MAX, HELD_NODES_BYTES_MAX } from './limits.ts'

/** A file whose blocks are arriving. */
export interface LooseFile {
  root: CID
  sizeBytes: number
  /** Undefined: it shows with its first leaf. `blocks`: its bytes lie inside of nodes, or it is small. */
  way: 'bytes' | 'blocks' | undefined
  /** Its nodes, as long as that is not known. */
  held: HeldNode[]
}

interface HeldNode {
  block: BlockName
  bytes: Uint8Array
}

/** Where a block belongs. */
export interface PlaceInFile {
  file: LooseFile
  offset: number
  sizeBytes: number
}

export class FilePlaces {
  readonly #isHere: (digest: Uint8Array) => boolean
  readonly #awaited = new Map<string, PlaceInFile>()
  /** Files with nodes that are held, oldest first. */
  readonly #undecided = new Set<LooseFile>()
  #heldBytes = 0

  /** @param isHere whether a block is in the store: then nobody waits for it. */
  constructor(isHere: (digest: Uint8Array) => boolean) {
    this.#isHere = isHere
  }

  /** Where the block belongs, asked once; undefined: no node that came names it. */
  take(block: BlockName, sizeBytes: number): PlaceInFile | undefined {
    const key = keyOf(block)
    const place = this.#awaited.get(key)
    this.#awaited.delete(key)
    // A leaf of another size than its node says is right, and the file is not: it stays a block.
    const isFitting = place !== undefined && (block.codec !== RAW || place.sizeBytes === sizeBytes)
    return isFitting && place.file.way !== 'blocks' ? place : undefined
  }

  /** Learns from a node what belongs below it. @returns the file that it is of. */
  learn(block: BlockName, node: FileNode, place: PlaceInFile | undefined): LooseFile {
    const file = place?.file ?? fileOf(block, node)
    let at = (place?.offset ?? 0) + node.inline.length
    if (node.inline.length > 0) file.way = 'blocks'
    for (const link of node.links) {
      const offset = at
      at += link.sizeBytes
      if (file.way === 'blocks' || this.#awaited.size >= AWAITED_BLOCKS_MAX) continue
      if (this.#isHere(link.block.digest)) continue
      const key = keyOf(link.block)
      if (!this.#awaited.has(key))
        this.#awaited.set(key, { file, offset, sizeBytes: link.sizeBytes })
    }
    return file
  }

  /** Keeps a node until the way of its file shows. @returns a file that must be decided now */
  hold(file: LooseFile, node: HeldNode): LooseFile | undefined {
    file.held.push(node)
    this.#undecided.add(file)
    this.#heldBytes += node.bytes.length
    if (this.#heldBytes <= HELD_NODES_BYTES_MAX) return undefined
    return this.#undecided.values().next().value
  }

  /** The way of a file is known: its nodes are handed back. */
  decide(file: LooseFile, way: 'bytes' | 'blocks'): HeldNode[] {
    file.way = way
    this.#undecided.delete(file)
    const held = file.held.splice(0)
    for (const { bytes } of held) this.#heldBytes -= bytes.length
    return held
  }

  /** Files of which no leaf has come. */
  undecided(): LooseFile[] {
    return [...this.#undecided]
  }
}

function fileOf({ digest }: BlockName, { sizeBytes }: FileNode): LooseFile {
  const root = cidOf(DAG_PB, copyOf(digest))
  // What we would add as one block needs no file of its own, however others cut it.
  return { root, sizeBytes, way: sizeBytes > LEAF_BYTES ? undefined : 'blocks', held: [] }
}
