// SPDX-License-Identifier: AGPL-3.0-or-later
/** Why something of a folder is not taken: what it is, which path, and what to do. */
import { CodedError } from '../../base/base.ts'
import { SHOWN_PATH_LENGTH_MAX } from './limits.ts'

const RENAME_ADVICE =
  'Names are any valid UTF-8 without “/” and zero bytes, and not “.” or “..”: rename it (for a ' +
  'whole tree in an old encoding: convmv), or leave it out.'

export function pathRefused(path: string, reason: string): CodedError {
  return new CodedError(
    'CONTENT_PATH_REFUSED',
    `The path ${shownPath(path)} cannot be kept: ${reason}.`,
    { context: { path: shownPath(path) }, advice: RENAME_ADVICE },
  )
}

/** Something comes a second time, or after its folder was complete. */
export function entryRepeated(path: string, reason: string): CodedError {
  return new CodedError('CONTENT_ENTRY_REPEATED', `${shownPath(path)} ${reason}.`, {
    context: { path: shownPath(path) },
    advice:
      'Everything must come once, and all of a folder together. Pack the folder anew in one go ' +
      '(tar -c FOLDER), or add it where it lies.',
  })
}

export function beyondFolderLimit(path: string, what: string, limit: number): CodedError {
  return new CodedError(
    'CONTENT_FOLDER_LIMIT',
    `${shownPath(path)} is beyond what a folder may have: ${limit} ${what}.`,
    {
      context: { path: shownPath(path), what, limit },
      advice: 'Split the folder, shorten the name, or pack that part into an archive file.',
    },
  )
}

/** A path from anywhere, fit for a terminal: on one line, in quotes, shortened in the middle. */
export function shownPath(path: string): string {
  const units = [...path.toWellFormed()]
  const half = Math.floor(SHOWN_PATH_LENGTH_MAX / 2)
  const short =
    units.length > SHOWN_PATH_LENGTH_MAX
      ? [...units.slice(0, half), '…', ...units.slice(-half)]
      : units
  return `“${short.join('').replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, '\u{fffd}')}”`
}
