// SPDX-License-Identifier: AGPL-3.0-or-later
/** Items, places and fetches in the words of the contract. Pure. */
import { formatUnixTime } from '../base/base.ts'
import type {
  AddAnswer,
  EntryFacts,
  FetchReportFacts,
  ItemFacts,
  PlaceFacts,
  PublicItem,
} from '../contract/contract.ts'
import type { ApiAdded, ApiEntry, ApiFetchReport, ApiItem, ApiPlace } from './item-ports.ts'

export function itemOf(item: ApiItem): ItemFacts {
  const { cid, name, sizeBytes, kind, visibility, isWhole, shape } = item
  const { title, language, description, licence, origin, isKept, isWithdrawn, refused } = item
  return {
    cid: cid.toString(),
    name,
    sizeBytes,
    kind,
    visibility,
    isWhole,
    addedAt: new Date(item.addedAtMs).toISOString(),
    shape,
    title,
    language,
    description,
    licence,
    origin,
    isKept: isKept || origin === 'added',
    state: isWhole ? 'whole' : 'damaged',
    isChanged: item.isChanged,
    publishedBy: item.publishedBy ?? null,
    isWithdrawn,
    refused: refused ?? null,
  }
}

/** For anybody: only of public items. */
export function publicItemOf(item: ApiItem): PublicItem {
  const { cid, name, sizeBytes, kind, shape, title, language, description, licence } = item
  return {
    cid: cid.toString(),
    name,
    sizeBytes,
    kind,
    shape,
    title,
    language,
    description,
    licence,
    publishedBy: item.publishedBy ?? null,
  }
}

export function addedOf({ item, counts, newBytes }: ApiAdded): AddAnswer {
  return { item: itemOf(item), added: { ...counts, newBytes } }
}

export function placeOf(place: ApiPlace): PlaceFacts {
  const { cid, shape, sizeBytes = null, target = null, mode = null, modifiedAt } = place
  return {
    cid: cid.toString(),
    shape,
    sizeBytes,
    target,
    mode,
    modifiedAt: modifiedAt === undefined ? null : formatUnixTime(modifiedAt),
  }
}

export function entryOf({ name, cid, shape, sizeBytes, target }: ApiEntry): EntryFacts {
  return {
    name,
    cid: cid.toString(),
    shape: shape ?? null,
    sizeBytes: sizeBytes ?? null,
    target: target ?? null,
  }
}

export function reportOf({ attempts, ...counts }: ApiFetchReport): FetchReportFacts {
  return {
    ...counts,
    attempts: attempts.map((attempt) => ({
      ...attempt,
      interfaceName: attempt.interfaceName ?? null,
      rttMs: attempt.rttMs ?? null,
      code: attempt.code ?? null,
      message: attempt.message ?? null,
    })),
  }
}
