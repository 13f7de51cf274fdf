// SPDX-License-Identifier: AGPL-3.0-or-later
/** Commands, `/content/add`: paths of which a shorter one covers all that are below it. */
import { CodedError } from '../../base/base.ts'
import { COMMAND_CHARACTERS_MAX, COMMAND_SEGMENTS_MAX } from '../limits.ts'

export type Command = `/${string}`

/**
 * Lower case, no empty segment, no slash at the end (UCAN 1.0). Ours are of ASCII; others may have
 * letters of any script, but nothing that cannot be seen.
 */
const COMMAND = /^\/(?:[\p{L}\p{N}_.+-]+(?:\/[\p{L}\p{N}_.+-]+)*)?$/u

export function isCommand(text: string): text is Command {
  if (text.length > COMMAND_CHARACTERS_MAX || !COMMAND.test(text)) return false
  return text === text.toLowerCase() && text.split('/').length - 1 <= COMMAND_SEGMENTS_MAX
}

/** @throws CodedError `BAD_COMMAND` */
export function parseCommand(text: string): Command {
  if (isCommand(text)) return text
  throw new CodedError('BAD_COMMAND', 'This is not the name of a command.', {
    advice: 'Commands look like /content/add, in lower case.',
  })
}

/** Whether who may do `wider` may do `narrower`: it is the same, or a path above it. */
export function covers(wider: Command, narrower: Command): boolean {
  return wider === '/' || wider === narrower || narrower.startsWith(`${wider}/`)
}
