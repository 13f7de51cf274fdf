// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * The pages of the gateway for people: what is public here, what is in a folder, and what went
 * wrong. Lists and not tables: each row is a link as wide as a thumb, and reads as one.
 */
import { formatBytes } from '../base/base.ts'
import type {
  FolderPage,
  GatewayProblem,
  HomePage,
  Paging,
  ShownEntry,
} from '../contract/contract.ts'
import { GATEWAY_STYLE } from './gateway-style.ts'
import { Html, html } from './html.ts'
import { english, type GatewayMessages, type Messages } from './messages.ts'
import { STYLE } from './style.ts'

/** Raise it with every change of how a folder looks or reads: caches go by it. */
const PAGES_VERSION = '1'

/** Characters of a title or a name that are shown: longer ones are in the link's own text for search. */
const NAME_LENGTH_MAX = 160

/** Strokes in a 24 by 24 field. Decoration: the words beside them say the same. */
const ICONS = {
  folder:
    'M3 7.5A1.5 1.5 0 0 1 4.5 6H9l2 2.5h8.5A1.5 1.5 0 0 1 21 10v7.5a1.5 1.5 0 0 1-1.5 1.5h-15A1.5 1.5 0 0 1 3 17.5z',
  file: 'M6 3.5h8L18.5 8v12.5h-12.5zM14 3.5V8h4.5',
  symlink: 'M10 14l5-5M9 9.5l2-2a3.5 3.5 0 0 1 5 5l-2 2M15 14.5l-2 2a3.5 3.5 0 0 1-5-5l2-2',
  unknown: 'M9 9a3 3 0 1 1 4.5 2.6c-1 .6-1.5 1.2-1.5 2.4M12 17.5v.5',
  picture: 'M4 5.5h16v13H4zM4 15.5l4.5-4 4 3.5 3-2.5 4.5 3.5M15.5 9.5h.01',
  sound: 'M9 17.5V6l10-2v11.5M9 17.5a2.5 2.5 0 1 1-2.5-2.5H9M19 15.5a2.5 2.5 0 1 1-2.5-2.5H19',
  film: 'M4 6h16v12H4zM10 9.5v5l4.5-2.5z',
  save: 'M12 4v11M7.5 11 12 15.5 16.5 11M5 19.5h14',
} as const

type Icon = keyof typeof ICONS

export interface GatewayPagesMade {
  readonly version: string
  home(page: HomePage): string
  folder(page: FolderPage): string
  problem(problem: GatewayProblem): { html: string; text: string }
}

export function createGatewayPages(messages: Messages = english): GatewayPagesMade {
  return {
    version: `${messages.language}${PAGES_VERSION}`,
    home: (page) => renderHome(page, messages),
    folder: (page) => renderFolder(page, messages),
    problem: (problem) => renderProblem(problem, messages),
  }
}

function renderHome({ items, itemsCount, paging }: HomePage, messages: Messages): string {
  const words = messages.gateway
  const list = items.map(({ href, title, kind, sizeBytes }) =>
    renderRow({ href, name: shortCid(title), icon: iconOfKind(kind), isFolder: false }, [
      formatBytes(sizeBytes),
      wordOfKind(kind, words),
    ]),
  )
  const content =
    itemsCount === 0
      ? html`<p class="sub">${words.nothingYetAdvice}</p>`
      : html`<ul class="rows">${list}</ul>`
  const main = html`<section class="card intro"><h1>${words.welcome}</h1>
<p>${words.welcomeText}</p></section>
<section class="card" aria-labelledby="list">
<h2 id="list">${itemsCount === 0 ? words.nothingYet : words.itemsCount(itemsCount)}</h2>${content}
${renderPaging(paging, words)}</section>`
  return document(words.welcome, main, messages, false)
}

function renderFolder(page: FolderPage, messages: Messages): string {
  const words = messages.gateway
  const title = words.folderOf(shortened(page.name))
  const rows = page.entries.map((entry) => renderEntry(entry, words))
  const content =
    page.entries.length === 0
      ? html`<p class="empty">${words.emptyFolder}</p>`
      : html`<ul class="rows">${rows}</ul>`
  const main = html`${renderTrail(page, words)}
<section class="card" aria-labelledby="list">
<h1 id="list" class="name">${shortened(page.name)}</h1>${content}
${page.isCut ? html`<p class="note">${words.cut}</p>` : ''}
${renderPaging(page.paging, words)}</section>
<section class="card about"><h2>${words.contentId}</h2><p class="full">${page.cid}</p>
<p class="sub">${words.contentIdText}</p></section>`
  return document(title, main, messages, true)
}

function renderProblem(
  { code, status, detail }: GatewayProblem,
  messages: Messages,
): { html: string; text: string } {
  const { title, text, advice } = messages.gateway.problems[code]
  const said = detail === undefined || detail === '' ? text : shortenedText(detail)
  const main = html`<section class="card problem"><p class="number">${status}</p>
<h1>${title}</h1><p>${said}</p><p class="sub">${advice}</p></section>`
  return {
    html: document(title, main, messages, true),
    text: `${title}. ${said}\n${advice}\n`,
  }
}

function renderEntry(entry: ShownEntry, words: GatewayMessages): Html {
  const { name, href, kind, sizeBytes } = entry
  const isFolder = kind === 'folder'
  const size = sizeBytes === undefined ? [] : [formatBytes(sizeBytes)]
  const facts = kind === 'file' ? size : [words.kinds[kind], ...(isFolder ? size : [])]
  const icon = kind === 'file' ? iconOfName(name) : kind
  const save = kind === 'file' ? renderSave(name, href, words) : html``
  return renderRow({ href, name, icon, isFolder }, facts, save)
}

function renderRow(
  row: { href: string; name: string; icon: Icon; isFolder: boolean },
  facts: readonly string[],
  save: Html = html``,
): Html {
  return html`<li><a class="row" href="${row.href}"><span class="icon${row.isFolder ? ' of-folder' : ''}"
>${drawIcon(row.icon)}</span><span class="what"><bdi class="title">${shortened(row.name)}</bdi>
<span class="sub">${facts.join(' · ')}</span></span></a>${save}</li>`
}

function renderSave(name: string, href: string, words: GatewayMessages): Html {
  const label = words.saveOf(shortened(name))
  return html`<a class="save" href="${href}?download=true" aria-label="${label}" title="${words.save}"
>${drawIcon('save')}</a>`
}

function renderTrail({ trail }: FolderPage, words: GatewayMessages): Html {
  // At the root there is nowhere to go up to but the first page, which every page links to.
  if (trail.length < 2) return html``
  const steps = trail.map(({ name, href }, depth) =>
    depth === trail.length - 1
      ? html`<li aria-current="page"><bdi>${shortened(name)}</bdi></li>`
      : html`<li><a href="${href}"><bdi>${depth === 0 ? shortCid(name) : shortened(name)}</bdi></a></li>`,
  )
  return html`<nav class="trail" aria-label="${words.trail}"><ol>${steps}</ol></nav>`
}

function renderPaging({ previous, next }: Paging, words: GatewayMessages): Html {
  if (previous === undefined && next === undefined) return html``
  const link = (href: string | undefined, rel: string, text: string): Html =>
    href === undefined ? html`<span></span>` : html`<a rel="${rel}" href="${href}">${text}</a>`
  return html`<nav class="paging" aria-label="${words.pages}">
${link(previous, 'prev', words.previous)}${link(next, 'next', words.next)}</nav>`
}

function document(title: string, main: Html, messages: Messages, hasHome: boolean): string {
  const words = messages.gateway
  const page = html`<!doctype html>
<html lang="${messages.language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="robots" content="noindex">
<title>${title} &middot; ${messages.product}</title>
<link rel="icon" href="data:,">
<style>${new Html(STYLE + GATEWAY_STYLE)}</style>
</head>
<body>
<div class="wrap narrow">
<header><span class="brand">${messages.product}</span>
${hasHome ? html`<a class="place" href="/">${words.home}</a>` : ''}</header>
<main>${main}</main>
<footer><span>${words.status}</span></footer>
</div>
</body>
</html>
`
  return page.text
}

function drawIcon(icon: Icon): Html {
  return html`<svg viewBox="0 0 24 24" aria-hidden="true"><path d="${ICONS[icon]}"/></svg>`
}

/** The media type of folders on a free desktop. */
const FOLDER_KIND = 'inode/directory'

function iconOfKind(kind: string): Icon {
  if (kind.startsWith('image/')) return 'picture'
  if (kind.startsWith('audio/')) return 'sound'
  if (kind.startsWith('video/')) return 'film'
  return kind === FOLDER_KIND ? 'folder' : 'file'
}

/** A word for a media type; the type itself where there is no better one. */
function wordOfKind(kind: string, words: GatewayMessages): string {
  if (kind === FOLDER_KIND) return words.kinds.folder
  if (kind === 'application/octet-stream') return words.kinds.file
  return words.kindOf(kind) ?? kind
}

const NAMES_BY_ICON: readonly (readonly [Icon, RegExp])[] = [
  ['picture', /\.(?:avif|bmp|gif|ico|jpe?g|png|svg|webp)$/i],
  ['sound', /\.(?:aac|flac|m4a|mp3|oga|ogg|opus|wav)$/i],
  ['film', /\.(?:avi|m4v|mkv|mov|mp4|ogv|webm)$/i],
]

function iconOfName(name: string): Icon {
  return NAMES_BY_ICON.find(([, names]) => names.test(name))?.[0] ?? 'file'
}

/** Whole characters; the ending of a long name tells what it is, so it stays. */
function shortened(name: string): string {
  const characters = [...name]
  if (characters.length <= NAME_LENGTH_MAX) return name
  const ending = characters.slice(-20).join('')
  return `${characters.slice(0, NAME_LENGTH_MAX - 21).join('')}…${ending}`
}

/** Both ends, as people compare them; a root that has a name keeps it. */
function shortCid(name: string): string {
  const isCid = /^b[a-z2-7]{50,}$/.test(name)
  return isCid ? `${name.slice(0, 10)}…${name.slice(-6)}` : shortened(name)
}

function shortenedText(text: string): string {
  return [...text].slice(0, 500).join('')
}
