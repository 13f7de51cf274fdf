// SPDX-License-Identifier: AGPL-3.0-or-later
/** Places for callers: so many at once, so many for each address. */

export class Places {
  readonly #max: number
  readonly #perAddressMax: number
  readonly #taken = new Map<string, number>()
  #count = 0

  constructor(limits: { max: number; perAddressMax: number }) {
    this.#max = limits.max
    this.#perAddressMax = limits.perAddressMax
  }

  get count(): number {
    return this.#count
  }

  /** A function that gives the place back, once; or why there is none. */
  take(address: string): (() => void) | 'busy' | 'too-many' {
    const own = this.#taken.get(address) ?? 0
    if (own >= this.#perAddressMax) return 'too-many'
    if (this.#count >= this.#max) return 'busy'
    this.#taken.set(address, own + 1)
    this.#count += 1
    let isHeld = true
    return () => {
      if (!isHeld) return
      isHeld = false
      this.#count -= 1
      const left = (this.#taken.get(address) ?? 1) - 1
      if (left > 0) this.#taken.set(address, left)
      else this.#taken.delete(address)
    }
  }
}
