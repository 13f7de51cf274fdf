// SPDX-License-Identifier: AGPL-3.0-or-later
/** The machine's own chance, fit for keys. */
import { randomFillSync } from 'node:crypto'
import type { Random } from '../base/base.ts'

export class SystemRandom implements Random {
  unit(): number {
    const view = new DataView(this.bytes(8).buffer)
    // 53 random bits, as many as a double holds.
    const high = view.getUint32(0) >>> 5
    const low = view.getUint32(4) >>> 6
    return (high * 2 ** 26 + low) / 2 ** 53
  }

  bytes(length: number): Uint8Array<ArrayBuffer> {
    return randomFillSync(new Uint8Array(length))
  }
}
