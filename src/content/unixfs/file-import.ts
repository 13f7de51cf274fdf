// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Files one after the other into a sink. Most files of a folder are small: one that fits into a
 * single leaf is gathered in a buffer that all of them share, and hashed in one go.
 */
import type { CID } from 'multiformats/cid'
import { sectionBytes } from '../car-format.ts'
import { tooLarge } from '../errors.ts'
import { ITEM_BYTES_MAX, LEAF_BYTES } from '../limits.ts'
import { abortable } from '../waiting.ts'
import { sha256 } from './built-node.ts'
import { cidOf, RAW } from './cids.ts'
import { FileLayout } from './file-layout.ts'
import type { ImportedRoot, ImportRootOptions, ImportSink } from './import-sink.ts'
import { importTree } from './importing.ts'
import { FILE_NODE_LINKS } from './limits.ts'
import type { EntryAttributes, FileOrigin, FileReference } from './source-entry.ts'

export interface FileToImport {
  content: AsyncIterable<Uint8Array>
  /** To be kept; undefined for none. */
  attributes?: EntryAttributes | undefined
  reference?: FileReference | undefined
  /** The same bytes as `content`, from anywhere on. */
  origin?: FileOrigin | undefined
}

export interface ImportedFile {
  cid: CID
  /** Bytes of all blocks: dag-pb's `Tsize`. */
  dagBytes: number
}

/** Bytes that most small files have room in. */
const FIRST_BYTES = 16 * 1024

export class FileImport {
  readonly #sink: ImportSink
  readonly #options: ImportRootOptions
  /** Where a leaf is gathered: most files are small, and many are added one by one. */
  #buffer: Buffer = Buffer.allocUnsafe(0)
  /** Bytes of all files so far. */
  sizeBytes = 0
  carBodyBytes = 0
  /** Blocks of all files so far, each as often as it occurs. */
  blocksCount = 0

  constructor(sink: ImportSink, options: ImportRootOptions) {
    this.#sink = sink
    this.#options = options
  }

  /** @throws CodedError `CONTENT_TOO_LARGE`, the sink's failure, the content's, or the reason. */
  async add(file: FileToImport): Promise<ImportedFile> {
    const { origin } = file
    if (origin !== undefined && origin.identity.sizeBytes > LEAF_BYTES) {
      return await this.#addLarge(file, (start) =>
        abortable(origin.readFrom(start), this.#options.signal),
      )
    }
    const pieces = abortable(file.content, this.#options.signal)
    try {
      let filledBytes = 0
      for (;;) {
        const next = await pieces.next()
        if (next.done === true) return await this.#addSmall(file, filledBytes)
        const neededBytes = filledBytes + next.value.length
        if (neededBytes > LEAF_BYTES) {
          const whole = resumed(this.#buffer, filledBytes, next.value, pieces)
          return await this.#addLarge({ ...file, origin: undefined }, () => whole)
        }
        if (neededBytes > this.#buffer.length) this.#grow(neededBytes, filledBytes)
        this.#buffer.set(next.value, filledBytes)
        filledBytes = neededBytes
      }
    } finally {
      await pieces.return(undefined)
    }
  }

  async #addSmall(file: FileToImport, sizeBytes: number): Promise<ImportedFile> {
    const leaf = this.#buffer.subarray(0, sizeBytes)
    const leafCid = cidOf(RAW, sha256(leaf))
    const blocks: { cid: CID; bytes: Uint8Array; reference?: FileReference | undefined }[] = []
    const layout = new FileLayout(FILE_NODE_LINKS, (node) => blocks.push(node))
    layout.addLeaf(leafCid, sizeBytes)
    const { cid, dagBytes } = layout.finish(file.attributes)
    // An empty file with attributes is a node without leaves.
    if (sizeBytes > 0 || blocks.length === 0) {
      blocks.unshift({ cid: leafCid, bytes: leaf, reference: file.reference })
    }
    for (const block of blocks) {
      await this.#sink.put(block.cid, block.bytes, block.reference)
      this.carBodyBytes += sectionBytes(block.cid, block.bytes.length)
      this.blocksCount += 1
    }
    this.#count(sizeBytes)
    this.#options.onProgress?.(this.sizeBytes)
    return { cid, dagBytes }
  }

  async #addLarge(
    { reference, origin, attributes }: FileToImport,
    contentFrom: (start: number) => AsyncIterable<Uint8Array>,
  ): Promise<ImportedFile> {
    const sink = await this.#sink.openFile({ reference, identity: origin?.identity })
    try {
      const content = contentFrom(sink.known.length * LEAF_BYTES)
      const { tree, dagBytes, blocksCount } = await importTree(content, sink, {
        known: sink.known,
        signal: this.#options.signal,
        attributes,
        onProgress: (receivedBytes) => this.#options.onProgress?.(this.sizeBytes + receivedBytes),
      })
      await sink.finish(tree)
      this.carBodyBytes += tree.carBodyBytes
      this.blocksCount += blocksCount
      this.#count(tree.sizeBytes)
      return { cid: tree.root, dagBytes }
    } catch (error) {
      // Of two failures the first is the one to tell.
      await sink.abandon().catch(() => {})
      throw error
    }
  }

  #grow(neededBytes: number, filledBytes: number): void {
    const larger = Buffer.allocUnsafe(Math.min(LEAF_BYTES, Math.max(neededBytes, FIRST_BYTES) * 2))
    larger.set(this.#buffer.subarray(0, filledBytes))
    this.#buffer = larger
  }

  #count(sizeBytes: number): void {
    this.sizeBytes += sizeBytes
    if (this.sizeBytes > ITEM_BYTES_MAX) throw tooLarge(this.sizeBytes, ITEM_BYTES_MAX)
  }
}

/** The stream from its beginning, when some of it was taken already. */
async function* resumed(
  buffer: Buffer,
  filledBytes: number,
  piece: Uint8Array,
  rest: AsyncGenerator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  yield buffer.subarray(0, filledBytes)
  yield piece
  yield* rest
}

export interface ImportOneOptions extends ImportRootOptions, EntryAttributes {
  reference?: FileReference | undefined
  origin?: FileOrigin | undefined
}

/** One file by itself. Its attributes are kept when they are given. */
export async function importOneFile(
  content: AsyncIterable<Uint8Array>,
  sink: ImportSink,
  options: ImportOneOptions,
): Promise<ImportedRoot> {
  const { mode, modifiedAt, reference, origin } = options
  const hasAttributes = mode !== undefined || modifiedAt !== undefined
  const files = new FileImport(sink, options)
  const { cid } = await files.add({
    content,
    attributes: hasAttributes ? { mode, modifiedAt } : undefined,
    reference,
    origin,
  })
  const { sizeBytes, carBodyBytes } = files
  const counts = { filesCount: 1, foldersCount: 0, symlinksCount: 0 }
  return { cid, kind: 'file', sizeBytes, carBodyBytes, ...counts }
}
