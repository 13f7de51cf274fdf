// SPDX-License-Identifier: AGPL-3.0-or-later
/** Nodes on loopback that know only whom they are told of, and folders; all gone after the test. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Daemon, startDaemon, until } from '../support/daemon.ts'

/** Any ports, so that tests run side by side. */
const CONFIG = `
[network]
port = 0
hello_port = 0
mdns = false
beacon = false
allow_loopback = true
bootstrap = BOOTSTRAP
[content]
port = 0
[status]
port = 0
[gateway]
port = 0
`

const CONNECT_MS_MAX = 20_000

const closing: (() => Promise<unknown> | unknown)[] = []

/** Called before what was made earlier goes. */
export function closeAfterTest(close: () => Promise<unknown> | unknown): void {
  closing.push(close)
}

/** For `afterEach`: the last thing made goes first. */
export async function closeAll(): Promise<void> {
  for (const close of closing.splice(0).reverse()) await close()
}

/** A node that is connected to all of `others`. */
export async function startNode(others: readonly Daemon[] = []): Promise<Daemon> {
  const addresses = await Promise.all(others.map(addressOf))
  const daemon = await startDaemon({
    config: CONFIG.replace('BOOTSTRAP', JSON.stringify(addresses)),
  })
  closeAfterTest(() => daemon.stop())
  await until('it is connected', CONNECT_MS_MAX, async () => {
    return (await daemon.get<{ peers: unknown[] }>('/v1/peers')).body.peers.length >= others.length
  })
  return daemon
}

export async function makeFolder(): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), 'citynode-e2e-'))
  closeAfterTest(() => rm(made, { recursive: true, force: true }))
  return made
}

async function addressOf(daemon: Daemon): Promise<string> {
  const { body } = await daemon.get<{ listenAddresses: string[] }>('/v1/status')
  const local = body.listenAddresses.find((one) => one.startsWith('/ip4/127.0.0.1/'))
  if (local === undefined) throw new Error(`no loopback address in ${body.listenAddresses}`)
  return local
}
