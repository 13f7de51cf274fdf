// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * What a file is to a browser: from its name, or from its first bytes where the name says nothing.
 * Pure. A guess is safe: whatever a file claims to be, it is shown in a sandbox.
 */
import { kindOf, UNKNOWN_KIND } from '../../content/content.ts'

export interface Shown {
  /** The Content-Type. */
  type: string
  /** False: a browser would not know what to do with it, so it is saved. */
  isInline: boolean
}

/** Of the bytes at `at`; only what a browser shows, and what it must not take for something else. */
const SIGNATURES: readonly { type: string; at: number; bytes: string }[] = [
  { type: 'image/png', at: 0, bytes: '89504e470d0a1a0a' },
  { type: 'image/jpeg', at: 0, bytes: 'ffd8ff' },
  { type: 'image/gif', at: 0, bytes: '47494638' },
  { type: 'image/webp', at: 8, bytes: '57454250' },
  { type: 'image/avif', at: 4, bytes: '6674797061766966' },
  { type: 'application/pdf', at: 0, bytes: '255044462d' },
  { type: 'video/mp4', at: 4, bytes: '66747970' },
  { type: 'video/webm', at: 0, bytes: '1a45dfa3' },
  { type: 'audio/ogg', at: 0, bytes: '4f676753' },
  { type: 'audio/wav', at: 8, bytes: '57415645' },
  { type: 'audio/flac', at: 0, bytes: '664c6143' },
  { type: 'audio/mpeg', at: 0, bytes: '494433' },
  { type: 'application/zip', at: 0, bytes: '504b0304' },
  { type: 'application/gzip', at: 0, bytes: '1f8b' },
]

/** Types outside of text, image, audio and video that browsers show. */
const INLINE_TYPES = ['application/json', 'application/pdf', 'application/xhtml+xml']

/** Whether the first bytes are needed to say what a file is. */
export function needsBytes(named: string): boolean {
  return named === UNKNOWN_KIND || named.startsWith('text/')
}

/** The type that names say: the file's own, else the one that a link gives it. */
export function namedType(mediaType: string, filename: string | undefined): string {
  const own = mediaType.split(';')[0]?.trim().toLowerCase() ?? ''
  // What the library says ends up in a header, and much is decided by it.
  const type = /^[a-z0-9][a-z0-9!#$&^_.+-]*\/[a-z0-9][a-z0-9!#$&^_.+-]*$/.test(own)
    ? own
    : UNKNOWN_KIND
  return type === UNKNOWN_KIND && filename !== undefined ? kindOf(filename) : type
}

/**
 * @param head the first bytes; empty when {@link needsBytes} says that none are needed.
 * @param isWhole whether `head` is all there is.
 */
export function shownAs(named: string, head: Uint8Array, isWhole: boolean): Shown {
  const type = named === UNKNOWN_KIND ? sniff(head, isWhole) : named
  if (!type.startsWith('text/')) {
    const isInline = /^(?:image|audio|video|font)\//.test(type) || INLINE_TYPES.includes(type)
    return { type, isInline }
  }
  // Browsers save Markdown instead of showing it; as plain text it can be read.
  const shown = type === 'text/markdown' ? 'text/plain' : type
  const charset = isUtf8(head, isWhole) ? '; charset=utf-8' : ''
  return { type: shown + charset, isInline: true }
}

function sniff(head: Uint8Array, isWhole: boolean): string {
  const hex = Buffer.from(head).toString('hex')
  const found = SIGNATURES.find(({ at, bytes }) => hex.startsWith(bytes, at * 2))
  if (found !== undefined) return found.type
  if (!isUtf8(head, isWhole) || hasControls(head)) return UNKNOWN_KIND
  const start = Buffer.from(head).toString().trimStart().slice(0, 14).toLowerCase()
  return start.startsWith('<!doctype html') || /^<html[\s>]/.test(start)
    ? 'text/html'
    : 'text/plain'
}

function isUtf8(bytes: Uint8Array, isWhole: boolean): boolean {
  try {
    // A character that is cut off where we stop looking is no mistake: `stream` waits for its rest.
    new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: !isWhole })
    return true
  } catch {
    // Some other encoding, or no text at all.
    return false
  }
}

/** Tabs, line ends, form feeds and escapes are of texts; other control characters are not. */
function hasControls(bytes: Uint8Array): boolean {
  return bytes.some((byte) => byte < 0x20 && ![0x09, 0x0a, 0x0c, 0x0d, 0x1b].includes(byte))
}
