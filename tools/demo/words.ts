// SPDX-License-Identifier: AGPL-3.0-or-later
/** What the demo says to people. Pure: facts in, lines out. */
import type { Placed } from './content.ts'
import { nameOf, type Place, SEGMENTS } from './plan.ts'

export const USAGE = `Usage: npm run demo [-- --loopback]

Starts six nodes in one neighbourhood on this machine, with something to look at on each of them.
Nothing of it leaves the machine. Ctrl-C ends it and removes everything.

  --loopback   without networks of their own, as where the system allows none
  --help       this text`

/** Which links there are, and how they came to be. */
export type LinksKind = 'alike' | 'no-shaping' | 'netem' | 'tbf'

export function linksWords(links: LinksKind): readonly string[] {
  if (links === 'alike') {
    return [
      'The system lets us make no networks here, so all six share its loopback: their links are all',
      'alike, and nobody is a neighbour. To see links of different quality: sudo npm run demo',
    ]
  }
  return [
    'Each node has a network of its own; these links join them:',
    ...SEGMENTS.map(({ words, members }) => {
      return `  ${words}: ${members.map((id) => nameOf(id)).join(' – ')}`
    }),
    ...SHORTCOMINGS[links],
  ]
}

const SHORTCOMINGS: Readonly<Record<Exclude<LinksKind, 'alike'>, readonly string[]>> = {
  netem: [],
  tbf: [
    'This system cannot delay packets (no netem), so round trips are alike; loss and speed differ.',
  ],
  'no-shaping': ['This system cannot make links worse, so the radios are as good as the wires.'],
}

/** One node as the person meets it. */
export interface Shown {
  place: Place
  /** Of its page; with the owner's token where there is one. */
  address: string
  /** Names of those it hears directly; of all that it is connected to where nobody is a neighbour. */
  hears: readonly string[]
  placed: readonly Placed[]
}

export function nodesWords(nodes: readonly Shown[], links: LinksKind): readonly string[] {
  const verb = links === 'alike' ? 'knows' : 'hears'
  return nodes.flatMap(({ place, address, hears, placed }) => [
    '',
    `${place.name}: ${address}`,
    `  ${verb} ${hears.length === 0 ? 'nobody yet' : hears.join(', ')}`,
    ...placed.map(({ piece }) => `  has ${titleWords(piece)}`),
  ])
}

function titleWords({ title, language }: { title: string; language: string }): string {
  return language === '' || language === 'en' ? `“${title}”` : `“${title}” (${language})`
}

/** What to do now. */
export interface Suggestions {
  /** The page to open first. */
  firstAddress: string
  /** A fetch from far away: what, from whom, to whom, by which command, and where it opens then. */
  fetch: { title: string; from: string; to: string; command: string; address: string }
  /** Undefined: there are no cables. */
  cable: { name: string; pull: string; plug: string } | undefined
}

export function suggestionWords({ firstAddress, fetch, cable }: Suggestions): readonly string[] {
  return [
    '',
    `Open this in your browser: ${firstAddress}`,
    '',
    'Then try, in a second terminal in this folder:',
    `  Bring “${fetch.title}” from the ${fetch.from} to the ${fetch.to}:`,
    `    ${fetch.command}`,
    `  and open it there: ${fetch.address}`,
    ...(cable === undefined
      ? []
      : [
          `  Pull the ${cable.name}’s cable, and look at the pages; then plug it in again:`,
          `    ${cable.pull}`,
          `    ${cable.plug}`,
        ]),
    '',
    'Ctrl-C ends the demo and removes everything that belongs to it.',
  ]
}

export function nodeEndedWords(node: { name: string; end: string; lastWords: string }): string {
  const { name, end, lastWords } = node
  const said = lastWords === '' ? '' : ` Its last words:\n${lastWords}`
  return `${name} has ended by itself (${end}); the others go on without it.${said}`
}

export function leftoversWords(count: number): string {
  return count === 1
    ? 'An earlier demo was killed: what it left behind is removed.'
    : `${count} earlier demos were killed: what they left behind is removed.`
}
