// SPDX-License-Identifier: AGPL-3.0-or-later
/** What the command line says and does about items, against a real ApiServer. */
import { execFileSync } from 'node:child_process'
import { stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { CodedError } from '../../src/base/base.ts'
import { cidOf, type FakeNode, PEER_ID, startFakeNode } from './api-fake-node.ts'
import { type Ran, runCommand } from './cli-support.ts'

let folder: string
let node: FakeNode
let close: () => Promise<void>

beforeEach(async () => {
  ;({ folder, node, close } = await startFakeNode())
})

afterEach(() => close())

function cli(argv: readonly string[]): Promise<Ran> {
  return runCommand(join(folder, 'data'), argv)
}

async function json(argv: readonly string[]): Promise<unknown> {
  const ran = await cli(['--json', ...argv])
  expect(ran.exitCode).toBe(0)
  return JSON.parse(ran.stdout)
}

async function writeSample(name: string, text: string): Promise<string> {
  const path = join(folder, name)
  await writeFile(path, text)
  return path
}

describe('get --explain and --range', () => {
  const bytes = Buffer.from('0123456789')
  const cid = cidOf(bytes).toString()

  it('says who was asked and what each gave, also when nobody has it', async () => {
    node.items.elsewhere.set(cid, bytes)
    const copy = join(folder, 'copy')
    const ran = await cli(['get', cid, '-o', copy, '--explain'])
    expect(ran.stderr).toContain('Asked 2 of 2 connected nodes; 1 did not answer in time.')
    expect(ran.stderr).toContain(
      '(through wlan0, 2.5 ms there and back) said yes after 12 ms; ' +
        'gave bytes 0 to 1048576 of its files (1 MiB, 2 MiB/s) in 500 ms.',
    )
    const again = await cli(['get', cid, '-o', `${copy}2`, '--explain'])
    expect(again.stderr).toContain('It was here already: nobody was asked.')
    const missing = await cli(['get', cidOf(Buffer.from('?')).toString(), '-o', 'x', '--explain'])
    expect(missing.exitCode).toBe(5)
    expect(missing.stderr).toContain('none has it')
  })

  it('gives only the bytes that were asked for', async () => {
    node.items.elsewhere.set(cid, bytes)
    expect((await cli(['get', cid, '--range', '2-4'])).stdout).toBe('234')
    expect((await cli(['get', cid, '--range', '8-'])).stdout).toBe('89')
    expect((await cli(['get', cid, '--range', '8-99'])).stdout).toBe('89')
    expect((await cli(['get', cid, '--range', '11-12'])).exitCode).toBe(2)
    for (const range of ['4-2', 'x', '-3', '1']) {
      expect(await cli(['get', cid, `--range=${range}`])).toMatchObject({ exitCode: 2, stdout: '' })
    }
    const kept = await cli(['get', cid, '--range', '2-4', '--keep'])
    expect(kept).toMatchObject({ exitCode: 2, stdout: '' })
    expect(kept.stderr).toContain('only whole items are')
  })

  it('says of a part what each gave, and names no item', async () => {
    node.items.elsewhere.set(cid, bytes)
    const explained = await cli(['get', cid, '--range', '2-4', '--explain'])
    expect(explained.stdout).toBe('234')
    expect(explained.stderr).toContain('gave blocks of 1 MiB, 2 MiB/s in 500 ms.')
    const copy = join(folder, 'copy')
    expect(await json(['get', cid, '--range', '2-4', '-o', copy])).toMatchObject({
      item: null,
      place: { cid },
      file: copy,
    })
  })
})

describe('what is said of items', () => {
  it('is set, shown, and unset by an empty text', async () => {
    const { cid } = node.items.put('walk.txt', Buffer.from('by the river'), 'private')
    const set = await cli(['item', 'set', `${cid}`, '--title', 'A walk', '--language', 'pt-BR'])
    expect(set).toMatchObject({ exitCode: 0 })
    const shown = (await cli(['item', 'show', `${cid}`])).stdout
    expect(shown).toMatch(/Title: +A walk\n/)
    expect(shown).toMatch(/Who may have it: +only you\n/)
    await cli(['item', 'set', `${cid}`, '--title', ''])
    expect(node.items.get(cid)).toMatchObject({ title: '', language: 'pt-BR' })
    expect((await cli(['item', 'set', `${cid}`])).exitCode).toBe(2)
  })

  it('says it anew of what was here already', async () => {
    const path = await writeSample('notes.txt', 'hello city')
    await cli(['add', path, '--title', 'Notes', '--licence', 'CC0-1.0'])
    expect(node.items.list()).toMatchObject([{ title: 'Notes', licence: 'CC0-1.0' }])
  })

  it('publishes and withdraws', async () => {
    const { cid } = node.items.put('walk.txt', Buffer.from('by the river'), 'private')
    expect((await cli(['item', 'publish', `${cid}`])).stdout).toContain('others may have it')
    expect(node.items.get(cid)).toMatchObject({ visibility: 'public', publishedBy: PEER_ID })
    expect((await cli(['item', 'withdraw', `${cid}`])).stdout).toContain('It is private now')
    expect((await cli(['ls'])).stdout).toContain('(withdrawn)')
    const removed = await json(['item', 'withdraw', `${cid}`, '--remove'])
    expect(removed).toEqual({ cid: `${cid}`, item: null })
    expect(node.items.list()).toEqual([])
  })

  it('says plainly that what was added stays', async () => {
    const { cid } = node.items.put('walk.txt', Buffer.from('by the river'), 'private')
    expect((await cli(['keep', `${cid}`])).stdout).toContain('Kept from now on')
    expect((await cli(['unkeep', `${cid}`])).stdout).toContain('stays until you remove it')
  })
})

describe('add by path', () => {
  it('lets the node read what it sees as well, and sends no bytes', async () => {
    const path = await writeSample('notes.txt', 'hello city')
    node.items.copyFailure = undefined
    let sentBytes = 0
    node.items.duringAdd = (receivedBytes) => {
      sentBytes = receivedBytes
    }
    expect((await cli(['add', path])).stdout).toBe(`${cidOf(Buffer.from('hello city'))}\n`)
    const { dev, ino, size } = await stat(path, { bigint: true })
    const seen = { device: `${dev}`, inode: `${ino}`, sizeBytes: `${size}` }
    expect(node.items.copiesAsked).toEqual([{ path, seen }])
    expect(sentBytes).toBe(0)
  })

  it.each(['FILE_NOT_SAME', 'FILE_NOT_FOUND', 'FILE_FORBIDDEN', 'NOT_FOUND'])(
    'sends the bytes where the node says %s',
    async (code) => {
      const path = await writeSample('notes.txt', 'hello city')
      node.items.copyFailure = new CodedError(code, 'Not by myself.')
      const ran = await cli(['add', path])
      expect(ran).toMatchObject({ exitCode: 0, stdout: `${cidOf(Buffer.from('hello city'))}\n` })
      expect(node.items.copiesAsked).toHaveLength(1)
    },
  )

  it('does not hide what is wrong with the file or the node', async () => {
    const path = await writeSample('notes.txt', 'hello city')
    node.items.copyFailure = new CodedError('STORE_FULL', 'There is no space left.')
    const ran = await cli(['add', path])
    expect(ran.exitCode).toBe(6)
    expect(ran.stderr).toContain('There is no space left.')
    expect(node.items.list()).toEqual([])
  })

  it('asks the node for no pipe', async () => {
    const path = join(folder, 'pipe')
    execFileSync('mkfifo', [path])
    const [ran] = await Promise.all([cli(['add', path]), writeFile(path, 'through a pipe')])
    expect(ran.stdout).toBe(`${cidOf(Buffer.from('through a pipe'))}\n`)
    expect(node.items.copiesAsked).toEqual([])
  })
})

describe('add --reference', () => {
  it('sends the whole path, and names what was left out', async () => {
    const path = await writeSample('notes.txt', 'hello city')
    const ran = await cli(['add', path, '--reference'])
    expect(ran.exitCode).toBe(0)
    expect(ran.stdout).toBe(`${cidOf(Buffer.from(path))}\n`)
    expect(ran.stderr).toContain('Left out a socket: it is a socket.')
    expect(ran.stderr).toContain(`It stays in ${path}`)
    expect((await cli(['add', '-', '--reference'])).exitCode).toBe(2)
  })
})
