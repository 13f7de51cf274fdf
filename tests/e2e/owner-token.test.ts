// SPDX-License-Identifier: AGPL-3.0-or-later
/** The owner's token in the built program: it works, and nothing that is written down has it. */
import { execFileSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import { afterEach, beforeAll, expect, test } from 'vitest'
import { type Daemon, startDaemon } from '../support/daemon.ts'
import { citynode } from '../support/program.ts'

const ROOT = dirname(dirname(import.meta.dirname))

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
[log]
level = "debug"
format = "json"
`

let command: readonly string[] = []
let daemon: Daemon | undefined

beforeAll(() => {
  const build = join(ROOT, 'tools', 'build.mjs')
  const folder = execFileSync(process.execPath, [build], { encoding: 'utf8' }).trim()
  command = [join(folder, 'node'), join(folder, 'citynode.mjs')]
})

afterEach(() => daemon?.stop())

async function linksOf(dataFolder: string, ...options: string[]): Promise<URL[]> {
  const ran = await citynode('link', '--json', ...options, '--data', dataFolder)
  expect(ran.code, ran.stderr).toBe(0)
  const { links }: { links: string[] } = JSON.parse(ran.stdout.toString())
  return links.map((link) => new URL(link))
}

test('the token opens everything, and is in no line of the log', async () => {
  daemon = await startDaemon({ config: CONFIG, command })
  const local = (await linksOf(daemon.dataFolder)).at(-1)
  if (local === undefined) throw new Error('there is no link')
  const token = local.hash.slice('#token='.length)
  const call = (path: string, bearer: string, init: RequestInit = {}): Promise<Response> =>
    fetch(new URL(path, local.origin), { ...init, headers: { authorization: `Bearer ${bearer}` } })

  expect((await call('/v1/status', token)).status).toBe(200)
  const added = await call('/v1/items?name=diary', token, { method: 'POST', body: 'dear diary' })
  const { item }: { item: { cid: string } } = JSON.parse(await added.text())
  expect(await (await call(`/v1/items/${item.cid}/bytes`, token)).text()).toBe('dear diary')
  // What fails is what a log would tell of.
  expect((await call('/v1/nowhere', token)).status).toBe(404)
  expect((await call('/v1/fetch', token, { method: 'POST', body: '{' })).status).toBe(400)
  expect((await call('/v1/items/nonsense', token)).status).toBe(400)
  expect((await call(`/${token}?${token}`, token)).status).toBe(404)
  const nearly = `${token.slice(0, -1)}${token.endsWith('A') ? 'B' : 'A'}`
  for (let guess = 0; guess < 30; guess += 1) await (await call('/v1/status', nearly)).text()
  expect((await call('/v1/status', nearly)).status).toBe(429)
  expect((await call('/v1/status', token)).status).toBe(200)

  const views = await call('/v1/views', token, {
    method: 'POST',
    body: JSON.stringify({ cid: item.cid }),
  })
  const view: { port: number; path: string } = JSON.parse(await views.text())
  const seen = await fetch(`http://localhost:${view.port}${view.path}`)
  expect(await seen.text()).toBe('dear diary')
  expect((await fetch(`http://localhost:${view.port}${view.path}/%00`)).status).toBe(400)

  const [renewed] = await linksOf(daemon.dataFolder, '--renew')
  expect((await call('/v1/status', token)).status).not.toBe(200)
  await daemon.kill('SIGTERM')
  expect(daemon.output).toContain('the status page is up')
  const id = view.path.slice('/view/'.length)
  for (const secret of [token, nearly, id, renewed?.hash.slice('#token='.length)]) {
    expect(secret).toHaveLength(32)
    expect(daemon.output).not.toContain(secret)
  }
})
