// SPDX-License-Identifier: AGPL-3.0-or-later
/** Names as file systems and archives have them: bytes, that may be text or not. */

/** Undefined when `bytes` are not valid UTF-8. */
export function decodeText(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    // The decoder says only that it could not; the caller says of what.
    return undefined
  }
}

/** For a message: what is no text shows as replacement characters. */
export function showText(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes)
}
