// SPDX-License-Identifier: AGPL-3.0-or-later
/** The languages that there are, and which of them a person is spoken to in. */
import { english } from './english.ts'
import { german } from './german.ts'
import type { Catalogue } from './shape.ts'
import { spanish } from './spanish.ts'

export const catalogues = { en: english, de: german, es: spanish } as const satisfies Record<
  string,
  Catalogue
>

export type Language = keyof typeof catalogues

/** As each calls itself. */
export const LANGUAGE_NAMES: Readonly<Record<Language, string>> = {
  en: 'English',
  de: 'Deutsch',
  es: 'Español',
}

export function isLanguage(text: unknown): text is Language {
  return typeof text === 'string' && Object.hasOwn(catalogues, text)
}

/** The first of what the person reads that we speak; English otherwise. */
export function chooseLanguage(
  kept: string | null | undefined,
  preferred: readonly string[],
): Language {
  if (isLanguage(kept)) return kept
  return preferred.map((tag) => tag.toLowerCase().split('-')[0]).find(isLanguage) ?? 'en'
}
