// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * What the person set going on this page: files on their way to the node, and fetches. The node's
 * own list of transfers has everybody's; here is what can be called off and tried again.
 */
import { type CodedError, errorCode } from '../../../base/base.ts'
import type { ItemTexts, Visibility } from '../../../contract/contract.ts'
import type { Wanted } from './addresses.ts'
import type { Trouble } from './picture.ts'

/** The node finds the media type by itself. */
export interface UploadTask extends Omit<ItemTexts, 'kind'> {
  kind: 'upload'
  name: string
  totalBytes: number
  visibility: Visibility
}

export interface FetchTask extends Wanted {
  kind: 'fetch'
  visibility: Visibility
  isKept: boolean
}

export type Task = UploadTask | FetchTask

export interface Job {
  id: number
  task: Task
  state: 'waiting' | 'running' | 'done' | 'failed' | 'stopped'
  doneBytes: number
  totalBytes: number | undefined
  /** What it became. */
  cid: string | undefined
  trouble: Trouble | undefined
}

export interface Work {
  signal: AbortSignal
  onProgress(doneBytes: number, totalBytes: number | undefined): void
}

/** Does it, and says which item came of it. */
export type DoTask = (work: Work) => Promise<{ cid: string }>

interface Entry {
  job: Job
  run: DoTask
  stop: AbortController | undefined
}

/** One at a time of each kind: two streams of writing make an SD card slower than one. */
export class Jobs {
  #entries: readonly Entry[] = []
  #lastId = 0
  readonly #listeners = new Set<() => void>()

  get all(): readonly Job[] {
    return this.#entries.map(({ job }) => job)
  }

  listen(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  add(task: Task, run: DoTask): void {
    const totalBytes = task.kind === 'upload' ? task.totalBytes : undefined
    const id = ++this.#lastId
    const rest = { doneBytes: 0, totalBytes, cid: undefined, trouble: undefined }
    const job: Job = { id, task, state: 'waiting', ...rest }
    this.#entries = [...this.#entries, { job, run, stop: undefined }]
    this.#changed()
    this.#startNext(task.kind)
  }

  stop(id: number): void {
    const entry = this.#entryOf(id)
    if (entry === undefined) return
    if (entry.stop === undefined) this.#change(id, { state: 'stopped' })
    else entry.stop.abort()
  }

  retry(id: number): void {
    const entry = this.#entryOf(id)
    if (entry === undefined || entry.job.state === 'running') return
    this.#change(id, { state: 'waiting', doneBytes: 0, trouble: undefined })
    this.#startNext(entry.job.task.kind)
  }

  /** Takes it off the list. One that runs is called off first. */
  dismiss(id: number): void {
    this.stop(id)
    this.#entries = this.#entries.filter(({ job }) => job.id !== id)
    this.#changed()
  }

  #startNext(kind: Task['kind']): void {
    const ofKind = this.#entries.filter(({ job }) => job.task.kind === kind)
    if (ofKind.some(({ job }) => job.state === 'running')) return
    const next = ofKind.find(({ job }) => job.state === 'waiting')
    // Its failure is caught within, and told to the job.
    if (next !== undefined) void this.#run(next)
  }

  async #run(entry: Entry): Promise<void> {
    const { id, task } = entry.job
    const stop = new AbortController()
    this.#entries = this.#entries.map((other) => (other.job.id === id ? { ...other, stop } : other))
    this.#change(id, { state: 'running' })
    try {
      const { cid } = await entry.run({
        signal: stop.signal,
        onProgress: (doneBytes, totalBytes) => this.#change(id, { doneBytes, totalBytes }),
      })
      this.#change(id, { state: 'done', cid })
    } catch (error) {
      const isStopped = stop.signal.aborted
      this.#change(
        id,
        isStopped ? { state: 'stopped' } : { state: 'failed', trouble: troubleOf(error) },
      )
    }
    this.#entries = this.#entries.map((other) =>
      other.job.id === id ? { ...other, stop: undefined } : other,
    )
    this.#startNext(task.kind)
  }

  #entryOf(id: number): Entry | undefined {
    return this.#entries.find(({ job }) => job.id === id)
  }

  #change(id: number, change: Partial<Job>): void {
    this.#entries = this.#entries.map((entry) =>
      entry.job.id === id ? { ...entry, job: { ...entry.job, ...change } } : entry,
    )
    this.#changed()
  }

  #changed(): void {
    for (const listener of [...this.#listeners]) listener()
  }
}

/** Whatever was thrown, in words. */
export function troubleOf(thrown: unknown): Trouble {
  const code = errorCode(thrown) ?? 'UNKNOWN'
  const text = thrown instanceof Error ? thrown.message : String(thrown)
  const advice = hasAdvice(thrown) ? thrown.advice : undefined
  return { code, text, advice }
}

function hasAdvice(thrown: unknown): thrown is Pick<CodedError, 'advice'> & { advice: string } {
  return (
    typeof thrown === 'object' &&
    thrown !== null &&
    'advice' in thrown &&
    typeof thrown.advice === 'string'
  )
}
