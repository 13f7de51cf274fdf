// SPDX-License-Identifier: AGPL-3.0-or-later
/** A restore on real folders: all or nothing, never over anything, and never under a running node. */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chown, cp, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { silentLogger, VirtualClock } from '../../src/base/base.ts'
import type { IdentityDesk } from '../../src/cli/cli.ts'
import { openIdentity } from '../../src/identity/identity.ts'
import { identityOfSeed } from '../../src/identity/node-identity.ts'
import { finishRestore, restoreIdentity } from '../../src/identity/restore.ts'
import { createIdentityDesk } from '../../src/node/identity-desk.ts'
import { lockFolder, openDatabase } from '../../src/store/store.ts'

const CHILD = new URL('identity-restore-child.ts', import.meta.url).pathname
const PASSPHRASE = 'correct horse battery staple'
const SETTINGS = '[city]\nid = "lisbon"\n'
const never = new AbortController().signal
/** The same as in the child. */
const restored = identityOfSeed(createHash('sha256').update('restored').digest())

let root = ''
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'citynode-restore-'))
})
afterEach(() => rm(root, { recursive: true }))

async function emptyFolder(name: string): Promise<string> {
  const folder = join(root, name)
  await mkdir(folder)
  return folder
}

function desk(dataFolder: string, configFile?: string): IdentityDesk {
  return createIdentityDesk({ dataFolder, configFile, clock: new VirtualClock() })
}

const read = (path: string): Promise<string | undefined> =>
  readFile(path, 'utf8').catch(() => undefined)

/** How many steps a child took; undefined when its power went. */
function child(command: string, folder: string, cutBefore: number): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const args = [CHILD, command, folder, String(cutBefore)]
    const started = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    let stdout = ''
    let stderr = ''
    started.stdout.on('data', (bytes: Buffer) => {
      stdout += bytes.toString()
    })
    started.stderr.on('data', (bytes: Buffer) => {
      stderr += bytes.toString()
    })
    started.on('error', reject)
    started.on('close', (code, signal) => {
      if (signal === 'SIGKILL') resolve(undefined)
      else if (code === 0) resolve(Number(stdout))
      else reject(new Error(stderr))
    })
  })
}

/** As every start does; then says what there is. */
async function outcomeAfterStart(folder: string): Promise<'nothing' | 'all'> {
  await finishRestore(folder)
  const names = (await readdir(folder)).filter((name) => !name.startsWith('.')).sort()
  if (names.length === 0) return 'nothing'
  expect(names).toEqual(['citynode.toml', 'identity.key'])
  expect(await read(join(folder, 'citynode.toml'))).toBe(SETTINGS)
  const opened = await openIdentity({ folder, log: silentLogger })
  expect(opened.peerId).toBe(restored.peerId)
  return 'all'
}

describe('a power cut', () => {
  it('at any step of a restore leaves nothing or all, and at any step of finishing it', async () => {
    const stepsCount = (await child('restore', await emptyFolder('whole'), 0)) ?? 0
    expect(stepsCount).toBeGreaterThan(15)
    const outcomes: string[] = []
    let held: string | undefined
    for (let cut = 1; cut <= stepsCount; cut++) {
      const folder = await emptyFolder(`cut-${cut}`)
      expect(await child('restore', folder, cut)).toBeUndefined()
      const copy = join(root, `copy-${cut}`)
      await cp(folder, copy, { recursive: true })
      const outcome = await outcomeAfterStart(folder)
      outcomes.push(outcome)
      if (outcome === 'all') held ??= copy
      // The owner tries again, and no trace of the key is left beside it.
      else await restoreIdentity(folder, restored, { 'citynode.toml': SETTINGS })
      expect((await readdir(folder)).sort()).toEqual(['citynode.toml', 'identity.key'])
    }
    const turn = outcomes.indexOf('all')
    expect(turn).toBeGreaterThan(8)
    expect(outcomes).toEqual(outcomes.map((_outcome, at) => (at < turn ? 'nothing' : 'all')))

    for (let cut = 1; ; cut++) {
      const folder = join(root, `finish-${cut}`)
      await cp(held ?? '', folder, { recursive: true })
      const isDone = (await child('finish', folder, cut)) !== undefined
      expect(await outcomeAfterStart(folder)).toBe('all')
      if (isDone) break
    }
  }, 120_000)
})

describe('a restore', () => {
  it('is the same node with the same settings', async () => {
    const old = await emptyFolder('old')
    const { peerId, did } = await openIdentity({ folder: old, log: silentLogger })
    await writeFile(join(old, 'citynode.toml'), SETTINGS)
    const backup = await desk(old).makeBackup(PASSPHRASE)
    expect(backup).toMatchObject({ peerId, did, settingsFiles: ['citynode.toml'] })

    const fresh = join(root, 'deep', 'new')
    const facts = await desk(fresh).restoreBackup(backup.bytes, PASSPHRASE, {
      isKeyOnly: false,
      signal: never,
    })
    expect(facts).toMatchObject({ peerId, did, settingsFiles: ['citynode.toml'] })
    expect((await openIdentity({ folder: fresh, log: silentLogger })).peerId).toBe(peerId)
    expect(await read(join(fresh, 'citynode.toml'))).toBe(SETTINGS)
    expect(await read(join(fresh, 'identity.key'))).toBe(await read(join(old, 'identity.key')))
    for (const name of ['identity.key', 'citynode.toml']) {
      expect((await stat(join(fresh, name))).mode & 0o777).toBe(0o600)
    }
  })

  it('that was called off in time does nothing', async () => {
    const old = await emptyFolder('old')
    await openIdentity({ folder: old, log: silentLogger })
    const { bytes } = await desk(old).makeBackup(PASSPHRASE)
    const restore = desk(join(root, 'new')).restoreBackup(bytes, PASSPHRASE, {
      isKeyOnly: false,
      signal: AbortSignal.abort(new Error('called off')),
    })
    await expect(restore).rejects.toThrow('called off')
    expect(await readdir(root)).toEqual(['old'])
  })

  it('from words brings the key, and leaves settings alone', async () => {
    const old = await emptyFolder('old')
    const { peerId } = await openIdentity({ folder: old, log: silentLogger })
    const words = await desk(old).words()
    const fresh = await emptyFolder('new')
    await writeFile(join(fresh, 'citynode.toml'), 'mine')
    expect(await desk(fresh).restoreWords(words.join(' '))).toMatchObject({ peerId })
    expect(await read(join(fresh, 'citynode.toml'))).toBe('mine')
  })

  it('from wrong words does nothing at all', async () => {
    const folder = join(root, 'untouched')
    expect(await desk(folder).restoreWords('one two')).toHaveProperty('problems')
    expect(await readdir(root)).toEqual([])
  })

  it('takes the settings from the file that the node was started with', async () => {
    const old = await emptyFolder('old')
    await openIdentity({ folder: old, log: silentLogger })
    const elsewhere = join(root, 'etc.toml')
    await writeFile(elsewhere, SETTINGS)
    const { bytes } = await desk(old, elsewhere).makeBackup(PASSPHRASE)
    await desk(join(root, 'new')).restoreBackup(bytes, PASSPHRASE, {
      isKeyOnly: false,
      signal: never,
    })
    expect(await read(join(root, 'new', 'citynode.toml'))).toBe(SETTINGS)
    await expect(desk(old, join(root, 'missing')).makeBackup(PASSPHRASE)).rejects.toMatchObject({
      code: 'SETTINGS_UNREADABLE',
    })
  })
})

describe('a restore refuses, and changes nothing', () => {
  const words = async (): Promise<string> => {
    const folder = await emptyFolder('source')
    await openIdentity({ folder, log: silentLogger })
    return (await desk(folder).words()).join(' ')
  }

  it('where a key is, whatever kind of thing it is', async () => {
    const text = await words()
    const taken = await emptyFolder('taken')
    await openIdentity({ folder: taken, log: silentLogger })
    const before = await read(join(taken, 'identity.key'))
    const strange = await emptyFolder('strange')
    await mkdir(join(strange, 'identity.key'))
    for (const folder of [taken, strange]) {
      await expect(desk(folder).checkRestorable()).rejects.toMatchObject({
        code: 'IDENTITY_EXISTS',
      })
      await expect(desk(folder).restoreWords(text)).rejects.toMatchObject({
        code: 'IDENTITY_EXISTS',
        advice: expect.any(String),
      })
    }
    expect(await read(join(taken, 'identity.key'))).toBe(before)
  })

  it('while a node runs in the folder, and lets a node in afterwards', async () => {
    const text = await words()
    const folder = await emptyFolder('running')
    const open = () =>
      openDatabase({ path: join(folder, 'citynode.db'), migrations: [], log: silentLogger })
    const database = await open()
    await expect(desk(folder).restoreWords(text)).rejects.toMatchObject({ code: 'DATA_IN_USE' })
    expect(await read(join(folder, 'identity.key'))).toBeUndefined()
    database.close()
    await desk(folder).restoreWords(text)
    ;(await open()).close()
  })

  it('other settings than those that are there; --key-only leaves them', async () => {
    const old = await emptyFolder('old')
    const { peerId } = await openIdentity({ folder: old, log: silentLogger })
    await writeFile(join(old, 'citynode.toml'), SETTINGS)
    const { bytes } = await desk(old).makeBackup(PASSPHRASE)
    const folder = await emptyFolder('new')
    await writeFile(join(folder, 'citynode.toml'), 'mine')
    const restore = (isKeyOnly: boolean) =>
      desk(folder).restoreBackup(bytes, PASSPHRASE, { isKeyOnly, signal: never })
    await expect(restore(false)).rejects.toMatchObject({ code: 'SETTINGS_EXIST' })
    expect(await read(join(folder, 'identity.key'))).toBeUndefined()
    expect(await restore(true)).toMatchObject({ peerId, settingsFiles: [] })
    expect(await read(join(folder, 'citynode.toml'))).toBe('mine')
  })

  it('a settings file that changed after the power went', async () => {
    const folder = await emptyFolder('conflict')
    await mkdir(join(folder, '.restored'))
    await writeFile(join(folder, '.restored', 'identity.key'), 'one')
    await writeFile(join(folder, 'identity.key'), 'other')
    await expect(finishRestore(folder)).rejects.toMatchObject({ code: 'RESTORE_CONFLICT' })
    expect(await read(join(folder, 'identity.key'))).toBe('other')
    expect(await read(join(folder, '.restored', 'identity.key'))).toBe('one')
  })

  it.runIf(process.getuid?.() === 0)('the folder of another user', async () => {
    const text = await words()
    const folder = await emptyFolder('theirs')
    await chown(folder, 65_534, 65_534)
    await expect(desk(folder).restoreWords(text)).rejects.toMatchObject({
      code: 'DATA_WRONG_OWNER',
    })
  })
})

describe('lockFolder', () => {
  it('keeps a node out, as a node keeps it out, and leaves a database as it is', async () => {
    const path = join(root, 'citynode.db')
    const open = () => openDatabase({ path, migrations: [], log: silentLogger })
    const first = await open()
    expect(() => lockFolder(path)).toThrow('in use')
    first.exec('CREATE TABLE kept (a TEXT) STRICT')
    first.close()
    const lock = lockFolder(path)
    await expect(open()).rejects.toMatchObject({ code: 'DATA_IN_USE' })
    lock.release()
    const second = await open()
    expect(
      second.prepare<{ name: string }>("SELECT name FROM sqlite_schema WHERE name = 'kept'").all(),
    ).toHaveLength(1)
    second.close()
  })
})

describe('without a key', () => {
  it('there is nothing to show, to write down or to back up, and none is made', async () => {
    const folder = await emptyFolder('none')
    const { facts, words, makeBackup } = desk(folder)
    for (const work of [facts, words, () => makeBackup(PASSPHRASE)]) {
      await expect(work()).rejects.toMatchObject({ code: 'IDENTITY_MISSING' })
    }
    expect(await readdir(folder)).toEqual([])
  })
})
