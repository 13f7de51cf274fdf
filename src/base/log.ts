// SPDX-License-Identifier: AGPL-3.0-or-later
/** The log as a port. Messages are constant; what varies goes into `fields`. */

export type LogFields = Readonly<Record<string, unknown>>

/**
 * Levels: *error*: somebody must act; *warn*: somebody may have to; *info*: what an operator wants
 * to read back later; *debug*: for us. Nothing raw from a peer at info or above; secrets never.
 */
export interface Logger {
  debug(message: string, fields?: LogFields): void
  info(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  error(message: string, fields?: LogFields): void
  /** The same log with `fields` on every line. */
  child(fields: LogFields): Logger
}

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** A log that keeps nothing. */
export const silentLogger: Logger = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  child: () => silentLogger,
}
