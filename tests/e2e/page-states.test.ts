// SPDX-License-Identifier: AGPL-3.0-or-later
/** What the page of a real node does when that node, or the one next door, is slow or gone. */
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hasBrowser } from '../support/browser.ts'
import {
  buildProgram,
  type Eyes,
  goTo,
  openEyes,
  openItem,
  openPage,
  type PageNode,
  startPageNode,
  WIDTHS,
} from './page-support.ts'

let command: readonly string[]
let tower: PageNode
let eyes: Eyes

/** Of a node that fell silent, hellos are missed for a while before it is believed. */
const SILENT_MS_MAX = 60_000

describe.skipIf(!hasBrowser())('the page', () => {
  beforeAll(async () => {
    command = buildProgram()
    tower = await startPageNode({ name: 'Tower', command })
    await tower.client.addItem(bytesOf('Fresh bread at seven.'), {
      name: 'bread.txt',
      visibility: 'public',
    })
    eyes = await openEyes()
  })

  afterAll(async () => {
    await eyes?.close()
    await tower?.daemon.stop()
  })

  test('tells of a neighbour that comes, and of one that dies, while it is open', async () => {
    const page = await openPage(eyes, tower.url, 1280)
    await page.getByText('It has no neighbours yet.').waitFor()
    const mill = await startPageNode({ name: 'Mill', command, others: [tower] })
    try {
      await page.getByText('It has one neighbour.').waitFor()
      await page.getByText(/is a neighbour now\./).waitFor()
      await mill.daemon.kill('SIGKILL')
      await page.getByText('It has no neighbours yet.').waitFor({ timeout: SILENT_MS_MAX })
      await page.getByText(/is no neighbour any more\./).waitFor({ timeout: SILENT_MS_MAX })
      await goTo(page, 'Neighbours')
      await page.getByText('Nobody next door yet.').waitFor()
    } finally {
      await mill.daemon.stop()
      await page.close()
    }
  })

  describe.each(WIDTHS)('at %i pixels', (width) => {
    test('stays usable without its node, and comes back by itself', async () => {
      const page = await openPage(eyes, tower.url, width)
      await page.getByText('It has no neighbours yet.').waitFor()
      await tower.daemon.kill('SIGTERM')
      try {
        await page.getByRole('alert').getByText('What you see is from before.').waitFor()
        await page.getByRole('heading', { level: 1, name: 'does not answer' }).waitFor()
        await goTo(page, 'Items')
        // What was known is still there, and is marked.
        await page.getByRole('link', { name: /^bread\.txt/ }).waitFor()
        await page.getByText('from before', { exact: true }).first().waitFor()
      } finally {
        await tower.startAgain()
      }
      await page.getByText('from before', { exact: true }).waitFor({ state: 'detached' })
      expect(await page.getByRole('alert').count()).toBe(0)
      await openItem(page, 'bread.txt')
      await page.getByText('Fresh bread at seven.').waitFor()
      await page.close()
    })

    test('says that it waits for a slow node, and can be used meanwhile', async () => {
      const letGo = eyes.proxy.holdAnswers(/\/v1\//)
      const page = await openPage(eyes, tower.url, width)
      try {
        await page.getByRole('heading', { name: 'Asking the node how it is…' }).waitFor()
        await expectLoading(page)
        await goTo(page, 'Items')
        await page.getByRole('heading', { level: 1, name: 'Items' }).waitFor()
        await expectLoading(page)
        await page.getByRole('button', { name: 'Settings' }).click()
        await page.getByRole('dialog', { name: 'Settings' }).waitFor()
        await page.keyboard.press('Escape')
      } finally {
        letGo()
      }
      await page.getByRole('link', { name: /^bread\.txt/ }).waitFor()
      await page.close()
    })
  })
})

async function expectLoading(page: Page): Promise<void> {
  await page.getByRole('main').getByText('Loading…').first().waitFor({ state: 'attached' })
}

async function* bytesOf(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text)
}
