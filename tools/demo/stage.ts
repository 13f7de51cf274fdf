// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Where the neighbourhood is played, best first: in network namespaces that root makes; in those of
 * a user namespace, where the kernel lets everybody make one; or on loopback alone. Which it is, is
 * tried and not assumed.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { promisify } from 'node:util'
import { demoIdOf, isRunning, ownDemoId } from './leftovers.ts'
import { COMMAND_MS_MAX } from './limits.ts'
import { type Command, forwardingCommand } from './network.ts'

const run = promisify(execFile)

export interface Stage {
  kind: 'root' | 'user' | 'loopback'
  /** Runs a command where the namespaces are. @throws Error with what the command said. */
  run(command: Command): Promise<string>
  /** What a person types before commands about the demo's nodes: `sudo `, or nothing. */
  sudo: string
  /** The command as a person types it, from outside. */
  typed(command: Command): string
  /** The command as it is started inside a namespace. */
  inside(namespace: string, command: Command): Command
  /** Removes all namespaces of a demo that are there. */
  removeNamespaces(demoId: string): Promise<void>
  /** Ids of demos of which namespaces are there and the process is not. */
  demosLeft(): Promise<readonly string[]>
  close(): Promise<void>
}

/** @param wanted loopback: nothing else is tried. */
export async function openStage(wanted: 'best' | 'loopback'): Promise<Stage> {
  if (wanted === 'best') {
    const stage = (await tryRoot()) ?? (await tryUserNamespace())
    if (stage !== undefined) return stage
  }
  const none = async () => {}
  const run = () => Promise.reject(new Error('there are no namespaces on loopback'))
  return {
    kind: 'loopback',
    sudo: '',
    run,
    typed: (command) => command.join(' '),
    inside: (_namespace, command) => command,
    removeNamespaces: none,
    demosLeft: async () => [],
    close: none,
  }
}

async function tryRoot(): Promise<Stage | undefined> {
  if (process.getuid?.() !== 0) return undefined
  const stage = stageBehind('root', [], {
    // Whoever is root without it may not even have it.
    sudo: process.env['SUDO_UID'] === undefined ? '' : 'sudo ',
    close: async () => {},
  })
  return (await canMakeCables(stage)) ? stage : undefined
}

/**
 * In a user namespace we are root over networks of our own. A process holds it open until its input
 * ends, which it does when we end, however that happens.
 */
async function tryUserNamespace(): Promise<Stage | undefined> {
  const ready = 'mount -t tmpfs tmpfs /run && mkdir /run/netns && echo ready && exec cat'
  const flags = ['--user', '--map-root-user', '--net', '--mount']
  const holder = spawn('unshare', [...flags, 'sh', '-c', ready], {
    stdio: ['pipe', 'pipe', 'ignore'],
    // A key on the terminal is for us to hear and to act upon, in order.
    detached: true,
  })
  const close = () => closeHolder(holder)
  const isReady = await new Promise<boolean>((resolve) => {
    holder.once('error', () => resolve(false))
    holder.once('exit', () => resolve(false))
    holder.stdout.once('data', () => resolve(true))
  })
  if (!isReady || holder.pid === undefined) return undefined
  const into = ['--target', `${holder.pid}`, '--user', '--net', '--mount']
  const prefix = ['nsenter', ...into, '--preserve-credentials', '--']
  const stage = stageBehind('user', prefix, { sudo: '', close })
  if (await canMakeCables(stage)) return stage
  await close()
  return undefined
}

async function closeHolder(holder: ChildProcess): Promise<void> {
  if (holder.exitCode !== null || holder.signalCode !== null) return
  const ended = once(holder, 'exit')
  holder.stdin?.destroy()
  await ended
}

function stageBehind(
  kind: 'root' | 'user',
  prefix: Command,
  { sudo, close }: { sudo: string; close: () => Promise<void> },
): Stage {
  const runThere = async (command: Command): Promise<string> => {
    const [file = '', ...args] = [...prefix, ...command]
    const { stdout } = await run(file, args, { timeout: COMMAND_MS_MAX })
    return stdout
  }
  const names = async (): Promise<readonly string[]> => {
    const lines = (await runThere(['ip', 'netns', 'list'])).split('\n')
    return lines.map((line) => line.split(' ')[0] ?? '')
  }
  return {
    kind,
    sudo,
    run: runThere,
    typed: (command) => `${sudo}${[...prefix, ...command].join(' ')}`,
    inside: (namespace, command) => [...prefix, 'ip', 'netns', 'exec', namespace, ...command],
    removeNamespaces: async (demoId) => {
      for (const name of await names()) {
        if (demoIdOf(name) === demoId) await runThere(['ip', 'netns', 'del', name])
      }
    },
    demosLeft: async () => {
      const ids = (await names()).flatMap((name) => demoIdOf(name) ?? [])
      return [...new Set(ids)].filter((id) => !isRunning(id))
    },
    close,
  }
}

/** All that the networks are made of, for a moment. */
async function canMakeCables(stage: Stage): Promise<boolean> {
  const demoId = ownDemoId()
  const name = `${demoId}-probe`
  const veth = ['type', 'veth', 'peer', 'name', 'right']
  const probes: readonly Command[] = [
    ['ip', 'netns', 'add', name],
    ['ip', '-n', name, 'link', 'add', 'left', ...veth],
    ['ip', '-n', name, 'link', 'add', 'middle', 'type', 'bridge'],
    ['ip', '-n', name, 'addr', 'add', 'fe80::1/64', 'dev', 'left', 'nodad'],
    forwardingCommand(name),
  ]
  try {
    for (const command of probes) await stage.run(command)
    return true
  } catch {
    // Not allowed, or no such program or kernel module: then this is not the stage.
    return false
  } finally {
    // Where `ip` itself is missing there is nothing to remove.
    await stage.removeNamespaces(demoId).catch(() => {})
  }
}
