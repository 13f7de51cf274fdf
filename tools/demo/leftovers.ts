// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Whose is what. Everything of a demo (its data folder, its namespaces, the arguments of its
 * processes) carries the demo's id, and the id says which process made it. So what a killed demo
 * left behind can be told from a running one, and both from everything else.
 */
import { lstatSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { KILL_MS_MAX, POLL_MS } from './limits.ts'

const PREFIX = 'citynode-demo-'
/** The process, then the clock tick at which it started: a process id alone may be given again. */
const ID = /^citynode-demo-(\d{1,10})-(\d{1,20})/

/** A demo that is this process. */
export function ownDemoId(): string {
  const startedAt = startTimeOf(process.pid)
  if (startedAt === undefined) throw new Error('/proc is not mounted: the demo needs it')
  return `${PREFIX}${process.pid}-${startedAt}`
}

/** The id that a name begins with: of a folder, or of a namespace. Undefined: it is not ours. */
export function demoIdOf(name: string): string | undefined {
  const match = ID.exec(name)
  if (match === null) return undefined
  const rest = name.slice(match[0].length)
  return rest === '' || rest.startsWith('-') ? match[0] : undefined
}

/** Whether the process that made it is still there. */
export function isRunning(demoId: string): boolean {
  const [, pid, startedAt] = ID.exec(demoId) ?? []
  return startedAt !== undefined && startTimeOf(Number(pid)) === startedAt
}

/** In clock ticks since the machine started; undefined when there is no such process any more. */
export function startTimeOf(pid: number): string | undefined {
  try {
    return startTimeIn(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    // The process is gone.
    return undefined
  }
}

/** @param stat as in proc_pid_stat(5). A zombie has ended; only its parent has not asked how. */
export function startTimeIn(stat: string): string | undefined {
  // The name in parentheses may hold anything; the fields are counted from behind it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19]
}

/** Data folders that dead demos of this user left below `parent`. */
export function foldersLeftIn(parent: string): readonly string[] {
  return readdirSync(parent)
    .filter((name) => name === demoIdOf(name) && !isRunning(name))
    .map((name) => join(parent, name))
    .filter(isOwnFolder)
}

/** `parent` may be everybody's: what another user, or a symbolic link, put there is left alone. */
function isOwnFolder(path: string): boolean {
  const found = lstatSync(path, { throwIfNoEntry: false })
  return found?.isDirectory() === true && found.uid === process.getuid?.()
}

export function removeFolder(path: string): void {
  rmSync(path, { recursive: true, force: true, maxRetries: 3 })
}

interface Found {
  pid: number
  startedAt: string
}

/** Processes that were started with something in `folder` as an argument: nodes and doors. */
export function processesOf(folder: string): readonly Found[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  return pids.flatMap((name): readonly Found[] => {
    const pid = Number(name)
    const startedAt = startTimeOf(pid)
    if (pid === process.pid || startedAt === undefined) return []
    return argumentsOf(pid).some((one) => one.startsWith(`${folder}/`)) ? [{ pid, startedAt }] : []
  })
}

function argumentsOf(pid: number): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
  } catch {
    // Gone, or not ours to look at.
    return []
  }
}

/** Ends what still runs with something in `folder`, and returns when it has ended. */
export async function endProcessesOf(folder: string): Promise<void> {
  const deadlineMs = performance.now() + KILL_MS_MAX
  for (;;) {
    const left = processesOf(folder)
    if (left.length === 0) return
    for (const { pid, startedAt } of left) {
      if (startTimeOf(pid) === startedAt) killProcess(pid)
    }
    if (performance.now() > deadlineMs) {
      const pids = left.map(({ pid }) => pid).join(', ')
      throw new Error(`these processes of a demo do not end: ${pids}`)
    }
    await pause(POLL_MS)
  }
}

function killProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It ended by itself meanwhile; were it another user's, the caller's deadline says so.
  }
}
