// SPDX-License-Identifier: AGPL-3.0-or-later
/** Media types by the ending of a name. A guess, and shown as such: nothing is decided by it. */
const KINDS: Readonly<Record<string, string>> = {
  avi: 'video/x-msvideo',
  csv: 'text/csv',
  epub: 'application/epub+zip',
  flac: 'audio/flac',
  gif: 'image/gif',
  gz: 'application/gzip',
  htm: 'text/html',
  html: 'text/html',
  iso: 'application/x-iso9660-image',
  jpeg: 'image/jpeg',
  jpg: 'image/jpeg',
  json: 'application/json',
  m4a: 'audio/mp4',
  md: 'text/markdown',
  mkv: 'video/x-matroska',
  mov: 'video/quicktime',
  mp3: 'audio/mpeg',
  mp4: 'video/mp4',
  odt: 'application/vnd.oasis.opendocument.text',
  ogg: 'audio/ogg',
  opus: 'audio/opus',
  pdf: 'application/pdf',
  png: 'image/png',
  svg: 'image/svg+xml',
  tar: 'application/x-tar',
  txt: 'text/plain',
  wav: 'audio/wav',
  webm: 'video/webm',
  webp: 'image/webp',
  xz: 'application/x-xz',
  zim: 'application/x-zim',
  zip: 'application/zip',
  zst: 'application/zstd',
}

export const UNKNOWN_KIND = 'application/octet-stream'

export function kindOf(name: string): string {
  const ending = /\.([A-Za-z0-9]+)$/.exec(name)?.[1]?.toLowerCase()
  return (ending === undefined ? undefined : KINDS[ending]) ?? UNKNOWN_KIND
}

/** What freedesktop.org's shared MIME database calls a folder. */
export const FOLDER_KIND = 'inode/directory'
