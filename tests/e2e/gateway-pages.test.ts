// SPDX-License-Identifier: AGPL-3.0-or-later
/** The gateway's pages in a real browser: they fit, are reached by keyboard, and sites look right. */
import type { Browser, BrowserContext } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hasBrowser, openBrowser } from '../support/browser.ts'
import { type RunningGateway, startGateway } from '../support/gateway.ts'

const PIXEL = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
)

const SITE = {
  'index.html': `<!doctype html><link rel="stylesheet" href="look/style.css">
<h1>Hello</h1><img src="pixel.png"><script>document.title = 'it ran'</script>`,
  look: { 'style.css': 'h1{color:rgb(1, 2, 3)}' },
  'pixel.png': PIXEL,
}

let browser: Browser
let context: BrowserContext
let running: RunningGateway

describe.skipIf(!hasBrowser())('in a browser', () => {
  beforeAll(async () => {
    running = await startGateway()
    browser = await openBrowser('unused.example')
    // One for all: Chromium 150 without a display may end when several are closed.
    context = await browser.newContext()
  })

  afterAll(async () => {
    await browser.close()
    await running.gateway.stop()
  })

  test.each([390, 1280])('every page fits %i pixels, whatever things are called', async (width) => {
    const long = { [`${'x'.repeat(240)}.mp3`]: 'x', ['several words '.repeat(15)]: { a: 'a' } }
    const cid = running.library.put('y'.repeat(250), long)
    const page = await context.newPage()
    await page.setViewportSize({ width, height: 844 })
    for (const path of ['/', `/ipfs/${cid}/`, '/nowhere']) {
      await page.goto(`http://127.0.0.1:${running.port}${path}`)
      const contentWidth = await page.evaluate('document.documentElement.scrollWidth')
      expect(contentWidth, path).toBeLessThanOrEqual(width)
    }
    await page.close()
  })

  test('every entry is reached with the Tab key, seen there, and opened with Enter', async () => {
    const cid = running.library.put('songs', { 'a.txt': 'first', 'b.txt': 'second' })
    const page = await context.newPage()
    await page.goto(`http://127.0.0.1:${running.port}/ipfs/${cid}/`)
    const focused = (): Promise<unknown> =>
      page.evaluate(`[document.activeElement.getAttribute('href'),
        getComputedStyle(document.activeElement).outlineStyle]`)
    const reached: unknown[] = []
    for (let step = 0; step < 5; step++) {
      await page.keyboard.press('Tab')
      reached.push(await focused())
    }
    expect(reached).toEqual(
      ['/', 'a.txt', 'a.txt?download=true', 'b.txt', 'b.txt?download=true'].map((name) => [
        name === '/' ? '/' : `/ipfs/${cid}/${name}`,
        'solid',
      ]),
    )
    await page.keyboard.press('Shift+Tab')
    await page.keyboard.press('Enter')
    await page.waitForURL(`**/ipfs/${cid}/b.txt`)
    expect(await page.textContent('body')).toBe('second')
    await page.close()
  })

  test('a website in a folder has its looks and its pictures, and runs nothing', async () => {
    const cid = running.library.put('site', SITE)
    const page = await context.newPage()
    await page.goto(`http://127.0.0.1:${running.port}/ipfs/${cid}`)
    expect(page.url()).toBe(`http://127.0.0.1:${running.port}/ipfs/${cid}/`)
    expect(await page.evaluate(`getComputedStyle(document.querySelector('h1')).color`)).toBe(
      'rgb(1, 2, 3)',
    )
    expect(await page.evaluate(`document.querySelector('img').naturalWidth`)).toBe(1)
    expect(await page.title()).toBe('')
    await page.close()
  })
})
