// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * The balanced tree above the leaves of one file. A level is made into a node when it is full and
 * one more comes, so that nothing is held but one unfinished node a level.
 */
import type { CID } from 'multiformats/cid'
import { type BuiltNode, buildNode } from './built-node.ts'
import { encodeNodeData } from './node-data.ts'
import type { EntryAttributes } from './source-entry.ts'

/** A leaf or a node as the node above it names it. */
export interface FilePart {
  cid: CID
  /** Bytes of the file below. */
  sizeBytes: number
  /** Bytes of all blocks below. */
  dagBytes: number
}

export class FileLayout {
  readonly #width: number
  readonly #onNode: (node: BuiltNode) => void
  /** Parts that no node has yet, lowest level first. */
  readonly #levels: FilePart[][] = []

  /** @param width links of a node; `onNode` is told of nodes, children before parents. */
  constructor(width: number, onNode: (node: BuiltNode) => void) {
    this.#width = width
    this.#onNode = onNode
  }

  addLeaf(cid: CID, sizeBytes: number): void {
    this.#add(0, { cid, sizeBytes, dagBytes: sizeBytes })
  }

  /**
   * The root. A raw leaf has no place for attributes: with any, a single leaf gets a node above it,
   * and an empty file is a node without leaves.
   */
  finish(attributes: EntryAttributes | undefined): FilePart {
    for (let level = 0; ; level += 1) {
      const parts = this.#levels[level] ?? []
      const isTop = level >= this.#levels.length - 1
      const [first] = parts
      if (!isTop) {
        this.#add(level + 1, this.#node(parts))
      } else if (parts.length > 1 || first === undefined) {
        return this.#node(parts, attributes)
      } else if (attributes === undefined) {
        return first
      } else {
        return this.#node(first.sizeBytes === 0 ? [] : parts, attributes)
      }
    }
  }

  #add(level: number, part: FilePart): void {
    const parts = this.#levels[level]
    if (parts === undefined) {
      this.#levels[level] = [part]
    } else if (parts.length < this.#width) {
      parts.push(part)
    } else {
      this.#levels[level] = [part]
      this.#add(level + 1, this.#node(parts))
    }
  }

  #node(parts: readonly FilePart[], attributes?: EntryAttributes): FilePart {
    let sizeBytes = 0
    for (const part of parts) sizeBytes += part.sizeBytes
    const partBytes = parts.map((part) => part.sizeBytes)
    const node = buildNode(
      encodeNodeData({ type: 'file', sizeBytes, partBytes }, attributes),
      parts.map((part) => ({ Hash: part.cid, Name: '', Tsize: part.dagBytes })),
    )
    this.#onNode(node)
    return { cid: node.cid, sizeBytes, dagBytes: node.dagBytes }
  }
}
