// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Follows one node: reads the whole picture, then listens to what changes; when the node is silent,
 * says since when and tries again, ever more rarely, at once when somebody looks or the network is
 * back.
 */
import { type Clock, CodedError, type Random, randomBetween } from '../../../base/base.ts'
import { ApiProblem, type Client, ITEMS_PAGE_MAX } from '../../../contract/contract.ts'
import {
  ANSWER_MS_MAX,
  ITEMS_PAGE,
  ITEMS_REREAD_MS,
  ITEMS_SHOWN_MAX,
  RETRY_MS_FIRST,
  RETRY_MS_MAX,
  SILENCE_MS_MAX,
} from '../limits.ts'
import { troubleOf } from './jobs.ts'
import type { Role } from './picture.ts'
import type { Fact, PanelName } from './reduce.ts'
import type { Store } from './store.ts'

export interface FollowDeps {
  client: Client
  clock: Clock
  random: Random
  store: Store
  /** The node does not take the owner's token (any more). Following has ended. */
  onTokenRefused: () => void
}

/** Milliseconds before try number `tries`, counted from 1: doubling, with a quarter of chance. */
export function retryDelayMs(tries: number, random: Random): number {
  const delay = Math.min(RETRY_MS_MAX, RETRY_MS_FIRST * 2 ** (tries - 1))
  return delay * randomBetween(random, 0.75, 1)
}

export class Follower {
  readonly #deps: FollowDeps
  readonly #role: Role
  readonly #end = new AbortController()
  #wake: () => void = () => {}
  #isRereading = false
  #askedCount = 0

  constructor(deps: FollowDeps, role: Role) {
    this.#deps = deps
    this.#role = role
  }

  /** Goes on until `stop`. Never fails: what fails is in the picture. */
  async run(): Promise<void> {
    const { clock, store } = this.#deps
    store.tell({ fact: 'began', role: this.#role, nowMs: clock.monotonicMs() })
    const endListening = store.listen(() => this.#rereadItems())
    let tries = 0
    while (!this.#end.signal.aborted) {
      try {
        await this.#readAll()
        tries = 0
        this.#connected()
        await this.#hear()
        throw new CodedError('API_UNREACHABLE', 'The node ended the connection.')
      } catch (error) {
        if (this.#end.signal.aborted) break
        if (isRefusal(error) && this.#role === 'owner') {
          this.stop()
          this.#deps.onTokenRefused()
          break
        }
        tries++
        await this.#waitAfter(error, tries)
      }
    }
    endListening()
  }

  stop(): void {
    this.#end.abort()
    this.#wake()
  }

  /** Somebody looks, or the network is back: no more waiting. */
  wake(): void {
    this.#wake()
  }

  /** Reads one part again, after a failure. */
  async reread(panel: PanelName): Promise<void> {
    await this.#reading(panel)
  }

  async search(match: string): Promise<void> {
    this.#deps.store.tell({ fact: 'search', match })
    await this.#readItems(match, undefined)
  }

  async showMoreItems(): Promise<void> {
    const { value } = this.#deps.store.picture.items
    if (value?.next != null) await this.#readItems(value.match, value.next)
  }

  #connected(): void {
    const { clock, store } = this.#deps
    const connection = { phase: 'live', sinceMs: clock.monotonicMs() } as const
    store.tell({ fact: 'connection', connection })
  }

  async #waitAfter(error: unknown, tries: number): Promise<void> {
    const { clock, random, store } = this.#deps
    const nowMs = clock.monotonicMs()
    const delayMs = retryDelayMs(tries, random)
    const before = store.picture.connection
    const sinceMs = before.phase === 'live' ? nowMs : before.sinceMs
    const rest = { nextTryMs: nowMs + delayMs, trouble: troubleOf(error) }
    store.tell({ fact: 'connection', connection: { phase: 'offline', sinceMs, ...rest } })
    await new Promise<void>((resolve) => {
      const timer = clock.after(delayMs, resolve)
      this.#wake = () => {
        timer.cancel()
        resolve()
      }
    })
    this.#wake = () => {}
  }

  /** The status decides whether the node is there at all; another part may fail by itself. */
  async #readAll(): Promise<void> {
    const status = await this.#ask((signal) =>
      this.#role === 'owner'
        ? this.#deps.client.status(signal)
        : this.#deps.client.publicStatus(signal),
    )
    this.#deps.store.tell({ fact: 'status', status, nowMs: this.#deps.clock.monotonicMs() })
    const others: PanelName[] = ['links', 'vitals', 'happenings', 'items']
    if (this.#role === 'owner') others.push('transfers')
    await Promise.all(others.map((panel) => this.#reading(panel)))
  }

  async #reading(panel: PanelName): Promise<void> {
    try {
      const fact = await this.#ask((signal) => this.#factOf(panel, signal))
      this.#deps.store.tell(fact)
    } catch (error) {
      if (this.#end.signal.aborted) return
      if (isRefusal(error) && this.#role === 'owner') throw error
      this.#deps.store.tell({ fact: 'trouble', panel, trouble: troubleOf(error) })
    }
  }

  async #factOf(panel: PanelName, signal: AbortSignal): Promise<Fact> {
    const { client, clock, store } = this.#deps
    const isOwner = this.#role === 'owner'
    const nowMs = clock.monotonicMs()
    switch (panel) {
      case 'status': {
        const status = await (isOwner ? client.status(signal) : client.publicStatus(signal))
        return { fact: 'status', status, nowMs }
      }
      case 'links':
        return {
          fact: 'links',
          links: await (isOwner ? client.links(signal) : client.publicLinks(signal)),
        }
      case 'vitals':
        return { fact: 'vitals', vitals: await client.vitals(signal) }
      case 'transfers':
        return { fact: 'transfers', transfers: await client.transfers(signal), nowMs }
      case 'happenings': {
        const happenings = await (isOwner
          ? client.happenings(signal)
          : client.publicHappenings(signal))
        return { fact: 'happenings', happenings, nowMs }
      }
      case 'items': {
        const shown = store.picture.items.value?.items.length ?? 0
        const limit = Math.min(ITEMS_PAGE_MAX, ITEMS_SHOWN_MAX, Math.max(ITEMS_PAGE, shown))
        return this.#itemsFact({ match: store.picture.search, after: undefined, limit, signal })
      }
    }
  }

  async #readItems(match: string, after: string | undefined): Promise<void> {
    const { store } = this.#deps
    try {
      const fact = await this.#ask((signal) =>
        this.#itemsFact({ match, after, limit: ITEMS_PAGE, signal }),
      )
      // Another search may have begun while this one was on its way.
      if (store.picture.search === match) store.tell(fact)
    } catch (error) {
      if (this.#end.signal.aborted) return
      store.tell({ fact: 'trouble', panel: 'items', trouble: troubleOf(error) })
    }
  }

  async #itemsFact(which: {
    match: string
    after: string | undefined
    limit: number
    signal: AbortSignal
  }): Promise<Fact> {
    const { client, store } = this.#deps
    const { match, after, limit, signal } = which
    const options = { limit, signal, ...(match === '' ? {} : { match }) }
    const query = after === undefined ? options : { ...options, after }
    const page = await (this.#role === 'owner'
      ? client.itemsPage(query)
      : client.publicItemsPage(query))
    const before = after === undefined ? [] : (store.picture.items.value?.items ?? [])
    const known = new Set(before.map(({ cid }) => cid))
    const items = [...before, ...page.items.filter(({ cid }) => !known.has(cid))]
    return { fact: 'items', items: { match, items, itemsCount: page.itemsCount, next: page.next } }
  }

  /** Items came that are not in the list: it is read again, not more often than the limit says. */
  #rereadItems(): void {
    const { clock, store } = this.#deps
    if (this.#isRereading || store.picture.itemsAskedCount === this.#askedCount) return
    this.#isRereading = true
    clock.after(ITEMS_REREAD_MS, () => {
      this.#askedCount = store.picture.itemsAskedCount
      const done = (): void => {
        this.#isRereading = false
        this.#rereadItems()
      }
      if (this.#end.signal.aborted) return
      // A refused token is noticed by the stream as well.
      this.#reading('items').then(done, done)
    })
  }

  async #hear(): Promise<void> {
    const { client, clock, store } = this.#deps
    const silence = new AbortController()
    let watch = clock.after(SILENCE_MS_MAX, () => silence.abort())
    const onAlive = (): void => {
      watch.cancel()
      watch = clock.after(SILENCE_MS_MAX, () => silence.abort())
    }
    const signal = AbortSignal.any([this.#end.signal, silence.signal])
    const newest = store.picture.happenings.value?.[0]?.id
    const options = { onAlive, signal, ...(newest === undefined ? {} : { since: newest }) }
    try {
      const events = this.#role === 'owner' ? client.events(options) : client.publicEvents(options)
      for await (const event of events) {
        store.tell({ fact: 'event', event, nowMs: clock.monotonicMs() })
      }
    } catch (error) {
      if (!silence.signal.aborted) throw error
      throw new CodedError('API_UNREACHABLE', 'The node has fallen silent.', { cause: error })
    } finally {
      watch.cancel()
    }
  }

  async #ask<Answer>(question: (signal: AbortSignal) => Promise<Answer>): Promise<Answer> {
    const late = new AbortController()
    const timer = this.#deps.clock.after(ANSWER_MS_MAX, () => late.abort())
    try {
      return await question(AbortSignal.any([this.#end.signal, late.signal]))
    } catch (error) {
      if (!late.signal.aborted || this.#end.signal.aborted) throw error
      throw new CodedError('API_SLOW', 'The node did not answer in time.', { cause: error })
    } finally {
      timer.cancel()
    }
  }
}

function isRefusal(error: unknown): boolean {
  return error instanceof ApiProblem && (error.status === 401 || error.status === 403)
}
