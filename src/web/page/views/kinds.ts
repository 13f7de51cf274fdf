// SPDX-License-Identifier: AGPL-3.0-or-later
/** What a thing is, by its media type or, within folders, by its name: a word, a picture, a viewer. */
import type { IconName } from '../parts/parts.ts'
import type { MessageKey } from '../words/words.ts'

/** How a thing can be looked at here. */
export type Viewer = 'image' | 'audio' | 'video' | 'text' | 'tab' | 'none'

interface Kind {
  word: MessageKey & `kind.${string}`
  icon: IconName
  viewer: Viewer
}

const KINDS: readonly (readonly [RegExp, Kind])[] = [
  [/^inode\/directory$/, { word: 'kind.folder', icon: 'folder', viewer: 'none' }],
  [/^image\/svg/, { word: 'kind.image', icon: 'image', viewer: 'image' }],
  [/^image\//, { word: 'kind.image', icon: 'image', viewer: 'image' }],
  [/^audio\//, { word: 'kind.audio', icon: 'audio', viewer: 'audio' }],
  [/^video\//, { word: 'kind.video', icon: 'video', viewer: 'video' }],
  [/^text\/html|xhtml/, { word: 'kind.page', icon: 'text', viewer: 'tab' }],
  [
    /^text\/|^application\/(?:json|toml|xml|yaml)/,
    { word: 'kind.text', icon: 'text', viewer: 'text' },
  ],
  [/^application\/pdf/, { word: 'kind.pdf', icon: 'text', viewer: 'tab' }],
  [/^application\/epub/, { word: 'kind.book', icon: 'text', viewer: 'none' }],
  [
    /^application\/(?:gzip|zip|zstd|x-tar|x-xz|x-7z)/,
    { word: 'kind.archive', icon: 'file', viewer: 'none' },
  ],
]

const FILE: Kind = { word: 'kind.file', icon: 'file', viewer: 'none' }

export function kindOf(mediaType: string): Kind {
  return KINDS.find(([types]) => types.test(mediaType))?.[1] ?? FILE
}

/** In a folder nobody says what a file is but its name. */
const TYPES_BY_ENDING: readonly (readonly [RegExp, string])[] = [
  [/\.(?:avif|bmp|gif|jpe?g|png|svg|webp)$/i, 'image/png'],
  [/\.(?:aac|flac|m4a|mp3|oga|ogg|opus|wav)$/i, 'audio/ogg'],
  [/\.(?:m4v|mkv|mov|mp4|ogv|webm)$/i, 'video/webm'],
  [/\.x?html?$/i, 'text/html'],
  [
    /\.(?:c|conf|css|csv|h|ini|js|json|log|md|py|rs|sh|srt|toml|ts|txt|vtt|xml|ya?ml)$/i,
    'text/plain',
  ],
  [/^(?:README|LICEN[CS]E|COPYING|CHANGELOG|Makefile)$/i, 'text/plain'],
  [/\.pdf$/i, 'application/pdf'],
  [/\.epub$/i, 'application/epub+zip'],
  [/\.(?:7z|gz|tar|tgz|xz|zip|zst)$/i, 'application/zip'],
]

export function mediaTypeOfName(name: string): string {
  const found = TYPES_BY_ENDING.find(([names]) => names.test(name))
  return found?.[1] ?? 'application/octet-stream'
}

/** Whoever writes text with lines of its own, such as code, wants each letter in its column. */
export function isProse(mediaType: string, name: string): boolean {
  if (mediaType === 'text/markdown') return true
  return mediaType.startsWith('text/plain') && /(?:\.(?:txt|md|markdown)|^[^.]*)$/i.test(name)
}
