// SPDX-License-Identifier: AGPL-3.0-or-later
/** What this node answers to `have/1`: public items and their parts, and nothing of what is refused. */
import { CodedError } from '../base/base.ts'
import type { BlockStore } from './blocks/blocks.ts'
import { encodeHaveReply, parseHaveRequest, partHad } from './fetching/fetching.ts'
import type { RefusalDesk } from './refusing.ts'
import { isSupported } from './unixfs/unixfs.ts'

/** @throws CodedError `CONTENT_BAD_QUESTION` */
export function answerHave(
  { store, refusals }: { store: BlockStore; refusals: RefusalDesk },
  request: Uint8Array,
): Uint8Array {
  const parsed = parseHaveRequest(request)
  if (parsed.verdict !== 'accept') throw new CodedError('CONTENT_BAD_QUESTION', parsed.reason)
  const answers = parsed.value.map((cid) => {
    const found = isSupported(cid) ? store.find(cid.multihash.digest, 'anybody') : undefined
    if (found === undefined || refusals.check({ cid }) !== undefined) return undefined
    const { item, place } = found
    // Of a part of an item nothing is known but that it is here.
    if (!item.cid.equals(cid.toV1())) return partHad(place.sizeBytes)
    const { name, title, kind, sizeBytes } = item
    const { publication = item.publication } = refusals.publicationOf(item.cid) ?? {}
    return { name, title, kind, sizeBytes, publication }
  })
  return encodeHaveReply(answers)
}
