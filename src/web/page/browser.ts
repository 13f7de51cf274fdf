// SPDX-License-Identifier: AGPL-3.0-or-later
/** The browser behind base's ports: its clock, its chance. */
import type { Clock, Random } from '../../base/base.ts'

export const browserClock: Clock = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
  after: (delayMs, callback) => {
    const timer = setTimeout(callback, delayMs)
    return { cancel: () => clearTimeout(timer) }
  },
}

export const browserRandom: Random = {
  unit: () => (crypto.getRandomValues(new Uint32Array(1))[0] ?? 0) / 0x1_0000_0000,
  bytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
}
