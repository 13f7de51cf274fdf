// SPDX-License-Identifier: AGPL-3.0-or-later
/** The failures of refusing: what happened, and what to do. */
import { CodedError } from '../../base/base.ts'
import { BLOCKS_MAX, REASON_BYTES_MAX } from './limits.ts'

export function badReason(): CodedError {
  return new CodedError('REFUSALS_BAD_REASON', 'That reason cannot be kept.', {
    advice: `Use one line of at most ${REASON_BYTES_MAX} bytes.`,
  })
}

export function emptyContent(): CodedError {
  return new CodedError('REFUSALS_EMPTY_CONTENT', 'That is the empty file or the empty folder.', {
    advice: 'It holds nothing, and is part of many items: it cannot be refused.',
  })
}

export function tooManyBlocks(): CodedError {
  return new CodedError('REFUSALS_FULL', `This node keeps at most ${BLOCKS_MAX} blocks.`, {
    advice: 'Put them into a deny list of your own instead: docs/OPERATING.md says how.',
  })
}

export function notBlocked(): CodedError {
  return new CodedError('REFUSALS_NOT_BLOCKED', 'There is no such block on this node.', {
    advice: 'See citynode blocks. What a deny list names, only that list can let through.',
  })
}

export function badRecord(what: string): CodedError {
  return new CodedError('REFUSALS_BAD_RECORD', `That cannot be signed: ${what}.`)
}

/** A list as a whole that cannot be used; its last good version holds. */
export function badList(what: string): CodedError {
  return new CodedError('REFUSALS_BAD_LIST', `The deny list ${what}.`, {
    advice: 'Put it right; the node looks again within a minute.',
  })
}
