// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * The owner's token on this device. It comes in the fragment, which is never sent, leaves the
 * address bar at once, and lies where it goes with the tab, unless the person says that the device
 * is their own.
 */
import { TOKEN_LENGTH_MAX } from '../limits.ts'

/** What of `Storage` is needed; both may refuse, in a private window. */
export interface Drawer {
  getItem(key: string): string | null
  setItem(key: string, value: string): void
  removeItem(key: string): void
}

export interface Drawers {
  /** Goes with the tab. */
  session: Drawer
  /** Stays on the device. */
  lasting: Drawer
}

const KEY = 'citynode.owner'

/** Letters, digits and what base64url and dotted tokens have: anything else is no token of ours. */
const TOKEN = /^[A-Za-z0-9._~+/=-]+$/

/**
 * The token of a fragment, and the fragment without it. `#token=…`, also behind a route as
 * `#/items?token=…` or `#/items&token=…`.
 */
export function takeToken(fragment: string): { token: string | undefined; rest: string } {
  const match = /(?:^#?|[?&])token=([^&]*)/.exec(fragment)
  if (match === null) return { token: undefined, rest: fragment }
  const rest = fragment.replace(match[0], '').replace(/^#?&?/, '#')
  return { token: asToken(match[1] ?? ''), rest: rest === '#' ? '#/' : rest }
}

/** What a person pastes: the link that the node printed, or the token in it. */
export function tokenFromPaste(text: string): string | undefined {
  const trimmed = text.trim()
  const mark = trimmed.indexOf('#')
  if (mark === -1) return asToken(trimmed)
  return takeToken(trimmed.slice(mark)).token
}

function asToken(text: string): string | undefined {
  let token = text
  try {
    token = decodeURIComponent(text)
  } catch {
    // Not encoded, then.
  }
  return token.length <= TOKEN_LENGTH_MAX && TOKEN.test(token) ? token : undefined
}

export class OwnerKey {
  readonly #drawers: Drawers
  #token: string | undefined

  constructor(drawers: Drawers) {
    this.#drawers = drawers
    this.#token = read(drawers.session) ?? read(drawers.lasting)
  }

  get token(): string | undefined {
    return this.#token
  }

  keep(token: string, { isOwnDevice }: { isOwnDevice: boolean }): void {
    this.forget()
    this.#token = token
    try {
      const drawer = isOwnDevice ? this.#drawers.lasting : this.#drawers.session
      drawer.setItem(KEY, token)
    } catch {
      // Nothing can be kept in this window: the token then goes with the page.
    }
  }

  forget(): void {
    this.#token = undefined
    for (const drawer of [this.#drawers.session, this.#drawers.lasting]) {
      try {
        drawer.removeItem(KEY)
      } catch {
        // Then nothing was kept there either.
      }
    }
  }
}

function read(drawer: Drawer): string | undefined {
  try {
    return asToken(drawer.getItem(KEY) ?? '')
  } catch {
    return undefined
  }
}
