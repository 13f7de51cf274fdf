// SPDX-License-Identifier: AGPL-3.0-or-later
/** Trees and CARs in memory, for the tests of the content room. */

import { createHash } from 'node:crypto'
import { encode as encodeNode } from '@ipld/dag-pb'
import { UnixFS } from 'ipfs-unixfs'
import type { CID } from 'multiformats/cid'
import { CarReader, type CarSink } from '../../src/content/car/car-reader.ts'
import {
  type CarSection,
  type CarSelection,
  carSections,
} from '../../src/content/car/car-sections.ts'
import { encodeCarHeader } from '../../src/content/car-format.ts'
import { cidOf, DAG_PB, RAW } from '../../src/content/unixfs/cids.ts'
import { importBytes, type Tree } from '../../src/content/unixfs/importing.ts'

export const MEBIBYTE = 1024 * 1024
export const WHOLE: CarSelection = { scope: 'all', range: undefined, dups: true }

/** A file and its tree. */
export interface Sample {
  bytes: Uint8Array
  tree: Tree
}

export async function sampleOf(bytes: Uint8Array, width = 1024): Promise<Sample> {
  async function* source(): AsyncGenerator<Uint8Array> {
    yield bytes
  }
  const nowhere = { write: () => {}, ready: () => Promise.resolve() }
  const tree = await importBytes(source(), nowhere, {
    signal: new AbortController().signal,
    width,
  })
  return { bytes, tree }
}

export function blocksOf({ tree }: Sample): Parameters<typeof carSections>[0] {
  const keyOf = (digest: Uint8Array): string => Buffer.from(digest).toString('hex')
  const nodes = new Map(tree.nodes.map((node) => [keyOf(node.digest), node.bytes]))
  const leaves = new Map(tree.leaves.map((leaf) => [keyOf(leaf.digest), leaf]))
  return {
    node: (digest) => nodes.get(keyOf(digest)),
    leaf: (digest) => leaves.get(keyOf(digest)),
  }
}

/** What our sender would send. */
export function carOf(sample: Sample, selection: CarSelection = WHOLE, cid?: CID): Buffer {
  const root = cid ?? sample.tree.root
  const parts: Uint8Array[] = [encodeCarHeader(root)]
  for (const section of carSections(blocksOf(sample), root, selection)) {
    parts.push(section.head, payloadOf(section, sample.bytes))
  }
  return Buffer.concat(parts)
}

function payloadOf(section: CarSection, bytes: Uint8Array): Uint8Array {
  if ('bytes' in section) return section.bytes
  return bytes.subarray(section.offset, section.offset + section.sizeBytes)
}

/** A sink that keeps the bytes of the file. */
export class MemorySink implements CarSink {
  readonly parts: Uint8Array[] = []
  knownBytes: number | undefined

  write(piece: Uint8Array): void {
    this.parts.push(Buffer.from(piece))
  }

  repeat(from: number, sizeBytes: number): void {
    this.parts.push(this.bytes().subarray(from, from + sizeBytes))
  }

  sizeKnown(sizeBytes: number): void {
    this.knownBytes = sizeBytes
  }

  bytes(): Buffer {
    return Buffer.concat(this.parts)
  }
}

/** Reads a CAR in pieces of the given lengths. */
export function readCar(
  root: CID,
  car: Uint8Array,
  pieceLength: () => number = () => car.length,
): { tree: Tree; sink: MemorySink } {
  const sink = new MemorySink()
  const reader = new CarReader(root, sink)
  for (let at = 0; at < car.length; ) {
    const end = Math.min(car.length, at + pieceLength())
    reader.push(car.subarray(at, end))
    at = end
  }
  return { tree: reader.finish(), sink }
}

export function sha256(bytes: Uint8Array): Uint8Array {
  return createHash('sha256').update(bytes).digest()
}

/** A block with its CID. */
export interface Block {
  cid: CID
  bytes: Uint8Array
}

export function rawBlock(bytes: Uint8Array): Block {
  return { cid: cidOf(RAW, sha256(bytes)), bytes }
}

/** A node of a file whose links say what the test wants them to say. */
export function fileNode(links: readonly { cid: CID; sizeBytes: number }[], type = 'file'): Block {
  const unixfs = new UnixFS({
    // The tests make nodes of types that are wrong here, too.
    type: type as 'file',
    blockSizes: links.map(({ sizeBytes }) => BigInt(sizeBytes)),
  })
  return nodeBlock(unixfs.marshal(), links)
}

export function nodeBlock(
  data: Uint8Array,
  links: readonly { cid: CID; sizeBytes: number }[],
): Block {
  const bytes = encodeNode({
    Data: data,
    Links: links.map(({ cid, sizeBytes }) => ({ Name: '', Tsize: sizeBytes, Hash: cid })),
  })
  return { cid: cidOf(DAG_PB, sha256(bytes)), bytes }
}
