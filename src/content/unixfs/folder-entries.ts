// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * The entries of one folder while it is open. Packed: a million of them must fit beside everything
 * else on a small board, and a CID object alone takes more than all that is held here an entry.
 */
import type { CID } from 'multiformats/cid'
import { type Codec, cidOf, DAG_PB, DIGEST_BYTES, RAW } from './cids.ts'
import { FOLDER_NODE_BYTES_MAX } from './limits.ts'
import { murmur3 } from './murmur3.ts'
import { encodeNodeData } from './node-data.ts'
import type { EntryAttributes } from './source-entry.ts'

export type EntryKind = 'file' | 'folder' | 'symlink'

/** What a folder says of one thing in it. */
export interface FolderEntry {
  kind: EntryKind
  cid: CID
  /** Bytes of all blocks below. */
  dagBytes: number
}

const KINDS: readonly EntryKind[] = ['file', 'folder', 'symlink']
/** Kind, codec, digest. */
const RECORD_BYTES = 2 + DIGEST_BYTES
const HASH_BYTES = 8
const FIRST_CAPACITY = 16
const CID_BYTES = 36

export class FolderEntries {
  /** Name to index, in the order in which they came. */
  readonly #names = new Map<string, number>()
  readonly #dagBytes: number[] = []
  #records = Buffer.allocUnsafe(FIRST_CAPACITY * RECORD_BYTES)
  /** The hashes of the names, from when the folder is known to become a HAMT. */
  #hashes: Buffer<ArrayBuffer> | undefined
  #linksBytes = 0

  get count(): number {
    return this.#names.size
  }

  /** What has this name already. */
  kindOf(name: string): EntryKind | undefined {
    const index = this.#names.get(name)
    return index === undefined ? undefined : KINDS[this.#records[index * RECORD_BYTES] ?? 0]
  }

  /** @param name one that no entry has yet */
  add(name: string, { kind, cid, dagBytes }: FolderEntry): void {
    const index = this.#names.size
    // A copy: a part of a path would keep the whole path in memory.
    const bytes = Buffer.from(name)
    this.#names.set(bytes.toString(), index)
    this.#dagBytes.push(dagBytes)
    this.#linksBytes += linkBytes(bytes.length, dagBytes)
    this.#records = grown(this.#records, (index + 1) * RECORD_BYTES)
    const at = index * RECORD_BYTES
    this.#records[at] = KINDS.indexOf(kind)
    this.#records[at + 1] = cid.code
    this.#records.set(cid.multihash.digest, at + 2)
    if (this.#hashes !== undefined) this.#addHash(bytes, index)
    else if (this.#linksBytes > FOLDER_NODE_BYTES_MAX) this.#hashAll()
  }

  /** Bytes of the single node that would hold all entries, to the byte: IPIP-499's measure. */
  nodeBytes(attributes: EntryAttributes): number {
    const data = encodeNodeData({ type: 'folder' }, attributes)
    return this.#linksBytes + 1 + varintBytes(data.length) + data.length
  }

  names(): string[] {
    return [...this.#names.keys()]
  }

  cidOf(index: number): CID {
    const at = index * RECORD_BYTES
    const codec: Codec = this.#records[at + 1] === RAW ? RAW : DAG_PB
    // A copy, as the records move when they grow.
    return cidOf(codec, Uint8Array.prototype.slice.call(this.#records, at + 2, at + RECORD_BYTES))
  }

  dagBytesOf(index: number): number {
    return this.#dagBytes[index] ?? 0
  }

  /** One byte of the hash of a name: its slot at that level of a HAMT. */
  slotOf(index: number, level: number): number {
    return (this.#hashes ?? this.#hashAll())[index * HASH_BYTES + level] ?? 0
  }

  #hashAll(): Buffer<ArrayBuffer> {
    this.#hashes = Buffer.allocUnsafe(this.count * HASH_BYTES * 2)
    let index = 0
    for (const name of this.#names.keys()) {
      this.#addHash(Buffer.from(name), index)
      index += 1
    }
    return this.#hashes
  }

  #addHash(name: Uint8Array, index: number): void {
    const hashes = grown(this.#hashes ?? Buffer.alloc(0), (index + 1) * HASH_BYTES)
    const { high, low } = murmur3(name)
    hashes.writeUInt32BE(high, index * HASH_BYTES)
    hashes.writeUInt32BE(low, index * HASH_BYTES + HASH_BYTES / 2)
    this.#hashes = hashes
  }
}

function grown(buffer: Buffer<ArrayBuffer>, neededBytes: number): Buffer<ArrayBuffer> {
  if (buffer.length >= neededBytes) return buffer
  const larger = Buffer.allocUnsafe(neededBytes * 2)
  buffer.copy(larger)
  return larger
}

/** Bytes that a link takes within a dag-pb node: CID, name and `Tsize`, with their tags. */
function linkBytes(nameBytes: number, dagBytes: number): number {
  const cidField = 1 + 1 + CID_BYTES
  const nameField = 1 + varintBytes(nameBytes) + nameBytes
  const length = cidField + nameField + 1 + varintBytes(dagBytes)
  return 1 + varintBytes(length) + length
}

function varintBytes(value: number): number {
  let length = 1
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) length += 1
  return length
}
