// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * One dag-pb block that carries UnixFS, of whatever IPFS software made it: a part of a file, a
 * folder, a shard of a large folder, a symlink. Parsed totally and with suspicion. Pure.
 *
 * Nothing here is true of what lies below: what a node says of its parts is a claim until those came.
 */
import { decode, type PBNode } from '@ipld/dag-pb'
import type { CID } from 'multiformats/cid'
import { tooLarge, unsupportedItem } from '../errors.ts'
import { ITEM_BYTES_MAX, LEAF_BYTES_MAX, NODE_BYTES_MAX, NODE_LINKS_MAX } from '../limits.ts'
import { type BlockName, blockNameOf, isSupported, RAW } from './cids.ts'
import { checkEntryName, type FolderLink, type NodeExtras } from './entries.ts'
import { parseShard, type ShardNode } from './shards.ts'
import { parseUnixfsData, type UnixfsData } from './unixfs-data.ts'

export type DagNode = FileNode | FolderNode | ShardNode | SymlinkNode

export interface FileLink {
  /** As its parent writes it: version 0 or 1. */
  cid: CID
  block: BlockName
  /** How many bytes of the file lie below; may be none. */
  sizeBytes: number
}

export interface FileNode extends NodeExtras {
  kind: 'file'
  /** Bytes of the file that lie in the node itself, before those of its links. */
  inline: Uint8Array
  links: readonly FileLink[]
  /** Bytes of the file: those in the node and those below. */
  sizeBytes: number
}

export interface FolderNode extends NodeExtras {
  kind: 'folder'
  links: readonly FolderLink[]
}

export interface SymlinkNode extends NodeExtras {
  kind: 'symlink'
  /** A path as a file system has it. Nobody here follows it. */
  target: string
}

/**
 * @param bytes a block whose hash was verified: what is wrong with it is the item's fault, not that
 *   of the peer that sent it. The result refers to them.
 * @throws CodedError `CONTENT_UNSUPPORTED`, `CONTENT_TOO_LARGE`
 */
export function parseNode(bytes: Uint8Array): DagNode {
  if (bytes.length > NODE_BYTES_MAX) throw unsupportedItem('one of its blocks is too large')
  const { node, data } = decodeNode(bytes)
  switch (data.type) {
    case 'file':
    case 'raw':
      return parseFile(node, data)
    case 'folder':
      return { kind: 'folder', links: parseEntries(node), ...extrasOf(data) }
    case 'shard':
      return { ...parseShard(node.Links.map(linkOf), data), ...extrasOf(data) }
    case 'symlink':
      return parseSymlink(node, data)
    case 'metadata':
      throw unsupportedItem('a node of it is of a type that was never used')
  }
}

function decodeNode(bytes: Uint8Array): { node: PBNode; data: UnixfsData } {
  let node: PBNode
  try {
    node = decode(bytes)
  } catch {
    // The decoder's complaint about a stranger's bytes is for programmers; the verdict is enough.
    throw unsupportedItem('its tree is malformed')
  }
  const data = node.Data === undefined ? undefined : parseUnixfsData(node.Data)
  if (data === undefined) throw unsupportedItem('a node of its tree is no UnixFS')
  return { node, data }
}

function extrasOf({ mode, modifiedAt }: UnixfsData): NodeExtras {
  return { mode, modifiedAt }
}

function parseFile({ Links: links }: PBNode, data: UnixfsData): FileNode {
  if (links.length > NODE_LINKS_MAX) {
    throw unsupportedItem(`a node of its tree has ${links.length} links`)
  }
  if (links.length !== data.blockBytes.length) {
    throw unsupportedItem('its tree does not say how large its parts are')
  }
  let sizeBytes = data.data.length
  const parts = links.map(({ Hash: cid, Name: name }, index) => {
    if (name !== undefined && name !== '') throw unsupportedItem('a part of a file has a name')
    const part = parsePart(cid, data.blockBytes[index] ?? 0)
    sizeBytes += part.sizeBytes
    if (sizeBytes > ITEM_BYTES_MAX) throw tooLarge(sizeBytes, ITEM_BYTES_MAX)
    return part
  })
  if (data.fileBytes !== undefined && data.fileBytes !== sizeBytes) throw contradictsSizes()
  return { kind: 'file', inline: data.data, links: parts, sizeBytes, ...extrasOf(data) }
}

function parsePart(cid: CID, sizeBytes: number): FileLink {
  if (!isSupported(cid)) throw unsupportedItem('a part of it has an id of an unknown kind')
  if (sizeBytes > ITEM_BYTES_MAX) throw tooLarge(sizeBytes, ITEM_BYTES_MAX)
  const block = blockNameOf(cid)
  if (block.codec === RAW && sizeBytes > LEAF_BYTES_MAX) {
    throw unsupportedItem('one of its blocks is too large')
  }
  return { cid, block, sizeBytes }
}

function parseEntries(node: PBNode): FolderLink[] {
  const names = new Set<string>()
  return node.Links.map((link) => {
    const entry = linkOf(link)
    checkEntryName(entry.name)
    if (names.has(entry.name)) throw unsupportedItem('a folder of it has a name twice')
    names.add(entry.name)
    return entry
  })
}

function linkOf({ Hash: cid, Name: name = '', Tsize: size }: PBNode['Links'][number]): FolderLink {
  return {
    name,
    cid,
    block: isSupported(cid) ? blockNameOf(cid) : undefined,
    totalBytes: size !== undefined && Number.isSafeInteger(size) ? size : undefined,
  }
}

function parseSymlink({ Links: links }: PBNode, data: UnixfsData): SymlinkNode {
  if (links.length > 0) throw unsupportedItem('a symlink of it has parts')
  const target = decodeUtf8(data.data)
  const isPossible = target !== undefined && target !== '' && !target.includes('\0')
  if (!isPossible) throw unsupportedItem('a symlink of it leads nowhere')
  return { kind: 'symlink', target, ...extrasOf(data) }
}

function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    // Not UTF-8: that is the answer.
    return undefined
  }
}

/** A child says what it holds; its parent said so before. */
export function checkFileSize(sizeBytes: number, expectedBytes: number | undefined): void {
  if (expectedBytes === undefined || sizeBytes === expectedBytes) return
  throw contradictsSizes()
}

function contradictsSizes(): Error {
  return unsupportedItem('its tree contradicts itself about sizes')
}
