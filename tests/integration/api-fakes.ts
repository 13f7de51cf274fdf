// SPDX-License-Identifier: AGPL-3.0-or-later
/** What stands in for the rooms behind an ApiServer that a test of it does not care about. */
import type { ApiDeps } from '../../src/api/api.ts'
import { CodedError, didKeyOf, peerIdFromPublicKey } from '../../src/base/base.ts'

export const PEER_ID = peerIdFromPublicKey(new Uint8Array(32).fill(1))

/** CAR files are for the tests of the real thing. */
export const carriesNothing: ApiDeps['carrying'] = {
  exportCar: () => {
    throw new CodedError('CONTENT_NOT_HERE', 'Nothing is carried here.')
  },
  importCar: () => Promise.reject(new CodedError('CONTENT_BAD_CAR', 'Nothing is carried here.')),
}

/** Permissions are for the tests of the real thing. */
export const givesNothing: ApiDeps['access'] = {
  nonce: () => ({ nonce: new Uint8Array(16), node: didKeyOf(PEER_ID), endsAtSeconds: 0 }),
  give: () => {
    throw new CodedError('ACCESS_BAD_HOLDER', 'Nothing is given here.')
  },
  noteOf: () => undefined,
  given: () => [],
  takeBack: () => {
    throw new CodedError('ACCESS_NOT_GIVEN', 'Nothing is given here.')
  },
}
