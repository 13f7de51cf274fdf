// SPDX-License-Identifier: AGPL-3.0-or-later
/** The owner's token: made, kept, asked for, renewed; and what strangers can do without it. */
import { chmod, mkdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createUnixTransport } from '../../src/cli/unix-transport.ts'
import { createClient, fetchTransport } from '../../src/contract/contract.ts'
import { ask, cidOf, FakeNode, makeFolder, type RawReply } from './api-fake-node.ts'
import { runCommand } from './cli-support.ts'

let folder: string
let removeFolder: () => Promise<void>
let node: FakeNode

beforeEach(async () => {
  const made = await makeFolder()
  folder = made.folder
  removeFolder = made.remove
  node = new FakeNode(folder)
  await node.server.start(new AbortController().signal)
})

afterEach(async () => {
  await node.server.stop()
  await removeFolder()
})

function askLan(
  method: string,
  path: string,
  options: { token?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<RawReply> {
  const { token, headers = {}, ...rest } = options
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` }
  const where = { port: node.server.lanPort }
  return ask(where, method, path, { ...rest, headers: { ...authorization, ...headers } })
}

describe('the token in its file', () => {
  const path = (): string => join(folder, 'owner.token')

  async function startAgain(): Promise<unknown> {
    await node.server.stop()
    node = new FakeNode(folder)
    return node.server.start(new AbortController().signal).catch((thrown: unknown) => thrown)
  }

  it('is made once, for its owner alone, with 192 bits in it', async () => {
    const { token } = node
    expect(Buffer.from(token, 'base64url')).toHaveLength(24)
    expect(await readFile(path(), 'utf8')).toBe(`${token}\n`)
    expect((await stat(path())).mode & 0o777).toBe(0o600)
    expect(await startAgain()).toBeUndefined()
    expect(node.token).toBe(token)
  })

  it.each([
    ['others can read it', () => chmod(path(), 0o640), 'TOKEN_FILE_WRONG_MODE'],
    ['it is empty', () => writeFile(path(), ''), 'TOKEN_FILE_GARBAGE'],
    ['it is short', () => writeFile(path(), 'a'.repeat(20)), 'TOKEN_FILE_GARBAGE'],
    ['it is long', () => writeFile(path(), 'a'.repeat(300)), 'TOKEN_FILE_GARBAGE'],
  ])('is refused when %s', async (_why, spoil, code) => {
    await spoil()
    expect(await startAgain()).toMatchObject({ code, advice: expect.stringMatching(/new one/) })
  })

  it('is not followed through a link, nor taken from a folder', async () => {
    await rm(path())
    await symlink('/dev/null', path())
    expect(await startAgain()).toMatchObject({ code: 'TOKEN_FILE_GARBAGE' })
    await rm(path())
    await mkdir(path())
    expect(await startAgain()).toMatchObject({ code: 'TOKEN_FILE_GARBAGE' })
  })
})

describe('whoever sends the token', () => {
  it('is the owner, on the LAN too', async () => {
    const { token } = node
    const item = node.items.put('diary', Buffer.from('dear diary'), 'private')
    const shown = await askLan('GET', `/v1/items/${item.cid}`, { token })
    expect(JSON.parse(shown.text).item.name).toBe('diary')
    expect(JSON.parse((await askLan('GET', '/v1/status', { token })).text).dataFolder).toBe(folder)
    const added = await askLan('POST', '/v1/items?name=letter', { token, body: 'dear all' })
    expect(added.status).toBe(200)
    expect(JSON.parse(added.text).item.cid).toBe(cidOf(Buffer.from('dear all')).toString())
    const gone = await askLan('DELETE', `/v1/items/${item.cid}`, { token })
    expect(gone.status).toBe(200)
    expect(node.items.get(item.cid)).toBeUndefined()
  })

  it('reaches all but what is about the machine itself', async () => {
    const body = JSON.stringify({ path: '/etc/passwd' })
    const { token } = node
    expect((await askLan('POST', '/v1/references', { token, body })).status).toBe(404)
    expect((await askLan('GET', '/v1/owner-links', { token })).status).toBe(404)
    expect((await askLan('POST', '/v1/owner-links', { token })).status).toBe(404)
    expect(node.token).toBe(token)
  })

  it('may be a program with the client of the contract', async () => {
    const base = `http://127.0.0.1:${node.server.lanPort}`
    const client = createClient(fetchTransport({ base, token: () => node.token }))
    const bytes = Buffer.alloc(3_000_000, 'citynode ')
    const sent = (async function* () {
      yield bytes
    })()
    const { item } = await client.addItem(sent, { name: 'big', visibility: 'private' })
    const returned = await Array.fromAsync(await client.itemBytes(item.cid))
    expect(Buffer.concat(returned).equals(bytes)).toBe(true)
    const stranger = createClient(fetchTransport({ base }))
    expect(await stranger.publicStatus()).toMatchObject({ publicItemsCount: 0 })
    await expect(stranger.config()).rejects.toMatchObject({ code: 'TOKEN_NEEDED', status: 401 })
  })
})

describe('a stranger', () => {
  it('changes nothing, and is told how the owner does', async () => {
    const item = node.items.put('diary', Buffer.from('dear diary'), 'private')
    const reply = await askLan('DELETE', `/v1/items/${item.cid}`)
    expect(reply.status).toBe(405)
    expect(JSON.parse(reply.text).advice).toContain('citynode link')
    const sent = await askLan('POST', '/v1/items', { body: 'x'.repeat(100_000) })
    expect(sent.status).toBe(405)
    expect(sent.headers['connection']).toBe('close')
    const guessed = await askLan('POST', '/v1/items', { token: 'guess', body: 'x'.repeat(100_000) })
    expect(guessed).toMatchObject({ status: 401, headers: { connection: 'close' } })
    expect(node.items.held.size).toBe(1)
  })

  it.each([
    ['a wrong token', 'Bearer AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'],
    ['none', 'Bearer '],
    ['a password', 'Basic b3duZXI6b3duZXI='],
    ['nonsense', 'Bearer \u00e4\u00f6'],
  ])('with %s is told so, also where anybody may look', async (_what, authorization) => {
    const reply = await askLan('GET', '/v1/status', { headers: { authorization } })
    expect(reply.status).toBe(401)
    expect(reply.headers['www-authenticate']).toBe('Bearer error="invalid_token"')
    expect(JSON.parse(reply.text)).toMatchObject({
      code: 'TOKEN_WRONG',
      advice: expect.stringContaining('citynode link'),
    })
  })

  it('who guesses is slowed down, and does not keep the owner out', async () => {
    const statuses = new Set<number>()
    for (let guess = 0; guess < 40; guess += 1) {
      const { status } = await askLan('GET', '/v1/config', { token: `guess-${guess}` })
      statuses.add(status)
    }
    expect([...statuses]).toEqual([401, 429])
    const last = await askLan('GET', '/v1/config', { token: 'guess' })
    expect(JSON.parse(last.text).code).toBe('TOKEN_WRONG_OFTEN')
    expect(last.headers['retry-after']).toBe('5')
    expect(last.headers['connection']).toBe('close')
    expect((await askLan('GET', '/v1/config', { token: node.token })).status).toBe(200)
    expect((await askLan('GET', '/v1/status')).status).toBe(200)
  })
})

describe('a page from elsewhere', () => {
  const FROM_ELSEWHERE = { origin: 'http://evil.example' }

  it('cannot use the API, even if it knew the token', async () => {
    const { token } = node
    const asked = {
      ...FROM_ELSEWHERE,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization',
    }
    for (const path of ['/v1/items', '/v1/status', '/v1/fetch', '/nowhere']) {
      const before = await askLan('OPTIONS', path, { headers: asked })
      expect(before.status, path).toBe(403)
      const sent = await askLan('POST', path, { token, headers: FROM_ELSEWHERE, body: 'x' })
      expect(sent.status, path).toBe(403)
      const read = await askLan('GET', path, { token, headers: FROM_ELSEWHERE })
      expect(read.status, path).toBe(403)
      for (const { headers } of [before, sent, read]) {
        expect(Object.keys(headers).filter((name) => name.startsWith('access-control'))).toEqual([])
      }
    }
    expect(node.items.held.size).toBe(0)
  })

  it('is not helped by a preflight of the node’s own page either: nothing is shared', async () => {
    const origin = `http://127.0.0.1:${node.server.lanPort}`
    const headers = { origin, 'access-control-request-method': 'POST' }
    const reply = await askLan('OPTIONS', '/v1/items', { headers })
    expect(reply.status).toBe(405)
    expect(Object.keys(reply.headers).join()).not.toContain('access-control')
  })
})

describe('citynode link', () => {
  it('prints the links, and renews the token', async () => {
    const old = node.token
    const shown = await runCommand(folder, ['link'])
    expect(shown.stdout).toBe(`http://localhost:${node.server.lanPort}/#token=${old}\n`)
    expect(shown.stderr).not.toContain(old)
    const json = await runCommand(folder, ['link', '--json'])
    expect(JSON.parse(json.stdout)).toEqual({ links: [shown.stdout.trim()] })

    const renewed = await runCommand(folder, ['link', '--renew'])
    const token = renewed.stdout.trim().split('#token=')[1] ?? ''
    expect(token).not.toBe(old)
    expect(await readFile(join(folder, 'owner.token'), 'utf8')).toBe(`${token}\n`)
    expect((await askLan('GET', '/v1/config', { token: old })).status).toBe(401)
    expect((await askLan('GET', '/v1/config', { token })).status).toBe(200)
  })

  it('leaves the file and the memory with one token, however many renew at once', async () => {
    const { socketPath } = node
    const client = createClient(createUnixTransport({ socketPath, dataFolder: folder }))
    await Promise.all(Array.from({ length: 5 }, () => client.renewOwnerLinks()))
    expect(await readFile(join(folder, 'owner.token'), 'utf8')).toBe(`${node.token}\n`)
  })
})
