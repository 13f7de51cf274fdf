// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Pages made on the server, with no script and nothing to load. Here the status page: for an
 * operator on a roof with a phone, and for whoever asks whether the box is well.
 */
import { formatDuration } from '../base/base.ts'
import {
  lossAmountOf,
  type PublicNeighbour,
  type PublicStatus,
  percentOf,
  type Quality,
  qualityOf,
  shortId,
} from '../contract/contract.ts'
import { Html, html } from './html.ts'
import { english, type Messages } from './messages.ts'
import { renderSketch } from './sketch.ts'
import { STYLE } from './style.ts'

export { createGatewayPages } from './gateway-pages.ts'
export { english, type Messages } from './messages.ts'

const REFRESH_SECONDS = 10

/** Characters of what a peer tells about itself: a version with a commit id fits. */
const TOLD_LENGTH_MAX = 32

/** Strokes in a 20 by 20 field: a tick, a raised finger, a cross. */
const BADGE_PATHS: Readonly<Record<PublicStatus['health']['status'], string>> = {
  ok: 'M4 10.5 8.2 15 16 5.5',
  degraded: 'M10 4v7.5M10 15.6v.4',
  failed: 'M5 5l10 10M15 5 5 15',
}

const BARS_BY_QUALITY: Readonly<Record<Quality, number>> = {
  strong: 4,
  good: 3,
  fair: 2,
  weak: 1,
  measuring: 0,
}

export function renderStatusPage(status: PublicStatus, messages: Messages = english): string {
  const page = html`<!doctype html>
<html lang="${messages.language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="refresh" content="${REFRESH_SECONDS}">
<meta name="robots" content="noindex">
<title>${verdictOf(status, messages)} ${messages.product} ${shortId(status.peerId)}</title>
<link rel="icon" href="${iconOf(status)}">
<style>${new Html(STYLE)}</style>
</head>
<body>
<div class="wrap">
<header>
<span class="brand">${messages.product}</span>
<span class="place">${status.city} &middot; <span class="id">${shortId(status.peerId)}</span></span>
</header>
<main>
${renderVerdict(status, messages)}
${renderNotes(status, messages)}
${renderNeighbours(status.neighbours, messages)}
${renderThisNode(status, messages)}
</main>
<footer>
<span>${messages.footer}</span>
<span>${messages.machineReadable} <a href="/v1/status">/v1/status</a>
<a href="/health">/health</a> <a href="/metrics">/metrics</a></span>
</footer>
</div>
</body>
</html>
`
  return page.text
}

function verdictOf(status: PublicStatus, messages: Messages): string {
  switch (status.health.status) {
    case 'ok':
      return messages.verdictOk
    case 'degraded':
      return messages.verdictDegraded
    case 'failed':
      return messages.verdictFailed
  }
}

function renderVerdict(status: PublicStatus, messages: Messages): Html {
  const { neighbours, health } = status
  const nodesCount = new Set(neighbours.map((neighbour) => neighbour.peerId)).size
  const isDrawn = nodesCount > 0
  return html`<section class="card hero ${health.status} ${isDrawn ? 'drawn' : ''}"
aria-labelledby="verdict">
<div class="verdict">
<span class="badge"><svg viewBox="0 0 20 20" aria-hidden="true"
><path d="${BADGE_PATHS[health.status]}"/></svg></span>
<div><h1 id="verdict">${verdictOf(status, messages)}</h1>
<p>${messages.neighboursCount(nodesCount)}</p></div>
</div>
${isDrawn ? renderSketch(neighbours, messages) : ''}
</section>`
}

function renderNotes(status: PublicStatus, messages: Messages): Html {
  const { conditions } = status.health
  if (conditions.length === 0) return html``
  const notes = conditions.map(
    ({ severity, text, advice }) => html`<li class="note ${severity}">
<strong>${messages.severity[severity]}</strong>
<p>${text}</p>
<p><b>${messages.advice}</b> ${advice}</p></li>`,
  )
  return html`<section class="card notes" aria-labelledby="notes">
<h2 id="notes">${messages.notes}</h2><ul>${notes}</ul></section>`
}

function renderNeighbours(neighbours: readonly PublicNeighbour[], messages: Messages): Html {
  const content =
    neighbours.length === 0
      ? html`<div class="empty"><p>${messages.noNeighbours}</p>
<ul>${messages.noNeighboursAdvice.map((advice) => html`<li>${advice}</li>`)}</ul></div>`
      : renderTable(neighbours, messages)
  return html`<section class="card" aria-labelledby="neighbours">
<h2 id="neighbours">${messages.neighbours}</h2>${content}</section>`
}

/** Roles are spelt out: a table shown as cards would lose them in some screen readers. */
function renderTable(neighbours: readonly PublicNeighbour[], messages: Messages): Html {
  const heads = [
    messages.neighbour,
    messages.link,
    messages.roundTrip,
    messages.since,
    messages.lossIn,
    messages.lossOut,
  ]
  return html`<table role="table" aria-labelledby="neighbours">
<thead role="rowgroup"><tr role="row">
${heads.map((head) => html`<th role="columnheader" scope="col">${head}</th>`)}
</tr></thead>
<tbody role="rowgroup">${neighbours.map((neighbour) => renderRow(neighbour, messages))}</tbody>
</table>`
}

function renderRow(neighbour: PublicNeighbour, messages: Messages): Html {
  const quality = renderQuality(qualityOf(neighbour), messages)
  const { peerId, interfaceName, version, rttMs } = neighbour
  const roundTrip = rttMs === null ? messages.unknown : messages.roundTripOf(rttMs)
  const known = messages.sinceOf(formatDuration(neighbour.knownForSeconds))
  const cell = (label: string, value: string): Html =>
    html`<td role="cell" class="figure" data-label="${label}">${value}</td>`
  return html`<tr role="row">
<th role="rowheader" scope="row"><span class="who"><span>
<span class="id" title="${peerId}">${shortId(peerId)}</span>
<span class="sub">${messages.over(interfaceName)}${version === null ? '' : ` · ${shortened(version)}`}</span>
</span>${quality}</span></th>
<td role="cell" class="verdict-cell">${quality}</td>
${cell(messages.roundTrip, roundTrip)}
${cell(messages.since, known)}
${cell(messages.lossIn, lossOf(neighbour.lossIn, messages))}
${cell(messages.lossOut, lossOf(neighbour.lossOut, messages))}
</tr>`
}

/** What a stranger may say about itself in a table cell. */
function shortened(text: string): string {
  return text.length <= TOLD_LENGTH_MAX ? text : `${text.slice(0, TOLD_LENGTH_MAX)}…`
}

function lossOf(loss: number | null, messages: Messages): string {
  return loss === null ? messages.unknown : messages.loss(percentOf(loss), lossAmountOf(loss))
}

function renderQuality(quality: Quality, messages: Messages): Html {
  const bars = [0, 1, 2, 3].map((bar) => {
    const height = 4 + bar * 4
    const shade = bar < BARS_BY_QUALITY[quality] ? 'on' : 'off'
    return html`<rect class="${shade}" x="${bar * 5}" y="${16 - height}" width="3.4"
height="${height}" rx="1"/>`
  })
  return html`<span class="quality ${quality}"><svg viewBox="0 0 19 16" aria-hidden="true"
>${bars}</svg>${messages.quality[quality]}</span>`
}

function renderThisNode(status: PublicStatus, messages: Messages): Html {
  const fact = (label: string, value: string): Html =>
    html`<div><dt>${label}</dt><dd>${value}</dd></div>`
  return html`<section class="card" aria-labelledby="this-node">
<h2 id="this-node">${messages.thisNode}</h2>
<dl>
${fact(messages.city, status.city)}
${fact(messages.uptime, formatDuration(status.uptimeSeconds))}
${fact(messages.publicItems, messages.publicItemsOf(status.publicItemsCount))}
${fact(messages.otherPeers, messages.otherPeersOf(status.otherPeersCount))}
${fact(messages.version, status.version)}
<div class="wide"><dt>${messages.identity}</dt>
<dd><span class="id" title="${status.did}">${shortId(status.peerId)}</span>
<span class="full">${status.peerId}</span></dd></div>
</dl></section>`
}

/** A dot in the browser's tab whose shape, not only its colour, says how the node is. */
function iconOf(status: PublicStatus): string {
  const colour = { ok: '#1e6b4f', degraded: '#b97700', failed: '#a3262a' }[status.health.status]
  const path = BADGE_PATHS[status.health.status]
  const svg =
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 20 20"><circle cx="10" cy="10" r="10" ` +
    `fill="${colour}"/><path d="${path}" transform="translate(3 3) scale(.7)" fill="none" ` +
    `stroke="#fff" stroke-width="3" stroke-linecap="round"/></svg>`
  return `data:image/svg+xml,${encodeURIComponent(svg)}`
}
