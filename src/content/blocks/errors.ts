// SPDX-License-Identifier: AGPL-3.0-or-later
/** The failures of the block store that only it can have. */
import { CodedError } from '../../base/base.ts'

/** What somebody else wrote to the same pack failed, and took along what we had written. */
export function lostToDisk(): CodedError {
  return new CodedError('STORE_DISK_ERROR', 'The disk failed while the item was being written.', {
    advice: 'Try again. If it fails again, the disk or SD card may be broken: replace it.',
  })
}

export function removedMeanwhile(): CodedError {
  return new CodedError('ABORTED', 'The item was removed while it arrived.')
}
