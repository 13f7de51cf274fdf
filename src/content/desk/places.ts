// SPDX-License-Identifier: AGPL-3.0-or-later
/** What is at a path of an item that is here, and what is in its folders: for the owner to look at. */
import type { CID } from 'multiformats/cid'
import { CodedError } from '../../base/base.ts'
import type { DagSource } from '../car/car.ts'
import { blockMissing, noSuchPath, notHere, unsupportedItem } from '../errors.ts'
import type { Shape } from '../item.ts'
import {
  type BlockName,
  type DagNode,
  type Entry,
  listFolder,
  listSorted,
  type NodeExtras,
  parseNode,
  RAW,
  resolvePath,
} from '../unixfs/unixfs.ts'

/** Whatever places its blocks have in the store: nobody here looks at them. */
export type OwnerSource = DagSource<unknown>

export interface Place extends NodeExtras {
  cid: CID
  shape: Shape
  /** Of a file. */
  sizeBytes: number | undefined
  /** Of a symlink. */
  target: string | undefined
}

/** A thing in a folder. */
export interface FolderEntry {
  name: string
  cid: CID
  /** Undefined: of a kind that we do not keep, or not here. */
  shape: Shape | undefined
  sizeBytes: number | undefined
  target: string | undefined
}

/**
 * @throws CodedError `CONTENT_NOT_HERE`, `CONTENT_NO_SUCH_PATH`, `CONTENT_SYMLINK`,
 *   `CONTENT_BLOCK_MISSING`, `CONTENT_UNSUPPORTED`, or the signal's reason
 */
export async function placeAt(
  source: OwnerSource,
  root: CID,
  path: readonly string[],
  signal: AbortSignal,
): Promise<Place> {
  const found = await resolvePath(source.blocks, root, path, { signal })
  switch (found.kind) {
    case 'found':
      return placeOf(source, found)
    case 'noSuchPath':
      throw noSuchPath(found.segment)
    case 'symlink':
      throw new CodedError('CONTENT_SYMLINK', 'There is a symbolic link on this path.', {
        context: { target: found.target },
        advice: 'List the folder that it is in to see where it leads, and go there yourself.',
      })
    case 'foreign':
      throw unsupportedItem('what is at this path is of another kind')
    case 'missing':
      throw found.cid.equals(root) ? notHere(root) : blockMissing(found.cid)
  }
}

/**
 * In the order of names; of very large folders, in that of their blocks.
 * @throws CodedError `CONTENT_UNSUPPORTED`, `CONTENT_BLOCK_MISSING`, or the signal's reason
 */
export async function* entriesOf(
  source: OwnerSource,
  folder: CID,
  signal: AbortSignal,
): AsyncGenerator<FolderEntry> {
  const sorted = await listSorted(source.blocks, folder, { signal })
  for await (const entry of sorted ?? listFolder(source.blocks, folder, { signal })) {
    const { name, cid } = entry
    const place = await placeOfEntry(source, entry, signal)
    const { shape, sizeBytes, target } = place ?? {}
    yield { name, cid, shape, sizeBytes, target }
  }
}

/** What an entry of a folder is; undefined for what is not here, or of another kind. */
export async function placeOfEntry(
  source: OwnerSource,
  { cid, block }: Entry,
  signal: AbortSignal,
): Promise<Place | undefined> {
  if (block === undefined) return undefined
  if (block.codec === RAW) {
    return source.index.find(block) === undefined
      ? undefined
      : placeOf(source, { cid, block, node: undefined })
  }
  const bytes = await source.blocks.read(block, signal)
  return bytes === undefined ? undefined : placeOf(source, { cid, block, node: parseNode(bytes) })
}

/** @param what a raw leaf has no node, and is not read */
function placeOf(
  source: OwnerSource,
  { cid, block, node }: { cid: CID; block: BlockName; node: DagNode | undefined },
): Place {
  if (node === undefined) {
    const here = source.index.find(block)
    if (here === undefined) throw notHere(cid)
    const { sizeBytes } = here
    return { cid, shape: 'file', sizeBytes, target: undefined, ...NO_EXTRAS }
  }
  const { mode, modifiedAt } = node
  return {
    cid,
    shape: node.kind === 'shard' ? 'folder' : node.kind,
    sizeBytes: node.kind === 'file' ? node.sizeBytes : undefined,
    target: node.kind === 'symlink' ? node.target : undefined,
    mode,
    modifiedAt,
  }
}

const NO_EXTRAS: NodeExtras = { mode: undefined, modifiedAt: undefined }

export function notAFolder(): CodedError {
  return new CodedError('CONTENT_NOT_A_FOLDER', 'That is not a folder.', {
    advice: 'Take its bytes instead.',
  })
}
