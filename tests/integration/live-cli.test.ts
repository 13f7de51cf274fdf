// SPDX-License-Identifier: AGPL-3.0-or-later
/** Names, events and transfers on the command line, against a real ApiServer. */
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { nodeEventSchema } from '../../src/contract/contract.ts'
import { cidOf, FakeNode, makeFolder, NEIGHBOUR_ID } from './api-fake-node.ts'
import { type Ran, runCommand } from './cli-support.ts'

let node: FakeNode
let removeFolder: () => Promise<void>

beforeEach(async () => {
  const made = await makeFolder()
  removeFolder = made.remove
  node = new FakeNode(made.folder)
  await node.server.start(new AbortController().signal)
})

afterEach(async () => {
  await node.server.stop()
  await removeFolder()
})

function cli(...argv: readonly string[]): Promise<Ran> {
  return runCommand(node.folder, argv)
}

function put(name: string): void {
  const after = node.items.put(name, Buffer.from(name), 'private')
  node.live.itemEvents.announce('itemChanged', { before: undefined, after })
}

it('shows names beside ids', async () => {
  node.meetOthers()
  const short = `…${NEIGHBOUR_ID.slice(-8)}`
  expect((await cli('status')).stdout).toContain('Name:           Test box')
  expect((await cli('neighbours')).stdout).toContain(`Next door ${short}`)
  expect((await cli('peers')).stdout).toContain(`Next door ${short}`)
})

it('shows a hostile name without harm', async () => {
  node.meetOthers()
  for (const neighbour of node.neighbours) neighbour.name = '\u001b[2J\u202eevil'
  const { stdout } = await cli('neighbours')
  expect(stdout).toContain('\ufffd[2J\ufffdevil')
})

describe('events', () => {
  /** Runs the command, and stops the node once it has heard enough. */
  async function follow(...argv: readonly string[]): Promise<Ran> {
    put('leaflet.pdf')
    const running = cli(...argv)
    await expect.poll(() => node.live.attendingCount).toBe(1)
    put('second.pdf')
    // What is due is sent before the end.
    await expect.poll(() => node.live.readings).toBeGreaterThan(0)
    await new Promise((resolve) => setImmediate(resolve))
    await node.server.stop()
    return running
  }

  it('are what happened, a line each, until the node stops', async () => {
    const { stdout, stderr, exitCode } = await follow('events')
    const lines = stdout.trimEnd().split('\n')
    expect(lines[0]).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d {4}This node was started/)
    expect(lines[1]).toContain('“leaflet.pdf” was added.')
    expect(stderr).toContain('The node has stopped.')
    expect(exitCode).toBe(0)
  })

  it('are all of them as JSON, a line each', async () => {
    const { stdout } = await follow('events', '--json')
    const events = stdout
      .trimEnd()
      .split('\n')
      .map((line) => nodeEventSchema.parse(JSON.parse(line)).event)
    expect(new Set(events)).toContain('status')
    expect(new Set(events)).toContain('happening')
  })
})

describe('transfers', () => {
  it('says that there are none', async () => {
    const ran = await cli('transfers')
    expect(ran).toMatchObject({ exitCode: 0, stdout: '' })
    expect(ran.stderr).toContain('Nothing was added or fetched')
  })

  it('are shown in a table, and stopped by their number', async () => {
    const bytes = Buffer.alloc(2_048, 1)
    node.items.elsewhere.set(cidOf(bytes).toString(), bytes)
    let stopping: Promise<Ran> | undefined
    node.items.duringFetch = (signal) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason))
        stopping = cli('transfers', 'stop', '1')
      })
    const got = await cli('get', cidOf(bytes).toString(), '-o', join(node.folder, 'copy'))
    expect(got.exitCode).not.toBe(0)
    expect(got.stderr).toContain('The owner stopped it.')
    expect((await stopping)?.stdout).toContain('Stopped: ')
    const { stdout } = await cli('transfers')
    expect(stdout).toMatch(
      /^ID +WHAT +HOW +MOVED +BEGAN +FROM +NAME\n1 +fetch +stopped +1 KiB of 2 KiB/,
    )
    node.items.duringFetch = async () => {}
    expect(
      await cli('get', cidOf(bytes).toString(), '-o', join(node.folder, 'copy')),
    ).toMatchObject({ exitCode: 0 })
    expect((await cli('transfers', 'stop', '2')).stdout).toContain('It had ended already: done.')
    expect(await cli('transfers', 'stop', '7')).toMatchObject({ exitCode: 5 })
    expect(await cli('transfers', 'stop', 'x')).toMatchObject({ exitCode: 2 })
    expect(JSON.parse((await cli('--json', 'transfers')).stdout)).toMatchObject({
      transfers: [
        { id: 1, state: 'stopped' },
        { id: 2, state: 'done' },
      ],
    })
  })
})
