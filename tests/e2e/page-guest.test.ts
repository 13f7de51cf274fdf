// SPDX-License-Identifier: AGPL-3.0-or-later
/** What a visitor does on the page of a real node: looks, reads, listens, watches, hands on. */
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ItemFacts } from '../../src/contract/contract.ts'
import { hasBrowser } from '../support/browser.ts'
import { until } from '../support/daemon.ts'
import { readQrCode } from '../support/qr-reader.ts'
import {
  addSamples,
  buildProgram,
  type Eyes,
  goTo,
  openEyes,
  openItem,
  openPage,
  outsiders,
  type PageNode,
  startPageNode,
  untilTrue,
  WIDTHS,
} from './page-support.ts'

let school: PageNode
let bakery: PageNode
let eyes: Eyes
let items: ReadonlyMap<string, ItemFacts>

function itemOf(file: string): ItemFacts {
  const item = items.get(file)
  if (item === undefined) throw new Error(`there is no ${file}`)
  return item
}

describe.skipIf(!hasBrowser())('a guest', () => {
  beforeAll(async () => {
    const command = buildProgram()
    bakery = await startPageNode({ name: 'Bakery', command })
    school = await startPageNode({ name: 'School', command, others: [bakery] })
    items = await addSamples(school)
    eyes = await openEyes()
  })

  afterAll(async () => {
    await eyes?.close()
    for (const node of [school, bakery]) await node?.daemon.stop()
  })

  describe.each(WIDTHS)('at %i pixels', (width) => {
    let page: Page

    beforeAll(async () => {
      page = await openPage(eyes, school.url, width)
    })

    afterAll(() => page.close())

    test('hears the verdict first, and who is next door', async () => {
      await page.getByRole('heading', { level: 1, name: /^This node / }).waitFor()
      await page.getByText('It has one neighbour.').waitFor()
      await page.getByText('School', { exact: true }).first().waitFor()
      expect(await page.getByText('Add files').count()).toBe(0)
      await goTo(page, 'Neighbours')
      await page.getByRole('main').getByText('Bakery').first().waitFor()
      await goTo(page, 'Machine')
      await page.getByText('Running for').waitFor()
      expect(await page.getByText('Data folder').count()).toBe(0)
      await goTo(page, 'Log')
      await page.getByText('The node was started.').waitFor()
    })

    test('finds what is public, and nothing runs over the edge', async () => {
      await goTo(page, 'Items')
      await page.getByText('9 public items').waitFor()
      const field = page.getByRole('searchbox')
      await field.fill('gorri')
      await page.getByText('One public item').waitFor()
      await field.fill('')
      await page.getByText('9 public items').waitFor()
      for (const place of ['Overview', 'Neighbours', 'Items', 'Machine', 'Log']) {
        await goTo(page, place)
        await page.getByRole('heading', { level: 1 }).waitFor()
        const contentWidth = await page.evaluate('document.documentElement.scrollWidth')
        expect(contentWidth, place).toBeLessThanOrEqual(width)
      }
    })

    test('reads a text in its language', async () => {
      await openItem(page, 'La antena y el gorrión')
      const text = page.getByRole('region', { name: 'Text' })
      await text.getByText('gorrión').first().waitFor()
      expect(await text.locator('pre').getAttribute('lang')).toBe('es')
    })

    test.each(['dusk.svg', 'dusk.jpg'])('sees a picture: %s', async (file) => {
      await openItem(page, itemOf(file).title)
      const picture = page.getByRole('img', { name: file })
      await picture.waitFor()
      await untilTrue(page, `document.querySelector('img.media')?.naturalWidth > 0`)
    })

    test('hears a sound', async () => {
      await openItem(page, 'Evening Round')
      const sound = `document.querySelector('audio.media')`
      await untilTrue(page, `${sound}?.duration > 1`)
      await page.evaluate(`${sound}.play()`)
      await untilTrue(page, `${sound}.currentTime > 0`)
      await page.evaluate(`${sound}.pause()`)
    })

    test('watches a film, from wherever in it', async () => {
      await openItem(page, 'Lights Going On')
      const film = `document.querySelector('video.media')`
      await untilTrue(page, `${film}?.duration > 6`)
      await page.evaluate(`${film}.currentTime = 6`)
      await untilTrue(page, `!${film}.seeking && ${film}.readyState >= 2`)
      expect(await page.evaluate(`${film}.currentTime`)).toBeCloseTo(6)
      expect(await page.evaluate(`${film}.videoWidth`)).toBeGreaterThan(0)
    })

    test('opens a PDF and a website in tabs of the gateway', async () => {
      await openItem(page, 'How to put up a node')
      const pdf = page.getByRole('link', { name: 'Open in a tab' })
      const pdfCid = itemOf('put-up-a-node.pdf').cid
      expect(await pdf.getAttribute('href')).toBe(`${school.gatewayUrl}/ipfs/${pdfCid}`)
      expect(await pdf.getAttribute('target')).toBe('_blank')
      expect(await pdf.getAttribute('rel')).toContain('noopener')
      await openItem(page, itemOf('neighbourhood-map').title)
      await page.getByRole('link', { name: /^index\.html/ }).waitFor()
      const [tab] = await Promise.all([
        eyes.context.waitForEvent('page'),
        page.getByRole('link', { name: 'Open in a tab' }).click(),
      ])
      await tab.waitForLoadState()
      expect(new URL(tab.url()).origin).toBe(school.gatewayUrl)
      await tab.close()
    })

    test('walks into a folder and back', async () => {
      await openItem(page, itemOf('neighbourhood-map').title)
      await page.getByRole('link', { name: /^map\.png/ }).click()
      await page.getByRole('heading', { level: 1, name: 'map.png' }).waitFor()
      await untilTrue(page, `document.querySelector('img.media')?.naturalWidth > 0`)
      await page.goBack()
      await page.getByRole('link', { name: /^style\.css/ }).waitFor()
    })

    test('hands on a link, which is what the code beside it says', async () => {
      await openItem(page, 'The Lamp on Harbour Street')
      await page.getByRole('button', { name: 'Share' }).click()
      const dialog = page.getByRole('dialog', { name: 'Share' })
      const link = await dialog.getByRole('textbox', { name: 'Link' }).inputValue()
      expect(link).toBe(`${school.url}/#/item/${itemOf('the-lamp-on-harbour-street.txt').cid}`)
      expect(await readQrCode(dialog.getByRole('img', { name: 'QR code' }))).toBe(link)
      await page.keyboard.press('Escape')
      await dialog.waitFor({ state: 'detached' })
      // Whoever scans it stands before the same item.
      const other = await openPage(eyes, link, width)
      await other.getByRole('heading', { level: 1, name: 'The Lamp on Harbour Street' }).waitFor()
      await other.close()
    })

    test('chooses a language and a look, which the next visit has too', async () => {
      await page.getByRole('button', { name: 'Settings' }).click()
      await page.getByRole('radio', { name: 'Deutsch' }).check()
      await page.getByRole('radio', { name: 'Dunkel' }).check()
      await page.keyboard.press('Escape')
      await page.reload()
      await page.getByRole('navigation', { name: 'Orte' }).waitFor()
      expect(await page.evaluate('document.documentElement.lang')).toBe('de')
      const ground = (): Promise<string> =>
        page.evaluate('getComputedStyle(document.body).backgroundColor')
      const dark = await ground()
      await page.getByRole('button', { name: 'Einstellungen' }).click()
      await page.getByRole('radio', { name: 'Hell' }).check()
      await until('it is light', 10_000, async () => (await ground()) !== dark)
      await page.getByRole('radio', { name: 'Wie das Gerät' }).check()
      await page.getByRole('radio', { name: 'English' }).check()
      await page.keyboard.press('Escape')
      await page.getByRole('navigation', { name: 'Places' }).waitFor()
    })
  })

  test('asked nobody but this node, and nothing complained', () => {
    expect(outsiders(eyes, [school])).toEqual([])
    expect(eyes.complaints).toEqual([])
  })
})
