// SPDX-License-Identifier: AGPL-3.0-or-later
/** What an owner does on the page of a real node, by their link: adds, publishes, fetches, removes. */
import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { hasBrowser } from '../support/browser.ts'
import { closeAll, makeFolder } from './node-support.ts'
import {
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

const CONTENT = new URL('../../tools/demo/content/', import.meta.url).pathname

/** So that a fetch takes several drawings, and an upload more than the sockets' buffers hold. */
const LARGE_BYTES = 64 * 1024 * 1024
const UPLOADED_BYTES = 24 * 1024 * 1024
const HELD_AFTER_BYTES = 1024 * 1024

let library: PageNode
let harbour: PageNode
let eyes: Eyes
let folder: string
let link: string
let token: string

/** A file of this test's own. */
async function makeFile(name: string, bytes: Uint8Array | string): Promise<string> {
  const path = join(folder, name)
  await writeFile(path, bytes)
  return path
}

/** What a person does who has the whole file manager in the other hand: a real DataTransfer. */
async function dropFile(page: Page, name: string, text: string): Promise<void> {
  await page.evaluate(`(() => {
    const carried = new DataTransfer()
    carried.items.add(new File([${JSON.stringify(text)}], ${JSON.stringify(name)}, {
      type: 'text/plain',
    }))
    globalThis.carried = carried
    for (const kind of ['dragenter', 'dragover']) {
      const event = new DragEvent(kind, { dataTransfer: carried, bubbles: true, cancelable: true })
      document.body.dispatchEvent(event)
    }
  })()`)
  await page.getByText('Let go to add it to this node').waitFor()
  await page.evaluate(`document.body.dispatchEvent(new DragEvent('drop', {
    dataTransfer: globalThis.carried, bubbles: true, cancelable: true,
  }))`)
}

/** Does what a dialog asks about. */
async function confirm(page: Page, title: string, button: string): Promise<void> {
  const dialog = page.getByRole('dialog', { name: title })
  await dialog.getByRole('button', { name: button }).click()
  await dialog.waitFor({ state: 'detached' })
}

describe.skipIf(!hasBrowser())('an owner', () => {
  beforeAll(async () => {
    const command = buildProgram()
    harbour = await startPageNode({ name: 'Harbour', command })
    library = await startPageNode({ name: 'Library', command, others: [harbour] })
    folder = await makeFolder()
    link = await library.ownerLink()
    token = new URL(link).hash.slice('#token='.length)
    eyes = await openEyes()
  })

  afterAll(async () => {
    await eyes?.close()
    for (const node of [library, harbour]) await node?.daemon.stop()
    await closeAll()
  })

  describe.each(WIDTHS)('at %i pixels', (width) => {
    let page: Page
    const diary = `diary ${width}.txt`

    beforeAll(async () => {
      page = await openPage(eyes, link, width)
      await page.getByText('Owner', { exact: true }).waitFor()
    })

    afterAll(() => page.close())

    test('comes by the link, which leaves no token in the address or the history', async () => {
      expect(token).toHaveLength(32)
      expect(page.url()).toBe(`${library.url}/#/`)
      await goTo(page, 'Machine')
      await page.getByText('Data folder').waitFor()
      const debuggee = await eyes.context.newCDPSession(page)
      const { entries } = await debuggee.send('Page.getNavigationHistory')
      expect(entries.length).toBeGreaterThan(1)
      for (const { url } of entries) expect(url).not.toContain(token)
    })

    test('adds a file by the button, and sees it on its way', async () => {
      await goTo(page, 'Items')
      const path = await makeFile(`tape ${width}.bin`, randomBytes(UPLOADED_BYTES))
      const letGo = eyes.proxy.holdUploads(HELD_AFTER_BYTES)
      onTestFinished(letGo)
      await page.getByLabel('Add files').setInputFiles(path)
      await confirm(page, 'Add one file', 'Add')
      const card = page.getByRole('region', { name: 'On its way' })
      const bar = card.getByRole('progressbar', { name: `tape ${width}.bin` })
      await bar.waitFor()
      await untilTrue(page, `document.querySelector('progress')?.value > 0`)
      expect(await page.evaluate(`document.querySelector('progress').value`)).toBeLessThan(1)
      await card.getByRole('button', { name: 'Stop' }).click()
      letGo()
      const lately = page.getByRole('region', { name: 'Lately' })
      await lately.getByText('stopped').first().waitFor()
      await lately.getByRole('button', { name: 'Try again' }).first().click()
      await lately.getByText('done').first().waitFor()
      await lately.getByRole('button', { name: 'Take off the list' }).first().click()
    })

    test('adds a file by dropping it: for themselves alone', async () => {
      await dropFile(page, diary, `Dear diary, this is page ${width}.`)
      const dialog = page.getByRole('dialog', { name: 'Add one file' })
      expect(await dialog.getByRole('radio', { name: /^Only me/ }).isChecked()).toBe(true)
      await confirm(page, 'Add one file', 'Add')
      await openItem(page, diary)
      await page.getByText(`this is page ${width}.`).waitFor()
      await page.getByText('Private', { exact: true }).first().waitFor()
    })

    test('gives it another title', async () => {
      await page.getByRole('button', { name: 'Edit' }).click()
      const dialog = page.getByRole('dialog', { name: 'Edit what is said about it' })
      await dialog.getByRole('textbox', { name: 'Title' }).fill(`Logbook ${width}`)
      await confirm(page, 'Edit what is said about it', 'Save')
      await page.getByRole('heading', { level: 1, name: `Logbook ${width}` }).waitFor()
    })

    test('publishes it after a question, and takes it back', async () => {
      await page.getByRole('button', { name: 'Publish' }).click()
      await page.getByText('copies that people made stay theirs').waitFor()
      await confirm(page, 'Publish this item?', 'Cancel')
      await page.getByText('Private', { exact: true }).first().waitFor()
      await page.getByRole('button', { name: 'Publish' }).click()
      await confirm(page, 'Publish this item?', 'Publish')
      await page.getByText('Public', { exact: true }).first().waitFor()
      expect((await library.client.publicStatus()).publicItemsCount).toBe(1)
      await page.getByRole('button', { name: 'Take back' }).click()
      await confirm(page, 'Take this item back?', 'Take back')
      await page.getByText('Private', { exact: true }).first().waitFor()
      expect((await library.client.publicStatus()).publicItemsCount).toBe(0)
    })

    test('removes it', async () => {
      await page.getByRole('button', { name: 'Remove' }).click()
      await confirm(page, 'Remove this item?', 'Remove')
      await page.getByText('It is removed.').waitFor()
      await page.getByRole('heading', { level: 1, name: 'Items' }).waitFor()
      expect(await page.getByRole('link', { name: `Logbook ${width}` }).count()).toBe(0)
    })

    test('fetches from another node, sees it come, and keeps it', async () => {
      const bytes = randomBytes(LARGE_BYTES)
      const { item } = await harbour.client.addItem(Readable.from([bytes]), {
        name: `film ${width}.bin`,
        visibility: 'public',
      })
      await goTo(page, 'Items')
      await page.evaluate(`globalThis.seenValues = new Set();
        new MutationObserver(() => {
          for (const bar of document.querySelectorAll('progress')) seenValues.add(bar.value)
        }).observe(document.body, { subtree: true, childList: true, attributes: true,
          characterData: true })`)
      await page.getByRole('button', { name: 'Fetch' }).click()
      const dialog = page.getByRole('dialog', { name: 'Fetch something from other nodes' })
      await dialog.getByRole('textbox').fill('ipfs://nonsense')
      await dialog.getByRole('button', { name: 'Fetch it' }).click()
      await dialog.getByText('There is no content id in that.').waitFor()
      await dialog.getByRole('textbox').fill(`ipfs://${item.cid}`)
      await confirm(page, 'Fetch something from other nodes', 'Fetch it')
      await page.getByRole('link', { name: new RegExp(`^film ${width}`) }).waitFor()
      const seen = await page.evaluate<number[]>('[...seenValues]')
      expect(seen.filter((value) => value > 0 && value < 1).length).toBeGreaterThan(0)
      await openItem(page, `film ${width}.bin`)
      await page.getByText('May make room').waitFor()
      await page.getByRole('button', { name: 'Keep' }).click()
      await page.getByText('It will be kept.').waitFor()
      await page.getByText('May make room').waitFor({ state: 'detached' })
    })

    test('sees private pictures and films, which a stranger does not', async () => {
      await goTo(page, 'Items')
      const files = ['dusk.jpg', 'lights-going-on.webm'].map((name) => join(CONTENT, name))
      await page.getByLabel('Add files').setInputFiles(files)
      await confirm(page, 'Add 2 files', 'Add')
      await openItem(page, 'dusk.jpg')
      await untilTrue(page, `document.querySelector('img.media')?.naturalWidth > 0`)
      const address = await page.locator('img.media').getAttribute('src')
      expect(address).toContain(`${library.gatewayUrl}/view/`)
      await openItem(page, 'lights-going-on.webm')
      await untilTrue(page, `document.querySelector('video.media')?.duration > 6`)
      await page.evaluate(`document.querySelector('video.media').currentTime = 6`)
      await untilTrue(page, `!document.querySelector('video.media').seeking`)
      const items = await library.client.items()
      const film = items.find(({ name }) => name === 'lights-going-on.webm')
      const answer = await fetch(`${library.gatewayUrl}/ipfs/${film?.cid}`)
      expect(answer.status).toBe(404)
      for (const { cid } of items) await library.client.removeItem(cid)
      await goTo(page, 'Items')
      await page.getByText('Nothing here yet.').waitFor()
    })

    test('signs out, and is told in words when a token is wrong', async () => {
      await page.getByRole('button', { name: 'Settings' }).click()
      await page.getByRole('button', { name: 'Sign out' }).click()
      await page.getByText('You are signed out on this device.').waitFor()
      expect(await page.getByText('Add files').count()).toBe(0)
      await page.goto(`${library.url}/#token=${'A'.repeat(32)}`)
      await page.getByText('The node does not know this token.').waitFor()
      await page.getByRole('button', { name: 'Settings' }).click()
      await page.getByLabel('The owner’s link or token').fill(link)
      await page.getByRole('button', { name: 'Sign in' }).click()
      await page.getByText('Owner', { exact: true }).waitFor()
      expect(page.url()).not.toContain(token)
    })
  })

  test('asked nobody else, and told the token in no address and no referrer', () => {
    expect(outsiders(eyes, [library])).toEqual([])
    expect(eyes.proxy.seen.length).toBeGreaterThan(20)
    for (const { url, referer } of eyes.proxy.seen) {
      expect(url).not.toContain(token)
      expect(referer).toBe('')
    }
  })
})
