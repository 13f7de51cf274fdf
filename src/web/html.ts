// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * HTML that cannot be broken by what it shows: every value put into the `html` template is
 * escaped, unless it is `html` itself. Names, versions and interfaces come from strangers.
 */

export class Html {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

type Value = string | number | Html | readonly Html[]

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
  '`': '&#96;',
}

/** Control characters, and those that turn the direction of the text around them. */
const DISTURBING = /[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/gu

export function html(parts: TemplateStringsArray, ...values: readonly Value[]): Html {
  const text = parts.reduce((joined, part, index) => joined + render(values[index - 1]) + part)
  return new Html(text)
}

/** As text and as a quoted attribute's value alike. */
export function escapeHtml(text: string): string {
  return text
    .replace(DISTURBING, '\ufffd')
    .replace(/[&<>"'`]/g, (character) => ESCAPES[character] ?? '')
}

function render(value: Value | undefined): string {
  if (value === undefined) return ''
  if (value instanceof Html) return value.text
  if (typeof value === 'string') return escapeHtml(value)
  if (typeof value === 'number') return String(value)
  return value.map((part) => part.text).join('')
}
