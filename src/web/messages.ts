// SPDX-License-Identifier: AGPL-3.0-or-later
/** Every word on our pages, so that a translation is one object. */

import type { GatewayProblemCode, LossAmount, Quality } from '../contract/contract.ts'

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
  gateway: GatewayMessages
}

/** A failure, to somebody who followed a link. */
export interface ProblemMessages {
  title: string
  text: string
  advice: string
}

export interface GatewayMessages {
  welcome: string
  welcomeText: string
  nothingYet: string
  nothingYetAdvice: string
  itemsCount(count: number): string
  folderOf(name: string): string
  emptyFolder: string
  kinds: Readonly<Record<'file' | 'folder' | 'symlink' | 'unknown', string>>
  /** A word for a media type, if there is one that everybody knows. */
  kindOf(mediaType: string): string | undefined
  save: string
  saveOf(name: string): string
  trail: string
  pages: string
  previous: string
  next: string
  cut: string
  contentId: string
  contentIdText: string
  home: string
  status: string
  problems: Readonly<Record<GatewayProblemCode, ProblemMessages>>
}

const LOSS_WORDS: Readonly<Record<LossAmount, string>> = {
  none: 'nothing lost',
  little: 'a little lost',
  some: 'some lost',
  much: 'much lost',
}

const KIND_WORDS: readonly (readonly [RegExp, string])[] = [
  [/^image\//, 'Picture'],
  [/^audio\//, 'Sound'],
  [/^video\//, 'Film'],
  [/^text\/html$/, 'Web page'],
  [/^text\//, 'Text'],
  [/^application\/pdf$/, 'PDF'],
  [/^application\/epub/, 'Book'],
  [/^application\/(?:gzip|zip|zstd|x-tar|x-xz)$/, 'Archive'],
]

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
  gateway: {
    welcome: 'Public things on this node',
    welcomeText:
      'Somebody nearby keeps these for everybody. Open what you like: it comes straight from the ' +
      'box that you are connected to, also when the Internet is away.',
    nothingYet: 'Nothing is public here yet.',
    nothingYetAdvice: 'Whoever owns this node can share something with: citynode add --public FILE',
    itemsCount: (count) => (count === 1 ? '1 public thing' : `${count} public things`),
    folderOf: (name) => `Folder ${name}`,
    emptyFolder: 'This folder is empty.',
    kinds: { file: 'File', folder: 'Folder', symlink: 'Link', unknown: 'Something else' },
    kindOf: (mediaType) => KIND_WORDS.find(([types]) => types.test(mediaType))?.[1],
    save: 'Save',
    saveOf: (name) => `Save ${name}`,
    trail: 'Where you are',
    pages: 'More pages',
    previous: 'Previous page',
    next: 'Next page',
    cut: 'There is more in this folder than can be shown here. The command citynode get has it all.',
    contentId: 'Content id',
    contentIdText: 'It is made from the bytes themselves: the same id is the same thing, anywhere.',
    home: 'All public things',
    status: 'What people share here is their own. It is shown without scripts, to keep you safe.',
    problems: {
      'view-over': {
        title: 'This view is over',
        text: 'It was opened by somebody else, or too long ago, or this node was started again.',
        advice: 'Open it again from the page of this node.',
      },
      absent: {
        title: 'That is not here',
        text: 'This node has nothing public at this address.',
        advice: 'It may be on another node, or have been taken back. Look at what is here.',
      },
      address: {
        title: 'This address is not right',
        text: 'Something in it cannot be read.',
        advice: 'Copy the whole link once more; content ids look like bafkrei… or bafybei…',
      },
      'address-too-long': {
        title: 'This address is too long',
        text: 'Nothing here has an address of that length.',
        advice: 'Copy the link once more, or go there folder by folder.',
      },
      'bad-host': {
        title: 'This request is not clear',
        text: 'It does not say which machine it is for.',
        advice: 'Type the address of this node in yourself.',
      },
      broken: {
        title: 'Something broke on our side',
        text: 'This node could not show it, and its log says why.',
        advice: 'Try again in a moment. If it stays, please tell whoever owns the node.',
      },
      busy: {
        title: 'Many people are here just now',
        text: 'This small node does as much as it can.',
        advice: 'Try again in a moment.',
      },
      'cross-site': {
        title: 'Another site asked for this',
        text: 'Pages from elsewhere may link to what is here, but not read or embed it.',
        advice: 'Open the address in a tab of its own.',
      },
      damaged: {
        title: 'This is damaged here',
        text: 'Part of it got lost on this node.',
        advice: 'It may be whole on another node. Please tell whoever owns this one.',
      },
      format: {
        title: 'Not in that format',
        text: 'This node cannot give it in the format that was asked for.',
        advice: 'Leave ?format= out of the address to see it here.',
      },
      host: {
        title: 'This machine does not go by that name here',
        text: 'That keeps web sites from reaching into your network under a name of theirs.',
        advice:
          'Use the IP address of this node, or have its owner add the name to status.host_names.',
      },
      'link-outside': {
        title: 'This link leads elsewhere',
        text: 'It is a link inside a folder that points out of it, and is not followed.',
        advice: 'Look in the folder for what you need.',
      },
      method: {
        title: 'Here you can only look',
        text: 'This address answers GET and HEAD.',
        advice: 'The owner changes things with the citynode command on the node itself.',
      },
      names: {
        title: 'Names do not work here yet',
        text: 'Addresses that begin with /ipns/ are names, which this node cannot look up.',
        advice: 'Use an address that begins with /ipfs/.',
      },
      'not-cached': {
        title: 'That is not here',
        text: 'This node does not have it, and was asked not to fetch it.',
        advice: 'Ask without Cache-Control: only-if-cached, or on another node.',
      },
      'not-given': {
        title: 'This is not shown here',
        text: 'Whoever owns this node does not pass it on.',
        advice: 'The owner of the node can say why.',
      },
      range: {
        title: 'There is no such part',
        text: 'The part that was asked for lies beyond the end of the file.',
        advice: 'Open the file from its beginning.',
      },
      'service-worker': {
        title: 'This must not run here',
        text: 'Nothing on this gateway may be a service worker.',
        advice: 'Save the file if you want to look at it.',
      },
      'too-many': {
        title: 'That is a lot at once',
        text: 'Your device or network has many downloads from this node under way.',
        advice: 'Let some of them end, then try again.',
      },
      'too-slow': {
        title: 'This took too long',
        text: 'The node did not find it in time; its disk may be busy.',
        advice: 'Try again in a moment.',
      },
      websocket: {
        title: 'There are no WebSockets here',
        text: 'This address answers plain requests.',
        advice: 'Open it in a browser.',
      },
    },
  },
}
