// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * The headers that keep an item in its place. All items share one origin, so none may have any of
 * its own: no script runs, nothing is stored, nothing is loaded but from this gateway, and nothing
 * is sent anywhere. What each header is against is told in docs/adr/0016.
 */

/**
 * What no page of a node needs of a visitor's machine. Names that a desktop Chromium does not know,
 * such as bluetooth and web-share, are absent: it complains of each at every page, and both need a
 * script and a person's click, while items run no script at all.
 */
export const PERMISSIONS_POLICY =
  'camera=(), clipboard-read=(), display-capture=(), geolocation=(), hid=(), local-fonts=(), ' +
  'local-network-access=(), microphone=(), midi=(), payment=(), publickey-credentials-get=(), ' +
  'serial=(), usb=()'

/** With every answer. */
const COMMON: Readonly<Record<string, string>> = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'x-frame-options': 'DENY',
  'x-dns-prefetch-control': 'off',
  'permissions-policy': PERMISSIONS_POLICY,
}

/**
 * For items, of whatever type: a list of the types that can run would be one type short some day.
 * Scripts are not allowed, sandboxed or not: no policy keeps a script from sending its own page to
 * `http://router/…`. Downloads are: they need a click, and people put files on their pages.
 */
export const ITEM_HEADERS: Readonly<Record<string, string>> = {
  ...COMMON,
  'content-security-policy':
    "sandbox allow-downloads; default-src 'none'; img-src 'self' data:; media-src 'self' data:; " +
    "font-src 'self' data:; style-src 'self' 'unsafe-inline'; base-uri 'none'; " +
    "form-action 'none'; frame-ancestors 'none'",
  // A sandboxed page is of no origin, not even of ours: its pictures count as another site's.
  'cross-origin-resource-policy': 'cross-origin',
}

/** For pages that we draw: they have no script, load nothing, and are for eyes alone. */
export const PAGE_HEADERS: Readonly<Record<string, string>> = {
  ...COMMON,
  'content-security-policy':
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; " +
    "form-action 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  // Not for items: browsers may refuse to show what is both sandboxed and alone.
  'cross-origin-opener-policy': 'same-origin',
}

/** Half a year and more: what a CID names never changes. */
export const CACHE_ITEM = 'public, max-age=29030400, immutable'

/** A folder's entries never change either, but our drawing of them does. */
export const CACHE_FOLDER = 'public, max-age=300, stale-while-revalidate=86400'

export const CACHE_NOTHING = 'no-store'

/**
 * Fonts, and nothing else, may be read from elsewhere: browsers load them like that even for the
 * page beside them. Whatever else is public may be seen here, but not read by other sites' scripts.
 */
export function sharingHeaders(type: string): Readonly<Record<string, string>> {
  return type.startsWith('font/') ? { 'access-control-allow-origin': '*' } : {}
}

/** Characters that RFC 8187 lets stand in an encoded name. */
const ATTR_CHAR_EXCEPT = /[^A-Za-z0-9!#$&+.^_`|~-]/g

/**
 * Content-Disposition (RFC 6266). Names come from strangers: what could end the header, leave the
 * folder or turn the text around goes; every other character goes encoded.
 */
export function disposition(kind: 'inline' | 'attachment', name: string): string {
  const tidy = name
    .toWellFormed()
    .replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '')
    .replace(/[/\\:*?"<>|]/g, '_')
    // No dot-file by accident, and Windows drops dots and blanks at the end.
    .replace(/^[.\s]+|[.\s]+$/g, '')
    .replace(/\.{2,}/g, '_')
  const short = [...tidy].slice(0, FILENAME_CHARACTERS_MAX).join('')
  if (short === '') return kind
  const plain = short.replace(/[^\x20-\x7e]|[%"\\]/g, '_')
  const encoded = Array.from(Buffer.from(short), (byte) => {
    const character = String.fromCharCode(byte)
    return byte < 0x80 && character.replace(ATTR_CHAR_EXCEPT, '') !== ''
      ? character
      : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }).join('')
  return `${kind}; filename="${plain}"; filename*=UTF-8''${encoded}`
}

/** Three bytes each at most for most scripts, percent-encoded: below 2 KiB of header. */
const FILENAME_CHARACTERS_MAX = 150
