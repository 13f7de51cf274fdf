// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * The four kinds of trouble, kept apart: a *bug* (`invariant`), a *failure* (`CodedError`), bad
 * input from a person (`Problem` lists) and bad input from a peer (`Verdict`).
 */

export interface CodedErrorOptions {
  /** Facts for the log: never secrets, never raw bytes from a peer. */
  context?: Readonly<Record<string, unknown>>
  cause?: unknown
  /** What the person can do, in plain words. */
  advice?: string
}

/** A failure that was foreseen: `code` is stable, `message` is for people. */
export class CodedError extends Error {
  readonly code: string
  readonly context: Readonly<Record<string, unknown>>
  readonly advice: string | undefined

  constructor(code: string, message: string, options: CodedErrorOptions = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause })
    this.name = 'CodedError'
    this.code = code
    this.context = options.context ?? {}
    this.advice = options.advice
  }
}

/** Our own mistake. Nobody catches it but `node/`, which ends the process. */
export class BugError extends Error {
  override name = 'BugError'
}

/** States what must be true here whatever peers, people and disks do. */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new BugError(`invariant broken: ${message}`)
}

/** One thing that is wrong in what a person wrote, and where. */
export interface Problem {
  /** Dotted path, `network.port`; empty for the whole. */
  path: string
  message: string
  suggestion?: string
}

/** What a peer's message deserves: `reject` costs the peer, `ignore` does not. */
export type Verdict<T> =
  | { verdict: 'accept'; value: T }
  | { verdict: 'ignore'; reason: string }
  | { verdict: 'reject'; reason: string }

export function accept<T>(value: T): Verdict<T> {
  return { verdict: 'accept', value }
}

export function ignore(reason: string): Verdict<never> {
  return { verdict: 'ignore', reason }
}

export function reject(reason: string): Verdict<never> {
  return { verdict: 'reject', reason }
}

/** Whatever was thrown, as an Error. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown))
}

/** The code of a failure: ours (`STORE_FULL`), Node's (`ENOSPC`), or undefined. */
export function errorCode(thrown: unknown): string | undefined {
  if (typeof thrown !== 'object' || thrown === null || !('code' in thrown)) return undefined
  return typeof thrown.code === 'string' ? thrown.code : undefined
}

/** The reason of an aborted signal, as an Error. */
export function abortReason(signal: AbortSignal): Error {
  return signal.reason instanceof Error
    ? signal.reason
    : new CodedError('ABORTED', 'The operation was called off.', { cause: signal.reason })
}
