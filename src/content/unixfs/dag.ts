// SPDX-License-Identifier: AGPL-3.0-or-later
/** The trees of files: dag-pb nodes that carry UnixFS, read with suspicion. Pure. */
import { decode, type PBNode } from '@ipld/dag-pb'
import { UnixFS } from 'ipfs-unixfs'
import type { CID } from 'multiformats/cid'
import { tooLarge, unsupportedItem } from '../errors.ts'
import { ITEM_BYTES_MAX, LEAF_BYTES_MAX, NODE_LINKS_MAX } from '../limits.ts'
import { type BlockName, blockNameOf, isSupported, RAW } from './cids.ts'

export interface FileLink {
  /** As its parent writes it: version 0 or 1. */
  cid: CID
  name: BlockName
  /** How many bytes of the file lie below. */
  sizeBytes: number
}

export interface FileNode {
  links: readonly FileLink[]
  /** How many bytes of the file lie below: the sum of the links'. */
  sizeBytes: number
}

/**
 * @param bytes a block whose hash was verified: what is wrong with it is the item's fault, not that
 *   of the peer that sent it.
 * @throws CodedError `CONTENT_UNSUPPORTED`, `CONTENT_TOO_LARGE`
 */
export function parseFileNode(bytes: Uint8Array): FileNode {
  const { node, unixfs } = decodeNode(bytes)
  if (unixfs.isDirectory()) throw unsupportedItem('it is a folder, which this version cannot fetch')
  if (unixfs.type !== 'file') throw unsupportedItem(`it is a ${unixfs.type}, not a file`)
  if (unixfs.data !== undefined && unixfs.data.length > 0) {
    throw unsupportedItem('its bytes lie inside the tree nodes, an older layout of IPFS')
  }
  const { Links: links } = node
  if (links.length === 0 || links.length > NODE_LINKS_MAX) {
    throw unsupportedItem(`a node of its tree has ${links.length} links`)
  }
  if (links.length !== unixfs.blockSizes.length) {
    throw unsupportedItem('its tree does not say how large its parts are')
  }
  let sizeBytes = 0
  const fileLinks = links.map(({ Hash: cid }, index) => {
    const link = parseLink(cid, unixfs.blockSizes[index] ?? 0n)
    sizeBytes += link.sizeBytes
    if (sizeBytes > ITEM_BYTES_MAX) throw tooLarge(sizeBytes, ITEM_BYTES_MAX)
    return link
  })
  return { links: fileLinks, sizeBytes }
}

function decodeNode(bytes: Uint8Array): { node: PBNode; unixfs: UnixFS } {
  try {
    const node = decode(bytes)
    return { node, unixfs: UnixFS.unmarshal(node.Data ?? new Uint8Array()) }
  } catch {
    // The decoders' complaints about a stranger's bytes are for programmers; the verdict is enough.
    throw unsupportedItem('its tree is malformed')
  }
}

/** Empty parts are refused: a tree of nothing but those could be walked forever. */
function parseLink(cid: CID, size: bigint): FileLink {
  if (!isSupported(cid)) throw unsupportedItem('a part of it has an id of an unknown kind')
  if (size <= 0n) throw unsupportedItem('a part of its tree is empty')
  if (size > BigInt(ITEM_BYTES_MAX)) throw tooLarge(Number(size), ITEM_BYTES_MAX)
  const name = blockNameOf(cid)
  if (name.codec === RAW && size > BigInt(LEAF_BYTES_MAX)) {
    throw unsupportedItem('one of its blocks is too large')
  }
  return { cid, name, sizeBytes: Number(size) }
}

/** A child says what it holds; its parent said so before. */
export function checkSize(node: FileNode, expectedBytes: number | undefined): void {
  if (expectedBytes === undefined || node.sizeBytes === expectedBytes) return
  throw unsupportedItem('its tree contradicts itself about sizes')
}
