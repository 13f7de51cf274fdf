// SPDX-License-Identifier: AGPL-3.0-or-later
/** A real node in a process of its own, started as its user would, optionally in a namespace. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'

const PROGRAM = new URL('../../tools/from-source.mjs', import.meta.url).pathname

export interface DaemonOptions {
  /** Contents of citynode.toml. */
  config?: string
  /** The network namespace to run in. */
  namespace?: string
  /** An existing data folder, to start again on. */
  dataFolder?: string
  /** A built program instead of the sources. */
  command?: readonly string[]
  /** Default: our own. */
  environment?: NodeJS.ProcessEnv
}

export interface Answer<Body> {
  status: number
  body: Body
}

export class Daemon {
  readonly dataFolder: string
  readonly #process: ChildProcess
  #output = ''

  constructor(process: ChildProcess, dataFolder: string) {
    this.#process = process
    this.dataFolder = dataFolder
    for (const stream of [process.stdout, process.stderr]) {
      stream?.on('data', (bytes: Buffer) => {
        this.#output += bytes.toString()
      })
    }
  }

  get pid(): number | undefined {
    return this.#process.pid
  }

  /** What it wrote, both streams. */
  get output(): string {
    return this.#output
  }

  get exitCode(): number | null {
    return this.#process.exitCode
  }

  /** Asks over the control socket, as the command line does. */
  async get<Body>(path: string): Promise<Answer<Body>> {
    const { status, text } = await askSocket(join(this.dataFolder, 'control.sock'), path)
    return { status, body: JSON.parse(text) }
  }

  async kill(signal: NodeJS.Signals): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return
    const ended = new Promise((resolve) => this.#process.once('exit', resolve))
    this.#process.kill(signal)
    await ended
  }

  async stop(): Promise<void> {
    await this.kill('SIGTERM')
    await rm(this.dataFolder, { recursive: true, force: true })
  }
}

/** Starts a node and returns once its control socket answers. */
export async function startDaemon(options: DaemonOptions = {}): Promise<Daemon> {
  const dataFolder = options.dataFolder ?? (await mkdtemp(join(tmpdir(), 'citynode-test-')))
  await mkdir(dataFolder, { recursive: true })
  if (options.config !== undefined) {
    await writeFile(join(dataFolder, 'citynode.toml'), options.config)
  }
  const command = [
    ...(options.command ?? [process.execPath, PROGRAM]),
    'start',
    '--data',
    dataFolder,
  ]
  const [file = '', ...args] =
    options.namespace === undefined
      ? command
      : ['ip', 'netns', 'exec', options.namespace, ...command]
  const child = spawn(file, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: options.environment ?? process.env,
  })
  const daemon = new Daemon(child, dataFolder)
  await until('the node answers', 30_000, async () => {
    if (daemon.exitCode !== null) throw new Error(`the node ended:\n${daemon.output}`)
    return (await daemon.get('/v1/status').catch(() => undefined))?.status === 200
  })
  return daemon
}

/** Waits for a condition; fails with its name when it does not come true in time. */
export async function until(
  what: string,
  timeoutMs: number,
  condition: () => boolean | Promise<boolean>,
): Promise<number> {
  const startedMs = performance.now()
  while (!(await condition())) {
    if (performance.now() - startedMs > timeoutMs) {
      throw new Error(`not within ${timeoutMs} ms: ${what}`)
    }
    await pause(50)
  }
  return performance.now() - startedMs
}

function askSocket(socketPath: string, path: string): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, path, timeout: 5_000 }, (response) => {
      let text = ''
      response.on('data', (bytes: Buffer) => {
        text += bytes.toString()
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }))
    })
    asked.on('error', reject)
    asked.end()
  })
}
