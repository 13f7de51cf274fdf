// SPDX-License-Identifier: AGPL-3.0-or-later
/** Items of all shapes, made by ipfs-unixfs-importer or by hand, and a sink that keeps them. */
import { encode as encodeNode } from '@ipld/dag-pb'
import { UnixFS } from 'ipfs-unixfs'
import { type ImporterOptions, importer } from 'ipfs-unixfs-importer'
import { fixedSize } from 'ipfs-unixfs-importer/chunker'
import { balanced, trickle } from 'ipfs-unixfs-importer/layout'
import { CID } from 'multiformats/cid'
import type { Random } from '../../src/base/base.ts'
import { DagReader, type DagReaderOptions } from '../../src/content/car/dag-reader.ts'
import {
  type DagSection,
  type DagSelection,
  dagSections,
} from '../../src/content/car/dag-sections.ts'
import type { DagSink } from '../../src/content/car/dag-sink.ts'
import {
  type BlockIndex,
  type BlockName,
  type BlockReader,
  blockNameOf,
  cidOf,
  DAG_PB,
  keyOf,
  parseNode,
  RAW,
  resolvePath,
} from '../../src/content/unixfs/unixfs.ts'
import { type Block, sha256 } from './content-support.ts'

/** Blocks in memory, as both ports. A place is the block itself. */
export class MemoryBlocks implements BlockReader, BlockIndex<Uint8Array> {
  readonly map = new Map<string, Uint8Array>()
  /** Keys of what was read, in order. */
  readonly reads: string[] = []

  add(name: BlockName, bytes: Uint8Array): void {
    this.map.set(keyOf(name), Uint8Array.from(bytes))
  }

  read(name: BlockName): Promise<Uint8Array | undefined> {
    this.reads.push(keyOf(name))
    return Promise.resolve(this.map.get(keyOf(name)))
  }

  find(name: BlockName): { sizeBytes: number; place: Uint8Array } | undefined {
    const place = this.map.get(keyOf(name))
    return place === undefined ? undefined : { sizeBytes: place.length, place }
  }

  get source(): { blocks: BlockReader; index: BlockIndex<Uint8Array> } {
    return { blocks: this, index: this }
  }
}

/** An item with everything that is true of it. */
export interface SampleDag {
  title: string
  root: CID
  blocks: MemoryBlocks
  /** Bytes of every file by its path; the path of a single file is empty. */
  files: Map<string, Uint8Array>
}

/** What a folder or a file may be made of: few sizes, and repetitions. */
export async function randomDag(random: Random): Promise<SampleDag> {
  const pick = <T>(...choices: T[]): T | undefined =>
    choices[Math.floor(random.unit() * choices.length)]
  const chunkBytes = pick(16, 64, 300) ?? 16
  const width = pick(2, 3, 7) ?? 2
  const layout = pick('balanced', 'trickle')
  const isSharded = random.unit() < 0.5
  const options: ImporterOptions = {
    rawLeaves: pick(true, true, false) ?? true,
    cidVersion: pick(1, 1, 0) ?? 1,
    reduceSingleLeafToSelf: pick(true, true, false) ?? true,
    leafType: pick('file', 'raw') ?? 'file',
    shardSplitThresholdBytes: isSharded ? (pick(0, 400) ?? 0) : 100_000,
    shardFanoutBits: pick(8, 8, 3, 4, 5, 10) ?? 8,
    chunker: fixedSize({ chunkSize: chunkBytes }),
    layout:
      layout === 'trickle'
        ? trickle({ maxChildrenPerNode: width, layerRepeat: 2 })
        : balanced({ maxChildrenPerNode: width }),
    wrapWithDirectory: true,
  }
  const pool = [random.bytes(chunkBytes), random.bytes(chunkBytes), random.bytes(5)]
  const files = new Map<string, Uint8Array>()
  const filesCount = 1 + Math.floor(random.unit() ** 2 * 60)
  for (let index = 0; index < filesCount; index++) {
    // The importer loses entries of a sharded folder that has folders in it.
    const folder = isSharded ? '' : (pick('', '', 'a/', 'a/b/', 'ö/') ?? '')
    const chunks = Array.from({ length: Math.floor(random.unit() ** 2 * 12) }, () =>
      random.unit() < 0.4 ? (pick(...pool) ?? new Uint8Array()) : random.bytes(chunkBytes),
    )
    files.set(`${folder}${'n'.repeat(index % 40)}${index}`, Buffer.concat(chunks))
  }
  const { rawLeaves, cidVersion, shardFanoutBits, shardSplitThresholdBytes } = options
  const title = JSON.stringify({
    ...{ layout, width, chunkBytes, rawLeaves, cidVersion },
    ...{ shardFanoutBits, shardSplitThresholdBytes, filesCount },
  })
  const dag = await importDag(files, options)
  return { title, ...(isSharded && random.unit() < 0.7 ? twice(dag) : dag) }
}

/** A folder with the same folder in it two times. */
function twice({ root, blocks, files }: Omit<SampleDag, 'title'>): Omit<SampleDag, 'title'> {
  const names = ['one', 'two']
  const folder = folderOf(names.map((name) => ({ name, cid: root })))
  blocks.add(blockNameOf(folder.cid), folder.bytes)
  const both = names.flatMap((name) =>
    [...files].map(([path, bytes]): [string, Uint8Array] => [`${name}/${path}`, bytes]),
  )
  return { root: folder.cid, blocks, files: new Map(both) }
}

/** The folder of all files, as ipfs-unixfs-importer makes it. */
export async function importDag(
  files: Map<string, Uint8Array>,
  options: ImporterOptions,
): Promise<Omit<SampleDag, 'title'>> {
  const blocks = new MemoryBlocks()
  const store: Parameters<typeof importer>[1] = {
    put: (cid, block) => {
      if (!(block instanceof Uint8Array)) throw new TypeError('the importer puts whole blocks')
      blocks.add(blockNameOf(cid), block)
      return cid
    },
  }
  let root: CID | undefined
  const candidates = [...files].map(([path, content]) => ({ path, content }))
  for await (const { cid } of importer(candidates, store, options)) root = cid
  if (root === undefined) throw new Error('nothing was imported')
  return { root, blocks, files }
}

/** A sink that keeps every block and every file, and checks that it is told the truth in order. */
export class KeepingSink implements DagSink {
  readonly blocks: MemoryBlocks
  /** Files that came as bytes, by the text of their root. */
  readonly files = new Map<string, Uint8Array>()
  readonly calls: string[] = []
  #file: { root: CID; sizeBytes: number; parts: Uint8Array[]; verifiedBytes: number } | undefined

  constructor(blocks = new MemoryBlocks()) {
    this.blocks = blocks
  }

  block(name: BlockName, bytes: Uint8Array): void {
    this.calls.push('block')
    this.#keep(name, bytes)
  }

  fileStarted(root: CID, sizeBytes: number): void {
    this.calls.push('fileStarted')
    if (this.#file !== undefined) throw new Error('a file in a file')
    this.#file = { root, sizeBytes, parts: [], verifiedBytes: 0 }
  }

  fileResumed(root: CID, sizeBytes: number, offset: number): void {
    this.calls.push('fileResumed')
    const before = contentOf(this.blocks, root, offset)
    if (before.length !== offset) throw new Error('the store does not have what is before')
    this.#file = { root, sizeBytes, parts: [before], verifiedBytes: offset }
  }

  fileNode(name: BlockName, bytes: Uint8Array): void {
    this.calls.push('fileNode')
    this.#keep(name, bytes)
    const node = parseNode(bytes)
    if (node.kind === 'file') this.#open.verifiedBytes += node.inline.length
  }

  fileBytes(piece: Uint8Array): void {
    this.#open.parts.push(Uint8Array.from(piece))
  }

  fileLeaf(digest: Uint8Array, offset: number, sizeBytes: number): void {
    this.calls.push('fileLeaf')
    const file = this.#open
    const bytes = Buffer.concat(file.parts)
    if (bytes.length !== offset + sizeBytes) throw new Error('the leaf is not the last bytes')
    file.verifiedBytes += sizeBytes
    this.#keep({ codec: RAW, digest }, bytes.subarray(offset))
  }

  fileRepeat(name: BlockName, sizeBytes: number, from: number | undefined): void {
    this.calls.push(from === undefined ? 'fileRepeat elsewhere' : 'fileRepeat')
    const file = this.#open
    const bytes =
      from === undefined
        ? contentOf(this.blocks, cidOf(name.codec, name.digest))
        : Buffer.concat(file.parts).subarray(from, from + sizeBytes)
    if (bytes.length !== sizeBytes) throw new Error('there is nothing to repeat')
    file.parts.push(Uint8Array.from(bytes))
    file.verifiedBytes += sizeBytes
  }

  fileEnded(): void {
    this.calls.push('fileEnded')
    const { root, parts, sizeBytes, verifiedBytes } = this.#open
    const bytes = Buffer.concat(parts)
    if (bytes.length !== sizeBytes || verifiedBytes !== sizeBytes) throw new Error('bytes missing')
    this.files.set(root.toString(), bytes)
    this.#file = undefined
  }

  repeat(name: BlockName): void {
    this.calls.push('repeat')
    if (this.blocks.find(name) === undefined) throw new Error('it never came before')
  }

  get #open() {
    if (this.#file === undefined) throw new Error('no file is open')
    return this.#file
  }

  #keep(name: BlockName, bytes: Uint8Array): void {
    if (!Buffer.from(sha256(bytes)).equals(name.digest)) throw new Error('not verified')
    this.blocks.add(name, bytes)
  }
}

/** Bytes of a file out of its blocks, at most so many; an oracle that trusts everything. */
export function contentOf(blocks: MemoryBlocks, cid: CID, bytesMax = Infinity): Uint8Array {
  const bytes = blocks.find(blockNameOf(cid))?.place
  if (bytes === undefined) return new Uint8Array()
  if (cid.code === RAW) return bytes.subarray(0, bytesMax)
  const node = parseNode(bytes)
  if (node.kind !== 'file') throw new Error('no file')
  const parts: Uint8Array[] = [node.inline]
  let partsBytes = node.inline.length
  for (const link of node.links) {
    if (partsBytes >= bytesMax) break
    const part = contentOf(blocks, link.cid, bytesMax - partsBytes)
    parts.push(part)
    partsBytes += part.length
  }
  return Buffer.concat(parts)
}

export const EVERYTHING: DagSelection = { scope: 'all', dups: true }

/** The CAR as our sender would send it. */
export async function carOfDag(
  { root, blocks }: Pick<SampleDag, 'root' | 'blocks'>,
  selection: DagSelection = EVERYTHING,
  path: readonly string[] = [],
): Promise<Buffer> {
  return Buffer.concat((await sectionsOf({ root, blocks }, selection, path)).map(bytesOf))
}

export async function sectionsOf(
  { root, blocks }: Pick<SampleDag, 'root' | 'blocks'>,
  selection: DagSelection,
  path: readonly string[] = [],
): Promise<DagSection<Uint8Array>[]> {
  const found = await resolvePath(blocks, root, path)
  if (found.kind !== 'found') throw new Error(`the path is ${found.kind}`)
  const sections: DagSection<Uint8Array>[] = []
  for await (const section of dagSections(blocks.source, root, found, selection)) {
    sections.push(section)
  }
  return sections
}

export function bytesOf(section: DagSection<Uint8Array>): Uint8Array {
  if ('bytes' in section) return Buffer.concat([section.head, section.bytes])
  const { head, place, from, sizeBytes } = section
  return Buffer.concat([head, place.subarray(from, from + sizeBytes)])
}

/** Reads a whole CAR in pieces of the given lengths. */
export function readDag(
  root: CID,
  car: Uint8Array,
  options: DagReaderOptions & { pieceLength?: () => number },
): { reader: DagReader; sink: KeepingSink } {
  const sink = new KeepingSink()
  const reader = new DagReader(root, sink, options)
  pushAll(reader, car, options.pieceLength)
  reader.finish()
  return { reader, sink }
}

export function pushAll(
  reader: DagReader,
  car: Uint8Array,
  pieceLength: () => number = () => car.length,
): void {
  for (let at = 0; at < car.length; ) {
    const end = Math.min(car.length, at + pieceLength())
    reader.push(car.subarray(at, end))
    at = end
  }
}

export interface LinkTo {
  cid: CID
  name?: string
  sizeBytes?: number
  totalBytes?: number
}

/** A dag-pb block by hand, with whatever data a test wants. */
export function dagNode(data: Uint8Array, links: readonly LinkTo[] = []): Block {
  const bytes = encodeNode({
    Data: data,
    Links: links.map(({ cid, name, totalBytes }) => ({
      Hash: cid,
      ...(name === undefined ? {} : { Name: name }),
      ...(totalBytes === undefined ? {} : { Tsize: totalBytes }),
    })),
  })
  return { cid: cidOf(DAG_PB, sha256(bytes)), bytes }
}

/** A node of a file whose links claim what the test says. */
export function fileOf(links: readonly LinkTo[], inline?: Uint8Array): Block {
  const unixfs = new UnixFS({
    type: 'file',
    blockSizes: links.map(({ sizeBytes }) => BigInt(sizeBytes ?? 0)),
    ...(inline === undefined ? {} : { data: inline }),
  })
  return dagNode(unixfs.marshal(), links)
}

/** Links are sorted by the codec. */
export function folderOf(links: readonly LinkTo[]): Block {
  const named = links.map((link) => ({ link, name: Buffer.from(link.name ?? '') }))
  const sorted = named.sort((one, other) => Buffer.compare(one.name, other.name))
  return dagNode(
    new UnixFS({ type: 'directory' }).marshal(),
    sorted.map(({ link }) => link),
  )
}

export function symlinkTo(target: string): Block {
  return dagNode(new UnixFS({ type: 'symlink', data: Buffer.from(target) }).marshal())
}

export function blocksIn(...blocks: readonly Block[]): MemoryBlocks {
  const memory = new MemoryBlocks()
  for (const { cid, bytes } of blocks) memory.add(blockNameOf(cid), bytes)
  return memory
}

/** `cid` with another version in its binary form. */
export function asVersion0(cid: CID): CID {
  return CID.createV0(cid.toV0().multihash)
}
