// SPDX-License-Identifier: AGPL-3.0-or-later
/** SQLite's failures in our words. */
import { CodedError, errorCode } from '../base/base.ts'

/** Whatever SQLite threw, as a CodedError; what is not SQLite's comes back as it is. */
export function storeError(thrown: unknown, path: string): unknown {
  if (thrown instanceof CodedError) return thrown
  const code = errorCode(thrown)
  if (code === undefined || !code.startsWith('SQLITE_')) return thrown
  const kind = KINDS.find(({ pattern }) => pattern.test(code)) ?? OTHER
  const message = kind.message.replace('PATH', path)
  const options = { context: { path, sqlite: code }, cause: thrown }
  const advice = kind.advice
  return new CodedError(kind.code, message, advice === undefined ? options : { ...options, advice })
}

/** The error for a database that the system does not let us make. */
export function unwritableError(path: string, cause: unknown): CodedError {
  const { code, message, advice } = UNWRITABLE
  const context = { path, errno: errorCode(cause) }
  return new CodedError(code, message.replace('PATH', path), { context, cause, advice })
}

/** The error for a database in which a check found damage. */
export function corruptError(path: string, problem: string): CodedError {
  const { code, message, advice } = CORRUPT
  return new CodedError(code, message.replace('PATH', path), { context: { path, problem }, advice })
}

interface Kind {
  pattern: RegExp
  code: string
  message: string
  advice?: string
}

const UNWRITABLE = {
  code: 'DATA_UNWRITABLE',
  message: 'Cannot open the database PATH for writing.',
  advice: 'Give this user the data folder, or choose another one with --data DIR.',
} as const

const CORRUPT = {
  code: 'STORE_CORRUPT',
  message: 'The database PATH is damaged.',
  advice:
    'Nothing was deleted. Copy the data folder to a safe place and start the node again: it moves ' +
    'the database away and makes a new one from what it keeps. Check the disk or SD card.',
} as const

const KINDS: readonly Kind[] = [
  { pattern: /^SQLITE_(CORRUPT|NOTADB)/, ...CORRUPT },
  {
    pattern: /^SQLITE_(CANTOPEN|READONLY|PERM|AUTH)/,
    ...UNWRITABLE,
  },
  {
    pattern: /^SQLITE_FULL/,
    code: 'STORE_FULL',
    message: 'The disk is full: the database PATH cannot grow.',
    advice: 'Make room on this disk; nothing that was stored is lost.',
  },
  {
    pattern: /^SQLITE_IOERR/,
    code: 'STORE_DISK_ERROR',
    message: 'The disk reports an error at the database PATH.',
    advice: 'The disk or SD card may be failing: save its contents and replace it.',
  },
  {
    pattern: /^SQLITE_CONSTRAINT/,
    code: 'STORE_CONSTRAINT',
    message: 'The database PATH refuses a row that contradicts another.',
  },
]

const OTHER: Omit<Kind, 'pattern'> = {
  code: 'STORE_FAILED',
  message: 'The database PATH could not do what it was asked.',
}
