// SPDX-License-Identifier: AGPL-3.0-or-later
/** Who may listen at once: a bounded number in all and of one address, and the owner always. */
import { CodedError } from '../../base/base.ts'
import type { Audience } from './happenings.ts'
import { GUEST_LISTENERS_MAX, LISTENERS_PER_ADDRESS_MAX, OWNER_LISTENERS_MAX } from './limits.ts'

export class ListenerPlaces {
  readonly #countByWho = new Map<string, number>()
  #guestsCount = 0

  /** Takes a place until the returned function is called. @throws CodedError `LISTENERS_FULL` */
  take(audience: Audience, address: string | undefined): () => void {
    const isOwner = audience === 'owner'
    const who = isOwner ? 'owner' : (address ?? 'nowhere')
    const count = this.#countByWho.get(who) ?? 0
    const isFull = isOwner
      ? count >= OWNER_LISTENERS_MAX
      : count >= LISTENERS_PER_ADDRESS_MAX || this.#guestsCount >= GUEST_LISTENERS_MAX
    if (isFull) throw full()
    this.#countByWho.set(who, count + 1)
    if (!isOwner) this.#guestsCount += 1
    let isTaken = true
    return () => {
      if (!isTaken) return
      isTaken = false
      if (!isOwner) this.#guestsCount -= 1
      const left = (this.#countByWho.get(who) ?? 1) - 1
      if (left > 0) this.#countByWho.set(who, left)
      else this.#countByWho.delete(who)
    }
  }
}

function full(): CodedError {
  return new CodedError('LISTENERS_FULL', 'Too many are watching this node already.', {
    advice: 'Close other tabs with its page, or look again later.',
  })
}
