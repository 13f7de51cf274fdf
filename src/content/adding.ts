// SPDX-License-Identifier: AGPL-3.0-or-later
/** From what the owner gives to an item: a file or a folder, into the store or by reference. */
import { errorCode, type UnixTime } from '../base/base.ts'
import type { Arrived, BlockStore, Intake, StoredItem } from './blocks/blocks.ts'
import { checkName, type GivenTexts, type Visibility } from './item.ts'
import { FOLDER_KIND, kindOf } from './kinds.ts'
import { checkAllowed, checkBlockAllowed, type RefusalDesk } from './refusing.ts'
import {
  blockNameOf,
  type FileOrigin,
  type FileReference,
  type ImportedRoot,
  type ImportSink,
  importFolder,
  importOneFile,
  type SourceEntry,
} from './unixfs/unixfs.ts'

export type ProgressListener = (receivedBytes: number, totalBytes: number | undefined) => void

export interface AddOptions extends GivenTexts {
  /** For people; empty for none. */
  name: string
  visibility: Visibility
  signal: AbortSignal
  onProgress?: ProgressListener | undefined
}

export interface AddFileOptions extends AddOptions {
  /** The file stays where it is, and is read there whenever its bytes are wanted. */
  reference?: FileReference | undefined
  /** The same bytes from anywhere on: an addition that is called off can then be gone on with. */
  origin?: FileOrigin | undefined
  /** Kept with the file, and so part of its CID, when given. */
  mode?: number | undefined
  modifiedAt?: UnixTime | undefined
}

export interface AddFolderOptions extends AddOptions {
  /** Whether permission bits, and times, become part of the folder and so of its CID. */
  keepsMode?: boolean | undefined
  keepsTime?: boolean | undefined
}

export interface Added {
  item: StoredItem
  counts: Pick<ImportedRoot, 'filesCount' | 'foldersCount' | 'symlinksCount'>
  /** Bytes that the store did not have yet and has now; without those kept by reference. */
  newBytes: number
}

export interface AddingDeps {
  store: BlockStore
  refusals: RefusalDesk
}

/**
 * @throws CodedError `CONTENT_BAD_NAME`, `CONTENT_TOO_LARGE`, `CONTENT_REFUSED_HERE`, `STORE_…`, the
 *   source's failure
 */
export function addFile(
  deps: AddingDeps,
  content: AsyncIterable<Uint8Array>,
  options: AddFileOptions,
): Promise<Added> {
  return addWith(deps, options, (sink, onProgress) => {
    const { signal, reference, origin, mode, modifiedAt } = options
    const file = { reference, origin, mode, modifiedAt }
    return importOneFile(content, sink, { signal, ...file, onProgress })
  })
}

/** @throws as {@link addFile}, and `CONTENT_PATH_REFUSED`, `CONTENT_FOLDER_LIMIT` and their like */
export function addFolder(
  deps: AddingDeps,
  entries: AsyncIterable<SourceEntry>,
  options: AddFolderOptions,
): Promise<Added> {
  return addWith(deps, options, (sink, onProgress) => {
    const { signal, keepsMode = false, keepsTime = false } = options
    return importFolder(entries, sink, { signal, keepsMode, keepsTime, onProgress })
  })
}

async function addWith(
  { store, refusals }: AddingDeps,
  options: AddOptions,
  work: (sink: ImportSink, onProgress: (receivedBytes: number) => void) => Promise<ImportedRoot>,
): Promise<Added> {
  const name = checkName(options.name)
  const intake = store.begin(undefined, 'added')
  try {
    const onProgress = (receivedBytes: number): void =>
      options.onProgress?.(receivedBytes, undefined)
    const root = await work(sinkOf(intake, refusals, options.signal), onProgress)
    options.signal.throwIfAborted()
    checkAllowed(refusals, root.cid)
    const item = await store.commit(intake, arrivedFrom(root, name, options))
    const { filesCount, foldersCount, symlinksCount } = root
    return {
      item,
      counts: { filesCount, foldersCount, symlinksCount },
      newBytes: intake.newBytes,
    }
  } catch (thrown) {
    await giveUp(store, intake, thrown)
    throw thrown
  } finally {
    await store.end(intake)
  }
}

/** What came is kept, so that adding the same again goes on there; not where it cannot be. */
async function giveUp(store: BlockStore, intake: Intake, reason: unknown): Promise<void> {
  try {
    const code = errorCode(reason) ?? ''
    const isUnwanted = code.startsWith('STORE_') || code === 'CONTENT_REFUSED_HERE'
    if (isUnwanted || !intake.hasKept) await store.abandon(intake)
  } catch (thrown) {
    // The disk fails again: the next start lets go what is left. The first failure is the one told.
    errorCode(thrown)
  }
}

/** An import's blocks, one after the other, into the store. */
function sinkOf(intake: Intake, refusals: RefusalDesk, signal: AbortSignal): ImportSink {
  return {
    put: async (cid, bytes, reference) => {
      checkBlockAllowed(refusals, cid.multihash.digest)
      await intake.ready(reference === undefined ? bytes.length : 0)
      if (reference !== undefined) intake.putReference(cid, bytes.length, reference)
      else intake.put(blockNameOf(cid), bytes)
    },
    openFile: async (wanted) => {
      const file = await intake.openFile(wanted, signal)
      return {
        ...file,
        finish: (tree) => {
          checkAllowed(refusals, tree.root)
          return file.finish(tree)
        },
      }
    },
  }
}

function arrivedFrom(root: ImportedRoot, name: string, options: AddOptions): Arrived {
  const { title = '', language = '', description = '', licence = '' } = options
  const guessed = root.kind === 'folder' ? FOLDER_KIND : kindOf(name)
  return {
    root: root.cid,
    shape: root.kind,
    name,
    title,
    kind: options.kind === undefined || options.kind === '' ? guessed : options.kind,
    language,
    description,
    licence,
    visibility: options.visibility,
    origin: 'added',
    sizeBytes: root.sizeBytes,
    carBodyBytes: root.carBodyBytes,
  }
}
