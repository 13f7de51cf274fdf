// SPDX-License-Identifier: AGPL-3.0-or-later
/** One item, or a place within one: looked at, played, read, saved, shared; changed by its owner. */
import { useState } from 'preact/hooks'
import {
  Button,
  Empty,
  Icon,
  Prose,
  Skeleton,
  sayTrouble,
  shortCid,
  shortened,
  titleOf,
  usePage,
  usePicture,
} from '../parts/parts.ts'
import { type AnyItem, formatRoute, isOwnItem, type Trouble, type Wanted } from '../state/state.ts'
import { FetchDialog } from './fetch.tsx'
import { ItemActions } from './item-actions.tsx'
import { ItemFactsList } from './item-facts.tsx'
import { ItemBadges } from './item-rows.tsx'
import { useLoaded } from './loading.ts'
import { Viewing } from './viewing.tsx'

export function ItemView({ cid, path }: Wanted) {
  const { session, speech } = usePage()
  const role = usePicture((picture) => picture.role)
  // Whatever is heard of it is shown at once.
  const heard = usePicture(
    ({ changedItems, items }) =>
      changedItems.find((item) => item.cid === cid) ??
      items.value?.items.find((item) => item.cid === cid),
  )
  const isThere = usePicture((picture) => picture.status.value !== undefined)
  const loaded = useLoaded(`${cid} ${role} ${isThere}`, (signal) => session.item(cid, signal))
  const item = heard ?? loaded.value
  return (
    <>
      <p class="back">
        <a href="#/items">
          <Icon name="back" />
          {speech.say('item.back')}
        </a>
      </p>
      {item !== undefined ? (
        <Shown item={item} path={path} />
      ) : loaded.trouble === undefined ? (
        <section class="card">
          <Skeleton rows={5} />
        </section>
      ) : (
        <NotHere cid={cid} trouble={loaded.trouble} onAgain={loaded.again} />
      )}
    </>
  )
}

function Shown({ item, path }: { item: AnyItem; path: string }) {
  const { say } = usePage().speech
  const name = path === '' ? titleOf(item) : (path.split('/').at(-1) ?? path)
  return (
    <>
      <article class="card item">
        <Trail item={item} path={path} />
        <div class="card-head">
          <h1>
            <bdi>{shortened(name)}</bdi>
          </h1>
          <ItemBadges item={item} />
        </div>
        {path === '' && item.description !== '' ? (
          <Prose text={item.description} language={item.language} />
        ) : null}
        {isOwnItem(item) && item.isWithdrawn ? (
          <p class="note warning">{say('item.withdrawn')}</p>
        ) : null}
        {isOwnItem(item) && item.refused !== null ? (
          <p class="note warning" lang="en">
            {shortened(item.refused, 500)}
          </p>
        ) : null}
        {isOwnItem(item) && item.state === 'damaged' ? (
          <p class="note error">{say('item.damaged')}</p>
        ) : null}
        <Viewing item={item} path={path} />
        <ItemActions item={item} path={path} />
      </article>
      <ItemFactsList item={item} />
    </>
  )
}

function Trail({ item, path }: { item: AnyItem; path: string }) {
  const { say } = usePage().speech
  if (path === '') return null
  const steps = path.split('/')
  return (
    <nav class="trail" aria-label={say('item.trail')}>
      <ol>
        <li>
          <a href={formatRoute({ view: 'item', cid: item.cid, path: '' })}>
            <bdi>{shortened(titleOf(item))}</bdi>
          </a>
        </li>
        {steps.slice(0, -1).map((step, index) => {
          const upTo = steps.slice(0, index + 1).join('/')
          return (
            <li key={upTo}>
              <a href={formatRoute({ view: 'item', cid: item.cid, path: upTo })}>
                <bdi>{shortened(step)}</bdi>
              </a>
            </li>
          )
        })}
      </ol>
    </nav>
  )
}

/** Scanned or pasted, and not on this node: the owner can have it brought. */
function NotHere(props: { cid: string; trouble: Trouble; onAgain: () => void }) {
  const { speech } = usePage()
  const { say } = speech
  const role = usePicture((picture) => picture.role)
  const [isFetching, setFetching] = useState(false)
  const isAbsent = !props.trouble.code.startsWith('API_')
  return (
    <section class="card">
      <h1 class="id">{shortCid(props.cid)}</h1>
      {isAbsent ? (
        <Empty title={say('item.absent')}>
          {say(role === 'owner' ? 'item.absentOwner' : 'item.absentGuest')}
        </Empty>
      ) : (
        <p class="note warning">{sayTrouble(speech, props.trouble)}</p>
      )}
      <div class="actions">
        {isAbsent && role === 'owner' ? (
          <Button kind="main" icon="fetch" onClick={() => setFetching(true)}>
            {say('item.absentFetch')}
          </Button>
        ) : null}
        <Button onClick={props.onAgain}>{say('tryAgain')}</Button>
      </div>
      {isFetching ? <FetchDialog cid={props.cid} onClose={() => setFetching(false)} /> : null}
    </section>
  )
}
