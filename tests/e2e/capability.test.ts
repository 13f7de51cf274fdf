// SPDX-License-Identifier: AGPL-3.0-or-later
/** A permission in the program as people run it: used from elsewhere, and through power cuts. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { type Daemon, startDaemon } from '../support/daemon.ts'
import { citynode, type Finished } from '../support/program.ts'
import { closeAfterTest, closeAll, makeFolder } from './node-support.ts'

const CONFIG = `
[network]
port = 0
hello_port = 0
mdns = false
beacon = false
[content]
port = 0
[status]
port = 0
[gateway]
port = 0
`

afterEach(closeAll)

async function start(dataFolder: string): Promise<{ daemon: Daemon; base: string }> {
  const daemon = await startDaemon({ config: CONFIG, dataFolder })
  closeAfterTest(() => daemon.kill('SIGTERM'))
  const ran = await citynode('link', '--json', '--data', dataFolder)
  const { links }: { links: string[] } = JSON.parse(ran.stdout.toString())
  return { daemon, base: new URL(links.at(-1) ?? '').origin }
}

test('a permission outlasts power cuts, and so does that it was taken back', async () => {
  const folder = await makeFolder()
  const dataFolder = join(folder, 'node')
  const key = join(folder, 'ana.key')
  const letter = join(folder, 'letter.txt')
  await writeFile(letter, 'dear all')
  const asOwner = (...argv: string[]): Promise<Finished> =>
    citynode('--data', dataFolder, '--json', 'capability', ...argv)
  const asAna = (base: string, ...argv: string[]): Promise<Finished> =>
    citynode('--as', key, '--node', base, ...argv)
  const stateOf = async (): Promise<string> =>
    JSON.parse((await asOwner('list')).stdout.toString()).grants[0].state

  const first = await start(dataFolder)
  const did = (await citynode('--as', key, 'capability', 'key')).stdout.toString().trim()
  const given = await asOwner('give', '--to', did, '--may', 'store', '--until', '2099-03-01')
  const { grant, token, note } = JSON.parse(given.stdout.toString())
  // No neighbour has told the time.
  expect(note).toMatch(/goes on beyond its end/)
  await citynode('--as', key, 'capability', 'take', token)
  await first.daemon.kill('SIGKILL')

  const second = await start(dataFolder)
  expect(await stateOf()).toBe('holds')
  const added = await asAna(second.base, 'add', letter)
  expect(added.code, added.stderr).toBe(0)
  expect((await asAna(second.base, 'ls')).code).toBe(6)
  expect((await asOwner('revoke', grant.cid)).code).toBe(0)
  await second.daemon.kill('SIGKILL')

  const third = await start(dataFolder)
  expect(await stateOf()).toBe('revoked')
  const after = await asAna(third.base, 'add', letter)
  expect(after.code).toBe(6)
  expect(after.stderr).toMatch(/was taken back/)
})
