// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * The page for whoever does not see it, or has no mouse; and in a flood of events. With a made-up node,
 * which has everything at once: links of each quality, damaged items, names that are meant to disturb.
 */
import { rmSync } from 'node:fs'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { findAxeViolations } from '../support/axe.ts'
import { hasBrowser } from '../support/browser.ts'
import { FakeNode, OWNER_TOKEN } from '../support/fake-node.ts'
import { LINKS, STEP_SECONDS } from '../support/fake-node-facts.ts'
import { buildPageOnce, type ServedNode, serveFakeNode } from '../support/fake-node-server.ts'
import { type Eyes, openEyes, openPage, outsiders, WIDTHS } from './page-support.ts'

const FLOOD_EVENTS = 2_000

let built: string
let eyes: Eyes
let node: FakeNode
let served: ServedNode

/** Presses Tab until the named thing has the focus, as whoever has no mouse does. */
async function tabTo(page: Page, name: string): Promise<void> {
  for (let step = 0; step < 60; step++) {
    await page.keyboard.press('Tab')
    const focused = await page.evaluate<string>(`(() => {
      const { activeElement: at } = document
      return at.getAttribute('aria-label') ?? at.labels?.[0]?.textContent ?? at.textContent
    })()`)
    if (focused.startsWith(name)) return
  }
  throw new Error(`the keyboard does not get to ${name}`)
}

describe.skipIf(!hasBrowser())('the page', () => {
  beforeAll(async () => {
    built = buildPageOnce()
    eyes = await openEyes()
    node = new FakeNode()
    served = await serveFakeNode(node, built)
  })

  afterAll(async () => {
    await eyes?.close()
    await served?.stop()
    rmSync(built, { recursive: true, force: true })
  })

  describe.each(WIDTHS)('at %i pixels', (width) => {
    test.each(['light', 'dark'] as const)('is right for axe in every view: %s', async (scheme) => {
      const page = await openPage(eyes, `${served.url}/#token=${OWNER_TOKEN}`, width)
      await page.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' })
      await page.locator('.hero.drawn').waitFor()
      const cid = node.items.find(({ name }) => name === 'diary.txt')?.cid
      const views = ['', 'neighbours', 'items', 'machine', 'log', `item/${cid}`, 'no/where']
      for (const view of views) {
        await page.evaluate(`location.hash = '#/${view}'`)
        await page.locator('.skeleton').first().waitFor({ state: 'detached' })
        await page.locator('h1').waitFor()
        expect(await findAxeViolations(page), `${view} ${width} ${scheme}`).toEqual([])
      }
      await page.evaluate(`location.hash = '#/item/${cid}'`)
      const actions = page.locator('.item-actions .button')
      await actions.first().waitFor()
      const dialogs = await actions.count()
      for (let nth = 0; nth < dialogs; nth++) {
        await actions.nth(nth).click()
        await page.locator('dialog').waitFor()
        expect(await findAxeViolations(page), `dialog ${nth} ${width} ${scheme}`).toEqual([])
        await page.keyboard.press('Escape')
        await page.locator('dialog').waitFor({ state: 'detached' })
      }
      await page.getByRole('button', { name: 'Settings' }).click()
      expect(await findAxeViolations(page), `settings ${width} ${scheme}`).toEqual([])
      await page.close()
    })

    test('is used by keyboard alone: add, open, share, remove', async () => {
      const page = await openPage(eyes, `${served.url}/#token=${OWNER_TOKEN}`, width)
      await page.locator('.hero.drawn').waitFor()
      // Before the key: what would open a window of the system has to be expected by then.
      await page.bringToFront()
      const choosing = page.waitForEvent('filechooser')
      await tabTo(page, 'Items')
      await page.keyboard.press('Enter')
      await page.getByRole('heading', { level: 1, name: 'Items' }).waitFor()
      await tabTo(page, 'Add files')
      await page.keyboard.press('Enter')
      const chooser = await choosing
      const name = `by keyboard ${width}.txt`
      await chooser.setFiles({ name, mimeType: 'text/plain', buffer: Buffer.from('typed') })
      await page.getByRole('dialog').waitFor()
      await tabTo(page, 'Add')
      await page.keyboard.press('Enter')
      await page.getByRole('dialog').waitFor({ state: 'detached' })
      await page.getByRole('main').getByRole('link', { name }).first().waitFor()
      await tabTo(page, name)
      await page.keyboard.press('Enter')
      await page.getByRole('heading', { level: 1, name }).waitFor()
      await tabTo(page, 'Share')
      await page.keyboard.press('Enter')
      await page.getByRole('dialog', { name: 'Share' }).waitFor()
      await page.keyboard.press('Escape')
      await page.getByRole('dialog').waitFor({ state: 'detached' })
      // The focus is where it was: what follows is one step on, not at the top.
      await tabTo(page, 'Remove')
      await page.keyboard.press('Enter')
      await page.getByRole('dialog', { name: 'Remove this item?' }).waitFor()
      await tabTo(page, 'Remove')
      await page.keyboard.press('Enter')
      await page.getByText('It is removed.').waitFor()
      expect(node.items.some((item) => item.name === name)).toBe(false)
      await page.close()
    })

    test('is usable in a flood, and draws far less often than it is told', async () => {
      const page = await openPage(eyes, served.url, width)
      await page.locator('.hero.drawn').waitFor()
      await page.evaluate(`globalThis.drawn = 0
        new MutationObserver(() => { drawn++ }).observe(document.getElementById('page'), {
          subtree: true, childList: true, characterData: true, attributes: true,
        })`)
      const [link] = LINKS
      if (link === undefined) throw new Error('there is no link')
      let toldCount = 0
      const flood = setInterval(() => {
        for (let burst = 0; burst < 10 && toldCount < FLOOD_EVENTS; burst++) {
          const rttMs = ++toldCount === FLOOD_EVENTS ? 777 : toldCount % 50
          node.tell({ event: 'links', stepSeconds: STEP_SECONDS, links: [{ ...link, rttMs }] })
        }
      }, 10)
      try {
        for (const place of ['Items', 'Machine', 'Log', 'Neighbours']) {
          await page.getByRole('navigation').getByRole('link', { name: place }).click()
          await page.getByRole('heading', { level: 1 }).waitFor()
        }
        await page.getByText('777 ms').first().waitFor()
      } finally {
        clearInterval(flood)
      }
      expect(toldCount).toBe(FLOOD_EVENTS)
      expect(await page.evaluate<number>('drawn')).toBeLessThan(FLOOD_EVENTS / 5)
      await page.close()
    })
  })

  test('asked nobody but its node', () => {
    const gatewayUrl = `http://127.0.0.1:${served.gatewayPort}`
    expect(outsiders(eyes, [{ url: served.url, gatewayUrl }])).toEqual([])
  })
})
