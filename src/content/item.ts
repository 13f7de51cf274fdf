// SPDX-License-Identifier: AGPL-3.0-or-later
/** An item as everybody sees it, and what a name may look like. */
import type { CID } from 'multiformats/cid'
import { CodedError } from '../base/base.ts'
import {
  DESCRIPTION_BYTES_MAX,
  LICENCE_BYTES_MAX,
  NAME_BYTES_MAX,
  TITLE_BYTES_MAX,
} from './limits.ts'

/** Private: not announced, not served to others, not listed for them. */
export type Visibility = 'private' | 'public'

/** What an item's root is. */
export type Shape = 'file' | 'folder' | 'symlink'

/** What its owner or publisher says about an item; empty where nothing was said. */
export interface ItemTexts {
  /** For people, in a list; the name when nobody gave one. */
  title: string
  /** A media type. */
  kind: string
  /** BCP 47: `de`, `pt-BR`. */
  language: string
  description: string
  /** SPDX expression, or words. */
  licence: string
}

/** Those of them that somebody says. */
export type GivenTexts = { [Field in keyof ItemTexts]?: string | undefined }

export interface Item extends ItemTexts {
  /** CIDv1. */
  cid: CID
  /** What a file of it would be called; the CID's text when nobody gave one. */
  name: string
  shape: Shape
  /** Of all files in it. */
  sizeBytes: number
  visibility: Visibility
  /** Added here by the owner, or fetched from somebody else. */
  origin: 'added' | 'fetched'
  /** Never removed to make room. What the owner added is not either. */
  isKept: boolean
  /** Milliseconds since 1970 by the wall clock, which may have been wrong. */
  addedAtMs: number
  /** Rises with every item; the order in which they came. */
  sequence: number
  /** False: some of its bytes were lost or damaged. It is not served; fetch or add it again. */
  isWhole: boolean
  /** It is not whole since a file that was added by reference is another one now, or gone. */
  isChanged: boolean
  /** What the publisher signed about it. */
  publication: Uint8Array | undefined
}

export type ItemEvents = {
  /** Before: undefined when it is new here. After: undefined when it is gone. */
  itemChanged: { before: Item | undefined; after: Item | undefined }
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

/** What is left of a text that somebody else gave: no control characters, not too long. */
export function tidyText(text: unknown, bytesMax: number): string {
  if (typeof text !== 'string') return ''
  const cleaned = text.replace(/[^\P{C}\n\t]/gu, '').trim()
  let tidy = ''
  let sizeBytes = 0
  for (const character of cleaned) {
    sizeBytes += Buffer.byteLength(character)
    if (sizeBytes > bytesMax) break
    tidy += character
  }
  return tidy
}

/** A media type (RFC 6838), or nothing. */
export function tidyKind(kind: unknown): string {
  if (typeof kind !== 'string' || !MEDIA_TYPE.test(kind)) return ''
  return kind.toLowerCase()
}

const MEDIA_TYPE = /^[a-z0-9][a-z0-9!#$&^_.+-]{0,62}\/[a-z0-9][a-z0-9!#$&^_.+-]{0,62}$/i
/** The shape of BCP 47 tags; whether a language is registered nobody here can know. */
const LANGUAGE = /^[a-z]{2,3}(-[a-z0-9]{2,8}){0,4}$/i

/** A language tag by its shape, or nothing. */
export function tidyLanguage(language: unknown): string {
  return typeof language === 'string' && LANGUAGE.test(language) ? language : ''
}

/** @throws CodedError `CONTENT_BAD_TEXT` naming what is wrong; what is right comes back as it is. */
export function checkTexts<Texts extends GivenTexts>(texts: Texts): Texts {
  const limits = {
    title: TITLE_BYTES_MAX,
    description: DESCRIPTION_BYTES_MAX,
    licence: LICENCE_BYTES_MAX,
  }
  for (const [field, bytesMax] of Object.entries(limits)) {
    // The keys are those of the object above.
    const text = texts[field as keyof typeof limits]
    if (text === undefined || tidyText(text, bytesMax) === text.trim()) continue
    throw badText(`The ${field} is too long, or has control characters in it.`, {
      advice: `Use at most ${bytesMax} bytes of plain text.`,
    })
  }
  const { kind = '', language = '' } = texts
  if (kind !== '' && tidyKind(kind) === '') {
    throw badText('The kind is not a media type.', { advice: 'For example text/plain, video/mp4.' })
  }
  if (language !== '' && !LANGUAGE.test(language)) {
    throw badText('The language is not a language tag.', { advice: 'For example de, pt-BR.' })
  }
  return texts
}

function badText(message: string, { advice }: { advice: string }): CodedError {
  return new CodedError('CONTENT_BAD_TEXT', message, { advice })
}
