// SPDX-License-Identifier: AGPL-3.0-or-later
/** The gateway for people as a browser meets it: headers, ranges, folders, names and refusals. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type FakeLibrary, type RunningGateway, startGateway } from '../support/gateway.ts'

let running: RunningGateway
let library: FakeLibrary

beforeEach(async () => {
  running = await startGateway()
  library = running.library
})

afterEach(() => running.gateway.stop())

const FILM = Buffer.from(Array.from({ length: 300_000 }, (_, at) => at % 251))

describe('a file', () => {
  it('comes with its type, its ETag, for ever, and nothing that it could misuse', async () => {
    const cid = library.put('page.html', '<!doctype html><p>ü')
    const { status, headers, text } = await running.get(`/ipfs/${cid}`)
    expect({ status, text }).toEqual({ status: 200, text: '<!doctype html><p>ü' })
    expect(headers).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'content-length': '20',
      'content-disposition': `inline; filename="page.html"; filename*=UTF-8''page.html`,
      'cache-control': 'public, max-age=29030400, immutable',
      etag: `"${cid}"`,
      'accept-ranges': 'bytes',
      'x-ipfs-path': `/ipfs/${cid}`,
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'x-frame-options': 'DENY',
      'cross-origin-resource-policy': 'cross-origin',
    })
    const policy = headers['content-security-policy'] ?? ''
    expect(policy).toMatch(/^sandbox allow-downloads;/)
    expect(policy).toContain("default-src 'none'")
    expect(policy).toContain("frame-ancestors 'none'")
    expect(policy).not.toMatch(/allow-(?:same-origin|scripts|forms|popups|top|modals)|script-src/)
    expect(headers['permissions-policy']).toContain('camera=()')
    for (const name of ['set-cookie', 'access-control-allow-origin', 'service-worker-allowed']) {
      expect(headers, name).not.toHaveProperty(name)
    }
  })

  it.each([
    ['a.svg', '<svg xmlns="http://www.w3.org/2000/svg"/>', 'image/svg+xml'],
    ['a.pdf', '%PDF-1.4', 'application/pdf'],
    ['a.xml', '<a/>', 'text/xml; charset=utf-8'],
    ['a.js', 'alert(1)', 'text/javascript; charset=utf-8'],
    ['a.md', '# Hello', 'text/plain; charset=utf-8'],
    ['a.txt', Buffer.from('caf\xe9', 'latin1'), 'text/plain'],
    ['letter', 'Dear all,\n', 'text/plain; charset=utf-8'],
    ['page', '\n<!DOCTYPE HTML><p>', 'text/html; charset=utf-8'],
    ['photo', Buffer.from('89504e470d0a1a0a00', 'hex'), 'image/png'],
    ['noise', Buffer.from([0, 1, 2, 3]), 'application/octet-stream'],
    ['empty', '', 'text/plain; charset=utf-8'],
  ])('%s is shown as what it is, in the sandbox', async (name, bytes, type) => {
    const { headers } = await running.get(`/ipfs/${library.put(name, bytes)}`)
    expect(headers['content-type']).toBe(type)
    expect(headers['content-security-policy']).toMatch(/^sandbox/)
    expect(headers['x-content-type-options']).toBe('nosniff')
    const kind = type === 'application/octet-stream' ? /^attachment/ : /^inline/
    expect(headers['content-disposition']).toMatch(kind)
  })

  it('lets fonts alone be read from elsewhere, which pages cannot load otherwise', async () => {
    const { headers } = await running.get(`/ipfs/${library.put('a.woff2', 'x')}`)
    expect(headers['access-control-allow-origin']).toBe('*')
  })

  it('is known to who has it: 304', async () => {
    const cid = library.put('film.mp4', FILM)
    for (const known of [`"${cid}"`, `W/"${cid}"`, `"other", "${cid}"`, '*']) {
      const reply = await running.get(`/ipfs/${cid}`, { 'if-none-match': known })
      expect(reply, known).toMatchObject({ status: 304, text: '' })
      expect(reply.headers['content-security-policy'], known).toMatch(/^sandbox/)
    }
    const other = await running.get(`/ipfs/${cid}`, { 'if-none-match': `"${cid}x"` })
    expect(other.status).toBe(200)
    expect(library.chunksRead).toBe(5)
  })

  it('answers HEAD without reading, and without a body', async () => {
    const cid = library.put('film.mp4', FILM)
    const reply = await running.ask('HEAD', `/ipfs/${cid}`, { range: 'bytes=1-2' })
    expect(reply).toMatchObject({ status: 200, text: '' })
    expect(reply.headers).toMatchObject({
      'content-length': '300000',
      'content-type': 'video/mp4',
      'accept-ranges': 'bytes',
    })
    expect(library.chunksRead).toBe(0)
  })

  it.each([
    ['bytes=0-0', 0, 1],
    ['bytes=0-', 0, 300_000],
    ['bytes=100-199', 100, 200],
    ['bytes=299999-', 299_999, 300_000],
    ['bytes=299990-999999999', 299_990, 300_000],
    ['bytes=-5', 299_995, 300_000],
    ['bytes=-999999', 0, 300_000],
    ['BYTES=70000-140000', 70_000, 140_001],
  ])('gives the part %s exactly', async (range, start, end) => {
    const cid = library.put('film.mp4', FILM)
    const reply = await running.get(`/ipfs/${cid}`, { range })
    expect(reply.status).toBe(206)
    expect(reply.headers['content-range']).toBe(`bytes ${start}-${end - 1}/300000`)
    expect(reply.headers['content-length']).toBe(String(end - start))
    expect(reply.body.equals(FILM.subarray(start, end))).toBe(true)
  })

  it.each(['bytes=300000-', 'bytes=999999-1000000', 'bytes=-0'])(
    'has no part %s',
    async (range) => {
      const reply = await running.get(`/ipfs/${library.put('film.mp4', FILM)}`, { range })
      expect(reply.status).toBe(416)
      expect(reply.headers['content-range']).toBe('bytes */300000')
      expect(library.chunksRead).toBe(0)
    },
  )

  it.each([
    'bytes=0-1,5-6',
    'bytes=5-1',
    'bytes=-',
    'bytes=a-b',
    'lines=0-1',
    'bytes 0-1',
    'bytes=0x1-2',
  ])('comes whole for %s', async (range) => {
    const reply = await running.get(`/ipfs/${library.put('film.mp4', FILM)}`, { range })
    expect(reply.status).toBe(200)
    expect(reply.body.equals(FILM)).toBe(true)
  })

  it('is given in part only if it is still the same', async () => {
    const cid = library.put('film.mp4', FILM)
    const part = async (ifRange: string): Promise<number> => {
      const headers = { range: 'bytes=0-9', 'if-range': ifRange }
      return (await running.get(`/ipfs/${cid}`, headers)).status
    }
    expect(await part(`"${cid}"`)).toBe(206)
    expect(await part(`W/"${cid}"`)).toBe(200)
    expect(await part('"another"')).toBe(200)
    expect(await part('Tue, 24 Nov 2026 10:00:00 GMT')).toBe(200)
  })

  it('of no bytes is an answer as well', async () => {
    const cid = library.put('nothing.bin', '')
    expect(await running.get(`/ipfs/${cid}`)).toMatchObject({ status: 200, text: '' })
    expect((await running.get(`/ipfs/${cid}`, { range: 'bytes=0-' })).status).toBe(416)
  })

  it('is saved under a tame name', async () => {
    const cid = library.put('song.mp3', 'x')
    const saved = async (query: string) =>
      (await running.get(`/ipfs/${cid}?${query}`)).headers['content-disposition']
    expect(await saved('download=true')).toBe(
      `attachment; filename="song.mp3"; filename*=UTF-8''song.mp3`,
    )
    expect(await saved('filename=%C3%BCber%20uns.mp3')).toBe(
      `inline; filename="_ber uns.mp3"; filename*=UTF-8''%C3%BCber%20uns.mp3`,
    )
    for (const hostile of ['a"; x=y', 'a\r\nset-cookie: b', '../../etc/passwd', '\u202Egpj.exe']) {
      const header = (await saved(`filename=${encodeURIComponent(hostile)}`)) ?? ''
      expect(header).toMatch(
        /^inline; filename="[^"\\\r\n]*"; filename\*=UTF-8''[\w.%!#$&+^`|~-]*$/,
      )
      expect(header).not.toMatch(/[/]|%2F|%0D|%0A|%E2%80%AE|\.\./i)
    }
    expect(await saved(`filename=${'x'.repeat(3_000)}`)).toHaveLength(
      'inline; filename=""; filename*=UTF-8\'\''.length + 300,
    )
    expect(await saved('filename=%00..')).toBe('inline')
  })
})

describe('a folder', () => {
  it('has a page with a link to everything in it, and its address ends in a slash', async () => {
    const cid = library.put('songs', { 'b <i>.txt': 'b', a: { x: '1' }, 'ü?#%.txt': 'u' })
    const moved = await running.get(`/ipfs/${cid}?page=1`)
    expect(moved.status).toBe(301)
    expect(moved.headers.location).toBe(`/ipfs/${cid}/?page=1`)
    const { status, headers, text } = await running.get(`/ipfs/${cid}/`)
    expect(status).toBe(200)
    expect(headers['content-type']).toBe('text/html; charset=utf-8')
    expect(headers['cache-control']).toMatch(/^public, max-age=300,/)
    expect(headers['content-security-policy']).toMatch(/^default-src 'none'/)
    expect(headers['cross-origin-opener-policy']).toBe('same-origin')
    expect(text).not.toContain('<i>')
    expect(text).not.toContain('<script')
    expect([...text.matchAll(/class="row" href="([^"]*)"/g)].map(([, href]) => href)).toEqual([
      `/ipfs/${cid}/a/`,
      `/ipfs/${cid}/b%20%3Ci%3E.txt`,
      `/ipfs/${cid}/%C3%BC%3F%23%25.txt`,
    ])
    const inner = await running.get(`/ipfs/${cid}/%C3%BC%3F%23%25.txt`)
    expect(inner).toMatchObject({ status: 200, text: 'u' })
  })

  it('is known to who has its page, which is another than the folder itself', async () => {
    const cid = library.put('songs', { a: 'a' })
    const { etag = '' } = (await running.get(`/ipfs/${cid}/`)).headers
    expect(etag).not.toBe(`"${cid}"`)
    expect(etag).toContain(cid.toString())
    expect((await running.get(`/ipfs/${cid}/`, { 'if-none-match': etag })).status).toBe(304)
    const other = await running.get(`/ipfs/${cid}/`, { 'if-none-match': `"${cid}"` })
    expect(other.status).toBe(200)
  })

  it('with an index.html is a website', async () => {
    const cid = library.put('site', { 'index.html': '<p>home', 'style.css': 'p{}' })
    const { headers, text } = await running.get(`/ipfs/${cid}/`)
    expect(text).toBe('<p>home')
    expect(headers['content-security-policy']).toMatch(/^sandbox/)
    expect(headers['cache-control']).toContain('immutable')
    expect(headers.etag).toBe(`"${cid}"`)
  })

  it('of many has pages of a thousand', async () => {
    const many = Object.fromEntries(Array.from({ length: 2_100 }, (_, at) => [`n${at}`, 'x']))
    const cid = library.put('many', many)
    const namesOn = async (page: number) => {
      const { text } = await running.get(`/ipfs/${cid}/?page=${page}`)
      const count = [...text.matchAll(/class="row"/g)].length
      return { count, next: /rel="next" href="([^"]*)"/.exec(text)?.[1] }
    }
    expect(await namesOn(1)).toEqual({ count: 1_000, next: '?page=2' })
    expect(await namesOn(2)).toEqual({ count: 1_000, next: '?page=3' })
    expect(await namesOn(3)).toEqual({ count: 100, next: undefined })
    expect((await running.get(`/ipfs/${cid}/?page=4`)).status).toBe(404)
    for (const page of ['0', '-1', '1.5', '101', 'x', '1e3']) {
      expect((await running.get(`/ipfs/${cid}/?page=${page}`)).status, page).toBe(400)
    }
  })

  it('has links that lead only to what is below the same root', async () => {
    const cid = library.put('songs', {
      song: 'la',
      in: { a: { link: () => '../song' }, out: { link: () => '../../secret' } },
      abs: { link: () => '/etc/passwd' },
    })
    const moved = await running.get(`/ipfs/${cid}/in/a`)
    expect(moved.status).toBe(302)
    expect(moved.headers.location).toBe(`/ipfs/${cid}/song`)
    for (const path of ['in/out', 'abs']) {
      const reply = await running.get(`/ipfs/${cid}/${path}`)
      expect(reply.status).toBe(404)
      expect(reply.headers).not.toHaveProperty('location')
    }
  })
})

describe('an address', () => {
  it('is brought to its one form', async () => {
    const cid = library.put('songs', { song: 'la' })
    const old = cid.toV0().toString()
    const table = [
      [`/ipfs/${old}/song`, `/ipfs/${cid}/song`],
      [
        `/ipfs/${cid.toString().toUpperCase()}/song?download=true`,
        `/ipfs/${cid}/song?download=true`,
      ],
      [`/ipfs//${cid}///song`, `/ipfs/${cid}/song`],
      [`//ipfs/${cid}/song`, `/ipfs/${cid}/song`],
      [`/ipfs/${cid}/song/`, `/ipfs/${cid}/song`],
      ['/ipfs', '/'],
      ['/ipfs/', '/'],
    ]
    for (const [from = '', to] of table) {
      const reply = await running.get(from)
      expect(reply.status, from).toBe(301)
      expect(reply.headers.location, from).toBe(to)
    }
  })

  it.each([
    '/ipfs/nonsense',
    '/ipfs/CID/../../secret',
    '/ipfs/CID/%2e%2e/secret',
    '/ipfs/CID/a%2Fb',
    '/ipfs/CID/a%00b',
    '/ipfs/CID/a%5Cb',
    '/ipfs/CID/a\\b',
    '/ipfs/CID/%',
    '/ipfs/CID/%ff',
    `/ipfs/CID/${'x'.repeat(300)}`,
  ])('%s is refused before anything is looked up', async (path) => {
    const cid = library.put('songs', { song: 'la' })
    expect((await running.get(path.replace('CID', cid.toString()))).status).toBe(400)
    expect(library.opened).toEqual([])
  })

  it('is decoded once', async () => {
    const cid = library.put('odd', { '%2e%2e': 'odd', 'a+b': 'plus' })
    expect((await running.get(`/ipfs/${cid}/%252e%252e`)).text).toBe('odd')
    expect((await running.get(`/ipfs/${cid}/a+b`)).text).toBe('plus')
  })

  it('has a bounded length and depth', async () => {
    const cid = library.put('songs', { song: 'la' })
    expect((await running.get(`/ipfs/${cid}/${'a/'.repeat(65)}`)).status).toBe(414)
    expect((await running.get(`/ipfs/${cid}?filename=${'x'.repeat(5_000)}`)).status).toBe(414)
    expect((await running.get(`/${'x'.repeat(9_000)}`)).status).toBe(431)
  })

  it('of elsewhere is not found, in words', async () => {
    for (const path of ['/health', '/v1/status', '/ipns/x', '/favicon.ico', '//evil.example/']) {
      const reply = await running.get(path, { accept: 'text/html' })
      expect(reply.status, path).toBe(404)
      expect(reply.headers['content-type'], path).toBe('text/html; charset=utf-8')
      expect(reply.headers['cache-control'], path).toBe('no-store')
    }
  })
})
