// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * A folder with all that is in it, from a stream of its entries. Only the folders that are open at
 * the moment are held, with the names, CIDs and sizes of what came in them; each is written as soon
 * as all of it has come. ipfs-unixfs-importer holds the whole tree until the end instead.
 */
import type { CID } from 'multiformats/cid'
import { sectionBytes } from '../car-format.ts'
import { abortable } from '../waiting.ts'
import { buildNode } from './built-node.ts'
import { FileImport } from './file-import.ts'
import { type EntryKind, FolderEntries, type FolderEntry } from './folder-entries.ts'
import { folderNodes } from './folder-nodes.ts'
import type { ImportedRoot, ImportRootOptions, ImportSink } from './import-sink.ts'
import { FOLDER_ENTRIES_MAX, IMPORT_BLOCKS_MAX } from './limits.ts'
import { encodeNodeData } from './node-data.ts'
import { beyondFolderLimit, entryRepeated } from './refusals.ts'
import {
  checkSymlinkTarget,
  type EntryAttributes,
  parseEntryPath,
  type SourceEntry,
} from './source-entry.ts'

export interface ImportFolderOptions extends ImportRootOptions {
  /** Whether permission bits become part of the tree, and so of its CID. */
  keepsMode: boolean
  /** Whether times of modification do. */
  keepsTime: boolean
}

/**
 * Reads `entries` to their end.
 * @throws CodedError `CONTENT_PATH_REFUSED`, `CONTENT_ENTRY_REPEATED`, `CONTENT_FOLDER_LIMIT`,
 * `CONTENT_TOO_LARGE`, the sink's failure, the source's, or the signal's reason. What was put
 * already stays in the sink, for its owner to drop.
 */
export async function importFolder(
  entries: AsyncIterable<SourceEntry>,
  sink: ImportSink,
  options: ImportFolderOptions,
): Promise<ImportedRoot> {
  const folder = new FolderImport(sink, options)
  for await (const entry of abortable(entries, options.signal)) await folder.add(entry)
  return await folder.finish()
}

interface OpenFolder {
  name: string
  /** Undefined until the folder's own entry came; it may lie behind some of what is in it. */
  attributes: EntryAttributes | undefined
  entries: FolderEntries
}

export class FolderImport {
  readonly #sink: ImportSink
  readonly #options: ImportFolderOptions
  readonly #files: FileImport
  readonly #blocksMax: number
  /** From the root to the folder that the last entry was in. */
  readonly #open: OpenFolder[] = [openFolder('')]
  #foldersCount = 0
  #filesCount = 0
  #symlinksCount = 0
  #nodesCarBytes = 0
  #nodesCount = 0

  /** @param blocksMax lower only in tests: millions take minutes */
  constructor(
    sink: ImportSink,
    options: ImportFolderOptions,
    blocksMax: number = IMPORT_BLOCKS_MAX,
  ) {
    this.#sink = sink
    this.#blocksMax = blocksMax
    this.#options = options
    this.#files = new FileImport(sink, options)
  }

  /** Entries that are held in memory. */
  get heldCount(): number {
    return this.#open.reduce((count, { entries }) => count + entries.count, 0)
  }

  async add(entry: SourceEntry): Promise<void> {
    if (this.#files.blocksCount + this.#nodesCount >= this.#blocksMax) {
      throw beyondFolderLimit(entry.path, 'blocks in all', this.#blocksMax)
    }
    if (entry.kind === 'folder') return await this.#addFolder(entry.path, entry)
    const names = parseEntryPath(entry.path)
    const name = names.pop() ?? ''
    const folder = await this.#enter(names)
    checkNew(folder, name, entry.path, entry.kind)
    folder.entries.add(name, await this.#import(entry))
  }

  /** The end of the stream: the root is complete. */
  async finish(): Promise<ImportedRoot> {
    while (this.#open.length > 1) await this.#close()
    const [root] = this.#open
    const { cid } = await this.#write(root ?? openFolder(''), '')
    return {
      cid,
      kind: 'folder',
      sizeBytes: this.#files.sizeBytes,
      filesCount: this.#filesCount,
      foldersCount: this.#foldersCount,
      symlinksCount: this.#symlinksCount,
      carBodyBytes: this.#files.carBodyBytes + this.#nodesCarBytes,
    }
  }

  async #addFolder(path: string, attributes: EntryAttributes): Promise<void> {
    const folder = await this.#enter(path === '' ? [] : parseEntryPath(path))
    if (folder.attributes !== undefined) throw entryRepeated(path, 'comes twice')
    folder.attributes = this.#kept(attributes)
  }

  /** Closes what is complete and opens what begins, so that the folder of `names` is the last. */
  async #enter(names: readonly string[]): Promise<OpenFolder> {
    let shared = 0
    while (shared < names.length && this.#open[shared + 1]?.name === names[shared]) shared += 1
    while (this.#open.length > shared + 1) await this.#close()
    let folder = this.#open[shared] ?? openFolder('')
    for (const [index, name] of names.entries()) {
      if (index < shared) continue
      checkNew(folder, name, names.slice(0, index + 1).join('/'), 'folder')
      folder = openFolder(name)
      this.#open.push(folder)
    }
    return folder
  }

  async #close(): Promise<void> {
    const path = this.#pathOfLast()
    const folder = this.#open.pop()
    const parent = this.#open.at(-1)
    if (folder !== undefined) parent?.entries.add(folder.name, await this.#write(folder, path))
  }

  async #write({ entries, attributes }: OpenFolder, path: string): Promise<FolderEntry> {
    const nodes = folderNodes(entries, attributes ?? {}, path)
    let next = nodes.next()
    while (next.done !== true) {
      await this.#put(next.value.cid, next.value.bytes)
      this.#options.signal.throwIfAborted()
      next = nodes.next()
    }
    this.#foldersCount += 1
    return { kind: 'folder', cid: next.value.cid, dagBytes: next.value.dagBytes }
  }

  async #import(entry: Exclude<SourceEntry, { kind: 'folder' }>): Promise<FolderEntry> {
    if (entry.kind === 'symlink') return await this.#addSymlink(entry)
    const { content, reference, origin } = entry
    const file = await this.#files.add({
      content,
      reference,
      origin,
      attributes: this.#asked(entry),
    })
    this.#filesCount += 1
    return { kind: 'file', ...file }
  }

  async #addSymlink(entry: Extract<SourceEntry, { kind: 'symlink' }>): Promise<FolderEntry> {
    const { path, target } = entry
    checkSymlinkTarget(path, target)
    // Its permissions mean nothing anywhere, so they are not kept; neither does Kubo.
    const { modifiedAt } = this.#kept(entry)
    const node = buildNode(encodeNodeData({ type: 'symlink', target }, { modifiedAt }), [])
    await this.#put(node.cid, node.bytes)
    this.#symlinksCount += 1
    return { kind: 'symlink', cid: node.cid, dagBytes: node.dagBytes }
  }

  async #put(cid: CID, bytes: Uint8Array): Promise<void> {
    await this.#sink.put(cid, bytes)
    this.#nodesCarBytes += sectionBytes(cid, bytes.length)
    this.#nodesCount += 1
  }

  /** Of what the source says, what was asked to be kept. */
  #kept({ mode, modifiedAt }: EntryAttributes): EntryAttributes {
    return {
      mode: this.#options.keepsMode ? mode : undefined,
      modifiedAt: this.#options.keepsTime ? modifiedAt : undefined,
    }
  }

  #asked(entry: EntryAttributes): EntryAttributes | undefined {
    const { mode, modifiedAt } = this.#kept(entry)
    const hasAny = mode !== undefined || modifiedAt !== undefined
    return hasAny ? { mode, modifiedAt } : undefined
  }

  #pathOfLast(): string {
    return this.#open
      .slice(1)
      .map(({ name }) => name)
      .join('/')
  }
}

function openFolder(name: string): OpenFolder {
  return { name, attributes: undefined, entries: new FolderEntries() }
}

function checkNew(folder: OpenFolder, name: string, path: string, kind: EntryKind): void {
  const before = folder.entries.kindOf(name)
  if (before !== undefined) {
    if (before !== kind) throw entryRepeated(path, `is a ${kind}, and was a ${before} before`)
    const isFolder = kind === 'folder'
    throw entryRepeated(path, isFolder ? 'comes again after other things' : 'comes twice')
  }
  if (folder.entries.count >= FOLDER_ENTRIES_MAX) {
    throw beyondFolderLimit(path, 'entries of one folder', FOLDER_ENTRIES_MAX)
  }
}
