// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * What anybody may look at: public items, by path, as files and folders. What is private, refused in
 * silence or not here looks the same. The owner may look at everything that is here in the same way:
 * what is refused is refused to others.
 */
import type { CID } from 'multiformats/cid'
import { errorCode } from '../base/base.ts'
import type { BlockStore, StoredItem } from './blocks/blocks.ts'
import { readFile } from './library.ts'
import type { Refused } from './refusals/refusals.ts'
import { type RefusalDesk, refusesNothing } from './refusing.ts'
import {
  type Entry,
  type Found,
  fileSize,
  isSupported,
  listFolder,
  type ReadOptions,
  resolvePath,
} from './unixfs/unixfs.ts'

export interface ShownEntry extends Omit<Entry, 'kind'> {
  kind: 'file' | 'folder' | 'symlink' | undefined
}

export type Shown =
  | { what: 'absent' }
  | { what: 'refused'; refused: Refused }
  /** Some of it is missing or wrong on this node. */
  | { what: 'damaged' }
  | { what: 'symlink'; target: string }
  | {
      what: 'file'
      cid: CID
      /** The root, and the entry at each part of the path. */
      roots: readonly CID[]
      item: StoredItem
      sizeBytes: number
      bytes(range: { start: number; end: number }, signal: AbortSignal): AsyncIterable<Uint8Array>
    }
  | {
      what: 'folder'
      cid: CID
      roots: readonly CID[]
      item: StoredItem
      entries(signal: AbortSignal): AsyncIterable<ShownEntry>
      has(name: string): Promise<boolean>
    }

/** Who looks. */
export type Reader = 'anybody' | 'owner'

export interface ShowingDeps {
  store: BlockStore
  refusals: RefusalDesk
}

/** @throws the signal's reason */
export async function show(
  { store, refusals: desk }: ShowingDeps,
  asked: { cid: CID; path: readonly string[]; reader: Reader },
  { signal }: ReadOptions,
): Promise<Shown> {
  const { cid, path, reader } = asked
  const refusals = reader === 'owner' ? refusesNothing : desk
  if (!isSupported(cid)) return { what: 'absent' }
  const root = store.find(cid.multihash.digest, reader)
  const refused = refusals.isEmpty ? undefined : refusals.check({ cid, path: path.join('/') })
  // Nobody can try out what a deny list names: of what is not here anyway, nothing is said.
  const isTold = refused !== undefined && (refused.kind !== 'listed' || root !== undefined)
  if (isTold) return { what: 'refused', refused }
  if (root === undefined) return { what: 'absent' }
  store.items.use(root.item.sequence)
  try {
    const { blocks } = store.within(root.item)
    const found = await resolvePath(blocks, cid, path, { signal })
    if (found.kind === 'symlink') return { what: 'symlink', target: found.target }
    if (found.kind !== 'found') return { what: 'absent' }
    for (const passed of [...found.passed, found]) {
      const part = refusals.isEmpty ? undefined : refusals.check({ cid: passed.cid })
      if (part !== undefined) return { what: 'refused', refused: part }
    }
    return await shownOf({ store, refusals }, found, root.item, signal)
  } catch (thrown) {
    signal?.throwIfAborted()
    const isLost = LOST.has(errorCode(thrown) ?? '')
    if (isLost) return { what: 'damaged' }
    throw thrown
  }
}

const LOST = new Set(['CONTENT_DAMAGED', 'CONTENT_CHANGED', 'CONTENT_BLOCK_MISSING'])

async function shownOf(
  { store, refusals }: ShowingDeps,
  { cid, node, entries: roots }: Found,
  item: StoredItem,
  signal: AbortSignal | undefined,
): Promise<Shown> {
  const { blocks } = store.within(item)
  if (node?.kind === 'symlink') return { what: 'symlink', target: node.target }
  if (node?.kind === 'folder' || node?.kind === 'shard') {
    return {
      what: 'folder',
      cid,
      roots,
      item,
      entries: (listSignal) => entriesOf(blocks, cid, listSignal),
      has: async (name) => (await resolvePath(blocks, cid, [name], { signal })).kind === 'found',
    }
  }
  return {
    what: 'file',
    cid,
    roots,
    item,
    sizeBytes: await fileSize(blocks, cid, { signal }),
    bytes: (range, readSignal) => {
      // It may have come to be refused since it was opened.
      const refused = refusals.isEmpty ? undefined : refusals.check({ cid })
      return refused === undefined
        ? readFile(store, cid, { ...range, signal: readSignal })
        : nothing()
    },
  }
}

/** A listing tells raw files alone; of all else the first block is looked at. */
async function* entriesOf(
  blocks: Parameters<typeof resolvePath>[0],
  folder: CID,
  signal: AbortSignal,
): AsyncGenerator<ShownEntry> {
  for await (const entry of listFolder(blocks, folder, { signal })) {
    const kind = entry.kind ?? (await kindAt(blocks, entry.cid, signal))
    yield { ...entry, kind }
  }
}

/** Undefined for what cannot be told: one bad entry must not hide the others. */
async function kindAt(
  blocks: Parameters<typeof resolvePath>[0],
  cid: CID,
  signal: AbortSignal,
): Promise<ShownEntry['kind']> {
  try {
    const found = await resolvePath(blocks, cid, [], { signal })
    if (found.kind === 'symlink') return 'symlink'
    const node = found.kind === 'found' ? found.node : undefined
    return node?.kind === 'shard' ? 'folder' : node?.kind
  } catch {
    signal.throwIfAborted()
    return undefined
  }
}

async function* nothing(): AsyncGenerator<Uint8Array> {}
