// SPDX-License-Identifier: AGPL-3.0-or-later
/** How each fact changes the picture. Pure and total. */
import type {
  Happening,
  LinkFacts,
  LinkHistory,
  Links,
  NodeEvent,
  PublicEvent,
  PublicStatus,
  Status,
  TransferFacts,
  VitalsFacts,
} from '../../../contract/contract.ts'
import { CHANGED_ITEMS_MAX, HAPPENINGS_MAX, SAMPLES_MAX, TRANSFERS_MAX } from '../limits.ts'
import {
  type AnyItem,
  type Connection,
  emptyPicture,
  type Heard,
  type ItemsPicture,
  type LinksPicture,
  type Panel,
  type Picture,
  type Role,
  type SeenTransfer,
  type Trouble,
} from './picture.ts'

/** Parts that are read by a question of their own. */
export type PanelName = 'status' | 'links' | 'vitals' | 'transfers' | 'happenings' | 'items'

export type Fact =
  | { fact: 'began'; role: Role; nowMs: number }
  | { fact: 'connection'; connection: Connection }
  | { fact: 'status'; status: PublicStatus | Status; nowMs: number }
  | { fact: 'links'; links: Links }
  | { fact: 'vitals'; vitals: VitalsFacts }
  | { fact: 'transfers'; transfers: readonly TransferFacts[]; nowMs: number }
  | { fact: 'happenings'; happenings: readonly Happening[]; nowMs: number }
  | { fact: 'items'; items: ItemsPicture }
  | { fact: 'search'; match: string }
  | { fact: 'trouble'; panel: PanelName; trouble: Trouble }
  | { fact: 'event'; event: NodeEvent | PublicEvent; nowMs: number }
  | { fact: 'tick'; nowMs: number }

export function reduce(picture: Picture, fact: Fact): Picture {
  switch (fact.fact) {
    case 'began':
      return emptyPicture(fact.role, fact.nowMs)
    case 'connection':
      return { ...picture, connection: fact.connection }
    case 'status':
      return { ...picture, status: ready(fact.status), statusMs: fact.nowMs }
    case 'links':
      return { ...picture, links: ready(bounded(fact.links)) }
    case 'vitals':
      return { ...picture, vitals: ready(fact.vitals) }
    case 'transfers':
      return { ...picture, transfers: ready(mergeTransfers([], fact.transfers, fact.nowMs)) }
    case 'happenings':
      return { ...picture, happenings: ready(mergeHeard([], fact.happenings, fact.nowMs)) }
    case 'items':
      return { ...picture, items: ready(fact.items) }
    case 'search':
      return { ...picture, search: fact.match }
    case 'trouble':
      return { ...picture, [fact.panel]: { ...picture[fact.panel], trouble: fact.trouble } }
    case 'event':
      return reduceEvent(picture, fact.event, fact.nowMs)
    case 'tick':
      return { ...picture, nowMs: fact.nowMs }
  }
}

function reduceEvent(picture: Picture, event: NodeEvent | PublicEvent, nowMs: number): Picture {
  switch (event.event) {
    case 'status':
      return { ...picture, status: ready(event.status), statusMs: nowMs }
    case 'links':
      return { ...picture, links: ready(addSamples(picture.links.value, event)) }
    case 'vitals':
      return { ...picture, vitals: ready(event.vitals) }
    case 'transfers': {
      const before = picture.transfers.value ?? []
      return { ...picture, transfers: ready(mergeTransfers(before, event.transfers, nowMs)) }
    }
    case 'happening': {
      const before = picture.happenings.value ?? []
      return { ...picture, happenings: ready(mergeHeard(before, [event.happening], nowMs)) }
    }
    case 'items':
      return changeItems(picture, event)
  }
}

function ready<Value>(value: Value): Panel<Value> {
  return { value, trouble: undefined }
}

/** A peer may be there twice, over two interfaces. */
export function linkKey(link: Pick<LinkFacts, 'peerId' | 'interfaceName'>): string {
  return `${link.peerId} ${link.interfaceName ?? ''}`
}

const SERIES = [
  'rttMs',
  'lossIn',
  'lossOut',
  'receivedBytesPerSecond',
  'sentBytesPerSecond',
] as const satisfies readonly (keyof LinkFacts & keyof LinkHistory['samples'])[]

/** A step further: each link that is there gets a sample, what is gone goes. */
function addSamples(
  before: LinksPicture | undefined,
  now: { stepSeconds: number; links: readonly LinkFacts[] },
): LinksPicture {
  const known = new Map(before?.links.map((link) => [linkKey(link), link.samples]))
  const links = now.links.map((link) => {
    const samples = known.get(linkKey(link))
    const series = SERIES.map((name) => [name, appended(samples?.[name] ?? [], link[name])])
    // The names of the series are the keys of `samples`, all of them.
    return { ...link, samples: Object.fromEntries(series) as LinkHistory['samples'] }
  })
  return { stepSeconds: now.stepSeconds, links }
}

function appended(series: readonly (number | null)[], value: number | null): (number | null)[] {
  return [...series.slice(-(SAMPLES_MAX - 1)), value]
}

function bounded({ stepSeconds, links }: Links): LinksPicture {
  const cut = (link: LinkHistory): LinkHistory => {
    const series = SERIES.map((name) => [name, link.samples[name].slice(-SAMPLES_MAX)])
    // As above.
    return { ...link, samples: Object.fromEntries(series) as LinkHistory['samples'] }
  }
  return { stepSeconds, links: links.map(cut) }
}

/** Newest first; running ones are kept however many. */
function mergeTransfers(
  before: readonly SeenTransfer[],
  changed: readonly TransferFacts[],
  nowMs: number,
): readonly SeenTransfer[] {
  const byId = new Map(before.map((transfer) => [transfer.id, transfer]))
  for (const transfer of changed) {
    const startedMs = byId.get(transfer.id)?.startedMs ?? nowMs - transfer.startedSecondsAgo * 1_000
    byId.set(transfer.id, { ...transfer, startedMs })
  }
  const sorted = [...byId.values()].sort((a, b) => b.id - a.id)
  let endedCount = 0
  return sorted.filter(({ state }) => state === 'running' || ++endedCount <= TRANSFERS_MAX)
}

/** Newest first. What is heard twice, after a new connection, is there once. */
function mergeHeard(
  before: readonly Heard[],
  told: readonly Happening[],
  nowMs: number,
): readonly Heard[] {
  const newestId = before[0]?.id ?? -1
  const fresh = told
    .filter(({ id }) => id > newestId)
    .map((happening) => ({ ...happening, heardMs: nowMs - happening.secondsAgo * 1_000 }))
    .sort((a, b) => b.id - a.id)
  return fresh.length === 0 ? before : [...fresh, ...before].slice(0, HAPPENINGS_MAX)
}

/** What is listed is renewed in place; for what is not, the list is read again. */
function changeItems(
  picture: Picture,
  event: { changed: readonly AnyItem[]; removed: readonly string[]; isCut: boolean },
): Picture {
  const changed = new Map(event.changed.map((item) => [item.cid, item]))
  const removed = new Set(event.removed)
  const others = picture.changedItems.filter(({ cid }) => !changed.has(cid) && !removed.has(cid))
  const changedItems = [...changed.values(), ...others].slice(0, CHANGED_ITEMS_MAX)
  const { value } = picture.items
  if (value === undefined) return { ...picture, changedItems }
  const stay = value.items.filter(({ cid }) => !removed.has(cid))
  const items = stay.map((item) => changed.get(item.cid) ?? item)
  const listed = new Set(value.items.map(({ cid }) => cid))
  const isNewsOutside =
    event.isCut ||
    event.changed.some(({ cid }) => !listed.has(cid)) ||
    event.removed.some((cid) => !listed.has(cid))
  const itemsCount = value.itemsCount - (value.items.length - stay.length)
  return {
    ...picture,
    items: { ...picture.items, value: { ...value, items, itemsCount } },
    changedItems,
    itemsAskedCount: picture.itemsAskedCount + (isNewsOutside ? 1 : 0),
  }
}
