// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * The log: JSON lines on standard output for journald, or one readable line each on standard error
 * for a person at a terminal. No transports and no worker threads: a line is written when it is
 * logged, so that the last words before a crash are kept.
 */
import { destination, type Logger as PinoLogger, pino, stdTimeFunctions } from 'pino'
import { CodedError, errorCode, type LogFields, type Logger, type LogLevel } from '../base/base.ts'
import { ERROR_CAUSE_DEPTH_MAX } from './limits.ts'

export interface LoggerOptions {
  level: LogLevel
  format: 'json' | 'text'
  /** Takes each finished line with its newline; default: stdout for `json`, stderr for `text`. */
  write?: (line: string) => void
}

export function createLogger(options: LoggerOptions): Logger {
  const stream =
    options.write === undefined
      ? destination({ fd: options.format === 'json' ? 1 : 2, sync: true })
      : { write: options.write }
  const sink =
    options.format === 'json'
      ? stream
      : { write: (line: string) => void stream.write(`${formatLogLine(line)}\n`) }
  const settings = {
    level: options.level,
    base: null,
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  }
  return new SystemLogger(pino(settings, sink))
}

class SystemLogger implements Logger {
  readonly #pino: PinoLogger

  constructor(target: PinoLogger) {
    this.#pino = target
  }

  debug(message: string, fields?: LogFields): void {
    if (this.#pino.isLevelEnabled('debug')) this.#pino.debug(printable(fields), message)
  }

  info(message: string, fields?: LogFields): void {
    if (this.#pino.isLevelEnabled('info')) this.#pino.info(printable(fields), message)
  }

  warn(message: string, fields?: LogFields): void {
    if (this.#pino.isLevelEnabled('warn')) this.#pino.warn(printable(fields), message)
  }

  error(message: string, fields?: LogFields): void {
    this.#pino.error(printable(fields), message)
  }

  child(fields: LogFields): Logger {
    return new SystemLogger(this.#pino.child(printable(fields)))
  }
}

/** An error as the log shows it: the stack only where it is not one that was foreseen. */
export interface PrintedError {
  code?: string
  message: string
  context?: Readonly<Record<string, unknown>>
  advice?: string
  cause?: PrintedError
  stack?: string
}

export function printError(error: Error, depth = 0): PrintedError {
  const code = errorCode(error)
  const isCoded = error instanceof CodedError
  const hasCause = error.cause instanceof Error && depth < ERROR_CAUSE_DEPTH_MAX
  return {
    ...(code === undefined ? {} : { code }),
    message: error.message,
    ...(isCoded && Object.keys(error.context).length > 0
      ? { context: printable(error.context, depth + 1) }
      : {}),
    ...(isCoded && error.advice !== undefined ? { advice: error.advice } : {}),
    ...(hasCause && error.cause instanceof Error
      ? { cause: printError(error.cause, depth + 1) }
      : {}),
    ...(isCoded || error.stack === undefined ? {} : { stack: error.stack }),
  }
}

function printable(fields: LogFields | undefined, depth = 0): Record<string, unknown> {
  const shown: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(fields ?? {})) {
    shown[name] =
      value instanceof Error && depth <= ERROR_CAUSE_DEPTH_MAX ? printError(value, depth) : value
  }
  return shown
}

/** `12:30:05 INFO  a message  room=net port=7440` from one JSON line. */
export function formatLogLine(line: string): string {
  const { level, time, msg, ...fields } = parseLine(line)
  const clockTime = typeof time === 'string' ? time.slice(11, 19) : '--:--:--'
  const shown = Object.entries(fields).map(([name, value]) => `${name}=${formatValue(value)}`)
  const head = `${clockTime} ${String(level).toUpperCase().padEnd(5)} ${String(msg)}`
  return withoutControls(shown.length === 0 ? head : `${head}  ${shown.join(' ')}`)
}

function parseLine(line: string): Record<string, unknown> {
  const value: unknown = JSON.parse(line)
  return typeof value === 'object' && value !== null ? { ...value } : { msg: line }
}

function formatValue(value: unknown): string {
  if (typeof value === 'string') return /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value)
  if (isPrintedError(value)) return formatError(value)
  return JSON.stringify(value)
}

function isPrintedError(value: unknown): value is PrintedError {
  return (
    typeof value === 'object' &&
    value !== null &&
    'message' in value &&
    typeof value.message === 'string'
  )
}

function formatError(error: PrintedError): string {
  const code = error.code === undefined ? '' : `${error.code}: `
  const context = error.context === undefined ? '' : ` ${JSON.stringify(error.context)}`
  const advice = error.advice === undefined ? '' : ` ${error.advice}`
  const cause = error.cause === undefined ? '' : ` <- ${formatError(error.cause)}`
  const place = error.stack?.split('\n').find((line) => line.startsWith('    at '))
  const where = place === undefined ? '' : ` (${place.trim()})`
  return `[${code}${error.message}${context}${advice}${where}${cause}]`
}

/** What others chose to send must not steer the terminal it is shown on. */
function withoutControls(text: string): string {
  return text.replace(/\p{Cc}/gu, (control) => {
    return `\\u${(control.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`
  })
}
