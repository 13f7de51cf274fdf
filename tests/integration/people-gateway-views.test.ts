// SPDX-License-Identifier: AGPL-3.0-or-later
/** Private things at the gateway: by a view alone, and with the very headers of public ones. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type PeoplesLibrary, Views } from '../../src/api/api.ts'
import { type LogFields, type Logger, silentLogger } from '../../src/base/base.ts'
import { SystemClock, SystemRandom } from '../../src/system/system.ts'
import { FakeLibrary, type RunningGateway, startGateway } from '../support/gateway.ts'

let running: RunningGateway
let views: Views
/** What the owner has: none of it is in the library of the people. */
let owned: FakeLibrary
let logged: string[]

beforeEach(async () => {
  owned = new FakeLibrary()
  logged = []
  const note = (message: string, fields?: LogFields): void => {
    logged.push(`${message} ${JSON.stringify(fields)}`)
  }
  const log: Logger = { ...silentLogger, debug: note, info: note, warn: note, error: note }
  views = new Views({ library: owned, clock: new SystemClock(), random: new SystemRandom() })
  running = await startGateway({ views, log })
})

afterEach(() => running.gateway.stop())

function viewOf(cid: Parameters<PeoplesLibrary['open']>[0], path: readonly string[] = []): string {
  return views.open({ cid, path }, '127.0.0.1').path
}

describe('a private file', () => {
  it('is shown as a public one would be, and kept by nobody', async () => {
    const cid = owned.put('page.html', '<!doctype html><p>dear diary')
    const open = await running.get(`/ipfs/${running.library.put('open.html', '<!doctype html>')}`)
    const { status, headers, text } = await running.get(viewOf(cid))
    expect({ status, text }).toEqual({ status: 200, text: '<!doctype html><p>dear diary' })
    expect(headers['cache-control']).toBe('no-store')
    expect(headers).not.toHaveProperty('x-ipfs-path')
    const same = [
      'content-security-policy',
      'content-type',
      'cross-origin-resource-policy',
      'permissions-policy',
      'referrer-policy',
      'x-content-type-options',
      'x-frame-options',
    ]
    for (const name of same) expect(headers[name], name).toBe(open.headers[name])
    expect((await running.get(`/ipfs/${cid}`)).status).toBe(404)
  })

  it('is sought in, and not sent twice', async () => {
    const film = owned.put('film.mp4', Buffer.from('0123456789'))
    const path = viewOf(film)
    expect(await running.get(path, { range: 'bytes=2-4' })).toMatchObject({
      status: 206,
      text: '234',
    })
    const known = await running.get(path, { 'if-none-match': `"${film}"` })
    expect(known.status).toBe(304)
    expect(known.headers['cache-control']).toBe('no-store')
  })

  it('is given as no block or CAR', async () => {
    const path = viewOf(owned.put('diary.txt', 'secret'))
    expect((await running.get(`${path}?format=raw`)).status).toBe(406)
    expect((await running.get(`${path}?format=car`)).status).toBe(406)
  })
})

describe('a private folder', () => {
  it('is browsed below its view, and nowhere above it', async () => {
    const cid = owned.put('album', {
      inner: { 'a.txt': 'A', deeper: { 'b.txt': 'B' }, up: { link: () => '../secret.txt' } },
      'secret.txt': 'S',
    })
    const path = viewOf(cid, ['inner'])
    const moved = await running.get(path)
    expect(moved.status).toBe(301)
    expect(moved.headers).toMatchObject({ location: `${path}/`, 'cache-control': 'no-store' })
    const page = await running.get(`${path}/`)
    expect(page.headers['cache-control']).toBe('no-store')
    expect(page.text).toContain(`href="${path}/a.txt"`)
    expect(page.text).toContain(`href="${path}/deeper/"`)
    expect(page.text).not.toContain('/ipfs/')
    expect((await running.get(`${path}/deeper/b.txt`)).text).toBe('B')
    expect((await running.get(`${path}/up`)).status).toBe(404)
    for (const way of ['/../secret.txt', '/%2e%2e/secret.txt', '/secret.txt']) {
      expect([400, 404], way).toContain((await running.get(path + way)).status)
    }
  })
})

describe('a view', () => {
  it('is nothing to anybody without its address', async () => {
    const path = viewOf(owned.put('diary.txt', 'secret'))
    for (const other of ['/view', '/view/', '/view/AAAA', `${path}A`, '/view/%00', '/view/a.b']) {
      const { status, text } = await running.get(other)
      expect([301, 400, 404], other).toContain(status)
      expect(text).not.toContain('secret')
    }
    expect((await running.get('/view/AAAA')).text).toContain('over')
  })

  it('is nothing to another address', async () => {
    const path = views.open({ cid: owned.put('diary.txt', 'x'), path: [] }, '10.0.0.7').path
    expect((await running.get(path)).status).toBe(404)
  })

  it('is in no log, whatever fails', async () => {
    const cid = owned.put('broken', () => {
      throw new Error('the disk broke')
    })
    const path = viewOf(cid)
    expect((await running.get(path)).status).toBe(500)
    owned.onChunk = async () => {
      throw new Error('the disk broke')
    }
    const cut = viewOf(owned.put('diary.txt', 'x'.repeat(100_000)))
    await running.get(cut).catch(() => {})
    expect(logged.join('\n')).toContain('could not be shown')
    for (const secret of [path, cut]) {
      expect(logged.join('\n')).not.toContain(secret.slice('/view/'.length))
    }
  })
})
