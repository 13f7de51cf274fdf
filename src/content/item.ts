// SPDX-License-Identifier: AGPL-3.0-or-later
/** An item as everybody sees it, and what a name may look like. */
import type { CID } from 'multiformats/cid'
import { CodedError } from '../base/base.ts'
import { NAME_BYTES_MAX } from './limits.ts'

/** Private: not announced, not served to others, not listed for them. */
export type Visibility = 'private' | 'public'

export interface Item {
  /** CIDv1. */
  cid: CID
  /** For people; the CID's text when nobody gave one. */
  name: string
  sizeBytes: number
  /** A media type, guessed from the name. */
  kind: string
  visibility: Visibility
  /** Milliseconds since 1970 by the wall clock, which may have been wrong. */
  addedAtMs: number
  /** Rises with every item; the order in which they came. */
  sequence: number
  /** False: its file was lost or damaged. It is not served; fetch or add it again. */
  isWhole: boolean
}

export interface ItemTotals {
  count: number
  publicCount: number
  sizeBytes: number
}

/** @throws CodedError `CONTENT_BAD_NAME` for what a list or a terminal could not show. */
export function checkName(name: string): string {
  if (name !== '' && tidyName(name) === name) return name
  if (name === '') return name
  throw new CodedError('CONTENT_BAD_NAME', 'An item cannot have that name.', {
    advice: `Use at most ${NAME_BYTES_MAX} bytes, and no slashes or control characters.`,
  })
}

/** What is left of a name that somebody else gave; empty when nothing is. */
export function tidyName(name: string): string {
  // Control and format characters (\p{C}) could rewrite a terminal; slashes could leave a folder.
  const cleaned = name.replace(/[\p{C}\p{Zl}\p{Zp}/\\]/gu, '').trim()
  if (cleaned === '.' || cleaned === '..') return ''
  let tidy = ''
  for (const character of cleaned) {
    if (Buffer.byteLength(tidy + character) > NAME_BYTES_MAX) break
    tidy += character
  }
  return tidy
}
