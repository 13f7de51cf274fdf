// SPDX-License-Identifier: AGPL-3.0-or-later
/** The gateway for people: what it does not show, its first page, and what it puts up with. */
import { connect, createServer } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Opened } from '../../src/api/api.ts'
import { GATEWAY_PORT_USUAL } from '../../src/api/config.ts'
import {
  CONNECTIONS_PER_ADDRESS_MAX,
  RESPONSES_PER_ADDRESS_MAX,
} from '../../src/api/gateway/limits.ts'
import { SystemClock } from '../../src/system/system.ts'
import { until } from '../support/daemon.ts'
import { cidOf, type FakeLibrary, type RunningGateway, startGateway } from '../support/gateway.ts'

let running: RunningGateway
let library: FakeLibrary

beforeEach(async () => {
  running = await startGateway()
  library = running.library
})

afterEach(() => running.gateway.stop())

const FILM = Buffer.from(Array.from({ length: 300_000 }, (_, at) => at % 251))

describe('what is not shown', () => {
  it('is private and absent alike', async () => {
    const secret = library.put('diary.txt', 'secret', false)
    const unknown = cidOf('unknown')
    const bare = ({ status, text, headers }: Awaited<ReturnType<typeof running.get>>) => {
      const { date: _date, ...rest } = headers
      return { status, text, rest }
    }
    const hidden = bare(await running.get(`/ipfs/${secret}`))
    expect(hidden).toEqual(bare(await running.get(`/ipfs/${unknown}`)))
    expect(hidden.status).toBe(404)
    const probe = await running.get(`/ipfs/${secret}`, { 'cache-control': 'only-if-cached' })
    expect(probe.status).toBe(412)
    expect((await running.get('/')).text).not.toContain('diary')
  })

  it.each<[number, Opened]>([
    [410, { what: 'refused', status: 410, text: 'Taken <b>back</b>.' }],
    [451, { what: 'refused', status: 451, text: 'Taken <b>back</b>.' }],
    [500, { what: 'unreadable', text: 'Taken <b>back</b>.' }],
  ])('says %i and why, to people and to programs', async (status, opened) => {
    const cid = library.put('x', () => opened)
    const page = await running.get(`/ipfs/${cid}`, { accept: 'text/html' })
    expect(page.status).toBe(status)
    expect(page.text).toContain('Taken &lt;b&gt;back&lt;/b&gt;.')
    const plain = await running.get(`/ipfs/${cid}`)
    expect(plain.headers['content-type']).toBe('text/plain; charset=utf-8')
    expect(plain.text).toContain('Taken <b>back</b>.')
  })

  it('breaks off, and does not pretend, when the bytes fail', async () => {
    const cid = library.put('film.mp4', FILM)
    library.onChunk = async () => {
      if (library.chunksRead === 2) throw new Error('disk')
    }
    await expect(running.get(`/ipfs/${cid}`)).rejects.toThrow()
    library.onChunk = () => Promise.reject(new Error('disk'))
    expect((await running.get(`/ipfs/${library.put('note.txt', 'x')}`)).status).toBe(500)
  })

  it.each(['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'])('takes no %s', async (method) => {
    const reply = await running.ask(method, `/ipfs/${library.put('a.txt', 'a')}`)
    expect(reply.status).toBe(405)
    expect(reply.headers.allow).toBe('GET, HEAD')
    expect(library.opened).toEqual([])
  })

  it('is refused to names, sites, workers and sockets that are not ours', async () => {
    const path = `/ipfs/${library.put('a.js', 'a')}`
    const table: [Record<string, string>, number][] = [
      [{ host: 'evil.example' }, 421],
      [{ host: `evil.example:${running.port}` }, 421],
      [{ host: 'testbox.local' }, 200],
      [{ host: 'node.example:80' }, 200],
      [{ origin: 'http://evil.example' }, 403],
      [{ 'sec-fetch-site': 'cross-site', 'sec-fetch-dest': 'script' }, 403],
      [{ 'sec-fetch-site': 'cross-site', 'sec-fetch-dest': 'image' }, 200],
      [{ 'service-worker': 'script' }, 403],
      [{ upgrade: 'websocket', connection: 'upgrade' }, 403],
    ]
    for (const [headers, status] of table) {
      expect((await running.get(path, headers)).status, JSON.stringify(headers)).toBe(status)
    }
  })

  it('goes to the Trustless Gateway when blocks are asked for, if there is one', async () => {
    const cid = library.put('a.txt', 'a')
    const asked = [`/ipfs/${cid}?format=raw`, `/ipfs/${cid}?format=car`]
    for (const path of asked) expect((await running.get(path)).status).toBe(406)
    const accept = { accept: 'application/vnd.ipld.car; dups=y' }
    expect((await running.get(`/ipfs/${cid}`, accept)).status).toBe(406)
    await running.gateway.stop()
    running = await startGateway({
      trustless: async (request, response) => {
        response.end(`trustless ${request.url}`)
      },
    })
    for (const path of asked) {
      const reply = await running.get(path)
      expect(reply.text).toBe(`trustless ${path}`)
      expect(reply.headers['content-security-policy']).toMatch(/^sandbox/)
    }
    expect((await running.get(`/ipfs/${cid}`, accept)).text).toContain('trustless')
    expect((await running.get(`/ipfs/${cid}?format=tar`)).status).toBe(406)
  })
})

describe('the first page', () => {
  it('says what this is, and lists what is public', async () => {
    expect((await running.get('/')).text).toContain('Nothing is public here yet.')
    const cid = library.put('<b>songs</b>', { a: 'la' })
    const { status, headers, text } = await running.get('/')
    expect(status).toBe(200)
    expect(headers['cache-control']).toBe('no-store')
    expect(text).toContain(`href="/ipfs/${cid}"`)
    expect(text).toContain('&lt;b&gt;songs&lt;/b&gt;')
    expect((await running.get('/?page=2')).status).toBe(404)
  })
})

describe('what it puts up with', () => {
  it('reads no faster than the reader takes', async () => {
    const cid = library.put('film.mp4', Buffer.alloc(64 * 1024 * 1024))
    const socket = connect(running.port, '127.0.0.1')
    socket.write(`GET /ipfs/${cid} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`)
    socket.pause()
    let before = -1
    await until('reading pauses', 10_000, async () => {
      const isStill = library.chunksRead === before && before > 0
      before = library.chunksRead
      await new Promise((resolve) => setTimeout(resolve, 200))
      return isStill
    })
    // What the kernel holds for both ends, and no more.
    expect(library.chunksRead * library.chunkBytes).toBeLessThan(32 * 1024 * 1024)
    socket.destroy()
  })

  it('gives up a reader that takes nothing', async () => {
    await running.gateway.stop()
    const clock = new (class extends SystemClock {
      override after(delayMs: number, callback: () => void) {
        return super.after(delayMs / 100, callback)
      }
    })()
    running = await startGateway({ clock })
    const cid = running.library.put('film.mp4', Buffer.alloc(64 * 1024 * 1024))
    const socket = connect(running.port, '127.0.0.1')
    socket.write(`GET /ipfs/${cid} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`)
    socket.pause()
    socket.on('error', () => {})
    let aborted = false
    running.library.onChunk = async (signal) => {
      signal.addEventListener('abort', () => {
        aborted = true
      })
    }
    await until('the library is told', 10_000, () => aborted)
    socket.destroy()
  })

  it('gives up a library that never answers, with words', async () => {
    await running.gateway.stop()
    const clock = new (class extends SystemClock {
      override after(delayMs: number, callback: () => void) {
        return super.after(delayMs / 100, callback)
      }
    })()
    running = await startGateway({
      clock,
      library: { open: () => new Promise(() => {}), publicItems: () => [] },
    })
    expect((await running.get(`/ipfs/${cidOf('x')}`)).status).toBe(504)
  })

  it('seats so many of one address, and no more', async () => {
    const cid = library.put('film.mp4', FILM)
    let release = (): void => {}
    const gate = new Promise<void>((resolve) => {
      release = resolve
    })
    library.onChunk = () => gate
    const seated = Array.from({ length: RESPONSES_PER_ADDRESS_MAX }, () =>
      running.get(`/ipfs/${cid}`),
    )
    await until('all are seated', 10_000, () => library.opened.length === seated.length)
    const turnedAway = await running.get(`/ipfs/${cid}`)
    expect(turnedAway.status).toBe(429)
    expect(turnedAway.headers['retry-after']).toBe('5')
    release()
    for (const reply of await Promise.all(seated)) expect(reply.status).toBe(200)
    expect((await running.get(`/ipfs/${cid}`)).status).toBe(200)
  })

  it('closes connections beyond the number that one address may have', async () => {
    const open = new Set<unknown>()
    const sockets = Array.from({ length: CONNECTIONS_PER_ADDRESS_MAX + 8 }, () => {
      const socket = connect(running.port, '127.0.0.1')
      socket.on('connect', () => open.add(socket))
      socket.on('error', () => {})
      socket.on('close', () => open.delete(socket))
      return socket
    })
    await until(
      'some are closed',
      10_000,
      () =>
        sockets.every((socket) => !socket.connecting) && open.size === CONNECTIONS_PER_ADDRESS_MAX,
    )
    for (const socket of sockets) socket.destroy()
  })

  it('stops though somebody reads, and starts again', async () => {
    const cid = library.put('film.mp4', FILM)
    library.onChunk = () => new Promise(() => {})
    const reading = running.get(`/ipfs/${cid}`)
    reading.catch(() => {})
    await until('it reads', 10_000, () => library.opened.length === 1)
    await running.gateway.stop()
    await expect(reading).rejects.toThrow()
    expect(running.gateway.port).toBe(0)
    await running.gateway.start(new AbortController().signal)
  })

  it('takes any free port when another program has the usual one', async () => {
    const other = createServer()
    await new Promise((resolve) => {
      other.once('error', resolve) // Somebody else has it already: as good.
      other.listen(GATEWAY_PORT_USUAL, '127.0.0.1', () => resolve(undefined))
    })
    const beside = await startGateway({}, GATEWAY_PORT_USUAL)
    expect(beside.port).not.toBe(GATEWAY_PORT_USUAL)
    expect((await beside.get('/')).status).toBe(200)
    await beside.gateway.stop()
    other.close()
  })

  it('does not step aside from a port that somebody chose', async () => {
    await expect(startGateway({}, running.port)).rejects.toMatchObject({ code: 'PORT_TAKEN' })
  })
})
