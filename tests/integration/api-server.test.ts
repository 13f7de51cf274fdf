// SPDX-License-Identifier: AGPL-3.0-or-later
/** The two listeners: what they answer, to whom, and how they start and stop. */

import { spawn } from 'node:child_process'
import { chmod, mkdir, readdir, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createUnixTransport } from '../../src/cli/unix-transport.ts'
import { ApiProblem, type Client, createClient } from '../../src/contract/contract.ts'
import { ask, cidOf, FakeNode, makeFolder } from './api-fake-node.ts'

let folder: string
let removeFolder: () => Promise<void>
const started: FakeNode[] = []

async function start(node: FakeNode): Promise<FakeNode> {
  started.push(node)
  await node.server.start(new AbortController().signal)
  return node
}

function clientOf(node: FakeNode): Client {
  const { socketPath } = node
  return createClient(createUnixTransport({ socketPath, dataFolder: node.folder }))
}

beforeEach(async () => {
  const made = await makeFolder()
  folder = made.folder
  removeFolder = made.remove
})

afterEach(async () => {
  for (const node of started.splice(0)) await node.server.stop()
  await removeFolder()
})

describe('the LAN listener', () => {
  it('tells public facts and nothing of private items', async () => {
    const node = await start(new FakeNode(folder))
    node.meetOthers()
    const secret = node.items.put('secret plan', Buffer.from('secret'), 'private')
    node.items.put('songbook', Buffer.from('song'), 'public')
    const where = { port: node.server.lanPort }
    const status = await ask(where, 'GET', '/v1/status')
    expect(Object.keys(JSON.parse(status.text)).sort()).toEqual([
      'city',
      'connectedPeersCount',
      'did',
      'gatewayPort',
      'health',
      'name',
      'neighbours',
      'otherPeersCount',
      'peerId',
      'publicItemsCount',
      'uptimeSeconds',
      'version',
    ])
    expect(JSON.parse(status.text)).toMatchObject({
      city: 'test-city',
      publicItemsCount: 1,
      connectedPeersCount: 2,
      otherPeersCount: 1,
      neighbours: [{ interfaceName: 'wlan0', lossOut: 0.25, version: '0.1.0' }],
    })
    for (const path of ['/', '/v1/status', '/health']) {
      const { text } = await ask(where, 'GET', path)
      for (const hidden of ['secret plan', secret.cid.toString(), folder, 'fe80', '10.0.0.2']) {
        expect(text, path).not.toContain(hidden)
      }
    }
  })

  it('sends security headers with everything, also with refusals', async () => {
    const node = await start(new FakeNode(folder))
    for (const path of ['/', '/health', '/metrics', '/nowhere']) {
      const { headers } = await ask({ port: node.server.lanPort }, 'GET', path)
      expect(headers['content-security-policy'], path).toContain("default-src 'none'")
      expect(headers['x-content-type-options'], path).toBe('nosniff')
      expect(headers['referrer-policy'], path).toBe('no-referrer')
    }
  })

  it('says how the node is: 200 while it works, 503 when it does not', async () => {
    const node = await start(new FakeNode(folder))
    const health = () => ask({ port: node.server.lanPort }, 'GET', '/health')
    expect(await health()).toMatchObject({ status: 200, text: '{"status":"ok","conditions":[]}' })
    const condition = { code: 'DISK_FILLING', text: 'The disk is full.', advice: 'Tidy up.' }
    node.conditions = [{ ...condition, severity: 'info' }]
    expect(JSON.parse((await health()).text).status).toBe('ok')
    node.conditions = [{ ...condition, severity: 'warning' }]
    expect(await health()).toMatchObject({ status: 200 })
    expect(JSON.parse((await health()).text)).toEqual({
      status: 'degraded',
      conditions: [{ ...condition, severity: 'warning' }],
    })
    node.conditions = [{ ...condition, severity: 'error' }]
    expect(await health()).toMatchObject({ status: 503 })
    expect(JSON.parse((await health()).text).status).toBe('failed')
  })

  it('gives metrics as they are, and answers HEAD', async () => {
    const node = await start(new FakeNode(folder))
    const where = { port: node.server.lanPort }
    const metrics = await ask(where, 'GET', '/metrics')
    expect(metrics.text).toBe('citynode_up 1\n')
    expect(metrics.headers['content-type']).toBe('text/plain; version=0.0.4')
    expect(await ask(where, 'HEAD', '/')).toMatchObject({ status: 200, text: '' })
  })

  it.each(['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'])('takes no %s', async (method) => {
    const node = await start(new FakeNode(folder))
    const reply = await ask({ port: node.server.lanPort }, method, '/health')
    expect(reply.status).toBe(405)
    expect(reply.headers['allow']).toBe('GET, HEAD')
  })

  it('says that its port is taken, and which setting names it', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => other.once('listening', resolve))
    const address = other.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    const node = new FakeNode(folder, {}, port)
    await expect(start(node)).rejects.toMatchObject({
      code: 'PORT_TAKEN',
      advice: expect.stringContaining('status.port'),
    })
    other.close()
  })
})

describe('the control socket', () => {
  it('is for the owner alone, and leaves nothing behind', async () => {
    const node = await start(new FakeNode(folder))
    expect((await stat(node.socketPath)).mode & 0o777).toBe(0o600)
    expect(await readdir(folder)).toEqual(['control.sock', 'owner.token'])
    await node.server.stop()
    expect(await readdir(folder)).toEqual(['owner.token'])
  })

  it('replaces the socket of a killed node', async () => {
    const socketPath = join(folder, 'control.sock')
    const script = `require('node:net').createServer().listen(${JSON.stringify(socketPath)}, () => console.log('up'))`
    const killed = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
    await new Promise((resolve) => killed.stdout.once('data', resolve))
    const ended = new Promise((resolve) => killed.once('exit', resolve))
    killed.kill('SIGKILL')
    await ended
    expect((await stat(socketPath)).isSocket()).toBe(true)
    const node = await start(new FakeNode(folder))
    expect((await clientOf(node).status()).city).toBe('test-city')
  })

  it('leaves a living node alone, and a file that is not ours', async () => {
    const first = await start(new FakeNode(folder))
    await expect(start(new FakeNode(folder))).rejects.toMatchObject({ code: 'CONTROL_IN_USE' })
    expect((await clientOf(first).status()).city).toBe('test-city')
    const other = join(folder, 'other')
    await mkdir(other)
    await writeFile(join(other, 'control.sock'), 'a letter')
    await expect(start(new FakeNode(other))).rejects.toMatchObject({ code: 'CONTROL_PATH_TAKEN' })
  })

  it('says that its path is too long, or its folder closed', async () => {
    const deep = join(folder, 'x'.repeat(120))
    await mkdir(deep)
    await expect(start(new FakeNode(deep))).rejects.toMatchObject({
      code: 'CONTROL_PATH_TOO_LONG',
      advice: expect.stringContaining('--data'),
    })
    const missing = new FakeNode(join(folder, 'missing'), {}, 0, join(folder, 'owner.token'))
    await expect(start(missing)).rejects.toMatchObject({ code: 'CONTROL_UNUSABLE' })
    await chmod(folder, 0o700)
  })

  it('answers what the contract says', async () => {
    const node = await start(new FakeNode(folder))
    node.meetOthers()
    const client = clientOf(node)
    expect((await client.neighbours())[0]?.address).toBe('fe80::1%wlan0')
    expect((await client.peers()).map((peer) => peer.isNeighbour)).toEqual([true, false])
    expect(await client.config()).toEqual({ network: { port: 7440 }, city: { id: 'test-city' } })
    expect(await client.status()).toMatchObject({
      dataFolder: folder,
      statusPort: node.server.lanPort,
      itemsCount: 0,
    })
  })

  it('takes an item in, gives it back, and removes it', async () => {
    const node = await start(new FakeNode(folder))
    const client = clientOf(node)
    const bytes = Buffer.alloc(3_000_000, 'citynode ')
    const { item } = await client.addItem(one(bytes), { name: 'big', visibility: 'public' })
    expect(item).toMatchObject({ name: 'big', sizeBytes: 3_000_000, visibility: 'public' })
    expect(item.cid).toBe(cidOf(bytes).toString())
    expect(await client.item(item.cid)).toEqual(item)
    const returned = Buffer.concat(await Array.fromAsync(await client.itemBytes(item.cid)))
    expect(returned.equals(bytes)).toBe(true)
    expect(await client.removeItem(item.cid)).toEqual(item)
    await expect(client.item(item.cid)).rejects.toMatchObject({ status: 404 })
    await expect(client.removeItem(item.cid)).rejects.toBeInstanceOf(ApiProblem)
  })

  it('refuses what is no content id, no JSON, or too long', async () => {
    const node = await start(new FakeNode(folder))
    const where = { socketPath: node.socketPath }
    await expect(clientOf(node).item('nonsense')).rejects.toMatchObject({
      code: 'BAD_CID',
      status: 400,
      advice: expect.stringContaining('bafkrei'),
    })
    for (const body of ['{', '{}', JSON.stringify({ cid: 7 }), 'x'.repeat(20_000)]) {
      const reply = await ask(where, 'POST', '/v1/fetch', { body })
      expect(reply.status).toBe(400)
      expect(JSON.parse(reply.text).code).toBe('BAD_REQUEST')
    }
    const reply = await ask(where, 'POST', '/v1/items?visibility=everyone', { body: 'x' })
    expect(reply.status).toBe(400)
    expect(node.items.held.size).toBe(0)
  })

  it('answers why it stopped taking an item, though more is coming', async () => {
    const node = await start(new FakeNode(folder))
    node.items.duringAdd = (receivedBytes) => {
      if (receivedBytes < 200_000) return
      throw Object.assign(new Error('disk'), { code: 'EIO' })
    }
    const endless = async function* () {
      for (let chunk = 0; chunk < 2_000; chunk++) yield Buffer.alloc(65_536)
    }
    await expect(
      clientOf(node).addItem(endless(), { name: '', visibility: 'private' }),
    ).rejects.toMatchObject({ code: 'INTERNAL', status: 500 })
  })

  it('notices that the caller of an add went away', async () => {
    const node = await start(new FakeNode(folder))
    const gone = new AbortController()
    node.items.duringAdd = () => gone.abort(new Error('enough'))
    const slow = async function* () {
      yield Buffer.alloc(65_536)
      await new Promise((resolve) => gone.signal.addEventListener('abort', resolve))
      yield Buffer.alloc(65_536)
    }
    const options = { name: '', visibility: 'private', signal: gone.signal } as const
    await expect(clientOf(node).addItem(slow(), options)).rejects.toThrow('enough')
    await until(() => node.items.addsAborted === 1)
    expect(node.items.held.size).toBe(0)
  })

  it('fetches with progress, and says in the last line what went wrong', async () => {
    const node = await start(new FakeNode(folder))
    const bytes = Buffer.from('from far away')
    node.items.elsewhere.set(cidOf(bytes).toString(), bytes)
    const seen: unknown[] = []
    node.items.duringFetch = () => until(() => seen.length > 0)
    const { item } = await clientOf(node).fetchItem(cidOf(bytes).toString(), {
      visibility: 'private',
      onProgress: (progress) => seen.push(progress),
    })
    expect(item).toMatchObject({ sizeBytes: bytes.length, visibility: 'private' })
    expect(seen[0]).toEqual({ received: 6, total: 13 })
    const unknown = cidOf(Buffer.from('unknown')).toString()
    await expect(
      clientOf(node).fetchItem(unknown, { visibility: 'private' }),
    ).rejects.toMatchObject({ code: 'CONTENT_NOT_FOUND', status: 404 })
    await expect(
      clientOf(node).fetchItem('nonsense', { visibility: 'private' }),
    ).rejects.toMatchObject({ code: 'BAD_CID' })
  })

  it('breaks off, and does not pretend, when the bytes of an item fail', async () => {
    const node = await start(new FakeNode(folder))
    const item = node.items.put('worn', Buffer.alloc(1_000_000), 'private')
    node.items.breakAfterBytes = 131_072
    const bytes = await clientOf(node).itemBytes(item.cid.toString())
    await expect(Array.fromAsync(bytes)).rejects.toMatchObject({ code: 'API_BROKEN_OFF' })
  })

  it('stops while a fetch is open: the caller learns why', async () => {
    const node = await start(new FakeNode(folder))
    const bytes = Buffer.from('never comes')
    node.items.elsewhere.set(cidOf(bytes).toString(), bytes)
    const isFetching = Promise.withResolvers<void>()
    node.items.duringFetch = (signal) => {
      isFetching.resolve()
      return new Promise((resolve) => signal.addEventListener('abort', () => resolve()))
    }
    const fetched = clientOf(node)
      .fetchItem(cidOf(bytes).toString(), { visibility: 'private' })
      .catch((thrown: unknown) => thrown)
    await isFetching.promise
    await node.server.stop()
    expect(await fetched).toMatchObject({ code: 'NODE_STOPPING' })
  })

  it('stops although a caller neither reads nor leaves', async () => {
    const node = await start(new FakeNode(folder))
    const bytes = Buffer.from('never comes')
    node.items.elsewhere.set(cidOf(bytes).toString(), bytes)
    const isFetching = Promise.withResolvers<void>()
    node.items.duringFetch = () => {
      isFetching.resolve()
      return new Promise(() => {})
    }
    const fetched = clientOf(node)
      .fetchItem(cidOf(bytes).toString(), { visibility: 'private' })
      .catch((thrown: unknown) => thrown)
    await isFetching.promise
    await node.server.stop()
    expect(await fetched).toMatchObject({ code: 'API_BROKEN_OFF' })
  })
})

async function* one(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise((resolve) => setTimeout(resolve, 5))
}
