// SPDX-License-Identifier: AGPL-3.0-or-later
/** What the node holds: all of it for the owner, what is public for everybody. */
import { useEffect, useState } from 'preact/hooks'
import { ITEMS_SHOWN_MAX, SEARCH_PAUSE_MS } from '../limits.ts'
import { Button, Icon, PanelOf, usePage, usePicture } from '../parts/parts.ts'
import { AddButton } from './add.tsx'
import { FetchDialog } from './fetch.tsx'
import { ItemRows } from './item-rows.tsx'
import { TransferRows } from './transfers.tsx'

export function ItemsView() {
  const { session, speech } = usePage()
  const { say } = speech
  const role = usePicture((picture) => picture.role)
  const panel = usePicture((picture) => picture.items)
  const [isFetching, setFetching] = useState(false)
  return (
    <>
      <h1>{say('items.title')}</h1>
      <p class="soft">{say(role === 'owner' ? 'items.ownerText' : 'items.guestText')}</p>
      {role === 'owner' ? (
        <div class="actions">
          <AddButton />
          <Button icon="fetch" onClick={() => setFetching(true)}>
            {say('fetch.button')}
          </Button>
        </div>
      ) : null}
      {role === 'owner' ? <TransferRows id="transfers" /> : null}
      <section class="card" aria-label={say('items.title')}>
        <Search />
        <PanelOf panel={panel} name="items" rows={6}>
          {(list) => (
            <>
              <p class="soft count" role="status">
                {say(role === 'owner' ? 'items.count' : 'items.publicCount', {
                  count: list.itemsCount,
                })}
              </p>
              <ItemRows list={list} />
              {list.next === null ? null : list.items.length < ITEMS_SHOWN_MAX ? (
                <Button onClick={() => void session.showMoreItems()}>{say('items.more')}</Button>
              ) : (
                <p class="soft">{say('items.tooMany', { count: list.items.length })}</p>
              )}
            </>
          )}
        </PanelOf>
      </section>
      {isFetching ? <FetchDialog onClose={() => setFetching(false)} /> : null}
    </>
  )
}

function Search() {
  const { session, speech } = usePage()
  const { say } = speech
  const [text, setText] = useState(session.store.picture.search)
  useEffect(() => {
    if (text === session.store.picture.search) return undefined
    // Not at each letter: the node looks through all of its items.
    const timer = setTimeout(() => void session.search(text), SEARCH_PAUSE_MS)
    return () => clearTimeout(timer)
  }, [text, session])
  return (
    <search>
      <form
        class="search"
        onSubmit={(event) => {
          event.preventDefault()
          void session.search(text)
        }}
      >
        <Icon name="search" />
        <input
          type="search"
          value={text}
          maxLength={200}
          placeholder={say('items.searchHint')}
          aria-label={say('items.search')}
          onInput={(event) => setText(event.currentTarget.value)}
        />
      </form>
    </search>
  )
}
