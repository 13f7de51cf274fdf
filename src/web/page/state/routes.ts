// SPDX-License-Identifier: AGPL-3.0-or-later
/** Where the person is: in the fragment, so that no server hears of it and every place is a link. */
import { CID_LENGTH_MAX, ITEM_PATH_LENGTH_MAX } from '../../../contract/contract.ts'

export type Route =
  | { view: 'overview' }
  | { view: 'neighbours' }
  | { view: 'items' }
  /** `path` within the item, without slashes at its ends; empty: the item itself. */
  | { view: 'item'; cid: string; path: string }
  | { view: 'machine' }
  | { view: 'log' }
  | { view: 'nowhere' }

export type ViewName = Route['view']

const PLAIN = {
  '': 'overview',
  neighbours: 'neighbours',
  items: 'items',
  machine: 'machine',
  log: 'log',
} as const

/** Total: whatever stands behind the `#`. */
export function parseRoute(fragment: string): Route {
  const parts = fragment.replace(/^#?\/?/, '').split('/')
  const [first = '', second = '', ...rest] = parts.map(decoded)
  if (first === 'item' && second !== '' && second.length <= CID_LENGTH_MAX) {
    const path = rest.filter((part) => part !== '').join('/')
    return path.length <= ITEM_PATH_LENGTH_MAX
      ? { view: 'item', cid: second, path }
      : { view: 'nowhere' }
  }
  if (second !== '' || !isPlain(first)) return { view: 'nowhere' }
  return { view: PLAIN[first] }
}

function isPlain(word: string): word is keyof typeof PLAIN {
  return Object.hasOwn(PLAIN, word)
}

export function formatRoute(route: Exclude<Route, { view: 'nowhere' }>): string {
  if (route.view === 'overview') return '#/'
  if (route.view !== 'item') return `#/${route.view}`
  const path =
    route.path === '' ? '' : `/${route.path.split('/').map(encodeURIComponent).join('/')}`
  return `#/item/${encodeURIComponent(route.cid)}${path}`
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}
