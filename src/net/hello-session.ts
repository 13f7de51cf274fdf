// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * One link, as hellos see it: a pure machine. Events in (a hello came, it is time to send), facts
 * out (alive or not, round trip, loss in each direction).
 */

import type { Hello } from './hello-message.ts'
import { HELLO_DEAD_MS, HELLO_WINDOW } from './limits.ts'

/** How far back a hello may claim to have heard us, in hellos sent: older times are forgotten. */
const SENT_TIMES_MAX = HELLO_WINDOW
/**
 * Of this many round trips the least is the link's: what the others took longer was a busy machine
 * at one of the ends (NTP's clock filter, RFC 5905 section 10).
 */
const RTT_SAMPLES = 8

/** What either end had sent and received at one moment. */
interface Mark {
  sent: number
  receivedByThem: number
  highest: number
  received: number
}

export class HelloSession {
  #sent = 0
  readonly #sentAtMs = new Map<number, number>()
  #received = 0
  #highest = 0
  #heardAtMs: number
  #isHeard: boolean | undefined
  readonly #rttSamplesMs: number[] = []
  /** Where loss is counted from, and where it will be once a half window is full: so that a count
   * never rests on one hello alone. */
  #from: Mark = { sent: 0, receivedByThem: 0, highest: 0, received: 0 }
  #nextFrom: Mark = this.#from
  #lossOut: number | undefined
  #lossIn: number | undefined

  constructor(nowMs: number) {
    this.#heardAtMs = nowMs
  }

  get rttMs(): number | undefined {
    return this.#rttSamplesMs.length === 0 ? undefined : Math.min(...this.#rttSamplesMs)
  }

  /** Share of the other end's hellos that did not reach us, 0..1. */
  get lossIn(): number | undefined {
    return this.#lossIn
  }

  /** Share of our hellos that did not reach the other end, by its own count, 0..1. */
  get lossOut(): number | undefined {
    return this.#lossOut
  }

  get heardAtMs(): number {
    return this.#heardAtMs
  }

  /** Both ends hear each other, and lately. Before the first hello the proven connection counts. */
  isAlive(nowMs: number): boolean {
    return this.isHearing(nowMs) && this.#isHeard !== false
  }

  /** Whether the other end was heard lately, whatever it hears itself. */
  isHearing(nowMs: number): boolean {
    return nowMs < this.deadAtMs
  }

  /** When silence becomes death, if nothing comes in until then; monotonic milliseconds. */
  get deadAtMs(): number {
    return this.#heardAtMs + HELLO_DEAD_MS
  }

  send(nowMs: number): Hello {
    this.#sent += 1
    this.#sentAtMs.set(this.#sent, nowMs)
    this.#sentAtMs.delete(this.#sent - SENT_TIMES_MAX)
    return {
      sequence: this.#sent,
      received: this.#received,
      echoSequence: this.#highest,
      echoDelayUs: (nowMs - this.#heardAtMs) * 1000,
      isHearing: this.isHearing(nowMs),
    }
  }

  /** @returns false for a hello that is not newer than what was heard: replayed or out of order. */
  receive(hello: Hello, nowMs: number): boolean {
    if (hello.sequence <= this.#highest) return false
    this.#highest = hello.sequence
    this.#received += 1
    this.#heardAtMs = nowMs
    this.#isHeard = hello.isHearing
    this.#measureRtt(hello, nowMs)
    this.#measureLoss(hello)
    return true
  }

  #measureRtt(hello: Hello, nowMs: number): void {
    const sentAtMs = this.#sentAtMs.get(hello.echoSequence)
    if (sentAtMs === undefined) return
    const sampleMs = nowMs - sentAtMs - hello.echoDelayUs / 1000
    // A negative sample is an other end that lies about its delay, or a clock's grain.
    if (sampleMs < 0) return
    this.#rttSamplesMs.push(sampleMs)
    if (this.#rttSamplesMs.length > RTT_SAMPLES) this.#rttSamplesMs.shift()
  }

  #measureLoss(hello: Hello): void {
    const from = this.#from
    const expectedIn = this.#highest - from.highest
    this.#lossIn = share(expectedIn - (this.#received - from.received), expectedIn) ?? this.#lossIn
    // What it has not yet had time to hear of is not lost: count up to the echoed sequence.
    const expectedOut = hello.echoSequence - from.sent
    this.#lossOut =
      share(expectedOut - (hello.received - from.receivedByThem), expectedOut) ?? this.#lossOut
    if (this.#highest - this.#nextFrom.highest < HELLO_WINDOW / 2) return
    this.#from = this.#nextFrom
    this.#nextFrom = {
      sent: hello.echoSequence,
      receivedByThem: hello.received,
      highest: this.#highest,
      received: this.#received,
    }
  }
}

function share(lost: number, expected: number): number | undefined {
  if (expected <= 0) return undefined
  return Math.min(1, Math.max(0, lost / expected))
}
