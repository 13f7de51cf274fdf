// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * `npm run bench -- add`: a file of 1 GiB from the disk into the store, by the command line of the
 * built program, beside ipfs-unixfs-importer that reads the same file and keeps nothing.
 * `--mebibytes N` takes a file of another size, `--runs N` repeats.
 */
import { type ChildProcess, execFile, fork } from 'node:child_process'
import { randomFillSync } from 'node:crypto'
import { once } from 'node:events'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { builtProgram } from './support/built.ts'
import {
  childrenCpuSeconds,
  cpuSeconds,
  median,
  numberOption,
  report,
  round,
} from './support/measure.ts'
import { type BenchNode, NodeClient, startBenchNode } from './support/nodes.ts'

const MEBIBYTES = numberOption('mebibytes', 1_024)
const RUNS = numberOption('runs', 3)
const RATIO_MAX = 1.25
const IMPORTER = new URL('./support/bare-importer.ts', import.meta.url).pathname
const COPY = new URL('./support/bare-copy.ts', import.meta.url).pathname

const run = promisify(execFile)
const folder = mkdtempSync(join(tmpdir(), 'citynode-bench-add-'))
const file = join(folder, 'original')
const closing: (() => unknown)[] = [() => rmSync(folder, { recursive: true, force: true })]
try {
  await main()
} finally {
  for (const close of closing.reverse()) await close()
}

interface Sample {
  daemonSeconds: number
  clientSeconds: number
  /** Of the client's, what it takes to start at all. */
  clientStartSeconds: number
  cid: string
}

async function main(): Promise<void> {
  makeFile()
  const node = await startBenchNode()
  closing.push(() => node.daemon.stop())
  const ours: Sample[] = []
  const baseline: number[] = []
  const copies: number[] = []
  for (let count = 0; count <= RUNS; count++) {
    const sample = await ourAdd(node)
    const imported = await bareImport(sample.cid)
    const copied = await bare(COPY, [file, join(folder, 'copy')])
    rmSync(join(folder, 'copy'))
    // The first pair warms up: the file in the page cache, the code compiled.
    if (count === 0) continue
    ours.push(sample)
    baseline.push(imported)
    copies.push(copied.seconds)
  }
  print(ours, baseline, median(copies))
}

function makeFile(): void {
  const descriptor = openSync(file, 'w')
  const chunk = Buffer.alloc(1024 * 1024)
  for (let count = 0; count < MEBIBYTES; count++) writeSync(descriptor, randomFillSync(chunk))
  closeSync(descriptor)
}

async function ourAdd(node: BenchNode): Promise<Sample> {
  const { dataFolder } = node.daemon
  const clientStartSeconds = (await cli('--version')).seconds
  const before = cpuSeconds(node.pid)
  const { seconds, stdout } = await cli('add', file, '--data', dataFolder)
  const daemonSeconds = cpuSeconds(node.pid) - before
  const cid = stdout.trim()
  const client = new NodeClient(node)
  await client.call({ method: 'DELETE', path: `/v1/items/${cid}` })
  client.close()
  return { daemonSeconds, clientSeconds: seconds, clientStartSeconds, cid }
}

/** One command to its end, and the CPU-seconds of its process. */
async function cli(...args: readonly string[]): Promise<{ seconds: number; stdout: string }> {
  const [node, ...program] = builtProgram()
  const before = childrenCpuSeconds()
  const { stdout } = await run(node, [...program, ...args])
  return { seconds: childrenCpuSeconds() - before, stdout }
}

async function bareImport(expectedCid: string): Promise<number> {
  const { seconds, cid } = await bare(IMPORTER, [file])
  if (cid !== expectedCid) throw new Error(`the importer says ${cid}, we say ${expectedCid}`)
  return seconds
}

/** CPU-seconds of a script from when it is ready until it is done. */
async function bare(
  script: string,
  args: readonly string[],
): Promise<{ seconds: number; cid: string | undefined }> {
  const child = fork(script, args)
  try {
    await message(child)
    await pause(300)
    const before = cpuSeconds(child.pid ?? 0)
    child.send('go')
    const { cid } = await message(child)
    return { seconds: cpuSeconds(child.pid ?? 0) - before, cid }
  } finally {
    // Awaited: what it used counts as that of a child only then, and not in the midst of the next.
    const ended = once(child, 'exit')
    child.kill()
    await ended
  }
}

function message(child: ChildProcess): Promise<{ cid?: string }> {
  return new Promise((resolve, reject) => {
    // What the other file sends is known: `ready`, or the CID.
    child.once('message', (body) => resolve(body as { cid?: string }))
    child.once('exit', () => reject(new Error('the baseline ended early')))
  })
}

function print(ours: readonly Sample[], baseline: readonly number[], copy: number): void {
  const daemon = median(ours.map(({ daemonSeconds }) => daemonSeconds))
  const client = median(
    ours.map(({ clientSeconds, clientStartSeconds }) => clientSeconds - clientStartSeconds),
  )
  const start = median(ours.map(({ clientStartSeconds }) => clientStartSeconds))
  const imported = median(baseline)
  const ratio = (daemon + client) / imported
  const cpu = cpuModel()
  report(
    {
      name: 'add',
      ours: round(daemon + client),
      baseline: round(imported),
      ratio: round(ratio),
      budget: RATIO_MAX,
      ok: ratio <= RATIO_MAX,
      unit: `CPU-seconds per ${MEBIBYTES} MiB`,
      daemon: round(daemon),
      client: round(client),
      clientStart: round(start),
      copy: round(copy),
      // The API has no way to add a file where it lies.
      byReference: null,
      cpu,
      runs: {
        ours: ours.map((one) =>
          round(one.daemonSeconds + one.clientSeconds - one.clientStartSeconds),
        ),
        baseline: baseline.map((one) => round(one)),
      },
    },
    [
      [
        'citynode add',
        `${round(daemon + client, 2)} CPU-s for ${MEBIBYTES} MiB (median of ${RUNS})`,
      ],
      ['  daemon, client', `${round(daemon, 2)} + ${round(client, 2)} CPU-s`],
      ['  not counted: starting the client', `${round(start, 2)} CPU-s`],
      ['ipfs-unixfs-importer, keeping nothing', `${round(imported, 2)} CPU-s`],
      ['bare Node: read, hash, write, sync', `${round(copy, 2)} CPU-s`],
      ['ratio', `${round(ratio, 2)} (budget ${RATIO_MAX})`],
      ['by reference', 'not offered by the API yet'],
      ['on', cpu],
    ],
  )
}

function cpuModel(): string {
  return /^model name\s*: (.+)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? process.arch
}
