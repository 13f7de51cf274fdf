// SPDX-License-Identifier: AGPL-3.0-or-later
/** The commands about refusing against a real ApiServer. */
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { cidOf, type FakeNode, startFakeNode } from './api-fake-node.ts'
import { type Ran, runCommand } from './cli-support.ts'

let folder: string
let node: FakeNode
let close: () => Promise<void>

beforeEach(async () => {
  ;({ folder, node, close } = await startFakeNode())
})

afterEach(() => close())

function cli(...argv: string[]): Promise<Ran> {
  return runCommand(join(folder, 'data'), argv)
}

const CID = cidOf(Buffer.from('something')).toString()

describe('block, blocks and unblock', () => {
  it('do what they say', async () => {
    expect(await cli('blocks')).toMatchObject({ exitCode: 0, stdout: '' })
    const blocked = await cli('block', CID, '--reason', 'no\u001b[31m', '--legal')
    expect(blocked).toMatchObject({ exitCode: 0, stdout: `Refused from now on: ${CID}\n` })
    const { stdout } = await cli('blocks')
    expect(stdout).toContain(CID)
    expect(stdout).toMatch(/legal .*2026-11-23 09:30/)
    expect(stdout).not.toContain('\u001b')
    const { blocks } = JSON.parse((await cli('blocks', '--json')).stdout)
    expect(blocks).toMatchObject([{ cid: CID, kind: 'legal', since: '2026-11-23T09:30:00.000Z' }])
    expect(await cli('unblock', CID)).toMatchObject({ exitCode: 0 })
    expect(await cli('unblock', CID)).toMatchObject({ exitCode: 5 })
    expect(await cli('block', 'nonsense')).toMatchObject({ exitCode: 2, stdout: '' })
  })
})

describe('forget', () => {
  it('removes what is here, and refuses it in any case', async () => {
    const item = node.items.put('song', Buffer.from('something'), 'public')
    const forgotten = await cli('forget', CID)
    expect(forgotten.stdout).toBe(`Removed song (9 B); it is refused from now on: ${CID}\n`)
    expect(node.items.get(item.cid)).toBeUndefined()
    expect(node.refusals.held.get(CID)).toMatchObject({ kind: 'forgotten' })
    const again = await cli('forget', CID, '--json')
    expect(JSON.parse(again.stdout)).toMatchObject({ item: null, block: { kind: 'forgotten' } })
  })
})

describe('denylist', () => {
  it('shows what is in force and what is wrong, and reads again when told', async () => {
    expect((await cli('denylist', 'ls')).stderr).toContain('docs/OPERATING.md')
    const problems = [{ line: 7, message: 'a rule of a kind that is not known' }]
    const good = { path: '/x/a.deny', name: 'Ours', rulesCount: 12, fault: undefined }
    node.refusals.lists = [
      { ...good, problemsCount: 1, problems },
      { ...good, path: '/x/b.deny', name: '', problemsCount: 0, problems: [], fault: 'It broke.' },
    ]
    const { stdout } = await cli('denylist', 'reread')
    expect(stdout).toContain('1 line not understood')
    expect(stdout).toContain('/x/a.deny:7: a rule of a kind')
    expect(stdout).toContain('broken: It broke.')
    expect(node.refusals.rereads).toBe(1)
  })
})
