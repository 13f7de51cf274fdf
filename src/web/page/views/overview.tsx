// SPDX-License-Identifier: AGPL-3.0-or-later
/** The verdict first, in words; then what needs a look; then a little of everything. */
import type { PublicStatus } from '../../../contract/contract.ts'
import { Card, PanelOf, Sketch, usePage, usePicture, VerdictSign } from '../parts/parts.ts'
import { Conditions } from './conditions.tsx'
import { ItemRows } from './item-rows.tsx'
import { LinkRows } from './link-rows.tsx'
import { LogRows } from './log.tsx'
import { TransferRows } from './transfers.tsx'

const ITEMS_ON_OVERVIEW = 4
const LOG_ON_OVERVIEW = 5

export function Overview() {
  const { say } = usePage().speech
  const status = usePicture((picture) => picture.status.value)
  const links = usePicture((picture) => picture.links)
  const items = usePicture((picture) => picture.items)
  const happenings = usePicture((picture) => picture.happenings)
  const runs = usePicture((picture) => picture.role === 'owner')
  return (
    <>
      <Verdict />
      {status === undefined ? null : <Conditions conditions={status.health.conditions} />}
      <div class="columns">
        <Card
          id="overview-links"
          title={say('links.neighbours')}
          aside={<a href="#/neighbours">{say('links.all')}</a>}
        >
          <PanelOf panel={links} name="links">
            {({ links }) => <LinkRows links={links.filter(({ kind }) => kind === 'neighbour')} />}
          </PanelOf>
        </Card>
        <Card
          id="overview-items"
          title={say('items.newest')}
          aside={<a href="#/items">{say('items.all')}</a>}
        >
          <PanelOf panel={items} name="items">
            {(list) => (
              <ItemRows list={{ ...list, items: list.items.slice(0, ITEMS_ON_OVERVIEW) }} />
            )}
          </PanelOf>
        </Card>
        {runs ? <TransferRows id="overview-transfers" onlyRunning /> : null}
        <Card
          id="overview-log"
          title={say('log.title')}
          aside={<a href="#/log">{say('log.all')}</a>}
        >
          <PanelOf panel={happenings} name="happenings">
            {(heard) => <LogRows happenings={heard.slice(0, LOG_ON_OVERVIEW)} />}
          </PanelOf>
        </Card>
      </div>
    </>
  )
}

function Verdict() {
  const { say } = usePage().speech
  const status = usePicture((picture) => picture.status.value)
  const isOffline = usePicture((picture) => picture.connection.phase === 'offline')
  const links = usePicture((picture) => picture.links.value?.links ?? [])
  const state = isOffline || status === undefined ? 'unknown' : status.health.status
  const verdict = isOffline
    ? say('verdict.offline')
    : status === undefined
      ? say('verdict.loading')
      : say(`verdict.${status.health.status}`)
  return (
    <section
      class={`hero ${links.length > 0 ? 'drawn' : ''} ${isOffline ? 'stale' : ''}`}
      aria-labelledby="verdict"
    >
      <div class="verdict">
        <VerdictSign state={state} />
        <div role="status" aria-live="polite">
          <h1 id="verdict">{verdict}</h1>
          {status === undefined ? null : <Company status={status} />}
        </div>
      </div>
      {links.length === 0 ? null : (
        <figure class="sketch-figure">
          <Sketch links={links} />
          <figcaption>{say('links.sketchKey')}</figcaption>
        </figure>
      )}
    </section>
  )
}

function Company({ status }: { status: PublicStatus }) {
  const { say } = usePage().speech
  const neighbours = new Set(status.neighbours.map(({ peerId }) => peerId))
  const others = say('verdict.peers', { count: status.otherPeersCount })
  return (
    <p>
      {say('verdict.neighbours', { count: neighbours.size })} {others}
    </p>
  )
}
