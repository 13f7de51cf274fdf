// SPDX-License-Identifier: AGPL-3.0-or-later
/** Folders as their user moves them: real trees, three real nodes, one of which goes away midway. */
import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { type Daemon, startDaemon, until } from '../support/daemon.ts'
import { citynode } from '../support/program.ts'

const ANY_PORTS = `
[network]
port = 0
hello_port = 0
mdns = false
beacon = false
allow_loopback = true
BOOTSTRAP
[content]
port = 0
[status]
port = 0
`

const closing: (() => Promise<unknown> | unknown)[] = []

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

async function node(others: readonly Daemon[] = []): Promise<Daemon> {
  const addresses = await Promise.all(others.map(addressOf))
  const line = addresses.length === 0 ? '' : `bootstrap = ${JSON.stringify(addresses)}`
  const daemon = await startDaemon({ config: ANY_PORTS.replace('BOOTSTRAP', line) })
  closing.push(() => daemon.stop())
  await until('it is connected', 20_000, async () => {
    return (await daemon.get<{ peers: unknown[] }>('/v1/peers')).body.peers.length >= others.length
  })
  return daemon
}

async function addressOf(daemon: Daemon): Promise<string> {
  const { body } = await daemon.get<{ listenAddresses: string[] }>('/v1/status')
  const local = body.listenAddresses.find((one) => one.startsWith('/ip4/127.0.0.1/'))
  if (local === undefined) throw new Error(`no loopback address in ${body.listenAddresses}`)
  return local
}

async function folder(): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), 'citynode-e2e-'))
  closing.push(() => rm(made, { recursive: true, force: true }))
  return made
}

/** Files by path; a symbolic link as its target. */
type Tree = Record<string, Buffer>

async function makeTree(files: Tree): Promise<string> {
  const tree = join(await folder(), 'a tree')
  for (const [path, bytes] of Object.entries(files)) {
    await mkdir(join(tree, path, '..'), { recursive: true })
    await writeFile(join(tree, path), bytes)
  }
  await symlink('few/0', join(tree, 'link'))
  return tree
}

async function readTree(tree: string): Promise<Tree> {
  const entries = await readdir(tree, { recursive: true, withFileTypes: true })
  const files: Tree = {}
  for (const entry of entries) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    files[path.slice(tree.length + 1)] = await readFile(path)
  }
  return files
}

async function run(daemon: Daemon, ...argv: readonly string[]): Promise<string> {
  const ran = await citynode(...argv, '--data', daemon.dataFolder)
  expect(ran.code, ran.stderr).toBe(0)
  return ran.stdout.toString().trim()
}

test('a folder goes over whole, in part by path, and on from another holder', async () => {
  const files: Tree = {}
  for (let index = 0; index < 300; index++) files[`few/${index}`] = randomBytes(index)
  for (let index = 0; index < 20; index++) files[`large/${index}`] = randomBytes(1_500_000)
  const first = await node()
  const second = await node([first])
  const third = await node([first, second])
  const cid = await run(first, 'add', await makeTree(files), '--public')

  const part = await run(third, 'get', `${cid}/few/7`, '-o', join(await folder(), 'part'), '--json')
  expect(JSON.parse(part)).toMatchObject({ place: { shape: 'file', sizeBytes: 7 } })
  expect(await run(third, 'ls')).not.toContain('a tree')

  const target = join(await folder(), 'copy')
  await run(second, 'get', cid, '--public', '-o', target)
  expect(await readTree(target)).toEqual(files)
  expect(await readFile(join(target, 'link'))).toEqual(files['few/0'])

  const fetching = citynode('get', cid, '--explain', '-o', `${target}3`, '--data', third.dataFolder)
  await until('bytes arrive', 20_000, async () => {
    const names = await readdir(join(third.dataFolder, 'content', 'files')).catch(() => [])
    return names.length > 0
  })
  await first.kill('SIGKILL')
  const fetched = await fetching
  expect(fetched.code, fetched.stderr).toBe(0)
  expect(fetched.stderr).toContain('said yes after')
  expect(await readTree(`${target}3`)).toEqual(files)
}, 120_000)
