// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Keeps the picture, and tells who draws it when it is time to draw: a thousand facts a second cost a
 * thousand small reductions, and a few drawings.
 */
import type { Picture } from './picture.ts'
import { type Fact, reduce } from './reduce.ts'

/** Calls back when it is time to draw: `requestAnimationFrame`, or a test's own. */
export type OnFrame = (draw: () => void) => void

export class Store {
  #picture: Picture
  readonly #onFrame: OnFrame
  readonly #listeners = new Set<() => void>()
  #isDue = false

  constructor(picture: Picture, onFrame: OnFrame) {
    this.#picture = picture
    this.#onFrame = onFrame
  }

  get picture(): Picture {
    return this.#picture
  }

  tell(fact: Fact): void {
    this.#picture = reduce(this.#picture, fact)
    if (this.#isDue) return
    this.#isDue = true
    this.#onFrame(() => {
      this.#isDue = false
      for (const listener of [...this.#listeners]) listener()
    })
  }

  /** @returns what ends it */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
}
