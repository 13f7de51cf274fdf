// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * How a link is, in words: a person on a roof wants "fair", and the figure beside it. Here, so that
 * the page and the command line use the same words for the same link.
 */
import type { PublicNeighbour } from './schemas.ts'

/** How good a link is, from its worse direction. */
export type Quality = 'strong' | 'good' | 'fair' | 'weak' | 'measuring'

export type LossAmount = 'none' | 'little' | 'some' | 'much'

/** Shares of hellos lost up to which a link counts as strong, good and fair. */
const LOSS_STRONG_MAX = 0.02
const LOSS_GOOD_MAX = 0.1
const LOSS_FAIR_MAX = 0.3

/** A link is as good as its worse direction. */
export function qualityOf(neighbour: Pick<PublicNeighbour, 'lossIn' | 'lossOut'>): Quality {
  const { lossIn, lossOut } = neighbour
  if (lossIn === null && lossOut === null) return 'measuring'
  const loss = Math.max(lossIn ?? 0, lossOut ?? 0)
  if (loss <= LOSS_STRONG_MAX) return 'strong'
  if (loss <= LOSS_GOOD_MAX) return 'good'
  return loss <= LOSS_FAIR_MAX ? 'fair' : 'weak'
}

export function lossAmountOf(loss: number): LossAmount {
  if (percentOf(loss) === '0') return 'none'
  if (loss <= LOSS_GOOD_MAX) return 'little'
  return loss <= LOSS_FAIR_MAX ? 'some' : 'much'
}

/** `0.034` → `3.4`; whole from ten on. */
export function percentOf(loss: number): string {
  const percent = loss * 100
  return String(percent >= 10 ? Math.round(percent) : Math.round(percent * 10) / 10)
}

/** `12D3KooW…` begins alike for every node: what tells them apart is the end. */
export function shortId(peerId: string): string {
  return peerId.length > 12 ? `…${peerId.slice(-8)}` : peerId
}
