// SPDX-License-Identifier: AGPL-3.0-or-later
/** What the gateway for people may show, from what content keeps: public things, whole ones. */
import type { CID } from 'multiformats/cid'
import type { FolderEntry, Opened, PeoplesLibrary } from '../api/api.ts'
import { type Content, kindOf, type Shown, UNKNOWN_KIND } from '../content/content.ts'

/** The same for the owner, who may look at everything. */
export function ownersLibraryOf(content: Pick<Content, 'show'>): Pick<PeoplesLibrary, 'open'> {
  return {
    open: async (cid, path, signal) =>
      openedOf(await content.show(cid, path, signal, 'owner'), { cid, path }),
  }
}

export function libraryOf(content: Pick<Content, 'list' | 'show'>): PeoplesLibrary {
  return {
    open: async (cid, path, signal) =>
      openedOf(await content.show(cid, path, signal, 'anybody'), { cid, path }),
    publicItems: () =>
      content
        .list()
        .filter((item) => item.visibility === 'public' && item.isWhole)
        .map(({ cid, name, title, kind, sizeBytes }) => ({
          cid,
          name,
          title: title === '' ? name : title,
          kind,
          sizeBytes,
        })),
  }
}

function openedOf(shown: Shown, { cid, path }: { cid: CID; path: readonly string[] }): Opened {
  switch (shown.what) {
    case 'absent':
    case 'symlink':
      return shown
    case 'damaged':
      return { what: 'unreadable', text: 'Some of its bytes are missing or wrong on this node.' }
    case 'refused':
      return { what: 'refused', status: shown.refused.status, text: shown.refused.reason }
    case 'folder':
      return {
        what: 'folder',
        cid: shown.cid,
        roots: shown.roots,
        name: nameOf(shown, { cid, path }),
        entries: (signal) => entriesOf(shown.entries(signal)),
        has: (name) => shown.has(name),
      }
    case 'file': {
      const name = nameOf(shown, { cid, path })
      const guessed = kindOf(name)
      // What its publisher said of the item is true of the item itself, not of what is in it.
      const isItem = path.length === 0 && shown.item.cid.equals(shown.cid)
      const mediaType = isItem && guessed === UNKNOWN_KIND ? shown.item.kind : guessed
      const { sizeBytes, roots, bytes } = shown
      return { what: 'file', cid: shown.cid, roots, name, sizeBytes, mediaType, bytes }
    }
  }
}

function nameOf(
  { item }: { item: { cid: CID; name: string } },
  { cid, path }: { cid: CID; path: readonly string[] },
): string {
  const last = path.at(-1)
  if (last !== undefined) return last
  return item.cid.equals(cid.toV1()) ? item.name : cid.toString()
}

async function* entriesOf(
  entries: AsyncIterable<{
    name: string
    cid: CID
    kind: 'file' | 'folder' | 'symlink' | undefined
    totalBytes: number | undefined
  }>,
): AsyncGenerator<FolderEntry> {
  for await (const { name, cid, kind, totalBytes } of entries) {
    yield { name, cid, kind: kind ?? 'unknown', sizeBytes: totalBytes }
  }
}
