// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Views: for a while, one browser may look at something private at the gateway. A browser's own
 * requests for pictures and films cannot carry a token, so the address itself is the secret: one that
 * nobody guesses, that opens one thing, for one caller, and that is forgotten when nobody looks.
 */
import type { CID } from 'multiformats/cid'
import type { Clock, Random } from '../../base/base.ts'
import type { PeoplesLibrary } from './library.ts'
import { VIEW_AGE_MS_MAX, VIEW_ID_BYTES, VIEW_IDLE_MS_MAX, VIEWS_MAX } from './limits.ts'

export interface ViewedPlace {
  cid: CID
  /** Of what is at the root of the view, below `cid`. */
  path: readonly string[]
}

interface View extends ViewedPlace {
  caller: string
  openedAtMs: number
  usedAtMs: number
}

export interface ViewsDeps {
  /** What the owner may look at. */
  library: Pick<PeoplesLibrary, 'open'>
  clock: Clock
  random: Random
}

/** In memory alone: with a restart all of them are over. */
export class Views {
  readonly library: Pick<PeoplesLibrary, 'open'>
  readonly #clock: Clock
  readonly #random: Random
  /** In the order in which they were last used. */
  readonly #views = new Map<string, View>()

  constructor({ library, clock, random }: ViewsDeps) {
    this.library = library
    this.#clock = clock
    this.#random = random
  }

  get count(): number {
    return this.#views.size
  }

  /**
   * @param address of the browser that may look; undefined for this machine itself.
   * @returns the path at which it may, without a slash at its end: a secret.
   */
  open({ cid, path }: ViewedPlace, address: string | undefined): { path: string; idleMs: number } {
    this.#forgetOver()
    for (const longestUnused of this.#views.keys()) {
      if (this.#views.size < VIEWS_MAX) break
      this.#views.delete(longestUnused)
    }
    const id = Buffer.from(this.#random.bytes(VIEW_ID_BYTES)).toString('base64url')
    const nowMs = this.#clock.monotonicMs()
    const caller = callerAt(address ?? LOOPBACK)
    this.#views.set(id, { cid, path, caller, openedAtMs: nowMs, usedAtMs: nowMs })
    return { path: `${VIEW_PREFIX}${id}`, idleMs: VIEW_IDLE_MS_MAX }
  }

  /** Where a view leads; undefined alike for one that is over, never was, or is somebody else's. */
  find(id: string, address: string): ViewedPlace | undefined {
    const view = this.#views.get(id)
    if (view === undefined) return undefined
    if (this.#isOver(view)) {
      this.#views.delete(id)
      return undefined
    }
    if (view.caller !== callerAt(address)) return undefined
    view.usedAtMs = this.#clock.monotonicMs()
    this.#views.delete(id)
    this.#views.set(id, view)
    return view
  }

  #forgetOver(): void {
    for (const [id, view] of this.#views) if (this.#isOver(view)) this.#views.delete(id)
  }

  #isOver({ openedAtMs, usedAtMs }: View): boolean {
    const nowMs = this.#clock.monotonicMs()
    return nowMs - usedAtMs >= VIEW_IDLE_MS_MAX || nowMs - openedAtMs >= VIEW_AGE_MS_MAX
  }
}

export const VIEW_PREFIX = '/view/'

/** A target as it may stand in a log: who reads the log must not look at what is private. */
export function withoutViewId(target: string): string {
  return target.replace(/^\/+view\/+[^/?#]*/i, `${VIEW_PREFIX}…`)
}

const LOOPBACK = 'this machine'

/** A browser on this machine may come by IPv4 for one port and by IPv6 for another. */
function callerAt(address: string): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '')
  return plain === '::1' || plain.startsWith('127.') ? LOOPBACK : plain
}
