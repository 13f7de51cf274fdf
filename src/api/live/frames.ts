// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Events as text (WHATWG HTML, 9.2): each through its schema, so that nothing leaves which the
 * contract does not name, and none longer than a reader takes.
 */
import {
  type Happening,
  type ItemFacts,
  type LinkFacts,
  nodeEventSchema,
  type PublicItem,
  publicEventSchema,
  type TransferFacts,
} from '../../contract/contract.ts'
import type { Audience } from './happenings.ts'
import { EVENT_BYTES_MAX, RETRY_MS, TRANSFERS_TOLD_MAX } from './limits.ts'

/** What every stream begins with: proven to be one at once, also before the first event. */
export const FIRST_FRAME = `retry: ${RETRY_MS}\n\n`

export const COMMENT_FRAME = ':\n\n'

/** @param event as the contract has it for this audience; what does not fit it is a bug. */
export function frameOf(audience: Audience, event: Readonly<Record<string, unknown>>): string {
  const schema = audience === 'owner' ? nodeEventSchema : publicEventSchema
  return `data: ${JSON.stringify(schema.parse(event))}\n\n`
}

export function linksFrame(
  audience: Audience,
  stepSeconds: number,
  links: readonly LinkFacts[],
): string {
  const told = links.filter(({ kind }) => audience === 'owner' || kind !== 'peer')
  return frameOf(audience, { event: 'links', stepSeconds, links: told })
}

export function happeningFrame(audience: Audience, happening: Happening): string {
  return `id: ${happening.id}\n${frameOf(audience, { event: 'happening', happening })}`
}

/** As many events as it takes. */
export function transferFrames(transfers: readonly TransferFacts[]): string {
  let frames = ''
  for (let start = 0; start < transfers.length; start += TRANSFERS_TOLD_MAX) {
    const some = transfers.slice(start, start + TRANSFERS_TOLD_MAX)
    frames += frameOf('owner', { event: 'transfers', transfers: some })
  }
  return frames
}

/** Items as far as they fit; then the event says that it is cut. */
export function itemsFrame(
  audience: Audience,
  news: { changed: readonly (ItemFacts | PublicItem)[]; removed: string[]; isCut: boolean },
): string {
  let { isCut } = news
  let lengthBytes = 0
  const changed = news.changed.filter((item) => {
    lengthBytes += Buffer.byteLength(JSON.stringify(item))
    if (lengthBytes <= EVENT_BYTES_MAX) return true
    isCut = true
    return false
  })
  return frameOf(audience, { event: 'items', changed, removed: news.removed, isCut })
}
