// SPDX-License-Identifier: AGPL-3.0-or-later
/** Says a message of the catalogue in one language. */
import { catalogues, type Language } from './catalogue.ts'
import { createFigures, type Figures } from './figures.ts'
import type { Catalogue, MessageKey, ParametersOf } from './shape.ts'

type Parameters<Key extends MessageKey> = [ParametersOf<Key>] extends [never]
  ? []
  : [parameters: Readonly<Record<ParametersOf<Key>, string | number>>]

/** Numbers among the parameters are written as the language does. */
export type Say = <Key extends MessageKey>(key: Key, ...parameters: Parameters<Key>) => string

export interface Speech {
  language: Language
  /** For dates and figures: the person's own variant of the language, `de-AT`. */
  locale: string
  say: Say
  figures: Figures
}

export function createSpeech(language: Language, locale: string): Speech {
  const catalogue: Catalogue = catalogues[language]
  const plurals = new Intl.PluralRules(language)
  const figures = createFigures(locale)
  const say: Say = (key, ...[parameters]) => {
    const message = catalogue[key]
    // Of one shape for every key: names and what stands for them.
    const values: Readonly<Record<string, string | number>> = parameters ?? {}
    const text = typeof message === 'string' ? message : formOf(message, values['count'], plurals)
    return text.replace(/\{(\w+)\}/g, (whole, name: string) => {
      const value = values[name]
      return typeof value === 'number' ? figures.count(value) : (value ?? whole)
    })
  }
  return { language, locale, say, figures }
}

function formOf(
  message: Exclude<Catalogue[MessageKey], string>,
  count: string | number | undefined,
  plurals: Intl.PluralRules,
): string {
  if (typeof count !== 'number') return message.other
  // "No neighbours" is said in its own way where a language's own rule has no form for zero.
  if (count === 0 && message.zero !== undefined) return message.zero
  return message[plurals.select(count)] ?? message.other
}

/** A locale of the person's for the language, or the language itself. */
export function localeFor(language: Language, preferred: readonly string[]): string {
  return preferred.find((tag) => tag.toLowerCase().split('-')[0] === language) ?? language
}
