// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * From the entries of a folder to its nodes: a single one, or a HAMT when that would be larger than
 * the profile allows. A HAMT is a tree over the hashes of the names: each level takes the next byte
 * as slot, and a name lies at the first level where it is alone in its slot. So its shape depends
 * on the names only, never on their order.
 */
import type { PBLink } from '@ipld/dag-pb'
import { type BuiltNode, buildNode } from './built-node.ts'
import type { FolderEntries } from './folder-entries.ts'
import { FOLDER_NODE_BYTES_MAX, HAMT_DEPTH_MAX, HAMT_SLOTS } from './limits.ts'
import { encodeNodeData } from './node-data.ts'
import { beyondFolderLimit } from './refusals.ts'
import type { EntryAttributes } from './source-entry.ts'

/**
 * The nodes, children before parents; returns the last one, the root.
 * @throws CodedError `CONTENT_FOLDER_LIMIT`
 */
export function* folderNodes(
  entries: FolderEntries,
  attributes: EntryAttributes,
  path: string,
): Generator<BuiltNode, BuiltNode> {
  if (entries.nodeBytes(attributes) > FOLDER_NODE_BYTES_MAX) {
    return yield* new HamtBuilder(entries, attributes, path).build()
  }
  const links = entries
    .names()
    .map((name, index) => ({ bytes: Buffer.from(name), link: linkTo(entries, index, name) }))
    .sort((one, other) => Buffer.compare(one.bytes, other.bytes))
    .map(({ link }) => link)
  const node = buildNode(encodeNodeData({ type: 'folder' }, attributes), links)
  yield node
  return node
}

function linkTo(entries: FolderEntries, index: number, name: string): PBLink {
  return { Hash: entries.cidOf(index), Name: name, Tsize: entries.dagBytesOf(index) }
}

class HamtBuilder {
  readonly #entries: FolderEntries
  readonly #names: readonly string[]
  readonly #attributes: EntryAttributes
  readonly #path: string

  constructor(entries: FolderEntries, attributes: EntryAttributes, path: string) {
    this.#entries = entries
    this.#names = entries.names()
    this.#attributes = attributes
    this.#path = path
  }

  build(): Generator<BuiltNode, BuiltNode> {
    return this.#level(
      this.#names.map((_name, index) => index),
      0,
    )
  }

  /** The node over `indexes`, which share the first `level` bytes of their hashes. */
  *#level(indexes: readonly number[], level: number): Generator<BuiltNode, BuiltNode> {
    if (level === HAMT_DEPTH_MAX) {
      throw beyondFolderLimit(this.#path, 'levels of a folder’s index', HAMT_DEPTH_MAX)
    }
    const slots: number[][] = Array.from({ length: HAMT_SLOTS }, () => [])
    for (const index of indexes) slots[this.#entries.slotOf(index, level)]?.push(index)
    const links: PBLink[] = []
    const bitfield = new Uint8Array(HAMT_SLOTS / 8)
    for (const [slot, members] of slots.entries()) {
      const [first] = members
      if (first === undefined) continue
      // The lowest slot is the lowest bit of the last byte.
      const at = bitfield.length - 1 - (slot >>> 3)
      bitfield[at] = (bitfield[at] ?? 0) | (1 << (slot & 7))
      links.push(yield* this.#slot(slot, members, level))
    }
    const used = bitfield.subarray(bitfield.findIndex((byte) => byte !== 0))
    // Attributes are of the folder, not of the parts of its index: only the root has them.
    const attributes = level === 0 ? this.#attributes : {}
    const node = buildNode(
      encodeNodeData({ type: 'hamt', bitfield: used, slots: HAMT_SLOTS }, attributes),
      links,
    )
    yield node
    return node
  }

  *#slot(slot: number, members: readonly number[], level: number): Generator<BuiltNode, PBLink> {
    const prefix = slot.toString(16).toUpperCase().padStart(2, '0')
    const [first] = members
    if (first !== undefined && members.length === 1) {
      return linkTo(this.#entries, first, prefix + this.#names[first])
    }
    const child = yield* this.#level(members, level + 1)
    return { Hash: child.cid, Name: prefix, Tsize: child.dagBytes }
  }
}
