// SPDX-License-Identifier: AGPL-3.0-or-later
/** The first mile as its user walks it: real nodes, real files, the real command line. */
import { randomBytes } from 'node:crypto'
import { chmod, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { type Daemon, startDaemon, until } from '../support/daemon.ts'
import { citynode } from '../support/program.ts'
import { closeAfterTest, closeAll, makeFolder, startNode } from './node-support.ts'

afterEach(closeAll)

async function pair(): Promise<[Daemon, Daemon]> {
  const first = await startNode()
  return [first, await startNode([first])]
}

async function fileOf(bytes: Uint8Array): Promise<string> {
  const path = join(await makeFolder(), 'a real file.bin')
  await writeFile(path, bytes)
  return path
}

async function add(daemon: Daemon, path: string, ...flags: readonly string[]): Promise<string> {
  const added = await citynode('add', path, ...flags, '--data', daemon.dataFolder)
  expect(added.stderr).not.toContain('rror')
  expect(added.code).toBe(0)
  return added.stdout.toString().trim()
}

describe('a file', () => {
  test('public: a part of it travels, and nothing else', async () => {
    const [first, second] = await pair()
    const bytes = randomBytes(5_500_000)
    const cid = await add(first, await fileOf(bytes), '--public')
    const range = ['--range', '2100000-2100099', '--explain', '--data', second.dataFolder]
    const got = await citynode('get', cid, ...range)
    expect(got.code, got.stderr).toBe(0)
    expect(Buffer.from(got.stdout).equals(bytes.subarray(2_100_000, 2_100_100))).toBe(true)
    // One leaf, and the root, which is small.
    expect(got.stderr).toMatch(/gave blocks of 1 MiB/)
    const listed = await citynode('ls', '--json', '--data', second.dataFolder)
    expect(JSON.parse(listed.stdout.toString())).toMatchObject({ items: [] })
    // It is here now, also when the other is gone.
    await first.stop()
    const again = await citynode('get', cid, ...range)
    expect(again.code, again.stderr).toBe(0)
    expect(Buffer.from(again.stdout).equals(Buffer.from(got.stdout))).toBe(true)
    expect(again.stderr).toContain('nobody was asked')
  })

  test('public: added on one node, fetched and verified by the other', async () => {
    const [first, second] = await pair()
    const bytes = randomBytes(3_500_000)
    const cid = await add(first, await fileOf(bytes), '--public')
    const target = join(await makeFolder(), 'copy')
    const got = await citynode('get', cid, '-o', target, '--data', second.dataFolder)
    expect(got.code, got.stderr).toBe(0)
    expect((await readFile(target)).equals(bytes)).toBe(true)
    const piped = await citynode('get', cid, '--data', second.dataFolder)
    expect(piped.stdout.equals(bytes)).toBe(true)
  })

  test('private: only its own node has it', async () => {
    const [first, second] = await pair()
    const cid = await add(first, await fileOf(randomBytes(2_000)))
    const refused = await citynode('get', cid, '--data', second.dataFolder)
    expect(refused.code).toBe(5)
    expect(refused.stdout).toHaveLength(0)
    const own = await citynode('get', cid, '--data', first.dataFolder)
    expect(own.stdout).toHaveLength(2_000)
  })

  test('each sees the other', async () => {
    const [first, second] = await pair()
    const seen = await citynode('neighbours', '--json', '--data', first.dataFolder)
    const { body } = await second.get<{ peerId: string }>('/v1/status')
    expect(seen.stdout.toString()).toContain(body.peerId)
  })
})

describe('bad days', () => {
  test('the port is taken: said, with what to do', async () => {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, resolve))
    closeAfterTest(() => server.close())
    const address = server.address()
    const port = typeof address === 'object' ? address?.port : 0
    const data = await makeFolder()
    await writeFile(
      join(data, 'citynode.toml'),
      `[network]\nport = ${port}\nhello_port = 0\n[content]\nport = 0\n[status]\nport = 0\n[gateway]\nport = 0\n`,
    )
    const started = await citynode('start', '--data', data)
    expect(started.code).toBe(7)
    expect(started.stderr).toContain(`${port} is taken`)
    expect(started.stderr).toContain('network.port')
  })

  test('the data folder is in use by another node', async () => {
    const first = await startNode()
    const second = await citynode('start', '--data', first.dataFolder)
    expect(second.code).toBe(7)
    expect(second.stderr).toContain('in use')
    expect((await first.get('/v1/status')).status).toBe(200)
  })

  test('an unknown key in the configuration', async () => {
    const data = await makeFolder()
    await writeFile(join(data, 'citynode.toml'), '[network]\nprot = 7440\n[log]\nlevel = "loud"\n')
    for (const command of [['start'], ['config', 'check']]) {
      const run = await citynode(...command, '--data', data)
      expect(run.code).toBe(3)
      const said = run.stderr + run.stdout.toString()
      expect(said).toContain('network.prot')
      expect(said).toContain('port')
      expect(said).toContain('log.level')
    }
  })

  test('a key file that others may read', async () => {
    const daemon = await startNode()
    await daemon.kill('SIGTERM')
    const key = join(daemon.dataFolder, 'identity.key')
    const before = await readFile(key)
    await chmod(key, 0o644)
    const run = await citynode('start', '--data', daemon.dataFolder)
    expect(run.code).toBe(7)
    expect(run.stderr).toContain('chmod 600')
    expect((await readFile(key)).equals(before)).toBe(true)
    await chmod(key, 0o600)
  })

  test('a data folder that cannot be written', async () => {
    const file = await fileOf(randomBytes(1))
    const run = await citynode('start', '--data', join(file, 'data'))
    expect(run.code).toBe(7)
    expect(run.stderr).toContain(file)
  })

  test('no node runs: said plainly', async () => {
    const run = await citynode('status', '--data', await makeFolder())
    expect(run.code).toBe(4)
    expect(run.stderr).toContain('No node is running')
  })

  test.each(['SIGTERM', 'SIGKILL'] as const)('%s in the midst of a transfer', async (signal) => {
    const [first, second] = await pair()
    const kept = await add(second, await fileOf(randomBytes(1_500_000)))
    const bytes = randomBytes(96 * 1024 * 1024)
    const cid = await add(first, await fileOf(bytes), '--public')
    const fetching = citynode(
      'get',
      cid,
      '-o',
      join(await makeFolder(), 'copy'),
      '--data',
      second.dataFolder,
    )
    const body = join(second.dataFolder, 'content', 'files', cid.slice(-2), cid)
    await until('bytes arrive', 20_000, async () => {
      return ((await stat(body).catch(() => undefined))?.size ?? 0) > 0
    })
    await second.kill(signal)
    expect((await fetching).code).not.toBe(0)

    const again = await startDaemon({ dataFolder: second.dataFolder })
    closeAfterTest(() => again.stop())
    const items = await citynode('ls', '--json', '--data', again.dataFolder)
    expect(items.stdout.toString()).toContain(kept)
    expect(items.stdout.toString()).not.toContain(cid)
    const incoming = join(second.dataFolder, 'content', 'incoming')
    expect(await readdir(incoming)).toEqual([])
    const whole = await citynode('get', kept, '--data', again.dataFolder)
    expect(whole.stdout).toHaveLength(1_500_000)
    await until('they meet again', 45_000, async () => {
      return (await again.get<{ peers: unknown[] }>('/v1/peers')).body.peers.length === 1
    })
    const secondTry = await citynode('get', cid, '--data', again.dataFolder)
    expect(secondTry.stdout.equals(bytes)).toBe(true)
  })
})
