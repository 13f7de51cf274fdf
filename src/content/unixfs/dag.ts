// SPDX-License-Identifier: AGPL-3.0-or-later
/** The trees of single files, as the catalogue of whole files still reads them. Pure. */
import type { CID } from 'multiformats/cid'
import { unsupportedItem } from '../errors.ts'
import type { BlockName } from './cids.ts'
import { checkFileSize, parseNode } from './node.ts'

export interface ItemLink {
  /** As its parent writes it: version 0 or 1. */
  cid: CID
  name: BlockName
  /** How many bytes of the file lie below. */
  sizeBytes: number
}

export interface ItemNode {
  links: readonly ItemLink[]
  /** How many bytes of the file lie below: the sum of the links'. */
  sizeBytes: number
}

/** @throws CodedError `CONTENT_UNSUPPORTED`, `CONTENT_TOO_LARGE` */
export function parseFileNode(bytes: Uint8Array): ItemNode {
  const node = parseNode(bytes)
  if (node.kind !== 'file') throw unsupportedItem(`it is a ${node.kind}, not a file`)
  if (node.inline.length > 0) {
    throw unsupportedItem('its bytes lie inside the tree nodes, an older layout of IPFS')
  }
  // The reader of single files bounds its walk by bytes alone.
  if (node.links.length === 0 || node.links.some(({ sizeBytes }) => sizeBytes === 0)) {
    throw unsupportedItem('a part of its tree is empty')
  }
  const links = node.links.map(({ cid, block, sizeBytes }) => ({ cid, name: block, sizeBytes }))
  return { links, sizeBytes: node.sizeBytes }
}

/** A child says what it holds; its parent said so before. */
export function checkSize(node: ItemNode, expectedBytes: number | undefined): void {
  checkFileSize(node.sizeBytes, expectedBytes)
}
