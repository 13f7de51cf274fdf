// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * `npm run screens`: makes the pictures in `docs/screens/` anew, of the built page and a made-up node,
 * so that no name, address or path of the machine they are made on is in them.
 *
 * `-- --all FOLDER` puts every view there instead, in both widths, both looks and all languages: to be
 * looked through when something about the looks has changed.
 */
import { mkdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { BrowserContext, Page } from 'playwright-core'
import { PIECES } from '../../tools/demo/plan.ts'
import { openBrowser } from '../support/browser.ts'
import { until } from '../support/daemon.ts'
import { FakeNode, OWNER_TOKEN } from '../support/fake-node.ts'
import { makeItem } from '../support/fake-node-facts.ts'
import { buildPageOnce, type ServedNode, serveFakeNode } from '../support/fake-node-server.ts'

const ROOT = new URL('../../', import.meta.url).pathname
const CONTENT = join(ROOT, 'tools', 'demo', 'content')

/** A clone stays small, and a page with pictures quick. */
const BYTES_MAX = 150_000

/** Anything here is drawn within a second; what is not will not be. */
const WAIT_MS_MAX = 15_000

const SIZES = { wide: { width: 1280, height: 860 }, narrow: { width: 390, height: 844 } } as const

type Size = keyof typeof SIZES
type Look = 'light' | 'dark'
type Language = 'en' | 'de' | 'es'

interface Shot {
  name: string
  size: Size
  look: Look
  language: Language
  isGuest?: boolean
  isWhole?: boolean
  show: (page: Page, world: World) => Promise<unknown>
}

interface World {
  node: FakeNode
  served: ServedNode
  cidOf: (file: string) => string
}

const KINDS: Readonly<Record<string, string>> = {
  md: 'text/markdown',
  txt: 'text/plain',
  svg: 'image/svg+xml',
  jpg: 'image/jpeg',
  ogg: 'audio/ogg',
  webm: 'video/webm',
  pdf: 'application/pdf',
}

/** A node with the pieces of the demo. */
function makeNode(): FakeNode {
  const node = new FakeNode()
  node.items = PIECES.map(({ file, title, description, language }) => {
    const path = join(CONTENT, file)
    const kind = KINDS[file.split('.').at(-1) ?? '']
    const item = makeItem({
      name: file,
      title,
      description,
      language,
      licence: 'CC0-1.0',
      sizeBytes: statSync(path).isDirectory() ? 18_800 : statSync(path).size,
      ...(kind === undefined ? { shape: 'folder', kind: 'inode/directory' } : { kind }),
      ...(file === 'dusk.jpg' ? { visibility: 'private' } : {}),
    })
    if (kind?.startsWith('text/')) {
      node.texts.set(`${item.cid}/`, readFileSync(path, 'utf8'))
    }
    return item
  }).reverse()
  // The names that are meant to disturb are for tests.
  node.links = node.links.map((link) =>
    link.name.startsWith('Harbour') ? { ...link, name: 'Harbour' } : link,
  )
  node.happenings = node.happenings.filter(({ code }) => code !== 'FETCH_FAILED')
  return node
}

const at = (fragment: string, ready: string) => async (page: Page) => {
  await page.evaluate(`location.hash = ${JSON.stringify(fragment)}`)
  await page.locator(ready).first().waitFor()
}

const anItem =
  (file: string, ready: string) =>
  (page: Page, { cidOf }: World) =>
    at(`#/item/${cidOf(file)}`, ready)(page)

const aDialog = (file: string, nth: number) => async (page: Page, world: World) => {
  await anItem(file, '.item-actions .button')(page, world)
  await page.locator('.item-actions .button').nth(nth).click()
  await page.locator('dialog').waitFor()
}

const film = async (page: Page, world: World): Promise<void> => {
  await anItem('lights-going-on.webm', 'video.media')(page, world)
  const seen = `document.querySelector('video.media')`
  await until('the film is there', WAIT_MS_MAX, async () =>
    Boolean(await page.evaluate(`${seen}.readyState > 0`)),
  )
  await page.evaluate(`${seen}.currentTime = 7`)
  await until('its middle is there', WAIT_MS_MAX, async () =>
    Boolean(await page.evaluate(`!${seen}.seeking && ${seen}.readyState >= 2`)),
  )
}

const adding = async (page: Page): Promise<void> => {
  await at('#/items', '.file-button')(page)
  await page.locator('.file-button input').setInputFiles(join(CONTENT, 'dusk.jpg'))
  await page.locator('dialog').waitFor()
}

const away = async (page: Page, { node }: World): Promise<void> => {
  node.isAway = true
  node.hangUp()
  await at('#/', '.away')(page)
}

const settings = async (page: Page): Promise<void> => {
  await page.locator('.top .icon-button').click()
  await page.locator('dialog').waitFor()
}

/** Every view, by what shows it. */
const VIEWS: Readonly<Record<string, Shot['show']>> = {
  overview: at('#/', '.hero.drawn'),
  neighbours: at('#/neighbours', '.links .strip canvas'),
  items: at('#/items', '.rows .row'),
  text: anItem('roggenbrot.md', '.reading'),
  picture: anItem('dusk.svg', 'img.media'),
  film,
  sound: anItem('evening-round.ogg', 'audio.media'),
  machine: at('#/machine', '.meter'),
  log: at('#/log', '.log .row'),
  add: adding,
  fetch: async (page) => {
    await at('#/items', '.file-button')(page)
    await page.locator('.content > .actions > .button').last().click()
    await page.locator('dialog').waitFor()
  },
  share: aDialog('lights-going-on.webm', 0),
  publish: aDialog('dusk.jpg', 1),
  edit: aDialog('dusk.svg', 2),
  remove: aDialog('dusk.svg', 3),
  settings,
  absent: at('#/item/bafkreiaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', '.empty'),
  nowhere: at('#/nowhere/at/all', 'h1'),
  offline: away,
}

/** What `docs/screens/` has. */
const KEPT: readonly Shot[] = [
  shot('overview', 'overview-wide', 'wide', 'light'),
  shot('overview', 'overview-narrow', 'narrow', 'light'),
  shot('overview', 'overview-narrow-dark', 'narrow', 'dark'),
  shot('neighbours', 'neighbours-wide-dark', 'wide', 'dark'),
  shot('items', 'items-wide', 'wide', 'light'),
  { ...shot('items', 'items-narrow-guest', 'narrow', 'light', 'es'), isGuest: true },
  shot('film', 'film-narrow-dark', 'narrow', 'dark'),
  shot('text', 'text-narrow', 'narrow', 'light', 'de'),
  shot('share', 'share-narrow', 'narrow', 'light'),
  shot('add', 'add-narrow', 'narrow', 'light'),
  shot('machine', 'machine-wide', 'wide', 'light'),
  shot('log', 'log-narrow-dark', 'narrow', 'dark'),
  shot('offline', 'offline-narrow', 'narrow', 'light'),
]

function shot(
  view: string,
  name: string,
  ...[size, look, language = 'en']: [Size, Look, Language?]
): Shot {
  const show = VIEWS[view]
  if (show === undefined) throw new Error(`there is no view ${view}`)
  return { name, size, look, language, show }
}

function allShots(): readonly Shot[] {
  return Object.keys(VIEWS).flatMap((view) =>
    (['en', 'de', 'es'] as const).flatMap((language) =>
      (['wide', 'narrow'] as const).map((size) => {
        // Each look with each width, and with each language, in half as many pictures.
        const look = (language === 'de') === (size === 'wide') ? 'dark' : 'light'
        const made = shot(view, `${view}-${language}-${size}-${look}`, size, look, language)
        return { ...made, isWhole: !/dialog/.test(view) }
      }),
    ),
  )
}

async function take(context: BrowserContext, built: string, made: Shot, folder: string) {
  const node = makeNode()
  const cids = new Map(node.items.map(({ name, cid }) => [name, cid]))
  const files = new Map(node.items.map(({ name, cid, kind }) => [cid, { name, kind }]))
  const served = await serveFakeNode(node, built, (path) => {
    const found = files.get(path.split('/').at(-1) ?? '')
    if (found === undefined) return undefined
    return { type: found.kind, bytes: readFileSync(join(CONTENT, found.name)) }
  })
  const page = await context.newPage()
  try {
    await page.setViewportSize(SIZES[made.size])
    await page.addInitScript(`try {
      localStorage.setItem('citynode.language', ${JSON.stringify(made.language)})
      localStorage.setItem('citynode.look', ${JSON.stringify(made.look)})
    } catch {}`)
    await page.goto(`${served.url}/${made.isGuest === true ? '' : `#token=${OWNER_TOKEN}`}`)
    await page.locator('.hero.drawn').waitFor()
    await made.show(page, { node, served, cidOf: (file) => cids.get(file) ?? '' })
    const path = join(folder, `${made.name}.png`)
    await page.screenshot({ path, fullPage: made.isWhole === true, animations: 'disabled' })
    const { size } = statSync(path)
    console.log(`${path}  ${Math.ceil(size / 1_000)} kB`)
    if (made.isWhole !== true && size > BYTES_MAX) {
      throw new Error(`${path} has ${size} bytes: at most ${BYTES_MAX} may be kept`)
    }
  } finally {
    await page.close()
    await served.stop()
  }
}

const flag = process.argv.indexOf('--all')
const isAll = flag !== -1
const folder = isAll ? (process.argv[flag + 1] ?? '') : join(ROOT, 'docs', 'screens')
mkdirSync(folder, { recursive: true })
const built = buildPageOnce()
const browser = await openBrowser('unused.example')
try {
  const context = await browser.newContext({ timezoneId: 'Europe/Lisbon', locale: 'en-GB' })
  context.setDefaultTimeout(WAIT_MS_MAX)
  for (const made of isAll ? allShots() : KEPT) await take(context, built, made, folder)
} finally {
  await browser.close()
  rmSync(built, { recursive: true, force: true })
}
