// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Hostile items in a real browser: what they try on the gateway for people, and, so that this can
 * fail, that the very same bytes succeed on a server that does not guard itself.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { extname, join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { hasBrowser, openBrowser } from '../support/browser.ts'
import { type Daemon, startDaemon, until } from '../support/daemon.ts'
import { askPort } from '../support/gateway.ts'
import {
  hostileFiles,
  PAPER_TRIED,
  REPORT,
  type Report,
  SOUND_LENGTH_S,
} from '../support/hostile-pages.ts'
import { citynode } from '../support/program.ts'

const CONFIG = `
[network]
port = 0
hello_port = 0
mdns = false
beacon = false
[content]
port = 0
[status]
address = "127.0.0.1"
port = 0
[gateway]
address = "127.0.0.1"
port = 0
`

const FOREIGN_NAME = 'rebound.example'
const NEIGHBOUR_TEXT = 'the words of another item'

/** Of a server that does not know what it has to fear. */
const PLAIN_TYPES: Record<string, string> = {
  '.html': 'text/html',
  '.svg': 'image/svg+xml',
  '.xhtml': 'application/xhtml+xml',
  '.pdf': 'application/pdf',
  '.txt': 'text/plain',
  '.js': 'text/javascript',
}

const ACTIVE = ['active.html', 'active.svg', 'active.xhtml']

/** Where the page without scripts gets, when nobody stops it. */
const PASSIVE_VISITS = [
  ...['/style', '/import', '/module', '/script', '/image', '/preload', '/base/relative'],
  ...['/poster', '/svg-image', '/prefetch', '/background', '/speculation', '/font'],
  ...['/audio', '/object', '/embed', '/popup', '/form?'],
]

/** Written out, so that whoever takes one away has to say so here as well. */
const PAPER_HEADERS = {
  'content-type': 'application/pdf',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'x-frame-options': 'DENY',
  'x-dns-prefetch-control': 'off',
}
const PAPER_POLICY = [
  ...['sandbox allow-downloads', "default-src 'none'", "base-uri 'none'", "form-action 'none'"],
  "frame-ancestors 'none'",
]

let browser: Browser
let daemon: Daemon
let page: Page
/** Lines of the console, and the paths at which the outside was asked, since the test began. */
let said: string[] = []
let asked: string[] = []
/** The connections that were made to the outside, with or without a request, since the test began. */
let connections: Socket[] = []
let [statusPort, gatewayPort, plainPort, outsidePort] = [0, 0, 0, 0]
let [folderPath, neighbourPath] = ['', '']
let files: Record<string, string | Buffer> = {}
const closing: (() => Promise<unknown>)[] = []

async function listen(
  onRequest: (path: string, response: ServerResponse) => void,
  onConnection: (socket: Socket) => void = () => {},
) {
  const server: Server = createServer((request, response) => onRequest(request.url ?? '', response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  server.on('connection', onConnection)
  closing.push(async () => {
    server.closeAllConnections()
    server.close()
  })
  const address = server.address()
  if (typeof address !== 'object' || address === null) throw new Error('it does not listen')
  return address.port
}

/** From the log: the port that a room took. */
async function portOf(room: string): Promise<number> {
  const line = new RegExp(`"room":"${room}".*"port":(\\d+)`)
  await until(`${room} is up`, 20_000, () => line.test(daemon.output))
  return Number(line.exec(daemon.output)?.[1])
}

async function add(path: string): Promise<string> {
  const added = await citynode('add', path, '--public', '--data', daemon.dataFolder)
  expect(added.code, added.stderr).toBe(0)
  return `/ipfs/${added.stdout.toString().trim()}`
}

async function prepare(): Promise<void> {
  daemon = await startDaemon({ config: CONFIG })
  closing.push(() => daemon.stop())
  statusPort = await portOf('api')
  gatewayPort = await portOf('gateway')
  outsidePort = await listen(
    (path, response) => {
      asked.push(path)
      response.end()
    },
    (socket) => connections.push(socket),
  )
  plainPort = await listen((path, response) => {
    const name = path.startsWith(`${folderPath}/`) ? path.slice(folderPath.length + 1) : ''
    const bytes = path === neighbourPath ? NEIGHBOUR_TEXT : (files[name] ?? '<!doctype html>')
    const type = PLAIN_TYPES[extname(name)] ?? 'text/html'
    response.writeHead(200, { 'content-type': type }).end(bytes)
  })
  const folder = await mkdtemp(join(tmpdir(), 'citynode-hostile-'))
  closing.push(() => rm(folder, { recursive: true, force: true }))
  await writeFile(join(folder, 'neighbour.txt'), NEIGHBOUR_TEXT)
  neighbourPath = await add(join(folder, 'neighbour.txt'))
  files = hostileFiles({
    status: `http://127.0.0.1:${statusPort}`,
    neighbour: neighbourPath,
    outside: `http://127.0.0.1:${outsidePort}`,
  })
  await mkdir(join(folder, 'hostile'))
  for (const [name, bytes] of Object.entries(files)) {
    await writeFile(join(folder, 'hostile', name), bytes)
  }
  folderPath = await add(join(folder, 'hostile'))
}

const onGateway = (name: string) => `http://127.0.0.1:${gatewayPort}${folderPath}/${name}`
const onPlain = (name: string) => `http://127.0.0.1:${plainPort}${folderPath}/${name}`

/** Opens an address, and waits until the page has nothing to load any more. */
async function visit(address: string): Promise<void> {
  await page.goto(address)
  await page.waitForLoadState('networkidle')
}

async function reported(): Promise<Report> {
  await until('the script has reported', 20_000, () => said.some((one) => one.startsWith(REPORT)))
  return JSON.parse(said.find((one) => one.startsWith(REPORT))?.slice(REPORT.length) ?? '')
}

/** The bytes that each connection to the outside brought, of all that have been made by now. */
async function broughtBytes(): Promise<number[]> {
  // Connections are taken in the order in which they were made: this is the last of them.
  await askPort(outsidePort, 'GET', '/the-test-itself')
  return connections.slice(0, -1).map((one) => one.bytesRead)
}

/**
 * Headers as they came over the wire: of a PDF, Chromium's own account of the response leaves out
 * the policy, since the page that it builds around its viewer has another one.
 */
async function receivedHeaders(address: string): Promise<Record<string, string>> {
  return (await page.goto(address))?.allHeaders() ?? {}
}

/** Shows the PDF, and waits until its script has tried what it can. */
async function readPaper(address: string): Promise<void> {
  const dialogs: string[] = []
  page.on('dialog', (dialog) => {
    dialogs.push(dialog.message())
    void dialog.dismiss()
  })
  await visit(address)
  await until('the script of the PDF has run', 20_000, () => dialogs.includes(PAPER_TRIED))
  await page.waitForLoadState('networkidle')
}

function showsPaper(): boolean {
  return page.frames().some((one) => one.url().startsWith('chrome-extension:'))
}

/** What of the page's own markup waits for a click. */
async function clickAll(): Promise<void> {
  for (const id of ['javascript', 'popup', 'form']) {
    await page.locator(`#${id}`).click()
  }
  await page.waitForLoadState('networkidle')
}

describe.runIf(hasBrowser())('a hostile item in a browser', () => {
  beforeAll(async () => {
    browser = await openBrowser(FOREIGN_NAME)
    closing.push(() => browser.close())
    await prepare()
  })

  afterAll(async () => {
    for (const close of closing.splice(0).reverse()) await close()
  })

  beforeEach(async () => {
    const context = await browser.newContext()
    context.on('console', (message) => said.push(message.text()))
    page = await context.newPage()
    said = []
    asked = []
    connections = []
  })

  afterEach(() => page.context().close())

  test.each(ACTIVE)('%s: no script of it runs', async (name) => {
    await visit(onGateway(name))
    expect(said.join('\n')).toContain('Blocked script execution')
    expect(said.join('\n')).not.toContain(REPORT)
    expect(await page.title()).toBe('untouched')
    expect(page.url()).toBe(onGateway(name))
    expect(page.context().pages()).toHaveLength(1)
    expect(page.frames()).toHaveLength(1)
    expect((await page.context().storageState({ indexedDB: true })).origins).toEqual([])
    expect(await page.context().cookies()).toEqual([])
    expect(page.context().serviceWorkers()).toEqual([])
    expect(asked).toEqual([])
  })

  test.each(ACTIVE)('%s: unguarded, it gets all but the status page', async (name) => {
    await visit(onPlain(name))
    const report = await reported()
    await until('it has left', 10_000, () => asked.includes('/script-top'))
    const folder = `http://127.0.0.1:${plainPort}${folderPath}/`
    expect(report).toEqual({
      origin: { got: `http://127.0.0.1:${plainPort}` },
      // The node refuses what other origins ask for, whatever page it is.
      status: { failed: 'TypeError: Failed to fetch' },
      health: { failed: 'TypeError: Failed to fetch' },
      statusBlind: { failed: 'TypeError: Failed to fetch' },
      neighbour: { got: NEIGHBOUR_TEXT },
      frame: { got: NEIGHBOUR_TEXT },
      worker: { got: folder },
      cookie: { got: 'left=cookie' },
      localStorage: { got: 'local' },
      sessionStorage: { got: 'session' },
      database: { got: 'left' },
      popup: { got: 'opened' },
      form: { got: 'sent' },
      outside: { got: 'opaque' },
      textScript: { got: 'text ran' },
    })
    expect(asked).toEqual(expect.arrayContaining(['/script-popup', '/script-form?']))
    expect(asked).toContain('/script-fetch')
  })

  test('markup without frames connects to nobody, and its clicks do nothing', async () => {
    await visit(onGateway('passive.html'))
    await clickAll()
    expect(await broughtBytes()).toEqual([])
    asked = []
    expect(await page.title()).toBe('untouched')
    expect(page.context().pages()).toHaveLength(1)
    // Its frames have been refused: what is in them is the browser's own error page.
    const framed = await Promise.all(page.frames().map((one) => one.content()))
    expect(framed.join('\n')).not.toContain(NEIGHBOUR_TEXT)
    await visit(onPlain('passive.html'))
    await clickAll()
    expect(asked).toEqual(expect.arrayContaining(PASSIVE_VISITS))
    expect(await page.title()).toBe('taken over')
  })

  test('a page does not send its reader away', async () => {
    await visit(onGateway('refresh.html'))
    expect(page.url()).toBe(onGateway('refresh.html'))
    expect(asked).toEqual([])
    await visit(onPlain('refresh.html'))
    await until('it has left', 10_000, () => asked.includes('/refresh'))
  })

  // Chromium connects before it looks at the policy, which then refuses the frame. The one header
  // that stops it takes the reader's own clicks on links as well: docs/adr/0016.
  test.each(['framing.html', 'frameset.html'])(
    '%s: a browser may connect for a frame from elsewhere, but sends nothing and shows nothing',
    async (name) => {
      await visit(onGateway(name))
      expect((await broughtBytes()).filter((count) => count > 0)).toEqual([])
      expect(asked).toEqual(['/the-test-itself'])
      const outside = `http://127.0.0.1:${outsidePort}`
      expect(page.frames().filter((one) => one.url().startsWith(outside))).toEqual([])
      await visit(onPlain(name))
      expect((await broughtBytes()).filter((count) => count > 0)).not.toEqual([])
      expect(page.frames().filter((one) => one.url().startsWith(outside))).toHaveLength(1)
    },
  )

  test.each([
    ['a PDF', onGateway],
    ['an unguarded PDF', onPlain],
  ])(
    '%s runs its script in the viewer, which no header stops, and reaches nobody',
    async (_, on) => {
      await readPaper(on('paper.pdf'))
      expect(page.url()).toBe(on('paper.pdf'))
      expect(page.context().pages()).toHaveLength(1)
      expect(await broughtBytes()).toEqual([])
      // That a PDF can reach the outside at all: by its reader's own click.
      await page.mouse.click(790, 300)
      await until('the link is followed', 10_000, () => asked.includes('/pdf-link'))
    },
  )

  test('a PDF reaches the browser with every guard of an item', async () => {
    const guarded = await receivedHeaders(onGateway('paper.pdf'))
    expect(guarded).toMatchObject(PAPER_HEADERS)
    const policy = guarded['content-security-policy']?.split('; ')
    expect(policy).toEqual(expect.arrayContaining(PAPER_POLICY))
    // That they are this server's doing.
    const plain = await receivedHeaders(onPlain('paper.pdf'))
    for (const name of ['content-security-policy', ...Object.keys(PAPER_HEADERS)]) {
      if (name !== 'content-type') expect(plain).not.toHaveProperty(name)
    }
  })

  test('a PDF is not shown inside of the page of somebody else', async () => {
    const frame = async (address: string) => {
      await visit(`http://127.0.0.1:${plainPort}/`)
      await page.evaluate(`(() => {
        const frame = document.createElement('iframe')
        frame.src = ${JSON.stringify(address)}
        document.body.append(frame)
        return new Promise((resolve) => { frame.onload = resolve })
      })()`)
      await page.waitForLoadState('networkidle')
    }
    await frame(onGateway('paper.pdf'))
    expect(showsPaper()).toBe(false)
    await frame(onPlain('paper.pdf'))
    await until('the unguarded one is shown', 10_000, showsPaper)
  })

  test('a script that is served as text is none', async () => {
    // Not even on the page of another server of this machine, whose scripts do run.
    await visit(`http://127.0.0.1:${plainPort}/`)
    const run = (address: string) =>
      page.evaluate(`(async () => {
        const script = document.createElement('script')
        const end = new Promise((resolve) => {
          script.onload = () => resolve('loaded')
          script.onerror = () => resolve('refused')
        })
        script.src = ${JSON.stringify(address)}
        document.head.append(script)
        return [await end, self.textRan]
      })()`)
    expect(await run(onGateway('code.txt'))).toEqual(['refused', undefined])
    expect(await run(onPlain('code.txt'))).toEqual(['loaded', 'text ran'])
  })

  test('a service worker is refused at the door', async () => {
    const path = `${folderPath}/worker.js`
    const headers = { host: `127.0.0.1:${gatewayPort}` }
    expect((await askPort(gatewayPort, 'GET', path, headers)).status).toBe(200)
    const reply = await askPort(gatewayPort, 'GET', path, {
      ...headers,
      'service-worker': 'script',
    })
    expect(reply.status).toBe(403)
  })

  test('sound plays from where it is wanted', async () => {
    // From a page of ours: in the sandbox no listener would be called.
    await visit(`http://127.0.0.1:${plainPort}/`)
    const parts: (string | undefined)[] = []
    page.on('response', (one) => {
      if (one.url() === onGateway('sound.wav')) parts.push(one.headers()['content-range'])
    })
    const reached = await page.evaluate(`(async () => {
      const media = new Audio(${JSON.stringify(onGateway('sound.wav'))})
      const once = (name) =>
        new Promise((resolve, reject) => {
          media.addEventListener(name, resolve, { once: true })
          media.addEventListener('error', () => reject(new Error(media.error?.message)))
        })
      await once('loadedmetadata')
      media.currentTime = 50
      await once('seeked')
      const playing = media.play()
      while (media.currentTime <= 50) await once('timeupdate')
      await playing
      return media.duration
    })()`)
    expect(reached).toBe(SOUND_LENGTH_S)
    const starts = parts.map((one) => Number(/^bytes (\d+)-/.exec(one ?? '')?.[1]))
    // Half way at least: it has not been read through to there.
    expect(Math.max(...starts)).toBeGreaterThan(SOUND_LENGTH_S * 48_000)
  })

  test('a foreign name that leads here opens nothing', async () => {
    for (const [port, path, own] of [
      [statusPort, '/v1/status', 'peerId'],
      [statusPort, '/', '<h1'],
      [gatewayPort, neighbourPath, NEIGHBOUR_TEXT],
    ] as const) {
      const refused = await page.goto(`http://${FOREIGN_NAME}:${port}${path}`)
      expect(refused?.status(), path).toBe(421)
      expect(await refused?.text()).not.toContain(own)
      const given = await askPort(port, 'GET', path, { host: `localhost:${port}` })
      expect(given.text, path).toContain(own)
    }
  })

  test.each(['127.0.0.1', 'localhost'])('a page of %s cannot read the status', async (name) => {
    await visit(`http://${name}:${plainPort}/`)
    const read = (address: string) =>
      page.evaluate(
        (one) =>
          fetch(one).then(
            (answer) => answer.text(),
            (error) => String(error),
          ),
        address,
      )
    for (const path of ['/v1/status', '/health', '/metrics', '/']) {
      expect(await read(`http://127.0.0.1:${statusPort}${path}`)).toBe('TypeError: Failed to fetch')
    }
    // That it can read at all.
    expect(await read(neighbourPath)).toBe(NEIGHBOUR_TEXT)
  })
})
