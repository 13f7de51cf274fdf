// SPDX-License-Identifier: AGPL-3.0-or-later
/** The command line as a person runs it: a process, its two streams and its exit code. */
import { spawn } from 'node:child_process'

export const PROGRAM = new URL('../../tools/from-source.mjs', import.meta.url).pathname

export interface Finished {
  code: number | null
  stdout: Buffer
  stderr: string
}

export function citynode(...args: readonly string[]): Promise<Finished> {
  return citynodeFed(undefined, ...args)
}

/** @param stdin What is piped into it. */
export function citynodeFed(
  stdin: string | undefined,
  ...args: readonly string[]
): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [PROGRAM, ...args], { stdio: ['pipe', 'pipe', 'pipe'] })
    const stdout: Buffer[] = []
    let stderr = ''
    child.stdout.on('data', (bytes: Buffer) => stdout.push(bytes))
    child.stderr.on('data', (bytes: Buffer) => {
      stderr += bytes.toString()
    })
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, stdout: Buffer.concat(stdout), stderr }))
    // It may end without reading.
    child.stdin.on('error', () => {})
    child.stdin.end(stdin ?? '')
  })
}
