// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * A small drawing: this node in the middle, its neighbours around it, each line drawn as its link
 * is (solid and thick, thin, dashed, dotted). Decoration: the list says all of it in words.
 */
import { type PublicNeighbour, qualityOf, shortId } from '../contract/contract.ts'
import { type Html, html } from './html.ts'
import type { Messages } from './messages.ts'

/** More than these would touch each other; the list has them all. */
const SKETCH_NEIGHBOURS_MAX = 12
const WIDTH = 340
const HEIGHT = 250
const RADIUS_X = 122
const RADIUS_Y = 86

export function renderSketch(neighbours: readonly PublicNeighbour[], messages: Messages): Html {
  const shown = neighbours.slice(0, SKETCH_NEIGHBOURS_MAX)
  const places = shown.map((neighbour, index) => ({
    neighbour,
    ...placeOf(index, shown.length),
  }))
  return html`<svg class="sketch" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img"
    aria-label="${messages.map}">
    <ellipse class="orbit" cx="${WIDTH / 2}" cy="${HEIGHT / 2}" rx="${RADIUS_X}" ry="${RADIUS_Y}"/>
    ${places.map(({ neighbour, x, y }) => renderLink(qualityOf(neighbour), x, y))}
    ${places.map(({ neighbour, x, y }) => renderNeighbour(neighbour, x, y))}
    <circle class="self-halo" cx="${WIDTH / 2}" cy="${HEIGHT / 2}" r="30"/>
    <circle class="self" cx="${WIDTH / 2}" cy="${HEIGHT / 2}" r="21"/>
    <path class="self-mark" transform="translate(${WIDTH / 2 - 10} ${HEIGHT / 2 - 10})"
      d="M2 10 10 3l8 7M4.5 8.5V17h11V8.5M8.5 17v-5h3v5"/>
  </svg>`
}

function renderLink(quality: string, x: number, y: number): Html {
  return html`<line class="link link-${quality}" x1="${WIDTH / 2}" y1="${HEIGHT / 2}"
    x2="${x}" y2="${y}"/>`
}

function renderNeighbour(neighbour: PublicNeighbour, x: number, y: number): Html {
  const isAbove = y < HEIGHT / 2 - 4
  return html`<circle class="other other-${qualityOf(neighbour)}" cx="${x}" cy="${y}" r="11"/>
    <text class="other-name" x="${x}" y="${isAbove ? y - 17 : y + 25}"
      text-anchor="middle">${shortId(neighbour.peerId)}</text>`
}

/** Evenly around, the first at the upper left so that two do not stand in one line of text. */
function placeOf(index: number, count: number): { x: number; y: number } {
  const angle = -Math.PI * 0.75 + (2 * Math.PI * index) / Math.max(count, 1)
  return {
    x: Math.round(WIDTH / 2 + RADIUS_X * Math.cos(angle)),
    y: Math.round(HEIGHT / 2 + RADIUS_Y * Math.sin(angle)),
  }
}
