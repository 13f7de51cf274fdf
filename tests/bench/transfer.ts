// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * `npm run bench -- transfer`: 256 MiB, disk to disk, between two built nodes over loopback, beside
 * bare Node HTTPS with SHA-256 in the same run, and Helia with bitswap where its own folder installs.
 */
import { type ChildProcess, fork, spawnSync } from 'node:child_process'
import { randomFillSync } from 'node:crypto'
import {
  closeSync,
  createReadStream,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { silentLogger } from '../../src/base/base.ts'
import { openIdentity } from '../../src/identity/identity.ts'
import { createCertificate, hasAesInstructions, preferredCiphers } from '../../src/net/net.ts'
import { type Daemon, startDaemon, until } from '../support/daemon.ts'
import { builtProgram, freePort, programEnvironment, REPOSITORY } from './support/built.ts'
import { cpuSeconds, median, memoryMiB, report, resetPeakMemory, round } from './support/measure.ts'

const SIZE_BYTES = 256 * 1024 * 1024
const RUNS = 5
const RATIO_MAX = 1.3
const FIRST_BYTE_MS_MAX = 150
const EXTRA_MEMORY_MIB_MAX = 32
const HELIA_FOLDER = join(REPOSITORY, 'tests/bench/helia')

const BARE = new URL('./support/bare-https.ts', import.meta.url).pathname

interface Sample {
  cpuSeconds: number
  firstByteMs: number
  extraMiB: [source: number, sink: number]
}

const folder = mkdtempSync(join(tmpdir(), 'citynode-bench-transfer-'))
const file = join(folder, 'original')
const closing: (() => unknown)[] = [() => rmSync(folder, { recursive: true, force: true })]
try {
  await main()
} finally {
  for (const close of closing.reverse()) await close()
}

async function main(): Promise<void> {
  makeFile()
  const ciphers = preferredCiphers(hasAesInstructions(readFileSync('/proc/cpuinfo', 'utf8')))
  const [source, sink] = await startPair()
  const cid = await addFile(source)
  const server = await startBareServer(ciphers)
  const ours: Sample[] = []
  let extraMiB: Sample['extraMiB'] = [Number.NaN, Number.NaN]
  const baseline: number[] = []
  for (let run = 0; run <= RUNS; run++) {
    const sample = await ourTransfer(source, sink, cid)
    const bare = await bareTransfer(server, ciphers)
    // The first pair warms up; but memory grows then or never.
    if (run === 0) {
      extraMiB = sample.extraMiB
      continue
    }
    ours.push(sample)
    baseline.push(bare)
  }
  for (const close of closing.splice(1).reverse()) await close()
  print({ ours, baseline, extraMiB }, process.argv.includes('--no-helia') ? undefined : helia())
}

interface Measured {
  ours: Sample[]
  baseline: number[]
  extraMiB: Sample['extraMiB']
}

function print({ ours, baseline, extraMiB }: Measured, heliaCpu: number | undefined): void {
  const cpu = median(ours.map((sample) => sample.cpuSeconds))
  const bare = median(baseline)
  const firstByteMs = median(ours.map((sample) => sample.firstByteMs))
  const [sourceMiB, sinkMiB] = extraMiB
  const ratio = cpu / bare
  report(
    {
      name: 'transfer',
      ours: round(cpu),
      baseline: round(bare),
      ratio: round(ratio),
      budget: RATIO_MAX,
      ok:
        ratio <= RATIO_MAX &&
        firstByteMs <= FIRST_BYTE_MS_MAX &&
        Math.max(sourceMiB, sinkMiB) <= EXTRA_MEMORY_MIB_MAX,
      unit: 'CPU-seconds of both ends per 256 MiB',
      firstByteMs: round(firstByteMs, 1),
      extraMemoryMiB: { source: round(sourceMiB, 1), sink: round(sinkMiB, 1) },
      helia: heliaCpu ?? null,
      runs: {
        ours: ours.map((sample) => round(sample.cpuSeconds)),
        baseline: baseline.map((one) => round(one)),
      },
    },
    [
      ['citynode', `${round(cpu)} CPU-s, both ends (median of ${RUNS})`],
      ['bare Node HTTPS + SHA-256', `${round(bare)} CPU-s`],
      ['ratio', `${round(ratio)} (budget ${RATIO_MAX})`],
      ['first byte', `${round(firstByteMs, 0)} ms (budget ${FIRST_BYTE_MS_MAX})`],
      [
        'extra memory',
        `${round(sourceMiB, 0)} + ${round(sinkMiB, 0)} MiB (budget ${EXTRA_MEMORY_MIB_MAX} each)`,
      ],
      ['Helia with bitswap', heliaCpu === undefined ? 'not run' : `${round(heliaCpu)} CPU-s`],
    ],
  )
}

function makeFile(): void {
  const descriptor = openSync(file, 'w')
  const chunk = Buffer.alloc(1024 * 1024)
  for (let written = 0; written < SIZE_BYTES; written += chunk.length) {
    writeSync(descriptor, randomFillSync(chunk))
  }
  closeSync(descriptor)
}

async function startPair(): Promise<[Daemon, Daemon]> {
  const command = builtProgram()
  const port = await freePort()
  const rest = 'hello_port = 0\nmdns = false\nbeacon = false\nallow_loopback = true\n'
  const ports =
    '[content]\nport = 0\n[status]\nport = 0\n[gateway]\nport = 0\n[log]\nlevel = "warn"\n'
  const source = await startDaemon({
    command,
    environment: programEnvironment(),
    config: `[network]\nport = ${port}\n${rest}${ports}`,
  })
  closing.push(() => source.stop())
  const { body } = await source.get<{ peerId: string }>('/v1/status')
  const bootstrap = `bootstrap = ["/ip4/127.0.0.1/tcp/${port}/p2p/${body.peerId}"]\n`
  const sink = await startDaemon({
    command,
    environment: programEnvironment(),
    config: `[network]\nport = 0\n${bootstrap}${rest}${ports}`,
  })
  closing.push(() => sink.stop())
  await until('the two nodes are connected', 30_000, async () => {
    return (await sink.get<{ peers: unknown[] }>('/v1/peers')).body.peers.length === 1
  })
  return [source, sink]
}

async function addFile(node: Daemon): Promise<string> {
  const text = await call(node, {
    method: 'POST',
    path: '/v1/items?name=original&visibility=public',
    headers: { 'content-type': 'application/octet-stream' },
    body: createReadStream(file),
  })
  const cid = JSON.parse(text).item?.cid
  if (typeof cid !== 'string') throw new Error(text)
  return cid
}

async function ourTransfer(source: Daemon, sink: Daemon, cid: string): Promise<Sample> {
  const pids = [source.pid ?? 0, sink.pid ?? 0] as const
  await pause(500)
  for (const pid of pids) resetPeakMemory(pid)
  const before = pids.map((pid) => memoryMiB(pid).now)
  const idle = pids.reduce((sum, pid) => sum + cpuSeconds(pid), 0)
  const startedMs = performance.now()
  let firstByteMs = Number.NaN
  const lines = await call(sink, {
    method: 'POST',
    path: '/v1/fetch',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ cid, visibility: 'private' }),
    onText: (text) => {
      if (!Number.isNaN(firstByteMs) || !/"received":[1-9]/.test(text)) return
      firstByteMs = performance.now() - startedMs
    },
  })
  const durationMs = performance.now() - startedMs
  const used = pids.reduce((sum, pid) => sum + cpuSeconds(pid), 0) - idle
  const extra = pids.map((pid, index) => memoryMiB(pid).peak - (before[index] ?? 0))
  if (!lines.includes('"item"')) throw new Error(`the fetch failed: ${lines.slice(-500)}`)
  const atRest = await idleCpu(pids, durationMs)
  await call(sink, { method: 'DELETE', path: `/v1/items/${cid}` })
  return { cpuSeconds: used - atRest, firstByteMs, extraMiB: [extra[0] ?? 0, extra[1] ?? 0] }
}

/** What the two nodes use in the same time without a transfer. */
async function idleCpu(pids: readonly number[], durationMs: number): Promise<number> {
  await pause(200)
  const before = pids.reduce((sum, pid) => sum + cpuSeconds(pid), 0)
  await pause(durationMs)
  return pids.reduce((sum, pid) => sum + cpuSeconds(pid), 0) - before
}

interface BareServer {
  process: ChildProcess
  port: number
}

async function startBareServer(ciphers: string): Promise<BareServer> {
  const identity = await openIdentity({ folder, log: silentLogger })
  const credentials = join(folder, 'credentials.json')
  const { privateKeyPem, certificatePem } = await createCertificate(identity)
  writeFileSync(credentials, JSON.stringify({ key: privateKeyPem, cert: certificatePem }))
  const child = fork(BARE, ['serve', file, ciphers, credentials])
  closing.push(() => void child.kill())
  const { port } = await message<{ port: number }>(child)
  return { process: child, port }
}

async function bareTransfer(server: BareServer, ciphers: string): Promise<number> {
  const copy = join(folder, 'copy')
  const child = fork(BARE, ['fetch', `https://127.0.0.1:${server.port}/`, copy, ciphers])
  await message(child)
  await pause(300)
  const pids = [server.process.pid ?? 0, child.pid ?? 0]
  const before = pids.reduce((sum, pid) => sum + cpuSeconds(pid), 0)
  child.send('go')
  await message(child)
  const used = pids.reduce((sum, pid) => sum + cpuSeconds(pid), 0) - before
  child.kill()
  rmSync(copy)
  return used
}

/** CPU-seconds of Helia's two ends; its packages are installed in their own folder, only here. */
function helia(): number | undefined {
  if (!existsSync(join(HELIA_FOLDER, 'package.json'))) return undefined
  if (!existsSync(join(HELIA_FOLDER, 'node_modules'))) {
    console.error('Installing Helia for the comparison (about a minute)…')
    const installed = spawnSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], {
      cwd: HELIA_FOLDER,
    })
    if (installed.status !== 0) return undefined
  }
  const run = spawnSync(process.execPath, [join(HELIA_FOLDER, 'transfer.mjs'), file], {
    encoding: 'utf8',
    timeout: 300_000,
  })
  const cpu = Number(run.stdout?.trim().split('\n').at(-1))
  if (Number.isFinite(cpu) && cpu > 0) return cpu
  console.error(`Helia did not finish: ${run.stderr?.slice(-400)}`)
  return undefined
}

function message<Body>(child: ChildProcess): Promise<Body> {
  return new Promise((resolve, reject) => {
    // The two programs are of one file: what one sends is what the other expects.
    child.once('message', (body) => resolve(body as Body))
    child.once('exit', () => reject(new Error('the baseline ended early')))
  })
}

interface Call {
  method: string
  path: string
  headers?: Record<string, string>
  body?: string | NodeJS.ReadableStream
  onText?: (text: string) => void
}

function call(node: Daemon, asked: Call): Promise<string> {
  const { method, path, headers = {}, body, onText } = asked
  return new Promise((resolve, reject) => {
    const socketPath = join(node.dataFolder, 'control.sock')
    const outgoing = request({ socketPath, method, path, headers }, (response) => {
      let text = ''
      response.on('data', (bytes: Buffer) => {
        text += bytes.toString()
        onText?.(text)
      })
      response.on('end', () => resolve(text))
    })
    outgoing.on('error', reject)
    if (typeof body === 'object') body.pipe(outgoing)
    else outgoing.end(body)
  })
}
