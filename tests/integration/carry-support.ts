// SPDX-License-Identifier: AGPL-3.0-or-later
/** CAR files for the tests of carrying: taken apart and put together by other people's code. */
import { readFile } from 'node:fs/promises'
import { CarReader } from '@ipld/car'
import { encode } from '@ipld/dag-cbor'
import { decode as decodeNode } from '@ipld/dag-pb'
import type { CID } from 'multiformats/cid'
import type { CarReport, Content, Visibility } from '../../src/content/content.ts'
import { DAG_PB } from '../../src/content/unixfs/unixfs.ts'
import { inPieces, never, readAll } from './content-support.ts'

/** What a test knows to be there. */
export function given<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('there is nothing')
  return value
}

export interface CarContents {
  roots: CID[]
  blocks: { cid: CID; bytes: Uint8Array }[]
}

export async function contentsOf(car: Uint8Array): Promise<CarContents> {
  const reader = await CarReader.fromBytes(car)
  const blocks: CarContents['blocks'] = []
  for await (const block of reader.blocks()) blocks.push(block)
  return { roots: await reader.getRoots(), blocks }
}

function varint(value: number): Buffer {
  const bytes: number[] = []
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    bytes.push(rest >= 128 ? (rest % 128) | 128 : rest)
    if (rest < 128) return Buffer.from(bytes)
  }
}

export function sectionOf({ cid, bytes }: CarContents['blocks'][number]): Buffer {
  return Buffer.concat([varint(cid.bytes.length + bytes.length), cid.bytes, bytes])
}

export function headerOf(roots: readonly CID[], version = 1): Buffer {
  const header = encode({ version, roots })
  return Buffer.concat([varint(header.length), header])
}

export function carOf({ roots, blocks }: CarContents): Buffer {
  return Buffer.concat([headerOf(roots), ...blocks.map(sectionOf)])
}

/** As version 2 has it: pragma, header, padding, the CARv1, and an index that nobody reads. */
export function version2Of(car: Uint8Array, paddingBytes = 13): Buffer {
  const header = Buffer.alloc(40)
  header.writeBigUInt64LE(BigInt(51 + paddingBytes), 16)
  header.writeBigUInt64LE(BigInt(car.length), 24)
  header.writeBigUInt64LE(BigInt(51 + paddingBytes + car.length), 32)
  const pragma = Buffer.from('0aa16776657273696f6e02', 'hex')
  return Buffer.concat([pragma, header, Buffer.alloc(paddingBytes), car, Buffer.alloc(99, 7)])
}

export function fixture(name: string): Promise<Buffer> {
  return readFile(new URL(`../fixtures/gateway-conformance/${name}.car`, import.meta.url))
}

export function importInto(
  content: Content,
  car: Uint8Array,
  options: { visibility?: Visibility; pieceLength?: number } = {},
): Promise<CarReport> {
  const { visibility = 'private', pieceLength } = options
  return content.importCar(inPieces(car, pieceLength), { visibility, signal: never })
}

export function exportFrom(content: Content, ...cids: readonly CID[]): Promise<Buffer> {
  return readAll(content.exportCar(cids, never))
}

/** How each root fared, as text. */
export function fates({ roots }: CarReport): string[] {
  return roots.map((root) => {
    if (root.kind === 'item') return `item ${root.item.cid}`
    if (root.kind === 'incomplete') return `incomplete ${root.cid}: ${root.missingCount}`
    return `${root.kind} ${root.cid}`
  })
}

/** The blocks of a fixture, as other people's code reads them. */
export class Fixture {
  readonly root: CID
  readonly #bytes: ReadonlyMap<string, Uint8Array>

  constructor(root: CID, blocks: readonly { cid: CID; bytes: Uint8Array }[]) {
    this.root = root
    this.#bytes = new Map(blocks.map(({ cid, bytes }) => [cid.toString(), bytes]))
  }

  bytes(cid: CID): Uint8Array {
    return this.#bytes.get(cid.toString()) ?? new Uint8Array()
  }

  links(cid: CID): { cid: CID; name: string }[] {
    if (cid.code !== DAG_PB) return []
    return decodeNode(this.bytes(cid)).Links.map(({ Hash, Name = '' }) => ({
      cid: Hash,
      name: Name,
    }))
  }

  /** Entries of plain folders, each by its name. */
  way(...path: string[]): CID[] {
    const way = [this.root]
    for (const segment of path) {
      const link = this.links(way.at(-1) ?? this.root).find(({ name }) => name === segment)
      if (link === undefined) throw new Error(`there is no ${segment}`)
      way.push(link.cid)
    }
    return way
  }

  /** Depth first, each as often as it occurs. */
  below(cid: CID): CID[] {
    return this.links(cid).flatMap((link) => [link.cid, ...this.below(link.cid)])
  }

  /** Shards on the way to an entry, and the entry; labels have two digits. */
  wayThroughShards(entry: string, shard = this.root): CID[] | undefined {
    for (const { cid, name } of this.links(shard)) {
      if (name.slice(2) === entry) return [cid]
      const way = name.length === 2 ? this.wayThroughShards(entry, cid) : undefined
      if (way !== undefined) return [cid, ...way]
    }
    return undefined
  }

  shards(shard = this.root): CID[] {
    return this.links(shard)
      .filter(({ name }) => name.length === 2)
      .flatMap(({ cid }) => [cid, ...this.shards(cid)])
  }
}
