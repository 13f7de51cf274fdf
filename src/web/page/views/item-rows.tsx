// SPDX-License-Identifier: AGPL-3.0-or-later
/** A list of items: each row is a link as wide as a thumb, and says the same in words. */
import { Badge, Empty, Icon, Name, titleOf, usePage, usePicture } from '../parts/parts.ts'
import { type AnyItem, formatRoute, type ItemsPicture, isOwnItem } from '../state/state.ts'
import { kindOf } from './kinds.ts'

export function ItemRows({ list }: { list: ItemsPicture }) {
  const { say } = usePage().speech
  const role = usePicture((picture) => picture.role)
  if (list.items.length > 0) {
    return (
      <ul class="rows">
        {list.items.map((item) => (
          <ItemRow key={item.cid} item={item} />
        ))}
      </ul>
    )
  }
  if (list.match !== '') {
    return (
      <Empty title={say('items.noMatch', { match: list.match })}>{say('items.noMatchDo')}</Empty>
    )
  }
  return role === 'owner' ? (
    <Empty title={say('items.noneOwner')}>{say('items.noneOwnerDo')}</Empty>
  ) : (
    <Empty title={say('items.noneGuest')}>{say('items.noneGuestDo')}</Empty>
  )
}

function ItemRow({ item }: { item: AnyItem }) {
  const { say, figures } = usePage().speech
  const { word, icon } = kindOf(item.shape === 'folder' ? 'inode/directory' : item.kind)
  return (
    <li>
      <a class="row" href={formatRoute({ view: 'item', cid: item.cid, path: '' })}>
        <span class="tile">
          <Icon name={icon} />
        </span>
        <span class="what">
          <Name text={titleOf(item)} />
          <span class="soft">
            {say(word)} · {figures.bytes(item.sizeBytes)}
          </span>
        </span>
        <ItemBadges item={item} />
      </a>
    </li>
  )
}

export function ItemBadges({ item }: { item: AnyItem }) {
  const { say } = usePage().speech
  if (!isOwnItem(item)) return null
  return (
    <span class="badges">
      {item.state === 'damaged' ? (
        <Badge tone="help" icon="error">
          {say('items.damaged')}
        </Badge>
      ) : null}
      {item.isKept ? null : <Badge>{say('items.temporary')}</Badge>}
      {item.visibility === 'public' ? (
        <Badge tone="ok" icon="globe">
          {say('items.public')}
        </Badge>
      ) : (
        <Badge icon="lock">{say('items.private')}</Badge>
      )}
    </span>
  )
}
