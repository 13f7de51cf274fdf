// SPDX-License-Identifier: AGPL-3.0-or-later
/** A card dies: the same node on a new one, as its owner brings it back. */
import { mkdir, mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Daemon, startDaemon } from '../support/daemon.ts'
import { citynode, citynodeFed } from '../support/program.ts'

const CONFIG = `
[city]
id = "lisbon"
[network]
port = 0
hello_port = 0
mdns = false
beacon = false
allow_loopback = true
[content]
port = 0
[status]
port = 0
`

const closing: (() => Promise<unknown> | unknown)[] = []
let folder = ''
let backup = ''
let passphrase = ''

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'citynode-backup-'))
  closing.push(() => rm(folder, { recursive: true, force: true }))
  backup = join(folder, 'node.age')
  passphrase = join(folder, 'passphrase')
  await writeFile(passphrase, 'correct horse battery staple\n')
})
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

async function start(dataFolder: string, config?: string): Promise<Daemon> {
  const options = config === undefined ? {} : { config }
  const daemon = await startDaemon({ dataFolder, ...options })
  closing.push(() => daemon.stop())
  return daemon
}

async function whoIs(daemon: Daemon): Promise<{ peerId: string; city: string }> {
  const { body } = await daemon.get<{ peerId: string; city: string }>('/v1/status')
  return { peerId: body.peerId, city: body.city }
}

async function must(...args: readonly string[]): Promise<string> {
  const ran = await citynode(...args)
  expect(ran.code, ran.stderr).toBe(0)
  return ran.stdout.toString()
}

describe('a card that dies', () => {
  test('with a backup: the same node with the same settings, which starts', async () => {
    const data = join(folder, 'data')
    const old = await start(data, CONFIG)
    const before = await whoIs(old)
    expect(before.city).toBe('lisbon')
    // While it runs, as an owner would.
    await must('backup', backup, '--passphrase-file', passphrase, '--data', data)
    expect((await stat(backup)).mode & 0o777).toBe(0o600)
    await old.kill('SIGKILL')
    await rm(data, { recursive: true })

    const restored = await must('restore', backup, '--passphrase-file', passphrase, '--data', data)
    expect(restored.trim()).toBe(before.peerId)
    expect(await readFile(join(data, 'citynode.toml'), 'utf8')).toBe(CONFIG)
    const fresh = await start(data)
    expect(await whoIs(fresh)).toEqual(before)

    const again = await citynode('restore', backup, '--passphrase-file', passphrase, '--data', data)
    expect(again.code).toBe(6)
    expect(await whoIs(fresh)).toEqual(before)
  })

  test('with the words alone: the same node', async () => {
    const data = join(folder, 'data')
    const old = await start(data, CONFIG)
    const { peerId } = await whoIs(old)
    const words = await must('identity', 'words', '--yes', '--data', data)
    await old.kill('SIGTERM')

    const card = join(folder, 'new card')
    const ran = await citynodeFed(words.toUpperCase(), 'restore', '--words', '--data', card)
    expect(ran.code, ran.stderr).toBe(0)
    expect(ran.stderr).toContain('old card')
    expect(JSON.parse(await must('identity', 'show', '--json', '--data', card)).peerId).toBe(peerId)
    expect((await whoIs(await start(card, CONFIG))).peerId).toBe(peerId)
  })

  test('and the power goes during the restore: the next start finishes it', async () => {
    const data = join(folder, 'data')
    const old = await start(data, CONFIG)
    const before = await whoIs(old)
    await old.kill('SIGTERM')
    // What a restore has brought, but not put into place yet.
    const card = join(folder, 'card')
    await mkdir(join(card, '.restored'), { recursive: true })
    for (const name of ['identity.key', 'citynode.toml']) {
      await rename(join(data, name), join(card, '.restored', name))
    }
    expect(await whoIs(await start(card))).toEqual(before)
  })
})

describe('a node that runs', () => {
  test('is not restored over, even when its key has gone', async () => {
    const data = join(folder, 'data')
    const running = await start(data, CONFIG)
    await must('backup', backup, '--passphrase-file', passphrase, '--data', data)
    await rm(join(data, 'identity.key'))
    const ran = await citynode('restore', backup, '--passphrase-file', passphrase, '--data', data)
    expect(ran.code).toBe(6)
    expect(ran.stderr).toContain('in use')
    expect((await running.get('/v1/status')).status).toBe(200)
  })
})
