// SPDX-License-Identifier: AGPL-3.0-or-later
/** The last minutes of one link, as rings of numbers: 2.4 KB, whatever happens. */
import { LINK_STEPS_MAX } from './limits.ts'

export const LINK_FIGURES = [
  'rttMs',
  'lossIn',
  'lossOut',
  'receivedBytesPerSecond',
  'sentBytesPerSecond',
] as const
export type LinkFigure = (typeof LINK_FIGURES)[number]

/** What is not measured is undefined. */
export type LinkFigures = Readonly<Record<LinkFigure, number | undefined>>

export type LinkSamples = Readonly<Record<LinkFigure, readonly (number | undefined)[]>>

/** A step in which the link was not there. */
export const NO_FIGURES: LinkFigures = {
  rttMs: undefined,
  lossIn: undefined,
  lossOut: undefined,
  receivedBytesPerSecond: undefined,
  sentBytesPerSecond: undefined,
}

export class LinkHistory {
  /** Step after step, each with all figures; NaN stands for what is not measured. */
  readonly #values = new Float32Array(LINK_STEPS_MAX * LINK_FIGURES.length)
  #steps = 0

  push(figures: LinkFigures): void {
    const row = (this.#steps % LINK_STEPS_MAX) * LINK_FIGURES.length
    LINK_FIGURES.forEach((figure, column) => {
      this.#values[row + column] = figures[figure] ?? Number.NaN
    })
    this.#steps += 1
  }

  /** Oldest first, all of one length. */
  samples(): LinkSamples {
    const first = Math.max(0, this.#steps - LINK_STEPS_MAX)
    const seriesOf = (column: number): (number | undefined)[] => {
      return Array.from({ length: this.#steps - first }, (_, index) => {
        const row = ((first + index) % LINK_STEPS_MAX) * LINK_FIGURES.length
        const value = this.#values[row + column] ?? Number.NaN
        return Number.isNaN(value) ? undefined : value
      })
    }
    return {
      rttMs: seriesOf(0),
      lossIn: seriesOf(1),
      lossOut: seriesOf(2),
      receivedBytesPerSecond: seriesOf(3),
      sentBytesPerSecond: seriesOf(4),
    }
  }
}
