// SPDX-License-Identifier: AGPL-3.0-or-later
/** What a benchmark measures of a process, and how it says what came out. */
import { readFileSync, writeFileSync } from 'node:fs'

/** Kernel ticks a second in /proc/<pid>/stat: fixed at 100 for user space on Linux. */
const TICKS_PER_SECOND = 100

/** CPU-seconds (user + system, all threads) that a process has used so far. */
export function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}

/** CPU-seconds of all processes that this one started and that have ended. */
export function childrenCpuSeconds(): number {
  const fields = readFileSync('/proc/self/stat', 'utf8').split(') ').at(-1)?.split(' ') ?? []
  return (Number(fields[13]) + Number(fields[14])) / TICKS_PER_SECOND
}

/** Forgets the greatest resident size so far, so that the next one belongs to what follows. */
export function resetPeakMemory(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, '5')
}

export function memoryMiB(pid: number): { now: number; peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const read = (name: string): number => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1])
  return { now: read('VmRSS') / 1024, peak: read('VmHWM') / 1024 }
}

/** A field of all mappings of a process together: `Pss` is its fair share of what it shares. */
export function memoryKibibytes(pid: number, field: 'Pss' | 'Pss_Anon' | 'Pss_File'): number {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1])
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((first, second) => first - second)
  const middle = sorted.length / 2
  const upper = sorted[Math.floor(middle)] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2
}

export interface Result {
  name: string
  ours: number
  baseline: number
  ratio: number
  budget: number
  ok: boolean
  [more: string]: unknown
}

/** A table for people; with `--json` one object on the last line for programs. */
export function report(result: Result, rows: readonly (readonly [string, string])[]): void {
  const width = Math.max(...rows.map(([label]) => label.length))
  console.log(`\n${result.name}: ${result.ok ? 'within budget' : 'OVER BUDGET'}`)
  for (const [label, value] of rows) console.log(`  ${label.padEnd(width)}  ${value}`)
  if (process.argv.includes('--json')) console.log(JSON.stringify(result))
  // A missed budget is a failed benchmark, also for whoever only looks at the exit code.
  if (!result.ok) process.exitCode = 1
}

export function round(value: number, digits = 3): number {
  return Number(value.toFixed(digits))
}

/** A number after `--name` on the command line. */
export function numberOption(name: string, otherwise: number): number {
  const at = process.argv.indexOf(`--${name}`)
  const value = at === -1 ? otherwise : Number(process.argv[at + 1])
  if (!Number.isFinite(value) || value < 0) throw new Error(`--${name} needs a number`)
  return value
}
