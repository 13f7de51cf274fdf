// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Who writes to which large file. Two at once would write over each other's bytes, and one that gives
 * up would remove what the other counts on; so the second waits, and then finds most of it here.
 *
 * Nobody deadlocks: whoever may have to wait first lets go of all that it has.
 */
import { untilAborted } from '../waiting.ts'

interface Claim {
  by: object
  ended: Promise<void>
  end: () => void
}

export class BodyClaims {
  readonly #claims = new Map<string, Claim>()

  /** Whether anybody writes to the body of that CID. */
  isClaimed(cid: string): boolean {
    return this.#claims.has(cid)
  }

  /** Whether `by` would have to wait. */
  isOthers(cid: string, by: object): boolean {
    const claim = this.#claims.get(cid)
    return claim !== undefined && claim.by !== by
  }

  /** Resolves when nobody else writes to the body. @throws the signal's reason */
  async acquire(cid: string, by: object, signal: AbortSignal): Promise<void> {
    for (let held = this.#claims.get(cid); held !== undefined; held = this.#claims.get(cid)) {
      if (held.by === by) return
      await untilAborted(held.ended, signal)
    }
    const { promise: ended, resolve: end } = Promise.withResolvers<void>()
    this.#claims.set(cid, { by, ended, end })
  }

  release(cid: string, by: object): void {
    const claim = this.#claims.get(cid)
    if (claim?.by !== by) return
    this.#claims.delete(cid)
    claim.end()
  }

  /** Releases all that `by` has. */
  releaseAll(by: object): void {
    for (const [cid, claim] of this.#claims) if (claim.by === by) this.release(cid, by)
  }
}
