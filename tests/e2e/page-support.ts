// SPDX-License-Identifier: AGPL-3.0-or-later
/** The built program and a browser in front of it, with everything that the browser asks recorded. */
import { execFileSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { createUnixTransport } from '../../src/cli/unix-transport.ts'
import { type Client, createClient, type ItemFacts } from '../../src/contract/contract.ts'
import { addPiece } from '../../tools/demo/content.ts'
import { PIECES } from '../../tools/demo/plan.ts'
import { openBrowser } from '../support/browser.ts'
import { type Daemon, startDaemon, until } from '../support/daemon.ts'
import { citynode } from '../support/program.ts'
import { type RecordingProxy, startRecordingProxy } from '../support/recording-proxy.ts'

const ROOT = dirname(dirname(import.meta.dirname))

export const WIDTHS = [390, 1280] as const

const CONNECT_MS_MAX = 30_000

/** Longer than a busy machine needs to draw, to decode a film or to answer. */
const TRUE_MS_MAX = 20_000

/** Builds, or finds the build of these sources; as the launcher starts it. */
export function buildProgram(): readonly string[] {
  const build = join(ROOT, 'tools', 'build.mjs')
  const folder = execFileSync(process.execPath, [build], { encoding: 'utf8' }).trim()
  return [join(folder, 'node'), join(folder, 'citynode.mjs')]
}

export interface NodeSettings {
  name: string
  command: readonly string[]
  others?: readonly PageNode[]
}

interface NodePorts {
  statusPort: number
  gatewayPort: number | null
}

/** A node of the built program, with a port that stays when it is started again. */
export class PageNode {
  daemon: Daemon
  readonly #settings: NodeSettings
  readonly url: string
  readonly gatewayUrl: string

  constructor(daemon: Daemon, ports: NodePorts, settings: NodeSettings) {
    this.daemon = daemon
    this.url = `http://127.0.0.1:${ports.statusPort}`
    this.gatewayUrl = `http://127.0.0.1:${ports.gatewayPort}`
    this.#settings = settings
  }

  get client(): Client {
    const { dataFolder } = this.daemon
    const socketPath = join(dataFolder, 'control.sock')
    return createClient(createUnixTransport({ socketPath, dataFolder }))
  }

  /** The link that the node prints for its owner, by its loopback address. */
  async ownerLink(): Promise<string> {
    const ran = await citynode('link', '--json', '--data', this.daemon.dataFolder)
    if (ran.code !== 0) throw new Error(ran.stderr)
    const { links }: { links: string[] } = JSON.parse(ran.stdout.toString())
    const fragment = new URL(links[0] ?? '').hash
    return `${this.url}/${fragment}`
  }

  /** On the same folder and port, after it was stopped. */
  async startAgain(): Promise<void> {
    const { dataFolder } = this.daemon
    const { command } = this.#settings
    const statusPort = Number(new URL(this.url).port)
    const gatewayPort = Number(new URL(this.gatewayUrl).port)
    const config = configOf(this.#settings, [], { statusPort, gatewayPort })
    this.daemon = await startDaemon({ dataFolder, command, config })
  }
}

export async function startPageNode(settings: NodeSettings): Promise<PageNode> {
  const { others = [], command } = settings
  const bootstrap = await Promise.all(others.map(addressOf))
  const daemon = await startDaemon({ command, config: configOf(settings, bootstrap) })
  let ports: NodePorts = { statusPort: 0, gatewayPort: null }
  // The gateway is the last to be there.
  await until('its gateway has a port', CONNECT_MS_MAX, async () => {
    ports = (await daemon.get<NodePorts>('/v1/status')).body
    return ports.gatewayPort !== null
  })
  await until('it is connected', CONNECT_MS_MAX, async () => {
    const { body } = await daemon.get<{ peers: unknown[] }>('/v1/peers')
    return body.peers.length >= others.length
  })
  return new PageNode(daemon, ports, settings)
}

async function addressOf({ daemon }: PageNode): Promise<string> {
  const { body } = await daemon.get<{ listenAddresses: string[] }>('/v1/status')
  const local = body.listenAddresses.find((one) => one.startsWith('/ip4/127.0.0.1/'))
  if (local === undefined) throw new Error(`no loopback address in ${body.listenAddresses}`)
  return local
}

function configOf(
  { name }: NodeSettings,
  bootstrap: readonly string[],
  ports = { statusPort: 0, gatewayPort: 0 },
): string {
  return `
[city]
id = "harbour-town"
[node]
name = "${name}"
[network]
port = 0
hello_port = 0
mdns = false
beacon = false
allow_loopback = true
bootstrap = ${JSON.stringify(bootstrap)}
[content]
port = 0
[status]
port = ${ports.statusPort}
address = "127.0.0.1"
[gateway]
port = ${ports.gatewayPort}
address = "127.0.0.1"
`
}

/** The pieces of the demo by the file that each is made from: a text, a film, a folder… */
export async function addSamples(node: PageNode): Promise<ReadonlyMap<string, ItemFacts>> {
  const items = new Map<string, ItemFacts>()
  const { signal } = new AbortController()
  for (const piece of PIECES) {
    const { item } = await addPiece(node.client, piece, signal)
    items.set(piece.file, item)
  }
  return items
}

/** One browser, whose every request goes through one recorder. */
export interface Eyes {
  proxy: RecordingProxy
  browser: Browser
  context: BrowserContext
  /** What pages wrote to the console as a warning or worse, and what was thrown in them. */
  complaints: string[]
  close(): Promise<void>
}

export async function openEyes(): Promise<Eyes> {
  const proxy = await startRecordingProxy()
  const browser = await openBrowser('unused.example', proxy.server)
  // One for all: Chromium without a display may end when several are closed.
  const context = await browser.newContext({ locale: 'en-GB', timezoneId: 'Europe/Lisbon' })
  context.setDefaultTimeout(TRUE_MS_MAX)
  const complaints: string[] = []
  const close = async (): Promise<void> => {
    await browser.close()
    await proxy.stop()
  }
  return { proxy, browser, context, complaints, close }
}

export async function openPage(eyes: Eyes, url: string, width: number): Promise<Page> {
  const page = await eyes.context.newPage()
  // Of this page alone: what people keep on the gateway may complain as it likes.
  page.on('console', (message) => {
    if (['warning', 'error'].includes(message.type())) eyes.complaints.push(message.text())
  })
  page.on('pageerror', (error) => eyes.complaints.push(String(error)))
  await page.setViewportSize({ width, height: width < 600 ? 844 : 900 })
  await page.goto(url)
  return page
}

/** Goes to a place by its link, as a person does. */
export async function goTo(page: Page, place: string): Promise<void> {
  await page.getByRole('navigation', { name: 'Places' }).getByRole('link', { name: place }).click()
}

/** Opens an item from the list of items. */
export async function openItem(page: Page, title: string): Promise<void> {
  await goTo(page, 'Items')
  await page.getByRole('main').getByRole('link', { name: title }).first().click()
  await page.getByRole('heading', { level: 1, name: title }).waitFor()
}

/** Waits until an expression holds in the page; its policy lets no other way of waiting evaluate it. */
export async function untilTrue(page: Page, expression: string): Promise<void> {
  await until(expression, TRUE_MS_MAX, async () => Boolean(await page.evaluate(expression)))
}

/** Whom the browser asked besides these nodes and their gateways, in the whole of its session. */
export function outsiders(
  eyes: Eyes,
  nodes: readonly Pick<PageNode, 'url' | 'gatewayUrl'>[],
): string[] {
  const own = nodes.flatMap(({ url, gatewayUrl }) => [url, gatewayUrl])
  const { seen } = eyes.proxy
  const asked = seen.map(({ url, isTunnel }) => (isTunnel ? `https://${url}` : url))
  return asked.filter((url) => !own.includes(new URL(url).origin) && !isOfBrowser(url))
}

/**
 * What Chromium asks its maker by itself, whichever page is open, and gets no answer to here. By
 * name, so that the fonts and maps of the same maker would be noticed.
 */
const BROWSERS_OWN: readonly string[] = [
  'accounts.google.com',
  'clients2.google.com',
  'content-autofill.googleapis.com',
  'optimizationguide-pa.googleapis.com',
  'safebrowsing.googleapis.com',
  'update.googleapis.com',
]

function isOfBrowser(url: string): boolean {
  return BROWSERS_OWN.includes(new URL(url).hostname)
}
