// SPDX-License-Identifier: AGPL-3.0-or-later
/** What the rest of the room asks of the refusals, wherever bytes come in or go out. */
import type { CID } from 'multiformats/cid'
import { CodedError } from '../base/base.ts'
import type { DagSource } from './car/car.ts'
import type { Item } from './item.ts'
import type { Refusals, Refused } from './refusals/refusals.ts'

export type RefusalDesk = Pick<
  Refusals,
  | 'open'
  | 'check'
  | 'checkDigest'
  | 'isEmpty'
  | 'itemRemoved'
  | 'publicationOf'
  | 'readPublication'
  | 'notePublication'
  | 'admit'
  | 'admitAll'
>

/** For stores that refuse nothing: tests, and tools that only read. */
export const refusesNothing: RefusalDesk = {
  isEmpty: true,
  open: async () => {},
  check: () => undefined,
  checkDigest: () => undefined,
  itemRemoved: async () => {},
  // Without a city no signature can be told from a forged one.
  publicationOf: () => undefined,
  readPublication: () => undefined,
  notePublication: async () => false,
  admit: async () => false,
  admitAll: async (publications) => publications.map(() => false),
}

/** What was published is public here: of its withdrawal others may be told, and are asked. */
export async function noteShared<SomeItem extends Item>(
  refusals: RefusalDesk,
  item: SomeItem,
): Promise<SomeItem> {
  const { publication, visibility, cid } = item
  const signed = publication === undefined ? undefined : refusals.readPublication(publication, cid)
  if (signed === undefined || visibility !== 'public') return item
  await refusals.notePublication(signed, { isShared: true })
  return item
}

/** @throws CodedError `CONTENT_REFUSED_HERE` when the item must not be kept or brought here */
export function checkAllowed(refusals: RefusalDesk, cid: CID): void {
  const refused = refusals.isEmpty ? undefined : refusals.check({ cid })
  if (refused !== undefined) throw refusedHere(refused, cid)
}

/** @throws CodedError `CONTENT_REFUSED_HERE` when a block is one that must not be kept */
export function checkBlockAllowed(refusals: RefusalDesk, digest: Uint8Array): void {
  const refused = refusals.isEmpty ? undefined : refusals.checkDigest(digest)
  if (refused !== undefined) throw refusedHere(refused, undefined)
}

/** A source in which what is refused is not there: a CAR of it ends where that would come. */
export function withoutRefused<Place>(
  source: DagSource<Place>,
  refusals: RefusalDesk,
): DagSource<Place> {
  if (refusals.isEmpty) return source
  const isRefused = (digest: Uint8Array): boolean => refusals.checkDigest(digest) !== undefined
  return {
    blocks: {
      read: async (name, signal) =>
        isRefused(name.digest) ? undefined : source.blocks.read(name, signal),
    },
    index: {
      find: (name) => (isRefused(name.digest) ? undefined : source.index.find(name)),
    },
  }
}

function refusedHere({ reason, kind, status }: Refused, cid: CID | undefined): CodedError {
  return new CodedError('CONTENT_REFUSED_HERE', reason, {
    context: { kind, status, cid: cid?.toString() },
    advice:
      kind === 'blocked'
        ? 'To allow it again: citynode unblock CID.'
        : 'See citynode blocks and citynode denylist ls.',
  })
}
