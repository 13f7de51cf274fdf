// SPDX-License-Identifier: AGPL-3.0-or-later
/** How the command ended, for scripts. The table in docs/CLI.md says the same, by a test. */
import { CodedError } from '../base/base.ts'
import { ApiProblem } from '../contract/contract.ts'

export const EXIT = {
  ok: 0,
  crash: 1,
  usage: 2,
  badConfiguration: 3,
  noDaemon: 4,
  notAvailable: 5,
  refused: 6,
  couldNotStart: 7,
  interrupted: 130,
} as const
export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

export const EXIT_MEANINGS: Readonly<Record<ExitCode, string>> = {
  0: 'it worked',
  1: 'something broke',
  2: 'the command was not understood',
  3: 'the configuration is wrong',
  4: 'no node is running for this data folder',
  5: 'not found, or nobody has it now',
  6: 'refused',
  7: 'the node could not start',
  130: 'interrupted (Ctrl-C)',
}

const EXIT_BY_CODE: Readonly<Record<string, ExitCode>> = {
  USAGE: EXIT.usage,
  NO_DAEMON: EXIT.noDaemon,
  CONTROL_PATH_TOO_LONG: EXIT.usage,
  NOT_YOUR_NODE: EXIT.refused,
  FILE_EXISTS: EXIT.refused,
  FILE_FORBIDDEN: EXIT.refused,
  FILE_CHANGED: EXIT.refused,
  FILE_NAME_REFUSED: EXIT.refused,
  FILE_NOT_FOUND: EXIT.notAvailable,
  SYMLINK_LEADS_OUT: EXIT.refused,
  ACCESS_HOLDER_WRONG: EXIT.refused,
  ACCESS_NOTHING_HELD: EXIT.refused,
  HELD_TOO_LARGE: EXIT.refused,
  HELD_UNREADABLE: EXIT.refused,
  NODE_UNREACHABLE: EXIT.notAvailable,
  API_BROKEN_OFF: EXIT.notAvailable,
  ABORTED: EXIT.interrupted,
  IDENTITY_MISSING: EXIT.notAvailable,
  IDENTITY_EXISTS: EXIT.refused,
  SETTINGS_EXIST: EXIT.refused,
  SETTINGS_UNREADABLE: EXIT.refused,
  RESTORE_CONFLICT: EXIT.refused,
  DATA_IN_USE: EXIT.refused,
  DATA_WRONG_OWNER: EXIT.refused,
  DATA_UNWRITABLE: EXIT.refused,
  KEY_WRONG_OWNER: EXIT.refused,
  KEY_WRONG_MODE: EXIT.refused,
  BACKUP_WRONG_PASSPHRASE: EXIT.refused,
  BACKUP_DAMAGED: EXIT.refused,
  BACKUP_UNKNOWN: EXIT.refused,
  BACKUP_NEWER: EXIT.refused,
  BACKUP_TOO_COSTLY: EXIT.refused,
}

const EXIT_BY_STATUS: Readonly<Record<number, ExitCode>> = {
  400: EXIT.usage,
  401: EXIT.refused,
  403: EXIT.refused,
  404: EXIT.notAvailable,
  405: EXIT.refused,
  409: EXIT.refused,
  410: EXIT.refused,
  413: EXIT.refused,
  416: EXIT.usage,
  429: EXIT.refused,
  431: EXIT.usage,
  451: EXIT.refused,
  502: EXIT.notAvailable,
  503: EXIT.notAvailable,
  504: EXIT.notAvailable,
  507: EXIT.refused,
}

/** The exit code for a failure of a command that talks to a node. */
export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof ApiProblem) return EXIT_BY_STATUS[error.status] ?? EXIT.crash
  if (error instanceof CodedError) return EXIT_BY_CODE[error.code] ?? otherExitOf(error.code)
  return EXIT.crash
}

/** A permission that cannot be read was made by somebody, and is refused. */
function otherExitOf(code: string): ExitCode {
  return code.startsWith('ACCESS_') ? EXIT.refused : EXIT.crash
}
