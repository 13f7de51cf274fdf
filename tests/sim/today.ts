// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Promises that the content room does not keep yet. A test of one runs like any other and must fail;
 * as soon as it no longer does, it says so, and the line here goes.
 */
import { expect } from 'vitest'

export const KEPT = {
  /** Bytes from the disk are checked against their hashes before anybody gets them. */
  readsAreChecked: false,
  /** Tables are rebuilt from what lies on the disk; today files without a row are swept away. */
  databaseIsRebuilt: false,
  /** A file that cannot be read, or not even be made, is told in our words and in the health. */
  diskFailuresAreTold: false,
} as const

export async function promised(isKept: boolean, work: () => Promise<void>): Promise<void> {
  if (isKept) return work()
  await expect(work(), 'this promise is kept now: say so in tests/sim/today.ts').rejects.toThrow()
}
