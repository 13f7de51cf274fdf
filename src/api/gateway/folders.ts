// SPDX-License-Identifier: AGPL-3.0-or-later
/** What the pages of folders and of the whole library hold: facts in pages of bounded length. */
import type { CID } from 'multiformats/cid'
import type { FolderPage, HomePage, Paging, ShownEntry } from '../../contract/contract.ts'
import { addressOf, baseOf } from './address.ts'
import type { FolderEntry, OpenedFolder, PublicItem } from './library.ts'
import { PAGE_ENTRIES_MAX, PAGES_MAX } from './limits.ts'

interface FolderPlace {
  cid: CID
  /** The address of what the path is in. */
  base: string
  path: readonly string[]
}

/** Undefined for a page that there is not. */
export function homePage(items: readonly PublicItem[], page: number): HomePage | undefined {
  const first = (page - 1) * PAGE_ENTRIES_MAX
  if (first > 0 && first >= items.length) return undefined
  return {
    items: items.slice(first, first + PAGE_ENTRIES_MAX).map((item) => ({
      href: baseOf(item.cid),
      title: item.title,
      kind: item.kind,
      sizeBytes: item.sizeBytes,
    })),
    itemsCount: items.length,
    paging: pagingOf(page, items.length > first + PAGE_ENTRIES_MAX),
  }
}

/** Walks past the pages before. Undefined for a page that there is not. */
export async function folderPage(
  folder: OpenedFolder,
  at: FolderPlace & { page: number },
  signal: AbortSignal,
): Promise<FolderPage | undefined> {
  const first = (at.page - 1) * PAGE_ENTRIES_MAX
  const entries: FolderEntry[] = []
  let position = 0
  let hasMore = false
  for await (const entry of folder.entries(signal)) {
    signal.throwIfAborted()
    hasMore = position >= first + PAGE_ENTRIES_MAX
    if (hasMore) break
    if (position >= first) entries.push(entry)
    position += 1
  }
  if (at.page > 1 && entries.length === 0) return undefined
  // Over several pages the order is the folder's own: only a whole can be sorted.
  if (at.page === 1 && !hasMore) entries.sort(byKindAndName)
  return {
    name: folder.name,
    cid: folder.cid.toString(),
    trail: trailOf(folder, at),
    entries: entries.map((entry) => shownEntry(entry, at)),
    paging: pagingOf(at.page, hasMore),
    isCut: hasMore && at.page >= PAGES_MAX,
  }
}

function shownEntry(entry: FolderEntry, at: FolderPlace): ShownEntry {
  const { name, kind, sizeBytes } = entry
  const href = addressOf(at.base, [...at.path, name])
  return { name, kind, sizeBytes, href: kind === 'folder' ? `${href}/` : href }
}

function trailOf(
  folder: OpenedFolder,
  { cid, base, path }: FolderPlace,
): { name: string; href: string }[] {
  const rootName = path.length === 0 ? folder.name : cid.toString()
  return [rootName, ...path].map((name, depth) => ({
    name,
    href: `${addressOf(base, path.slice(0, depth))}/`,
  }))
}

function pagingOf(page: number, hasMore: boolean): Paging {
  return {
    previous: page > 1 ? `?page=${page - 1}` : undefined,
    next: hasMore && page < PAGES_MAX ? `?page=${page + 1}` : undefined,
  }
}

/** Folders first; names by their code points, the same for everybody. */
function byKindAndName(one: FolderEntry, other: FolderEntry): number {
  const rank = (entry: FolderEntry): number => (entry.kind === 'folder' ? 0 : 1)
  return rank(one) - rank(other) || (one.name < other.name ? -1 : one.name > other.name ? 1 : 0)
}
