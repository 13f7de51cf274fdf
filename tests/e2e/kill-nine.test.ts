// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Twenty times `kill -9` of the program in the midst of adding and fetching, at seeded moments: what
 * it said is whole at the next start, and what it did not say is whole or not there.
 */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { Agent, request } from 'node:http'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { randomBelow, randomBetween, SeededRandom } from '../../src/base/base.ts'
import { type Daemon, startDaemon, until } from '../support/daemon.ts'

const ROOT = dirname(dirname(import.meta.dirname))

const KILLS = Array.from({ length: 20 }, (_, index) => index + 1)

/** When the power goes after work has begun, in ms: within and between items of all sizes. */
const KILL_AFTER_MS: readonly [number, number] = [5, 350]

/** Items that are added and fetched at the same time. */
const ADDS_AT_ONCE = 2

const SIZES = [0, 10, 4_000, 70_000, 1_500_000, 6_000_000]

/** Items of the other node, to be fetched. */
const FETCHED = [5_000, 2_000_000, 9_000_000]

interface Known {
  sha256: string
  isAcknowledged: boolean
}

interface Listed {
  cid: string
  isWhole: boolean
}

const closing: (() => unknown)[] = []
const seed = 20_261
const random = new SeededRandom(seed)
/** Everything that was ever begun, by CID; content decides the CID, so it is known only when told. */
const known = new Map<string, Known>()
/** Hashes of contents that were begun: an item that was not acknowledged must be one of them. */
const begun = new Set<string>()
let command: readonly string[] = []
let source: Daemon
let address = ''
let dataFolder = ''
const offered: string[] = []
let fetchedCount = 0

beforeAll(async () => {
  dataFolder = await mkdtemp(join(tmpdir(), 'citynode-kill-'))
  closing.push(() => rm(dataFolder, { recursive: true, force: true }))
  const build = join(ROOT, 'tools', 'build.mjs')
  const folder = execFileSync(process.execPath, [build], { encoding: 'utf8' }).trim()
  command = [join(folder, 'node'), join(folder, 'citynode.mjs')]
  source = await startDaemon({ command, config: configOf([]) })
  closing.push(() => source.stop())
  const { body } = await source.get<{ listenAddresses: string[] }>('/v1/status')
  address = body.listenAddresses.find((one) => one.startsWith('/ip4/127.0.0.1/')) ?? ''
  for (const sizeBytes of FETCHED) {
    const { bytes, sha256 } = content(sizeBytes)
    const cid = await add(source, bytes)
    offered.push(cid)
    known.set(cid, { sha256, isAcknowledged: false })
  }
})
afterAll(async () => {
  for (const close of closing.reverse()) await close()
})

test.each(KILLS)(`kill -9, number %i of seed ${seed}: what was said holds`, async (number) => {
  const daemon = await startDaemon({ command, dataFolder, config: configOf([address]) })
  try {
    await checkEverything(daemon)
    // The other node is found later than this one can be killed: in every second round it waits.
    if (number % 2 === 0) await meets(daemon)
    const work = busy(daemon)
    await pause(randomBetween(random, ...KILL_AFTER_MS))
    await daemon.kill('SIGKILL')
    await work
  } finally {
    await daemon.kill('SIGKILL')
  }
})

test('after the last one everything is there, and the node takes more', async () => {
  const daemon = await startDaemon({ command, dataFolder, config: configOf([address]) })
  try {
    await checkEverything(daemon)
    // Else the kills came too early to hit anything.
    const acknowledged = [...known.values()].filter(({ isAcknowledged }) => isAcknowledged)
    expect(acknowledged.length).toBeGreaterThan(KILLS.length)
    expect(fetchedCount).toBeGreaterThan(KILLS.length / 2)
    const { bytes, sha256 } = content(3_000_000)
    expect(await hashOf(daemon, await add(daemon, bytes))).toBe(sha256)
  } finally {
    await daemon.kill('SIGTERM')
  }
})

async function meets(daemon: Daemon): Promise<void> {
  await until('the other node is there', 20_000, async () => {
    return (await daemon.get<{ peers: unknown[] }>('/v1/peers')).body.peers.length > 0
  })
}

/** Adds and fetches until the node is gone. */
async function busy(daemon: Daemon): Promise<void> {
  const adding = async (): Promise<void> => {
    for (;;) {
      const { bytes, sha256 } = content(SIZES[randomBelow(random, SIZES.length)] ?? 0)
      begun.add(sha256)
      acknowledge(await add(daemon, bytes), sha256)
    }
  }
  const fetching = async (): Promise<void> => {
    await meets(daemon)
    for (;;) {
      const cid = offered[randomBelow(random, offered.length)] ?? ''
      await fetchItem(daemon, cid)
      fetchedCount += 1
      acknowledge(cid, known.get(cid)?.sha256 ?? '')
      // So that there is something to fetch again; what is removed is no longer promised.
      if (random.unit() < 0.7) {
        const entry = known.get(cid)
        if (entry !== undefined) entry.isAcknowledged = false
        await ask(daemon, { method: 'DELETE', path: `/v1/items/${cid}` })
      }
    }
  }
  const all = [...Array.from({ length: ADDS_AT_ONCE }, adding), fetching()]
  // Each ends by the node being killed under it: that it ended is all there is to know.
  await Promise.allSettled(all)
}

function acknowledge(cid: string, sha256: string): void {
  known.set(cid, { sha256, isAcknowledged: true })
}

async function checkEverything(daemon: Daemon): Promise<void> {
  const { body } = await daemon.get<{ items: Listed[] }>('/v1/items')
  const listed = new Map(body.items.map((item) => [item.cid, item]))
  for (const [cid, { isAcknowledged }] of known) {
    if (isAcknowledged) expect(listed.has(cid), `${cid} was acknowledged`).toBe(true)
  }
  for (const { cid, isWhole } of body.items) {
    expect(isWhole, `${cid} is whole`).toBe(true)
    const sha256 = await hashOf(daemon, cid)
    const entry = known.get(cid)
    if (entry === undefined) expect(begun, `${cid} was begun by us`).toContain(sha256)
    else expect(sha256, `the bytes of ${cid}`).toBe(entry.sha256)
    // It was seen: from now on it stays.
    known.set(cid, { sha256, isAcknowledged: true })
  }
}

function content(sizeBytes: number): { bytes: Buffer; sha256: string } {
  const bytes = Buffer.alloc(sizeBytes, random.bytes(64))
  // No leaf like another, so that bytes in the wrong place are noticed.
  for (let at = 64; at + 4 <= sizeBytes; at += 65_536) bytes.writeUInt32LE(at, at)
  return { bytes, sha256: createHash('sha256').update(bytes).digest('hex') }
}

async function hashOf(daemon: Daemon, cid: string): Promise<string> {
  const { status, body } = await ask(daemon, { method: 'GET', path: `/v1/items/${cid}/bytes` })
  expect(status, `the bytes of ${cid} are given`).toBe(200)
  return createHash('sha256').update(body).digest('hex')
}

async function add(daemon: Daemon, bytes: Uint8Array): Promise<string> {
  const { status, body } = await ask(daemon, {
    method: 'POST',
    path: '/v1/items?name=a&visibility=public',
    headers: { 'content-type': 'application/octet-stream' },
    body: bytes,
  })
  if (status >= 300) throw new Error(`status ${status}: ${body}`)
  return JSON.parse(body.toString()).item.cid
}

async function fetchItem(daemon: Daemon, cid: string): Promise<void> {
  const { body } = await ask(daemon, {
    method: 'POST',
    path: '/v1/fetch',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ cid, visibility: 'private' }),
  })
  if (!body.includes('"item"')) throw new Error(`not fetched: ${body}`)
}

interface Asked {
  method: string
  path: string
  headers?: Record<string, string>
  body?: string | Uint8Array
}

function ask(daemon: Daemon, asked: Asked): Promise<{ status: number; body: Buffer }> {
  const { method, path, headers = {}, body } = asked
  const socketPath = join(daemon.dataFolder, 'control.sock')
  // Its own connection: one of a node that was killed is never used again.
  const agent = new Agent({ keepAlive: false })
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath, method, path, headers, agent }, (response) => {
      const parts: Buffer[] = []
      response.on('data', (part: Buffer) => parts.push(part))
      response.on('error', reject)
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, body: Buffer.concat(parts) }),
      )
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

function configOf(bootstrap: readonly string[]): string {
  return [
    '[network]\nport = 0\nhello_port = 0\nmdns = false\nbeacon = false\nallow_loopback = true',
    `bootstrap = ${JSON.stringify(bootstrap)}`,
    '[content]\nport = 0\n[status]\nport = 0\n',
  ].join('\n')
}
