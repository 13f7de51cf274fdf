// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * A visit to one node: as guest or as owner, what is followed meanwhile, and everything that the
 * person can do. The views call it and draw what the store then says.
 */
import type { Clock, Random } from '../../../base/base.ts'
import {
  type AddAnswer,
  type Client,
  createClient,
  type EntryFacts,
  type ItemChange,
  type ItemFacts,
  type Transport,
  type View,
} from '../../../contract/contract.ts'
import { ENTRIES_MAX, TEXT_BYTES_MAX } from '../limits.ts'
import type { Wanted } from './addresses.ts'
import { Follower } from './follow.ts'
import { type FetchTask, Jobs, type UploadTask, type Work } from './jobs.ts'
import type { OwnerKey } from './owner.ts'
import type { AnyItem, Role } from './picture.ts'
import type { PanelName } from './reduce.ts'
import type { Store } from './store.ts'

/** Sends one file; the browser's own way, since `fetch` tells no progress of what goes out. */
export type Upload = (file: File, task: UploadTask, work: Work) => Promise<AddAnswer>

export interface SessionDeps {
  transport: Transport
  upload: Upload
  clock: Clock
  random: Random
  store: Store
  key: OwnerKey
}

export interface Listed {
  entries: readonly EntryFacts[]
  isCut: boolean
}

export class Session {
  readonly jobs = new Jobs()
  readonly client: Client
  readonly #deps: SessionDeps
  #follower: Follower | undefined
  #isTokenRefused = false

  constructor(deps: SessionDeps) {
    this.#deps = deps
    this.client = createClient(deps.transport)
  }

  get store(): Store {
    return this.#deps.store
  }

  /** The token that was last tried is not the node's. */
  get isTokenRefused(): boolean {
    return this.#isTokenRefused
  }

  start(): void {
    this.#follow(this.#deps.key.token === undefined ? 'guest' : 'owner')
  }

  stop(): void {
    this.#follower?.stop()
  }

  signIn(token: string, options: { isOwnDevice: boolean }): void {
    this.#isTokenRefused = false
    this.#deps.key.keep(token, options)
    this.#follow('owner')
  }

  signOut(): void {
    this.#isTokenRefused = false
    this.#deps.key.forget()
    this.#follow('guest')
  }

  wake(): void {
    this.#follower?.wake()
  }

  async reread(panel: PanelName): Promise<void> {
    await this.#follower?.reread(panel)
  }

  async search(match: string): Promise<void> {
    await this.#follower?.search(match)
  }

  async showMoreItems(): Promise<void> {
    await this.#follower?.showMoreItems()
  }

  item(cid: string, signal: AbortSignal): Promise<AnyItem> {
    const isOwner = this.store.picture.role === 'owner'
    return isOwner ? this.client.item(cid, signal) : this.client.publicItem(cid, signal)
  }

  openView({ cid, path }: Wanted, signal: AbortSignal): Promise<View> {
    return this.client.openView(cid, { path, signal })
  }

  /** The beginning of a text, as far as it is shown; the rest is not waited for. */
  async text(
    { cid, path }: Wanted,
    signal: AbortSignal,
  ): Promise<{ text: string; isCut: boolean }> {
    const options = path === '' ? { signal } : { path, signal }
    const decoder = new TextDecoder()
    let text = ''
    let sizeBytes = 0
    for await (const chunk of await this.client.itemBytes(cid, options)) {
      const room = TEXT_BYTES_MAX - sizeBytes
      text += decoder.decode(chunk.subarray(0, room), { stream: true })
      sizeBytes += chunk.length
      if (chunk.length > room) return { text, isCut: true }
    }
    return { text: text + decoder.decode(), isCut: false }
  }

  async entries({ cid, path }: Wanted, signal: AbortSignal): Promise<Listed> {
    const entries: EntryFacts[] = []
    for await (const entry of this.client.itemEntries(cid, { path, signal })) {
      if (entries.length === ENTRIES_MAX) return { entries, isCut: true }
      entries.push(entry)
    }
    return { entries, isCut: false }
  }

  add(file: File, task: UploadTask): void {
    this.jobs.add(task, async (work) => {
      const { item } = await this.#deps.upload(file, task, work)
      this.#changed([item])
      return { cid: item.cid }
    })
  }

  fetch(task: FetchTask): void {
    const { cid, path, visibility, isKept } = task
    this.jobs.add(task, async ({ signal, onProgress }) => {
      const { item } = await this.client.fetchItem(cid, {
        visibility,
        isKept,
        signal,
        ...(path === '' ? {} : { path }),
        onProgress: ({ received, total }) => onProgress(received, total ?? undefined),
      })
      this.#changed([item])
      return { cid: item.cid }
    })
  }

  async change(cid: string, change: ItemChange): Promise<ItemFacts> {
    return this.#changedItem(await this.client.changeItem(cid, change))
  }

  async publish(cid: string): Promise<ItemFacts> {
    return this.#changedItem(await this.client.publishItem(cid))
  }

  async withdraw(cid: string): Promise<ItemFacts | undefined> {
    const { item } = await this.client.withdrawItem(cid, { reason: '', mustRemove: false })
    return item === null ? undefined : this.#changedItem(item)
  }

  async remove(cid: string): Promise<void> {
    await this.client.removeItem(cid)
    this.#changed([], [cid])
  }

  #changedItem(item: ItemFacts): ItemFacts {
    this.#changed([item])
    return item
  }

  /** At once, rather than when the node's own event arrives. */
  #changed(changed: ItemFacts[], removed: string[] = []): void {
    const event = { event: 'items', changed, removed, isCut: false } as const
    this.store.tell({ fact: 'event', event, nowMs: this.#deps.clock.monotonicMs() })
  }

  #follow(role: Role): void {
    this.#follower?.stop()
    const follower = new Follower(
      {
        client: this.client,
        clock: this.#deps.clock,
        random: this.#deps.random,
        store: this.#deps.store,
        onTokenRefused: () => {
          this.#deps.key.forget()
          this.#isTokenRefused = true
          this.#follow('guest')
        },
      },
      role,
    )
    this.#follower = follower
    // Never fails: what does is in the picture.
    void follower.run()
  }
}
