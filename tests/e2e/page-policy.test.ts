// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * A page of a node in a real browser, with the policy that it is served with: it may show what the
 * gateway beside it has, private things by a view, and nothing else; and a page from elsewhere can
 * do nothing at all, even if it knew the token.
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { join } from 'node:path'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { FakeNode, makeFolder } from '../integration/api-fake-node.ts'
import { hasBrowser, openBrowser } from '../support/browser.ts'
import { type RunningGateway, startGateway } from '../support/gateway.ts'

const PIXEL = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
)

/** A tenth of a second of silence: 8000 samples a second, a byte each. */
function silence(): Buffer {
  const samples = Buffer.alloc(800, 128)
  const head = Buffer.from('RIFF....WAVEfmt \x10\0\0\0\x01\0\x01\0....................', 'latin1')
  const bytes = Buffer.concat([head.subarray(0, 24), Buffer.alloc(20), samples])
  bytes.writeUInt32LE(36 + samples.length, 4)
  bytes.writeUInt32LE(8000, 24)
  bytes.writeUInt32LE(8000, 28)
  bytes.writeUInt16LE(1, 32)
  bytes.writeUInt16LE(8, 34)
  bytes.write('data', 36)
  bytes.writeUInt32LE(samples.length, 40)
  return bytes
}

const INDEX = `<!doctype html><title>before</title><script>document.title = 'inline ran'</script>
<script type="module" src="/assets/app.js"></script>`

/** What the tests call by name. */
const APP = `
document.title = 'own ran'
globalThis.showPicture = (address) => new Promise((resolve) => {
  const picture = new Image()
  picture.onload = () => resolve(picture.naturalWidth)
  picture.onerror = () => resolve('refused')
  picture.src = address
})
globalThis.playSound = (address) => new Promise((resolve) => {
  const sound = new Audio()
  sound.oncanplaythrough = () => resolve(sound.duration)
  sound.onerror = () => resolve('refused')
  sound.src = address
})
globalThis.read = async (path, init) => {
  try {
    const answer = await fetch(path, init)
    return [answer.status, await answer.text()]
  } catch {
    return 'refused'
  }
}
`

let browser: Browser
let context: BrowserContext
let node: FakeNode
let gateway: RunningGateway
let elsewhere: Server
let elsewherePort = 0
let page: Page
const closing: (() => Promise<unknown> | unknown)[] = []

/** Calls one of the functions above in the page. */
function call(target: Page, name: string, ...values: unknown[]): Promise<unknown> {
  const list = values.map((value) => JSON.stringify(value)).join(', ')
  return target.evaluate(`${name}(${list})`)
}

function bearer(): { headers: { authorization: string } } {
  return { headers: { authorization: `Bearer ${node.token}` } }
}

async function prepare(): Promise<void> {
  const { folder, remove } = await makeFolder()
  closing.push(remove)
  await mkdir(join(folder, 'page', 'assets'), { recursive: true })
  await writeFile(join(folder, 'page', 'index.html'), INDEX)
  await writeFile(join(folder, 'page', 'assets', 'app.js'), APP)
  node = new FakeNode(folder, { gatewayPort: () => gateway.port })
  gateway = await startGateway({ library: node.items, views: node.views })
  closing.push(() => gateway.gateway.stop())
  await node.server.start(new AbortController().signal)
  closing.push(() => node.server.stop())
  elsewhere = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/html' }).end(`<script>${APP}</script>`)
  })
  await new Promise<void>((resolve) => elsewhere.listen(0, '127.0.0.1', resolve))
  closing.push(() => elsewhere.close())
  const address = elsewhere.address()
  elsewherePort = typeof address === 'object' && address !== null ? address.port : 0
  browser = await openBrowser('evil.example')
  closing.push(() => browser.close())
  context = await browser.newContext()
}

describe.skipIf(!hasBrowser())('in a browser', () => {
  beforeAll(async () => {
    await prepare()
    page = await context.newPage()
  })

  afterAll(async () => {
    for (const close of closing.splice(0).reverse()) await close()
  })

  describe.each(['127.0.0.1', 'localhost'])('at %s the page', (name) => {
    const shownAt = (path: string): string => `http://${name}:${gateway.port}${path}`

    beforeAll(async () => {
      await page.goto(`http://${name}:${node.server.lanPort}/`)
      await page.waitForFunction(`document.title !== 'before'`)
    })

    test('runs its own scripts and no others', async () => {
      expect(await page.title()).toBe('own ran')
      const sink = `try { document.body.innerHTML = '<b>'; 'set' } catch (thrown) { thrown.name }`
      expect(await page.evaluate(sink)).toBe('TypeError')
    })

    test('shows pictures and sounds that are public', async () => {
      const picture = node.items.put('pixel.png', PIXEL, 'public')
      const sound = node.items.put('silence.wav', silence(), 'public')
      expect(await call(page, 'showPicture', shownAt(`/ipfs/${picture.cid}`))).toBe(1)
      expect(await call(page, 'playSound', shownAt(`/ipfs/${sound.cid}`))).toBeCloseTo(0.1)
    })

    test('shows private ones by a view, which its owner opens', async () => {
      const secret = node.items.put(
        'secret.png',
        Buffer.concat([PIXEL, Buffer.from([7])]),
        'private',
      )
      expect(await call(page, 'showPicture', shownAt(`/ipfs/${secret.cid}`))).toBe('refused')
      const body = JSON.stringify({ cid: secret.cid.toString() })
      const answer = await call(page, 'read', '/v1/views', { method: 'POST', body, ...bearer() })
      const [status, text] = Array.isArray(answer) ? answer : []
      expect(status).toBe(200)
      expect(await call(page, 'showPicture', shownAt(JSON.parse(text).path))).toBe(1)
    })

    test('shows and reads nothing from elsewhere', async () => {
      const outside = `http://${name}:${elsewherePort}/`
      expect(await call(page, 'showPicture', outside)).toBe('refused')
      expect(await call(page, 'playSound', outside)).toBe('refused')
      expect(await call(page, 'read', outside)).toBe('refused')
      expect(await call(page, 'read', shownAt('/'))).toBe('refused')
    })
  })

  test.each(['evil.example', '127.0.0.1', 'localhost'])(
    'a page of %s can use nothing, even if it knew the token',
    async (name) => {
      node.items.put('kept', Buffer.from('kept'), 'private')
      const before = node.items.held.size
      const foreign = await context.newPage()
      await foreign.goto(`http://${name}:${elsewherePort}/`)
      for (const host of ['127.0.0.1', 'localhost']) {
        const address = `http://${host}:${node.server.lanPort}`
        const simple = { method: 'POST', body: 'x' }
        expect(await call(foreign, 'read', `${address}/v1/status`)).toBe('refused')
        expect(await call(foreign, 'read', `${address}/v1/items`, bearer())).toBe('refused')
        const sent = { ...simple, ...bearer() }
        expect(await call(foreign, 'read', `${address}/v1/items?name=x`, sent)).toBe('refused')
        const blind = { ...simple, mode: 'no-cors' }
        await call(foreign, 'read', `${address}/v1/items?name=x`, blind)
      }
      expect(node.items.held.size).toBe(before)
      await foreign.close()
    },
  )
})
