// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * The catalogue's shape. English is the model: another language has the same keys, or does not
 * compile. `{name}` is filled in; a phrase whose form hangs on `{count}` has one for each of the
 * language's plural categories.
 */
import type { english } from './english.ts'

/** By the categories of `Intl.PluralRules`; `other` is there for all that have no form. */
export type Plural = Partial<Record<Intl.LDMLPluralRule, string>> & { other: string }

type English = typeof english

export type MessageKey = keyof English

export type Catalogue = {
  readonly [Key in MessageKey]: English[Key] extends string ? string : Plural
}

type NamesIn<Text> = Text extends `${string}{${infer Name}}${infer Rest}`
  ? Name | NamesIn<Rest>
  : never

/** What a message needs to be told. */
export type ParametersOf<Key extends MessageKey> = NamesIn<
  English[Key] extends { other: infer Other } ? Other : English[Key]
>
