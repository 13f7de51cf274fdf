// SPDX-License-Identifier: AGPL-3.0-or-later
/** `citynode capability …`: given on one machine, used from another, taken back. */
import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { SPOOL_MEMORY_BYTES } from '../../src/cli/limits.ts'
import type { Database } from '../../src/store/store.ts'
import { SystemClock } from '../../src/system/system.ts'
import { openAccess } from './access-node.ts'
import { FakeNode, makeFolder } from './api-fake-node.ts'
import { type Ran, runCommand } from './cli-support.ts'

let folder: string
let removeFolder: () => Promise<void>
let node: FakeNode
let database: Database
/** Of Ana, on her machine. */
let key: string

beforeEach(async () => {
  const made = await makeFolder()
  folder = made.folder
  removeFolder = made.remove
  key = join(folder, 'ana.key')
  await start()
})

afterEach(async () => {
  await stop()
  await removeFolder()
})

async function start(): Promise<void> {
  const opened = await openAccess(new SystemClock(), join(folder, 'test.db'))
  database = opened.database
  node = new FakeNode(folder, opened)
  await node.server.start(new AbortController().signal)
}

async function stop(): Promise<void> {
  await node.server.stop()
  database.close()
}

/** On the node, as its owner. */
const asOwner = (...argv: string[]): Promise<Ran> => runCommand(folder, argv)

/** On Ana's machine, which has no node. */
const asAna = (...argv: string[]): Promise<Ran> =>
  runCommand(join(folder, 'no-node'), ['--as', key, ...argv])

const onNode = (...argv: string[]): Promise<Ran> =>
  asAna('--node', `http://127.0.0.1:${node.server.lanPort}`, ...argv)

async function anasDid(): Promise<string> {
  return (await asAna('capability', 'key')).stdout.trim()
}

/** Gives Ana something, and she takes it; the CID of the permission. */
async function give(may: string, ...more: string[]): Promise<string> {
  const to = ['--to', await anasDid(), '--name', 'Ana', '--may', may]
  const given = await asOwner('--json', 'capability', 'give', ...to, ...more)
  expect(given.exitCode, given.stderr).toBe(0)
  const { grant, token } = JSON.parse(given.stdout)
  const taken = await asAna('capability', 'take', token)
  expect(taken.exitCode, taken.stderr).toBe(0)
  return grant.cid
}

describe('a permission', () => {
  it('is given, taken, used from another machine, and taken back', async () => {
    const made = await asAna('capability', 'key')
    expect(made.stderr).toMatch(/Made a new key/)
    expect((await stat(key)).mode & 0o777).toBe(0o600)
    expect(await anasDid()).toBe(made.stdout.trim())

    const letter = join(folder, 'letter.txt')
    await writeFile(letter, 'dear all')
    const before = await onNode('add', letter)
    expect(before.exitCode).toBe(6)
    expect(before.stderr).toMatch(/holds nothing for \/content\/add/)

    const cid = await give('store', '--until', '2099-03-01', '--bytes', '5GB')
    expect((await stat(`${key}.held`)).mode & 0o777).toBe(0o600)
    const added = await onNode('add', letter)
    expect(added.exitCode, added.stderr).toBe(0)
    expect(node.items.list().map(({ name }) => name)).toEqual(['letter.txt'])
    const listed = await onNode('ls')
    expect(listed.exitCode).toBe(6)

    const list = await asOwner('capability', 'list')
    expect(list.stdout).toMatch(/Ana \(…\w{8}\)/)
    expect(list.stdout).toMatch(
      /may add files and folders, 5 GiB at a time at most, until 2099-03-01/,
    )
    expect(list.stdout).toMatch(/holds/)

    const revoked = await asOwner('capability', 'revoke', cid)
    expect(revoked.stderr).toMatch(/Ana .* may no longer add files and folders/)
    const after = await onNode('add', letter)
    expect(after.exitCode).toBe(6)
    expect(after.stderr).toMatch(/was taken back/)
  })

  it('is still known, and still taken back, after the node was started again', async () => {
    const kept = await give('list', '--forever')
    const gone = await give('list', '--forever')
    await asOwner('capability', 'revoke', gone)
    await stop()
    await start()
    const { grants } = JSON.parse((await asOwner('--json', 'capability', 'list')).stdout)
    const states = new Map(
      grants.map((one: { cid: string; state: string }) => [one.cid, one.state]),
    )
    expect(states).toEqual(
      new Map([
        [kept, 'holds'],
        [gone, 'revoked'],
      ]),
    )
  })

  it('carries what does not fit into memory', async () => {
    await give('store', '--forever')
    const film = Buffer.alloc(SPOOL_MEMORY_BYTES + 100_000, 'film')
    await writeFile(join(folder, 'film'), film)
    const added = await onNode('add', join(folder, 'film'))
    expect(added.exitCode, added.stderr).toBe(0)
    const [item] = node.items.list()
    const held = node.items.held.get(String(item?.cid))
    expect(Buffer.compare(held?.bytes ?? new Uint8Array(), film)).toBe(0)
  })

  it('can be shown by anybody, from a file too, and taken by its holder alone', async () => {
    const to = ['--to', await anasDid(), '--may', 'read', '--until', '2099-03-01']
    const token = (await asOwner('capability', 'give', ...to)).stdout.trim()
    const words = / lets did:key:z6Mk\w+ read items, private ones too, until 2099-03-01 23:59 UTC/
    expect((await asOwner('capability', 'show', token)).stdout).toMatch(words)
    const file = join(folder, 'permission')
    await writeFile(file, `${token}\n`)
    expect((await asOwner('capability', 'show', file)).stdout).toMatch(words)
    const other = ['--as', join(folder, 'bela.key')]
    const taken = await runCommand(folder, [...other, 'capability', 'take', file])
    expect(taken.exitCode).toBe(6)
    expect(taken.stderr).toMatch(/given to another key/)
    expect((await asAna('capability', 'take', file)).exitCode).toBe(0)
    expect((await asAna('capability', 'held')).stdout).toMatch(words)
    expect(await readFile(`${key}.held`, 'utf8')).toBe(`${token}\n`)
    const bent = `${token.slice(0, 100)}${token[100] === 'A' ? 'B' : 'A'}${token.slice(101)}`
    const shown = await asOwner('capability', 'show', bent)
    expect(shown.exitCode).toBe(6)
  })

  it.each([
    ['no such thing', ['--may', 'fly', '--forever'], /nothing that can be given/],
    [
      'a command that there is not',
      ['--may', '/made/up', '--forever'],
      /nothing that can be allowed/,
    ],
    ['no end', ['--may', 'store'], /--until DATE or --forever/],
    ['two ends', ['--may', 'store', '--forever', '--until', '2099-01-01'], /--until DATE or/],
    ['a day that there is not', ['--may', 'store', '--until', '2099-02-30'], /no day/],
    ['a day that has passed', ['--may', 'store', '--until', '2020-01-01'], /has ended already/],
    [
      'bytes of what is not stored',
      ['--may', 'content', '--forever', '--bytes', '1G'],
      /Only what/,
    ],
    ['a size that is none', ['--may', 'store', '--forever', '--bytes', 'much'], /size/i],
  ])('is not given for %s', async (_what, options, words) => {
    const did = await anasDid()
    const given = await asOwner('capability', 'give', '--to', did, ...options)
    expect(given.exitCode).toBe(2)
    expect(given.stderr).toMatch(words)
    const { grants } = JSON.parse((await asOwner('--json', 'capability', 'list')).stdout)
    expect(grants).toEqual([])
  })

  it('is not given to what is no key, nor taken back where there is none', async () => {
    const given = await asOwner('capability', 'give', '--to', 'Ana', '--may', 'store', '--forever')
    expect(given).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(/not the name of a key/),
    })
    const revoked = await asOwner('capability', 'revoke', 'bafy')
    expect(revoked).toMatchObject({ exitCode: 5, stderr: expect.stringMatching(/given no such/) })
  })

  it('cannot make more permissions, whatever it is for', async () => {
    const did = await anasDid()
    await give('everything', '--forever')
    const more = await onNode('capability', 'give', '--to', did, '--may', 'everything', '--forever')
    expect(more.exitCode).toBe(5)
    expect((await onNode('capability', 'list')).exitCode).toBe(0)
  })
})

describe('another node', () => {
  it.each([
    ['without a key', ['--node', 'http://127.0.0.1:1', 'ls'], 2, /it must be known who asks/],
    ['by no address', ['--as', 'k', '--node', 'pi.local', 'ls'], 2, /as in a browser/],
  ])('is not asked %s', async (_how, argv, exitCode, words) => {
    const ran = await runCommand(folder, argv)
    expect(ran).toMatchObject({ exitCode, stderr: expect.stringMatching(words) })
  })

  it('that is not there is said to be so', async () => {
    const { lanPort } = node.server
    await node.server.stop()
    const ran = await asAna('--node', `http://127.0.0.1:${lanPort}`, 'ls')
    expect(ran).toMatchObject({ exitCode: 5, stderr: expect.stringMatching(/No node answers at/) })
  })
})
