// SPDX-License-Identifier: AGPL-3.0-or-later
/** All that is known about an item, for whoever wants to know. */
import { shortId } from '../../../contract/contract.ts'
import { shortened, usePage } from '../parts/parts.ts'
import { type AnyItem, isOwnItem } from '../state/state.ts'
import { kindOf } from './kinds.ts'

export function ItemFactsList({ item }: { item: AnyItem }) {
  const { say, figures } = usePage().speech
  const { word } = kindOf(item.shape === 'folder' ? 'inode/directory' : item.kind)
  const own = isOwnItem(item) ? item : undefined
  const facts: (readonly [string, string])[] = [
    [say('add.name'), item.name],
    [say('item.kind'), item.shape === 'folder' ? say(word) : `${say(word)} (${item.kind})`],
    [say('item.size'), figures.bytes(item.sizeBytes)],
    [say('item.language'), item.language],
    [say('item.licence'), item.licence],
    [say('item.publishedBy'), item.publishedBy === null ? '' : shortId(item.publishedBy)],
  ]
  if (own !== undefined) {
    facts.push(
      [say('item.added'), addedAt(own.addedAt, figures.dateTime)],
      [say('item.origin'), say(own.origin === 'added' ? 'item.originAdded' : 'item.originFetched')],
      [say('item.kept'), say(own.isKept ? 'item.keptYes' : 'item.keptNo')],
    )
  }
  return (
    <section class="card" aria-labelledby="about">
      <h2 id="about">{say('item.more')}</h2>
      <dl class="facts">
        {facts
          .filter(([, value]) => value !== '')
          .map(([label, value]) => (
            <div key={label} class="fact">
              <dt>{label}</dt>
              <dd>
                <bdi>{shortened(value)}</bdi>
              </dd>
            </div>
          ))}
        <div class="fact wide">
          <dt>{say('item.cid')}</dt>
          <dd>
            <span class="id">{item.cid}</span>
            <span class="soft block">{say('item.cidText')}</span>
          </dd>
        </div>
      </dl>
    </section>
  )
}

/** A node without a clock may say anything. */
function addedAt(iso: string, format: (ms: number) => string): string {
  const ms = Date.parse(iso)
  return Number.isNaN(ms) ? '' : format(ms)
}
