// SPDX-License-Identifier: AGPL-3.0-or-later
/** The page's words: whole in every language, and figures as each writes them. */
import { describe, expect, it } from 'vitest'
import {
  catalogues,
  chooseLanguage,
  createFigures,
  createSpeech,
  type Language,
  localeFor,
} from '../../src/web/page/words/words.ts'

const LANGUAGES = Object.keys(catalogues).filter((name): name is Language => name in catalogues)

/** A message's texts: itself, or one a plural category. */
function formsOf(message: string | Readonly<Record<string, string>>): readonly string[] {
  return typeof message === 'string' ? [message] : Object.values(message)
}

function placeholdersOf(text: string): readonly string[] {
  return [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name ?? '').sort()
}

const english = Object.entries(catalogues.en)

describe.each(LANGUAGES)('in %s', (language) => {
  const catalogue: Readonly<Record<string, string | Readonly<Record<string, string>>>> =
    catalogues[language]

  it('every message is there, and none beside', () => {
    expect(Object.keys(catalogue).sort()).toEqual(english.map(([key]) => key).sort())
  })

  it('every message is told the same as in English', () => {
    for (const [key, message] of english) {
      const model = formsOf(message).at(-1) ?? ''
      const text = formsOf(catalogue[key] ?? '').at(-1) ?? ''
      expect(placeholdersOf(text), key).toEqual(placeholdersOf(model))
    }
  })

  it('no form of a plural is told what the others are not', () => {
    for (const [key, message] of Object.entries(catalogue)) {
      const forms = formsOf(message)
      const all = placeholdersOf(forms.at(-1) ?? '')
      for (const form of forms) {
        expect(all, key).toEqual(expect.arrayContaining([...placeholdersOf(form)]))
      }
    }
  })

  it('every plural has the forms of the language', () => {
    const { pluralCategories } = new Intl.PluralRules(language).resolvedOptions()
    // "Many" is for millions in Spanish, where it reads as `other` does.
    const needed = pluralCategories.filter((category) => category !== 'many')
    for (const [key, message] of Object.entries(catalogue)) {
      if (typeof message === 'string') continue
      expect(Object.keys(message), key).toEqual(expect.arrayContaining(needed))
    }
  })

  it('nothing is left blank, and nothing has blanks at its ends', () => {
    for (const [key, message] of Object.entries(catalogue)) {
      for (const form of formsOf(message)) {
        expect(form, key).toBe(form.trim())
        if (key !== 'verdict.peers') expect(form, key).not.toBe('')
      }
    }
  })
})

describe('saying', () => {
  const { say } = createSpeech('en', 'en-GB')

  it('chooses the form by the count, and writes numbers as the locale does', () => {
    expect([0, 1, 2].map((count) => say('verdict.neighbours', { count }))).toEqual([
      'It has no neighbours yet.',
      'It has one neighbour.',
      'It has 2 neighbours.',
    ])
    expect(createSpeech('de', 'de-DE').say('items.count', { count: 12_345 })).toBe(
      '12.345 Einträge',
    )
  })

  it('takes no placeholder from what strangers call things', () => {
    expect(say('items.noMatch', { match: '{match}{count}' })).toBe(
      'Nothing matches “{match}{count}”.',
    )
  })
})

describe('figures', () => {
  const en = createFigures('en-GB')
  const de = createFigures('de-DE')

  it.each([
    [0, '0 bytes'],
    [1, '1 byte'],
    [999, '999 bytes'],
    [1_000, '1 kB'],
    [1_540, '1.5 kB'],
    [999_499, '999 kB'],
    [999_500, '1 MB'],
    [25_000_000, '25 MB'],
    [2.5e15, '2.5 PB'],
    [-5, '0 bytes'],
  ])('%i bytes are %s', (bytes, text) => {
    expect(en.bytes(bytes)).toBe(text)
  })

  it.each([
    [0, '0 secs'],
    [59.9, '59 secs'],
    [61, '1 min 1 sec'],
    [3_600, '1 hr'],
    [93_784, '1 day 2 hrs'],
    [86_400 + 59, '1 day'],
    [-3, '0 secs'],
  ])('%d seconds are %s', (seconds, text) => {
    expect(en.duration(seconds)).toBe(text)
  })

  it('are written as the locale does', () => {
    expect(de.milliseconds(2.44)).toMatch(/^2,4\sms$/)
    expect(de.percent(0.034)).toMatch(/^3,4\s%$/)
    expect(en.percent(0.224)).toBe('22%')
    expect(en.rate(820)).toBe('0.8 kB/s')
    expect(en.ago(320)).toBe('5 minutes ago')
    expect(de.ago(7_300)).toBe('vor 2 Stunden')
  })
})

describe('which language', () => {
  it.each([
    ['de', ['en-GB'], 'de'],
    [null, ['pt-BR', 'es-MX', 'en'], 'es'],
    [null, ['DE-at'], 'de'],
    ['tlh', ['tlh'], 'en'],
    [null, [], 'en'],
    ['constructor', ['toString'], 'en'],
  ] as const)('kept %s, read %j: %s', (kept, preferred, language) => {
    expect(chooseLanguage(kept, preferred)).toBe(language)
  })

  it('keeps the person’s own variant for figures', () => {
    expect(localeFor('de', ['en-GB', 'de-AT'])).toBe('de-AT')
    expect(localeFor('es', ['en-GB'])).toBe('es')
  })
})
