// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Reads the CAR of one file as it arrives and believes nothing of it: which block comes next follows
 * from the root that was asked for and from links whose block was verified; every block is hashed
 * while it arrives and counts only when the hash is right. Pure: bytes in, calls to the sink out.
 *
 * Both orders of duplicates are understood: `dups=y` repeats a block where it occurs again, `dups=n`
 * leaves it out, and then what came before is repeated.
 */
import { createHash, type Hash } from 'node:crypto'
import type { CID } from 'multiformats/cid'
import { problemOfCarHeader, sectionBytes, VARINT_BYTES_MAX } from '../car-format.ts'
import { tooLarge, truncated, unsupportedItem, wrongBytes } from '../errors.ts'
import {
  CAR_HEADER_BYTES_MAX,
  ITEM_BYTES_MAX,
  ITEM_LEAVES_MAX,
  LEAF_BYTES_MAX,
  NODE_BYTES_MAX,
  TREE_DEPTH_MAX,
} from '../limits.ts'
import type { Leaf, Tree, TreeNode } from '../unixfs/unixfs.ts'
import {
  type BlockName,
  blockNameOf,
  CID_V1_BYTES,
  checkSize,
  type ItemLink,
  isSameBlock,
  isSameDigest,
  keyOf,
  parseBinaryCid,
  parseFileNode,
  RAW,
  SHA2_256,
} from '../unixfs/unixfs.ts'

/** Where the file goes. Called in the order of the file. */
export interface CarSink {
  /**
   * The next bytes of the file, when their leaf turns out to be right: nobody may see them before
   * `finish` has returned. The sink is done with the piece when it returns.
   */
  write(piece: Uint8Array): void
  /** The next bytes of the file are those at `from` again. */
  repeat(from: number, sizeBytes: number): void
  /** How large the file is, as soon as its root says so. */
  sizeKnown(sizeBytes: number): void
}

/** A block that is due: the root, or a link of a verified node. */
interface Expected {
  cid: CID
  name: BlockName
  /** Undefined for the root. */
  sizeBytes: number | undefined
}

/** A node whose children are being read. */
interface Frame {
  key: string
  links: readonly ItemLink[]
  next: number
  /** Where its first byte lies, and what the CAR had before it. */
  offset: number
  carBytes: number
}

/** A leaf or a whole subtree that has been read. */
interface Seen {
  offset: number
  sizeBytes: number
  carBytes: number
}

type State = 'headerLength' | 'header' | 'length' | 'cid' | 'leaf' | 'node'

export class CarReader {
  readonly #root: CID
  readonly #sink: CarSink
  readonly #stack: Frame[] = []
  readonly #seen = new Map<string, Seen>()
  readonly #leaves: Leaf[] = []
  readonly #nodes: TreeNode[] = []
  #state: State = 'headerLength'
  #hasRoot = false
  #leavesCount = 0
  /** Bytes of the file so far. */
  #offset = 0
  #carBytes = 0
  #receivedBytes = 0
  /** The varint that is being read. */
  #varint = 0
  #varintLength = 0
  /** The header, CID or node that is being gathered. */
  #gathered = new Uint8Array()
  #gatheredBytes = 0
  /** The block that is being read. */
  #current: Expected | undefined
  #sectionBytes = 0
  #remainingBytes = 0
  #hash: Hash | undefined

  constructor(root: CID, sink: CarSink) {
    this.#root = root
    this.#sink = sink
  }

  /** True as soon as every block of the file has been verified. */
  get isWhole(): boolean {
    return this.#hasRoot && this.#stack.length === 0 && this.#current === undefined
  }

  /** Bytes of the file that were verified. */
  get verifiedBytes(): number {
    return this.#offset
  }

  /**
   * @throws CodedError `CONTENT_WRONG_BYTES` for what only a bad peer sends; `CONTENT_UNSUPPORTED`
   *   and `CONTENT_TOO_LARGE` for verified blocks that we do not take. It is of no use afterwards.
   */
  push(chunk: Uint8Array): void {
    this.#receivedBytes += chunk.length
    let at = 0
    while (at < chunk.length) at = this.#step(chunk, at)
  }

  /** There is nothing more to come. @throws CodedError `CONTENT_TRUNCATED` */
  finish(): Tree {
    if (this.#state === 'length' && this.#varintLength === 0) {
      while (!this.isWhole && this.#repeatExpected()) {
        // Each turn takes one link that the sender has left out because it sent it before.
      }
    }
    const isAtEnd = this.#state === 'length' && this.#varintLength === 0
    if (!this.isWhole || !isAtEnd) throw truncated(this.#receivedBytes)
    return {
      root: this.#root.toV1(),
      sizeBytes: this.#offset,
      leaves: this.#leaves,
      nodes: this.#nodes,
      carBodyBytes: this.#carBytes,
    }
  }

  #step(chunk: Uint8Array, at: number): number {
    switch (this.#state) {
      case 'headerLength':
      case 'length':
        return this.#readVarint(chunk, at)
      case 'header':
      case 'cid':
      case 'node':
        return this.#gather(chunk, at)
      case 'leaf':
        return this.#readLeaf(chunk, at)
    }
  }

  #readVarint(chunk: Uint8Array, at: number): number {
    const byte = chunk[at] ?? 0
    this.#varint += (byte & 0x7f) * 2 ** (7 * this.#varintLength)
    this.#varintLength += 1
    if ((byte & 0x80) !== 0) {
      if (this.#varintLength >= VARINT_BYTES_MAX) throw wrongBytes('a length is far too large')
      return at + 1
    }
    if (byte === 0 && this.#varintLength > 1) throw wrongBytes('a length is written oddly')
    const value = this.#varint
    this.#varint = 0
    this.#varintLength = 0
    if (this.#state === 'headerLength') this.#startHeader(value)
    else this.#startSection(value)
    return at + 1
  }

  #startHeader(length: number): void {
    if (length === 0 || length > CAR_HEADER_BYTES_MAX) {
      throw wrongBytes('the header of the CAR has an impossible length', { length })
    }
    this.#startGathering('header', length)
  }

  #startSection(length: number): void {
    if (this.isWhole) throw wrongBytes('there is more than the item')
    // A CIDv0 is two bytes shorter, but only names nodes, which are never that small.
    if (length < CID_V1_BYTES) throw wrongBytes('a block is too short', { length })
    if (length > CID_V1_BYTES + Math.max(LEAF_BYTES_MAX, NODE_BYTES_MAX)) {
      throw wrongBytes('a block is too large', { length })
    }
    this.#sectionBytes = length
    // Its first byte tells a CIDv0 from a CIDv1: gathered in one go, trimmed in #startBlock.
    this.#startGathering('cid', CID_V1_BYTES)
  }

  #startGathering(state: State, length: number): void {
    this.#state = state
    this.#gathered = new Uint8Array(length)
    this.#gatheredBytes = 0
  }

  #gather(chunk: Uint8Array, at: number): number {
    const wanted = this.#gathered.length - this.#gatheredBytes
    const end = Math.min(chunk.length, at + wanted)
    this.#gathered.set(chunk.subarray(at, end), this.#gatheredBytes)
    this.#gatheredBytes += end - at
    if (this.#gatheredBytes === this.#gathered.length) this.#gatheredAll()
    return end
  }

  #gatheredAll(): void {
    if (this.#state === 'header') {
      const problem = problemOfCarHeader(this.#gathered)
      if (problem !== undefined) throw wrongBytes(problem)
      this.#state = 'length'
    } else if (this.#state === 'cid') {
      this.#startBlock(this.#gathered)
    } else {
      this.#endNode(this.#gathered)
    }
  }

  /** @param head the 36 bytes after the length: a CIDv1, or a CIDv0 and two bytes of its block. */
  #startBlock(head: Uint8Array): void {
    const cidLength = head[0] === SHA2_256 ? CID_V1_BYTES - 2 : CID_V1_BYTES
    const name = parseBinaryCid(head.subarray(0, cidLength))
    if (name === undefined) throw wrongBytes('a block has an id of an unknown kind')
    const expected = this.#skipTo(name)
    const sizeBytes = this.#sectionBytes - cidLength
    this.#checkBlockSize(expected, sizeBytes)
    this.#current = expected
    this.#remainingBytes = sizeBytes
    this.#hash = createHash('sha256')
    const isLeaf = name.codec === RAW
    if (isLeaf) this.#state = 'leaf'
    else this.#startGathering('node', sizeBytes)
    const early = head.subarray(cidLength)
    if (early.length > 0) this.#gather(early, 0)
    if (sizeBytes > 0) return
    if (isLeaf) this.#endLeaf()
    else this.#endNode(new Uint8Array())
  }

  /** The block that is due, when it is `name`; what was left out before it is repeated. */
  #skipTo(name: BlockName): Expected {
    for (;;) {
      const expected = this.#expected()
      if (expected === undefined) throw wrongBytes('there is more than the item')
      if (isSameBlock(expected.name, name)) return expected
      if (!this.#repeatExpected()) throw wrongBytes('another block came than the one that was due')
    }
  }

  #expected(): Expected | undefined {
    if (!this.#hasRoot) {
      return { cid: this.#root, name: blockNameOf(this.#root), sizeBytes: undefined }
    }
    const frame = this.#stack.at(-1)
    return frame?.links[frame.next]
  }

  /** Takes the block or subtree that is due from what came before. False: it never came. */
  #repeatExpected(): boolean {
    const expected = this.#expected()
    const seen = expected === undefined ? undefined : this.#seen.get(keyOf(expected.name))
    if (expected === undefined || seen === undefined) return false
    this.#expectSize(expected, seen.sizeBytes)
    this.#sink.repeat(seen.offset, seen.sizeBytes)
    this.#offset += seen.sizeBytes
    this.#carBytes += seen.carBytes
    this.#advance()
    return true
  }

  #checkBlockSize(expected: Expected, sizeBytes: number): void {
    if (expected.name.codec !== RAW) {
      if (sizeBytes > NODE_BYTES_MAX) throw wrongBytes('a node is too large', { sizeBytes })
      return
    }
    if (sizeBytes > LEAF_BYTES_MAX) throw wrongBytes('a block is too large', { sizeBytes })
    // The block may still be the right one while the tree lies; but then nothing fits anywhere.
    if (expected.sizeBytes !== undefined && expected.sizeBytes !== sizeBytes) {
      throw wrongBytes('a block has another size than its tree says', { sizeBytes })
    }
  }

  #expectSize(expected: Expected, sizeBytes: number): void {
    if (expected.sizeBytes === undefined || expected.sizeBytes === sizeBytes) return
    throw unsupportedItem('its tree contradicts itself about sizes')
  }

  #readLeaf(chunk: Uint8Array, at: number): number {
    const end = Math.min(chunk.length, at + this.#remainingBytes)
    const piece = at === 0 && end === chunk.length ? chunk : chunk.subarray(at, end)
    this.#hash?.update(piece)
    this.#sink.write(piece)
    this.#remainingBytes -= piece.length
    if (this.#remainingBytes === 0) this.#endLeaf()
    return end
  }

  #endLeaf(): void {
    const { cid, name } = this.#verified(this.#hash?.digest())
    const sizeBytes = this.#sectionBytes - cid.bytes.length
    this.#leavesCount += 1
    if (this.#leavesCount > ITEM_LEAVES_MAX) throw unsupportedItem('it has too many parts')
    if (!this.#hasRoot) this.#sink.sizeKnown(sizeBytes)
    const carBytes = sectionBytes(cid, sizeBytes)
    const key = keyOf(name)
    if (!this.#seen.has(key)) {
      this.#seen.set(key, { offset: this.#offset, sizeBytes, carBytes })
      this.#leaves.push({ digest: name.digest, offset: this.#offset, sizeBytes })
    }
    this.#offset += sizeBytes
    this.#carBytes += carBytes
    this.#hasRoot = true
    this.#advance()
  }

  #endNode(bytes: Uint8Array): void {
    const expected = this.#verified(this.#hash?.update(bytes).digest())
    const { cid, name } = expected
    const node = parseFileNode(bytes)
    checkSize(node, expected.sizeBytes)
    if (node.sizeBytes > ITEM_BYTES_MAX) throw tooLarge(node.sizeBytes, ITEM_BYTES_MAX)
    if (this.#stack.length >= TREE_DEPTH_MAX) throw unsupportedItem('its tree is too deep')
    if (!this.#hasRoot) this.#sink.sizeKnown(node.sizeBytes)
    this.#hasRoot = true
    const key = keyOf(name)
    if (!this.#seen.has(key)) this.#nodes.push({ digest: name.digest, bytes })
    const frame = { key, links: node.links, next: 0, offset: this.#offset }
    this.#stack.push({ ...frame, carBytes: this.#carBytes })
    this.#carBytes += sectionBytes(cid, bytes.length)
  }

  /** The block that was read, when its hash is the one that was asked for. */
  #verified(digest: Uint8Array | undefined): Expected {
    const expected = this.#current
    this.#current = undefined
    this.#state = 'length'
    if (expected === undefined || digest === undefined) throw wrongBytes('no block was due')
    if (!isSameDigest(digest, expected.name.digest)) {
      throw wrongBytes('the hash of a block is not the one that was asked for')
    }
    return expected
  }

  /** One child is done; so are all nodes of which it was the last. */
  #advance(): void {
    for (let frame = this.#stack.at(-1); frame !== undefined; frame = this.#stack.at(-1)) {
      frame.next += 1
      if (frame.next < frame.links.length) return
      this.#stack.pop()
      const { key, offset } = frame
      const carBytes = this.#carBytes - frame.carBytes
      if (!this.#seen.has(key)) {
        this.#seen.set(key, { offset, sizeBytes: this.#offset - offset, carBytes })
      }
    }
  }
}
