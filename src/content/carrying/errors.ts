// SPDX-License-Identifier: AGPL-3.0-or-later
/** The failures that only carrying has. */
import type { CID } from 'multiformats/cid'
import { CodedError } from '../../base/base.ts'

/** The envelope is broken: what came before it may still be right. */
export function badCar(reason: string, context: Record<string, unknown> = {}): CodedError {
  return new CodedError('CONTENT_BAD_CAR', `This is no CAR file, or it is damaged: ${reason}.`, {
    context,
    advice: 'Copy or export it once more.',
  })
}

export function notWhole(cid: CID): CodedError {
  return new CodedError('CONTENT_NOT_WHOLE', 'Parts of the item are missing on this node.', {
    context: { cid: cid.toString() },
    advice: 'Fetch it again (citynode get CID), then export it.',
  })
}

export function tooManyItems(countMax: number): CodedError {
  return new CodedError(
    'CONTENT_TOO_MANY_ITEMS',
    `One CAR file carries at most ${countMax} items.`,
    { advice: 'Export fewer at a time, by their content ids.' },
  )
}
