// SPDX-License-Identifier: AGPL-3.0-or-later
/** What a made-up node has: links of every quality, items of every kind, and things that happened. */

import { SeededRandom } from '../../src/base/base.ts'
import type {
  Happening,
  ItemFacts,
  LinkHistory,
  Status,
  VitalsFacts,
} from '../../src/contract/contract.ts'

export const STEP_SECONDS = 5
const SAMPLES = 120

const chance = new SeededRandom(7)

function walk(middle: number, spread: number): number[] {
  let value = middle
  return Array.from({ length: SAMPLES }, () => {
    value += (chance.unit() - 0.5) * spread + (middle - value) * 0.1
    return Math.max(0, value)
  })
}

const fraction = (value: number): number => Math.min(1, value)

export function makeLink(
  name: string,
  kind: LinkHistory['kind'],
  made: { interfaceName?: string; rttMs: number | null; loss: number | null; traffic: number },
): LinkHistory {
  const { rttMs, loss, traffic, interfaceName = null } = made
  const nothing = Array.from({ length: SAMPLES }, () => null)
  const samples = {
    rttMs: rttMs === null ? nothing : walk(rttMs, rttMs / 3),
    lossIn: loss === null ? nothing : walk(loss, loss / 2).map(fraction),
    lossOut: loss === null ? nothing : walk(loss * 0.6, loss / 2).map(fraction),
    receivedBytesPerSecond: walk(traffic, traffic),
    sentBytesPerSecond: walk(traffic / 4, traffic / 3),
  }
  const id = [...`${name}${kind}`].reduce((sum, letter) => sum * 31 + letter.charCodeAt(0), 7)
  return {
    peerId: `12D3KooWJWoaqZhDaoEFshF7Rh1bpY9ohihFhzcW6d${Math.abs(id).toString(36).slice(0, 10)}`,
    name,
    kind,
    interfaceName,
    rttMs,
    lossIn: loss,
    lossOut: loss === null ? null : loss * 0.6,
    receivedBytesPerSecond: traffic,
    sentBytesPerSecond: traffic / 4,
    samples,
  }
}

export const LINKS: readonly LinkHistory[] = [
  makeLink('Bakery', 'neighbour', { interfaceName: 'eth0', rttMs: 0.6, loss: 0, traffic: 820_000 }),
  makeLink('Library', 'neighbour', {
    interfaceName: 'wlan0',
    rttMs: 2.4,
    loss: 0.06,
    traffic: 96_000,
  }),
  makeLink('Roof garden', 'neighbour', {
    interfaceName: 'wlan0',
    rttMs: 9.1,
    loss: 0.22,
    traffic: 12_000,
  }),
  makeLink('', 'neighbour', { interfaceName: 'wlan1', rttMs: 31, loss: 0.48, traffic: 900 }),
  makeLink('School', 'segment', { interfaceName: 'bat0', rttMs: 14, loss: null, traffic: 4_000 }),
  makeLink('Harbour \u202egnikrowten', 'peer', { rttMs: 48, loss: null, traffic: 0 }),
]

const CONDITIONS: Status['health']['conditions'] = [
  {
    code: 'DISK_LOW',
    severity: 'warning',
    text: 'The disk is nearly full: 1.2 GiB are free.',
    advice: 'Remove items that nobody needs, or give the node a larger disk.',
  },
]

/** A CID that looks like one; `seed` tells them apart. */
export function makeCid(seed: number): string {
  const letters = 'abcdefghijklmnopqrstuvwxyz234567'
  const random = new SeededRandom(seed)
  const rest = Array.from({ length: 52 }, () => letters[Math.floor(random.unit() * 32)]).join('')
  return `bafkrei${rest}`
}

let itemSeed = 0

export function makeItem(item: Partial<ItemFacts>): ItemFacts {
  return {
    cid: makeCid(++itemSeed),
    name: 'file.bin',
    sizeBytes: 1234,
    kind: 'application/octet-stream',
    visibility: 'public',
    isWhole: true,
    isChanged: false,
    addedAt: '2026-05-01T10:00:00.000Z',
    shape: 'file',
    title: '',
    language: '',
    description: '',
    licence: '',
    origin: 'added',
    isKept: true,
    state: 'whole',
    publishedBy: null,
    isWithdrawn: false,
    refused: null,
    ...item,
  }
}

export const SAMPLE_ITEMS: readonly Partial<ItemFacts>[] = [
  {
    name: 'bread.md',
    title: 'Bread for the whole street',
    kind: 'text/markdown',
    language: 'en',
    description: 'Four loaves, one oven.\nFor beginners.',
    licence: 'CC0-1.0',
  },
  { name: 'dusk.svg', title: 'The mesh at dusk', kind: 'image/svg+xml', sizeBytes: 4_100 },
  { name: 'melody.ogg', title: 'Eine kleine Melodie', kind: 'audio/ogg', sizeBytes: 240_000 },
  { name: 'roofs.webm', title: 'Over the roofs', kind: 'video/webm', sizeBytes: 24_800_000 },
  { name: 'manual.pdf', title: 'Cómo montar un nodo', kind: 'application/pdf', sizeBytes: 88_000 },
  {
    name: 'first-aid',
    title: 'First aid points',
    kind: 'inode/directory',
    shape: 'folder',
    sizeBytes: 512_000,
  },
  {
    name: 'diary.txt',
    title: 'Diary',
    kind: 'text/plain',
    visibility: 'private',
    sizeBytes: 9_300,
  },
  {
    name: 'damaged.zip',
    kind: 'application/zip',
    visibility: 'private',
    state: 'damaged',
    origin: 'fetched',
    isKept: false,
  },
  { name: `${'a very long name '.repeat(12)}.txt`, kind: 'text/plain' },
  {
    name: 'evil\u202egpj.exe',
    title: '<img src=x onerror=alert(1)>',
    kind: 'application/x-dosexec',
  },
]

export const STATUS: Status = {
  peerId: '12D3KooWK99VoVxNE7XzyBwXEzW7xhK7Gpv85r9F3V3fyKSUKPH5',
  did: 'did:key:z6MkoTHsgNNrby8JzCNQ1iRLyW5QQ6R8Xuu6AA8igGrMVPUM',
  name: 'Corner house',
  version: '0.1.0',
  city: 'lisbon',
  uptimeSeconds: 93_784,
  health: { status: 'degraded', conditions: CONDITIONS },
  neighbours: LINKS.filter(({ kind }) => kind === 'neighbour').map((link) => ({
    peerId: link.peerId,
    name: link.name,
    interfaceName: link.interfaceName ?? '',
    rttMs: link.rttMs,
    lossIn: link.lossIn,
    lossOut: link.lossOut,
    knownForSeconds: 7_200,
    heardSecondsAgo: 1,
    version: '0.1.0',
  })),
  connectedPeersCount: 6,
  otherPeersCount: 2,
  publicItemsCount: 8,
  gatewayPort: null,
  dataFolder: '/home/rosa/.local/share/citynode',
  listenAddresses: ['/ip4/192.168.1.20/tcp/7440', '/ip6/fd00::20/tcp/7440'],
  statusPort: 0,
  itemsCount: 10,
  itemsSizeBytes: 25_900_000,
}

export const VITALS: VitalsFacts = {
  memory: { totalBytes: 1_024_000_000, availableBytes: 410_000_000 },
  disk: { totalBytes: 32_000_000_000, availableBytes: 1_290_000_000 },
  store: { usedBytes: 26_000_000, limitBytes: null },
  temperatureCelsius: 67.2,
  load: 0.12,
  power: 'was-low',
  machineUptimeSeconds: 432_000,
}

const happened = (
  id: number,
  code: Happening['code'],
  level: Happening['level'],
  rest: Partial<Happening>,
): Happening => ({
  id,
  code,
  level,
  at: '2026-05-01T10:00:00.000Z',
  secondsAgo: (10 - id) * 340,
  subject: null,
  name: '',
  reason: null,
  text: code,
  ...rest,
})

export const HAPPENINGS: readonly Happening[] = [
  happened(1, 'NODE_STARTED', 'info', {}),
  happened(2, 'NEIGHBOUR_FOUND', 'good', { subject: LINKS[0]?.peerId ?? null, name: 'Bakery' }),
  happened(3, 'NEIGHBOUR_FOUND', 'good', { subject: LINKS[3]?.peerId ?? null }),
  happened(4, 'ITEM_ADDED', 'info', { subject: makeCid(1), name: 'Bread for the whole street' }),
  happened(5, 'CONDITION_RAISED', 'warning', {
    subject: 'DISK_LOW',
    name: 'The disk is nearly full.',
  }),
  happened(6, 'NEIGHBOUR_LOST', 'warning', {
    subject: LINKS[0]?.peerId ?? null,
    name: 'Tower',
    reason: 'silent',
  }),
  happened(7, 'FETCH_FAILED', 'error', { subject: makeCid(99), reason: 'CONTENT_NOT_FOUND' }),
]
