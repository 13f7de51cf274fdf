// SPDX-License-Identifier: AGPL-3.0-or-later
/** Folders in memory, for the tests of imports: entries to import, and a sink that keeps blocks. */
import { createCipheriv, createHash } from 'node:crypto'
import { decode } from '@ipld/dag-pb'
import type { CID } from 'multiformats/cid'
import { sectionBytes } from '../../src/content/car-format.ts'
import type {
  FileReference,
  FileSink,
  FileWanted,
  ImportSink,
  SourceEntry,
  Tree,
} from '../../src/content/unixfs/unixfs.ts'
import { cidOf, DAG_PB, RAW } from '../../src/content/unixfs/unixfs.ts'

export const never = new AbortController().signal

export interface PutBlock {
  cid: CID
  bytes: Buffer
  reference: FileReference | undefined
}

/** Keeps copies of all blocks by their digests, and what it was told. */
export class MemoryBlocks implements ImportSink {
  readonly puts: PutBlock[] = []
  readonly trees: Tree[] = []
  readonly openedReferences: (FileReference | undefined)[] = []
  abandonedCount = 0
  readonly #blocks = new Map<string, Buffer>()

  async put(cid: CID, bytes: Uint8Array, reference?: FileReference): Promise<void> {
    const copy = Buffer.from(bytes)
    this.puts.push({ cid, bytes: copy, reference })
    this.#keep(cid, copy)
  }

  async openFile({ reference }: FileWanted): Promise<FileSink> {
    this.openedReferences.push(reference)
    const parts: Buffer[] = []
    return {
      known: [],
      write: (piece) => {
        parts.push(Buffer.from(piece))
      },
      ready: () => Promise.resolve(),
      finish: async (tree) => {
        this.trees.push(tree)
        const bytes = Buffer.concat(parts)
        for (const { digest, bytes: node } of tree.nodes) this.#keep(cidOf(DAG_PB, digest), node)
        for (const { digest, offset, sizeBytes } of tree.leaves) {
          this.#keep(cidOf(RAW, digest), bytes.subarray(offset, offset + sizeBytes))
        }
      },
      abandon: async () => {
        this.abandonedCount += 1
      },
    }
  }

  get(cid: CID): Buffer {
    const block = this.#blocks.get(cid.toString())
    if (block === undefined) throw new Error(`no block ${cid}`)
    return block
  }

  /** As the exporter reads it. */
  get store(): { get(cid: CID): AsyncGenerator<Uint8Array> } {
    const read = (cid: CID): Buffer => this.get(cid)
    return {
      async *get(cid: CID): AsyncGenerator<Uint8Array> {
        yield read(cid)
      },
    }
  }

  /** Every block below `cid`, depth first, as often as it occurs. */
  *walk(cid: CID): Generator<{ cid: CID; bytes: Buffer }> {
    const bytes = this.get(cid)
    yield { cid, bytes }
    if (cid.code !== DAG_PB) return
    for (const link of decode(bytes).Links) yield* this.walk(link.Hash)
  }

  carBodyBytes(root: CID): number {
    let total = 0
    for (const { cid, bytes } of this.walk(root)) total += sectionBytes(cid, bytes.length)
    return total
  }

  #keep(cid: CID, bytes: Uint8Array): void {
    if (!createHash('sha256').update(bytes).digest().equals(cid.multihash.digest)) {
      throw new Error(`the bytes of ${cid} are others`)
    }
    this.#blocks.set(cid.toString(), Buffer.from(bytes))
  }
}

export async function* contentOf(
  bytes: Uint8Array,
  pieceBytes = 65_536,
): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    yield bytes.subarray(at, Math.min(bytes.length, at + pieceBytes))
  }
}

export function fileEntry(path: string, content: Uint8Array | string): SourceEntry {
  return { kind: 'file', path, content: contentOf(Buffer.from(content)) }
}

export function folderEntry(path: string): SourceEntry {
  return { kind: 'folder', path }
}

export function symlinkEntry(path: string, target: string): SourceEntry {
  return { kind: 'symlink', path, target }
}

export async function* eachOf<T>(entries: Iterable<T>): AsyncGenerator<T> {
  yield* entries
}

/** The ChaCha20 keystream of Kubo's tests: as many bytes of it as are asked for. */
export function keystream(seed: string): (sizeBytes: number) => Buffer {
  const key = createHash('sha256').update(seed).digest()
  const cipher = createCipheriv('chacha20', key, Buffer.alloc(16))
  return (sizeBytes) => cipher.update(Buffer.alloc(sizeBytes))
}
