// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * A small drawing: this node in the middle, the nodes that it is linked to around it, each line as
 * its link is. Decoration: the list beside it says all of it in words.
 */
import { type LinkHistory, type Quality, qualityOf, shortId } from '../../../contract/contract.ts'
import { linkKey } from '../state/state.ts'
import { usePage } from './context.ts'
import { shortened } from './names.tsx'

/** More than these would touch each other; the list has them all. */
const SKETCH_LINKS_MAX = 12
/** Characters under a dot, so that two do not run into each other. */
const LABEL_LENGTH_MAX = 14
const WIDTH = 360
const HEIGHT = 260
const RADIUS_X = 128
const RADIUS_Y = 88
const CENTRE = { x: WIDTH / 2, y: HEIGHT / 2 }

interface Place {
  link: LinkHistory
  quality: Quality
  x: number
  y: number
}

export function Sketch({ links }: { links: readonly LinkHistory[] }) {
  const { say } = usePage().speech
  const places = placesOf(links)
  return (
    <svg
      class="sketch"
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      role="img"
      aria-label={say('links.sketch')}
    >
      <ellipse class="orbit" cx={CENTRE.x} cy={CENTRE.y} rx={RADIUS_X} ry={RADIUS_Y} />
      {places.map(({ link, quality, x, y }) => (
        <line
          key={linkKey(link)}
          class={`link link-${link.kind} link-${quality}`}
          x1={CENTRE.x}
          y1={CENTRE.y}
          x2={x}
          y2={y}
        />
      ))}
      {places.map((place) => (
        <Dot key={linkKey(place.link)} {...place} />
      ))}
      <circle class="self-halo" cx={CENTRE.x} cy={CENTRE.y} r="30" />
      <circle class="self" cx={CENTRE.x} cy={CENTRE.y} r="21" />
      <path
        class="self-mark"
        transform={`translate(${CENTRE.x - 10} ${CENTRE.y - 10})`}
        d="M2 10 10 3l8 7M4.5 8.5V17h11V8.5M8.5 17v-5h3v5"
      />
    </svg>
  )
}

function Dot({ link, quality, x, y }: Place) {
  const label = link.name === '' ? shortId(link.peerId) : shortened(link.name, LABEL_LENGTH_MAX + 6)
  const isAbove = y < CENTRE.y - 4
  return (
    <g>
      <circle class={`other other-${link.kind} other-${quality}`} cx={x} cy={y} r="11" />
      <text class="other-name" x={x} y={isAbove ? y - 17 : y + 25} text-anchor="middle">
        {[...label].slice(0, LABEL_LENGTH_MAX).join('')}
      </text>
    </g>
  )
}

/** Neighbours first; evenly around, so that two names do not stand in one line of text. */
function placesOf(links: readonly LinkHistory[]): readonly Place[] {
  const ranks = { neighbour: 0, segment: 1, peer: 2 }
  const shown = [...links].sort((a, b) => ranks[a.kind] - ranks[b.kind]).slice(0, SKETCH_LINKS_MAX)
  return shown.map((link, index) => {
    const angle = -Math.PI * 0.75 + (2 * Math.PI * index) / shown.length
    return {
      link,
      quality: qualityOf(link),
      x: Math.round(CENTRE.x + RADIUS_X * Math.cos(angle)),
      y: Math.round(CENTRE.y + RADIUS_Y * Math.sin(angle)),
    }
  })
}
