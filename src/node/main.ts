// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Where the program begins: reads what only the process knows (arguments, environment, signals,
 * streams) and hands it to the command line, which asks back for a node when one is to run. Started
 * by files that any Node can read, since an old one cannot even say what is wrong with this one.
 */
import { homedir } from 'node:os'
import { join } from 'node:path'
import { BugError, type Clock, CodedError } from '../base/base.ts'
import {
  type CheckedConfig,
  type IdentityDesk,
  type PermissionFacts,
  type RequestSigner,
  runCli,
  type StartOptions,
} from '../cli/cli.ts'
import { createLogger, ensureFolder, SystemClock, SystemRandom } from '../system/system.ts'
import { CONFIG_FILE_NAME } from './file-names.ts'
import { VERSION } from './version.ts'

const EXIT_CRASHED = 1
const EXIT_NOT_STARTED = 7
const EXIT_INTERRUPTED = 130
/** The same signal within this is a repetition and no second wish, in milliseconds. */
const SIGNAL_REPEAT_MS = 1_000

export async function main(): Promise<void> {
  const stop = new AbortController()
  const clock = new SystemClock()
  let toldAtMs = Number.POSITIVE_INFINITY
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      // A second signal means now; but npm repeats the one that the terminal has already sent.
      if (clock.monotonicMs() - toldAtMs > SIGNAL_REPEAT_MS) process.exit(EXIT_INTERRUPTED)
      if (stop.signal.aborted) return
      toldAtMs = clock.monotonicMs()
      stop.abort(new CodedError('ABORTED', `Stopped by ${name}.`))
    })
  }
  process.on('uncaughtException', crash)
  process.on('unhandledRejection', crash)
  const exitCode = await runCli(
    process.argv.slice(2),
    {
      stdout: process.stdout,
      stderr: process.stderr,
      stdin: process.stdin,
      keyboard: process.stdin.isTTY === true ? process.stdin : undefined,
      isStdoutTerminal: process.stdout.isTTY === true,
      isStderrTerminal: process.stderr.isTTY === true,
      columns: process.stderr.columns ?? 80,
      signal: stop.signal,
      clock,
    },
    {
      version: VERSION,
      defaultDataFolder: defaultDataFolder(),
      startNode,
      checkConfig,
      openSigner,
      readPermission,
      openIdentityDesk: (options) => openIdentityDesk({ ...options, clock }),
    },
  )
  // libp2p leaves timers behind that would hold the process for seconds; all that matters is closed.
  await Promise.all([flushed(process.stdout), flushed(process.stderr)])
  process.exit(exitCode)
}

function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => stream.write('', () => resolve()))
}

async function startNode(options: StartOptions): Promise<void> {
  const { dataFolder, configFile, signal } = options
  await ensureFolder(dataFolder)
  const path = configFile ?? join(dataFolder, CONFIG_FILE_NAME)
  // Loaded here and not above: other commands are quicker without a whole node in memory.
  const { finishRestore } = await import('../identity/identity.ts')
  // Before anything reads settings or key: the power may have gone in the middle of a restore.
  await finishRestore(dataFolder)
  const { formatProblems, loadConfig } = await import('./config.ts')
  const loaded = await loadConfig(path, { isRequired: configFile !== undefined })
  if ('problems' in loaded) {
    throw new CodedError('CONFIG_INVALID', formatProblems(loaded.problems), {
      advice: `Mend ${path}, then look again with: citynode config check`,
    })
  }
  const { config } = loaded
  const log = createLogger({ level: config.log.level, format: logFormat(config.log.format) })
  const { assembleNode } = await import('./assemble.ts')
  const { machinePlatform } = await import('./platform.ts')
  const node = await assembleNode(config, machinePlatform({ dataFolder, log }))
  try {
    await node.start(signal)
    options.onStarted({
      peerId: node.peerId,
      city: config.city.id,
      statusPort: node.ports().status,
      ownerLinks: node.ownerLinks(),
    })
    if (!signal.aborted) {
      // An armed listener does not keep a process alive, an open server does.
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
    }
  } finally {
    await node.stop()
  }
}

async function checkConfig(options: {
  dataFolder: string
  configFile: string | undefined
}): Promise<CheckedConfig> {
  const { loadConfig } = await import('./config.ts')
  const configFile = options.configFile ?? join(options.dataFolder, CONFIG_FILE_NAME)
  const loaded = await loadConfig(configFile, { isRequired: options.configFile !== undefined })
  return 'problems' in loaded
    ? { configFile, isPresent: true, problems: loaded.problems, effective: undefined }
    : { configFile, isPresent: loaded.isPresent, problems: [], effective: { ...loaded.config } }
}

async function openIdentityDesk(options: {
  dataFolder: string
  configFile: string | undefined
  clock: Clock
}): Promise<IdentityDesk> {
  const { createIdentityDesk } = await import('./identity-desk.ts')
  return createIdentityDesk(options)
}

async function openSigner(keyFile: string): Promise<RequestSigner> {
  const { openSigner: open } = await import('./signer.ts')
  return open(keyFile, new SystemRandom())
}

async function readPermission(text: string): Promise<readonly PermissionFacts[]> {
  return (await import('./signer.ts')).readPermission(text)
}

function logFormat(wanted: 'auto' | 'json' | 'text'): 'json' | 'text' {
  if (wanted !== 'auto') return wanted
  // systemd connects standard error to the journal and says so.
  return process.env['JOURNAL_STREAM'] === undefined && process.stderr.isTTY ? 'text' : 'json'
}

function defaultDataFolder(): string {
  const shared = process.env['XDG_DATA_HOME']
  return join(
    shared === undefined || shared === '' ? join(homedir(), '.local', 'share') : shared,
    'citynode',
  )
}

/** A bug, not a failure: say what is known and end, so that whoever supervises starts afresh. */
function crash(thrown: unknown): never {
  const kind = thrown instanceof BugError ? 'A bug' : 'An unforeseen error'
  const details = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)
  process.stderr.write(`${kind} ended citynode. Please report this:\n${details}\n`)
  process.exit(EXIT_CRASHED)
}

if (import.meta.main) {
  process.stderr.write('This file is a part of citynode. In a clone, start it with: npm start\n')
  process.exitCode = EXIT_NOT_STARTED
}
