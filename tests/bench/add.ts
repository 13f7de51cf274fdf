// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * `npm run bench -- add`: a file of 1 GiB by the command line of the built program, by reference and
 * as a copy, beside ipfs-unixfs-importer that reads the same file and keeps nothing. Only adding by
 * reference does as much as that does, read and hash, and is held to the budget; the copy is shown
 * beside what bare Node needs to read, hash, write and sync. The two that write take turns in being
 * first: whoever comes second gets memory that the other has just given back, which costs the kernel
 * less. `--mebibytes N` takes a file of another size, `--runs N` repeats.
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
  const referred: Sample[] = []
  const copied: Sample[] = []
  const baseline: number[] = []
  const copies: number[] = []
  for (let count = 0; count <= RUNS; count++) {
    const byReference = await ourAdd(node, '--reference')
    const imported = await bareImport(byReference.cid)
    const isOurTurn = count % 2 === 0
    const early = isOurTurn ? undefined : await bareCopyOf()
    const byCopy = await ourAdd(node)
    const bareCopy = early ?? (await bareCopyOf())
    // The first pair warms up: the file in the page cache, the code compiled.
    if (count === 0) continue
    referred.push(byReference)
    copied.push(byCopy)
    baseline.push(imported)
    copies.push(bareCopy)
  }
  print({ referred, copied, baseline, copies })
}

async function bareCopyOf(): Promise<number> {
  const { seconds } = await bare(COPY, [file, join(folder, 'copy')])
  rmSync(join(folder, 'copy'))
  return seconds
}

function makeFile(): void {
  const descriptor = openSync(file, 'w')
  const chunk = Buffer.alloc(1024 * 1024)
  for (let count = 0; count < MEBIBYTES; count++) writeSync(descriptor, randomFillSync(chunk))
  closeSync(descriptor)
}

async function ourAdd(node: BenchNode, ...options: readonly string[]): Promise<Sample> {
  const { dataFolder } = node.daemon
  const clientStartSeconds = (await cli('--version')).seconds
  const before = cpuSeconds(node.pid)
  const { seconds, stdout } = await cli('add', file, '--data', dataFolder, ...options)
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

interface Results {
  referred: readonly Sample[]
  copied: readonly Sample[]
  baseline: readonly number[]
  copies: readonly number[]
}

function print({ referred, copied, baseline, copies }: Results): void {
  const reference = summary(referred)
  const copy = summary(copied)
  const imported = median(baseline)
  const bareCopy = median(copies)
  const ratio = reference.seconds / imported
  const cpu = cpuModel()
  report(
    {
      name: 'add',
      ours: round(reference.seconds),
      baseline: round(imported),
      ratio: round(ratio),
      budget: RATIO_MAX,
      ok: ratio <= RATIO_MAX,
      unit: `CPU-seconds per ${MEBIBYTES} MiB`,
      byReference: reference,
      byCopy: {
        ...copy,
        ratio: round(copy.seconds / imported),
        toBareCopy: round(copy.seconds / bareCopy),
      },
      bareCopy: round(bareCopy),
      clientStart: round(median(referred.map(({ clientStartSeconds }) => clientStartSeconds))),
      cpu,
      runs: {
        byReference: referred.map(secondsOf),
        byCopy: copied.map(secondsOf),
        baseline: baseline.map((one) => round(one)),
        bareCopy: copies.map((one) => round(one)),
      },
    },
    [
      [
        'citynode add --reference',
        `${round(reference.seconds, 2)} CPU-s for ${MEBIBYTES} MiB (median of ${RUNS})`,
      ],
      ['  daemon, client', `${round(reference.daemon, 2)} + ${round(reference.client, 2)} CPU-s`],
      ['ipfs-unixfs-importer, keeping nothing', `${round(imported, 2)} CPU-s`],
      ['ratio', `${round(ratio, 2)} (budget ${RATIO_MAX})`],
      ['citynode add, a copy', `${round(copy.seconds, 2)} CPU-s`],
      ['  daemon, client', `${round(copy.daemon, 2)} + ${round(copy.client, 2)} CPU-s`],
      ['  ratio to the importer', `${round(copy.seconds / imported, 2)} (it writes nothing)`],
      ['bare Node: read, hash, write, sync', `${round(bareCopy, 2)} CPU-s`],
      ['  ratio of the copy to that', `${round(copy.seconds / bareCopy, 2)}`],
      ['  ratio of that to the importer', `${round(bareCopy / imported, 2)}: the floor of a copy`],
      ['on', cpu],
    ],
  )
}

function summary(samples: readonly Sample[]): { seconds: number; daemon: number; client: number } {
  return {
    seconds: round(median(samples.map(secondsOf))),
    daemon: round(median(samples.map(({ daemonSeconds }) => daemonSeconds))),
    client: round(median(samples.map((one) => one.clientSeconds - one.clientStartSeconds))),
  }
}

/** Both processes, without what it takes to start a command at all. */
function secondsOf({ daemonSeconds, clientSeconds, clientStartSeconds }: Sample): number {
  return round(daemonSeconds + clientSeconds - clientStartSeconds)
}

function cpuModel(): string {
  return /^model name\s*: (.+)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? process.arch
}
