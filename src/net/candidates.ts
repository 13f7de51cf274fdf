// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Which hint to dial next, on one interface: a pure machine. Ten thousand forged beacons must cost
 * no memory and must not keep a real neighbour from being found, so a hint that was heard again is
 * worth more than any number of new ones, and a hint that failed rests longer each time.
 */
import type { PeerId } from '../base/base.ts'
import {
  CANDIDATE_AGE_MS_MAX,
  CANDIDATE_COURTESY_MS,
  CANDIDATE_REST_MS_MAX,
  CANDIDATE_REST_MS_MIN,
  CANDIDATES_MAX,
  CANDIDATES_PER_ADDRESS_MAX,
  DROPPED_HINTS_MAX,
} from './limits.ts'

export interface Candidate {
  peerId: PeerId
  /** Zoned link-local address. */
  host: string
  port: number
}

interface Entry extends Candidate {
  firstHeardMs: number
  lastHeardMs: number
  timesHeard: number
  failures: number
  readyAtMs: number
}

export class Candidates {
  readonly #self: PeerId
  readonly #entries = new Map<string, Entry>()
  /** Hints that had to make room: a flood must not make every beacon of a real node its first. */
  readonly #dropped = new Set<string>()

  constructor(self: PeerId) {
    this.#self = self
  }

  get size(): number {
    return this.#entries.size
  }

  /** @returns true when this is news: a hint not known before. */
  heard(hint: Candidate, nowMs: number): boolean {
    const key = `${hint.peerId} ${hint.host}`
    const known = this.#entries.get(key)
    if (known !== undefined) {
      known.port = hint.port
      known.lastHeardMs = nowMs
      known.timesHeard += 1
      return false
    }
    this.#makeRoom(hint.host, nowMs)
    // One connection a pair is enough: the lesser id dials, the other one waits a moment first.
    const courtesyMs = this.#self < hint.peerId ? 0 : CANDIDATE_COURTESY_MS
    this.#entries.set(key, {
      ...hint,
      firstHeardMs: nowMs,
      lastHeardMs: nowMs,
      timesHeard: this.#dropped.delete(key) ? 2 : 1,
      failures: 0,
      readyAtMs: nowMs + courtesyMs,
    })
    return true
  }

  /** The hint to dial now, if any: those heard again first, then the ones that failed least. */
  next(nowMs: number, isWanted: (candidate: Candidate) => boolean): Candidate | undefined {
    this.#forgetOld(nowMs)
    let best: Entry | undefined
    for (const entry of this.#entries.values()) {
      if (entry.readyAtMs > nowMs || !isWanted(entry)) continue
      if (best === undefined || isBetter(entry, best)) best = entry
    }
    return best
  }

  /** A dial comes to nothing, or is under way: rest, twice as long each time. */
  failed(candidate: Candidate, nowMs: number): void {
    const entry = this.#entries.get(`${candidate.peerId} ${candidate.host}`)
    if (entry === undefined) return
    entry.failures += 1
    const restMs = CANDIDATE_REST_MS_MIN * 2 ** Math.min(10, entry.failures - 1)
    entry.readyAtMs = nowMs + Math.min(CANDIDATE_REST_MS_MAX, restMs)
  }

  succeeded(candidate: Candidate): void {
    const entry = this.#entries.get(`${candidate.peerId} ${candidate.host}`)
    if (entry === undefined) return
    entry.failures = 0
    entry.readyAtMs = 0
  }

  clear(): void {
    this.#entries.clear()
    this.#dropped.clear()
  }

  #forgetOld(nowMs: number): void {
    for (const [key, entry] of this.#entries) {
      if (nowMs - entry.lastHeardMs > CANDIDATE_AGE_MS_MAX) this.#entries.delete(key)
    }
  }

  #makeRoom(host: string, nowMs: number): void {
    this.#forgetOld(nowMs)
    const sameHost = [...this.#entries].filter(([, entry]) => entry.host === host)
    if (sameHost.length >= CANDIDATES_PER_ADDRESS_MAX) this.#dropWorst(sameHost)
    else if (this.#entries.size >= CANDIDATES_MAX) this.#dropWorst([...this.#entries])
  }

  #dropWorst(entries: [string, Entry][]): void {
    const worst = entries.reduce((first, second) =>
      isBetter(first[1], second[1]) ? second : first,
    )
    this.#entries.delete(worst[0])
    if (worst[1].failures > 0) return
    this.#dropped.add(worst[0])
    const [oldest] = this.#dropped
    if (this.#dropped.size > DROPPED_HINTS_MAX && oldest !== undefined) this.#dropped.delete(oldest)
  }
}

/** Fewer failures, then heard more often (a flood says each thing once), then known for longer. */
function isBetter(one: Entry, other: Entry): boolean {
  if (one.failures !== other.failures) return one.failures < other.failures
  const oneRepeats = Math.min(one.timesHeard, 3)
  const otherRepeats = Math.min(other.timesHeard, 3)
  if (oneRepeats !== otherRepeats) return oneRepeats > otherRepeats
  return one.firstHeardMs < other.firstHeardMs
}
