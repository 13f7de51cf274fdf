// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * `npm run bench -- idle`: what a node costs that does nothing: the built program with 10,000 items
 * and eight neighbours on loopback, beside bare Node holding as many idle connections. `--minutes N`
 * measures longer, `--items N` and `--neighbours N` other nodes than that one.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { copyOfProgram } from './support/built.ts'
import { cpuSeconds, memoryKibibytes, numberOption, report, round } from './support/measure.ts'
import { type BenchNode, connected, NodeClient, startBenchNode } from './support/nodes.ts'

const ITEMS = numberOption('items', 10_000)
const NEIGHBOURS = numberOption('neighbours', 8)
const MEASURED_S = numberOption('minutes', 2) * 60
const SETTLE_S = 60
const ADDS_AT_ONCE = 4
const ITEM_BYTES = 1_024

const PSS_MIB_MAX = 110
const CPU_PERCENT_MAX = 0.5
const WRITTEN_BYTES_A_DAY_MAX = 1e9
const DAY_S = 86_400

const BARE_PROGRAM =
  'require("node:http").createServer((q, r) => r.end()).listen(0, "127.0.0.1");' +
  'setInterval(() => {}, 1000)'

const closing: (() => unknown)[] = []
try {
  await main()
} finally {
  for (const close of closing.reverse()) await close()
}

async function main(): Promise<void> {
  // On a machine of its own a node shares the pages of its program with nobody.
  const folder = mkdtempSync(join(tmpdir(), 'citynode-bench-idle-'))
  closing.push(() => rmSync(folder, { recursive: true, force: true }))
  const node = await startBenchNode([], { command: copyOfProgram(join(folder, 'build')) })
  closing.push(() => node.daemon.stop())
  console.error(`adding ${ITEMS} items and starting ${NEIGHBOURS} neighbours…`)
  await addItems(node)
  for (let index = 0; index < NEIGHBOURS; index++) {
    const neighbour = await startBenchNode([node.address])
    closing.push(() => neighbour.daemon.stop())
  }
  await connected(node, NEIGHBOURS)
  const bare = startBare(copyOfProgram(join(folder, 'bare'))[0])
  console.error(`settling ${SETTLE_S} s, then measuring ${MEASURED_S} s…`)
  await pause(SETTLE_S * 1_000)
  const before = used(node.pid)
  const bareBefore = used(bare.pid ?? 0)
  await pause(MEASURED_S * 1_000)
  const after = used(node.pid)
  const bareAfter = used(bare.pid ?? 0)
  print({
    pssMiB: after.pssMiB,
    barePssMiB: bareAfter.pssMiB,
    parts: memoryParts(node.pid),
    cpuPercent: ((after.cpuSeconds - before.cpuSeconds) / MEASURED_S) * 100,
    bareCpuPercent: ((bareAfter.cpuSeconds - bareBefore.cpuSeconds) / MEASURED_S) * 100,
    writtenBytesADay: ((after.writtenBytes - before.writtenBytes) / MEASURED_S) * DAY_S,
  })
}

async function addItems(node: BenchNode): Promise<void> {
  const client = new NodeClient(node)
  const indexes = Array.from({ length: ITEMS }, (_, index) => index).values()
  const worker = async (): Promise<void> => {
    for (const index of indexes) {
      await client.add(
        Buffer.alloc(ITEM_BYTES, `item ${index}\n`),
        `name=${index}&visibility=public`,
      )
    }
  }
  await Promise.all(Array.from({ length: ADDS_AT_ONCE }, worker))
  client.close()
}

function startBare(node: string): ChildProcess {
  const child = spawn(node, ['-e', BARE_PROGRAM], { stdio: 'ignore' })
  closing.push(() => void child.kill())
  return child
}

interface Used {
  pssMiB: number
  cpuSeconds: number
  writtenBytes: number
}

/** What a process and its children have used. */
function used(pid: number): Used {
  const own = {
    pssMiB: memoryKibibytes(pid, 'Pss') / 1024,
    cpuSeconds: cpuSeconds(pid),
    writtenBytes: Number(
      /^write_bytes: (\d+)$/m.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))?.[1] ?? 0,
    ),
  }
  const children = childrenOf(pid).map(used)
  return children.reduce(
    (sum, child) => ({
      pssMiB: sum.pssMiB + child.pssMiB,
      cpuSeconds: sum.cpuSeconds + child.cpuSeconds,
      writtenBytes: sum.writtenBytes + child.writtenBytes,
    }),
    own,
  )
}

function childrenOf(pid: number): number[] {
  const path = `/proc/${pid}/task/${pid}/children`
  if (!existsSync(path)) return []
  return readFileSync(path, 'utf8').split(' ').filter(Boolean).map(Number)
}

/** Where the memory lies: what is of files (the program itself) and what the node has written. */
function memoryParts(pid: number): { anonymousMiB: number; fileMiB: number } {
  return {
    anonymousMiB: round(memoryKibibytes(pid, 'Pss_Anon') / 1024, 1),
    fileMiB: round(memoryKibibytes(pid, 'Pss_File') / 1024, 1),
  }
}

interface Idle {
  pssMiB: number
  barePssMiB: number
  parts: { anonymousMiB: number; fileMiB: number }
  cpuPercent: number
  bareCpuPercent: number
  writtenBytesADay: number
}

function print(idle: Idle): void {
  const { pssMiB, barePssMiB, parts, cpuPercent, bareCpuPercent, writtenBytesADay } = idle
  const isWithin =
    pssMiB <= PSS_MIB_MAX &&
    cpuPercent <= CPU_PERCENT_MAX &&
    writtenBytesADay <= WRITTEN_BYTES_A_DAY_MAX
  report(
    {
      name: 'idle',
      ours: round(pssMiB, 1),
      baseline: round(barePssMiB, 1),
      ratio: round(pssMiB / barePssMiB, 2),
      budget: PSS_MIB_MAX,
      ok: isWithin,
      unit: 'MiB of PSS, with all children',
      parts,
      cpuPercent: round(cpuPercent, 2),
      bareCpuPercent: round(bareCpuPercent, 2),
      writtenMegabytesADay: round(writtenBytesADay / 1e6, 1),
      items: ITEMS,
      neighbours: NEIGHBOURS,
    },
    [
      ['memory (PSS)', `${round(pssMiB, 1)} MiB (budget ${PSS_MIB_MAX})`],
      ['  of it anonymous, files', `${parts.anonymousMiB} + ${parts.fileMiB} MiB`],
      ['bare Node HTTP server', `${round(barePssMiB, 1)} MiB`],
      ['processor', `${round(cpuPercent, 2)} % of a core (budget ${CPU_PERCENT_MAX})`],
      ['bare Node', `${round(bareCpuPercent, 2)} %`],
      [
        'written to disk a day',
        `${round(writtenBytesADay / 1e6, 1)} MB (budget ${WRITTEN_BYTES_A_DAY_MAX / 1e6})`,
      ],
      ['with', `${ITEMS} items, ${NEIGHBOURS} neighbours, ${MEASURED_S} s after ${SETTLE_S} s`],
    ],
  )
}
