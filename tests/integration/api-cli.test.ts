// SPDX-License-Identifier: AGPL-3.0-or-later
/** The command line against a real ApiServer: what goes to stdout, what to stderr, how it ends. */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PassThrough, Readable, Writable } from 'node:stream'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { CodedError } from '../../src/base/base.ts'
import type { CliInjected } from '../../src/cli/cli.ts'
import {
  ADDED_AT_MS,
  cidOf,
  FAR_ID,
  type FakeNode,
  NEIGHBOUR_ID,
  PEER_ID,
  startFakeNode,
} from './api-fake-node.ts'
import { type Ran, runCommand, type Surroundings } from './cli-support.ts'

let folder: string
let node: FakeNode
let close: () => Promise<void>

beforeEach(async () => {
  ;({ folder, node, close } = await startFakeNode())
})

afterEach(() => close())

function cli(argv: readonly string[], around: Surroundings = {}): Promise<Ran> {
  return runCommand(join(folder, 'data'), argv, around)
}

async function json(argv: readonly string[], around: Surroundings = {}): Promise<unknown> {
  const ran = await cli(['--json', ...argv], around)
  expect(ran.exitCode).toBe(0)
  return JSON.parse(ran.stdout)
}

async function writeSample(name: string, text: string): Promise<string> {
  const path = join(folder, name)
  await writeFile(path, text)
  return path
}

describe('add', () => {
  it('prints the content id alone on stdout, and keeps the item private', async () => {
    const path = await writeSample('notes.txt', 'hello city')
    const cid = cidOf(Buffer.from('hello city')).toString()
    const ran = await cli(['add', path])
    expect(ran).toMatchObject({ exitCode: 0, stdout: `${cid}\n` })
    expect(ran.stderr).toBe('Added notes.txt (10 B), private: it stays on this node.\n')
    expect(node.items.list()).toMatchObject([{ name: 'notes.txt', visibility: 'private' }])
  })

  it('lets others have it only when told so, and takes standard input and a name', async () => {
    const ran = await cli(['add', '--public', '--name', 'song.ogg', '-'], {
      stdin: Readable.from([Buffer.from('la '), Buffer.from('la')]),
    })
    expect(ran.exitCode).toBe(0)
    expect(ran.stderr).toContain('song.ogg (5 B), public')
    expect(node.items.list()).toMatchObject([{ name: 'song.ogg', visibility: 'public' }])
  })

  it('draws a bar on a terminal only', async () => {
    const path = await writeSample('notes.txt', 'hello city')
    expect((await cli(['add', path], { isTerminal: true })).stderr).toContain('[####')
    expect((await cli(['add', path])).stderr).not.toContain('\x1b')
  })

  it('says what is wrong with the file', async () => {
    const missing = await cli(['add', join(folder, 'missing')])
    expect(missing).toMatchObject({ exitCode: 5, stdout: '' })
    expect(missing.stderr).toContain('no such file')
    const aFolder = await cli(['add', folder])
    expect(aFolder.exitCode).toBe(2)
    expect(aFolder.stderr).toContain('own data folder')
  })

  it('ends cleanly on Ctrl-C', async () => {
    const interrupt = new AbortController()
    const stdin = new PassThrough()
    node.items.duringAdd = () => interrupt.abort()
    stdin.write('the first of many bytes')
    const ran = await cli(['add', '-'], { stdin, signal: interrupt.signal })
    expect(ran).toMatchObject({ exitCode: 130, stdout: '' })
    expect(ran.stderr).toContain('Interrupted')
    expect(stdin.destroyed).toBe(true)
    expect(node.items.held.size).toBe(0)
  })
})

describe('get', () => {
  const bytes = Buffer.alloc(300_000, 'far away ')
  const cid = cidOf(bytes).toString()
  beforeEach(() => node.items.elsewhere.set(cid, bytes))

  it('writes the bytes to stdout, whole and alone', async () => {
    const ran = await cli(['get', cid])
    expect(ran).toMatchObject({ exitCode: 0, stderr: '' })
    expect(ran.bytes.equals(bytes)).toBe(true)
    expect(node.items.list()).toMatchObject([{ visibility: 'private' }])
  })

  it('does not pour bytes over a terminal', async () => {
    const ran = await cli(['get', cid], { isTerminal: true })
    expect(ran).toMatchObject({ exitCode: 2, stdout: '' })
    expect(ran.stderr).toContain('-o FILE')
  })

  it('writes a whole file, and replaces one only with --force', async () => {
    const path = join(folder, 'copy')
    const ran = await cli(['get', cid, '-o', path, '--public'])
    expect(ran).toMatchObject({ exitCode: 0, stdout: '' })
    expect((await readFile(path)).equals(bytes)).toBe(true)
    expect(node.items.list()).toMatchObject([{ visibility: 'public' }])
    await writeFile(path, 'mine')
    const again = await cli(['get', cid, '-o', path])
    expect(again.exitCode).toBe(6)
    expect(again.stderr).toContain('--force')
    expect(await readFile(path, 'utf8')).toBe('mine')
    expect((await cli(['get', cid, '-o', path, '--force'])).exitCode).toBe(0)
    expect((await readFile(path)).equals(bytes)).toBe(true)
    expect((await readdir(folder)).sort()).toEqual(['copy', 'data'])
  })

  it('shows how far a fetch is, on a terminal', async () => {
    const path = join(folder, 'copy')
    const ran = await cli(['get', cid, '-o', path], { isTerminal: true })
    expect(ran.stderr).toContain('Fetching  [############............]  50 %')
    expect(ran.stderr).toContain('Saved 293 KiB to')
  })

  it('leaves nothing behind on Ctrl-C, before the first byte or after', async () => {
    const interrupt = new AbortController()
    node.items.duringFetch = async () => interrupt.abort()
    const path = join(folder, 'copy')
    const ran = await cli(['get', cid, '-o', path], { signal: interrupt.signal })
    expect(ran.exitCode).toBe(130)
    expect(await readdir(folder)).toEqual(['data'])
    node.items.put('half', bytes, 'private')
    node.items.breakAfterBytes = 131_072
    const broken = await cli(['get', cid, '-o', path])
    expect(broken.exitCode).toBe(5)
    expect(broken.stderr).toContain('broke off')
    expect(await readdir(folder)).toEqual(['data'])
  })

  it('says that nobody has it', async () => {
    const ran = await cli(['get', cidOf(Buffer.from('?')).toString()])
    expect(ran).toMatchObject({ exitCode: 5, stdout: '' })
    expect(ran.stderr).toBe(
      'citynode: No connected node has that item.\n' +
        '  Wait until its holder is near, then try again.\n',
    )
    expect((await cli(['get', 'nonsense'])).exitCode).toBe(2)
  })

  it('says that it may not write there', async () => {
    const ran = await cli(['get', cid, '-o', join(folder, 'no', 'where')])
    expect(ran.exitCode).toBe(5)
    expect(ran.stderr).toContain('no such file or folder')
    expect(await readdir(folder)).toEqual(['data'])
    expect(node.items.held.size).toBe(0)
  })

  it('ends quietly when the reader of its output has had enough', async () => {
    let writes = 0
    const stdout = new Writable({
      write: (_chunk, _encoding, done) => {
        writes += 1
        done(Object.assign(new Error('broken pipe'), { code: 'EPIPE' }))
      },
    })
    expect(await cli(['get', cid], { stdout })).toMatchObject({ exitCode: 0, stderr: '' })
    expect(writes).toBe(1)
  })

  it('gives up on Ctrl-C though nobody reads its output', async () => {
    const interrupt = new AbortController()
    const stdout = new Writable({ write: () => interrupt.abort() })
    const ran = await cli(['get', cid], { stdout, signal: interrupt.signal })
    expect(ran.exitCode).toBe(130)
  })
})

describe('ls and rm', () => {
  it('lists items in a table, names made harmless', async () => {
    const item = node.items.put('evil\x1b[2J\u202ename', Buffer.from('x'), 'public')
    const ran = await cli(['ls'])
    expect(ran.stdout.split('\n')[0]).toMatch(/^CID +SIZE +WHO +KEPT +ADDED \(UTC\) +NAME$/)
    expect(ran.stdout).toContain(`${item.cid}  1 B   public  yes   2026-11-23 09:30`)
    expect(ran.stdout).not.toContain('\x1b')
    expect(ran.stdout).not.toContain('\u202e')
  })

  it('says so, beside the result, when there are none', async () => {
    const ran = await cli(['ls'])
    expect(ran).toMatchObject({ exitCode: 0, stdout: '' })
    expect(ran.stderr).toContain('no items yet')
  })

  it('says what it removed', async () => {
    const item = node.items.put('old.txt', Buffer.from('old'), 'private')
    const ran = await cli(['rm', item.cid.toString()])
    expect(ran.stdout).toBe(`Removed old.txt (3 B): ${item.cid}\n`)
    expect(await cli(['rm', item.cid.toString()])).toMatchObject({ exitCode: 5, stdout: '' })
  })
})

describe('--json', () => {
  it('is stable: items', async () => {
    const path = await writeSample('notes.txt', 'hello city')
    const cid = cidOf(Buffer.from('hello city')).toString()
    const item = {
      cid,
      name: 'notes.txt',
      sizeBytes: 10,
      kind: 'application/octet-stream',
      visibility: 'private',
      isWhole: true,
      isChanged: false,
      addedAt: new Date(ADDED_AT_MS).toISOString(),
      shape: 'file',
      title: '',
      language: '',
      description: '',
      licence: '',
      origin: 'added',
      isKept: true,
      state: 'whole',
      publishedBy: null,
      isWithdrawn: false,
      refused: null,
    }
    const added = { filesCount: 1, foldersCount: 0, symlinksCount: 0, newBytes: 10 }
    const nothing = { target: null, mode: null, modifiedAt: null }
    const place = { cid, shape: 'file', sizeBytes: 10, ...nothing }
    const copy = join(folder, 'copy')
    expect(await json(['add', path])).toEqual({ item, added, skipped: [] })
    expect(await json(['add', path, path])).toEqual({
      additions: [
        { item, added, skipped: [] },
        { item, added, skipped: [] },
      ],
    })
    expect(await json(['ls'])).toEqual({ items: [item] })
    expect(await json(['item', 'show', cid])).toEqual({ item })
    const got = await json(['get', cid, '-o', copy])
    expect(got).toEqual({ item, place, file: copy, report: null })
    expect(await json(['rm', cid])).toEqual({ item })
    expect((await cli(['get', cid, '--json'])).exitCode).toBe(2)
  })

  it('is stable: the node and those around it', async () => {
    node.meetOthers()
    const neighbour = {
      peerId: NEIGHBOUR_ID,
      name: 'Next door',
      interfaceName: 'wlan0',
      rttMs: 2.5,
      lossIn: 0,
      lossOut: 0.25,
      knownForSeconds: expect.any(Number),
      heardSecondsAgo: expect.any(Number),
      version: '0.1.0',
    }
    const peer = {
      peerId: NEIGHBOUR_ID,
      name: 'Next door',
      address: '/ip4/10.0.0.2/tcp/7440',
      direction: 'inbound',
      connectedForSeconds: expect.any(Number),
      version: '0.1.0',
      interfaceName: 'wlan0',
      isNeighbour: true,
    }
    expect(await json(['neighbours'])).toEqual({
      neighbours: [{ ...neighbour, address: 'fe80::1%wlan0' }],
    })
    expect(await json(['peers'])).toEqual({
      peers: [peer, { ...peer, peerId: FAR_ID, name: '', interfaceName: null, isNeighbour: false }],
    })
    expect(await json(['status'])).toEqual({
      peerId: PEER_ID,
      did: expect.stringMatching(/^did:key:z6Mk/),
      name: 'Test box',
      version: '0.1.0',
      city: 'test-city',
      uptimeSeconds: expect.any(Number),
      health: { status: 'ok', conditions: [] },
      neighbours: [neighbour],
      connectedPeersCount: 2,
      otherPeersCount: 1,
      publicItemsCount: 0,
      gatewayPort: 7481,
      dataFolder: node.folder,
      listenAddresses: ['/ip4/127.0.0.1/tcp/7440'],
      statusPort: node.server.lanPort,
      itemsCount: 0,
      itemsSizeBytes: 0,
    })
    expect(await json(['config', 'show'])).toEqual({
      config: { network: { port: 7440 }, city: { id: 'test-city' } },
    })
    expect(await json(['config', 'check'])).toEqual({
      configFile: '/etc/citynode.toml',
      isPresent: true,
      problems: [],
    })
  })
})

describe('status, neighbours, peers', () => {
  it('reports in words', async () => {
    node.meetOthers()
    node.conditions = [
      { code: 'X', severity: 'warning', text: 'The disk is 93 % full.', advice: 'Tidy up.' },
    ]
    const { stdout } = await cli(['status'])
    expect(stdout).toContain('This node works, but needs a look. It has 1 neighbour.')
    expect(stdout).toContain('Needs a look: The disk is 93 % full.\n  Tidy up.')
    expect(stdout).toContain(`Node:           ${PEER_ID}`)
    expect(stdout).toContain(`http://localhost:${node.server.lanPort}/`)
    const neighbours = await cli(['neighbours'])
    expect(neighbours.stdout).toContain('wlan0    fair  2.5 ms          0 % from it, 25 % to it')
    expect((await cli(['peers'])).stdout).toContain('farther')
  })

  it('is kind when there is nobody', async () => {
    const ran = await cli(['neighbours'])
    expect(ran).toMatchObject({ exitCode: 0, stdout: '' })
    expect(ran.stderr).toContain('keeps looking')
    expect((await cli(['status'])).stdout).toContain('This node is well. It has no neighbours yet.')
  })
})

describe('without a node', () => {
  it.each([['status'], ['ls'], ['peers'], ['add', '-'], ['rm', 'x'], ['get', 'x', '-o', 'y']])(
    '%s says so plainly',
    async (...argv) => {
      const data = join(folder, 'elsewhere')
      const ran = await cli([...argv, '--data', data])
      expect(ran).toMatchObject({ exitCode: 4, stdout: '' })
      expect(ran.stderr).toBe(
        `citynode: No node is running for ${data}.\n  Start it with: citynode start --data ${data}\n`,
      )
    },
  )

  it('says so too where a killed node left its socket', async () => {
    const data = join(folder, 'killed')
    await mkdir(data)
    await writeFile(join(data, 'control.sock'), '')
    expect((await cli(['status', '--data', data])).exitCode).toBe(4)
  })

  it('says that the path is too long', async () => {
    const ran = await cli(['status', '--data', join(folder, 'x'.repeat(120))])
    expect(ran.exitCode).toBe(2)
    expect(ran.stderr).toContain('shorter path')
  })

  it('shows what the file says', async () => {
    const ran = await cli(['config', 'show', '--data', join(folder, 'elsewhere')])
    expect(ran).toMatchObject({ exitCode: 0, stdout: 'network.port = 7440\n' })
    expect(ran.stderr).toContain('Not from a running node')
  })
})

describe('start and config check', () => {
  it('passes on where to run, and ends well', async () => {
    let seen: unknown
    const startNode: CliInjected['startNode'] = async ({ dataFolder, configFile, onStarted }) => {
      seen = { dataFolder, configFile }
      const ownerLinks = ['http://10.0.0.7:7480/#token=secret']
      onStarted({ peerId: PEER_ID, city: 'test-city', statusPort: 7480, ownerLinks })
    }
    const argv = ['start', '--data', folder, '--config', '/etc/c.toml']
    const ran = await cli(argv, { injected: { startNode }, isTerminal: true })
    expect(seen).toEqual({ dataFolder: folder, configFile: '/etc/c.toml' })
    expect(ran.exitCode).toBe(0)
    expect(ran.stdout).toContain('http://10.0.0.7:7480/#token=secret\n')
    expect(ran.stderr).toContain('http://localhost:7480/')
    // A file or a journal keeps what it is given.
    const unseen = await cli(argv, { injected: { startNode } })
    expect(unseen).toMatchObject({ exitCode: 0, stdout: '', stderr: '' })
    expect(ran.stderr).not.toContain('secret')
  })

  it.each([
    ['CONFIG_INVALID', 3],
    ['PORT_TAKEN', 7],
    ['DATA_IN_USE', 7],
  ])('%s ends with %i', async (code, exitCode) => {
    const startNode = async () => {
      throw new CodedError(code, 'It did not work.', { advice: 'Do this.' })
    }
    const ran = await cli(['start'], { injected: { startNode } })
    expect(ran).toMatchObject({ exitCode, stdout: '' })
    expect(ran.stderr).toBe('citynode: It did not work.\n  Do this.\n')
  })

  it('is a crash when nobody foresaw it', async () => {
    const startNode = () => Promise.reject(new Error('oops'))
    const ran = await cli(['start'], { injected: { startNode } })
    expect(ran.exitCode).toBe(1)
    expect(ran.stderr).toContain('oops')
  })

  it('lists everything that is wrong with the configuration', async () => {
    const checkConfig: CliInjected['checkConfig'] = async () => ({
      configFile: '/etc/c.toml',
      isPresent: true,
      problems: [
        { path: 'network.prt', message: 'unknown setting', suggestion: 'Did you mean port?' },
        { path: 'log.level', message: 'one of debug, info, warn, error' },
      ],
      effective: undefined,
    })
    for (const argv of [
      ['config', 'check'],
      ['config', 'show', '--config', '/etc/c.toml'],
    ]) {
      const ran = await cli(argv, { injected: { checkConfig } })
      expect(ran).toMatchObject({ exitCode: 3, stdout: '' })
      expect(ran.stderr).toBe(
        'citynode: /etc/c.toml has 2 problems:\n' +
          '  network.prt: unknown setting Did you mean port?\n' +
          '  log.level: one of debug, info, warn, error\n',
      )
    }
    const asJson = await cli(['config', 'check', '--json'], { injected: { checkConfig } })
    expect(asJson.exitCode).toBe(3)
    expect(JSON.parse(asJson.stdout).problems).toHaveLength(2)
  })
})

describe('usage', () => {
  it('prints help and version on stdout', async () => {
    const help = await cli(['--help'])
    expect(help).toMatchObject({ exitCode: 0, stderr: '' })
    for (const word of ['start', 'add', 'get', '--data', '--json']) {
      expect(help.stdout).toContain(word)
    }
    expect(await cli(['--version'])).toMatchObject({ exitCode: 0, stdout: '0.1.0\n' })
  })

  it.each([[[]], [['fly']], [['add']], [['ls', '--fast']], [['config']]])(
    '%j ends with 2, all of it on stderr',
    async (argv) => {
      const ran = await cli(argv)
      expect(ran).toMatchObject({ exitCode: 2, stdout: '' })
      expect(ran.stderr).not.toBe('')
    },
  )
})
