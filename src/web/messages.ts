// SPDX-License-Identifier: AGPL-3.0-or-later
/** Every word on the status page, so that a translation is one object. */

import type { LossAmount, Quality } from '../contract/contract.ts'

export interface Messages {
  /** Language tag of the page. */
  language: string
  product: string
  verdictOk: string
  verdictDegraded: string
  verdictFailed: string
  neighboursCount(count: number): string
  notes: string
  severity: Readonly<Record<'info' | 'warning' | 'error', string>>
  advice: string
  neighbours: string
  noNeighbours: string
  noNeighboursAdvice: readonly string[]
  neighbour: string
  connection: string
  over(interfaceName: string): string
  link: string
  quality: Readonly<Record<Quality, string>>
  roundTrip: string
  roundTripOf(ms: number): string
  lossIn: string
  lossOut: string
  loss(percent: string, amount: LossAmount): string
  unknown: string
  since: string
  sinceOf(duration: string): string
  thisNode: string
  city: string
  identity: string
  version: string
  uptime: string
  otherPeers: string
  otherPeersOf(count: number): string
  publicItems: string
  publicItemsOf(count: number): string
  map: string
  footer: string
  machineReadable: string
}

const LOSS_WORDS: Readonly<Record<LossAmount, string>> = {
  none: 'nothing lost',
  little: 'a little lost',
  some: 'some lost',
  much: 'much lost',
}

export const english: Messages = {
  language: 'en',
  product: 'citynode',
  verdictOk: 'This node is well.',
  verdictDegraded: 'This node works, but needs a look.',
  verdictFailed: 'This node needs help.',
  neighboursCount: (count) =>
    count === 0
      ? 'It has no neighbours yet.'
      : count === 1
        ? 'It has 1 neighbour.'
        : `It has ${count} neighbours.`,
  notes: 'Notes',
  severity: { info: 'Good to know', warning: 'Needs a look', error: 'Needs help' },
  advice: 'What to do:',
  neighbours: 'Neighbours',
  noNeighbours: 'Nobody next door yet. That is fine: this node keeps looking, day and night.',
  noNeighboursAdvice: [
    'Another node on the same cable or the same radio appears here by itself, within seconds.',
    'If one is switched on nearby, look whether both have the same city name.',
    'On a roof: turn the antenna a little, then give it a minute.',
  ],
  neighbour: 'Neighbour',
  connection: 'Through',
  over: (interfaceName) => `through ${interfaceName}`,
  link: 'Link',
  quality: {
    strong: 'Strong',
    good: 'Good',
    fair: 'Fair',
    weak: 'Weak',
    measuring: 'Measuring',
  },
  roundTrip: 'There and back',
  roundTripOf: (ms) => `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`,
  lossIn: 'From it to us',
  lossOut: 'From us to it',
  loss: (percent, amount) => `${LOSS_WORDS[amount]} (${percent}\u00a0%)`,
  unknown: 'not known yet',
  since: 'Known for',
  sinceOf: (duration) => duration,
  thisNode: 'This node',
  city: 'City',
  identity: 'Its name',
  version: 'Version',
  uptime: 'Running for',
  otherPeers: 'Further nodes',
  otherPeersOf: (count) => (count === 0 ? 'none connected' : `${count} connected`),
  publicItems: 'For everybody',
  publicItemsOf: (count) =>
    count === 0 ? 'no public items yet' : count === 1 ? '1 public item' : `${count} public items`,
  map: 'A sketch of this node and its neighbours; the list below says the same in words.',
  footer: 'This page renews itself every 10 seconds.',
  machineReadable: 'For programs:',
}
