// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * The entries of a tar archive as it streams in. The archive may come from anywhere: paths that lead
 * out, and things that are neither file, folder nor symbolic link, are refused by name.
 */
import { type ReadTarEntry, readTar, type TarType } from '../../base/base.ts'
import { parseEntryPath, pathRefused, type SourceEntry } from '../unixfs/unixfs.ts'
import { archiveDamaged, archiveUnsupported } from './source-errors.ts'
import { decodeText, showText } from './source-text.ts'

/**
 * @param archive an uncompressed tar archive: ustar, pax, or GNU
 * @throws CodedError `CONTENT_ARCHIVE_DAMAGED`, `CONTENT_ARCHIVE_UNSUPPORTED`,
 * `CONTENT_PATH_REFUSED`, `CONTENT_FOLDER_LIMIT`, and whatever the stream throws
 */
export async function* entriesOfTar(
  archive: AsyncIterable<Uint8Array>,
): AsyncGenerator<SourceEntry, void> {
  for await (const entry of readTar(archive, archiveDamaged)) yield entryOf(entry)
}

function entryOf({ type, name: nameBytes, target: targetBytes, ...found }: ReadTarEntry) {
  const { mode, modifiedAt, content } = found
  const name = decodeText(nameBytes)
  if (name === undefined) throw pathRefused(showText(nameBytes), 'it is not valid UTF-8')
  const target = decodeText(targetBytes)
  if (target === undefined) throw pathRefused(name, 'its target is not valid UTF-8')
  const path = cleanPath(name)
  const isFolder = type === 'folder' || (type === 'file' && name.endsWith('/'))
  if (isFolder) {
    if (path !== '') parseEntryPath(path)
    return { kind: 'folder', path, mode, modifiedAt } as const
  }
  parseEntryPath(path)
  if (type === 'symlink') return { kind: 'symlink', path, target, mode, modifiedAt } as const
  if (type !== 'file') throw refused(type, path)
  return { kind: 'file', path, content, mode, modifiedAt } as const
}

/** `./a/b/` as `a/b`, and `./` as the empty path: how tar writes what it was pointed at. */
function cleanPath(name: string): string {
  const path = name.replace(/^(?:\.\/+)+/, '').replace(/\/$/, '')
  return path === '.' ? '' : path
}

function refused(type: TarType, path: string): Error {
  switch (type) {
    case 'hard link':
      return archiveUnsupported(path, type, 'Pack with tar --hard-dereference: files as files.')
    case 'sparse file':
      return archiveUnsupported(path, type, 'Pack without --sparse (-S): files as they are.')
    case 'device':
    case 'pipe':
      return archiveUnsupported(path, type, 'Leave it out with tar --exclude.')
    default:
      return archiveUnsupported(path, 'thing of unknown kind', 'Pack with tar --format=pax.')
  }
}
