// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * What the owner does with items, in the terms of the owner: adds what lies here or streams in, looks
 * into folders, takes files out, says something about items, publishes and withdraws them. All that
 * is kept and checked below; here it is put together.
 */
import { isAbsolute, relative, sep } from 'node:path'
import type { CID } from 'multiformats/cid'
import { CodedError, errorCode, type PeerId } from '../../base/base.ts'
import type { Added, AddOptions, ProgressListener } from '../adding.ts'
import type { ItemChanges, PageOf, PageQuestion } from '../blocks/blocks.ts'
import type { Content } from '../content.ts'
import { notAFile, notHere } from '../errors.ts'
import type { PartFetchOptions } from '../fetch-options.ts'
import { FetchFailed, type FetchReport } from '../fetching/fetching.ts'
import {
  checkName,
  type GivenTexts,
  type Item,
  type ItemTotals,
  tidyName,
  type Visibility,
} from '../item.ts'
import type { Refusals } from '../refusals/refusals.ts'
import {
  entriesOfTar,
  lookAt,
  type OpenSourceFile,
  openFileSource,
  type SeenFile,
  type SkippedEntry,
  walkFolder,
} from '../sources/sources.ts'
import type { EntryAttributes } from '../unixfs/unixfs.ts'
import { type ArchiveOptions, archiveOf } from './archive.ts'
import { entriesOf, type FolderEntry, notAFolder, type Place, placeAt } from './places.ts'

export type { FolderEntry, Place } from './places.ts'

export interface OwnedItem extends Item {
  /** Who signed that it is published; undefined when nobody did. */
  publishedBy: PeerId | undefined
  isWithdrawn: boolean
  /** Why others do not get it from here, in a sentence; undefined when nothing forbids it. */
  refused: string | undefined
}

export interface DeskAddOptions extends AddOptions {
  /** Whether permission bits, and times, become part of it and so of its CID. */
  keepsMode: boolean
  keepsTime: boolean
}

export interface DeskPathOptions extends DeskAddOptions {
  onSkipped: (skipped: SkippedEntry) => void
  /** What the caller sees at the path: something else is refused. */
  seen?: SeenFile | undefined
}

export interface DeskAdded extends Omit<Added, 'item'> {
  item: OwnedItem
}

export interface DeskFetchOptions {
  path: readonly string[]
  visibility: Visibility
  isKept: boolean
  signal: AbortSignal
  onProgress: ProgressListener
}

export interface DeskFetched {
  /** What was fetched, or the item here in which it lies. */
  item: OwnedItem
  /** What was asked for. */
  place: Place
  /** Undefined: it was all here, and nobody was asked. */
  report: FetchReport | undefined
}

export interface DeskPartFetched {
  /** The file. */
  place: Place
  /** Undefined: it was all here, and nobody was asked. */
  report: FetchReport | undefined
}

export interface OwnerDeskDeps {
  content: Content
  refusals: Pick<Refusals, 'publicationOf' | 'publish' | 'refusalOf' | 'withdraw'>
  /** The node's own: nothing in it is ever an item. */
  dataFolder: string
  /** How the owner's files are opened; the usual way unless a test counts what is read. */
  openFile?: OpenSourceFile
}

export class OwnerDesk {
  readonly #deps: OwnerDeskDeps

  constructor(deps: OwnerDeskDeps) {
    this.#deps = deps
  }

  list(): readonly OwnedItem[] {
    return this.#deps.content.list().map((item) => this.#owned(item))
  }

  /** Some of them, newest first. @throws CodedError `CONTENT_LIST_CHANGED` */
  page(question: PageQuestion): PageOf<OwnedItem> {
    const page = this.#deps.content.page(question)
    return { ...page, items: page.items.map((item) => this.#owned(item)) }
  }

  totals(): ItemTotals {
    return this.#deps.content.totals()
  }

  get(cid: CID): OwnedItem | undefined {
    const item = this.#deps.content.get(cid)
    return item === undefined ? undefined : this.#owned(item)
  }

  /** @param attributes of the file, kept as far as the options say. @throws as `Content.add` */
  async addFile(
    bytes: AsyncIterable<Uint8Array>,
    options: DeskAddOptions & EntryAttributes,
  ): Promise<DeskAdded> {
    const { keepsMode, keepsTime, mode, modifiedAt, ...rest } = options
    const attributes = {
      mode: keepsMode ? mode : undefined,
      modifiedAt: keepsTime ? modifiedAt : undefined,
    }
    return this.#added(await this.#deps.content.addFile(bytes, { ...rest, ...attributes }))
  }

  /** @param archive a folder as a tar archive. @throws as `Content.addFolder` */
  async addArchive(
    archive: AsyncIterable<Uint8Array>,
    options: DeskAddOptions,
  ): Promise<DeskAdded> {
    return this.#added(await this.#deps.content.addFolder(entriesOfTar(archive), options))
  }

  /**
   * A file or folder of this machine, which stays where it is.
   * @throws CodedError as `Content.add`, `FILE_…`
   */
  addReference(path: string, options: DeskPathOptions): Promise<DeskAdded> {
    return this.#addPath(path, options, { asReference: true })
  }

  /** A file or folder of this machine, as a copy. @throws as {@link addReference} */
  addCopy(path: string, options: DeskPathOptions): Promise<DeskAdded> {
    return this.#addPath(path, options, { asReference: false })
  }

  async #addPath(
    path: string,
    options: DeskPathOptions,
    { asReference }: { asReference: boolean },
  ): Promise<DeskAdded> {
    if (!isAbsolute(path)) {
      throw new CodedError('FILE_PATH_NOT_ABSOLUTE', 'The node needs the whole path, from / on.')
    }
    const { signal, onSkipped, seen, ...rest } = options
    const { content, openFile } = this.#deps
    const found = await lookAt(path, seen)
    this.#checkNotOurs(found.path)
    if (found.kind === 'other') {
      throw new CodedError('FILE_UNREADABLE', 'That is neither a file nor a folder.')
    }
    if (found.kind === 'folder') {
      const walk = { signal, asReference, unreadable: 'fail', onSkipped, seen, openFile } as const
      return this.#added(await content.addFolder(walkFolder(found.path, walk), { ...rest, signal }))
    }
    const { close, ...source } = await openFileSource(found.path, { signal, seen, openFile })
    try {
      const { content: bytes, reference, origin, ...attributes } = source
      const { keepsMode, keepsTime, ...texts } = rest
      const added = await content.addFile(bytes, {
        ...texts,
        signal,
        origin,
        reference: asReference ? reference : undefined,
        mode: keepsMode ? attributes.mode : undefined,
        modifiedAt: keepsTime ? attributes.modifiedAt : undefined,
      })
      return this.#added(added)
    } finally {
      await close()
    }
  }

  async fetch(cid: CID, options: DeskFetchOptions): Promise<DeskFetched> {
    const { content } = this.#deps
    const { path, visibility, isKept, signal } = options
    const whole = content.get(cid)
    // A file of a folder that is here needs no item of its own, unless more is wanted of it.
    if (path.length > 0 && whole?.isWhole === true && visibility === 'private' && !isKept) {
      const place = await placeAt(content.source, cid, path, signal)
      return { item: this.#owned(whole), place, report: undefined }
    }
    let report: FetchReport | undefined
    const onReport = (went: FetchReport): void => {
      report = went
    }
    const item = await content.fetch(cid, { ...options, onReport })
    const place = await placeAt(content.source, item.cid, [], signal)
    return { item: this.#owned(item), place, report }
  }

  /** What a range of a file needs, for {@link openBytes}. @throws as `Content.fetchPart` */
  async fetchPart(cid: CID, options: PartFetchOptions): Promise<DeskPartFetched> {
    const { content } = this.#deps
    const fetched = await content.fetchPart(cid, options)
    const place = await placeAt(content.source, fetched.cid, [], options.signal)
    return { place, report: fetched.report }
  }

  /** How a fetch went that ended with this failure, where that is known. */
  reportOf(thrown: unknown): FetchReport | undefined {
    return thrown instanceof FetchFailed ? thrown.report : undefined
  }

  /** @throws CodedError `CONTENT_NOT_HERE`, `CONTENT_NO_SUCH_PATH`, `CONTENT_SYMLINK`, … */
  place(cid: CID, path: readonly string[], signal: AbortSignal): Promise<Place> {
    return placeAt(this.#deps.content.source, cid, path, signal)
  }

  /** @throws CodedError `CONTENT_NOT_A_FOLDER`; when it is read, `CONTENT_BLOCK_MISSING`, … */
  entries(folder: Place, signal: AbortSignal): AsyncGenerator<FolderEntry> {
    if (folder.shape !== 'folder') throw notAFolder()
    return entriesOf(this.#deps.content.source, folder.cid, signal)
  }

  /** @throws CodedError `CONTENT_NOT_A_FOLDER`; when it is read, `CONTENT_BLOCK_MISSING`, … */
  archive(folder: Place, options: ArchiveOptions): AsyncGenerator<Uint8Array> {
    if (folder.shape !== 'folder') throw notAFolder()
    return archiveOf(this.#deps.content.source, folder, options)
  }

  /**
   * Bytes of a file from `start` to before `end`.
   * @throws CodedError `CONTENT_NOT_A_FILE`; when it is read, as `Content.openBytes`
   */
  openBytes(
    file: Place,
    range: { start: number; end: number; signal: AbortSignal },
  ): AsyncGenerator<Uint8Array> {
    if (file.shape !== 'file') throw notAFile(file.shape, file.target)
    return this.#deps.content.openBytes(file.cid, range)
  }

  /** @throws CodedError `CONTENT_NOT_HERE`, `CONTENT_BAD_TEXT`, `CONTENT_BAD_NAME` */
  async change(
    cid: CID,
    said: GivenTexts & { name?: string | undefined; isKept?: boolean | undefined },
  ): Promise<OwnedItem> {
    if (said.name !== undefined) checkName(said.name)
    const entries = Object.entries(said).filter(([, value]) => value !== undefined)
    // What was said has the types of its fields; what was not said must not unsay anything.
    const changes = Object.fromEntries(entries) as ItemChanges
    return this.#owned(await this.#deps.content.update(cid, changes))
  }

  /** @param options.erases nothing of it is to stay on the disk, but its CID. */
  async remove(cid: CID, options?: { erases: boolean }): Promise<OwnedItem | undefined> {
    // Who published it is known only while it is here.
    const owned = this.get(cid)
    const removed = await this.#deps.content.remove(cid, options)
    return removed === undefined ? undefined : owned
  }

  /** Lets others have it, under the node's signature. @throws CodedError `REFUSALS_…` */
  async publish(cid: CID): Promise<OwnedItem> {
    const { content, refusals } = this.#deps
    const item = content.get(cid)
    if (item === undefined) throw notHere(cid)
    const { bytes } = await refusals.publish(item.cid, tidyName(item.title || item.name))
    const changes = { visibility: 'public', publication: bytes } as const
    return this.#owned(await content.update(item.cid, changes))
  }

  /**
   * Takes back what was published here: signed, so that other nodes believe it.
   * @returns the item, unless it was to be removed or was not here any more.
   * @throws CodedError `REFUSALS_NOT_PUBLISHED`, `REFUSALS_OTHER_PUBLISHER`
   */
  async withdraw(
    cid: CID,
    { reason, mustRemove }: { reason: string; mustRemove: boolean },
  ): Promise<OwnedItem | undefined> {
    const { content, refusals } = this.#deps
    await refusals.withdraw(cid.toV1(), reason)
    const item = content.get(cid)
    if (item === undefined) return undefined
    if (mustRemove) {
      await this.remove(item.cid)
      return undefined
    }
    return this.#owned(await content.update(item.cid, { visibility: 'private' }))
  }

  /** What is added for all to have is published: only then can it be withdrawn some day. */
  async #added(added: Added): Promise<DeskAdded> {
    const { item } = added
    const owned = this.#owned(item)
    const isUnsigned = owned.publishedBy === undefined || owned.isWithdrawn
    if (item.visibility !== 'public' || !isUnsigned) return { ...added, item: owned }
    try {
      return { ...added, item: await this.publish(item.cid) }
    } catch (thrown) {
      // Somebody else published the same bytes before: it is theirs to withdraw, and public here.
      if (errorCode(thrown) !== 'REFUSALS_OTHER_PUBLISHER') throw thrown
      return { ...added, item: owned }
    }
  }

  #owned(item: Item): OwnedItem {
    const known =
      item.publication === undefined ? undefined : this.#deps.refusals.publicationOf(item.cid)
    return {
      ...item,
      publishedBy: known?.publisher,
      isWithdrawn: known?.withdrawal !== undefined,
      refused: this.#deps.refusals.refusalOf(item.cid)?.reason,
    }
  }

  /** The node's key and database are nothing to hand out, and change while they are read. */
  #checkNotOurs(path: string): void {
    const { dataFolder } = this.#deps
    if (!isWithin(dataFolder, path) && !isWithin(path, dataFolder)) return
    throw new CodedError('FILE_IS_NODES_OWN', 'The node’s own data folder is in there.', {
      advice: 'Add another folder, or move the data folder out of this one.',
    })
  }
}

function isWithin(folder: string, path: string): boolean {
  const way = relative(folder, path)
  return way === '' || (way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way))
}
