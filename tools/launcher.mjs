// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * The one launcher behind the npm scripts: installs when needed, builds when needed, then hands over
 * to the Node 24 that came with the packages. Runs on Node 18 and later.
 *
 * On a terminal it says nothing unless it has something to do, and then on stderr.
 */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { constants } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { BuildError, ensureBuilt } from './build.mjs'
import { ensureInstalled, InstallError, installedNodePath } from './ensure-installed.mjs'

const ROOT = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '')

const EXIT_USAGE = 2
const EXIT_NOT_STARTED = 7

/** npm repeats to its script a signal that the whole group had already; once is enough. */
const SIGNAL_REPEAT_MS = 1000
const FORWARDED_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR2']

/** @type {Record<string, (args: string[]) => Promise<void>>} */
const COMMANDS = {
  start: (args) => runProgram(['start', ...args]),
  citynode: (args) => runProgram(args),
  build: async () => {
    const folder = await readyBuild()
    console.log(folder)
  },
  test: async (args) => {
    handOver([join(ROOT, 'node_modules', 'vitest', 'vitest.mjs'), 'run', ...args])
  },
  bench: runBench,
  screens: async (args) => handOver([join(ROOT, 'tests', 'screens', 'write-screens.ts'), ...args]),
  demo: (args) => runWithBuild(join(ROOT, 'tools', 'demo', 'demo.ts'), args),
  check: runCheck,
  docs: async (args) => handOver([join(ROOT, 'tools', 'write-docs.ts'), ...args]),
}

/** @param {string[]} argv the name of a command, then its arguments */
export async function run([name, ...args]) {
  const command = Object.hasOwn(COMMANDS, name ?? '') ? COMMANDS[name] : undefined
  if (command === undefined) {
    console.error(
      `There is no command ${name ?? ''}. There are: ${Object.keys(COMMANDS).join(' ')}`,
    )
    process.exitCode = EXIT_USAGE
    return
  }
  await explained(async () => {
    // It is the one that people start with sudo.
    if (name === 'demo' && !preparedAsOwner()) return
    await ensureInstalled({ root: ROOT })
    await command(args)
  })
}

/**
 * Under sudo, what is installed and built still becomes the clone's owner's: files of root's there
 * would stop every later start. False: it failed, and has said why.
 */
function preparedAsOwner() {
  const { uid, gid } = statSync(ROOT)
  if (process.getuid?.() !== 0 || uid === 0) return true
  // npm keeps its cache at home, and must not do so at root's, of which it has told its script.
  const account = spawnSync('getent', ['passwd', String(uid)], { encoding: 'utf8' }).stdout ?? ''
  const home = account.split(':')[5]
  const own = Object.entries(process.env).filter(([key]) => !key.startsWith('npm_'))
  const env = { ...Object.fromEntries(own), ...(home ? { HOME: home } : {}) }
  const script = join(ROOT, 'tools', 'run.mjs')
  const stdio = ['ignore', 'ignore', 'inherit']
  const { status } = spawnSync(process.execPath, [script, 'build'], { uid, gid, env, stdio })
  if (status !== 0) process.exitCode = status ?? EXIT_NOT_STARTED
  return status === 0
}

/** For bin/citynode.mjs: a question to a node should not start an install that nobody asked for. */
export async function runInstalled(args) {
  if (!existsSync(installedNodePath(ROOT))) {
    console.error(`citynode is not installed yet: run \`npm start\` in ${ROOT} once.`)
    process.exitCode = EXIT_NOT_STARTED
    return
  }
  await explained(() => runProgram(args))
}

async function explained(work) {
  try {
    await work()
  } catch (error) {
    if (!(error instanceof InstallError || error instanceof BuildError)) throw error
    console.error(error.message)
    process.exitCode = EXIT_NOT_STARTED
  }
}

/**
 * How a build is started, everywhere. By itself V8 lets the young generation grow to 16 MiB a half,
 * and gives nothing back: a node at rest is then 10 MiB larger. With 1 MiB adding a file costs twice
 * the CPU, with 4 MiB no more than with 16 (`npm run bench -- idle`, `add`). The old generation grows
 * to twice what lives in it before it is collected, unless size is said to matter; what is collected
 * late also holds on to buffers outside of the heap.
 */
const V8_FLAGS = ['--optimize-for-size', '--max-semi-space-size=4']

function commandOf(folder) {
  return [join(folder, 'node'), ...V8_FLAGS, join(folder, 'citynode.mjs')]
}

/**
 * By itself the C library gives each thread a heap of its own to take memory from. One for all keeps
 * a node at rest 2 MiB smaller, and the receiving end of a transfer 10 MiB; that threads now and then
 * wait for each other does not show in the transfer benchmark. By itself it also stops giving large
 * buffers back one by one as soon as it has seen one go, and its heap stays as large as it once was:
 * so the threshold is set, to what it begins with. What the owner has set stays.
 */
const PROGRAM_ENVIRONMENT = { MALLOC_ARENA_MAX: '1', MALLOC_MMAP_THRESHOLD_: '131072' }

/** The build, which has run once: then what V8 made of it lies beside it for every later start. */
async function readyBuild() {
  const { folder, outcome } = await ensureBuilt({ root: ROOT })
  if (outcome === 'built') {
    const [node, ...program] = commandOf(folder)
    // Its failure is no news: whoever starts it next sees the same, and in full.
    spawnSync(node, [...program, '--version'], { stdio: 'ignore' })
  }
  return folder
}

async function runProgram(args) {
  const folder = await readyBuild()
  // npm moves to the clone's top; a person means paths from where they stand.
  const startedFrom = process.env.INIT_CWD
  const isNpmScript = ['start', 'citynode'].includes(process.env.npm_lifecycle_event)
  if (isNpmScript && startedFrom && existsSync(startedFrom)) process.chdir(startedFrom)
  const [node, ...program] = commandOf(folder)
  handOver([...program, ...args], { node, environment: PROGRAM_ENVIRONMENT })
}

async function runBench([name, ...args]) {
  const folder = join(ROOT, 'tests', 'bench')
  const script = join(folder, `${name}.ts`)
  if (name === undefined || !/^[\w-]+$/.test(name) || !existsSync(script)) {
    console.error(`Usage: npm run bench -- NAME [--json]. There are: ${benchNames(folder)}`)
    process.exitCode = EXIT_USAGE
    return
  }
  await runWithBuild(script, args)
}

/** For a script about the built program: it asks here how that is started. */
async function runWithBuild(script, args) {
  const built = await readyBuild()
  process.env.CITYNODE_COMMAND = JSON.stringify(commandOf(built))
  process.env.CITYNODE_ENVIRONMENT = JSON.stringify(PROGRAM_ENVIRONMENT)
  handOver([script, ...args])
}

/** A benchmark says in its first lines, `usage: npm run bench -- NAME`, that it is one. */
function benchNames(folder) {
  if (!existsSync(folder)) return 'none yet'
  const scripts = readdirSync(folder).filter((file) => file.endsWith('.ts'))
  const names = scripts
    .filter((file) => readFileSync(join(folder, file), 'utf8').includes('npm run bench -- '))
    .map((file) => file.slice(0, -'.ts'.length))
  return names.join(' ') || 'none yet'
}

/**
 * Types, then lint. Biome's program is called directly: its wrapper package lists a program for every
 * platform as an optional dependency, and a lockfile over platforms that a registry does not carry
 * cannot be made. So package.json names the two platforms that citynode runs on.
 */
async function runCheck(args) {
  const modules = join(ROOT, 'node_modules')
  const typesOf = (project) => [
    installedNodePath(ROOT),
    [join(modules, 'typescript', 'bin', 'tsc'), '-p', join(ROOT, project)],
  ]
  const all = {
    types: typesOf('tsconfig.json'),
    // In the browser there is no Node, and in the node no document: each has its own globals.
    page: typesOf(join('src', 'web', 'page', 'tsconfig.json')),
    lint: [
      join(modules, '@biomejs', `cli-linux-${process.arch}`, 'biome'),
      ['ci', '--error-on-warnings', '--colors=off', ROOT],
    ],
  }
  const chosen = args.length > 0 ? args : Object.keys(all)
  for (const name of chosen) {
    if (!Object.hasOwn(all, name)) {
      console.error(`Usage: npm run check -- [${Object.keys(all).join('|')}]`)
      process.exitCode = EXIT_USAGE
      return
    }
    const [program, programArgs] = all[name]
    const { status, error } = spawnSync(program, programArgs, { cwd: ROOT, stdio: 'inherit' })
    if (error) console.error(`${name}: ${error.message}`)
    if (status !== 0) process.exitCode = 1
  }
}

/**
 * Ends this process in favour of Node 24. Where our own Node can (22.15 and later, so on every start
 * but the first) it becomes the program: no process in between, no memory, no signal to pass on.
 */
function handOver(args, { node = installedNodePath(ROOT), environment = {} } = {}) {
  // So that whatever starts `node` in turn gets the right one.
  const path = `${binFolders()}${delimiter}${process.env.PATH ?? ''}`
  const env = { ...environment, ...process.env, PATH: path }
  if (typeof process.execve === 'function') process.execve(node, [node, ...args], env)
  runAsChild(node, args, env)
}

function binFolders() {
  return [dirname(installedNodePath(ROOT)), join(ROOT, 'node_modules', '.bin')].join(delimiter)
}

function runAsChild(node, args, env) {
  const child = spawn(node, args, { stdio: 'inherit', env })
  const forwardedAt = new Map()
  for (const signal of FORWARDED_SIGNALS) {
    process.on(signal, () => {
      const isRepeat = Date.now() - (forwardedAt.get(signal) ?? 0) < SIGNAL_REPEAT_MS
      // A key on the terminal has reached the child as well, being in the same group.
      const isFromKeyboard = signal === 'SIGINT' && isTerminalsForeground()
      if (isRepeat || isFromKeyboard) return
      forwardedAt.set(signal, Date.now())
      child.kill(signal)
    })
  }
  child.on('error', (error) => {
    console.error(`Cannot start ${node}: ${error.message}`)
    process.exitCode = EXIT_NOT_STARTED
  })
  child.on('exit', (code, signal) => {
    for (const name of FORWARDED_SIGNALS) process.removeAllListeners(name)
    if (signal === null) process.exit(code)
    // Ends the way the child did; the exit code is for a signal that does not end us.
    process.exitCode = 128 + (constants.signals[signal] ?? 0)
    process.kill(process.pid, signal)
  })
}

/** Whether our process group is the one that the terminal's keys go to. */
function isTerminalsForeground() {
  try {
    const text = readFileSync('/proc/self/stat', 'utf8')
    const [, , group, , terminal, foreground] = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return terminal !== '0' && group === foreground
  } catch {
    // No /proc: better a signal twice than never.
    return false
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  console.error('This file is a part of the npm scripts. Start citynode with: npm start')
  process.exitCode = EXIT_NOT_STARTED
}
