// SPDX-License-Identifier: AGPL-3.0-or-later
/** Everybody that this node is linked to, nearest first, with the last minutes of each link. */
import { useState } from 'preact/hooks'
import { type LinkHistory, lossAmountOf, qualityOf, shortId } from '../../../contract/contract.ts'
import { LINKS_SHOWN } from '../limits.ts'
import {
  Button,
  Card,
  NodeName,
  PanelOf,
  QualityBadge,
  Sketch,
  Strip,
  usePage,
  usePicture,
} from '../parts/parts.ts'
import { type LinksPicture, linkKey } from '../state/state.ts'
import type { Speech } from '../words/words.ts'
import { NobodyYet } from './link-rows.tsx'

const KINDS = [
  { kind: 'neighbour', title: 'links.neighbours', text: 'links.neighboursText' },
  { kind: 'segment', title: 'links.segments', text: 'links.segmentsText' },
  { kind: 'peer', title: 'links.peers', text: 'links.peersText' },
] as const

/** Least tops of the strips: milliseconds, a share, bytes a second. */
const ROUND_TRIP_TOP_MS = 5
const LOSS_TOP = 0.1
const TRAFFIC_TOP = 10_000

export function NeighboursView() {
  const { say } = usePage().speech
  const panel = usePicture((picture) => picture.links)
  return (
    <>
      <h1>{say('nav.neighbours')}</h1>
      <PanelOf panel={panel} name="links" rows={6}>
        {(picture) => <AllLinks picture={picture} />}
      </PanelOf>
    </>
  )
}

function AllLinks({ picture }: { picture: LinksPicture }) {
  const { say } = usePage().speech
  return (
    <>
      {picture.links.length === 0 ? null : (
        <figure class="card sketch-figure">
          <Sketch links={picture.links} />
          <figcaption>{say('links.sketchKey')}</figcaption>
        </figure>
      )}
      {KINDS.map(({ kind, title, text }) => {
        const links = picture.links.filter((link) => link.kind === kind)
        if (links.length === 0 && kind !== 'neighbour') return null
        return (
          <Card key={kind} id={`links-${kind}`} title={say(title)} text={say(text)}>
            {links.length === 0 ? (
              <NobodyYet />
            ) : (
              <LinkList links={links} stepSeconds={picture.stepSeconds} />
            )}
          </Card>
        )
      })}
    </>
  )
}

function LinkList({ links, stepSeconds }: { links: readonly LinkHistory[]; stepSeconds: number }) {
  const { say } = usePage().speech
  const [shownCount, setShownCount] = useState(LINKS_SHOWN)
  const hiddenCount = Math.max(0, links.length - shownCount)
  return (
    <>
      <ul class="links">
        {links.slice(0, shownCount).map((link) => (
          <LinkCard key={linkKey(link)} link={link} stepSeconds={stepSeconds} />
        ))}
      </ul>
      {hiddenCount === 0 ? null : (
        <Button onClick={() => setShownCount(shownCount + LINKS_SHOWN)}>
          {say('links.more', { count: Math.min(hiddenCount, LINKS_SHOWN) })}
        </Button>
      )}
    </>
  )
}

function LinkCard({ link, stepSeconds }: { link: LinkHistory; stepSeconds: number }) {
  const { speech } = usePage()
  const { say, figures } = speech
  const { samples } = link
  // Hellos, which tell what is lost, go to neighbours alone.
  const isWatched = link.kind === 'neighbour' || link.lossIn !== null || link.lossOut !== null
  const over =
    link.interfaceName === null ? '' : say('links.over', { interface: link.interfaceName })
  return (
    <li class="link-card">
      <div class="link-head">
        <span class="what">
          <NodeName node={link} />
          <span class="soft">
            <span class="id" title={link.peerId}>
              {shortId(link.peerId)}
            </span>{' '}
            {over}
          </span>
        </span>
        {isWatched ? <QualityBadge quality={qualityOf(link)} /> : null}
      </div>
      <Strip
        label={say('strip.roundTrip')}
        now={link.rttMs === null ? say('unknown') : figures.milliseconds(link.rttMs)}
        series={[samples.rttMs]}
        stepSeconds={stepSeconds}
        leastTop={ROUND_TRIP_TOP_MS}
        format={figures.milliseconds}
      />
      {isWatched ? (
        <Strip
          label={say('strip.lost')}
          now={lossNow(link, speech)}
          series={[samples.lossIn, samples.lossOut]}
          stepSeconds={stepSeconds}
          leastTop={LOSS_TOP}
          format={figures.percent}
        />
      ) : null}
      <Strip
        label={say('strip.traffic')}
        now={say('strip.trafficNow', {
          in: figures.rate(link.receivedBytesPerSecond),
          out: figures.rate(link.sentBytesPerSecond),
        })}
        series={[samples.receivedBytesPerSecond, samples.sentBytesPerSecond]}
        stepSeconds={stepSeconds}
        leastTop={TRAFFIC_TOP}
        format={figures.rate}
      />
      <p class="strip-time soft" aria-hidden="true">
        <span>
          {say('strip.oldest', { duration: figures.duration(samples.rttMs.length * stepSeconds) })}
        </span>
        <span>{say('strip.now')}</span>
      </p>
    </li>
  )
}

function lossNow(link: LinkHistory, { say, figures }: Speech): string {
  if (link.lossIn === null && link.lossOut === null) return say('unknown')
  const words = (loss: number | null): string => {
    if (loss === null) return say('unknown')
    const amount = lossAmountOf(loss)
    return amount === 'none'
      ? say('loss.none')
      : say(`loss.${amount}`, { percent: figures.percent(loss) })
  }
  const both = [
    say('strip.lossIn', { loss: words(link.lossIn) }),
    say('strip.lossOut', { loss: words(link.lossOut) }),
  ]
  return both.join(', ')
}
