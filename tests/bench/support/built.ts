// SPDX-License-Identifier: AGPL-3.0-or-later
/** The built program under test. */
import { execFileSync } from 'node:child_process'
import { cpSync } from 'node:fs'
import { createServer } from 'node:net'
import { dirname } from 'node:path'

/** How to start it: node, its flags, the program. `npm run bench` builds first, and says how. */
export function builtProgram(): readonly [node: string, ...rest: string[]] {
  const told: unknown = JSON.parse(process.env['CITYNODE_COMMAND'] ?? '[]')
  const command = Array.isArray(told) ? told.map(String) : []
  const [node, ...rest] = command
  if (node === undefined) throw new Error('start this with: npm run bench -- NAME')
  return [node, ...rest]
}

/** The environment that the launcher gives it, on top of our own. */
export function programEnvironment(): NodeJS.ProcessEnv {
  const told: unknown = JSON.parse(process.env['CITYNODE_ENVIRONMENT'] ?? '{}')
  // The launcher of the same clone wrote it: names and texts.
  return { ...process.env, ...(told as Record<string, string>) }
}

/** A copy of the whole build, ready to start: who runs from it shares no memory with who runs from the original. */
export function copyOfProgram(folder: string): readonly [node: string, ...rest: string[]] {
  const [node, ...rest] = builtProgram()
  const build = dirname(node)
  cpSync(build, folder, { recursive: true })
  const moved = (path: string): string =>
    path.startsWith(build) ? folder + path.slice(build.length) : path
  const [movedNode, ...movedRest] = [moved(node), ...rest.map(moved)] as const
  // Runs once, as the launcher does after a build: what V8 compiled is found by its path.
  execFileSync(movedNode, [...movedRest, '--version'])
  return [movedNode, ...movedRest]
}

export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (typeof address !== 'object' || address === null) throw new Error('no port')
  return address.port
}

export const REPOSITORY = dirname(dirname(dirname(import.meta.dirname)))
