// SPDX-License-Identifier: AGPL-3.0-or-later
/** One node of the demo: its configuration, its process, its door, and the client that asks it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { createUnixTransport } from '../../src/cli/unix-transport.ts'
import { type Client, createClient } from '../../src/contract/contract.ts'
import { LAST_WORDS_LINES, NODE_STOP_MS_MAX, POLL_MS } from './limits.ts'
import type { Command } from './network.ts'
import { type Place, segmentsOf } from './plan.ts'
import { closePort, type OpenPort } from './ports.ts'

const DOOR = new URL('door.ts', import.meta.url).pathname

/** What a node's configuration is made from. */
export interface NodeSettings {
  place: Place
  city: string
  ports: { network: number; status: number; gateway: number }
  /** Nodes to connect to at the start, as multiaddrs. */
  bootstrap: readonly string[]
  /** Whether it has interfaces of its own, and not just the machine's loopback. */
  hasInterfaces: boolean
}

/** The text of `citynode.toml`. */
export function configOf(settings: NodeSettings): string {
  const { place, city, ports, bootstrap, hasInterfaces } = settings
  const interfaces = segmentsOf(place.id).map(
    ({ id, kind }) => `[[network.interface]]\nname = "${id}"\nsegment = "${kind}"`,
  )
  return [
    `[city]\nid = "${city}"`,
    `[node]\nname = "${place.name}"`,
    [
      `[network]\nport = ${ports.network}\nbootstrap = ${JSON.stringify(bootstrap)}`,
      // On loopback alone there are no links to search; and the machine's own stay untouched.
      hasInterfaces ? '' : 'hello_port = 0\nallow_loopback = true\nmdns = false\nbeacon = false',
    ].join('\n'),
    ...(hasInterfaces ? interfaces : []),
    hasInterfaces ? '' : '[content]\nport = 0',
    `[status]\nport = ${ports.status}\naddress = "127.0.0.1"`,
    `[gateway]\nport = ${ports.gateway}\naddress = "127.0.0.1"`,
    '[log]\nformat = "text"\n',
  ]
    .filter((part) => part !== '')
    .join('\n\n')
}

export interface NodeOptions {
  place: Place
  folder: string
  /** How a built node is started, without its arguments; inside its namespace, if it has one. */
  command: Command
  environment: NodeJS.ProcessEnv
}

export class DemoNode {
  readonly place: Place
  readonly folder: string
  readonly client: Client
  readonly #logPath: string
  readonly #command: Command
  readonly #environment: NodeJS.ProcessEnv
  #process: ChildProcess | undefined
  #isStopping = false
  #end: string | undefined

  constructor({ place, folder, command, environment }: NodeOptions) {
    this.place = place
    this.folder = folder
    this.#logPath = join(folder, 'node.log')
    this.#command = [...command, 'start', '--data', folder]
    this.#environment = environment
    this.client = createClient(
      createUnixTransport({ socketPath: join(folder, 'control.sock'), dataFolder: folder }),
    )
  }

  /** Once. `onEnded` hears when it ends without having been stopped. */
  start(onEnded: (node: DemoNode) => void): void {
    const child = spawnLogged(this.#command, this.#logPath, this.#environment)
    this.#process = child
    const ended = (how: string): void => {
      this.#end ??= how
      if (!this.#isStopping) onEnded(this)
    }
    child.once('error', (error) => ended(error.message))
    child.once('exit', (code, signal) => {
      ended(signal === null ? `exit code ${code}` : `signal ${signal}`)
    })
  }

  /** How it ended; undefined while it runs. */
  get end(): string | undefined {
    return this.#end
  }

  /** The end of its log, for people. */
  get lastWords(): string {
    const lines = readFileSync(this.#logPath, 'utf8').trimEnd().split('\n')
    return lines.slice(-LAST_WORDS_LINES).join('\n')
  }

  /** Returns when it answers. @throws Error when it ended instead, or `signal` says so. */
  async answers(signal: AbortSignal): Promise<void> {
    for (;;) {
      signal.throwIfAborted()
      if (this.#end !== undefined) {
        throw new Error(`${this.place.name} ended (${this.#end}) and said:\n${this.lastWords}`)
      }
      const isThere = await this.client.publicStatus(signal).then(
        () => true,
        // Not yet: its socket is the last thing to appear.
        () => false,
      )
      if (isThere) return
      await pause(POLL_MS)
    }
  }

  /** In order; after its time, or once `hurry` says so, at once. */
  async stop(hurry: AbortSignal): Promise<void> {
    this.#isStopping = true
    const child = this.#process
    if (child === undefined || this.#end !== undefined) return
    const ended = once(child, 'exit')
    const kill = (): void => void child.kill('SIGKILL')
    const timer = setTimeout(kill, NODE_STOP_MS_MAX)
    hurry.addEventListener('abort', kill, { once: true })
    child.kill(hurry.aborted ? 'SIGKILL' : 'SIGTERM')
    await ended
    clearTimeout(timer)
    hurry.removeEventListener('abort', kill)
  }
}

/** Output goes to a file: it outlives us, and a full pipe never stops a node. */
function spawnLogged(
  command: Command,
  logPath: string,
  environment: NodeJS.ProcessEnv,
  channel: readonly 'ipc'[] = [],
): ChildProcess {
  const [file = '', ...args] = command
  const log = openSync(logPath, 'a', 0o600)
  try {
    return spawn(file, args, {
      stdio: ['ignore', log, log, ...channel],
      env: environment,
      // A key on the terminal is for us to hear: we stop the nodes in order.
      detached: true,
    })
  } finally {
    closeSync(log)
  }
}

/**
 * Hands the ports to a door in the namespace, and returns once they lead inside.
 *
 * @param inside how a command is started in that namespace.
 */
export async function openDoor(
  ports: readonly OpenPort[],
  folder: string,
  inside: (command: Command) => Command,
): Promise<void> {
  // The folder says whose door it is; it is not read.
  const command = inside([process.execPath, DOOR, join(folder, 'door')])
  const door = spawnLogged(command, join(folder, 'door.log'), process.env, ['ipc'])
  for (const one of ports) {
    const isOpen = once(door, 'message')
    const ended = once(door, 'exit').then(() => {
      throw new Error(`the door to ${folder} did not open`)
    })
    door.send({ port: one.port }, one.server)
    await Promise.race([isOpen, ended])
    await closePort(one)
  }
  door.unref()
  door.channel?.unref()
}
