// SPDX-License-Identifier: AGPL-3.0-or-later
/** The built app as browsers get it: encodings, caches, policies; and the page without script. */
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ask, FakeNode, makeFolder, type RawReply } from './api-fake-node.ts'

const INDEX = '<!doctype html><script type="module" src="/assets/app-abc123.js"></script>'

let folder: string
let removeFolder: () => Promise<void>
let node: FakeNode
let gatewayPort: number | undefined

beforeEach(async () => {
  const made = await makeFolder()
  folder = made.folder
  removeFolder = made.remove
  gatewayPort = 7481
  node = new FakeNode(folder, { gatewayPort: () => gatewayPort })
})

afterEach(async () => {
  await node.server.stop()
  await removeFolder()
})

async function start(isBuilt: boolean): Promise<void> {
  if (isBuilt) {
    const assets = join(folder, 'page', 'assets')
    await mkdir(assets, { recursive: true })
    await writeFile(join(folder, 'page', 'index.html'), INDEX)
    await writeFile(join(folder, 'page', 'index.html.gz'), gzipSync(INDEX))
    await writeFile(join(assets, 'app-abc123.js'), 'plain')
    await writeFile(join(assets, 'app-abc123.js.gz'), 'gzipped')
    await writeFile(join(assets, 'app-abc123.js.br'), 'brotli')
    await writeFile(join(assets, 'style-def456.css'), 'body{}')
    await writeFile(join(folder, 'secret.js'), 'secret')
    await symlink(join(folder, 'secret.js'), join(assets, 'link-abc123.js'))
  }
  await node.server.start(new AbortController().signal)
}

function get(path: string, headers: Record<string, string> = {}, method = 'GET') {
  return ask({ port: node.server.lanPort }, method, path, { headers })
}

function policyOf({ headers }: RawReply): Record<string, string> {
  const parts = String(headers['content-security-policy']).split('; ')
  return Object.fromEntries(
    parts.map((part) => {
      const [name = '', ...values] = part.split(' ')
      return [name, values.join(' ')]
    }),
  )
}

describe('where no app was built', () => {
  it('the page without script is there, at both addresses', async () => {
    await start(false)
    for (const path of ['/', '/plain']) {
      const reply = await get(path)
      expect(reply.status).toBe(200)
      expect(reply.text).toContain('<h1')
      expect(policyOf(reply)).not.toHaveProperty('script-src')
    }
    expect((await get('/assets/app-abc123.js')).status).toBe(404)
  })
})

describe('the app', () => {
  it('comes with a policy that names its own gateway, whatever the node is called', async () => {
    await start(true)
    const { lanPort } = node.server
    for (const [host, gateway] of [
      [`127.0.0.1:${lanPort}`, 'http://127.0.0.1:7481'],
      ['testbox.local', 'http://testbox.local:7481'],
      ['localhost:80', 'http://localhost:7481'],
    ] as const) {
      const reply = await get('/', { host })
      expect(reply.text).toBe(INDEX)
      expect(policyOf(reply)).toEqual({
        'default-src': "'none'",
        'script-src': "'self'",
        'style-src': "'self'",
        'img-src': `'self' data: ${gateway}`,
        'media-src': gateway,
        'frame-src': gateway,
        'connect-src': "'self'",
        'font-src': "'self'",
        'base-uri': "'none'",
        'form-action': "'none'",
        'frame-ancestors': "'none'",
        'require-trusted-types-for': "'script'",
      })
      expect(reply.headers).toMatchObject({
        'content-type': 'text/html; charset=utf-8',
        'cache-control': 'no-cache',
        'cross-origin-opener-policy': 'same-origin',
        'cross-origin-resource-policy': 'same-origin',
        'permissions-policy': expect.stringContaining('camera=()'),
        'referrer-policy': 'no-referrer',
        'x-content-type-options': 'nosniff',
      })
    }
  })

  it('shows nothing from elsewhere where there is no gateway', async () => {
    gatewayPort = undefined
    await start(true)
    const policy = policyOf(await get('/'))
    expect(policy).toMatchObject({ 'img-src': "'self' data:", 'media-src': "'none'" })
    expect(policy['frame-src']).toBe("'none'")
  })

  it('is asked about every time, and sent when it changed', async () => {
    await start(true)
    const first = await get('/')
    const etag = String(first.headers['etag'])
    const again = await get('/', { 'if-none-match': etag })
    expect(again).toMatchObject({ status: 304, text: '' })
    expect(again.headers['content-security-policy']).toBe(first.headers['content-security-policy'])
    const zipped = await get('/', { 'accept-encoding': 'gzip' })
    expect(zipped.headers['content-encoding']).toBe('gzip')
    expect(zipped.headers['etag']).not.toBe(etag)
    expect(await get('/', {}, 'HEAD')).toMatchObject({ status: 200, text: '' })
  })

  it('is beside the page without script', async () => {
    await start(true)
    expect((await get('/plain')).text).toContain('<h1')
  })

  it.each([
    [undefined, 'plain', undefined],
    ['', 'plain', undefined],
    ['gzip, deflate', 'gzipped', 'gzip'],
    ['gzip, deflate, br, zstd', 'brotli', 'br'],
    ['br;q=0, gzip;q=0.5', 'gzipped', 'gzip'],
    ['*', 'brotli', 'br'],
    ['identity', 'plain', undefined],
    ['*;q=0', 'plain', undefined],
  ])('has assets as %s', async (accepted, text, encoding) => {
    await start(true)
    const headers = accepted === undefined ? {} : { 'accept-encoding': accepted }
    const reply = await get('/assets/app-abc123.js', headers)
    expect(reply.text).toBe(text)
    expect(reply.headers['content-encoding']).toBe(encoding)
    expect(reply.headers).toMatchObject({
      'content-type': 'text/javascript; charset=utf-8',
      'cache-control': 'public, max-age=31536000, immutable',
      'x-content-type-options': 'nosniff',
      vary: 'Accept-Encoding',
    })
    expect((await get('/assets/style-def456.css', headers)).text).toBe('body{}')
  })

  it.each([
    '/assets/../index.html',
    '/assets/..%2findex.html',
    '/assets/%2e%2e%2f%2e%2e%2fsecret.js',
    '/assets/link-abc123.js',
    '/assets/',
    '/assets/app-abc123.js%00',
    '/assets/nothing.js',
    '/index.html',
  ])('has nothing at %s', async (path) => {
    await start(true)
    const { status, text } = await get(path)
    expect(status).toBe(404)
    expect(text).not.toContain('secret')
  })

  it('is no other site’s to load', async () => {
    await start(true)
    const site = (fetchSite: string, fetchDest: string) =>
      get('/assets/app-abc123.js', { 'sec-fetch-site': fetchSite, 'sec-fetch-dest': fetchDest })
    expect((await site('same-origin', 'script')).status).toBe(200)
    expect((await site('same-site', 'script')).status).toBe(403)
    expect((await site('cross-site', 'script')).status).toBe(403)
    expect((await get('/', { 'sec-fetch-site': 'cross-site' })).status).toBe(403)
  })
})
