// SPDX-License-Identifier: AGPL-3.0-or-later
/** `npm run demo`, started as a person does, on a machine of its own: what leaves it is counted. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { demoIdOf, processesOf, startTimeOf } from '../../../tools/demo/leftovers.ts'
import { until } from '../../support/daemon.ts'
import type { Network } from './namespaces.ts'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url)).replace(/\/$/, '')
const RUN = join(ROOT, 'tools', 'run.mjs')
/** nobody, on Debian and elsewhere. */
const NOBODY = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups']
/** What the demo promises is a minute on two cores; here others use them as well. */
const UP_MS_MAX = 100_000

/** So that whoever may not write here finds it built. */
export function buildForDemo(): void {
  execFileSync(process.execPath, [RUN, 'build'], { stdio: 'ignore' })
}

/** A machine with an uplink and a default route, and a counter of all that goes out there. */
export class Machine {
  readonly name: string

  constructor(network: Network) {
    this.name = network.host('machine')
    const world = network.host('world')
    network.cable([this.name, 'uplink'], [world, 'machine'])
    const set = (command: string) => execFileSync('ip', ['-n', this.name, ...command.split(' ')])
    set('addr add 192.0.2.10/24 dev uplink')
    set('addr add 2001:db8::10/64 dev uplink nodad')
    set('route add default via 192.0.2.1')
    set('-6 route add default via 2001:db8::1')
    // What the kernel says by itself when an interface comes up is nobody's traffic.
    const rules = `table inet outside {
      chain leaving {
        type filter hook output priority 0;
        oifname "lo" accept
        icmpv6 type { mld-listener-report, mld2-listener-report, nd-router-solicit } accept
        ip6 saddr :: icmpv6 type nd-neighbor-solicit accept
        counter
      }
      chain passing {
        type filter hook forward priority 0;
        counter
      }
    }
    `
    this.#inside(['nft', '-f', '-'], rules)
  }

  /** Packets that left it, or passed through it, of whatever kind. */
  packetsOut(): number {
    const counted = this.#inside(['nft', 'list', 'table', 'inet', 'outside'])
    const counts = [...counted.matchAll(/counter packets (\d+)/g)]
    if (counts.length !== 2) throw new Error(`not what nft prints: ${counted}`)
    return counts.reduce((sum, [, count]) => sum + Number(count), 0)
  }

  /** Its interfaces, a line each. */
  interfaces(): string {
    return this.#inside(['ip', '-brief', 'link'])
  }

  /** What `curl` gets, from this machine. */
  curl(...args: readonly string[]): Buffer {
    return execFileSync('nsenter', [this.#network, 'curl', '--silent', '--fail', ...args])
  }

  /** Says something to the outside, so that the counter is seen to count. */
  speak(): void {
    const script =
      "require('node:dgram').createSocket('udp4').send('x',53,'203.0.113.1',process.exit)"
    this.#inside([process.execPath, '-e', script])
  }

  /** A command as it is started on this machine: in its network, and in nothing else of its own. */
  command(command: readonly string[]): readonly string[] {
    return ['nsenter', this.#network, ...command]
  }

  get #network(): string {
    return `--net=/run/netns/${this.name}`
  }

  #inside(command: readonly string[], input = ''): string {
    return execFileSync('nsenter', [this.#network, ...command], { encoding: 'utf8', input })
  }
}

export interface DemoOptions {
  user?: 'root' | 'nobody'
  args?: readonly string[]
}

/** One running demo. */
export class Demo {
  readonly #child: ChildProcess
  #output = ''
  readonly id: string
  /** Where everything of it lies. */
  readonly folder: string

  constructor(machine: Machine, { user = 'root', args = [] }: DemoOptions = {}) {
    const started = [process.execPath, RUN, 'demo', ...args]
    const as = user === 'root' ? [] : NOBODY
    const [file = '', ...rest] = machine.command([...as, ...started])
    this.#child = spawn(file, rest, { stdio: ['ignore', 'pipe', 'pipe'], cwd: ROOT })
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on('data', (bytes: Buffer) => {
        this.#output += bytes.toString()
      })
    }
    const { pid = 0 } = this.#child
    // Each program on the way becomes the next one: the process stays the same.
    this.id = `citynode-demo-${pid}-${startTimeOf(pid)}`
    if (demoIdOf(this.id) !== this.id) throw new Error(`not started: ${this.id}`)
    this.folder = join(tmpdir(), this.id)
  }

  get output(): string {
    return this.#output
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  get exitCode(): number | null {
    return this.#child.exitCode
  }

  /** Returns when it has said all that it says. */
  async up(): Promise<void> {
    await until('the demo is up', UP_MS_MAX, () => {
      if (!this.isRunning) throw new Error(`the demo ended:\n${this.#output}`)
      return this.#output.includes('Ctrl-C ends the demo')
    })
  }

  signal(name: NodeJS.Signals): void {
    if (this.isRunning) this.#child.kill(name)
  }

  async ended(): Promise<void> {
    await until('the demo has ended', 30_000, () => !this.isRunning)
  }

  /** Where a node's page is, as the demo printed it. */
  addressOf(place: string): string {
    const found = new RegExp(`^${place}: (http\\S+/)`, 'm').exec(this.#output)?.[1]
    if (found === undefined) throw new Error(`no address of ${place} in:\n${this.#output}`)
    return found
  }

  /** All that is left of it: processes, namespaces, folders. */
  leftovers(): readonly string[] {
    const list = execFileSync('ip', ['netns', 'list'], { encoding: 'utf8' })
    return [
      ...processesOf(this.folder).map(({ pid }) => `process ${pid}`),
      ...list.split('\n').filter((line) => demoIdOf(line.split(' ')[0] ?? '') === this.id),
      ...(existsSync(this.folder) ? [this.folder] : []),
    ]
  }

  /** For afterwards, however the test went. */
  async clear(): Promise<void> {
    this.signal('SIGINT')
    await this.ended()
  }
}
