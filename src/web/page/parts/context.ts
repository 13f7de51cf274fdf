// SPDX-License-Identifier: AGPL-3.0-or-later
/** What every component can reach: the session, the words, the place, and what is said aloud. */
import { createContext } from 'preact'
import { useContext, useEffect, useState } from 'preact/hooks'
import type { Here, Picture, Route, Session, Trouble } from '../state/state.ts'
import type { Language, MessageKey, Speech } from '../words/words.ts'

export type Look = 'auto' | 'light' | 'dark'

export interface PageContext {
  session: Session
  speech: Speech
  here: Here
  route: Route
  look: Look
  setLook(look: Look): void
  setLanguage(language: Language): void
  go(fragment: string): void
  /** Says something for a few seconds, to eyes and screen readers alike. */
  notify(text: string): void
  signIn(token: string, isOwnDevice: boolean): void
  signOut(): void
}

const context = createContext<PageContext | undefined>(undefined)

export const PageProvider = context.Provider

export function usePage(): PageContext {
  const page = useContext(context)
  if (page === undefined) throw new Error('outside of the page')
  return page
}

/** A part of the picture; drawn again when that part is another one. */
export function usePicture<Part>(pick: (picture: Picture) => Part): Part {
  const { store } = usePage().session
  const [part, setPart] = useState(() => pick(store.picture))
  useEffect(() => {
    const look = (): void => setPart(() => pick(store.picture))
    look()
    return store.listen(look)
    // `pick` is another function at each drawing, but always the same one.
  }, [store])
  return part
}

/** The same for what is not in the picture: anything that tells of its changes. */
export function useListening<Value>(
  source: { listen(listener: () => void): () => void },
  read: () => Value,
): Value {
  const [value, setValue] = useState(read)
  useEffect(() => {
    const look = (): void => setValue(() => read())
    look()
    return source.listen(look)
  }, [source])
  return value
}

/** What is under way: nothing yet, a value, or trouble. */
export interface Loaded<Value> {
  value: Value | undefined
  trouble: Trouble | undefined
}

/** A trouble in the person's language, where the catalogue has it; in the node's own words else. */
export function sayTrouble({ say }: Speech, trouble: Trouble): string {
  const key = `trouble.${trouble.code}`
  return isTroubleKey(key) ? say(key) : [trouble.text, trouble.advice].filter(Boolean).join(' ')
}

const TROUBLE_KEYS = [
  'trouble.API_UNREACHABLE',
  'trouble.API_SLOW',
  'trouble.API_NOT_UNDERSTOOD',
  'trouble.UPLOAD_BROKEN',
] as const satisfies readonly MessageKey[]

function isTroubleKey(key: string): key is (typeof TROUBLE_KEYS)[number] {
  const keys: readonly string[] = TROUBLE_KEYS
  return keys.includes(key)
}

/** The conditions that the catalogue has words for. A newer node may have others. */
const CONDITIONS = {
  CONTENT_DAMAGED: ['condition.CONTENT_DAMAGED', 'condition.CONTENT_DAMAGED.do'],
  CONTENT_INDEX_REBUILT: ['condition.CONTENT_INDEX_REBUILT', 'condition.CONTENT_INDEX_REBUILT.do'],
  CONTENT_STORE_FULL: ['condition.CONTENT_STORE_FULL', 'condition.CONTENT_STORE_FULL.do'],
  CONTENT_WITHDRAWN: ['condition.CONTENT_WITHDRAWN', 'condition.CONTENT_WITHDRAWN.do'],
  REFUSALS_LIST_BROKEN: ['condition.REFUSALS_LIST_BROKEN', 'condition.REFUSALS_LIST_BROKEN.do'],
  REFUSALS_LIST_LINES: ['condition.REFUSALS_LIST_LINES', 'condition.REFUSALS_LIST_LINES.do'],
  REFUSALS_DAMAGED: ['condition.REFUSALS_DAMAGED', 'condition.REFUSALS_DAMAGED.do'],
  REFUSALS_LOST: ['condition.REFUSALS_LOST', 'condition.REFUSALS_LOST.do'],
  NET_NO_LINK: ['condition.NET_NO_LINK', 'condition.NET_NO_LINK.do'],
  TOO_HOT: ['condition.TOO_HOT', 'condition.TOO_HOT.do'],
  POWER_LOW: ['condition.POWER_LOW', 'condition.POWER_LOW.do'],
  MEMORY_LOW: ['condition.MEMORY_LOW', 'condition.MEMORY_LOW.do'],
  DISK_LOW: ['condition.DISK_LOW', 'condition.DISK_LOW.do'],
} as const satisfies Readonly<Record<string, readonly [MessageKey, MessageKey]>>

/**
 * A health condition in the person's language. The node says it in English and knows more, such as
 * figures: so it has the word where English is read, and where the catalogue does not know better.
 */
export function sayCondition(
  { say, language }: Speech,
  condition: { code: string; text: string; advice: string },
): { text: string; advice: string; language: Language } {
  const { code, text, advice } = condition
  if (language === 'en' || !isKnownCondition(code)) return { text, advice, language: 'en' }
  const [textKey, adviceKey] = CONDITIONS[code]
  return { text: say(textKey), advice: say(adviceKey), language }
}

/** A condition in a few words, for the log; undefined where the catalogue does not know it. */
export function nameCondition({ say }: Speech, code: string): string | undefined {
  return isKnownCondition(code) ? say(CONDITIONS[code][0]) : undefined
}

function isKnownCondition(code: string): code is keyof typeof CONDITIONS {
  return Object.hasOwn(CONDITIONS, code)
}
