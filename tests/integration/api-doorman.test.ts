// SPDX-License-Identifier: AGPL-3.0-or-later
/** The doorman at his doors: both listeners ask him about every request. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ask, FakeNode, makeFolder } from './api-fake-node.ts'

let node: FakeNode
let removeFolder: () => Promise<void>

beforeEach(async () => {
  const { folder, remove } = await makeFolder()
  removeFolder = remove
  node = new FakeNode(folder)
  await node.server.start(new AbortController().signal)
})

afterEach(async () => {
  await node.server.stop()
  await removeFolder()
})

const FROM_ELSEWHERE = { 'sec-fetch-site': 'cross-site' }
const FOLLOWED_LINK = {
  ...FROM_ELSEWHERE,
  'sec-fetch-mode': 'navigate',
  'sec-fetch-dest': 'document',
}

describe('the LAN listener', () => {
  const paths = ['/', '/plain', '/assets/a.js', '/health', '/metrics', '/v1/status', '/nowhere']

  it.each(paths)('lets nobody in at %s by a name that is not its own', async (path) => {
    const headers = { host: 'evil.example' }
    const reply = await ask({ port: node.server.lanPort }, 'GET', path, { headers })
    expect(reply.status).toBe(421)
    expect(JSON.parse(reply.text)).toMatchObject({
      code: 'HOST_NOT_OURS',
      advice: expect.stringContaining('status.host_names'),
    })
    expect(reply.headers['content-security-policy']).toContain("default-src 'none'")
  })

  it('knows its own names', async () => {
    const port = node.server.lanPort
    for (const host of [`127.0.0.1:${port}`, 'localhost', 'testbox.local', 'node.example']) {
      const reply = await ask({ port }, 'GET', '/health', { headers: { host } })
      expect(reply.status, host).toBe(200)
    }
  })

  it('lets a link lead to the page, and other sites nowhere else', async () => {
    const where = { port: node.server.lanPort }
    const status = async (path: string, headers: Record<string, string>): Promise<number> =>
      (await ask(where, 'GET', path, { headers })).status
    expect(await status('/', FOLLOWED_LINK)).toBe(200)
    expect(await status('/?x', FOLLOWED_LINK)).toBe(200)
    expect(await status('/plain', FOLLOWED_LINK)).toBe(200)
    expect(await status('/assets/a.js', FOLLOWED_LINK)).toBe(403)
    expect(await status('/', FROM_ELSEWHERE)).toBe(403)
    for (const path of ['/health', '/metrics', '/v1/status']) {
      expect(await status(path, FOLLOWED_LINK), path).toBe(403)
      expect(await status(path, FROM_ELSEWHERE), path).toBe(403)
      expect(await status(path, { origin: 'null' }), path).toBe(403)
      expect(await status(path, { 'sec-fetch-site': 'same-origin' }), path).toBe(200)
      expect(await status(path, {}), path).toBe(200)
    }
  })

  it('has no WebSockets', async () => {
    const headers = { connection: 'upgrade', upgrade: 'websocket' }
    const reply = await ask({ port: node.server.lanPort }, 'GET', '/health', { headers })
    expect(reply.status).toBe(403)
  })
})

describe('the control socket', () => {
  it('answers tools, and no browser that was led there', async () => {
    const where = { socketPath: node.socketPath }
    const status = async (headers: Record<string, string>): Promise<number> =>
      (await ask(where, 'GET', '/v1/items', { headers })).status
    expect(await status({ host: 'whatever' })).toBe(200)
    expect(await status({ origin: 'http://localhost' })).toBe(403)
    expect(await status({ 'sec-fetch-site': 'same-origin' })).toBe(403)
  })
})
